"""How the attributes of a question compare with those of an event."""

from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import pytest
from dirty_equals import HasLen, IsDict, IsPartialDict, IsStr
from langchain_core.messages import HumanMessage
from recordings import CHAIN, failure, mismatch, record, run_id, select

from pytest_lc_callbacks import RecordingHandler, event, many

MODEL_RUN = run_id("FakeChatModel")


@pytest.fixture
def handler() -> RecordingHandler:
    """What a handler hears of a chain with a model, a tool and an error in it."""
    handler = record(*CHAIN[:3])
    ids: Any = {"run_id": MODEL_RUN, "parent_run_id": run_id("RunnableSequence")}
    labels: Any = {"tags": ["seq:step:2", "prod"], "metadata": {"ls_provider": "fake", "cost": 0.1 + 0.2}}
    handler.on_chat_model_start({"name": "FakeChatModel"}, [[HumanMessage("hello")]], **ids, **labels)
    handler.on_llm_new_token("hi", **ids)
    handler.on_custom_event("progress", {"percent": 50}, run_id=MODEL_RUN)
    handler.on_llm_error(ValueError("boom"), **ids)
    handler.on_tool_start({"name": "search"}, "{'q': 'x'}", run_id=run_id("search"), inputs={"q": "x"})
    handler.on_tool_end([1.0, 2.0], run_id=run_id("search"), name="search")
    return handler


