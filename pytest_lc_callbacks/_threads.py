"""Which threads are a test's own: what happens in others is told to nobody's test."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

# What a test sets in its own context. Whatever copies that context carries it into other threads.
_test_of_context: ContextVar[Any] = ContextVar("lc_callbacks_test", default=None)
_WIDER = object()
# The workers of event loops: whoever calls them copies a context. That of a loop which outlives a test can hold an
# earlier test, and still serves this one.
_WORKERS = ("asyncio_", "AnyIO worker thread")
# Whether a garbage collection while the frames of all threads are read can stop the process (python/cpython#106883).
_COLLECTION_STOPS = sys.version_info < (3, 12)


class OwnThreads:
    """
    Knows, from the moment it is made until `end`, which threads are a test's own.

    A test's own are the thread that runs it, and each thread that was not there when its set-up began. A thread that a
    fixture of a wider scope starts is not. In any thread, code that runs in a copy of the test's context is its own.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        """The thread that runs the test; 0 when it is over."""
        self._others = _alive()
        self._wider: list[dict[int, threading.Thread | None]] = []
        """For each wider fixture that is being set up, the threads that there were before."""
        self._before = _test_of_context.get()
        _test_of_context.set(self)

    def end(self) -> None:
        """The test is over: no thread is its own any more."""
        self._others = {}
        self._thread = 0
        _test_of_context.set(self._before)
        self._before = None

    @contextmanager
    def wider_fixture(self) -> Iterator[None]:
        """Whatever thread is started inside ``with``, a fixture of a wider scope has started it for other tests too."""
        before, test = _alive(), _test_of_context.get()
        _test_of_context.set(_WIDER)
        self._wider.append(before)
        try:
            yield
        finally:
            _test_of_context.set(test)
            self._others |= {ident: thread for ident, thread in _alive().items() if ident not in before}
            self._wider.pop()

    def has_current(self) -> bool:
        """Whether the thread that asks is the test's own."""
        if not self._thread:
            return False
        here = threading.get_ident()
        if here == self._thread:
            return True
        test = _test_of_context.get()
        if test is self or not self._is_other(here):
            return True
        return test is not None and threading.current_thread().name.startswith(_WORKERS)

    def _is_other(self, ident: int) -> bool:
        if any(ident not in before for before in list(self._wider)):
            return True
        if ident not in self._others:
            return False
        # The system gives the number of a thread that has ended to a new one.
        known = self._others[ident]
        return known is None or known is threading.current_thread()


def current_frames() -> dict[int, FrameType]:
    """
    The frame of each thread that runs, by the thread's number.

    Before Python 3.12 a garbage collection in the middle of this can stop the process for ever, and has to wait.
    """
    pauses = _COLLECTION_STOPS and gc.isenabled()
    if pauses:
        gc.disable()
    try:
        return sys._current_frames()
    finally:
        if pauses:
            gc.enable()


def _alive() -> dict[int, threading.Thread | None]:
    """Every thread that runs, by its number; None for one that Python did not start and nobody has named."""
    found: dict[int, threading.Thread | None] = dict.fromkeys(current_frames())
    return found | {thread.ident: thread for thread in threading.enumerate() if thread.ident is not None}
