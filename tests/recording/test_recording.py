"""The questions a test asks about what a handler received, and the checks it makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from recordings import CHAIN, CHAIN_NAMES, failure, moves, play, record, run_id

from pytest_lc_callbacks import Event, Recording, RecordingHandler, any_order, event, many
from pytest_lc_callbacks._recording.hints import NOTHING_RECORDED

NAMES = ["chain_start", "chain_end", "llm_new_token", "custom_event", "tool_error"]


def test_what_a_recording_answers() -> None:
    """
    A recording answers for the events, names, runs and the tree of a chain.
    """
    handler = record(*CHAIN)
    assert handler.names == CHAIN_NAMES
    assert [event.name for event in handler.events] == CHAIN_NAMES
    assert [run.name for run in handler.runs] == ["RunnableSequence", "ChatPromptTemplate", "FakeChatModel"]
    assert str(handler.tree) == "RunnableSequence\n├── ChatPromptTemplate\n└── FakeChatModel"
    assert handler.errors == []
    assert handler.usage == {}


@pytest.mark.parametrize(
    ("lines", "printed"),
    [
        ([], "<RecordingHandler: 0 events, 0 runs>"),
        (["chain_start a"], "<RecordingHandler: 1 event, 1 run>"),
        (CHAIN, "<RecordingHandler: 6 events, 3 runs>"),
    ],
)
def test_the_repr_says_how_much_there_is(lines: Any, printed: str) -> None:
    """
    The ``repr`` of a recording says how many events and runs it has.
    """
    assert repr(record(*lines)) == printed


def test_a_recording_is_always_true() -> None:
    """
    An empty recording is true, since people and LangChain write ``if handler``.
    """
    assert RecordingHandler()
    assert Recording()
    assert not len(Recording())


# Selections.


@given(moves(), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_selections_are_what_python_would_select(happenings: Any, one: str, other: str) -> None:
    """
    ``where``, ``without`` and ``count`` agree with a comprehension over the events, also one after the other.
    """
    handler = play(happenings)
    events = handler.events
    assert handler.where(one).events == [e for e in events if e.name == one]
    assert handler.without(one, other).events == [e for e in events if e.name not in (one, other)]
    assert handler.where(run="chain1").without(one).events == [
        e for e in events if e.run_name == "chain1" and e.name != one
    ]
    assert handler.without(one).where(parent=None).events == [
        e for e in events if e.name != one and e.parent_run_id is None
    ]
    assert handler.count(one) == len([e for e in events if e.name == one])
    assert handler.where().events == handler.without().events == events
    assert handler.where(one).names == [one] * handler.count(one)
    assert handler.where(run_type="tool").runs == [run for run in handler.runs if run.run_type == "tool"]


def test_a_selection_answers_like_a_recording() -> None:
    """
    Every question and every check works on a selection, and on a selection of a selection.
    """
    handler = record(*CHAIN, "tool_start a", "tool_start b", "tool_end a", "tool_error b")
    inside = handler.where(under="RunnableSequence")
    inside.assert_events(["chain_start", "chain_end", "chat_model_start", "llm_end"])
    inside.assert_run_tree("ChatPromptTemplate\nFakeChatModel")
    inside.assert_no_errors()
    inside.assert_finished()
    inside.assert_no_events("tool_start")
    assert inside.one("llm_end").run_name == "FakeChatModel"
    assert str(inside.where(run="FakeChatModel").tree) == "FakeChatModel"
    assert inside.where("llm_end").snapshot()[0]["run"] == "run-1"
    tools = handler.where(run_type="tool")
    tools.assert_events([any_order(["tool_start", "tool_end"], ["tool_start", "tool_error"])])
    assert [type(error) for error in tools.errors] == [ValueError]
    assert repr(tools) == "<Recording: 4 events, 2 runs>"
    tools.clear()
    assert (tools.names, len(handler.names)) == ([], 10)


def test_a_selection_stays_as_it_was() -> None:
    """
    A selection does not grow with its recording.
    """
    handler = record(*CHAIN)
    chains = handler.where("chain_start")
    record(*CHAIN, into=handler)
    assert chains.names == ["chain_start"] * 2
    assert handler.count("chain_start") == 4
    handler.clear()
    assert chains.names == ["chain_start"] * 2


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda r: r.where("chat_model_end"),
            "'chat_model_end' is not a callback event: a chat model reports 'llm_end'.",
        ),
        (lambda r: r.without("llm_stop"), "'llm_stop' is not a callback event (did you mean "),
        (lambda r: r.count(nmae="x"), "'nmae' is no attribute of an event: the attributes are run, "),
        (lambda r: r.one("llm_end", runs="x"), "'runs' is no attribute of an event (did you mean 'run'?): "),
        (lambda r: r.assert_no_events("chat_model_end"), "'chat_model_end' is not a callback event"),
        (
            lambda r: r.assert_no_events(run_typ="tool"),
            "'run_typ' is no attribute of an event (did you mean 'run_type'?): ",
        ),
        (lambda r: r.assert_no_errors(ignore=ValueError()), "ignore= takes exception classes, not ValueError()"),
        (lambda r: r.assert_no_errors(ignore="ValueError"), "ignore= takes exception classes, not 'ValueError'"),
        (lambda r: r.assert_no_errors(ignore=[int]), "ignore= takes exception classes, not int"),
    ],
)
def test_questions_with_slips(ask: Callable[[Recording], object], message: str) -> None:
    """
    A slip in a question raises, recorded or not, instead of finding nothing.
    """
    for recording in (record(*CHAIN), Recording()):
        with pytest.raises((TypeError, ValueError)) as caught:
            ask(recording)
        assert str(caught.value).startswith(message)


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
            "    chain_end  ChatPromptTemplate\n"
            "    chain_end  RunnableSequence",
        ),
        (
            CHAIN,
            "chain_end",
            {"run": "Other"},
            "expected one event('chain_end', run='Other'), but there is none\n"
            "  there are:\n"
            "    chain_end  ChatPromptTemplate\n"
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


# Usage and errors.


def counted(**usage: Any) -> LLMResult:
    """An answer that says what it cost."""
    total = usage["input_tokens"] + usage["output_tokens"]
    return LLMResult(
        generations=[[ChatGeneration(message=AIMessage("x", usage_metadata={"total_tokens": total, **usage}))]]
    )


def test_usage_is_added_up() -> None:
    """
    The usage of all model calls is one sum, with its details; a call whose end came twice counts once.
    """
    handler = record("chat_model_start a", "chat_model_start b", "chat_model_start c")
    for _ in range(2):
        handler.on_llm_end(
            counted(input_tokens=1, output_tokens=2, input_token_details={"cache_read": 1}, total_cost=0.5),
            run_id=run_id("a"),
        )
    handler.on_llm_end(
        counted(input_tokens=10, output_tokens=20, input_token_details={"cache_read": 2, "audio": 3}),
        run_id=run_id("b"),
    )
    handler.on_llm_end(LLMResult(generations=[[Generation(text="x")]]), run_id=run_id("c"))
    assert handler.usage == {
        "input_tokens": 11,
        "output_tokens": 22,
        "total_tokens": 33,
        "input_token_details": {"cache_read": 3, "audio": 3},
        "total_cost": 0.5,
    }


def test_usage_of_events_without_a_run() -> None:
    """
    ``usage`` counts each event without a run id.
    """
    ends = [Event(name="llm_end", payload={"response": counted(input_tokens=1, output_tokens=1)}) for _ in range(2)]
    assert Recording(ends).usage["total_tokens"] == 4


def test_errors_are_listed_once() -> None:
    """
    An exception that passed through several runs is one error.
    """
    error = ValueError("boom")
    handler = record("chain_start a", "tool_start t < a")
    handler.on_tool_error(error, run_id=run_id("t"))
    handler.on_chain_error(error, run_id=run_id("a"))
    assert handler.errors == [error]


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


def test_a_recording_reads_like_a_list() -> None:
    """
    A recording can be iterated, counted, indexed and sliced.
    """
    handler = record(*CHAIN)

    assert [each.name for each in handler] == handler.names
    assert len(handler) == len(CHAIN_NAMES)
    assert handler[-1].name == "chain_end"
    assert handler[3:5].names == handler.names[3:5]
    assert handler[0] in handler
    with pytest.raises(IndexError):
        handler[len(CHAIN_NAMES)]


def test_a_recording_is_asked_for_a_name() -> None:
    """
    ``in`` asks for an event's name or an event; what is neither raises.
    """
    handler = record(*CHAIN)

    assert "llm_end" in handler
    assert "on_llm_end" in handler
    assert "tool_start" not in handler
    with pytest.raises(ValueError, match="'chat_model_end' is not a callback event"):
        "chat_model_end" in handler  # noqa: B015
    with pytest.raises(TypeError, match="an event's name is a string"):
        3 in handler  # noqa: B015


def test_all_but_some_events() -> None:
    """
    `without` leaves out the events that have these attributes, and those of these names alone if any are named.
    """
    handler = record(*CHAIN)

    assert "ChatPromptTemplate" not in {each.run_name for each in handler.without(run="ChatPromptTemplate")}
    without_end = handler.without("llm_end", run="FakeChatModel")
    assert without_end.names == [name for name in CHAIN_NAMES if name != "llm_end"]
    assert handler.without("llm_end", run="Other").names == CHAIN_NAMES


@pytest.mark.parametrize(
    ("expected", "holds"),
    [
        ({"a": 1, ...: ...}, True),
        ({"a": 2, ...: ...}, False),
        ({"c": 1, ...: ...}, False),
        ({"b": {"c": 2, ...: ...}, ...: ...}, True),
        ({"a": 1, "b": {"c": 2, ...: ...}}, True),
        ({"b": {"c": 2, ...: ...}}, False),
        ({"a": 1}, False),
    ],
)
def test_a_dict_with_at_least_these_keys(expected: Any, holds: bool) -> None:
    """
    ``...: ...`` in a dict leaves its other keys open, at any depth; without it all keys have to be there.
    """
    handler = RecordingHandler()
    handler.on_chain_start(None, {"a": 1, "b": {"c": 2, "d": 3}}, run_id=run_id("r"), name="r")

    assert handler.count("chain_start", inputs=expected) == holds
