"""What a program leaves behind: context variables, log records, threads, payloads that were written into."""

from __future__ import annotations

import inspect
import logging
import re
import threading
from collections.abc import Mapping
from contextvars import Context
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from pytest_lc_callbacks._patches import Patches
from pytest_lc_callbacks._words import one_line, repr_short, truncate

# Python's own is set by whoever uses decimals; ours by an observer that is on.
_NOT_LEFT = {"decimal_context", "lc_callbacks_call"}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LANGCHAINS_LOGGER = "langchain_core.callbacks.manager"


def context_left(context: Context) -> dict[str, str]:
    """The variables that hold something, with what they hold."""
    return {var.name: repr_short(value, 80) for var, value in context.items() if var.name not in _NOT_LEFT and value}


class Logs:
    """The log records of any logger, also one that does not propagate: errors, and records with an exception."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str, str]] = []
        """Logger, level and message of each."""
        self.warnings: list[tuple[str, str]] = []
        """Logger and message of those below ERROR that have no exception."""
        self._patches = Patches()

    def __enter__(self) -> Logs:
        original = logging.Logger.callHandlers

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            if record.name != _LANGCHAINS_LOGGER:
                self._note(record)
            original(logger, record)

        self._patches.replace(logging.Logger, "callHandlers", call_handlers)
        return self

    def __exit__(self, *exc: object) -> None:
        self._patches.undo()

    def _note(self, record: logging.LogRecord) -> None:
        text = truncate(_ID.sub("...", one_line(record.getMessage())), 160)
        if record.exc_info and record.exc_info[0] is not None:
            self.records.append((record.name, record.levelname, f"{text} ({record.exc_info[0].__name__})"))
        elif record.levelno >= logging.ERROR:
            self.records.append((record.name, record.levelname, text))
        elif record.levelno >= logging.WARNING:
            self.warnings.append((record.name, text))


def living_threads() -> set[threading.Thread]:
    """The threads that run now."""
    return set(threading.enumerate())


class Witness(BaseCallbackHandler):
    """Stands before the handler in a sync run, and knows afterwards what of the payloads has changed."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, str, Any, Any]] = []

    def changes(self) -> list[str]:
        """The arguments that are not what they were: ``on_chat_model_start: invocation_params['temperature']``."""
        found = []
        for event, name, value, before in self._seen:
            where = _difference(before, _fingerprint(value))
            if where is not None:
                found.append(f"{event}: {name}{where}")
        return list(dict.fromkeys(found))

    def _see(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for name, value in (*zip(_NAMES[event], args, strict=False), *kwargs.items()):
            self._seen.append((event, name, value, _fingerprint(value)))


def _witnessed(event: str) -> Any:
    def on_event(self: Witness, *args: Any, **kwargs: Any) -> None:
        self._see(event, args, kwargs)

    return on_event


_NAMES: dict[str, list[str]] = {}
for _name in dir(BaseCallbackHandler):
    if _name.startswith("on_"):
        _NAMES[_name] = list(inspect.signature(getattr(BaseCallbackHandler, _name)).parameters)[1:]
        setattr(Witness, _name, _witnessed(_name))


def _fingerprint(value: Any, depth: int = 6) -> Any:
    """A copy of what can be written into, down to objects that are known by identity."""
    kind = type(value)
    if depth and kind is dict:
        return {key: _fingerprint(item, depth - 1) for key, item in value.items()}
    if depth and kind in (list, tuple):
        return [_fingerprint(item, depth - 1) for item in value[:200]]
    if depth and isinstance(value, (BaseMessage, LLMResult)):
        return {name: _fingerprint(item, depth - 1) for name, item in vars(value).items()}
    if depth and kind.__module__ == "langchain_core.outputs.chat_generation":
        return {name: _fingerprint(item, depth - 1) for name, item in vars(value).items()}
    return value if kind in (str, int, float, bool, type(None)) else Same(value)


class Same:
    """An object, equal to itself alone."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other._value is self._value

    def __hash__(self) -> int:
        return id(self._value)


def _difference(before: Any, after: Any) -> str | None:
    """Where the two differ: ``['temperature']``; None if nowhere."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            inner = _difference(before[key], after[key]) if key in before and key in after else ""
            if inner is not None:
                return f"[{key!r}]{inner}"
        return None
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return next((f"[{i}]{inner}" for i, (a, b) in pairs if (inner := _difference(a, b)) is not None), None)
    return None if before == after else ""
