"""What it costs to record, beside handlers that do nothing, keep a list, or build LangChain's own run trees."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tracers import BaseTracer
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from benchmarks._compare import compare
from pytest_lc_callbacks import RecordingHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.runnables import Runnable
    from langchain_core.tracers.schemas import Run

EVENTS = 100_000
TOKENS = 1_000
# Enough calls that starting an event loop does not show.
CALLS = 50


class Empty(BaseCallbackHandler):
    """Hears everything and does nothing: what a handler costs in any case."""


class Inline(Empty):
    """The same without LangChain's hop to a thread in async runs: the floor there, at a price for other handlers."""

    run_inline = True


class Appending(BaseCallbackHandler):
    """The recorder that people write by hand: a list of what came."""

    def __init__(self) -> None:
        self.events: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []


def _appender(name: str) -> Callable[..., None]:
    def append(self: Appending, *args: Any, **kwargs: Any) -> None:
        self.events.append((name, args, kwargs))

    return append


for _name in dir(BaseCallbackHandler):
    if _name.startswith("on_"):
        setattr(Appending, _name, _appender(_name))


class InMemoryTracer(BaseTracer):
    """The least that a tracer can do: keep the finished root runs."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.roots.append(run)


HANDLERS: dict[str, Callable[[], BaseCallbackHandler]] = {
    "empty handler": Empty,
    "empty handler, run_inline": Inline,
    "list-appending handler": Appending,
    "RecordingHandler": RecordingHandler,
    "in-memory BaseTracer": InMemoryTracer,
    "RunCollectorCallbackHandler": RunCollectorCallbackHandler,
}


def main() -> None:
    """Straight through a run manager, then whole chains, without and with an event loop."""
    _with_each(f"{EVENTS:,} tokens through a run manager, per event", _tokens, per=EVENTS)
    _with_each(f"{EVENTS:,} chain starts and ends through a run manager, per event", _chain_pairs, per=EVENTS, rounds=5)
    short = ChatPromptTemplate.from_template("What is 1 + {number}?") | FakeListChatModel(responses=["3"])
    # This model streams one character at a time.
    long = ChatPromptTemplate.from_template("Count to {number}.") | FakeListChatModel(responses=["x" * TOKENS])
    _with_each("chain.invoke", partial(_invoke, short), per=CALLS)
    _with_each("chain.ainvoke", partial(_ainvoke, short), per=CALLS)
    _with_each(f"chain.stream of {TOKENS:,} tokens", partial(_stream, long))
    _with_each(f"chain.astream of {TOKENS:,} tokens", partial(_astream, long))


def _with_each(
    title: str, prepare: Callable[[BaseCallbackHandler], Callable[[], object]], *, per: int = 1, rounds: int = 9
) -> None:
    def fresh(make: Callable[[], BaseCallbackHandler]) -> Callable[[], object]:
        return prepare(make())

    ways = {name: partial(fresh, make) for name, make in HANDLERS.items()}
    compare(title, ways, baseline="empty handler", per=per, rounds=rounds)


def _tokens(handler: BaseCallbackHandler) -> Callable[[], object]:
    manager = CallbackManager(handlers=[handler])
    [run] = manager.on_chat_model_start({}, [[HumanMessage("hello")]], run_id=uuid4())
    chunk = ChatGenerationChunk(message=AIMessageChunk(content="token"))

    def feed() -> object:
        for _ in range(EVENTS):
            run.on_llm_new_token("token", chunk=chunk)
        return handler

    return feed


def _chain_pairs(handler: BaseCallbackHandler) -> Callable[[], object]:
    manager = CallbackManager(handlers=[handler])

    def feed() -> object:
        for number in range(EVENTS // 2):
            manager.on_chain_start({}, {"number": number}, name="chain").on_chain_end({"sum": number})
        return handler

    return feed


def _invoke(chain: Runnable[Any, Any], handler: BaseCallbackHandler) -> Callable[[], object]:
    return lambda: [chain.invoke({"number": 2}, config={"callbacks": [handler]}) for _ in range(CALLS)]


def _ainvoke(chain: Runnable[Any, Any], handler: BaseCallbackHandler) -> Callable[[], object]:
    async def calls() -> list[Any]:
        return [await chain.ainvoke({"number": 2}, config={"callbacks": [handler]}) for _ in range(CALLS)]

    return lambda: asyncio.run(calls())


def _stream(chain: Runnable[Any, Any], handler: BaseCallbackHandler) -> Callable[[], object]:
    return lambda: list(chain.stream({"number": 2}, config={"callbacks": [handler]}))


def _astream(chain: Runnable[Any, Any], handler: BaseCallbackHandler) -> Callable[[], object]:
    async def tokens() -> list[Any]:
        return [token async for token in chain.astream({"number": 2}, config={"callbacks": [handler]})]

    return lambda: asyncio.run(tokens())
