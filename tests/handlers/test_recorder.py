"""What the recording handler records, and that the program under test does not notice."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import pickle
import threading
import weakref
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.callbacks import (
    BaseCallbackHandler,
    CallbackManager,
)
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableGenerator, RunnableLambda, RunnablePassthrough
from recordings import record, run_id

from pytest_lc_callbacks import RecordingHandler
from pytest_lc_callbacks._handlers import recorder as room
from pytest_lc_callbacks._handlers.recorder import _HandlerBase, _methods


@pytest.fixture
def handler() -> RecordingHandler:
    """A handler that no observer stands beside."""
    return RecordingHandler()


# Every method.

EVENTS = sorted(_methods(_HandlerBase))


def arguments(method: str) -> dict[str, Any]:
    """A value for each argument of this method that is LangChain's own."""
    taken = {"run_id", "parent_run_id", "tags", "metadata", "kwargs"}
    return {name: f"the {name}" for name in _methods(_HandlerBase)[method] if name not in taken}


@pytest.mark.parametrize("method", EVENTS)
@pytest.mark.parametrize("how", ["by position", "by keyword"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_every_method_records(handler: RecordingHandler, method: str, how: str, awaited: bool) -> None:
    """
    Every method that the installed handler has records an event, called by position or keyword, awaited or not.
    """
    given = arguments(method)
    keyword_only = inspect.signature(getattr(_HandlerBase, method)).parameters
    positional = [name for name in given if keyword_only[name].kind is not inspect.Parameter.KEYWORD_ONLY]
    args = [given[name] for name in positional] if how == "by position" else []
    kwargs = {name: value for name, value in given.items() if not (args and name in positional)}
    ids: Any = {"run_id": uuid4(), "parent_run_id": uuid4()}

    async def call() -> None:
        result = getattr(handler, method)(*args, **kwargs, **ids)
        if awaited:
            await result

    asyncio.run(call())
    [recorded] = handler.events
    assert recorded.name == method.removeprefix("on_")
    assert recorded.payload == given
    assert (recorded.run_id, recorded.parent_run_id) == (ids["run_id"], ids["parent_run_id"])
    assert recorded.thread == threading.get_ident()
    assert recorded.time > 0


@pytest.mark.parametrize("method", EVENTS)
def test_methods_look_as_written(method: str) -> None:
    """
    A method has its own name and a docstring, which tracebacks and ``help`` show.
    """
    function = getattr(RecordingHandler, method)
    assert (function.__name__, function.__qualname__) == (method, f"RecordingHandler.{method}")
    assert function.__doc__ == f"Record ``{method.removeprefix('on_')!r}``."


def test_an_event_that_langchain_does_not_have_yet() -> None:
    """
    The methods are read from LangChain's own class, with their arguments.
    """

    class Tomorrow(BaseCallbackHandler):
        def on_dream(self, what: Any, *, run_id: UUID, colour: str = "", **kwargs: Any) -> Any:
            """Not yet."""

    assert _methods(Tomorrow)["on_dream"] == ("what", "run_id", "colour", "kwargs")
    handler = RecordingHandler()
    room._recorder("dream", ("what",))(handler, "sheep", run_id=run_id("a"), colour="grey")
    assert handler.events[0].payload == {"what": "sheep", "colour": "grey"}


class Hostile:
    """Says no to whatever is done with it."""

    def _refuse(self, *args: object) -> Any:
        raise RuntimeError("touched")

    __repr__ = __str__ = __bool__ = __len__ = __iter__ = __eq__ = __getattr__ = _refuse
    __hash__ = object.__hash__
    __class__ = property(_refuse)  # type: ignore[assignment]  # as lazy proxies have it


class HostileDict(dict):  # type: ignore[type-arg]  # any
    """A dict whose own methods fail."""

    def _refuse(self, *args: object) -> Any:
        raise RuntimeError("touched")

    keys = items = values = __iter__ = __getitem__ = __len__ = copy = __copy__ = _refuse  # type: ignore[assignment]  # that is the test


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((None,), {}),
    ((1, 2, 3, 4, 5), {}),
    ((Hostile(), Hostile()), {"run_id": uuid4(), "extra": Hostile()}),
    ((HostileDict(a=1), HostileDict(a=1)), {"run_id": uuid4(), "metadata": HostileDict(a=1)}),
    (("x", "y"), {"run_id": "not a uuid", "parent_run_id": 3, "tags": 5, "metadata": "x"}),
    (("x", "y"), {"run_id": [], "parent_run_id": {}, "tags": "prod", "metadata": []}),
    ((), {"token": None, "messages": 3, "serialized": "x", "event": 7, "inputs": Hostile(), "name": 5}),
    (({}, [None]), {"run_id": uuid4(), "tags": None, "metadata": None, "name": None}),
]


@pytest.mark.parametrize("method", EVENTS)
@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_nothing_that_is_passed_raises(handler: RecordingHandler, method: str, call: Any) -> None:
    """
    Whatever a handler is called with, it records; the program under test hears no complaint from it.
    """
    args, kwargs = call
    getattr(handler, method)(*args, **kwargs)
    assert handler.names == [method.removeprefix("on_")]
    assert len(handler.events) == 1
    assert str(handler.tree) is not None


USUAL: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (({}, {"number": 1}), {"name": "chain", "run_id": run_id("a"), "tags": ["x"], "metadata": {"k": 1}}),
    (({}, ["in"]), {"name": "chain", "run_type": None, "run_id": run_id("a"), "tags": [], "metadata": {}}),
    (({}, "in"), {"name": "chain", "run_id": run_id("a"), "parent_run_id": run_id("b"), "metadata": None}),
    (({"answer": 42},), {"run_id": run_id("a"), "parent_run_id": run_id("b"), "tags": ["x"]}),
    (({"answer": 42},), {"run_id": run_id("a"), "inputs": {"number": 1}}),
    (("token",), {"chunk": "chunk", "run_id": run_id("a"), "parent_run_id": run_id("b"), "tags": ["x"]}),
    (("token",), {"run_id": run_id("a"), "tags": None}),
]


