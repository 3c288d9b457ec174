"""
The hooks that a ``conftest.py`` or another plugin may implement.

Mark an implementation with ``@pytest.hookimpl(optionalhook=True)``, and the project still runs where this plugin is not
installed or is switched off with ``-p no:lc_callbacks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lc_callbacks._findings.finding import Finding
    from pytest_lc_callbacks._redaction import Rule


@pytest.hookspec(firstresult=True)
def pytest_lc_callbacks_finding(item: pytest.Item, finding: Finding, level: str) -> str | None:
    """
    Say how loud one finding is to be.

    Args:
        item: The test.

        finding: What was found: ``name``, ``summary``, ``details``, ``error``, ``handler`` and ``runs``.

        level: What the marker, the project's settings and the defaults say.

    Returns:
        ``"off"``, ``"warn"`` or ``"error"``; None to leave the answer to other implementations, and to *level*.
    """


@pytest.hookspec
def pytest_lc_callbacks_redact(config: pytest.Config) -> Iterable[Rule] | Rule | None:
    """
    Name what must not leave the process: it is taken out of failure sections and findings.

    API keys, bearer tokens and passwords are taken out anyway.

    Args:
        config: pytest's.

    Returns:
        A regular expression whose matches are replaced, as text or compiled; or a function that gets a text and returns
        it without the secrets; or a list of these.
    """
