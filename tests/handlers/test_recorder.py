"""The recording handler in the hands of the real LangChain."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import pickle
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    CallbackManager,
    CallbackManagerForRetrieverRun,
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel, FakeListLLM, GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableGenerator, RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.tools import ToolException, tool
from recordings import failure, record, run_id

from pytest_lc_callbacks import RecordingHandler, any_order, event, many
from pytest_lc_callbacks._handlers import recorder as room
from pytest_lc_callbacks._handlers.recorder import _HandlerBase, _methods

PROMPT = ChatPromptTemplate.from_template("What is 1 + {number}?")
MODEL = FakeListChatModel(responses=["3"])
LINEAR = [
    "chain_start",
    *("chain_start", "chain_end"),
    *("chat_model_start", "llm_end"),
    *("chain_start", "chain_end"),
    "chain_end",
]
STREAMED = [
    "chain_start",
    *("chain_start", "chain_end"),
    *("chat_model_start", "llm_new_token", "chain_start", many("llm_new_token", min=0), "llm_end", "chain_end"),
    "chain_end",
]
ONE = ["chain_start", "chat_model_start", "llm_end", "chain_end"]


@pytest.fixture
def handler() -> RecordingHandler:
    """A handler that no observer stands beside."""
    return RecordingHandler()


async def drain(stream: Any) -> list[Any]:
    """Everything an asynchronous stream gives."""
    return [item async for item in stream]


# What LangChain sends, in all its ways to call.

CHAIN = PROMPT | MODEL | StrOutputParser()
INPUT: Any = {"number": 2}
WAYS: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
    "invoke": (lambda c: CHAIN.invoke(INPUT, c), LINEAR),
    "ainvoke": (lambda c: asyncio.run(CHAIN.ainvoke(INPUT, c)), LINEAR),
    "stream": (lambda c: list(CHAIN.stream(INPUT, c)), STREAMED),
    "astream": (lambda c: asyncio.run(drain(CHAIN.astream(INPUT, c))), STREAMED),
    "batch": (lambda c: RunnableLambda(MODEL.invoke).batch(["a", "b"], c), [any_order(ONE, ONE)]),
    "abatch": (lambda c: asyncio.run(MODEL.abatch(["a", "b"], c)), [any_order(*[["chat_model_start", "llm_end"]] * 2)]),
    "parallel": (
        lambda c: RunnableParallel(a=MODEL, b=RunnableLambda(str)).invoke("x", c),
        ["chain_start", any_order(["chat_model_start", "llm_end"], ["chain_start", "chain_end"]), "chain_end"],
    ),
    "text model": (lambda c: FakeListLLM(responses=["x"]).invoke("a", c), ["llm_start", "llm_end"]),
    "text model, async": (
        lambda c: asyncio.run(FakeListLLM(responses=["x"]).ainvoke("a", c)),
        ["llm_start", "llm_end"],
    ),
    "model.stream": (
        lambda c: list(FakeListChatModel(responses=["abc"]).stream("a", c)),
        ["chat_model_start", many("llm_new_token", min=3), "llm_end"],
    ),
    "a failing model": (
        lambda c: swallow(lambda: GenericFakeChatModel(messages=iter([])).invoke("a", c)),
        ["chat_model_start", "llm_error"],
    ),
}


def swallow(call: Callable[[], object]) -> None:
    """Make a call that may fail."""
    try:
        call()
    except (ToolException, RuntimeError, StopIteration, ValueError):
        return


@pytest.mark.parametrize("way", WAYS)
def test_what_langchain_sends(handler: RecordingHandler, way: str) -> None:
    """
    However a component is called, every event is recorded once, and every run has ended.
    """
    call, expected = WAYS[way]
    call({"callbacks": [handler]})
    handler.assert_events(expected)
    handler.assert_finished()


def test_what_an_event_of_a_chain_holds(handler: RecordingHandler) -> None:
    """
    An event has LangChain's arguments under LangChain's names, and the facts of its run.
    """
    CHAIN.invoke({"number": 2}, {"callbacks": [handler], "tags": ["mine"], "metadata": {"team": "x"}})
    start = handler.one("chat_model_start")
    assert start.run_name == "FakeListChatModel"
    assert start.run_type == "chat_model"
    assert {"mine", "seq:step:2"} <= set(start.tags)
    assert start.metadata["team"] == "x"
    assert start.messages == [HumanMessage("What is 1 + 2?")]
    assert {"serialized", "messages", "invocation_params", "options"} <= set(start.payload)
    end = handler.one("llm_end")
    assert set(end.payload) == {"response"}
    assert (end.text, end.run_name, end.metadata["team"]) == ("3", "FakeListChatModel", "x")
    root = handler.one("chain_end", parent=None)
    assert (root.inputs, root.outputs) == ({"number": 2}, "3")
    assert root.payload == {"outputs": "3"}
    assert handler.one("chain_start", run_type="prompt").inputs == {"number": 2}
    assert handler.one("chain_end", run_type="parser").outputs == "3"


@pytest.mark.parametrize("how", ["stream", "astream"])
def test_tokens_by_position_and_by_keyword(handler: RecordingHandler, how: str) -> None:
    """
    LangChain passes a token by keyword in a synchronous run, by position in an asynchronous one.
    """
    model = FakeListChatModel(responses=["abc"])
    if how == "stream":
        list(model.stream("x", {"callbacks": [handler]}))
    else:
        asyncio.run(drain(model.astream("x", {"callbacks": [handler]})))
    tokens = handler.where("llm_new_token")
    assert "".join(event.token or "" for event in tokens.events) == "abc"
    assert all(set(event.payload) == {"token", "chunk"} for event in tokens.events)


def test_the_inputs_of_a_stream(handler: RecordingHandler) -> None:
    """
    The real inputs of a streamed chain are known once it ended.
    """
    list(CHAIN.stream({"number": 2}, {"callbacks": [handler]}))
    assert handler.one("chain_start", parent=None).inputs == {"number": 2}
    assert handler.count(parent=None, inputs={"number": 2}) == 2


@tool
def search(q: str) -> str:
    """Search."""
    if q == "fail":
        raise ToolException("disk full")
    return q.upper()


CALL: Any = {"name": "search", "args": {"q": "x"}, "id": "call-1", "type": "tool_call"}


def test_a_tool(handler: RecordingHandler) -> None:
    """
    A tool's run has the tool's name, its arguments as inputs and what it returned as outputs.
    """
    search.invoke(CALL, {"callbacks": [handler]})
    handler.assert_events([event("tool_start", run="search", inputs={"q": "x"}), event("tool_end", run="search")])
    assert handler.one("tool_end").outputs.content == "X"


def test_tools_that_fail(handler: RecordingHandler) -> None:
    """
    ``assert_no_errors`` counts a tool that raises and a tool whose failure LangChain turned into a message.
    """
    failing = {**CALL, "args": {"q": "fail"}}
    with pytest.raises(ToolException):
        search.invoke(failing, {"callbacks": [handler]})
    handler.assert_events(["tool_start", event("tool_error", error=ToolException)])
    assert "search raised ToolException('disk full')" in failure(handler.assert_no_errors)
    handler.clear()
    search.model_copy(update={"handle_tool_error": True}).invoke(failing, {"callbacks": [handler]})
    handler.assert_events(["tool_start", "tool_end"])
    assert "search answered with an error" in failure(handler.assert_no_errors)


def test_a_retriever(handler: RecordingHandler) -> None:
    """
    A retriever's run has the query and the documents.
    """

    class Fixed(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
            return [Document(query)]

    Fixed().invoke("cats", {"callbacks": [handler]})
    handler.assert_events(
        [event("retriever_start", run="Fixed", inputs="cats"), event("retriever_end", outputs=[Document("cats")])]
    )


def test_custom_events(handler: RecordingHandler) -> None:
    """
    A custom event is recorded with its name and data, and belongs to the run that sent it.
    """

    def work(x: int) -> int:
        dispatch_custom_event("progress", {"percent": x})
        return x

    async def awork(x: int) -> int:
        await adispatch_custom_event("progress", {"percent": x})
        return x

    RunnableLambda(work, name="job").invoke(50, {"callbacks": [handler]})
    asyncio.run(RunnableLambda(awork, name="job").ainvoke(75, {"callbacks": [handler]}))

    percents = [{"percent": 50}, {"percent": 75}]
    expected = [event(run="job", custom="progress", data=data, parent=None) for data in percents]
    handler.where("custom_event").assert_events(expected)


def test_a_repeated_run_id(handler: RecordingHandler) -> None:
    """
    ``with_config(run_id=...)`` repeats the id with every call; each call is a run of its own.
    """
    named = RunnableLambda(str).with_config(run_id=uuid4(), callbacks=[handler])
    named.invoke(1)
    named.invoke(2)
    assert [(run.inputs, run.status) for run in handler.runs] == [(1, "ended"), (2, "ended")]
    handler.assert_events(["chain_start", "chain_end"] * 2)


def test_given_twice(handler: RecordingHandler) -> None:
    """
    A handler that is in a list twice gets the root's events twice, and the failure says so.
    """
    CHAIN.invoke({"number": 2}, {"callbacks": [handler, handler]})
    assert "more than once" in failure(handler.assert_events, LINEAR)
    assert len(handler.runs) == 4


def test_given_in_two_scopes(handler: RecordingHandler) -> None:
    """
    A handler in the constructor and at run time gets each event once: LangChain tells handlers apart by identity.
    """
    FakeListChatModel(responses=["x"], callbacks=[handler]).invoke("a", {"callbacks": [handler]})
    handler.assert_events(["chat_model_start", "llm_end"])


def test_a_constructor_hears_its_own_component_alone(handler: RecordingHandler) -> None:
    """
    The failure of a test that expects the whole chain from a constructor says what to do.
    """
    (PROMPT | FakeListChatModel(responses=["3"], callbacks=[handler])).invoke({"number": 2})
    handler.assert_events(["chat_model_start", "llm_end"])
    message = failure(handler.assert_events, LINEAR)
    assert "hint: the handler heard FakeListChatModel but not its parent run" in message


def test_a_cancelled_call_stays_open(handler: RecordingHandler) -> None:
    """
    LangChain sends no end for a cancelled ``ainvoke``; the run is open.
    """

    class Waiting(FakeListChatModel):
        async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
            reached.set()
            await asyncio.Event().wait()

    async def cancelled() -> None:
        task = asyncio.create_task(Waiting(responses=["x"]).ainvoke("a", {"callbacks": [handler]}))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    reached = asyncio.Event()
    asyncio.run(cancelled())
    handler.assert_events(["chat_model_start"])
    assert "1 of 1 is open: Waiting" in failure(handler.assert_finished)


def test_streams_closed_early(handler: RecordingHandler) -> None:
    """
    A stream that is closed early ends with an error that is no `Exception`; it is recorded like any.
    """
    stream = FakeListChatModel(responses=["abc"]).stream("a", {"callbacks": [handler]})
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]  # a generator has it
    handler.assert_events(["chat_model_start", "llm_new_token", event("llm_error", error=GeneratorExit)])


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


class Counting(BaseCallbackHandler):
    """A user's own handler."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        self.heard.append("llm_start")

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.heard.append("llm_end")


