"""An exception that left a handler, and the lines of the user's code that it came through."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from inspect import signature
from itertools import islice
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from langchain_core.callbacks import BaseCallbackHandler

from pytest_lc_callbacks._source import line_of, lines_of
from pytest_lc_callbacks._stack import is_library, is_standard_library
from pytest_lc_callbacks._values import ask, traceback_of

# Frames of these packages, and of ours, stand between LangChain's call of a handler and the user's code.
_LIBRARIES = ("langchain_core", "langsmith", "asyncio", "concurrent", "threading", "contextvars", "functools")
# What langgraph sends a graph's handlers: one object, which has the id of the run.
GRAPH_EVENTS = ("on_interrupt", "on_resume")
_OURS = __name__.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerError:
    """One exception that left a handler and did not reach the program."""

    error: BaseException
    handler: Any = None
    """The handler, where LangChain leaves it in reach."""

    name: str = "a handler"
    """The name of its class."""

    event: str = "a callback"
    """The method that raised: ``on_llm_end``."""

    args: tuple[Any, ...] = ()
    """What the method was given by position."""

    kwargs: Mapping[str, Any] = field(default_factory=dict)
    """What the method was given by name."""

    in_coroutine: bool = False
    """Whether it was a coroutine handler in a sync run, of which LangChain swallows everything."""

    hangs: bool = False
    """Whether the run waits for the handler for ever."""

    in_own_thread: bool = True
    """Whether the thread that it happened in is the test's own."""

    breaks: bool = False
    """Whether LangChain's own call fails: it asks the handler for ``raise_error``, and the handler has none."""

    instances: int = 1
    """How many instances of the handler's class were sent the event, as far as LangChain's frame shows."""

    thread_id: int = 0
    """The ``threading.get_ident()`` of the thread that called it; 0 where nothing is known, -1 for an executor's."""

    thread: str | None = None
    """The name of that thread, where it is known."""

    late: str | None = None
    """The facts where its run began after the parent run had ended: ``bot had ended before ask began``."""

    got_start: bool = False
    """Whether one of the handler's own methods got the start of the run, which has not ended twice."""

    got_parent: bool = False
    """Whether one of them got the start of the parent run."""

    @property
    def where(self) -> str:
        """``the thread ThreadPoolExecutor-0_0``."""
        return f"the thread {self.thread}" if self.thread else "a thread of the event loop's executor"

    @property
    def run_id(self) -> Any:
        """The run it happened in, where LangChain leaves that in reach."""
        return ask(self.first, "run_id") if self.event in GRAPH_EVENTS else self.kwargs.get("run_id")

    @property
    def names(self) -> list[str]:
        """LangChain's names of the arguments that were given by position: ``response``."""
        method = getattr(BaseCallbackHandler, self.event, None)
        names = list(signature(method).parameters)[1:] if method is not None else []
        return names[: len(self.args)] + ["..."] * (len(self.args) - len(names))

    @property
    def first(self) -> Any:
        """The first argument by position: of ``on_llm_end`` the response; None where there is none."""
        return self.args[0] if self.args else None


class Line(NamedTuple):
    """A line that an exception came through."""

    frame: FrameType
    number: int
    """The frame itself may have gone on to another line."""

    step: int = -1
    """Where in the frame's code it is: ``tb_lasti``."""

    @property
    def file(self) -> str:
        return self.frame.f_code.co_filename

    @property
    def source(self) -> str:
        return line_of(self.file, self.number, self.frame.f_globals)

    @property
    def expression(self) -> str:
        """The part of the line that raised, ``inputs["q"]``; the whole line where Python does not know the part."""
        positions = list(islice(self.frame.f_code.co_positions(), self.step // 2, self.step // 2 + 1))
        first, last, start, end = positions[0] if positions and self.step >= 0 else (None, None, None, None)
        if first is None or first != last or start is None or end is None:
            return self.source
        line = "".join(lines_of(self.file, self.frame.f_globals)[first - 1 : first])
        return line.encode()[start:end].decode(errors="replace")

    @property
    def node(self) -> ast.expr | None:
        """That part as Python reads it; None where it is no expression."""
        try:
            return ast.parse(self.expression.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return None


def users_lines(error: BaseException) -> list[Line]:
    """The lines of the user's code that *error* came through, the innermost last."""
    steps = _tracebacks(traceback_of(error))
    lines = [Line(step.tb_frame, step.tb_lineno, step.tb_lasti) for step in steps]
    return [
        line
        for line in lines
        if _package(line.frame) not in (_OURS, *_LIBRARIES) and not is_standard_library(line.file)
    ]


def is_langchain(line: Line) -> bool:
    """Whether *line* is in an installed package of LangChain's, or in pydantic, of which its classes are made."""
    return is_library(line.file) and _package(line.frame).startswith(
        ("langchain", "langgraph", "langsmith", "pydantic")
    )


def _tracebacks(step: TracebackType | None) -> Iterator[TracebackType]:
    while step is not None:
        yield step
        step = step.tb_next


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
