"""Events, runs and the run tree: what a handler received, as plain data."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from recordings import CHAIN, moves, play, record, run_id

from pytest_lc_callbacks import Event, EventName, Recording, RecordingHandler
from pytest_lc_callbacks._recording.names import EVENT_NAMES

ID = run_id("run")


def heard(event: str, *args: Any, **kwargs: Any) -> Event:
    """The event that a handler makes of one call."""
    handler = RecordingHandler()
    getattr(handler, f"on_{event}")(*args, **{"run_id": ID, **kwargs})
    return handler.events[-1]


def answer(message: Any = None, text: str = "") -> LLMResult:
    """What a model ends with."""
    return LLMResult(generations=[[ChatGeneration(message=message) if message else Generation(text=text)]])


def test_every_method_of_the_installed_handler_is_an_event() -> None:
    """
    The names are those of the installed LangChain: what it will send tomorrow is an event tomorrow.
    """
    methods = {name.removeprefix("on_") for name in dir(BaseCallbackHandler) if name.startswith("on_")}
    assert methods <= EVENT_NAMES
    assert set(get_args(EventName)) <= EVENT_NAMES


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
    Name, type, tags and metadata of a run stand on all of its events; LangChain sends them with the start alone.
    """
    handler = RecordingHandler()
    ids: Any = {"run_id": ID, "parent_run_id": run_id("around")}
    handler.on_chat_model_start({"name": "Model"}, [[]], **ids, tags=["a"], metadata={"b": 1})
    handler.on_llm_new_token("x", **ids)
    handler.on_custom_event("progress", 1, run_id=ID)
    handler.on_llm_end(answer(text="x"), **ids)
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


ASKED = AIMessage("", tool_calls=[{"name": "search", "args": {"q": "x"}, "id": "1"}])
COUNTED = AIMessage("hi", usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})


@pytest.mark.parametrize(
    ("event", "shortcuts"),
    [
        (
            heard("chat_model_start", {}, [[HumanMessage("hello")]]),
            {"messages": [HumanMessage("hello")], "inputs": [HumanMessage("hello")], "text": None},
        ),
        (heard("llm_start", {}, ["hello"]), {"text": "hello", "inputs": ["hello"], "messages": None}),
        (heard("llm_new_token", "a"), {"token": "a", "text": "a"}),
        (heard("llm_end", answer(text="hi")), {"text": "hi", "outputs": "hi", "tool_calls": [], "usage": None}),
        (heard("llm_end", answer(AIMessage("hi"))), {"text": "hi", "outputs": AIMessage("hi")}),
        (heard("llm_end", answer(ASKED)), {"tool_calls": ASKED.tool_calls}),
        (heard("llm_end", answer(COUNTED)), {"usage": COUNTED.usage_metadata}),
        (heard("llm_end", LLMResult(generations=[])), {"text": None, "outputs": None, "usage": None}),
        (heard("llm_end", None), {"text": None, "outputs": None, "tool_calls": [], "usage": None}),
        (heard("chain_start", None, {"a": 1}), {"inputs": {"a": 1}, "outputs": None}),
        (heard("chain_start", None, None), {"inputs": None}),
        (heard("chain_start", None, ""), {"inputs": ""}),
        (heard("chain_end", {"b": 1}), {"outputs": {"b": 1}, "inputs": None}),
        (heard("tool_start", {}, "{'a': 1}", inputs={"a": 1}), {"inputs": {"a": 1}}),
        (heard("tool_start", {}, "a", inputs=None), {"inputs": "a"}),
        (heard("tool_end", "out"), {"outputs": "out", "tool_failed": False}),
        (heard("tool_end", ToolMessage("no", tool_call_id="1", status="error")), {"tool_failed": True}),
        (heard("retriever_start", None, "q"), {"inputs": "q"}),
        (heard("retriever_end", ["d"]), {"outputs": ["d"]}),
        (heard("custom_event", "progress", {"a": 1}), {"custom": "progress", "data": {"a": 1}}),
        (heard("text", "words"), {"text": "words"}),
        (heard("chain_error", KeyError("k")), {"custom": None, "data": None, "messages": None, "token": None}),
    ],
    ids=lambda value: value.name if isinstance(value, Event) else "",
)
def test_shortcuts(event: Event, shortcuts: dict[str, Any]) -> None:
    """
    What people ask an event for has a name of its own, and is None where the event does not have it.
    """
    assert {name: getattr(event, name) for name in shortcuts} == shortcuts


