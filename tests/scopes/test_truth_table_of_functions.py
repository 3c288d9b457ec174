"""LangChain's scope truth table: a runtime handler on a function that calls a model, in whichever thread or task."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.runnables import RunnableConfig, RunnableGenerator, RunnableLambda
from langchain_core.runnables.config import ContextThreadPoolExecutor, run_in_executor
from langchain_core.tools import StructuredTool
from truth_programs import HEARD, MISSED, MODEL, QUESTION, Shelf, body, runtime, statuses


def raw_thread(q: Any) -> None:
    """In a raw thread."""
    thread = threading.Thread(target=MODEL.invoke, args=(q,))
    thread.start()
    thread.join()


def raw_executor(q: Any) -> None:
    """In a raw executor."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(MODEL.invoke, q).result()


def langchains_executor(q: Any) -> None:
    """In LangChain's executor."""
    with ContextThreadPoolExecutor(1) as executor:
        executor.submit(MODEL.invoke, q).result()
        list(executor.map(MODEL.invoke, [q]))


def copied_context(q: Any) -> None:
    """In a thread with a copied context."""
    thread = threading.Thread(target=contextvars.copy_context().run, args=(MODEL.invoke, q))
    thread.start()
    thread.join()


def a_loop_of_its_own(q: Any) -> None:
    """In a loop that the body starts."""
    asyncio.run(MODEL.ainvoke(q))


async def awaited(q: Any) -> Any:
    """Awaited."""
    return await MODEL.ainvoke(q)


async def task(q: Any) -> Any:
    """In a task of its own."""
    return await asyncio.create_task(MODEL.ainvoke(q))


async def gathered(q: Any) -> Any:
    """Gathered."""
    return await asyncio.gather(MODEL.ainvoke(q))


async def to_thread(q: Any) -> Any:
    """In a thread that asyncio hands its context to."""
    return await asyncio.to_thread(MODEL.invoke, q)


async def langchains_run_in_executor(q: Any) -> Any:
    """In a thread that LangChain hands its context to."""
    return await run_in_executor(None, MODEL.invoke, q)


async def loops_run_in_executor(q: Any) -> Any:
    """In a thread that nobody hands a context to."""
    return await asyncio.get_running_loop().run_in_executor(None, MODEL.invoke, q)


async def called(q: Any) -> Any:
    """A sync call in an async body."""
    return MODEL.invoke(q)


async def with_config_argument(q: Any, config: RunnableConfig) -> Any:
    """The config passed on."""
    return await MODEL.ainvoke(q, config)


async def pieces(parts: Any) -> Any:
    """An async generator."""
    async for part in parts:
        yield (await MODEL.ainvoke(part)).content


def own_list(q: Any) -> Any:
    """With a list of its own."""
    return MODEL.invoke(q, {"callbacks": [BaseCallbackHandler()]})


def own_with_config(q: Any) -> Any:
    """With with_config of its own."""
    return MODEL.with_config(callbacks=[BaseCallbackHandler()]).invoke(q)


def empty_list(q: Any) -> Any:
    """With an empty list."""
    return MODEL.invoke(q, {"callbacks": []})


def none(q: Any) -> Any:
    """With None."""
    return MODEL.invoke(q, {"callbacks": None})


SYNC_BODIES = {
    body: HEARD,
    langchains_executor: HEARD,
    copied_context: HEARD,
    a_loop_of_its_own: HEARD,
    raw_thread: MISSED,
    raw_executor: MISSED,
    own_list: MISSED,
    own_with_config: MISSED,
    empty_list: MISSED,
    none: HEARD,
}
ASYNC_BODIES = {
    awaited: HEARD,
    task: HEARD,
    gathered: HEARD,
    to_thread: HEARD,
    langchains_run_in_executor: HEARD,
    called: HEARD,
    loops_run_in_executor: MISSED,
    with_config_argument: HEARD,
}


@pytest.mark.parametrize(("function", "expected"), SYNC_BODIES.items(), ids=[f.__name__ for f in SYNC_BODIES])
def test_a_model_called_in_a_sync_body(function, expected):
    """
    Whether a runtime handler on the function hears the model that its body calls.
    """
    found = statuses(lambda h: RunnableLambda(function, name="outer").invoke("q", runtime(h)))

    assert found == {"outer": HEARD, "FakeListChatModel": expected}


@pytest.mark.parametrize(("function", "expected"), ASYNC_BODIES.items(), ids=[f.__name__ for f in ASYNC_BODIES])
def test_a_model_called_in_an_async_body(function, expected):
    """
    Whether a runtime handler on the function hears the model that its coroutine calls.
    """
    found = statuses(lambda h: asyncio.run(RunnableLambda(function, name="outer").ainvoke("q", runtime(h))))

    assert found == {"outer": HEARD, "FakeListChatModel": expected}


def test_a_model_called_in_an_async_generator():
    """
    A runtime handler hears the model that an async generator calls.
    """

    async def read(handler: Any) -> None:
        async for _ in RunnableGenerator(pieces, name="outer").astream("q", runtime(handler)):
            pass

    found = statuses(lambda h: asyncio.run(read(h)))

    assert found == {"outer": HEARD, "FakeListChatModel": HEARD}


def test_a_model_called_in_a_tools_async_body():
    """
    A runtime handler hears the model that a tool's coroutine calls.
    """

    async def look(q: str) -> str:
        return str((await MODEL.ainvoke(q)).content)

    tool = StructuredTool.from_function(coroutine=look, name="outer", description="look")
    found = statuses(lambda h: asyncio.run(tool.ainvoke(QUESTION, runtime(h))))

    assert found == {"outer": HEARD, "FakeListChatModel": HEARD}


def test_a_model_called_in_a_retrievers_body():
    """
    LangChain's context is empty in a retriever's body: a model called there is a child of the chain around it, or a
    root.
    """

    class Asking(Shelf):
        """A retriever that asks a model."""

        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [Document(str(body(query)))]

    class Passing(Shelf):
        """A retriever that passes its callbacks on."""

        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [Document(str(MODEL.invoke(query, {"callbacks": run_manager.get_child()}).content))]

    chain = RunnableLambda(str, name="query") | Asking()

    assert statuses(lambda h: Asking().invoke("q", runtime(h))) == {"Asking": HEARD, "FakeListChatModel": MISSED}
    assert set(statuses(lambda h: chain.invoke("q", runtime(h))).values()) == {HEARD}
    assert statuses(lambda h: Passing().invoke("q", runtime(h))) == {"Passing": HEARD, "FakeListChatModel": HEARD}
