"""Programs at LangChain's edges: fallbacks, retries, late and unended runs, other contexts, many runs at once."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from contextvars import Context
from typing import Any

from langchain_core.callbacks import CallbackManager
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import StructuredTool

from pytest_lc_callbacks._contract.components import Chat, Slow
from pytest_lc_callbacks._contract.plain_programs import chain
from pytest_lc_callbacks._contract.program import PROGRAMS, Stage

program = PROGRAMS.add


class StuckError(Exception):
    """A run that did not come back."""


@program("fallbacks", "bad.with_fallbacks([good]).invoke('hi', config)", needs="chat_model")
def fallbacks_invoke(stage: Stage) -> Any:
    bad = chain(Chat(error=ValueError("overloaded")), name="bad")
    return bad.with_fallbacks([chain()]).invoke({"input": "hi"}, stage.config)


@program("retries", "flaky.with_retry().invoke('hi', config)")
def retry_invoke(stage: Stage) -> Any:
    attempts: list[int] = []

    def flaky(value: str) -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("try again")
        return value

    runnable = RunnableLambda(flaky, name="inner").with_retry(wait_exponential_jitter=False, stop_after_attempt=2)
    return runnable.invoke("hi", stage.config)


@program("parallel", "RunnableParallel(a=..., b=...).invoke('hi', config)", needs="chat_model")
def parallel_invoke(stage: Stage) -> Any:
    branches = RunnableParallel(left=chain(name="left"), right=chain(name="right")).with_config(run_name="the_fork")
    return branches.invoke({"input": "hi"}, stage.config)


@program("parallel", "await RunnableParallel(a=..., b=...).ainvoke('hi', config)", needs="chat_model")
async def parallel_ainvoke(stage: Stage) -> Any:
    branches = RunnableParallel(left=chain(name="left"), right=chain(name="right")).with_config(run_name="the_fork")
    return await branches.ainvoke({"input": "hi"}, stage.config)


@program("parallel", "await asyncio.gather(tool.ainvoke(...), tool.ainvoke(...)): both begin first", needs="tools")
async def tools_at_once(stage: Stage) -> Any:
    both = asyncio.Barrier(2)

    async def weather(city: str) -> str:
        await both.wait()
        return f"sun in {city}"

    asked = StructuredTool.from_function(coroutine=weather, name="weather", description="The weather of a city.")
    return await asyncio.gather(*(asked.ainvoke({"city": city}, stage.config) for city in ("Oslo", "Rome")))


@program(
    "constructors", "Chat(callbacks=[handler]) as a step of a chain: its parent was never heard", needs="chat_model"
)
def constructor_invoke(stage: Stage) -> Any:
    return chain(Chat(callbacks=list(stage.callbacks))).invoke({"input": "hi"})


@program("constructors", "the same, awaited", needs="chat_model")
async def constructor_ainvoke(stage: Stage) -> Any:
    return await chain(Chat(callbacks=list(stage.callbacks))).ainvoke({"input": "hi"})


@program("same_run_ids", "chain.with_config(run_id=...) invoked twice: one id, two runs", needs="chat_model")
def same_run_id(stage: Stage) -> Any:
    from uuid import UUID

    model = Chat().with_config(run_id=UUID(int=7), run_name="the_model")
    return [model.invoke(text, stage.config) for text in ("alpha", "beta")]


@program(
    "unended", "generate([good, bad]): the good one gets no end", needs="chat_model", fails=ValueError, never_ends=True
)
def generate_half(stage: Stage) -> Any:
    def result(messages: list[Any]) -> Any:
        if messages[-1].content == "bad":
            raise ValueError("overloaded")
        return Chat()._generate(messages)

    asked: list[list[BaseMessage]] = [[HumanMessage("good")], [HumanMessage("bad")]]
    return Chat(result=result).generate(asked, callbacks=list(stage.callbacks))


@program(
    "unended",
    "asyncio.wait_for(chain.ainvoke(...), ...) times out: the model gets no end",
    needs="chat_model",
    never_ends=True,
)
async def cancelled(stage: Stage) -> Any:
    waiting = asyncio.Event()
    task = asyncio.create_task(chain(Slow(waiting=waiting)).ainvoke({"input": "hi"}, stage.config))
    asked = asyncio.create_task(waiting.wait())
    await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
    for one in (asked, task):
        one.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await one


@program("late_runs", "a run that begins after its parent has ended")
def late_child(stage: Stage) -> Any:
    run = CallbackManager.configure(list(stage.callbacks)).on_chain_start(None, {"input": "hi"}, name="outer")
    child: Any = {"callbacks": run.get_child()}
    run.on_chain_end({"output": "done"})
    return RunnableLambda(str.upper).with_config(run_name="inner").invoke("late", child)


@program("late_runs", "a run that ends after its parent has ended")
def late_end(stage: Stage) -> Any:
    run = CallbackManager.configure(list(stage.callbacks)).on_chain_start(None, {"input": "hi"}, name="outer")
    inner = run.get_child().on_chain_start(None, {"input": "hi"}, name="inner")
    run.on_chain_end({"output": "done"})
    inner.on_chain_end({"output": "late"})


@program("other_contexts", "inner.invoke(x, child_config) in a thread with an empty context")
def other_context(stage: Stage) -> Any:
    def body(value: str, config: Any) -> str:
        inner = RunnableLambda(str.upper).with_config(run_name="inner")
        done: list[str] = []
        thread = threading.Thread(target=lambda: Context().run(lambda: done.append(inner.invoke(value, config))))
        thread.start()
        thread.join()
        return done[0]

    return RunnableLambda(body).with_config(run_name="outer").invoke("hi", stage.config)


# Many at once.


@program("concurrent", "8 threads, each chain.invoke(its own input, config)", needs="chat_model")
def eight_threads(stage: Stage) -> Any:
    barrier = threading.Barrier(8)
    failed: list[BaseException] = []

    def work(number: int) -> None:
        asked = chain(Chat(result=_meet(barrier)))
        try:
            asked.invoke({"input": f"marker-{number:02}"}, stage.config)
        # Of a handler that raises on, say: nobody is to wait for this one.
        except BaseException as error:  # noqa: BLE001
            barrier.abort()
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    if any(thread.is_alive() for thread in threads):
        raise StuckError("a run waits for ever: its handler waits for a loop, or for a lock, of another thread")
    if failed:
        raise failed[0]


def _meet(barrier: threading.Barrier) -> Any:
    """Let all models be asked at the same time."""

    def result(messages: list[Any]) -> Any:
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(timeout=10)
        return Chat()._generate(messages)

    return result


_TASKS = 50


@program("concurrent", f"asyncio.gather of {_TASKS} chain.ainvoke(its own input, config)", needs="chat_model")
async def fifty_tasks(stage: Stage) -> Any:
    asked = chain()
    await asyncio.gather(*(asked.ainvoke({"input": f"marker-{n:02}"}, stage.config) for n in range(_TASKS)))