class AsyncCounting(AsyncCallbackHandler):
    """The same with coroutines."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        self.heard.append("llm_start")

    async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.heard.append("llm_end")


@pytest.mark.parametrize("other", [Counting, AsyncCounting])
@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
def test_other_handlers_lose_nothing(handler: RecordingHandler, other: Any, how: str) -> None:
    """
    Other handlers get ``llm_start``, which they miss beside an inline handler (langchain-ai/langchain#39633).
    """
    beside = other()
    model = FakeListLLM(responses=["x"])
    config: Any = {"callbacks": [handler, beside]}
    if how == "invoke":
        model.invoke("a", config)
    else:
        asyncio.run(model.ainvoke("a", config))
    assert beside.heard == handler.names == ["llm_start", "llm_end"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a method can be marked as a coroutine since Python 3.12")
@pytest.mark.parametrize("how", ["ainvoke", "astream"])
def test_no_hop_to_another_thread(handler: RecordingHandler, how: str) -> None:
    """
    In an asynchronous run every event is recorded in the loop's own thread, though the handler is not inline.
    """

    async def run() -> int:
        config: Any = {"callbacks": [handler]}
        await (CHAIN.ainvoke(INPUT, config) if how == "ainvoke" else drain(CHAIN.astream(INPUT, config)))
        return threading.get_ident()

    thread = asyncio.run(run())
    assert {event.thread for event in handler.events} == {thread}
    assert handler.runs[0].ended


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


# langgraph.


def graph_with_interrupt() -> Any:
    """A graph whose only node asks a person."""
    pytest.importorskip("langgraph.callbacks", reason="interrupt and resume are events since langgraph 1.1")
    from typing import TypedDict

    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import interrupt

    class State(TypedDict):
        answer: str

    def ask(state: State) -> State:
        return {"answer": interrupt("approve?")}

    graph = StateGraph(State)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=InMemorySaver())


def test_interrupt_and_resume(handler: RecordingHandler) -> None:
    """
    langgraph's interrupt and resume are recorded in the graph's run, and an interrupt is no error.
    """
    graph = graph_with_interrupt()
    from langgraph.types import Command

    config: Any = {"configurable": {"thread_id": "1"}, "callbacks": [handler]}
    graph.invoke({"answer": ""}, config)
    handler.assert_events(
        [event("chain_start", run="LangGraph"), ..., "interrupt", ..., event("chain_end", run="LangGraph")]
    )
    assert handler.one("interrupt").run_name == "LangGraph"
    assert handler.one("interrupt").payload["event"].interrupts[0].value == "approve?"
    handler.assert_no_errors()
    handler.clear()
    assert graph.invoke(Command(resume="yes"), config) == {"answer": "yes"}
    assert handler.one("resume").run_name == "LangGraph"
    handler.assert_no_errors()
    handler.assert_finished()


def test_an_error_in_a_graph_is_an_error(handler: RecordingHandler) -> None:
    """
    ``assert_no_errors`` counts what a node of a graph raises by mistake.
    """
    from langgraph.graph import START, StateGraph

    def fail(state: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("missing")

    graph = StateGraph(dict)
    graph.add_node("fail", fail)
    graph.add_edge(START, "fail")
    with pytest.raises(KeyError):
        graph.compile().invoke({}, {"callbacks": [handler]})
    assert "raised KeyError('missing')" in failure(handler.assert_no_errors)


def test_an_agent_loop(handler: RecordingHandler) -> None:
    """
    ``where`` finds the events of a tool inside a chain.
    """
    chain = (
        RunnableLambda(lambda _: AIMessage("", tool_calls=[CALL])) | (lambda message: message.tool_calls[0]) | search
    )
    chain.invoke("x", {"callbacks": [handler]})
    assert handler.where(run_type="tool").names == ["tool_start", "tool_end"]
    assert handler.one("tool_start").run is not None
    handler.where(under="RunnableSequence").assert_finished()
