"""What becomes of an exception of the plugin's own: one warning, the traceback in a section, and no more watching."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pytest_lc_callbacks._values import pass_by, traceback_of
from pytest_lc_callbacks._watching.warning import CallbackFindingWarning
from pytest_lc_callbacks._words import error_words, shown

_SECTION = "LangChain callbacks: internal error"
_tracebacks_key: pytest.StashKey[list[str]] = pytest.StashKey()


@contextmanager
def guarded(item: pytest.Item, give_up: Callable[[pytest.Item], None]) -> Iterator[None]:
    """
    Keep an exception that is raised inside ``with`` from pytest: it is the plugin's, and not the test's.

    Args:
        item: The test. It hears of the first such exception alone.

        give_up: Called with the test then; it switches off all that was switched on for it.
    """
    try:
        yield
    except (KeyboardInterrupt, pytest.exit.Exception, pytest.fail.Exception):
        # A signal's, such as that of a time limit: it is no exception of the plugin's own.
        raise
    # Whatever it is: the test's outcome and other plugins are not to suffer from it.
    except BaseException as error:  # noqa: BLE001
        is_first = _tracebacks_key not in item.stash
        if is_first:
            item.stash[_tracebacks_key] = [_render(error)]
        try:
            give_up(item)
        # Whoever judged gives up already: what comes now is told beside it.
        except BaseException as another:  # noqa: BLE001
            pass_by(another)
            item.stash[_tracebacks_key].append(_render(another))
        if is_first:
            _warn(item, f"pytest-lc-callbacks could not judge this test: {error_words(error)}")


def has_given_up(item: pytest.Item) -> bool:
    """Whether the plugin failed in this test."""
    return _tracebacks_key in item.stash


def add_tracebacks(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add a section with the tracebacks: nobody knows which report of the test is shown."""
    tracebacks = item.stash.get(_tracebacks_key, None)
    if tracebacks:
        report.sections.append((_SECTION, "\n".join(tracebacks)))


def _render(error: BaseException) -> str:
    try:
        # Without the test's own failure, which may be its context.
        text = "".join(traceback.format_exception(error, chain=False))
    # An exception's own words may be broken code.
    except BaseException as raised:  # noqa: BLE001
        pass_by(raised)
        text = "".join(traceback.format_tb(traceback_of(error)))
    return shown(text)


def _warn(node: pytest.Item, text: str) -> None:
    try:
        node.warn(CallbackFindingWarning(text))
    except CallbackFindingWarning:
        # Warnings are errors here: that would change the outcome, and the section tells.
        return
