"""Programs that do nothing wrong: each of these tests is watched, with warnings as errors, and hears of no finding."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict
from uuid import uuid4

import pytest
from healthy import Waiting, asked, boom, chain, forever, model
from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import HumanMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.runnables.config import merge_configs
from langchain_core.tools import tool
from langchain_core.tracers.context import collect_runs
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from pytest_lc_callbacks import FakeChatModel, RecordingHandler

pytestmark = pytest.mark.lc_callbacks


async def cancelled(call):
    """Cancel *call* once it waits."""
    event = asyncio.Event()
    asked.put(event)
    task = asyncio.ensure_future(call)
    await event.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool
def skipping(a: int) -> int:
    """Skip."""
    pytest.skip("not today")


@tool
async def waiting(a: int) -> int:
    """Wait."""
    asked.get_nowait().set()
    await forever()


class WaitingRetriever(BaseRetriever):
    """A retriever that never answers."""

    def _get_relevant_documents(self, query, *, run_manager):
        raise NotImplementedError

    async def _aget_relevant_documents(self, query, *, run_manager):
        asked.get_nowait().set()
        await forever()


@pytest.mark.parametrize(
    "call",
    [
        lambda: Waiting().ainvoke("x"),
        lambda: chain(Waiting()).ainvoke({"x": 1}),
        lambda: Waiting().agenerate([[HumanMessage("x")]]),
        lambda: waiting.ainvoke({"a": 1}),
        lambda: (RunnableLambda(lambda value: value) | waiting).ainvoke({"a": 1}),
        lambda: WaitingRetriever().ainvoke("x"),
    ],
    ids=["model", "chain", "agenerate", "tool", "chain with tool", "retriever"],
)
def test_a_cancelled_call(call):
    """
    LangChain ends no cancelled call of a chat model, a tool or a retriever, and the user cannot end it.
    """

    async def program():
        await cancelled(call())

    asyncio.run(program())


def test_a_cancelled_stream():
    """
    A cancelled stream ends with the cancellation.
    """

    async def read():
        async for _ in chain(Waiting()).astream({"x": 1}):
            pass

    async def program():
        await cancelled(read())

    asyncio.run(program())


def test_a_skip_in_a_tool():
    """
    LangChain ends no run of a tool that is left by anything but an `Exception`.
    """
    for runnable in (skipping, RunnableLambda(lambda value: value) | skipping):
        with pytest.raises(pytest.skip.Exception):
            runnable.invoke({"a": 1})


def test_generate_that_fails_half_way():
    """
    When one of several calls of `generate` fails, LangChain ends none of the others.
    """
    llm = FakeChatModel(responses=["ok", ValueError("bad")])

    with pytest.raises(ValueError, match="bad"):
        llm.generate([[HumanMessage("a")], [HumanMessage("b")]])


def handler(event):
    """A handler that means to stop the run."""

    def on_event(self, *args, **kwargs):
        raise ValueError("stop")

    return type("Strict", (BaseCallbackHandler,), {"raise_error": True, f"on_{event}": on_event})()


@pytest.mark.parametrize("event", ["chain_start", "chain_end", "chat_model_start", "llm_end"])
@pytest.mark.parametrize("mode", ["invoke", "ainvoke", "stream", "astream"])
def test_a_handler_with_raise_error(event, mode):
    """
    A handler with `raise_error = True` raises into the program: nothing is swallowed, and LangChain leaves the run
    open.
    """
    config = {"callbacks": [handler(event)]}

    async def read():
        return [chunk async for chunk in chain().astream({"x": 1}, config)]

    calls = {
        "invoke": lambda: chain().invoke({"x": 1}, config),
        "ainvoke": lambda: asyncio.run(chain().ainvoke({"x": 1}, config)),
        "stream": lambda: list(chain().stream({"x": 1}, config)),
        "astream": lambda: asyncio.run(read()),
    }
    with pytest.raises(ValueError, match="stop"):
        calls[mode]()


class Inline(BaseCallbackHandler):
    """What LangChain's tracers are like."""

    run_inline = True


def test_the_lost_start_of_a_text_llm():
    """
    Beside an inline handler LangChain tells nobody else that a text LLM starts: langchain-ai/langchain#39633.
    """

    class Failing(FakeListLLM):
        async def _acall(self, *args, **kwargs):
            raise ValueError("down")

    asyncio.run(FakeListLLM(responses=["x"]).ainvoke("q", {"callbacks": [Inline()]}))
    with pytest.raises(ValueError, match="down"):
        asyncio.run(Failing(responses=["x"]).ainvoke("q", {"callbacks": [Inline()]}))


@pytest.mark.parametrize("name", [None, "robust"])
@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_the_orphans_of_fallbacks(name, mode):
    """
    A call of `with_fallbacks` leaves runs without a parent: langchain-ai/langchain#36072.
    """
    robust = RunnableLambda(boom).with_fallbacks([FakeListChatModel(responses=["ok"])])
    robust = robust.with_config(run_name=name) if name else robust
    config = {"callbacks": [RecordingHandler()]}

    if mode == "invoke":
        robust.invoke("x", config)
    else:
        asyncio.run(robust.ainvoke("x", config))


def test_a_coroutine_handler_without_chat_model_start():
    """
    A coroutine handler without `on_chat_model_start` raises NotImplementedError, and the user cannot help it.
    """
    chain().invoke({"x": 1}, {"callbacks": [AsyncCallbackHandler()]})


