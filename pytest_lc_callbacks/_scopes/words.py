"""How scope messages say things: names, numbers, hints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from pytest_lc_callbacks._recording import Run


def names_of(runs: Iterable[Run]) -> list[str]:
    """The names of *runs*, each once."""
    return list(dict.fromkeys(run.label for run in runs))


def some_names(runs: Iterable[Run], limit: int = 5) -> str:
    """The names of *runs*, each once, cut to a few."""
    names = names_of(runs)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def counted(count: int, noun: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def hint(text: str) -> str:
    """A paragraph that begins with ``hint:``."""
    return _wrapped(f"hint: {text}", "      ")


def listed(text: str, causes: Iterable[str]) -> str:
    """A hint that does not decide between *causes*."""
    lines = [_wrapped(f"      - {cause}", "        ") for cause in causes]
    return "\n".join([hint(f"{text} Possible causes:"), *lines])


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, 108, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
