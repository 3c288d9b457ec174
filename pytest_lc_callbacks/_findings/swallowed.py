"""The exceptions of handlers that LangChain swallows: it logs each of them with its callback manager's logger."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, manager

from pytest_lc_callbacks._findings.handler_exception import HandlerError
from pytest_lc_callbacks._patches import Patches, Shown, keeping, own
from pytest_lc_callbacks._recording import id_key
from pytest_lc_callbacks._stack import frame_above, is_users
from pytest_lc_callbacks._values import ask, class_name, is_a, is_true, module_name, traceback_of

_ABSENT = object()
# Modules of handlers that LangChain adds by itself. The user cannot mend what they raise ...
_TRACERS = ("langchain_core.tracers.", "langsmith.", "langgraph.")
# ... but for what these do for the user: message histories and with_listeners.
_LISTENERS = ("RootListenersTracer", "AsyncRootListenersTracer")


class Swallowed:
    """
    Collects, from `start` to `stop`, the exceptions of handlers that LangChain swallows.

    Args:
        is_of_earlier_test: Whether an earlier test began the run with this id and these handlers.

        is_own_thread: Whether the thread that asks is the test's own.
    """

    def __init__(
        self, is_of_earlier_test: Callable[[Any, Iterable[Any]], bool], is_own_thread: Callable[[], bool] = lambda: True
    ) -> None:
        self.errors: list[HandlerError] = []
        self.propagated: set[Any] = set()
        """
        The ids, as `id_key` gives them, of the runs whose handler raised into the program.

        LangChain sends no end for such a run.
        """
        self._is_of_earlier_test = is_of_earlier_test
        self._is_own_thread = is_own_thread
        self._patches = Patches()
        # What somebody has put back after the test reaches nothing of this test.
        self._link: list[Swallowed] = []

    def start(self) -> None:
        """Replace the logger's ``warning``, which LangChain calls once for each exception of a handler."""
        # logging has not looked at any level, filter or `disabled` by then. The replacement of a test around this one
        # is left out: the exception belongs to the innermost test.
        warning = own(manager.logger.warning)
        self._link.append(self)
        self._patches.replace(manager.logger, "warning", Shown(warning, partial(_warn, self._link, warning)))

    def stop(self) -> None:
        """Put the logger's ``warning`` back."""
        self._link.clear()
        self._patches.undo()

    def _note(self, error: BaseException, frame: FrameType) -> None:
        """Keep *error*, with what the frame that caught it knows."""
        read = _read_frame(error, frame)
        if _is_of_executor(error):
            read = replace(read, thread_id=-1)
        else:
            read = replace(read, thread_id=threading.get_ident(), thread=threading.current_thread().name)
        if self._is_of_earlier_test(read.run_id, frame.f_locals.get("handlers", ())):
            return
        read = replace(read, in_own_thread=self._is_own_thread())
        # With raise_error LangChain raises the exception again, but not a NotImplementedError.
        is_asked = not is_a(error, NotImplementedError) and not read.in_coroutine
        raises = ask(read.handler, "raise_error", _ABSENT)
        if is_asked and raises is _ABSENT:
            self.propagated.add(id_key(read.run_id))
            self.errors.append(replace(read, breaks=True))
        elif is_asked and is_true(raises):
            self.propagated.add(id_key(read.run_id))
        elif not _is_flaw_of_langchain(read):
            self.errors.append(read)


def _is_of_executor(error: BaseException) -> bool:
    """Whether LangChain had handed the handler to the executor of an event loop, and waited for it in the loop."""
    for frame, _ in walk_tb(traceback_of(error)):
        # The handler may have an executor of its own.
        if frame.f_code.co_name.startswith("on_"):
            return False
        if frame.f_globals.get("__name__") == "concurrent.futures.thread":
            return True
    return False


def _warn(link: list[Swallowed], warning: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Note the exception that is being handled, and call the logger's *warning*."""
    error = sys.exc_info()[1]
    # A `Shown` is between this function and LangChain.
    frame = frame_above(2)
    if error is not None and frame.f_globals.get("__name__") == manager.__name__:
        for swallowed in link:
            _note(swallowed, error, frame)
    if isinstance(getattr(warning, "__self__", None), logging.Logger):
        # The record is to name the line in LangChain, and not this one.
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 2
    return warning(*args, **kwargs)


@keeping
def _note(swallowed: Swallowed, error: BaseException, frame: FrameType) -> None:
    swallowed._note(error, frame)


def _read_frame(error: BaseException, frame: FrameType) -> HandlerError:
    """Read who raised *error* from the *frame* of LangChain's that caught it."""
    caught = frame.f_locals
    if "handler" in caught:
        return HandlerError(
            error=error,
            handler=caught["handler"],
            name=class_name(type(caught["handler"])),
            event=caught.get("event_name", "a callback"),
            args=tuple(caught.get("args", ())),
            kwargs=dict(caught.get("kwargs", {})),
            instances=max(1, sum(type(other) is type(caught["handler"]) for other in caught.get("handlers", ()))),
        )
    return _read_traceback(error, frame)


def _read_traceback(error: BaseException, frame: FrameType) -> HandlerError:
    """Read it from the traceback: of a coroutine handler in a sync run LangChain's frame has only the coroutine."""
    method = _method_frame(traceback_of(error))
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
        name=class_name(type(handler)),
        event=method.f_code.co_name,
        args=tuple(given[name] for name in names if name in given),
        kwargs={**sent, **given.get("kwargs", {}), **given},
        in_coroutine=True,
    )


def _method_frame(traceback: TracebackType | None) -> FrameType | None:
    """The frame of the handler's method: the first method ``on_...`` of a `BaseCallbackHandler`."""
    for frame, _ in walk_tb(traceback):
        first = frame.f_code.co_varnames[:1]
        owner = frame.f_locals.get(first[0]) if first and frame.f_code.co_argcount else None
        if frame.f_code.co_name.startswith("on_") and issubclass(type(owner), BaseCallbackHandler):
            return frame
    return None


def _sent(frame: FrameType) -> dict[str, Any]:
    """The arguments by name that LangChain sent, if the coroutine runs in the thread that sends them."""
    caller = frame.f_back
    if caller is None or caller.f_code.co_name != "handle_event":
        return {}
    return dict(caller.f_locals.get("kwargs", {}))


def _is_flaw_of_langchain(read: HandlerError) -> bool:
    if is_a(read.error, NotImplementedError) and read.event == "on_chat_model_start":
        # A handler asks so for on_llm_start instead. Before langchain-core 1.4 a coroutine handler did not get it.
        return True
    if class_name(type(read.handler)) in _LISTENERS:
        return False
    return module_name(type(read.handler)).startswith(_TRACERS) and not _passed_users_code(read.error)


def _passed_users_code(error: BaseException) -> bool:
    """Whether the user's code took part, such as a function that was given to ``with_listeners``."""
    return any(is_users(frame) for frame, _ in walk_tb(traceback_of(error)))
