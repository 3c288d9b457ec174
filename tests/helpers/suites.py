"""Runs a handler's contract in this process, without pytest inside pytest."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lc_callbacks._contract import edge_programs
from pytest_lc_callbacks.contract import CallbackHandlerTests

_baselines: dict[Any, Any] = {}


class _Item:
    nodeid = "tests/test_it.py::TestIt::test_check"

    def __init__(self) -> None:
        self.stash = pytest.Stash()


def check_names() -> list[str]:
    """Every check, without ``test_``."""
    return [name.removeprefix("test_") for name in dir(CallbackHandlerTests) if name.startswith("test_")]


def results(suite_class: type[CallbackHandlerTests]) -> dict[str, tuple[str, str]]:
    """Outcome and message of each check."""
    suite = suite_class()
    suite._trials, suite._baselines, suite._is_instrumented = {}, _baselines, False
    with pytest.MonkeyPatch.context() as patch:
        # Fifty tasks take a third of the time of all programs together; a session inside pytester runs them.
        patch.setattr(edge_programs, "_TASKS", 4)
        return {name: _result(suite, name) for name in check_names()}


def _result(suite: Any, name: str) -> tuple[str, str]:
    from pytest_lc_callbacks._contract.session import result_key

    suite._item = _Item()
    try:
        getattr(suite, f"test_{name}")()
    except AssertionError as error:
        return "failed", str(error)
    except pytest.skip.Exception as skipped:
        return "declined", str(skipped)
    except pytest.xfail.Exception as expected:
        return "expected", str(expected)
    found = suite._item.stash[result_key]
    return found["outcome"], found["reason"]


def faults(suite_class: type[CallbackHandlerTests]) -> dict[str, str]:
    """The checks that fail, or that stand as advice in the report, with their messages."""
    return {name: text for name, (outcome, text) in results(suite_class).items() if outcome in ("failed", "advice")}
