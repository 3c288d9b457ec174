"""The checks that a test makes of what a handler received."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from recordings import CHAIN, failure, record, run_id

from pytest_lc_callbacks import Recording, RecordingHandler, any_order, event, many
from pytest_lc_callbacks._recording.hints import NOTHING_RECORDED


def test_one() -> None:
    """
    ``one`` gives the one event that there is.
    """
    assert record(*CHAIN).one("llm_end").run_name == "FakeChatModel"
    assert record(*CHAIN).one("chain_start", run="ChatPromptTemplate").name == "chain_start"


@pytest.mark.parametrize(
    ("lines", "name", "where", "message"),
    [
        (
            (),
            "llm_end",
            {},
            f"expected one 'llm_end', but there is none\n  nothing was recorded\n{NOTHING_RECORDED}",
        ),
        (
            CHAIN,
            "chain_end",
            {},
            "expected one 'chain_end', but there are 2\n"
            "    chain_end  ChatPromptTemplate  in RunnableSequence\n"
            "    chain_end  RunnableSequence",
        ),
        (
            CHAIN,
            "chain_end",
            {"run": "Other"},
            "expected one event('chain_end', run='Other'), but there is none: the nearest, chain_end, has "
            "run='ChatPromptTemplate'\n"
            "  there are:\n"
            "    chain_end  ChatPromptTemplate  in RunnableSequence\n"
            "    chain_end  RunnableSequence",
        ),
        (
            CHAIN[3:5],
            "tool_start",
            {},
            "expected one 'tool_start', but there is none\n"
            "  recorded were:\n"
            "    chat_model_start  FakeChatModel\n"
            "    llm_end           FakeChatModel",
        ),
        (
            CHAIN[3:5],
            None,
            {"error": ValueError},
            "expected one event(error=ValueError), but there is none\n"
            "  recorded were:\n"
            "    chat_model_start  FakeChatModel\n"
            "    llm_end           FakeChatModel",
        ),
    ],
    ids=["nothing", "two", "none with the attribute", "none with the name", "no name"],
)
def test_one_that_is_not(lines: Any, name: Any, where: Any, message: str) -> None:
    """
    ``one`` raises if there is none or more than one, and lists the candidates.
    """
    assert failure(record(*lines).one, name, **where) == message


def test_candidates_are_cut() -> None:
    """
    ``one`` lists the first ten candidates, and says how many more there are.
    """
    lines = failure(record(*CHAIN * 1000).one, "chain_start").splitlines()
    assert lines[0] == "expected one 'chain_start', but there are 2,000"
    assert lines[-1] == "    ... and 1,990 more events"
    assert len(lines) == 12


# assert_events: what is special about nothing.


def test_nothing_expected_and_nothing_recorded() -> None:
    """
    An empty expectation over an empty recording passes when it is spelled out.
    """
    RecordingHandler().assert_events([])


@pytest.mark.parametrize(
    "expected",
    [
        ["llm_end"],
        [many("text", min=0)],
        [many("text", min=0), many("retry", min=0)],
        [..., "text", ...],
        [event(run="a")],
        [any_order(["text"])],
    ],
    ids=repr,
)
def test_an_expectation_fails_where_nothing_was_recorded(expected: list[Any]) -> None:
    """
    Every expectation but ``[]`` fails where nothing was recorded.
    """
    assert ", but nothing was recorded\nhint: the handler heard nothing. Possible causes:\n" in failure(
        RecordingHandler().assert_events, expected
    )


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            lambda r: r.assert_no_errors(),
            "expected runs without errors, but nothing was recorded, so nothing was checked",
        ),
        (
            lambda r: r.assert_finished(),
            "expected runs that have ended, but nothing was recorded, so nothing was checked",
        ),
        (
            lambda r: r.assert_no_events("tool_error"),
            "expected no 'tool_error' among the recorded events, but nothing was recorded, so nothing was checked",
        ),
        (
            lambda r: r.assert_no_events(run="search"),
            "expected no event(run='search') among the recorded events, but nothing was recorded, so nothing was "
            "checked",
        ),
        (
            lambda r: r.where("tool_error").assert_no_events(),
            "expected no event among the recorded events, but nothing was recorded, so nothing was checked",
        ),
        (lambda r: r.assert_run_tree("a"), "expected 'a' as a root, but nothing was recorded"),
    ],
)
def test_an_assertion_over_nothing_fails(check: Callable[[Recording], None], message: str) -> None:
    """
    A check fails where nothing was recorded.
    """
    for recording in (RecordingHandler(), Recording()):
        assert failure(check, recording).splitlines()[0] == message


@pytest.mark.parametrize(
    "check",
    [
        lambda r: r.assert_no_errors(),
        lambda r: r.assert_finished(),
        lambda r: r.assert_no_events("tool_error"),
        lambda r: r.assert_events(["tool_start"]),
    ],
)
def test_an_assertion_over_an_empty_selection_fails(check: Callable[[Recording], None]) -> None:
    """
    A check of an empty selection fails, and does not say that nothing was recorded.
    """
    message = failure(check, record(*CHAIN).where("retry"))
    assert "but none of the 6 events that were recorded was selected" in message
    assert "nothing was recorded" not in message


def test_assert_no_events() -> None:
    """
    ``assert_no_events`` passes where there are none, and lists those that there are.
    """
    RecordingHandler().assert_no_events()
    handler = record(*CHAIN)
    handler.assert_no_events("tool_start")
    handler.assert_no_events("chain_start", run="FakeChatModel")
    handler.where("tool_start").assert_no_events()
    assert failure(handler.assert_no_events, "llm_end") == (
        "expected no 'llm_end', but the handler recorded 1\n    llm_end  FakeChatModel"
    )
    assert failure(handler.assert_no_events, run="FakeChatModel") == (
        "expected no event(run='FakeChatModel'), but the handler recorded 2\n"
        "    chat_model_start  FakeChatModel\n"
        "    llm_end           FakeChatModel"
    )
    assert failure(handler.assert_no_events).splitlines()[0] == "expected no event, but the handler recorded 6"


# assert_no_errors.


def test_no_errors() -> None:
    """
    ``assert_no_errors`` passes for runs that ended well and for open runs.
    """
    record(*CHAIN).assert_no_errors()
    record(*CHAIN[:4]).assert_no_errors()


def test_an_error_is_shown_with_the_tree() -> None:
    """
    The failure names the run that raised, then every error event, then the run tree.
    """
    handler = record("chain_start a", "tool_start t < a", "tool_error t < a", "chain_error a")
    assert (
        failure(handler.assert_no_errors)
        == """\
