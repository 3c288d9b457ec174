"""The questions that a test asks about what a handler received."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from recordings import CHAIN, CHAIN_NAMES, moves, play, record, run_id

from pytest_lc_callbacks import Event, Recording, RecordingHandler, any_order

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
        "chat_model_end" in handler  # noqa: B015  # the comparison is what is refused
    with pytest.raises(TypeError, match="an event's name is a string"):
        3 in handler  # noqa: B015  # the comparison is what is refused


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
