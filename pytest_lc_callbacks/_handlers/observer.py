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
from pytest_lc_callbacks._scopes import WATCH, Origin, ScopeTable, WhatRan
from pytest_lc_callbacks._stack import Call, call_behind

_PLACES = {"setup": "in the test's set-up", "call": "in the test's body", "teardown": "in the test's tear-down"}


class Observer(RecordingHandler):
    """
    Hears every run that begins in this process while it is on: in any thread, whatever was passed as callbacks.

    A Recording with the same questions and assertions as any; `table` and `section` are its own.
    It does not hear langgraph's interrupts and resumes, nor a callback manager that is driven by hand.
    """

    def __init__(self) -> None:
        super().__init__()
        self.home: int = threading.get_ident()
        """The thread of the test."""
        self._on = True
        self._began = time.time()
        self._began_here = time.perf_counter()
        self._phases: list[tuple[int, str, float]] = []
        self._sections: list[_Section] = []
        self._beginnings: dict[Any, list[_Beginning]] = {}
        self._continued: set[Any] = set()
        self._cleared: float | None = None
        self._known: tuple[Any, WhatRan] | None = None

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
        return ScopeTable.of(self, recordings)

    def begin(self, phase: str) -> None:
        """From now on runs begin in this *phase* of a test: ``"setup"``, ``"call"`` or ``"teardown"``."""
        self.home = threading.get_ident()
        self._phases.append((len(self._log), phase, time.perf_counter()))

    def phase_of(self, run: Run) -> str | None:
        """The phase of the test that *run* began in; None where nobody spoke of phases."""
        return next((phase for position, phase, _ in reversed(self._phases) if position <= run.first), None)

    def own_runs(self) -> list[Run]:
        """Every run but those that continue a run of an earlier test."""
        return list(self.what_ran().runs)

    def origin(self, run: Run) -> Origin | None:
        """What is known of the beginning of a run without parent; None for all others."""
        return self.what_ran().origins.get(run)

    def parent_of(self, run: Run) -> Run | None:
        """The run it began in: its parent, or else the one that its context held."""
        return self.what_ran().around.get(run)

    def what_ran(self) -> WhatRan:
        """What is known up to this moment."""
        sections = tuple(section.start for section in self._sections)
        moment = (id(self._log), len(self._log), len(self._phases), sections, len(self._continued))
        if self._known is None or self._known[0] != moment:
            self._known = moment, self._told()
        return self._known[1]

    def clear(self) -> None:
        """Forget every run so far."""
        super().clear()
        self._cleared = time.perf_counter()
        self._phases = [(0, phase, self._cleared) for _, phase, _ in self._phases[-1:]]
        self._beginnings = {}
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

    def continues(self, run_id: Any) -> None:
        """The run with this id, as it is kept, continues a run of an earlier test."""
        self._continued.add(run_id)

    def _root_begins(self, run_id: Any) -> None:
        """Note where a run without parent begins: later nobody knows."""
        if not self._on:
            return
        manager: Any = (var_child_runnable_config.get() or {}).get("callbacks")
        call = call_behind(sys._getframe(1))
        elsewhere = call.thread_known and threading.get_ident() != self.home
        thread = threading.current_thread().name if elsewhere else None
        inside = getattr(manager, "parent_run_id", None)
        self._beginnings.setdefault(kept_id(run_id), []).append(_Beginning(inside, thread, call))
        if inside is not None and any(isinstance(other, Observer) and not other._on for other in manager.handlers):
            self.continues(kept_id(run_id))

    def _told(self) -> WhatRan:
        heard = self.runs
        origins = self._origins(heard)
        around = _around(heard, origins)
        runs = self._without_continued(heard, origins, around)
        places = {run: place for run in runs if (place := self._place(run))}
        limit, since = self._limit()
        return WhatRan(
            runs=runs,
            in_scope=[run for run in runs if run not in places],
            around=around,
            origins=origins,
            places=places,
            limit=limit,
            since=since,
            observer="callback_scopes" if self._phases else "observer",
            run_ids=frozenset(run.run_id for run in heard),
        )

    def _origins(self, runs: list[Run]) -> dict[Run, Origin]:
        noted = {run_id: iter(beginnings) for run_id, beginnings in list(self._beginnings.items())}
        roots = [run for run in runs if run.parent_run_id is None]
        found = {run: next(noted.get(kept_id(run.run_id), iter(())), None) for run in roots}
        return {run: beginning.origin for run, beginning in found.items() if beginning is not None}

    def _without_continued(self, runs: list[Run], origins: dict[Run, Origin], around: dict[Run, Run]) -> list[Run]:
        foreign: set[Run] = set()
        for run in runs:
            if around[run] in foreign if run in around else self._is_continued(run, origins.get(run)):
                foreign.add(run)
        return [run for run in runs if run not in foreign]

    def _is_continued(self, run: Run, origin: Origin | None) -> bool:
        """Whether *run*, which began in no run that was heard, began in one of an earlier test."""
        outside = run.parent_run_id or (origin.inside if origin else None)
        return kept_id(run.run_id) in self._continued or _made_before(outside, self._began)

    def _place(self, run: Run) -> str | None:
        """Where *run* began, if that is out of scope."""
        phase = self.phase_of(run) or "call"
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


class _Beginning:
    """What was seen when a run without parent began."""

    __slots__ = ("call", "inside", "thread")

    def __init__(self, inside: UUID | None, thread: str | None, call: Call) -> None:
        self.inside = inside
        self.thread = thread
        self.call = call

    @property
    def origin(self) -> Origin:
        """The same as plain data."""
        call = self.call
        return Origin(
            inside=self.inside,
            thread=self.thread,
            line=call.place,
            nested=call.nested,
            asynchronous=call.asynchronous,
            by_hand=call.by_hand,
        )


def _around(runs: list[Run], origins: dict[Run, Origin]) -> dict[Run, Run]:
    """The run that each of *runs* began in: its parent, or else the one that its context held."""
    latest: dict[UUID, Run] = {}
    found = {}
    for run in runs:
        origin = origins.get(run)
        around = run.parent or (latest.get(origin.inside) if origin and origin.inside else None)
        if around is not None:
            found[run] = around
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
        WATCH.truths = audible


_SWITCHBOARD = _Switchboard()


def switch_on() -> Observer:
    """An observer that from now on hears every run, in place of any that is on: a test's own."""
    observer = Observer()
    _SWITCHBOARD.switch_on(observer, alone=True)
    return observer


def switch_off(observer: Observer) -> None:
    """Let *observer* hear nothing more."""
    _SWITCHBOARD.switch_off(observer)


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
            observer.continues(run_id)