expected no errors, but t raised ValueError('boom')
    tool_error   t  ValueError('boom')
    chain_error  a  ValueError('boom')
  the runs:
    a  (ValueError('boom'))
    └── t  (ValueError('boom'))"""
    )


def test_a_tool_message_with_an_error_is_an_error() -> None:
    """
    A tool that handled its own failure ends well for LangChain, with a message of status ``"error"``: that counts.
    """
    handler = record("tool_start search")
    handler.on_tool_end(ToolMessage("disk full", tool_call_id="1", status="error"), run_id=run_id("search"))
    assert failure(handler.assert_no_errors).splitlines()[:2] == [
        "expected no errors, but search answered with an error",
        "    tool_end  search  'disk full'",
    ]


@pytest.mark.parametrize(
    "ignore",
    [ValueError, (ValueError,), [KeyError, Exception], iter([ValueError])],
    ids=lambda value: type(value).__name__,
)
def test_errors_may_be_ignored(ignore: Any) -> None:
    """
    ``assert_no_errors`` ignores errors of the given class or classes.
    """
    record("chain_start a", "chain_error a").assert_no_errors(ignore=ignore)


def test_an_error_that_is_not_ignored() -> None:
    """
    ``assert_no_errors`` fails for an error of a class that ``ignore`` does not name.
    """
    handler = record("chain_start a", "chain_error a")
    assert "a raised ValueError('boom')" in failure(handler.assert_no_errors, ignore=KeyError)


# assert_finished.


def test_finished() -> None:
    """
    ``assert_finished`` passes for a run that ended with an error.
    """
    record("chain_start a", "tool_start t < a", "tool_error t < a", "chain_end a").assert_finished()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            CHAIN[:4],
            "expected every run to have ended, but 2 of 3 are open: RunnableSequence, FakeChatModel\n"
            "    RunnableSequence  (open)\n"
            "    ├── ChatPromptTemplate\n"
            "    └── FakeChatModel  (open)",
        ),
        (["chat_model_start m"], "expected every run to have ended, but 1 of 1 is open: m\n    m  (open)"),
    ],
)
def test_open_runs(lines: Any, message: str) -> None:
    """
    ``assert_finished`` names the open runs and marks them in the tree.
    """
    assert failure(record(*lines).assert_finished) == message


# Where a failure is reported.

PROGRAM = """
from pytest_lc_callbacks import Recording, Event

