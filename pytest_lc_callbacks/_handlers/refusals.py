"""What cannot be spied on, and why not."""

from __future__ import annotations

import inspect
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, BaseCallbackManager

from pytest_lc_callbacks._handlers.recorder import RecordingHandler
from pytest_lc_callbacks._recording import EVENT_NAMES, Recording
from pytest_lc_callbacks._words import repr_short


def refuse(target: Any) -> None:
    """
    Refuse a *target* that cannot be spied on.

    Raises:
        TypeError: With the reason.
    """
    __tracebackhide__ = True
    cls = target if isinstance(target, type) else type(target)
    reason = _why_not(target, cls)
    if reason:
        raise TypeError(f"spy_on({repr_short(target, 60)}): {reason}")


def _why_not(target: Any, cls: type) -> str | None:
    if cls.__module__.startswith("unittest.mock"):
        return (
            "a mock keeps its calls itself: ask it, as in handler.on_llm_end.call_args_list, or use recording_handler "
            "instead of the mock"
        )
    if issubclass(cls, RecordingHandler):
        return "a RecordingHandler records what it receives: ask it directly"
    if issubclass(cls, Recording):
        return "this is a Recording, not a handler: ask it directly"
    if isinstance(target, (list, tuple, set)):
        return "it takes one handler, or a class of them: call it for each"
    if issubclass(cls, BaseCallbackManager):
        return "a callback manager is no handler: pass each of its .handlers"
    if cls in (BaseCallbackHandler, AsyncCallbackHandler) and target is cls:
        return "this would be every handler there is, LangChain's own included: pass your handler, or its class"
    if not _is_handler(cls):
        return "expected a callback handler or a class of them, with methods like on_llm_end"
    return None


def _is_handler(cls: type) -> bool:
    if issubclass(cls, BaseCallbackHandler):
        return True
    # LangChain takes anything that looks like a handler.
    looks = [name for name in EVENT_NAMES if inspect.getattr_static(cls, f"on_{name}", None) is not None]
    return bool(looks) and inspect.getattr_static(cls, "raise_error", None) is not None
