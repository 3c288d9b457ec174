"""The observer: a recording of every run in the process, whatever was passed as callbacks."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers.context import register_configure_hook

from pytest_lc_callbacks._handlers.recorder import RecordingHandler
from pytest_lc_callbacks._recording import Recording, Run, is_start, kept_id
from pytest_lc_callbacks._scopes import ACTIVE_OBSERVERS, ObservedRuns, Origin, ScopeTable
from pytest_lc_callbacks._stack import call_behind

_PLACES = {"setup": "in the test's set-up", "call": "in the test's body", "teardown": "in the test's tear-down"}


class Observer(RecordingHandler):
    """
    Hears every run that begins in this process while it is on: in any thread, whatever was passed as callbacks.

    A Recording with the same questions and assertions as any; `table` and `section` are its own.
    It does not hear langgraph's interrupts and resumes, nor a callback manager that is driven by hand.
    """

    def __init__(self) -> None:
        super().__init__()
        self._test_thread = threading.get_ident()
        self._on = True
        self._began = time.time()
        self._began_here = time.perf_counter()
        self._phases: list[tuple[int, str, float]] = []
        self._sections: list[_Section] = []
        self._origins: dict[Any, list[Origin]] = {}
        self._continued: set[Any] = set()
        self._cleared: float | None = None
        self._known: tuple[Any, ObservedRuns] | None = None

    @contextmanager
    def section(self) -> Iterator[Recording]:
        """
        Limit scope assertions and tables inside this block to the runs that begin in it.

        Yields:
            The Recording of what runs in the block; read it inside or after.
        """
        section = _Section(self)
        self._sections.append(section)
        try:
            yield section
        finally:
            section.close()
            self._sections.remove(section)

    def table(self, **recordings: Recording) -> ScopeTable:
        """
        Who heard which run: a row for each run of the test's body (or section), a column for each of *recordings*.

        ``print`` it; ``.rows`` is plain data.

        Raises:
            TypeError: If one of *recordings* is not a `Recording`.
        """
        return ScopeTable.of(self._observed_runs(), recordings)

    def clear(self) -> None:
        """Forget every run so far."""
        super().clear()
        self._cleared = time.perf_counter()
        self._phases = [(0, phase, self._cleared) for _, phase, _ in self._phases[-1:]]
        self._origins = {}
        for section in self._sections:
            section.restart(self)

    def close(self) -> None:
        """
        Hear nothing more.

        A run that is open now may go on under a later observer. It still holds this one, which thereby learns of each
        run that continues it, and tells.
        """
        self._on = False
        self._extend = _tell_later_observers

    def _begin(self, phase: str) -> None:
        """Let runs begin in this *phase* from now on."""
        self._test_thread = threading.get_ident()
        self._phases.append((len(self._log), phase, time.perf_counter()))

    def _observed_runs(self) -> ObservedRuns:
        sections = tuple(section.start for section in self._sections)
        moment = (id(self._log), len(self._log), len(self._phases), sections, len(self._continued))
        if self._known is None or self._known[0] != moment:
            self._known = moment, self._compute()
        return self._known[1]

    def _is_made(self) -> None:
        """Tell nobody: no test made it to check what it receives."""

    def _root_begins(self, run_id: Any) -> None:
        """Note where a run without parent begins: later nobody knows."""
        if not self._on:
            return
        manager: Any = (var_child_runnable_config.get() or {}).get("callbacks")
        call = call_behind(sys._getframe(1))
        elsewhere = call.thread_known and threading.get_ident() != self._test_thread
        thread = threading.current_thread().name if elsewhere else None
        inside = getattr(manager, "parent_run_id", None)
        self._origins.setdefault(kept_id(run_id), []).append(Origin(inside, thread, call))
        if inside is not None and any(isinstance(other, Observer) and not other._on for other in manager.handlers):
            self._continued.add(kept_id(run_id))

    def _compute(self) -> ObservedRuns:
        heard = self.runs
        origins = self._origins_of(heard)
        parents = _parents(heard, origins)
        runs = self._without_continued(heard, origins, parents)
        phases = {run: phase for run in runs if (phase := self._phase_of(run))}
        places = {run: place for run in runs if (place := self._place(run, phases.get(run, "call")))}
        limit, since = self._limit()
        return ObservedRuns(
            runs=runs,
            in_scope=[run for run in runs if run not in places],
            parents=parents,
            origins=origins,
            phases=phases,
            places=places,
            limit=limit,
            since=since,
            observer="callback_scopes" if self._phases else "observer",
            earlier_run_ids=frozenset(run.run_id for run in heard) - {run.run_id for run in runs},
        )

    def _origins_of(self, runs: list[Run]) -> dict[Run, Origin]:
        noted = {run_id: iter(origins) for run_id, origins in list(self._origins.items())}
        roots = [run for run in runs if run.parent_run_id is None]
        found = {run: next(noted.get(kept_id(run.run_id), iter(())), None) for run in roots}
        return {run: origin for run, origin in found.items() if origin is not None}

    def _phase_of(self, run: Run) -> str | None:
        return next((phase for position, phase, _ in reversed(self._phases) if position <= run.first), None)

    def _without_continued(self, runs: list[Run], origins: dict[Run, Origin], parents: dict[Run, Run]) -> list[Run]:
        foreign: set[Run] = set()
        for run in runs:
            if parents[run] in foreign if run in parents else self._is_continued(run, origins.get(run)):
                foreign.add(run)
        return [run for run in runs if run not in foreign]

    def _is_continued(self, run: Run, origin: Origin | None) -> bool:
        """Whether *run*, which began in no run that was heard, began in one of an earlier test."""
        outside = run.parent_run_id or (origin.inside if origin else None)
        return kept_id(run.run_id) in self._continued or _made_before(outside, self._began)

    def _place(self, run: Run, phase: str) -> str | None:
        """Where *run* began, if that is out of scope."""
        if not self._sections:
            return None if phase == "call" else _PLACES[phase]
        if run.first >= self._sections[-1].start:
            return None
        return "before this section()" if phase == "call" else _PLACES[phase]

    def _limit(self) -> tuple[str, float]:
        """What limits the scope, and since when."""
        body = next((began for _, phase, began in self._phases if phase == "call"), self._began_here)
        place = "in the test's body" if self._phases else "in the block of observe_callbacks()"
        if self._sections:
            place, body = "in this section()", self._sections[-1].began
        elif self._phases and self._phases[0][1] == "call" and self._cleared is None:
            place = "in the test's body since the observer was switched on"
        if self._cleared is None:
            return place, body
        return f"{place} since the observer's clear()", max(body, self._cleared)


def _parents(runs: list[Run], origins: dict[Run, Origin]) -> dict[Run, Run]:
    """The run that each of *runs* began in: its parent, or else the run that its context held."""
    latest: dict[UUID, Run] = {}
    found = {}
    for run in runs:
        origin = origins.get(run)
        parent = run.parent or (latest.get(origin.inside) if origin and origin.inside else None)
        if parent is not None:
            found[run] = parent
        latest[run.run_id] = run
    return found


def _made_before(run_id: UUID | None, moment: float) -> bool:
    """Whether the id itself says that it was made before: LangChain's do since langchain-core 1.1 (UUID version 7)."""
    return run_id is not None and run_id.version == 7 and run_id.int >> 80 < int(moment * 1000)


