"""Tasks that a handler begins and nobody waits for: the finding ``pending_task``."""

from __future__ import annotations

import asyncio
import inspect
from asyncio import BaseEventLoop
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from traceback import walk_tb
from types import FrameType
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler

from pytest_lc_callbacks import _causes, _words
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._patches import Patches, ShownInClass, own
from pytest_lc_callbacks._source import line_of
from pytest_lc_callbacks._stack import frame_above, is_standard_library, render_place
from pytest_lc_callbacks._values import class_name, module_name, traceback_of

_SHOWN = 5
# What LangChain begins inside a handler's call of a chain is LangChain's to wait for.
_LANGCHAINS = ("langchain_", "langchain.", "langgraph.", "langsmith.")
# A loop that shuts down cancels its tasks in a function of this name: asyncio.run, Runner, and what imitates them.
_SHUT_DOWN = "_cancel_all_tasks"


@dataclass(eq=False)
class _Begun:
    """A task that a handler's method began."""

    task: asyncio.Task[Any] | None
    """None when it is done."""

    loop: Any
    handler: str
    """The name of the handler's class."""

    event: str
    """The method: ``on_llm_end``."""

    place: str
    source: str
    owner: asyncio.Task[Any] | None
    """The task that the method itself runs in, where it is a coroutine."""

    is_lost: bool = False
    """Whether the loop closed, or cancelled it to close, before it was done."""

    waited_at: str | None = None
    """The line that it had come to then."""

    @property
    def is_left(self) -> bool:
        """Whether it was lost, or waits in a loop that is closed."""
        return self.is_lost or (self.task is not None and not self.task.done() and self.loop.is_closed())


class PendingTasks:
    """
    Notes, from `start` to `stop`, the tasks that methods of handlers begin.

    Args:
        is_own_thread: Whether the thread that asks is the test's own.
    """

    def __init__(self, is_own_thread: Callable[[], bool] = lambda: True) -> None:
        self._is_own_thread = is_own_thread
        self._begun: list[_Begun] = []
        self._told: list[_Begun] = []
        self._patches = Patches()

    def start(self) -> None:
        """Replace the method with which asyncio's event loops make tasks."""
        method = own(BaseEventLoop.create_task)
        self._patches.replace(BaseEventLoop, "create_task", ShownInClass(method, partial(_create, self)))

    def stop(self) -> None:
        """Put the method back."""
        self._patches.undo()

    def findings(self) -> Iterator[Finding]:
        """A finding for each method whose tasks were left since this was asked last."""
        left = [begun for begun in self._begun if begun.is_left and begun not in self._told]
        self._told += left
        alike: dict[tuple[str, str], list[_Begun]] = {}
        for begun in left:
            alike.setdefault((begun.handler, begun.event), []).append(begun)
        yield from map(_finding, alike.values())

    def _note(self, loop: Any, task: Any, caller: FrameType | None) -> None:
        found = _method_behind(caller)
        if found is None or task.done() or not self._is_own_thread():
            return
        method, line, number = found
        handler = method.f_locals[method.f_code.co_varnames[0]]
        is_coroutine = bool(method.f_code.co_flags & inspect.CO_COROUTINE)
        begun = _Begun(
            task=task,
            loop=loop,
            handler=class_name(type(handler)),
            event=method.f_code.co_name,
            place=render_place(line.f_code.co_filename, number),
            source=_source(line, number),
            owner=asyncio.current_task(loop) if is_coroutine else None,
        )
        self._begun.append(begun)
        task.add_done_callback(partial(_note_done, begun))


def _create(tasks: PendingTasks, loop: Any, method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    task = method(*args, **kwargs)
    # The frames between are ours.
    tasks._note(loop, task, frame_above(2))
    return task


def _method_behind(frame: FrameType | None) -> tuple[FrameType, FrameType, int] | None:
    """
    The handler's method that led to *frame* without LangChain between, and the line in it or in what it called.

    The line is that of the innermost frame outside asyncio.
    """
    line: FrameType | None = None
    while frame is not None:
        module = _module(frame)
        if module.startswith(_LANGCHAINS):
            return None
        if line is None and not is_standard_library(frame.f_code.co_filename) and not _is_ours(module):
            line = frame
        if line is not None and _is_method(frame):
            return frame, line, line.f_lineno
        frame = frame.f_back
    return None


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == __name__.partition(".")[0]


def _is_method(frame: FrameType) -> bool:
    code = frame.f_code
    if not code.co_name.startswith("on_") or not code.co_argcount:
        return False
    kind = type(frame.f_locals.get(code.co_varnames[0]))
    return issubclass(kind, BaseCallbackHandler) and not _is_ours(module_name(kind))


def _note_done(begun: _Begun, task: asyncio.Task[Any]) -> None:
    begun.task, owner, begun.owner = None, begun.owner, None
    if not task.cancelled() or not _is_shutting_down(frame_above(1)):
        return
    if owner is not None and (not owner.done() or owner.cancelled()):
        # The method itself was stopped, and may have meant to wait.
        return
    frames = _frames(task)
    if frames and _has_nothing_to_do(frames[-1][0]):
        return
    begun.is_lost = True
    lines = [(frame, number) for frame, number in frames if not is_standard_library(frame.f_code.co_filename)]
    if lines:
        frame, number = lines[-1]
        begun.waited_at = f"{render_place(frame.f_code.co_filename, number)}: {_source(frame, number)}"


def _is_shutting_down(frame: FrameType | None) -> bool:
    """Whether the event loop is closing: it cancels the tasks that are left."""
    while frame is not None:
        if frame.f_code.co_name == _SHUT_DOWN:
            return True
        frame = frame.f_back
    return False


def _frames(task: asyncio.Task[Any]) -> list[tuple[FrameType, int]]:
    """Where a cancelled *task* was, with the line of each frame."""
    try:
        task.result()
    except asyncio.CancelledError as error:
        return [(frame, line) for frame, line in walk_tb(traceback_of(error)) if not _is_ours(_module(frame))]
    return []


def _has_nothing_to_do(frame: FrameType) -> bool:
    """Whether a task waited for the next entry of a queue that is empty: a worker that has written everything."""
    queue = frame.f_locals.get("self")
    return frame.f_code.co_name == "get" and isinstance(queue, asyncio.Queue) and queue.empty()


def _source(frame: FrameType, number: int) -> str:
    return _words.safe(line_of(frame.f_code.co_filename, number, frame.f_globals))


def _finding(same: list[_Begun]) -> Finding:
    first = same[0]
    tasks = "the task" if len(same) == 1 else f"the {len(same):,} tasks"
    method = f"{first.handler}.{first.event}"
    begun = list(dict.fromkeys(f"  begun at {each.place}: {each.source}" for each in same))
    waited = list(dict.fromkeys(f"  its last line: {each.waited_at}" for each in same if each.waited_at))
    return Finding(
        name="pending_task",
        summary=f"expected {tasks} that {method} began to be done, but the event loop closed first",
        details=(
            *_words.first_lines(begun, _SHOWN, "  "),
            *_words.first_lines(waited, _SHOWN, "  "),
            _causes.PENDING_TASK.hint(),
        ),
    )
