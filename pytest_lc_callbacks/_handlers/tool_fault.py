"""ToolFault: a tool fails on purpose, inside its own code path."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from langchain_core.tools import BaseTool

from pytest_lc_callbacks import _made
from pytest_lc_callbacks._patches import ReplacedUntilStop, subclasses
from pytest_lc_callbacks._words import count, repr_short

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

# The faults that have let a call pass: the tool's other methods, which it goes through, are the same call.
_passing: ContextVar[frozenset[int]] = ContextVar("lc_callbacks_passing", default=frozenset())
# What LangChain hands to a tool's method beside the arguments.
_OF_LANGCHAIN = ("config", "run_manager", "callbacks")


class ToolFault(ReplacedUntilStop):
    """
    Lets the calls of a tool fail, from the moment it is made until `stop`.

    As a context manager it stops at the end of the block.

    Args:
        name: The name of the tool; tools that share it fail together.

        fault: The exception, its class, or a function of the tool's arguments that raises, or returns the output.

        on_call: The first call that fails, from 1.

        times: How many calls fail; all of them if left out, and one where *on_call* is given.

        after: Seconds to wait before a call fails.

    Raises:
        TypeError: If an argument is of another type.

        ValueError: If no call could fail.
    """

    def __init__(
        self, name: str, fault: Any, *, times: int | None = None, on_call: int | None = None, after: float = 0
    ) -> None:
        super().__init__()
        self.name: str = _read_name(name)
        self.struck: int = 0
        """How many calls failed so far."""
        self._fault = _read_fault(fault)
        self._first = _read_count("on_call", on_call, 1)
        self._times = _read_count("times", times, 1 if on_call is not None else None)
        self._after = _read_seconds(after)
        self._calls = 0
        self._lock = threading.Lock()
        for cls in subclasses(BaseTool):
            self._cover(cls)
        self._patches.tell_of_subclasses(BaseTool, self._cover)
        _made.tell("fault", self)

    def __repr__(self) -> str:
        return f"<ToolFault of {self.name!r}: {self._what}, {count(self.struck, 'call')} failed>"

    @property
    def words(self) -> str:
        """What was to happen: ``TimeoutError('down') in tool 'search' from call 3 on, which was called twice``."""
        when = "" if self._first == 1 else f" on call {self._first}"
        called = {0: "was never called", 1: "was called once"}.get(self._calls, f"was called {self._calls:,} times")
        return f"{self._what} in the tool {self.name!r}{when}, but the tool {called}"

    @property
    def _what(self) -> str:
        is_function = not isinstance(self._fault, (BaseException, type))
        return f"the function {getattr(self._fault, '__name__', '?')}" if is_function else repr_short(self._fault, 80)

    def _cover(self, cls: type) -> None:
        for name, make in (("_run", self._make_run), ("_arun", self._make_arun)):
            method = vars(cls).get(name)
            if callable(method) and hasattr(method, "__get__"):
                self._patches.replace(cls, name, make(method))

    def _make_run(self, original: Any) -> Any:
        # The signature stays: LangChain looks there for what a tool takes beside its arguments.
        @functools.wraps(original)
        def _run(tool: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if self._strikes(tool):
                time.sleep(self._after)
                return self._strike(args, kwargs)
            token = self._let_pass()
            try:
                return original.__get__(tool)(*args, **kwargs)
            finally:
                _passing.reset(token)

        return _run

    def _make_arun(self, original: Any) -> Any:
        @functools.wraps(original)
        async def _arun(tool: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if self._strikes(tool):
                await asyncio.sleep(self._after)
                given = self._strike(args, kwargs)
                return await given if inspect.isawaitable(given) else given
            token = self._let_pass()
            try:
                return await original.__get__(tool)(*args, **kwargs)
            finally:
                _passing.reset(token)

        return _arun

    def _strikes(self, tool: Any) -> bool:
        """Whether this call of *tool* is to fail; it is counted."""
        if not self._is_on or tool.name != self.name or id(self) in _passing.get():
            return False
        with self._lock:
            self._calls += 1
            strikes = self._calls >= self._first and (self._times is None or self.struck < self._times)
            self.struck += strikes
        return strikes

    def _let_pass(self) -> Any:
        return _passing.set(_passing.get() | {id(self)})

    def _strike(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        __tracebackhide__ = True
        if isinstance(self._fault, type):
            raise self._fault
        if isinstance(self._fault, BaseException):
            raise self._fault.with_traceback(None)
        return self._fault(*args, **{key: value for key, value in kwargs.items() if key not in _OF_LANGCHAIN})


def _read_name(name: Any) -> str:
    # A tool itself is as clear as its name.
    name = name.name if isinstance(name, BaseTool) else name
    if not isinstance(name, str) or not name:
        raise TypeError(
            f"fail_tool(): a tool is named by a text, not {repr_short(name)}; write fail_tool('search', ...)"
        )
    return name


def _read_fault(fault: Any) -> Any:
    is_class = isinstance(fault, type)
    if isinstance(fault, Exception) or (is_class and issubclass(fault, Exception)):
        return fault
    if isinstance(fault, BaseException) or (is_class and issubclass(fault, BaseException)):
        raise TypeError(f"fail_tool(): a tool raises an Exception, not {repr_short(fault)}; write TimeoutError('down')")
    if is_class or not callable(fault):
        raise TypeError(
            f"fail_tool(): {repr_short(fault)} is no fault; write an exception, TimeoutError('down'), or a function of "
            "the tool's arguments"
        )
    return fault


def _read_count(name: str, number: Any, default: int | None) -> Any:
    if number is None:
        return default
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"fail_tool(): {name}= is a number of calls, not {repr_short(number)}")
    if number < 1:
        raise ValueError(f"fail_tool(): {name}={number} lets no call fail; calls are counted from 1")
    return number


def _read_seconds(seconds: Any) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < float("inf"):
        raise ValueError(f"fail_tool(): after= is a number of seconds from 0 on, not {repr_short(seconds)}")
    return float(seconds)