def test_the_error_of_an_event() -> None:
    """
    An error event has the exception itself.
    """
    error = KeyError("k")
    assert heard("chain_error", error).error is error
    assert heard("chain_end", {"error": error}).error is None


def test_the_inputs_of_a_stream_come_with_its_end() -> None:
    """
    A streamed chain starts with a placeholder; its events have the real inputs as soon as these are known.
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
    A run belongs under its parent also when that ended first, as in a stream that is closed early.
    """
    handler = record("chain_start a", "chat_model_start m < a", "chain_end a", "llm_end m < a")
    assert str(handler.tree) == "a\n└── m"


def test_the_child_of_a_repeated_id() -> None:
    """
    Where an id comes back, a child belongs to the run that has the id at the time.
    """
    handler = record("chain_start a", "tool_start t#1 < a", "chain_end a", "chain_start a", "tool_start t#2 < a")
    first, _, second, _ = handler.runs
    assert [len(run.children) for run in (first, second)] == [1, 1]


@given(moves(), st.lists(st.integers(0, 40), max_size=4))
def test_runs_are_the_same_however_often_one_looks(happenings: Any, looks: list[int]) -> None:
    """
    Whether a recording is read once at the end or all the time, its runs are the same.
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


def test_an_id_that_is_no_uuid() -> None:
    """
    A handler that is driven by hand may be given any ids; runs are told apart by them all the same.
    """
    handler = RecordingHandler()
    for number in (1, "1", ID, [1]):
        handler.on_chain_start(None, {}, run_id=number, name="a")  # type: ignore[arg-type]  # that is the test
    handler.on_chain_end({}, run_id=1, parent_run_id=None)  # type: ignore[arg-type]  # that is the test
    assert [event.run_id for event in handler.events] == [1, "1", ID, None, 1]
    assert [run.status for run in handler.runs] == ["ended", "open", "open"]


# The tree.


def test_the_tree_reads_like_a_directory_tree() -> None:
    """
    ``str`` of the tree draws each run under its parent, in the order in which the runs began.
    """
    handler = record(
        "chain_start agent",
        "chain_start tools < agent",
        "tool_start search#1 < tools",
        "tool_start search#2 < tools",
        "chat_model_start model < agent",
        "chain_start after",
        "llm_end lost < ?",
    )
    assert (
        str(handler.tree)
        == """\
agent
├── tools
│   ├── search
│   └── search
└── model
after
(start not heard)"""
    )
    assert repr(handler.tree) == "<RunTree: 7 runs, 3 roots>"


def test_trees_compare_by_what_they_draw() -> None:
    """
    Two trees are equal if they read the same.
    """
    assert record(*CHAIN).tree == record(*CHAIN).tree
    assert record(*CHAIN).tree != record(*CHAIN[:3]).tree
    assert record(*CHAIN).tree != "RunnableSequence"


def test_the_tree_of_nothing() -> None:
    """
    Where nothing was recorded, there is nothing to draw.
    """
    assert str(RecordingHandler().tree) == ""


def test_a_deep_tree() -> None:
    """
    A tree may be deeper than Python's stack.
    """
    handler = record("chain_start r#0", *(f"chain_start r#{n} < r#{n - 1}" for n in range(1, 2000)))
    assert str(handler.tree).count("\n") == 1999
    assert len(list(handler.runs[0].subtree())) == 2000


def test_names_are_one_line() -> None:
    """
    A run whose name has line breaks takes one line of the tree.
    """
    assert str(record("chain_start a\n  b").tree) == "a b"


def test_interrupts_belong_to_their_run() -> None:
    """
    langgraph sends the id of the run inside its event; interrupt and resume belong to that run.
    """
    handler = record("chain_start graph")
    if not hasattr(handler, "on_interrupt"):
        pytest.skip("this langgraph has no interrupt event")
    handler.on_interrupt(SimpleNamespace(run_id=run_id("graph")))  # type: ignore[arg-type]  # as much as is needed
    assert [event.run_name for event in handler.events] == ["graph", "graph"]
