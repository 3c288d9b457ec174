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
    Choose the level of one finding.

    Args:
        item: The test.

        finding: What was found: ``name``, ``summary``, ``details``, ``error``, ``handler`` and ``runs``.

        level: The level by the marker, the project's settings and the defaults.

    Returns:
        ``"off"``, ``"warn"`` or ``"error"``; None leaves the choice to other implementations, and to *level*.
    """


@pytest.hookspec
def pytest_lc_callbacks_redact(config: pytest.Config) -> Iterable[Rule] | Rule | None:
    """
    Name the secrets that are taken out of failure sections and findings.

    API keys, bearer tokens and passwords are taken out without this hook.

    Args:
        config: pytest's.

    Returns:
        A regular expression whose matches are replaced, as text or compiled; or a function that gets a text and returns
        it without the secrets; or a list of these.
    """
