"""The commands that read JSON Lines: report, diff and otlp."""

from __future__ import annotations

from importlib.util import find_spec


def missing_extra() -> str | None:
    """What to install before a page can be written; None if it is there."""
    if find_spec("jinja2") is not None:
        return None
    return 'the page needs jinja2; install it with: pip install "pytest-lc-callbacks[report]"'
