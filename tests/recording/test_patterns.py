"""The words of the little grammar: what they take, what they refuse, and what an attribute means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import pytest
from dirty_equals import HasLen, IsDict, IsPartialDict, IsStr
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from recordings import CHAIN, failure, record, run_id

from pytest_lc_callbacks import Event, RecordingHandler, any_order, event, many
from pytest_lc_callbacks._recording.names import EVENT_NAMES, event_name

MODEL_RUN = run_id("FakeChatModel")


@pytest.mark.parametrize("name", sorted(EVENT_NAMES))
def test_an_event_is_named_with_or_without_on(name: str) -> None:
    """
    Every event's name is accepted, and the name of the handler's method too.
    """
    assert event_name(name) == event_name(f"on_{name}") == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chat_model_end", "'chat_model_end' is not a callback event: a chat model reports 'llm_end'."),
        ("on_chat_model_end", "'on_chat_model_end' is not a callback event: a chat model reports 'llm_end'."),
        ("chat_model_error", "'chat_model_error' is not a callback event: a chat model reports 'llm_error'."),
        ("prompt_start", "'prompt_start' is not a callback event: a prompt reports 'chain_start'."),
        (
            "embeddings_start",
            "'embeddings_start' is not a callback event: LangChain sends no callbacks for embeddings.",
        ),
        ("llm_strat", "'llm_strat' is not a callback event (did you mean 'llm_start' or 'tool_start'?)"),
        ("LLM_END", "'LLM_END' is not a callback event (did you mean 'llm_end' or 'tool_end'?)"),
        ("", "'' is not a callback event: the events are agent_action, agent_finish, chain_end, chain_error,"),
    ],
)
def test_an_unknown_event_says_why(name: str, message: str) -> None:
    """
    A name that LangChain does not have raises at once, with the reason or the nearest names.
    """
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared below
        event(name)
    assert str(caught.value).startswith(message)


LIST = "assert_events takes a list of events, not "
ENTRY = "assert_events: an entry is an event's name, ..., event(), many() or any_order(), not "


@pytest.mark.parametrize(
    ("expected", "error", "message"),
    [
        ("llm_end", TypeError, LIST + "a string: write ['llm_end']"),
        ({"llm_end"}, TypeError, LIST + "a set: events have an order, and a set has none"),
        (None, TypeError, LIST + "None"),
        ({"llm_end": 1}, TypeError, LIST + "{'llm_end': 1}"),
        (..., TypeError, LIST + "... alone: write [...]"),
        (event("llm_end"), TypeError, LIST + "event('llm_end') alone: write [event('llm_end')]"),
        (many("llm_end"), TypeError, LIST + "many('llm_end') alone: write [many('llm_end')]"),
        ({"llm_end": 1}.keys(), TypeError, LIST + "dict_keys(['llm_end']): write list(...) around it"),
        (
            RecordingHandler(),
            TypeError,
            LIST + "<RecordingHandler: 0 events, 0 runs>: to compare two recordings, write its .names",
        ),
        (["llm_end", None], TypeError, ENTRY + "None"),
        ([1], TypeError, ENTRY + "1"),
        ([ValueError], TypeError, ENTRY + "ValueError"),
        (
            [["llm_end"]],
            TypeError,
            "assert_events: a list inside the list; concurrent runs are any_order([...], [...])",
        ),
        ([event], TypeError, "assert_events: event has to be called, as in event(...)"),
        ([many], TypeError, "assert_events: many has to be called, as in many(...)"),
        ([any_order], TypeError, "assert_events: any_order has to be called, as in any_order(...)"),
        (
            [Event(name="llm_end")],
            TypeError,
            "assert_events: <Event llm_end of an unknown run> was recorded; what is expected is a name, 'llm_end', or "
            "event(...)",
        ),
        ([...], ValueError, "assert_events: [...] matches everything; name at least one event"),
        ([..., ...], ValueError, "assert_events: [..., ...] matches everything; name at least one event"),
        (
            [..., many("text", min=0)],
            ValueError,
            "assert_events: [..., many('text', min=0)] matches everything; name at least one event",
        ),
        (["llm_endd"], ValueError, "'llm_endd' is not a callback event (did you mean 'llm_end' or 'tool_end'?)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_assert_events_refuses(expected: Any, error: type[Exception], message: str) -> None:
    """
    What is no list of expected events is refused, recorded or not, and the message says what to write instead.
    """
    for handler in (RecordingHandler(), record(*CHAIN)):
        with pytest.raises(error) as caught:
            handler.assert_events(expected)
        assert str(caught.value) == message


def test_a_generator_is_refused() -> None:
    """
    A generator is no list: it would be empty on the second look.
    """
    with pytest.raises(TypeError, match=r"not <generator .*>: write list\(\.\.\.\) around it$"):
        RecordingHandler().assert_events(name for name in ["llm_end"])  # type: ignore[arg-type]  # that is the test


def test_what_runs_code_of_its_own_is_refused() -> None:
    """
    A value whose ``repr`` fails is refused like any other.
    """

    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]  # as classes with __eq__ have it

    with pytest.raises(TypeError, match="<Hostile whose repr raised RuntimeError>"):
        RecordingHandler().assert_events([Hostile()])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (many, TypeError, "many() needs the events that may repeat, such as many('llm_new_token')"),
        (
            lambda: many(...),  # type: ignore[arg-type]  # that is the test
            TypeError,
            "many(...): ... stands for any events by itself; put it into the list, beside many()",
        ),
        (
            lambda: many(["llm_end", "text"]),  # type: ignore[arg-type]  # that is the test
            TypeError,
            "many(['llm_end', 'text']): pass the names one by one, many('llm_end', 'text')",
        ),
        (
            lambda: many(many("text")),  # type: ignore[arg-type]  # that is the test
            TypeError,
            "many(many('text')): many() repeats single events, names or event()",
        ),
        (lambda: many(event), TypeError, "many(): event has to be called, as in event(...)"),  # type: ignore[arg-type]  # that is the test
        (lambda: many(1), TypeError, "an event's name is a string such as 'llm_end', not 1"),  # type: ignore[arg-type]  # that is the test
        (
            lambda: many("chat_model_end"),
            ValueError,
            "'chat_model_end' is not a callback event: a chat model reports 'llm_end'.",
        ),
        (lambda: many("text", min=True), TypeError, "many(min=...) takes a whole number, not True"),
        (lambda: many("text", min="2"), TypeError, "many(min=...) takes a whole number, not '2'"),  # type: ignore[arg-type]  # that is the test
        (lambda: many("text", min=-1), ValueError, "many(min=-1): the least number of events is 0"),
        (
            any_order,
            TypeError,
            "any_order() needs a list for each concurrent run: any_order(['chain_start', ...], [...])",
        ),
        (
            lambda: any_order("text"),
            TypeError,
            "branch 1 of any_order takes a list of events, not a string: write ['text']",
        ),
        (
            lambda: any_order(["text"], {"text"}),
            TypeError,
            "branch 2 of any_order takes a list of events, not a set: events have an order, and a set has none",
        ),  # type: ignore[arg-type]  # that is the test
        (lambda: any_order(["text"], []), ValueError, "branch 2 of any_order is empty: a run sends at least its start"),
        (
            lambda: any_order([...]),
            ValueError,
            "branch 1 of any_order: [...] matches everything; name at least one event",
        ),
        (
            lambda: any_order(["text", ["text"]]),
            TypeError,
            "branch 1 of any_order: a list inside the list; concurrent runs are any_order([...], [...])",
        ),
        (
            event,
            TypeError,
            "event() matches everything: give it a name or an attribute, or write ... for any events",
        ),
        (lambda: event(1), TypeError, "an event's name is a string such as 'llm_end', not 1"),  # type: ignore[arg-type]  # that is the test
        (
            lambda: event("text", tag="prod"),
            TypeError,
            "'tag' is no attribute of an event (did you mean 'tags'?): the attributes are run, run_type, run_id, tags, "
            "metadata, parent, under, inputs, outputs, messages, text, token, tool_calls, usage, error, custom, data, "
            "payload, thread",
        ),
        (lambda: event(run=None), TypeError, "run= takes a run's name or a Run, not None"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(run=3), TypeError, "run= takes a run's name or a Run, not 3"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(under=None), TypeError, "under= takes a run's name or a Run, not None"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(parent=3), TypeError, "parent= takes a run's name, a Run or None for a root, not 3"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(metadata="x"), TypeError, "metadata= takes a dict, not 'x'"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(tags=3), TypeError, "tags= takes tags, such as {'prod'}, not 3"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(tags=[["a"]]), TypeError, "tags= takes tags, such as {'prod'}, not [['a']]"),  # type: ignore[list-item]  # that is the test
        (
            lambda: event(run_type="chatmodel"),
            ValueError,
            "run_type='chatmodel' is none of LangChain's (did you mean 'chat_model'?)",
        ),
    ],
)
def test_what_the_words_refuse(make: Callable[[], object], error: type[Exception], message: str) -> None:
    """
    Wrong use raises where it is written, naming what is wrong and what to write.
    """
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_a_runnable_is_no_name() -> None:
    """
    A runnable where a run's name belongs is refused, with the name that its runs have.
    """
    with pytest.raises(TypeError, match=r": write run='FakeListChatModel'$"):
        event(run=FakeListChatModel(responses=["x"]))  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize(
    ("word", "printed"),
    [
        (event("llm_end"), "event('llm_end')"),
        (event("on_llm_end", run="a", inputs={"q": 1}), "event('llm_end', run='a', inputs={'q': 1})"),
        (event(text="x" * 200), f"event(text='{'x' * 116}...)"),
        (many("text"), "many('text')"),
        (many("text", event("retry"), min=0), "many('text', event('retry'), min=0)"),
        (any_order(["text", ...], ["retry"]), "any_order(['text', ...], ['retry'])"),
    ],
)
def test_words_print_as_they_are_written(word: object, printed: str) -> None:
    """
    In a message the words look as in the test that wrote them, cut where a value is long.
    """
    assert repr(word) == printed


# Attributes. The events are those of the chain, each run with a payload of its own.


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
    Tags and metadata need to be contained, an exception class matches its instances, everything else is ``==``.
    """
    assert [handler.events.index(chosen) for chosen in handler.where(**attributes).events] == list(positions)


