"""What a handler raises while a program runs, whether LangChain swallows it or not."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from traceback import walk_tb
from types import FrameType
from typing import Any

from langchain_core.callbacks import manager

from pytest_lc_callbacks._patches import Patches
from pytest_lc_callbacks._source import line_of
from pytest_lc_callbacks._stack import frame_above, render_place
from pytest_lc_callbacks._words import error_line, one_line

# Frames of these lie between a handler's own code and LangChain's.
_LIBRARIES = ("langchain_core", "langgraph", "asyncio", "concurrent", "threading", "contextvars", "functools")
_OURS = __name__.partition(".")[0]


@dataclass(frozen=True)
class Raised:
    """One exception of a handler, in words: it keeps no frame alive."""

    event: str
    error: str
    kind: str
    place: str
    """``cost.py:12 in on_llm_end``; empty where the handler's method was not even entered."""

    source: str
    no_serialized: bool = False
    """Whether the event was sent with ``serialized=None``."""

    @property
    def cause(self) -> tuple[str, ...]:
        """What tells one cause from another: where it was raised, or else what was said."""
        if self.place and "raise " in self.source:
            # What it was handed, raised again, is of any kind.
            return ("raise", self.place)
        return (self.kind, self.place) if self.place else (self.kind, self.event, self.error)

    def lines(self) -> list[str]:
        """The place and its line of code."""
        return [f"  at {self.place}", *([f"    {self.source}"] if self.source else [])] if self.place else []


class Listener:
    """Hears of each exception of a handler from LangChain's one logger call, which comes before it may propagate."""

    def __init__(self) -> None:
        self.raised: list[Raised] = []
        self._seen: set[int] = set()
        self._patches = Patches()

    def __enter__(self) -> Listener:
        original = manager.logger.warning

        def warning(*args: Any, **kwargs: Any) -> Any:
            error, frame = sys.exc_info()[1], frame_above(1)
            if error is None or frame.f_globals.get("__name__") != manager.__name__:
                return original(*args, **kwargs)
            self.note(error, frame)
            return None

        self._patches.replace(manager.logger, "warning", warning)
        return self

    def __exit__(self, *exc: object) -> None:
        self._patches.undo()

    def note(self, error: BaseException, frame: FrameType | None) -> None:
        """Keep *error* in words; *frame* is LangChain's, which caught it."""
        if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
            # How a future hands it back.
            error = error.__cause__
        if id(error) in self._seen:
            return
        self._seen.add(id(error))
        caught = frame.f_locals if frame else {}
        event = str(caught.get("event_name") or _method(error) or "a callback")
        if isinstance(error, NotImplementedError) and "on_chat_model_start" in f"{event} {error}":
            # How a handler asks for on_llm_start instead; before langchain-core 1.4 no event is named for a coroutine.
            return
        args: tuple[Any, ...] = caught.get("args") or ()
        self.raised.append(raised(error, event, no_serialized=bool(args) and args[0] is None and "start" in event))


def raised(error: BaseException, event: str, *, no_serialized: bool = False) -> Raised:
    """*error* in words."""
    frames = [(f, line) for f, line in walk_tb(error.__traceback__) if _is_of_handler(f)]
    # The innermost line of the handler's own package, not of what it calls.
    frames = [entry for entry in frames if _package(entry[0]) == _package(frames[0][0])]
    place = source = ""
    if frames:
        frame, number = frames[-1]
        path = frame.f_code.co_filename
        place = f"{render_place(path, number)} in {frame.f_code.co_name}"
        source = one_line(line_of(path, number, frame.f_globals))[:120]
    return Raised(event, error_line(error), type(error).__name__, place, source, no_serialized)


def is_of_handler(error: BaseException) -> bool:
    """Whether *error* passed a method of a handler that is not ours."""
    return _method(error) is not None


def _method(error: BaseException) -> str | None:
    """The handler's method that *error* left."""
    for frame, _ in walk_tb(error.__traceback__):
        if frame.f_code.co_name.startswith("on_") and _is_of_handler(frame) and "self" in frame.f_code.co_varnames[:1]:
            return frame.f_code.co_name
    return None


def _is_of_handler(frame: FrameType) -> bool:
    package = _package(frame)
    return package not in _LIBRARIES and package != _OURS


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
