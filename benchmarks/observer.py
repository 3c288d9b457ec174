"""What the observer costs a test, beside a handler alone and a second recording handler."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from benchmarks._compare import compare
from pytest_lc_callbacks import RecordingHandler, observe_callbacks

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_core.runnables import Runnable

    # Calls a chain with these handlers.
    Program = Callable[[list[BaseCallbackHandler]], object]

TOKENS = 1_000
CALLS = 50
RUNS = 2_000


def main() -> None:
    """Whole programs, as tests run them; then what a scope assertion itself takes."""
    short = ChatPromptTemplate.from_template("What is 1 + {number}?") | FakeListChatModel(responses=["3"])
    # This model streams one character at a time.
    long = ChatPromptTemplate.from_template("Count to {number}.") | FakeListChatModel(responses=["x" * TOKENS])
    # Nothing but the start and end of a run without parent: what costs the observer most.
    least = RunnableLambda(lambda number: number, name="least")
    _with_each("a function that does nothing, invoked", partial(_invoke, least), per=CALLS)
    _with_each("chain.invoke", partial(_invoke, short), per=CALLS)
    _with_each("chain.ainvoke", partial(_ainvoke, short), per=CALLS)
    _with_each(f"chain.stream of {TOKENS:,} tokens", partial(_stream, long))
    _with_each(f"chain.astream of {TOKENS:,} tokens", partial(_astream, long))
    compare(
        f"a scope assertion over {RUNS:,} runs",
        {"names only": partial(_asked, _names), "assert_runtime_scope": partial(_asked, _scope)},
        baseline="names only",
    )


def _with_each(title: str, program: Program, *, per: int = 1) -> None:
    ways: dict[str, Callable[[], Callable[[], object]]] = {
        "one recording handler": partial(_prepare, program, 1, nullcontext),
        "two recording handlers": partial(_prepare, program, 2, nullcontext),
        "one, and the observer": partial(_prepare, program, 1, observe_callbacks),
    }
    compare(title, ways, baseline="two recording handlers", per=per, rounds=15)


def _prepare(program: Program, handlers: int, watch: Callable[[], AbstractContextManager[Any]]) -> Callable[[], object]:
    recording: list[BaseCallbackHandler] = [RecordingHandler() for _ in range(handlers)]

    def run() -> object:
        with watch() as observer:
            program(recording)
        return recording, observer

    return run


def _invoke(chain: Runnable[Any, Any], handlers: list[BaseCallbackHandler]) -> object:
    return [chain.invoke({"number": 2}, config={"callbacks": handlers}) for _ in range(CALLS)]


def _ainvoke(chain: Runnable[Any, Any], handlers: list[BaseCallbackHandler]) -> object:
    async def calls() -> list[Any]:
        return [await chain.ainvoke({"number": 2}, config={"callbacks": handlers}) for _ in range(CALLS)]

    return asyncio.run(calls())


def _stream(chain: Runnable[Any, Any], handlers: list[BaseCallbackHandler]) -> object:
    return list(chain.stream({"number": 2}, config={"callbacks": handlers}))


def _astream(chain: Runnable[Any, Any], handlers: list[BaseCallbackHandler]) -> object:
    async def tokens() -> list[Any]:
        return [token async for token in chain.astream({"number": 2}, config={"callbacks": handlers})]

    return asyncio.run(tokens())


def _asked(ask: Callable[[RecordingHandler], object]) -> Callable[[], object]:
    """A question to a handler that heard many runs, asked while the observer is on."""

    def run() -> object:
        with observe_callbacks():
            handler = RecordingHandler()
            RunnableLambda(lambda number: number).batch(
                list(range(RUNS)), config={"callbacks": [handler], "max_concurrency": 1}
            )
            return ask(handler)

    return run


def _names(handler: RecordingHandler) -> object:
    return handler.names


def _scope(handler: RecordingHandler) -> object:
    return handler.assert_runtime_scope()
