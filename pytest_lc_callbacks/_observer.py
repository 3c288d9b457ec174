"""The observer: a recording of every run in the process, whatever was passed as callbacks."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers.context import register_configure_hook

from pytest_lc_callbacks._events import Run
from pytest_lc_callbacks._handler import RecordingHandler
from pytest_lc_callbacks._recording import Recording
from pytest_lc_callbacks._scopes import WATCH, GroundTruth, Origin, ScopeTable, current_truth

# Modules whose frames stand between the user's call and a handler; a name is one of these or below one.
_LIBRARIES = ("langchain", "langchain_core", "langchain_classic", "langgraph", "concurrent", "threading", "contextvars")
_OURS = __name__.partition(".")[0]


class Observer(RecordingHandler):
    """
    Hears every run that begins in this process while it is on: in any thread, whatever was passed as callbacks.

    A Recording with the same questions and assertions as any; `table` and `section` are its own.
    It does not hear langgraph's interrupts and resumes, nor a callback manager that is driven by hand.
    """

    def __init__(self) -> None:
        super().__init__()
        self._home = threading.get_ident()
        self._phases: list[tuple[int, str]] = []
        self._sections: list[int] = []
        self._origins: dict[UUID, list[Origin]] = {}

    @contextmanager
    def section(self) -> Iterator[Recording]:
        """
        Limit scope assertions and tables inside this block to the runs that begin in it.

        Yields:
            The Recording of what runs in the block; read it inside or after.
        """
        start = len(self._log)
        self._sections.append(start)
        section = _Section(self, start)
        try:
            yield section
        finally:
            section.close()
            self._sections.pop()

    def table(self, **recordings: Recording) -> ScopeTable:
        """
        Who heard which run: a row for each run of the test's body (or section), a column for each of *recordings*.

        ``print`` it; ``.rows`` is plain data.
        """
        return ScopeTable.of(self, recordings)

    def begin(self, phase: str) -> None:
        """From now on runs begin in this *phase* of a test: ``"setup"``, ``"call"`` or ``"teardown"``."""
        self._phases.append((len(self._log), phase))

    def phase_of(self, run: Run) -> str | None:
        """The phase of the test that *run* began in; None where nobody spoke of phases."""
        began = (phase for position, phase in reversed(self._phases) if position <= run.positions[0])
        return next(began, None)

    def runs_in_scope(self) -> list[Run]:
        """The runs that scope assertions are about: those of the innermost section, else of the test's body."""
        if self._sections:
            return [run for run in self.own_runs() if run.positions[0] >= self._sections[-1]]
        return [run for run in self.own_runs() if self.phase_of(run) in (None, "call")]

    def own_runs(self) -> list[Run]:
        """Every run but those that continue a run of an earlier test."""
        foreign: set[Run] = set()
        for run in self.runs:
            if run.parent in foreign or (run.parent is None and run.parent_run_id in _HOOK.left_open):
                foreign.add(run)
        return [run for run in self.runs if run not in foreign]

    def origin(self, run: Run) -> Origin | None:
        """What is known of the beginning of a run without parent; None for all others."""
        noted = self._origins.get(run.run_id)
        if run.parent_run_id is not None or not noted:
            return None
        same_id = [other for other in self.runs if other.run_id == run.run_id]
        return noted[min(same_id.index(run), len(noted) - 1)]

    def parent_of(self, run: Run) -> Run | None:
        """The run it began in: its parent, or else the one that its context held."""
        if run.parent is not None:
            return run.parent
        origin = self.origin(run)
        inside = origin.inside if origin else None
        return next((other for other in reversed(self.runs) if other.run_id == inside), None) if inside else None

    def clear(self) -> None:
        """Forget every run so far."""
        super().clear()
        self._phases = [(0, phase) for _, phase in self._phases[-1:]]
        self._sections = [0 for _ in self._sections]
        self._origins = {}

    def close(self) -> None:
        """Hear nothing more; what is open now belongs to no later observer."""
        _HOOK.left_open |= {run.run_id for run in self.runs if not run.ended}
        self._extend = _ignore

    def _root_begins(self, run_id: UUID) -> None:
        """Note where a run without parent begins: later nobody knows."""
        context = var_child_runnable_config.get()
        inside = getattr((context or {}).get("callbacks"), "parent_run_id", None)
        elsewhere = threading.get_ident() != self._home
        if inside is None and not elsewhere:
            return
        thread = threading.current_thread().name if elsewhere else None
        origin = Origin(inside=inside, thread=thread, line=_users_line())
        self._origins.setdefault(run_id, []).append(origin)


