"""How the cost of a question grows with the recording: long streams, and runs nested as deep as there are events."""

from __future__ import annotations

import gc
import time
from statistics import median
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pytest_lc_callbacks import RecordingHandler, any_order, event, many

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = (1_000, 10_000, 100_000)
ROUNDS = 3
GIVEN = ["hello"]
TOOL: list[Any] = ["tool_start", "tool_end"]
CHAIN: list[Any] = ["chain_start", "chain_end"]
LOOSE: list[Any] = ["chain_start", ..., "tool_end"]


def main() -> None:
    """Ask each question of recordings of each size: a question that is linear costs the same per event in all."""
    _grow("where(inputs=...), a stream", _stream, lambda handler: handler.count("llm_new_token", inputs=GIVEN))
    many_tokens: list[Any] = ["chat_model_start", many(event("llm_new_token", inputs=GIVEN)), "llm_end"]
    _grow("event(..., inputs=...), a stream", _stream, lambda handler: handler.assert_events(many_tokens))
    _grow("event(token=...) after ..., a stream", _stream, _failing(..., event("llm_new_token", token="x"), ...))
    _grow("where(under=...), nested runs", _nested, lambda handler: handler.count(under="run 0"))
    _grow("where(under=...) of none, nested runs", _nested, lambda handler: handler.count(under="nobody"))
    _grow("event(under=...) after ..., nested runs", _nested, _failing(..., event(under="nobody"), ...))
    _grow("any_order after ..., nested runs", _nested, _failing(..., any_order(TOOL, TOOL), ...))
    _grow("any_order after ..., nested pairs", _nested_pairs, _failing(..., any_order(CHAIN, LOOSE), ...))
    _grow("tree == tree, nested runs", _nested, lambda handler: handler.tree == handler.tree)
    _grow("a message with the tree, nested runs", _open, _failing_finish)
    _grow("print(tree), nested runs", _nested, lambda handler: str(handler.tree), sizes=EVENTS[:2])
    print("  (a printed tree is as long as its indentation: it grows with the square of the depth)")


def _grow(
    title: str,
    make: Callable[[int], RecordingHandler],
    ask: Callable[[RecordingHandler], object],
    *,
    sizes: tuple[int, ...] = EVENTS,
) -> None:
    """Print what *ask* takes at each size, in all and for an event."""
    cells = []
    for size in sizes:
        seconds = median(_seconds(make(size), ask) for _ in range(ROUNDS))
        cells.append(f"{size:>7,}: {seconds * 1e3:8.1f} ms, {seconds / size * 1e6:5.1f} us each")
    print(f"  {title:<40}  {'   '.join(cells)}")


def _seconds(handler: RecordingHandler, ask: Callable[[RecordingHandler], object]) -> float:
    """The seconds of the processor, which a busy machine does not make more."""
    gc.collect()
    start = time.process_time()
    ask(handler)
    return time.process_time() - start


def _failing(*expected: Any) -> Callable[[RecordingHandler], str]:
    def ask(handler: RecordingHandler) -> str:
        try:
            handler.assert_events(expected)
        except AssertionError as error:
            return str(error)
        raise ValueError("expected a mismatch, but there was none")

    return ask


def _failing_finish(handler: RecordingHandler) -> str:
    try:
        handler.assert_finished()
    except AssertionError as error:
        return str(error)
    raise ValueError("expected an open run, but there was none")


def _stream(events: int) -> RecordingHandler:
    """One model run that streams."""
    handler = RecordingHandler()
    model = UUID(int=1)
    handler.on_chat_model_start({"name": "model"}, [GIVEN], run_id=model)  # type: ignore[list-item]  # any value will do
    for _ in range(events - 2):
        handler.on_llm_new_token("token", run_id=model)
    handler.on_llm_end(None, run_id=model)  # type: ignore[arg-type]  # a response is not needed here
    return handler


def _nested(events: int) -> RecordingHandler:
    """Runs inside runs, each with a start and an end."""
    handler = RecordingHandler()
    depth = range(events // 2)
    for number in depth:
        _start(handler, number)
    for number in reversed(depth):
        _end(handler, number)
    return handler


def _nested_pairs(events: int) -> RecordingHandler:
    """Runs inside runs, each with a small run beside the next one."""
    handler = RecordingHandler()
    depth = range(events // 4)
    for number in depth:
        _start(handler, number)
        beside: Any = {"run_id": UUID(int=events + number), "parent_run_id": _run_id(number)}
        handler.on_chain_start({}, {}, name="beside", **beside)
        handler.on_chain_end({}, **beside)
    for number in reversed(depth):
        _end(handler, number)
    return handler


def _open(events: int) -> RecordingHandler:
    """Runs inside runs, the outermost open."""
    handler = _nested(events)
    handler.on_chain_start({}, {}, name="open", run_id=UUID(int=events))
    return handler


def _run_id(number: int) -> UUID:
    return UUID(int=number + 1)


def _start(handler: RecordingHandler, number: int) -> None:
    parent = _run_id(number - 1) if number else None
    handler.on_chain_start({}, {}, run_id=_run_id(number), parent_run_id=parent, name=f"run {number}")


def _end(handler: RecordingHandler, number: int) -> None:
    handler.on_chain_end({}, run_id=_run_id(number), parent_run_id=_run_id(number - 1) if number else None)
