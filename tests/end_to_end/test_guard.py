"""An exception of the plugin's own: one warning, the traceback in a section, and pytest goes on."""

from __future__ import annotations

import pytest

# Parts of the plugin that hooks call, and how many of the inner tests need each.
PARTS = {
    "_watching.of_item.enter": 5,
    "_watching.blocking.begin_test": 5,
    "_watching.of_item.watch": 4,
    "_watching.watch.switch_on": 4,
    "_watching.watch.WatchedTest._listen": 4,
    "_findings.swallowed.Swallowed.start": 4,
    "_watching.watch.WatchedTest.begin": 4,
    "_watching.watch.WatchedTest.wider_fixture": 1,
    "_watching.watch.WatchedTest.judge_body": 4,
    "_watching.watch.WatchedTest.judge_rest": 4,
    "_watching.watch.WatchedTest.section": 1,
    "_watching.outcome.failure_of": 1,
    "_watching.outcome.add_section": 4,
    "_handlers.spy.Spies.stop": 4,
    # What LangChain calls in the middle of the user's program.
    "_handlers.observer.Observer._root_begins": 3,
    "_handlers.configure_hook.note_call": 3,
    "_findings.handler_lists.HandlerLists._look": 3,
    "_findings.swallowed.Swallowed._note": 1,
}

CONFTEST = """
import pytest
from langchain_core.callbacks import manager
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from pytest_lc_callbacks import _made
from pytest_lc_callbacks._scopes import ACTIVE_OBSERVERS

mp = pytest.MonkeyPatch()


def fail(*args, **kwargs):
    raise LookupError("a part \\x1b is broken")


def state():
    patched = [BaseTool.__dict__["run"], BaseChatModel.__dict__["_agenerate_with_cache"], manager.logger.warning]
    return [*patched, ACTIVE_OBSERVERS.observers, len(_made._listeners)]


BEFORE = state()


def pytest_configure():
    mp.setattr("pytest_lc_callbacks.PART", fail)


def pytest_unconfigure():
    mp.undo()


@pytest.fixture(scope="module")
def wide():
    return 1


def pytest_runtest_logfinish(nodeid):
    assert state() == BEFORE, nodeid
"""

TESTS = """
import pytest
from langchain_core.callbacks import BaseCallbackHandler


class Broken(BaseCallbackHandler):
    def on_llm_end(self, *args, **kwargs):
        raise ValueError("of the handler")


@pytest.mark.lc_callbacks(handler_error="off")
def test_passes(recording_handler, fake_chat_model, wide):
    fake_chat_model.invoke("hello", {"callbacks": [recording_handler]})
    assert recording_handler.count("llm_end") == 1


@pytest.mark.lc_callbacks(block_real_models=True)
def test_fails(fake_chat_model):
    fake_chat_model.invoke("hello", {"callbacks": [Broken()]})
    raise KeyError("of the test")


@pytest.mark.xfail(strict=True)
def test_is_expected_to_fail(fake_chat_model):
    assert not fake_chat_model.invoke("hello")


def test_is_skipped(fake_chat_model):
    pytest.skip("not today")


def test_uses_nothing():
    assert True
"""


def run_broken(pytester, part, warnings):
    """A pytest whose plugin has this broken *part*; the conftest sees to it that all is off after each test."""
    pytester.makeconftest(CONFTEST.replace("PART", part))
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("-p", "no:logging", "-W", warnings)
    result.assert_outcomes(passed=2, failed=1, xfailed=1, skipped=1)
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    result.stdout.fnmatch_lines(["E *KeyError: 'of the test'"])
    return result


@pytest.mark.parametrize("part", PARTS)
def test_a_broken_part_changes_no_outcome(pytester, part):
    """
    Where a part of the plugin raises, each test that needs it keeps its outcome and hears of it in one warning, and all
    that was switched on is switched off.
    """
    result = run_broken(pytester, part, "default")

    said = "CallbackFindingWarning: pytest-lc-callbacks could not judge this test: LookupError: a part \\x1b is broken"
    assert sum(line.endswith(said) for line in result.outlines) == PARTS[part]


@pytest.mark.parametrize("part", ["_watching.of_item.enter", "_watching.watch.WatchedTest.judge_body"])
def test_the_traceback_stands_below_the_tests_own_failure(pytester, part):
    """
    A failing test shows the traceback in a section, and where warnings are errors nothing but the section tells.
    """
    result = run_broken(pytester, part, "error")

    result.stdout.fnmatch_lines(
        [
            "E *KeyError: 'of the test'",
            "*- LangChain callbacks: internal error -*",
            "*in fail",
            "LookupError: a part \\x1b is broken",
        ]
    )
    result.stdout.no_fnmatch_line("*KeyError*During handling*")
