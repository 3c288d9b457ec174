"""One call of a runnable in each of LangChain's call modes, with every run that it made."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import Any

from pytest_lc_callbacks._handlers.observer import observe_callbacks
from pytest_lc_callbacks._handlers.recorder import RecordingHandler
from pytest_lc_callbacks._recording import Recording

SYNC = ("invoke", "stream", "batch")
ASYNC = ("ainvoke", "astream", "abatch", "astream_events")
MODES = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")


class Called:
    """What a call in one mode did."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.heard: RecordingHandler = RecordingHandler()
        """What a handler that is passed hears: without one no child of ``with_fallbacks`` loses its parent (#36072)."""
        self.ran: Recording = self.heard
        """Every run, whatever was passed."""
        self.chunks: list[Any] = []
        """What it returned, or the chunks of a stream."""
        self.error: Exception | None = None
        """What left it instead."""

    @property
    def outputs(self) -> list[Any]:
        """What the chunks may amount to: their sum, or the last where each replaces the one before."""
        if not self.chunks:
            return [None]
        total = self.chunks[0]
        for chunk in self.chunks[1:]:
            try:
                total = total + chunk
            except TypeError:
                return [self.chunks[-1]]
        return [total, self.chunks[-1]]


def call_sync(build: Callable[[], Any], given: Any, mode: str) -> Called:
    """Call what *build* makes in a sync *mode*, or in an async one in a loop of its own."""
    if mode in ASYNC:
        # The loop of the thread, which a plugin may have set, stays as it is.
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(call_async(build, given, mode), context=copy_context())
    runnable, called = build(), Called(mode)
    with observe_callbacks() as called.ran:
        try:
            called.chunks = _sync_chunks(runnable, _copy(given), mode, called.heard)
        # A scenario may be one that fails: it has to fail in every mode.
        except Exception as error:  # noqa: BLE001
            called.error = error
    return called


async def call_async(build: Callable[[], Any], given: Any, mode: str) -> Called:
    """The same inside a running loop; a sync *mode* runs in a thread, where what it calls may run loops of its own."""
    if mode in SYNC:
        return await asyncio.to_thread(call_sync, build, given, mode)
    runnable, called = build(), Called(mode)
    with observe_callbacks() as called.ran:
        try:
            called.chunks = await _async_chunks(runnable, _copy(given), mode, called.heard)
        # As above.
        except Exception as error:  # noqa: BLE001
            called.error = error
    return called


def _sync_chunks(runnable: Any, given: Any, mode: str, heard: RecordingHandler) -> list[Any]:
    config = {"callbacks": [heard]}
    if mode == "invoke":
        return [runnable.invoke(given, config)]
    if mode == "batch":
        return list(runnable.batch([given], config))
    return _wholes(runnable, list(runnable.stream(given, config, **_options(runnable))))


async def _async_chunks(runnable: Any, given: Any, mode: str, heard: RecordingHandler) -> list[Any]:
    config = {"callbacks": [heard]}
    if mode == "ainvoke":
        return [await runnable.ainvoke(given, config)]
    if mode == "abatch":
        return list(await runnable.abatch([given], config))
    if mode == "astream":
        return _wholes(runnable, [chunk async for chunk in runnable.astream(given, config, **_options(runnable))])
    return _root_output([event async for event in runnable.astream_events(given, config, version="v2")])


def _root_output(events: Iterable[Any]) -> list[Any]:
    """What the root run ended with; the last event is its end."""
    ends = [event for event in events if event["event"].endswith("_end") and not event.get("parent_ids")]
    return [ends[-1]["data"].get("output")] if ends else []


def _options(runnable: Any) -> dict[str, Any]:
    # A graph streams updates, unless it is asked for its state.
    return {"stream_mode": "values"} if _is_graph(runnable) else {}


def _wholes(runnable: Any, chunks: list[Any]) -> list[Any]:
    """The chunks to add up; of a graph the last, which is its whole state."""
    return chunks[-1:] if _is_graph(runnable) else chunks


def _is_graph(runnable: Any) -> bool:
    """Whether it is a compiled graph of langgraph's, or a binding of one."""
    bound = getattr(runnable, "bound", runnable)
    return any(base.__module__.startswith("langgraph.pregel") for base in type(bound).__mro__)


def _copy(given: Any) -> Any:
    try:
        return copy.deepcopy(given)
    # What cannot be copied is handed on as it is.
    except Exception:  # noqa: BLE001
        return given