@pytest.mark.parametrize("method", ["on_chain_start", "on_chain_end", "on_llm_new_token"])
@pytest.mark.parametrize("call", [*CALLS, *USUAL], ids=range(len(CALLS) + len(USUAL)))
def test_frequent_events_are_recorded_as_any(handler: RecordingHandler, method: str, call: Any) -> None:
    """
    The methods of frequent events store what the method for any event would store.
    """
    args, kwargs = call
    name = method.removeprefix("on_")
    room._recorder(name, _methods(_HandlerBase)[method])(handler, *args, **kwargs)
    getattr(handler, method)(*args, **kwargs)
    (*as_any, _, _), (*own, _, _) = (handler._log.record(position)[:7] for position in (0, 1))
    assert own == as_any
    assert handler.events[1].payload == handler.events[0].payload


# No effect on the program under test.


def test_payloads_are_not_touched(handler: RecordingHandler) -> None:
    """
    The handler asks nothing of a payload: no ``repr``, ``==``, ``len``, truth or iteration.
    """

    class Silent(Hostile):
        __class__ = object.__dict__["__class__"]  # LangChain itself asks for it

    value = Silent()
    result = RunnablePassthrough().invoke(value, {"callbacks": [handler]})
    assert result is value
    assert handler.events[0].inputs is value


def test_generators_are_not_touched(handler: RecordingHandler) -> None:
    """
    A generator among inputs or outputs loses nothing to the handler.
    """
    numbers = (n for n in range(3))
    assert list(RunnablePassthrough().invoke(numbers, {"callbacks": [handler]})) == [0, 1, 2]

    def double(items: Iterator[int]) -> Iterator[int]:
        yield from (2 * n for n in items)

    assert list(RunnableGenerator(double).transform(iter([1, 2]), {"callbacks": [handler]})) == [2, 4]
    handler.assert_finished()
    handler.snapshot()


def test_later_changes_do_not_enter(handler: RecordingHandler) -> None:
    """
    A recorded dict, list or set stays as it was, whatever the caller does to its own.
    """
    inputs: Any = {"a": 1}
    outputs: Any = {"b"}
    batch: Any = [HumanMessage("one")]
    tags, metadata = ["t"], {"m": 1}
    ids: Any = {"run_id": run_id("a")}
    handler.on_chain_start({"name": "x"}, inputs, **ids, tags=tags, metadata=metadata, name="x")
    handler.on_chat_model_start(
        {"name": "x"}, [batch], run_id=run_id("b"), tags=tags, metadata=metadata, options=inputs
    )
    handler.on_llm_new_token("x", **ids, tags=tags, chunk=None)
    handler.on_custom_event("x", inputs, **ids, tags=tags, metadata=metadata)
    handler.on_chain_end(outputs, **ids, tags=tags)
    before = copy.deepcopy([(e.tags, e.metadata, e.payload, e.messages) for e in handler.events])
    for container in (inputs, metadata):
        container["added"] = 2
    for container in (batch, tags):
        container.append("added")
    outputs.add("added")
    assert [(e.tags, e.metadata, e.payload, e.messages) for e in handler.events] == before
    assert handler.events[0].inputs == {"a": 1}
    assert handler.events[1].messages == [HumanMessage("one")]
    assert handler.events[4].outputs == {"b"}


def test_a_body_that_changes_its_input(handler: RecordingHandler) -> None:
    """
    The recorded start of a chain has the inputs as they were at the start.
    """

    def change(state: dict[str, int]) -> dict[str, int]:
        state["a"] = 2
        return state

    RunnableLambda(change).invoke({"a": 1}, {"callbacks": [handler]})
    assert handler.one("chain_start").payload["inputs"] == {"a": 1}
    assert handler.one("chain_end").outputs == {"a": 2}