class _Section(Recording):
    """What an observer hears from one moment on, until another."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self._log = observer._log
        self.start = len(self._log)
        self.began = time.perf_counter()
        self._stop: int | None = None

    @property
    def _positions(self) -> range:
        return range(self.start, len(self._log) if self._stop is None else self._stop)

    @property
    def runs(self) -> list[Run]:
        """Every run that began in the block."""
        return [run for run in self._log.runs() if run.first in self._positions]

    def restart(self, observer: Observer) -> None:
        """Go on in the empty recording of an observer that was cleared."""
        self._log = observer._log
        self.start = 0

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

    def __init__(self, switchboard: _Switchboard, index: int) -> None:
        self._switchboard = switchboard
        self._index = index

    def get(self) -> Observer | None:
        """The observer that this hook stands for."""
        audible = self._switchboard.audible
        return audible[self._index] if self._index < len(audible) else None


class _Switchboard:
    """Which observers LangChain is told of, over as many hooks as there ever were observers at once."""

    def __init__(self) -> None:
        self.audible: tuple[Observer, ...] = ()
        self._on: list[tuple[Observer, bool]] = []
        self._hooks = 0
        self._lock = threading.Lock()

    def switch_on(self, observer: Observer, *, alone: bool) -> None:
        """Let *observer* hear; those that are on already hear no more if it is to be *alone*, until it is off."""
        with self._lock:
            self._on.append((observer, alone))
            self._connect()

    def switch_off(self, observer: Observer) -> None:
        """Let *observer* hear nothing more."""
        with self._lock:
            self._on = [entry for entry in self._on if entry[0] is not observer]
            self._connect()
        observer.close()

    def _connect(self) -> None:
        first = max((index for index, (_, alone) in enumerate(self._on) if alone), default=0)
        audible = tuple(observer for observer, _ in self._on[first:])
        while self._hooks < len(audible):
            hook = _Hook(self, self._hooks)
            # The class serves the moment between LangChain's two looks; it is not searched for among the handlers
            # unless somebody holds an _Inert.
            register_configure_hook(hook, True, _Inert)  # type: ignore[arg-type]  # LangChain calls .get() alone
            self._hooks += 1
        self.audible = audible
        ACTIVE_OBSERVERS.observers = audible


_SWITCHBOARD = _Switchboard()


def switch_on() -> Observer:
    """An observer that from now on hears every run, in place of any that is on: a test's own."""
    observer = Observer()
    _SWITCHBOARD.switch_on(observer, alone=True)
    return observer


def switch_off(observer: Observer) -> None:
    """Let *observer* hear nothing more."""
    _SWITCHBOARD.switch_off(observer)


def begin_phase(observer: Observer, phase: str) -> None:
    """Tell *observer* that a phase of its test begins: ``"setup"``, ``"call"`` or ``"teardown"``."""
    observer._begin(phase)


def observed_runs(observer: Observer) -> ObservedRuns:
    """What *observer* knows up to this moment."""
    return observer._observed_runs()


@contextmanager
def observe_callbacks() -> Iterator[Observer]:
    """
    Hear every run that begins in this block, in any thread, whatever was passed as callbacks.

    The observer without pytest's fixtures, for ``unittest.TestCase`` and notebooks: scope assertions of any
    `RecordingHandler` work inside the block, and it yields what the fixture ``callback_scopes`` gives. Blocks may be
    nested: each hears what runs in it.

    Yields:
        The `Recording` of all runs, with ``table`` and ``section``.
    """
    observer = Observer()
    _SWITCHBOARD.switch_on(observer, alone=False)
    try:
        yield observer
    finally:
        switch_off(observer)


def _tell_later_observers(record: Any) -> None:
    """In the place of a closed observer's store."""
    name, run_id = record[:2]
    if is_start(name):
        for observer in _SWITCHBOARD.audible:
            observer._continued.add(run_id)
