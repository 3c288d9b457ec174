"""A StopIteration that a plain handler raises in an async run, before the run hangs: LangChain never gets to log it."""

from __future__ import annotations

import asyncio
import logging
import threading
from types import FrameType
from typing import Any

from pytest_lc_callbacks._findings.handler_exception import HandlerError
from pytest_lc_callbacks._stack import frame_above


def hanging_error(handler: Any, event: str, error: BaseException, kwargs: dict[str, Any]) -> HandlerError | None:
    """
    The *error* of a handler for which the run will wait for ever; None if nothing waits for the handler.

    It is logged at once, since nothing comes after.

    Args:
        handler: The handler that raises it; its method calls this function, directly or not.

        event: The method: ``on_llm_end``.

        error: The exception.

        kwargs: What the method was given by name.
    """
    if not _is_called_from_executor() or not hangs_asyncio(error):
        return None
    name = type(handler).__name__
    logging.getLogger(__name__.partition(".")[0]).error(
        "%s.%s raised StopIteration in %s: asyncio cannot hand it on, the run waits for ever; use next(..., default)",
        name,
        event,
        threading.current_thread().name,
    )
    return HandlerError(error=error, handler=handler, name=name, event=event, kwargs=kwargs, hangs=True)


def hangs_asyncio(error: BaseException) -> bool:
    """Whether a future of the running Python refuses *error*, so that who waits for it waits for ever."""
    if not isinstance(error, StopIteration):
        return False
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    try:
        future.set_exception(error)
        # Later releases of 3.12, and 3.13, make a RuntimeError of it. Nobody else will ask for it.
        future.exception()
    except TypeError:
        return True
    finally:
        loop.close()
    return False


def _is_called_from_executor() -> bool:
    """Whether an executor's thread calls the handler directly, as LangChain calls plain handlers of async runs."""
    frame: FrameType | None = frame_above(1)
    while frame is not None:
        if frame.f_code.co_name == "handle_event":
            return False
        if frame.f_globals.get("__name__") == "concurrent.futures.thread":
            return True
        frame = frame.f_back
    return False
