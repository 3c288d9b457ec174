"""Handlers without fault, as applications write them: metrics, costs, a writer, one that declines, a tracer."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any, ClassVar
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.tracers.base import BaseTracer


class Metrics(BaseCallbackHandler):
    """Counts what happens, as a metrics client does: one number for each kind, for ever."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, name: str) -> None:
        """Add one."""
        with self._lock:
            self.counts[name] += 1

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.count("chains")

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.count("chat_models")

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.count(f"errors.{type(error).__name__}")

    def on_tool_start(self, serialized: Any, input_str: Any, **kwargs: Any) -> None:
        self.count("tools")


class Costs(BaseCallbackHandler):
    """Adds up what models cost, by the model's name: a run's model is known from its start to its end."""

    PRICES: ClassVar[dict[str, float]] = {"gpt-4.1-mini": 0.4}

    def __init__(self) -> None:
        self.total = 0.0
        self._models: dict[UUID, str] = {}
        self._under: dict[UUID, UUID | None] = {}
        self._lock = threading.Lock()

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **kwargs: Any) -> None:
        model = str((kwargs.get("invocation_params") or {}).get("model"))
        with self._lock:
            self._models[run_id] = model
            self._under[run_id] = kwargs.get("parent_run_id")

    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        with self._lock:
            price = self.PRICES.get(self._forget(run_id), 0.0)
            for generations in response.generations:
                usage = (
                    getattr(getattr(generations[0], "message", None), "usage_metadata", None) if generations else None
                )
                self.total += price * (usage or {}).get("total_tokens", 0)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        with self._lock:
            self._forget(run_id)

    def _forget(self, run_id: UUID) -> str:
        self._under.pop(run_id, None)
        return self._models.pop(run_id, "")

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._over(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self._over(run_id)

    def _over(self, parent: UUID) -> None:
        """A model whose parent is over has no end to come."""
        with self._lock:
            for run_id in [one for one, above in self._under.items() if above == parent]:
                self._forget(run_id)


class Writer(AsyncCallbackHandler):
    """Writes a line for each end, with awaits between, in whatever loop it is called."""

    def __init__(self) -> None:
        self.lines = 0

    async def write(self, line: str) -> None:
        """Stands for a file or a socket."""
        await asyncio.sleep(0)
        self.lines += 1

    async def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        await self.write(f"chain {type(outputs).__name__}")

    async def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        await self.write("model")

    async def on_tool_error(self, error: BaseException, **kwargs: Any) -> None:
        await self.write(repr(error))


class ToolsOnly(BaseCallbackHandler):
    """Declines everything but tools, with LangChain's own flags."""

    ignore_llm = True
    ignore_chain = True
    ignore_retriever = True
    ignore_chat_model = True
    ignore_custom_event = True

    def __init__(self) -> None:
        self._open: set[UUID] = set()
        self._lock = threading.Lock()

    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: UUID, **kwargs: Any) -> None:
        with self._lock:
            self._open.add(run_id)

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        with self._lock:
            self._open.discard(run_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        with self._lock:
            self._open.discard(run_id)


class Exporter(BaseTracer):
    """Hands each finished tree on, and keeps none: LangChain's base class does the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.exported = 0

    def _persist_run(self, run: Any) -> None:
        self.exported += 1


WORKING = [Metrics, Costs, Writer, ToolsOnly, Exporter]