def test_dicts_of_other_classes_are_copied(handler: RecordingHandler) -> None:
    """
    A dict of a class of its own is copied as a dict, whatever that class does; a list or a set likewise.
    """

    class State(dict[str, int]):
        def copy(self) -> State:
            raise RuntimeError

    state = State(a=1)
    handler.on_chain_start(None, state, run_id=uuid4(), name="x")
    state["a"] = 2
    assert handler.events[0].inputs == {"a": 1}


def test_a_handler_is_itself(handler: RecordingHandler) -> None:
    """
    Handlers are equal by identity alone: LangChain drops handlers that are equal to another.
    """
    assert handler == handler
    assert handler != RecordingHandler()
    assert len({handler, RecordingHandler()}) == 2
    assert RecordingHandler.__eq__ is object.__eq__
    assert RecordingHandler.__hash__ is object.__hash__


def test_a_copy_is_the_handler(handler: RecordingHandler) -> None:
    """
    A copy of a model or a manager has the same handler: a copied handler would record where no test looks.
    """
    model = FakeListChatModel(responses=["x"], callbacks=[handler])
    manager = CallbackManager(handlers=[handler])
    assert copy.copy(handler) is copy.deepcopy(handler) is handler
    assert copy.deepcopy([handler])[0] is handler
    assert copy.deepcopy(manager).handlers[0] is handler
    for copied in (model.model_copy(), model.model_copy(deep=True), copy.deepcopy(model)):
        assert copied.callbacks == [handler]
        copied.invoke("a")
    handler.assert_events(["chat_model_start", "llm_end"] * 3)


def test_pickling_says_why_not(handler: RecordingHandler) -> None:
    """
    A handler cannot be pickled, and says what to do instead.
    """
    with pytest.raises(
        TypeError, match=r"^a RecordingHandler cannot be pickled, .* keep recording\.snapshot\(\) instead$"
    ):
        pickle.dumps(handler)


def test_a_handler_switches_nothing_on(handler: RecordingHandler) -> None:
    """
    A handler has what LangChain asks of it and no more: not inline, not raising, not streaming, ignoring nothing.
    """
    assert (handler.run_inline, handler.raise_error) == (False, False)
    assert not any(getattr(handler, name) for name in dir(BaseCallbackHandler) if name.startswith("ignore_"))
    for name in ("tap_output_iter", "tap_output_aiter", "on_whatever", "__getattr__"):
        assert not hasattr(handler, name)
    FakeListChatModel(responses=["abc"]).invoke("a", {"callbacks": [handler]})
    assert handler.names == ["chat_model_start", "llm_end"]


# Threads.


def test_thirty_two_threads_lose_nothing(handler: RecordingHandler) -> None:
    """
    Any number of threads may record at once: no event is lost, and each thread's own order holds.
    """
    threads, events = 32, 5_000
    ready = threading.Barrier(threads)

    def feed(number: int) -> None:
        ids: Any = {"run_id": UUID(int=number + 1)}
        ready.wait()
        handler.on_chat_model_start({}, [[]], **ids, name=f"run{number}")
        for n in range(events - 2):
            handler.on_llm_new_token(str(n), chunk=n, **ids)  # type: ignore[arg-type]  # any object will do
        handler.on_llm_end(None, **ids)  # type: ignore[arg-type]  # any object will do

    workers = [threading.Thread(target=feed, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        # Reading meanwhile sees whole records.
        assert len(handler.runs) <= threads
        assert set(handler.names) <= {"chat_model_start", "llm_new_token", "llm_end"}
    assert len(handler.names) == threads * events
    assert len(handler.runs) == threads
    for run in handler.runs:
        recorded = run.events
        assert len({event.thread for event in recorded}) == 1
        assert [event.token for event in recorded[1:-1]] == [str(n) for n in range(events - 2)]
        assert (recorded[0].name, recorded[-1].name) == ("chat_model_start", "llm_end")


# Letting go.


class Thing:
    """What can be watched."""


def test_clear_lets_go(handler: RecordingHandler) -> None:
    """
    After ``clear`` the handler holds no payload, no exception and no frame, and records on.
    """
    thing = Thing()
    gone = weakref.ref(thing)
    handler.on_chain_start(None, {"thing": thing}, run_id=run_id("a"), name="a")
    handler.on_chain_error(ValueError(thing), run_id=run_id("a"))
    assert len(handler.runs) == 1
    handler.clear()
    del thing
    gc.collect()
    assert gone() is None
    assert (handler.names, handler.runs) == ([], [])
    record("chain_start b", into=handler)
    assert handler.names == ["chain_start"]
