"""What LangChain swallows while a test is watched: it says so in a single place, its callback manager's logger."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, manager

from pytest_lc_callbacks._findings.handler_error import HandlerError
from pytest_lc_callbacks._patches import Patches
from pytest_lc_callbacks._stack import is_library

# Handlers that LangChain adds by itself. What goes wrong inside them is not the user's doing.
_TRACERS = ("langchain_core.tracers.", "langsmith.", "langgraph.")


class Swallowed:
    """
    The exceptions of handlers that LangChain swallows, or logs before they propagate, from `start` to `stop`.

    Args:
        is_foreign: Whether a run with this id and these handlers belongs to an earlier test.
    """

    def __init__(self, is_foreign: Callable[[Any, Iterable[Any]], bool]) -> None:
        self.errors: list[HandlerError] = []
        self.propagated: set[Any] = set()
        """The runs whose handler raised on: LangChain leaves such a run without an end."""
        self._is_foreign = is_foreign
        self._patches = Patches()

    def start(self) -> None:
        """Listen to the one call that LangChain makes for each exception of a handler."""
        # Wrapped before logging looks at any level, filter or `disabled`. The wrapper of a test around this one is
        # passed by: the error belongs to the innermost.
        before = manager.logger.warning
        original = before.original if isinstance(before, _Warning) else before
        self._patches.replace(manager.logger, "warning", _Warning(original, self._note))

    def stop(self) -> None:
        """Listen no more."""
        self._patches.undo()

    def add(self, error: HandlerError) -> None:
        """Note an exception that somebody else saw."""
        self.errors.append(error)

    def _note(self, error: BaseException, frame: FrameType) -> None:
        """Keep what the frame that caught it knows."""
        seen = _seen(error, frame)
        if self._is_foreign(seen.run_id, frame.f_locals.get("handlers", ())):
            return
        # LangChain re-raises these, but not a NotImplementedError.
        raises_on = getattr(seen.handler, "raise_error", False) and not isinstance(error, NotImplementedError)
        if raises_on and not seen.in_coroutine:
            self.propagated.add(seen.run_id)
        elif not _is_langchains_own(seen):
            self.errors.append(seen)


class _Warning:
    """In the place of the logger's ``warning``."""

    def __init__(self, original: Any, note: Callable[[BaseException, FrameType], None]) -> None:
        self.original = original
        self._note = note

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        error = sys.exc_info()[1]
        frame = sys._getframe(1)
        if error is not None and frame.f_globals.get("__name__") == manager.__name__:
            self._note(error, frame)
        if isinstance(getattr(self.original, "__self__", None), logging.Logger):
            # The record names the line in LangChain, not this one.
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        return self.original(*args, **kwargs)


def _seen(error: BaseException, frame: FrameType) -> HandlerError:
    """Who raised *error*, as far as the frame that caught it and the traceback tell."""
    caught = frame.f_locals
    if "handler" in caught:
        return HandlerError(
            error=error,
            handler=caught["handler"],
            name=type(caught["handler"]).__name__,
            event=caught.get("event_name", "a callback"),
            args=tuple(caught.get("args", ())),
            kwargs=dict(caught.get("kwargs", {})),
        )
    return _seen_in_coroutine(error, frame)


def _seen_in_coroutine(error: BaseException, frame: FrameType) -> HandlerError:
    """For a coroutine handler in a sync run LangChain keeps a coroutine only: the traceback has the rest."""
    method = _method_frame(error.__traceback__)
    sent = _sent(frame)
    if method is None:
        name, _, event = getattr(frame.f_locals.get("coro"), "__qualname__", "a handler.a callback").rpartition(".")
        return HandlerError(error=error, name=name.rpartition(".")[2], event=event, kwargs=sent, in_coroutine=True)
    handler = method.f_locals[method.f_code.co_varnames[0]]
    given = {name: value for name, value in method.f_locals.items() if name != method.f_code.co_varnames[0]}
    names = method.f_code.co_varnames[1 : method.f_code.co_argcount]
    return HandlerError(
        error=error,
        handler=handler,
        name=type(handler).__name__,
        event=method.f_code.co_name,
        args=tuple(given[name] for name in names if name in given),
        kwargs={**sent, **given.get("kwargs", {}), **given},
        in_coroutine=True,
    )


def _method_frame(traceback: TracebackType | None) -> FrameType | None:
    """The frame of the handler's own method."""
    for frame, _ in walk_tb(traceback):
        first = frame.f_code.co_varnames[:1]
        owner = frame.f_locals.get(first[0]) if first and frame.f_code.co_argcount else None
        if frame.f_code.co_name.startswith("on_") and issubclass(type(owner), BaseCallbackHandler):
            return frame
    return None


def _sent(frame: FrameType) -> dict[str, Any]:
    """What LangChain sent, if the coroutine is run in the thread that sends it."""
    caller = frame.f_back
    if caller is None or caller.f_code.co_name != "handle_event":
        return {}
    return dict(caller.f_locals.get("kwargs", {}))


def _is_langchains_own(seen: HandlerError) -> bool:
    """Whether it is a flaw of LangChain that no user can mend."""
    if isinstance(seen.error, NotImplementedError) and seen.event == "on_chat_model_start":
        # How a handler asks for on_llm_start instead. Before langchain-core 1.4 it did not get it in a coroutine.
        return True
    return type(seen.handler).__module__.startswith(_TRACERS) and not _passed_users_code(seen.error)


def _passed_users_code(error: BaseException) -> bool:
    """Whether code outside LangChain took part: a function given to ``with_listeners``, say."""
    return any(not is_library(frame.f_code.co_filename) for frame, _ in walk_tb(error.__traceback__))
