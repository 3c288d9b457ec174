"""Events, runs and the run tree: what a handler received, as plain data."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import CHAIN, heard, llm_result, moves, play, record, run_id

from pytest_lc_callbacks import Event, Recording, RecordingHandler
from pytest_lc_callbacks._recording.records import Facts
from pytest_lc_callbacks._recording.shortcuts import SHORTCUTS

ID = run_id("run")


def test_events_are_plain_data() -> None:
    """
    An event is frozen, hashable, and equal to one with the same content, whenever and wherever that was recorded.
    """
    event = heard("chain_end", {"a": 1})
    assert event == heard("chain_end", {"a": 1})
    assert event != heard("chain_end", {"a": 2})
    assert hash(event) == hash(heard("chain_end", {"a": 1}))
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.name = "chain_error"  # type: ignore[misc]  # that is the test


def test_the_repr_is_short() -> None:
    """
    An event prints as its name and run; a payload, which can be huge, is not printed.
    """
    assert repr(record("chain_start a").events[0]) == "<Event chain_start a>"
    assert repr(heard("chain_end", "x" * 1000)) == "<Event chain_end of an unknown run>"


def test_later_events_carry_what_only_the_start_was_sent() -> None:
    """
    Every event has the name, type, tags and metadata of its run, though LangChain sends them with the start alone.
    """
    handler = RecordingHandler()
    ids: Any = {"run_id": ID, "parent_run_id": run_id("around")}
    handler.on_chat_model_start({"name": "Model"}, [[]], **ids, tags=["a"], metadata={"b": 1})
    handler.on_llm_new_token("x", **ids)
    handler.on_custom_event("progress", 1, run_id=ID)
    handler.on_llm_end(llm_result(text="x"), **ids)
    for event in handler.events:
        assert (event.run_id, event.parent_run_id) == (ID, run_id("around"))
        assert (event.run_name, event.run_type) == ("Model", "chat_model")
        assert (event.tags, event.metadata) == (("a",), {"b": 1})
        assert event.run is handler.runs[0]


@pytest.mark.parametrize(
    ("start", "args", "kwargs", "name", "run_type"),
    [
        ("chain_start", (None, {}), {"name": "Seq"}, "Seq", "chain"),
        ("chain_start", (None, {}), {"name": "P", "run_type": "prompt"}, "P", "prompt"),
        ("chain_start", (None, {}), {"name": "P", "run_type": None}, "P", "chain"),
        ("chain_start", (None, {}), {}, None, "chain"),
        ("chain_start", ({"id": ["langchain", "Seq"]}, {}), {"name": None}, "Seq", "chain"),
        ("chat_model_start", ({"name": "Model", "id": ["x"]}, [[]]), {}, "Model", "chat_model"),
        ("chat_model_start", ({"name": "Model"}, [[]]), {"name": "mine"}, "mine", "chat_model"),
        ("llm_start", ({}, ["hello"]), {}, None, "llm"),
        ("tool_start", ({"name": "search"}, "{}"), {"name": None}, "search", "tool"),
        ("retriever_start", (None, "q"), {"name": "R"}, "R", "retriever"),
    ],
)
def test_the_name_and_type_of_a_run(start: str, args: Any, kwargs: Any, name: str | None, run_type: str) -> None:
    """
    A run is called as LangChain displays it: the run name if there is one, else what is serialized.
    """
    event = heard(start, *args, **kwargs)
    assert (event.run_name, event.run_type) == (name, run_type)


def test_the_inputs_of_a_stream_come_with_its_end() -> None:
    """
    All events of a streamed chain have the inputs that came with its end, not the placeholder that its start has.
    """
    handler = RecordingHandler()
    handler.on_chain_start(None, {"input": ""}, run_id=ID, name="Seq")
    assert handler.events[0].inputs == {"input": ""}
    handler.on_chain_end("out", run_id=ID, inputs={"number": 2})
    assert [event.inputs for event in handler.events] == [{"number": 2}] * 2
    assert handler.runs[0].inputs == {"number": 2}


# Runs.


def shape(handler: Recording) -> list[tuple[str, list[str]]]:
    """Each run's name, and its own events' names."""
    return [(run.label, run.names) for run in handler.runs]


@pytest.mark.parametrize(
    ("lines", "runs"),
    [
        (["chain_start a", "chain_end a"], [("a", ["chain_start", "chain_end"])]),
        (
            ["chain_start a", "chain_end a", "chain_start a", "chain_error a"],
            [("a", ["chain_start", "chain_end"]), ("a", ["chain_start", "chain_error"])],
        ),
        (
            ["chain_start a", "chain_start a", "chain_end a", "chain_end a"],
            [("a", ["chain_start", "chain_start", "chain_end", "chain_end"])],
        ),
        (
            ["chat_model_start m", "llm_end m", "llm_error m"],
            [("m", ["chat_model_start", "llm_end", "llm_error"])],
        ),
        (["llm_end m"], [("(start not heard)", ["llm_end"])]),
        (["custom_event a", "chain_start a"], [("(start not heard)", ["custom_event"]), ("a", ["chain_start"])]),
        (["chain_end a", "custom_event a"], [("(start not heard)", ["chain_end", "custom_event"])]),
    ],
    ids=["one", "the id comes back", "doubled handler", "two ends", "no start", "late start", "after the end"],
)
def test_a_run_is_a_start_and_what_follows(lines: list[str], runs: list[tuple[str, list[str]]]) -> None:
    """
    A run is one start and what follows it with that id; a start after an end opens a new run.
    """
    assert shape(record(*lines)) == runs


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["chain_start a"], "open"),
        (["chain_start a", "chain_end a"], "ended"),
        (["chain_start a", "chain_error a"], "failed"),
        (["chat_model_start a", "llm_end a", "llm_error a"], "failed"),
        (["chat_model_start a", "llm_new_token a"], "open"),
    ],
)
def test_how_a_run_stands(lines: list[str], status: str) -> None:
    """
    A run is open until its first end or error, and failed if it had an error.
    """
    [run] = record(*lines).runs
    assert run.status == status
    assert run.ended is (status != "open")
    assert (run.duration is None) is (status == "open")


def test_what_a_run_knows() -> None:
    """
    A run answers for its events: inputs, outputs, error, duration, type, parent, children.
    """
    handler = record(*CHAIN)
    sequence, prompt, model = handler.runs
    assert sequence.children == [prompt, model]
    assert list(model.ancestors()) == [sequence]
    assert list(sequence.subtree()) == [sequence, prompt, model]
    assert (model.parent, model.parent_run_id, model.run_id) == (sequence, sequence.run_id, run_id("FakeChatModel"))
    assert prompt.outputs == {}
    assert (prompt.tags, prompt.metadata) == ((), {})
    assert sequence.duration is not None
    assert sequence.duration >= 0
    assert repr(model) == "<Run FakeChatModel: 2 events, ended>"
    assert [event.name for event in model.events] == ["chat_model_start", "llm_end"]


def test_the_outputs_of_a_failed_run() -> None:
    """
    A run that failed or is open has no outputs, and has its error.
    """
    [failed] = record("chain_start a", "chain_error a").runs
    assert failed.outputs is None
    assert isinstance(failed.error, ValueError)


def test_a_child_may_outlive_its_parent() -> None:
    """
    A run stands under its parent also if the parent ended first, as in a stream that is closed early.
    """
    handler = record("chain_start a", "chat_model_start m < a", "chain_end a", "llm_end m < a")
    assert str(handler.tree) == "a\n└── m"


def test_the_child_of_a_repeated_id() -> None:
    """
    If two runs have one id, a child belongs to the run that had the id when the child began.
    """
    handler = record("chain_start a", "tool_start t#1 < a", "chain_end a", "chain_start a", "tool_start t#2 < a")
    first, _, second, _ = handler.runs
    assert [len(run.children) for run in (first, second)] == [1, 1]


@given(moves(), st.lists(st.integers(0, 40), max_size=4))
def test_runs_are_the_same_however_often_one_looks(happenings: Any, looks: list[int]) -> None:
    """
    A recording has the same runs whether somebody reads it once at the end or all the time.
    """
    at_once = play(happenings)
    log = RecordingHandler()
    for start, stop in zip([0, *sorted(looks)], [*sorted(looks), len(at_once.names)], strict=True):
        for position in range(min(start, len(at_once.names)), min(stop, len(at_once.names))):
            log._extend(at_once._log.record(position))
        assert len(log.runs) >= 0
    assert log.events == at_once.events
    assert [(run.label, [e.time for e in run.events], run.status) for run in log.runs] == [
        (run.label, [e.time for e in run.events], run.status) for run in at_once.runs
    ]


@given(moves())
def test_a_recording_of_events(happenings: Any) -> None:
    """
    Events put into a `Recording` are the events it has, and they belong to the same runs.
    """
    handler = play(happenings)
    again = Recording(handler.events)
    assert again.events == handler.events
    assert again.tree == handler.tree
    assert [[e.time for e in run.events] for run in again.runs] == [
        [e.time for e in run.events] for run in handler.runs
    ]


def test_events_made_by_hand() -> None:
    """
    An event made by hand keeps what it says, also if the start of its run is not among the events.
    """
    event = Event(name="llm_end", run_id=ID, run_name="Model", run_type="chat_model", tags=("a",), metadata={"b": 1})
    recording = Recording([event, Event(name="text", run_name="none")])
    assert recording.events[0] == event
    assert [run.label for run in recording.runs] == ["Model"]
    assert recording.events[1].run_name == "none"
    assert recording.count(run="Model", run_type="chat_model", tags={"a"}, metadata={"b": 1}) == 1


@given(moves(), st.booleans())
def test_an_attribute_without_its_event(happenings: Any, by_hand: bool) -> None:
    """
    `Log.attribute` gives what the event's attribute gives.
    """
    handler: Recording = play(happenings)
    recording = Recording(handler.events) if by_hand else handler
    keys = [*SHORTCUTS, *Facts._fields, "inputs", "payload", "time", "thread"]
    for position, event in enumerate(recording.events):
        told = {key: recording._log.attribute(position, key) for key in keys}
        assert told == {**{key: getattr(event, key) for key in keys}, "metadata": told["metadata"]}
        assert (told["metadata"] or {}) == event.metadata


def test_an_id_that_is_no_uuid() -> None:
    """
    A handler takes any run ids, and tells runs apart by them.
    """
    handler = RecordingHandler()
    for number in (1, "1", ID, [1]):
        handler.on_chain_start(None, {}, run_id=number, name="a")  # type: ignore[arg-type]  # that is the test
    handler.on_chain_end({}, run_id=1, parent_run_id=None)  # type: ignore[arg-type]  # that is the test
    assert [event.run_id for event in handler.events] == [1, "1", ID, None, 1]
    assert [run.status for run in handler.runs] == ["ended", "open", "open"]


# The tree.


def test_interrupts_belong_to_their_run() -> None:
    """
    An interrupt belongs to the run whose id langgraph sends inside the event.
    """
    handler = record("chain_start graph")
    if not hasattr(handler, "on_interrupt"):
        pytest.skip("this langgraph has no interrupt event")
    handler.on_interrupt(SimpleNamespace(run_id=run_id("graph")))  # type: ignore[arg-type]  # as much as is needed
    assert [event.run_name for event in handler.events] == ["graph", "graph"]


def test_a_run_without_a_name():
    """
    A run whose start was heard and has no name, such as a lambda as conditional edge, is unnamed.
    """
    named = Recording([Event(name="chain_start", run_id=1), Event(name="chain_end", run_id=1)])
    unheard = Recording([Event(name="chain_end", run_id=1)])

    assert [run.label for run in (*named.runs, *unheard.runs)] == ["(unnamed)", "(start not heard)"]
