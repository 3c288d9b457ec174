"""Why a handler missed what ran inside a function: its callbacks were replaced, or lost on the way; and near misses."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.runnables.config import ContextThreadPoolExecutor, merge_configs
from reason_programs import (
    MODEL,
    PROMPT,
    QUESTION,
    PassingShelf,
    Router,
    Shelf,
    at,
    graph,
    outer,
    own,
    sync_node,
    words_of,
)

from pytest_lc_callbacks import FakeChatModel

REPLACED = (
    "with callbacks of its own. Inside a function, a callbacks list in a call's config or in with_config replaces the "
    "inherited handlers"
)


async def _await_own(q: Any) -> Any:
    return await MODEL.ainvoke(q, own())


async def _gather_own(q: Any) -> Any:
    return await asyncio.gather(MODEL.ainvoke(q), MODEL.ainvoke(q, own()))


async def _node_own(state: Any) -> Any:
    await MODEL.ainvoke("q", own())
    return state


class Moderation(AgentMiddleware):
    """A middleware that asks a model by hand."""

    def before_model(self, state: Any, runtime: Any) -> None:
        MODEL.invoke("is this fine?", own())


@pytest.mark.parametrize(
    ("program", "place"),
    [
        (lambda h: outer(lambda q: MODEL.invoke(q, own())).invoke("q", at(h)), "outer at "),
        (lambda h: outer(lambda q: MODEL.with_config(own()).invoke(q)).invoke("q", at(h)), "outer at "),
        (lambda h: outer(lambda q: MODEL.with_config(own()).batch([q, q])).invoke("q", at(h)), "outer at "),
        (lambda h: outer(_await_own).ainvoke("q", at(h)), "outer at "),
        (lambda h: outer(_gather_own).ainvoke("q", at(h)), "outer with"),
        (lambda h: graph(_node_own).ainvoke({"q": ""}, at(h)), "node at "),
        (
            lambda h: create_agent(FakeChatModel(), [], middleware=[Moderation()]).invoke(
                {"messages": [("user", "hi")]}, at(h)
            ),
            "Moderation.before_model at ",
        ),
    ],
    ids=["list", "with_config", "batch", "async", "gather", "async node", "middleware"],
)
def test_replaced_callbacks(program, place):
    """
    A callbacks list inside a function replaces the inherited handlers; the message names the line, but of a task.
    """
    said = words_of(program)

    assert REPLACED in said
    assert f"FakeListChatModel was called inside {place}" in said
    assert 'merge_configs(config, {"callbacks": [...]})' in said
    assert "(began without a parent)" in said


def _merging(q: Any, config: Any) -> Any:
    return MODEL.invoke(q, merge_configs(config, own()))


def test_merged_callbacks_are_no_replaced_ones():
    """
    Near miss: merge_configs adds callbacks to the inherited ones, so that the handler hears everything.
    """
    assert words_of(lambda h: outer(_merging).invoke("q", at(h))) == ""
    assert words_of(lambda h: outer(lambda q: MODEL.invoke(q, {"callbacks": None})).invoke("q", at(h))) == ""


def test_replaced_callbacks_are_no_cause_where_the_run_around_was_missed_too():
    """
    Near miss: a call with callbacks of its own replaced nothing where the handler missed the run around it too.
    """
    said = words_of(lambda h: (outer(lambda q: MODEL.invoke(q, own())).invoke("q"), MODEL.invoke("q", at(h))))

    assert REPLACED not in said
    assert "outer was called by itself at " in said


RAW_THREAD = "LangChain's context does not follow into a thread or executor that the program makes itself"


def _raw_thread(q: Any) -> None:
    thread = threading.Thread(target=lambda: MODEL.invoke(q), name="helper")
    thread.start()
    thread.join()


def _raw_executor(q: Any) -> Any:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(MODEL.invoke, q).result()


def _context_executor(q: Any) -> Any:
    with ContextThreadPoolExecutor(1) as executor:
        return executor.submit(MODEL.invoke, q).result()


def _copied_context(q: Any) -> None:
    thread = threading.Thread(target=contextvars.copy_context().run, args=(MODEL.invoke, q))
    thread.start()
    thread.join()


async def _loops_executor(q: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, MODEL.invoke, q)


def _thread_with_a_loop(q: Any) -> None:
    thread = threading.Thread(target=lambda: asyncio.run(MODEL.ainvoke(q)), name="helper")
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("program", "thread"),
    [
        (lambda h: outer(_raw_thread).invoke("q", at(h)), "(thread helper) at "),
        (lambda h: outer(_raw_executor).invoke("q", at(h)), "(ThreadPoolExecutor-"),
        (lambda h: outer(_raw_executor).ainvoke("q", at(h)), "(ThreadPoolExecutor-"),
        (lambda h: (PROMPT | outer(_raw_executor)).batch([QUESTION] * 2, at(h)), "(ThreadPoolExecutor-"),
        (lambda h: outer(_loops_executor).ainvoke("q", at(h)), "(thread asyncio_"),
        pytest.param(
            lambda h: outer(_thread_with_a_loop).invoke("q", at(h)),
            "(thread helper)",
            marks=pytest.mark.skipif(
                sys.version_info < (3, 12), reason="before Python 3.12 an async run does not tell its thread"
            ),
        ),
    ],
    ids=[
        "thread",
        "executor",
        "executor under ainvoke",
        "executor in a batch",
        "loop's executor",
        "thread with a loop",
    ],
)
def test_raw_threads(program, thread):
    """
    A run that began without a parent in another thread, while a heard run was open, lost LangChain's context.
    """
    said = words_of(program)

    assert RAW_THREAD in said
    assert thread in said
    assert "while outer was open" in said


@pytest.mark.parametrize("body", [_context_executor, _copied_context], ids=["LangChain's executor", "copied context"])
def test_threads_with_langchains_context_are_no_raw_ones(body):
    """
    Near miss: a thread that is handed the context keeps it, so that the handler hears everything.
    """
    assert words_of(lambda h: outer(body).invoke("q", at(h))) == ""


def test_a_thread_beside_no_open_run_is_no_lost_context():
    """
    Near miss: a thread has no context to lose while no heard run is open.
    """
    said = words_of(lambda h: (_raw_thread("q"), MODEL.with_config(run_name="mine").invoke("q", at(h))))

    assert RAW_THREAD not in said
    assert "FakeListChatModel was called by itself" in said


NO_CONTEXT = "LangChain hands no context to the code inside a retriever, a chat model or an LLM."


def test_calls_inside_a_retriever_or_a_model():
    """
    LangChain's context is empty in a retriever's and a model's own code; a sync run proves it, with the line.
    """
    retriever = words_of(lambda h: Shelf().invoke("q", at(h)))
    chat_model = words_of(lambda h: Router(responses=["x"]).invoke("q", at(h)))

    assert "FakeListChatModel was called inside the retriever Shelf at " in retriever
    assert NO_CONTEXT in retriever
    assert 'config={"callbacks": run_manager.get_child()}' in retriever
    assert "FakeListChatModel was called inside the chat model Router at " in chat_model
    assert NO_CONTEXT in chat_model


def test_calls_inside_a_retriever_that_passes_its_callbacks_on():
    """
    Near miss: a retriever that passes its callbacks on, or that has a run around it, loses nothing.
    """
    assert words_of(lambda h: PassingShelf().invoke("q", at(h))) == ""
    assert words_of(lambda h: (outer(str) | Shelf()).invoke("q", at(h))) == ""


def test_calls_inside_an_async_retriever_are_shown_by_its_frames():
    """
    The frames of a task show that the code of an async retriever called the model.
    """
    said = words_of(lambda h: Shelf().ainvoke("q", at(h)))

    assert "Possible causes" not in said
    assert NO_CONTEXT in said


class OfATask(Shelf):
    """Asks the model in a task that was made before its run."""

    questions: Any = None

    async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Any]:
        answer = asyncio.get_running_loop().create_future()
        await self.questions.put((query, answer))
        await answer
        return []


async def _asks_a_worker(handler: Any) -> None:
    questions: Any = asyncio.Queue()

    async def worker() -> None:
        query, answer = await questions.get()
        answer.set_result(await MODEL.ainvoke(query))

    task = asyncio.create_task(worker())
    await OfATask(questions=questions).ainvoke("q", at(handler))
    await task


def test_calls_in_a_task_beside_an_async_retriever_are_possible_only():
    """
    Near miss: a task that was there before called the model, and nothing shows for whom.
    """
    said = words_of(_asks_a_worker)

    assert "Possible causes" in said
    assert "code inside a retriever or a model, which LangChain hands no context to [no-context-inside]" in said
    assert NO_CONTEXT not in said


def _by_hand(handler: Any) -> None:
    run = CallbackManager([handler]).on_chain_start({}, {}, name="mine")
    MODEL.invoke("q")
    run.on_chain_end({})


def _by_hand_configured(handler: Any) -> None:
    run = CallbackManager.configure([handler]).on_chain_start({}, {}, name="mine")
    MODEL.invoke("q")
    run.on_chain_end({})


def _by_hand_passed_on(handler: Any) -> None:
    run = CallbackManager.configure([handler]).on_chain_start({}, {}, name="mine")
    MODEL.invoke("q", {"callbacks": run.get_child()})
    run.on_chain_end({})


async def _by_hand_async(handler: Any) -> None:
    run = await AsyncCallbackManager([handler]).on_chain_start({}, {}, name="mine")
    await MODEL.ainvoke("q")
    await run.on_chain_end({})


@pytest.mark.parametrize("program", [_by_hand, _by_hand_configured, _by_hand_async])
def test_a_callback_manager_by_hand(program):
    """
    What is called while a manager's run is open hears of it only if the manager is passed on.
    """
    said = words_of(program)

    assert "while mine was open, which was begun by hand with a callback manager" in said
    assert 'config={"callbacks": run_manager.get_child()}' in said


def test_a_callback_manager_by_hand_that_is_passed_on():
    """
    Near miss: nothing is lost where get_child() is passed on, and a call after the manager's run is no part of it.
    """
    assert words_of(_by_hand_passed_on) == ""
    assert "by hand" not in words_of(lambda h: (_by_hand_passed_on(h), MODEL.invoke("q")))


def test_a_context_of_ones_own():
    """
    Code that LangChain called may call a run in another contextvars.Context, which holds no run.
    """
    said = words_of(lambda h: outer(lambda q: contextvars.Context().run(MODEL.invoke, q)).invoke("q", at(h)))

    assert "FakeListChatModel was called by code inside outer at " in said
    assert "in a contextvars.Context that holds no run" in said


def test_a_task_that_was_made_elsewhere_is_a_possible_cause():
    """
    A task has the context of the code that made it, so that an async run without a parent may be of such a task.
    """

    async def program(handler: Any) -> None:
        jobs: asyncio.Queue[Any] = asyncio.Queue()

        async def work() -> None:
            question, answered = await jobs.get()
            answered.set_result(await MODEL.ainvoke(question))

        async def ask(q: Any) -> Any:
            answered = asyncio.get_running_loop().create_future()
            jobs.put_nowait((q, answered))
            return await answered

        worker = asyncio.create_task(work())
        await outer(ask).ainvoke("q", at(handler))
        await worker

    said = words_of(program)

    assert "began without a parent while outer was open. Possible causes" in said
    assert "a contextvars.Context, or a task, that was made before the run began [other-context]" in said


async def _await(q: Any) -> Any:
    return await MODEL.ainvoke(q)


async def _node(state: Any) -> Any:
    await MODEL.ainvoke("q")
    return state


@pytest.mark.parametrize(
    "program",
    [
        lambda h: graph(sync_node).invoke({"q": ""}, at(h)),
        lambda h: graph(_node).ainvoke({"q": ""}, at(h)),
        lambda h: graph(sync_node).ainvoke({"q": ""}, at(h)),
        lambda h: outer(_await).ainvoke("q", at(h)),
        lambda h: outer(MODEL.invoke).invoke("q", at(h)),
        lambda h: (PROMPT | MODEL).ainvoke(QUESTION, at(h)),
    ],
    ids=["sync graph", "async graph", "sync node in an async graph", "coroutine", "sync function", "async chain"],
)
def test_code_that_langchain_calls_keeps_the_context(program):
    """
    LangChain's context holds the run inside a node, a function and a step: the handler hears what they call.
    """
    assert words_of(program) == ""