class _Section(Recording):
    """What an observer hears from one moment on, until another."""

    def __init__(self, observer: Observer, start: int) -> None:
        super().__init__()
        self._log = observer._log
        self._start = start
        self._stop: int | None = None

    @property
    def _positions(self) -> range:
        return range(self._start, len(self._log) if self._stop is None else self._stop)

    @property
    def runs(self) -> list[Run]:
        """Every run that an event since then belongs to."""
        return self._view(list(self._positions)).runs

    def close(self) -> None:
        """Stop here."""
        self._stop = len(self._log)


class _Inert(BaseCallbackHandler):
    """What LangChain makes of the hook if the observer is switched off between its two looks at it."""


class _Hook:
    """
    What LangChain asks for a handler whenever it configures callbacks, in any thread.

    It reads an attribute where LangChain's own hooks read a ``ContextVar``, which does not reach raw threads. LangChain
    offers no way to remove it; without an observer it costs one call.
    """

    def __init__(self) -> None:
        # Runs that were open when their observer went off: what begins under them belongs to no later observer.
        self.left_open: set[UUID] = set()
        self.registered = False

    def get(self) -> GroundTruth | None:
        """The observer that is on, the innermost if there are several."""
        return current_truth()

    def push(self, observer: Observer) -> None:
        """Switch *observer* on."""
        if not self.registered:
            # The class serves the moment between LangChain's two looks; it is not searched for among the handlers
            # unless somebody holds an _Inert.
            register_configure_hook(self, True, _Inert)  # type: ignore[arg-type]  # LangChain calls .get() alone
            self.registered = True
        WATCH.truths = (*WATCH.truths, observer)

    def pop(self, observer: Observer) -> None:
        """Switch *observer* off, and close it."""
        WATCH.truths = tuple(other for other in WATCH.truths if other is not observer)
        observer.close()


_HOOK = _Hook()


def switch_on() -> Observer:
    """An observer that hears every run from now on."""
    observer = Observer()
    _HOOK.push(observer)
    return observer


def switch_off(observer: Observer) -> None:
    """Let *observer* hear nothing more."""
    _HOOK.pop(observer)


@contextmanager
def observe_callbacks() -> Iterator[Observer]:
    """
    Hear every run that begins in this block, in any thread, whatever was passed as callbacks.

    The observer without pytest's fixtures, for ``unittest.TestCase`` and notebooks: scope assertions of any
    `RecordingHandler` work inside the block, and it yields what the fixture ``callback_scopes`` gives.

    Yields:
        The `Recording` of all runs, with ``table`` and ``section``.
    """
    observer = switch_on()
    try:
        yield observer
    finally:
        switch_off(observer)


def _ignore(record: Any) -> None:
    """In the place of a closed observer's store."""


def _users_line() -> str | None:
    """
    File and line of the call outside LangChain that led here; None where it cannot be had.

    In an async run the walk would end at the line that started the loop, which is no cause.
    """
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "").partition(".")[0]
        if module == "asyncio":
            return None
        if module != _OURS and module not in _LIBRARIES:
            return f"{_short_path(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return None


def _short_path(path: str) -> str:
    """As pytest shows it: relative to the working directory if it is below that."""
    below = path.startswith(os.getcwd() + os.sep)
    return os.path.relpath(path) if below else path