def test_merged_callbacks():
    """
    A call that adds callbacks to those of the run around it replaces nothing.
    """
    added = RecordingHandler()

    def inside(value, config):
        return model().invoke(value, merge_configs(config, {"callbacks": [added]}))

    RunnableLambda(inside).invoke("x", {"callbacks": [RecordingHandler()]})


def test_the_same_handler_for_constructor_and_call(recording_handler):
    """
    LangChain sends a handler that is given in both places each event once.
    """
    model(callbacks=[recording_handler]).invoke("x", {"callbacks": [recording_handler]})


def test_a_repeated_run_id():
    """
    `with_config(run_id=...)` repeats a run id, also at the same time, and no event is doubled by that.
    """
    runnable = RunnableLambda(lambda value: value).with_config(run_id=uuid4())
    recording = RecordingHandler()

    runnable.invoke(1, {"callbacks": [recording]})
    runnable.batch([1, 2, 3], {"callbacks": [recording]})


def test_runs_beside_each_other():
    """
    Threads, batches and parallels have runs beside each other, and nothing is reported of them.
    """

    def fan_out(value):
        with ThreadPoolExecutor(2) as executor:
            return list(executor.map(model().invoke, [value, value]))

    RunnableLambda(fan_out).invoke("q")
    RunnableParallel(a=chain(), b=chain()).invoke({"x": 1})
    chain().batch([{"x": 1}, {"x": 2}])
    asyncio.run(chain().abatch([{"x": 1}, {"x": 2}]))
    FakeListLLM(responses=["abc"]).batch(["q", "r"])


def test_retries():
    """
    An attempt that fails ends its run, and the next attempt is another run.
    """
    attempts = []

    def second_time_lucky(value):
        attempts.append(value)
        return value if len(attempts) > 1 else boom(value)

    RunnableLambda(second_time_lucky).with_retry(wait_exponential_jitter=False).invoke(1)


def test_handlers_of_langchains_own():
    """
    Handlers that LangChain adds by itself are healthy: usage, collected runs, listeners, the events API.
    """

    async def read():
        return [event async for event in chain().astream_events({"x": 1}, version="v2")]

    with get_usage_metadata_callback(), collect_runs():
        chain().invoke({"x": 1})
    RunnableLambda(lambda value: value).with_listeners(on_end=lambda run: None).invoke(1)
    asyncio.run(read())


def scripted_agent():
    """An agent that calls tools, two at once."""
    llm = FakeChatModel()
    llm.respond(tool_calls=[("add", {"a": 1, "b": 2}), ("add", {"a": 1, "b": 3})]).respond("ok", optional=True)
    return create_agent(llm, [add])


def test_an_agent():
    """
    An agent is healthy, sync and async, read to its end and left early.
    """

    async def leave_early():
        async for _ in scripted_agent().astream({"messages": ["hi"]}, stream_mode="messages"):
            break

    scripted_agent().invoke({"messages": ["hi"]})
    asyncio.run(scripted_agent().ainvoke({"messages": ["hi"]}))
    for _ in scripted_agent().stream({"messages": ["hi"]}, stream_mode="messages"):
        break
    asyncio.run(leave_early())


class State(TypedDict):
    """A graph's."""

    x: str


def test_a_graph_that_asks_a_human(recording_handler):
    """
    An interrupt is no error, and a graph that is resumed begins anew.
    """
    graph = StateGraph(State)
    graph.add_node("ask", lambda state: {"x": interrupt("sure?")})
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    compiled = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}, "callbacks": [recording_handler]}

    compiled.invoke({"x": ""}, config)
    compiled.invoke(Command(resume="yes"), config)


def test_branches_that_go_on_after_one_failed():
    """
    Where one branch of an async parallel fails, LangChain lets the others go on and begin runs under what has failed.
    """

    async def slow(value):
        await go.wait()
        return await model().ainvoke(value)

    async def program():
        both = RunnableParallel(bad=RunnableLambda(boom), slow=RunnableLambda(slow))
        with pytest.raises(ValueError, match="x"):
            await both.ainvoke("x")
        go.set()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    go = asyncio.Event()
    asyncio.run(program())


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_callbacks_that_are_emptied(mode):
    """
    A call with `callbacks=[]` means to be a run of its own.
    """

    def inside(value):
        return model().invoke(value, {"callbacks": []})

    async def inside_async(value):
        return await model().ainvoke(value, {"callbacks": []})

    runnable = RunnableLambda(inside, afunc=inside_async)
    if mode == "invoke":
        runnable.invoke("x", {"callbacks": [RecordingHandler()]})
    else:
        asyncio.run(runnable.ainvoke("x", {"callbacks": [RecordingHandler()]}))


def test_what_a_handler_asks_when_a_run_ends(recording_handler):
    """
    A handler that calls a model when a run ends begins that run under the run around it, which is open.
    """

    class Judge(BaseCallbackHandler):
        def on_chain_end(self, outputs, **kwargs):
            if outputs == "inner":
                model().invoke("good?")

    inner = RunnableLambda(lambda value: "inner", name="inner")
    RunnableLambda(lambda value: inner.invoke(value) and "outer", name="outer").invoke("x", {"callbacks": [Judge()]})
    inner.invoke("x", {"callbacks": [Judge(), recording_handler]})


@pytest.fixture(scope="module")
def shared_model():
    """A script for several tests."""
    return FakeChatModel(responses=["a", "b"])


@pytest.mark.parametrize("turn", [1, 2])
def test_a_script_for_several_tests(shared_model, turn):
    """
    The script of a model that belongs to a module need not be used up by one test.
    """
    shared_model.invoke("x")
