"""What the recording handler hears of LangChain."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
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
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import ToolException, tool
from recordings import failure

from pytest_lc_callbacks import RecordingHandler, any_order, event, many


@pytest.fixture
def handler() -> RecordingHandler:
    """A handler that no observer stands beside."""
    return RecordingHandler()


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


async def drain(stream: Any) -> list[Any]:
    """Everything an asynchronous stream gives."""
    return [item async for item in stream]


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