@pytest.mark.parametrize(
    ("attributes", "positions"),
    [
        ({"run": "FakeChatModel"}, [3, 4, 5, 6]),
        ({"run": "fakechatmodel"}, []),
        ({"run": IsStr(regex="Fake.*")}, [3, 4, 5, 6]),
        ({"run": ANY}, range(9)),
        ({"run_type": "chat_model"}, [3, 4, 5, 6]),
        ({"run_type": "chain"}, [0, 1, 2]),
        ({"run_id": MODEL_RUN}, [3, 4, 5, 6]),
        ({"tags": {"prod"}}, [3, 4, 5, 6]),
        ({"tags": "prod"}, [3, 4, 5, 6]),
        ({"tags": ["prod", "seq:step:2"]}, [3, 4, 5, 6]),
        ({"tags": (tag for tag in ["prod"])}, [3, 4, 5, 6]),
        ({"tags": {"prod", "other"}}, []),
        ({"metadata": {"ls_provider": "fake"}}, [3, 4, 5, 6]),
        ({"metadata": {"cost": pytest.approx(0.3)}}, [3, 4, 5, 6]),
        ({"metadata": {"ls_provider": IsStr()}}, [3, 4, 5, 6]),
        ({"metadata": {"ls_provider": "fake", "other": 1}}, []),
        ({"parent": "RunnableSequence"}, [1, 2, 3, 4, 5, 6]),
        ({"parent": None}, [0, 7, 8]),
        ({"parent": "ChatPromptTemplate"}, []),
        ({"under": "RunnableSequence"}, [1, 2, 3, 4, 5, 6]),
        ({"under": "FakeChatModel"}, []),
        ({"inputs": {"q": "x"}}, [7, 8]),
        ({"inputs": IsPartialDict(q="x")}, [7, 8]),
        ({"inputs": HasLen(1)}, [3, 4, 5, 6, 7, 8]),
        ({"outputs": [1.0, pytest.approx(2.0)]}, [8]),
        ({"messages": [HumanMessage("hello")]}, [3]),
        ({"text": "hi"}, [4]),
        ({"token": "hi"}, [4]),
        ({"tool_calls": [{"name": "x"}]}, []),
        ({"usage": IsDict()}, []),
        ({"usage": {"input_tokens": 1}}, []),
        ({"error": ValueError}, [6]),
        ({"error": Exception}, [6]),
        ({"error": KeyError}, []),
        ({"error": ValueError("boom")}, [6]),
        ({"error": ValueError("other")}, []),
        ({"error": None}, [0, 1, 2, 3, 4, 5, 7, 8]),
        ({"custom": "progress"}, [5]),
        ({"data": {"percent": 50}}, [5]),
        ({"data": {"percent": ANY}}, [5]),
        ({"payload": {"outputs": {}}}, [2]),
        ({"thread": -1}, []),
        ({"run": "FakeChatModel", "text": "hi"}, [4]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_an_attribute_selects(handler: RecordingHandler, attributes: Any, positions: Any) -> None:
    """
    An event contains the tags and metadata, an exception class matches its instances, all else compares with ``==``.
    """
    assert [handler.events.index(chosen) for chosen in handler.where(**attributes).events] == list(positions)


def test_a_run_as_an_attribute(handler: RecordingHandler) -> None:
    """
    A `Run` matches itself, also as another handler heard it; a name matches every run of that name.
    """
    twice = record(*CHAIN, *CHAIN)
    first, second = (run for run in twice.runs if run.name == "RunnableSequence")
    assert twice.count(run=first) == twice.count(run=second) == 2
    assert twice.where(under=first).names == twice.where(parent=second).names == CHAIN_INSIDE
    assert handler.count(run=first) == 1
    assert handler.count(under=first) == 6


CHAIN_INSIDE = ["chain_start", "chain_end", "chat_model_start", "llm_end"]


def test_runs_that_were_not_heard() -> None:
    """
    A run whose start or parent was not heard is neither a root nor a run of any name.
    """
    orphan = record("llm_end m < ?")
    assert orphan.count(parent=None) == 0
    assert orphan.count(run=ANY) == 1
    orphan.assert_no_events(run="m")
    message = failure(orphan.assert_events, [event("llm_end", parent=None)])
    assert message.startswith(
        "expected event('llm_end', parent=None) as event 1, but the handler recorded 'llm_end' with a parent that was "
        "not heard\n"
    )


def test_looking_for_an_event_prints_nothing() -> None:
    """
    A question takes no ``repr`` of the payloads that it compares; a failure takes that of the event which it shows.
    """

    class Counted:
        reprs = 0

        def __repr__(self) -> str:
            Counted.reprs += 1
            return "Counted()"

    handler = record("chain_start a")
    for _ in range(20):
        handler.on_chain_end(Counted(), run_id=run_id("a"))
    assert handler.count(outputs=1) == 0
    handler.where("chain_end").assert_no_events(outputs=2)
    assert Counted.reprs == 0
    assert failure(handler.assert_events, ["chain_start", many(event("chain_end", outputs=1))])
    assert 1 <= Counted.reprs < 20


@pytest.mark.parametrize(
    ("pattern", "difference"),
    [
        (event("llm_end", run="b"), "'llm_end' with run='m'"),
        (event("llm_error"), "'llm_end'"),
        (event("llm_end", parent="b"), "'llm_end' with parent='c'"),
        (event("llm_end", under="b"), "'llm_end' with under='c in outer'"),
        (event("llm_end", tags={"a"}), "'llm_end' with tags=()"),
        (event("llm_end", metadata={"a": 1}), "'llm_end' with metadata without 'a'"),
        (event("llm_end", run_type="llm"), "'llm_end' with run_type='chat_model'"),
        (event("llm_end", error=ValueError), "'llm_end' with error=None"),
    ],
    ids=repr,
)
def test_a_difference_in_words(pattern: Any, difference: str) -> None:
    """
    A message shows the attribute that differs as it was recorded.
    """
    handler = record("chain_start outer", "chain_start c < outer", "chat_model_start m < c", "llm_end m < c")
    message = failure(handler.where(run="m").assert_events, ["chat_model_start", pattern])
    assert message.splitlines()[0] == f"expected {pattern!r} as event 2, but the handler recorded {difference}"


class Array:
    """As numpy's: it compares element by element, and is neither true nor false."""

    def __init__(self, *values: int) -> None:
        self.values = values
        self.shape = (len(values),)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Array) and self.shape != other.shape:
            raise ValueError("operands could not be broadcast together")
        return Answers(*(a == b for a, b in zip(self.values, getattr(other, "values", self.values), strict=True)))

    __hash__ = None  # type: ignore[assignment]  # as numpy's

    def __bool__(self) -> bool:
        raise ValueError("The truth value of an array is ambiguous")

    def all(self) -> bool:
        """Whether every element is true."""
        return all(self.values)


class Answers(Array):
    """What a comparison of arrays gives."""


def test_arrays_are_one_answer() -> None:
    """
    Values that compare element by element are equal if all of them are; a number is not equal to an array of it.
    """
    handler = record("chain_start a")
    handler.on_chain_end(Array(1, 2), run_id=run_id("a"))
    assert handler.count("chain_end", outputs=Array(1, 2)) == 1
    assert handler.count("chain_end", outputs=Array(1, 3)) == 0
    assert handler.count("chain_end", outputs=1) == 0


def test_numpy_arrays_are_one_answer() -> None:
    """
    numpy's arrays compare as a whole, whatever their shapes.
    """
    numpy = pytest.importorskip("numpy", reason="numpy is no dependency of ours")
    handler = record("chain_start a")
    handler.on_chain_end(numpy.array([1.0, 1.0]), run_id=run_id("a"))
    assert handler.count("chain_end", outputs=numpy.array([1.0, 1.0])) == 1
    assert handler.count("chain_end", outputs=numpy.array([1.0, 2.0])) == 0
    assert handler.count("chain_end", outputs=numpy.array([1.0])) == 0
    assert handler.count("chain_end", outputs=1.0) == 0


def test_a_comparison_that_raises_is_told() -> None:
    """
    Values whose ``==`` raises count as unequal, the message says so, and their absence cannot be asserted.
    """
    handler = record("chain_start a")
    handler.on_chain_end({"x": Array(1)}, run_id=run_id("a"))
    with pytest.raises(TypeError, match=r"^outputs=\{'x': .*\} cannot be compared .*: == raised ValueError: The truth"):
        handler.assert_no_events("chain_end", outputs={"x": Array(1)})
    assert handler.count("chain_end", outputs={"x": Array(1)}) == 0
    message = failure(handler.assert_events, ["chain_start", event("chain_end", outputs={"x": Array(1)})])
    assert "but the handler recorded 'chain_end' with outputs={'x': " in message
    assert " (== raised ValueError: The truth" in message.splitlines()[2]


class Counted:
    """A value that counts how often it is compared."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.times = 0

    def __eq__(self, other: object) -> bool:
        self.times += 1
        return self.value == other

    __hash__ = None  # type: ignore[assignment]  # as classes with __eq__ have it


def nested(depth: int) -> RecordingHandler:
    """Runs inside runs, each with a start and an end."""
    starts = [f"chain_start r{n} < r{n - 1}" if n else "chain_start r0" for n in range(depth)]
    return record(*starts, *(line.replace("_start", "_end") for line in reversed(starts)))


def test_a_run_is_asked_once_for_its_inputs() -> None:
    """
    A question compares the inputs of a run once, for all events of its stream.
    """
    handler = record("chat_model_start m", *["llm_new_token m"] * 100, "llm_end m")
    inputs = Counted([])
    assert handler.count("llm_new_token", inputs=inputs) == 100
    handler.assert_events(["chat_model_start", many(event("llm_new_token", inputs=inputs)), "llm_end"])
    assert inputs.times == 2


@pytest.mark.parametrize("outermost", ["r0", "nobody"])
def test_a_run_is_asked_once_whether_it_is_under_another(outermost: str) -> None:
    """
    In runs that are nested N deep, ``under=`` compares the name of each run at most once.
    """
    handler = nested(200)
    name = Counted(outermost)
    assert handler.count(under=name) == (398 if outermost == "r0" else 0)
    assert name.times <= 200
    name.times = 0
    assert (handler.where("chain_end").names == ["chain_end"] * 200) is True
    for expected in (event("chain_error", under=name), event("chain_end", under=name, text="x")):
        found = mismatch([..., expected, ...], handler)
        assert found is not None
        found.line(select(handler))
    # Once in each search, once for the nearest event, and once for what differs in it.
    assert name.times <= 800


def test_inputs_that_come_later() -> None:
    """
    A question finds the inputs that came with the end of a run, also after an earlier question found the placeholder.
    """
    handler = RecordingHandler()
    handler.on_chain_start(None, {"input": ""}, run_id=run_id("a"), name="a")
    assert handler.count(inputs={"input": ""}) == 1
    handler.on_chain_end({}, run_id=run_id("a"), inputs={"number": 2})
    assert handler.count(inputs={"input": ""}) == 0
    assert handler.count(inputs={"number": 2}) == 2


@pytest.mark.parametrize(
    ("recorded", "expected", "shown"),
    [
        ("sk-proj-abcdefghijklmnopqrstuvwx", "sk-proj-abcdefghijklmnopqrstuvwy", "'[redacted]'"),
        ("a" * 200 + "b", "a" * 200, f"'{'a' * 116}..."),
    ],
    ids=["redacted", "cut"],
)
def test_a_difference_that_is_not_shown_is_told(recorded: str, expected: str, shown: str) -> None:
    """
    Where two values are shown alike, the message says that the difference lies in what is not shown.
    """
    handler = record("chain_start a")
    handler.on_chain_end(recorded, run_id=run_id("a"))
    message = failure(handler.assert_events, ["chain_start", event("chain_end", outputs=expected)])
    assert f"recorded: 'chain_end' with outputs={shown} (the difference lies in what is redacted, cut" in message
    assert "abcdefgh" not in message