def test_a_run_as_an_attribute(handler: RecordingHandler) -> None:
    """
    A `Run` stands for itself, where a name stands for any run of that name; also as another handler heard it.
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
        "expected event('llm_end', parent=None) as event 1, but the handler recorded 'llm_end' with a parent run that "
        "the handler did not hear\n"
    )


def test_looking_for_an_event_prints_nothing() -> None:
    """
    The payloads of events that do not match are not printed; a ``repr`` of each would be ruinous.
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
    assert Counted.reprs == 1


@pytest.mark.parametrize(
    ("pattern", "difference"),
    [
        (event("llm_end", run="b"), "'llm_end' with run='m'"),
        (event("llm_error"), "'llm_end'"),
        (event("llm_end", parent="b"), "'llm_end' with parent='c'"),
        (event("llm_end", under="b"), "'llm_end' with under='c in outer'"),
        (event("llm_end", tags={"a"}), "'llm_end' with tags=()"),
        (event("llm_end", metadata={"a": 1}), "'llm_end' with metadata={}"),
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
    Where ``==`` raises, nobody knows whether two values are equal: neither a match nor a mismatch, but an error.
    """
    handler = record("chain_start a")
    handler.on_chain_end({"x": Array(1)}, run_id=run_id("a"))
    with pytest.raises(TypeError, match=r"^outputs=\{'x': .*\} cannot be compared .*: == raised ValueError: The truth"):
        handler.assert_no_events("chain_end", outputs={"x": Array(1)})