RECORDING = Recording([Event(name="chain_start")])

def check(recording):
    {check}  # the line of the user

def test_it():
    check(RECORDING)
"""


@pytest.mark.parametrize("rewriting", ["rewrite", "plain"])
@pytest.mark.parametrize(
    "check",
    [
        'recording.assert_events(["chain_end"])',
        'recording.where().assert_events(["chain_end"])',
        'recording.one("chain_end")',
        "recording.assert_no_events()",
        "recording.assert_finished()",
        'recording.assert_run_tree("a")',
        'recording.where("chain_end").assert_no_errors()',
    ],
)
def test_the_traceback_ends_in_the_user_s_line(pytester: pytest.Pytester, check: str, rewriting: str) -> None:
    """
    A failure is reported at the line of the test that made the check, with assertion rewriting and without.
    """
    pytester.makepyfile(PROGRAM.format(check=check))
    result = pytester.runpytest_inprocess(f"--assert={rewriting}", "--tb=short")
    result.assert_outcomes(failed=1)
    at = result.outlines.index(f"    {check}  # the line of the user")
    # Python 3.11 and later underline the call.
    after = [line for line in result.outlines[at + 1 :] if set(line) != set(" ^")]
    assert after[0].startswith("E   AssertionError: expected ")


@pytest.mark.parametrize(
    "check",
    [
        'recording.assert_events(["chat_model_end"])',
        'recording.assert_events("chain_end")',
        'recording.where("chain_end", txet="a")',
        'recording.count("chain_ends")',
        'recording.without("chain_ends")',
    ],
)
def test_wrong_use_is_reported_in_the_user_s_line_too(pytester: pytest.Pytester, check: str) -> None:
    """
    A misspelt name or attribute is reported at the line of the test, without the frames of the plugin.
    """
    pytester.makepyfile(PROGRAM.format(check=check))
    result = pytester.runpytest_inprocess("--tb=short")
    result.assert_outcomes(failed=1)
    at = result.outlines.index(f"    {check}  # the line of the user")
    after = [line for line in result.outlines[at + 1 :] if set(line) != set(" ^")]
    assert after[0].startswith(("E   ValueError: ", "E   TypeError: "))


def test_the_fixture_fails_in_the_user_s_line(pytester: pytest.Pytester) -> None:
    """
    The fixture ``assert_events`` reports like the method, and the whole message is printed.
    """
    pytester.makepyfile(
        """
        def test_it(recording_handler, assert_events):
            recording_handler.on_text("a")
            assert_events(["llm_end"])
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       assert_events([[]"llm_end"[]])',
            "E       AssertionError: expected 'llm_end' as event 1, but the handler recorded 'text'",
            "E           1  text  (no run)   <- expected llm_end",
            'E       as recorded: assert_events([[]"text"[]])',
            "test_the_fixture_fails_in_the_user_s_line.py:3: AssertionError",
            "FAILED *::test_it - AssertionError*",
        ]
    )
