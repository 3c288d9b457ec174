"""Observer: a handler that hears every run in the process, whatever was passed as callbacks."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from types import FrameType
from typing import Any

from langchain_core.runnables.config import var_child_runnable_config

from pytest_lc_callbacks._handlers.calls import begin_noting, current_call, end_noting, has_handled_error
from pytest_lc_callbacks._handlers.configure_hook import SWITCHBOARD
from pytest_lc_callbacks._handlers.earlier_runs import EarlierRuns
from pytest_lc_callbacks._handlers.recorder import RecordingHandler
from pytest_lc_callbacks._handlers.section import Section
from pytest_lc_callbacks._handlers.tool_fault import ToolFault
from pytest_lc_callbacks._patches import keeping
from pytest_lc_callbacks._recording import Recording, Run, id_key, is_start
from pytest_lc_callbacks._scopes import (
    ACTIVE_OBSERVERS,
    Given,
    ObservedRuns,
    Origin,
    ScopeTable,
    compare_recordings,
    find_parents,
    find_text,
)
from pytest_lc_callbacks._stack import call_behind, frame_above, is_called_by_fallbacks
from pytest_lc_callbacks._threads import OwnThreads
from pytest_lc_callbacks._values import ask, entry
from pytest_lc_callbacks._words import shown

_PLACES = {"setup": "in the test's set-up", "teardown": "in the test's tear-down"}


class Observer(RecordingHandler):
    """
    Hears every run that begins in this process while it is on: in any thread, whatever was passed as callbacks.

    It is a Recording, with `table` and `section` beside. It does not hear langgraph's interrupts and resumes, nor the
    runs that ``CallbackManager([handler])`` begins.
    """

    def __init__(self, threads: OwnThreads | None = None) -> None:
        super().__init__()
        self._threads = threads
        self._test_thread = threading.get_ident()
        self._on = True
        self._switched_on = perf_counter()
        self._phases: list[tuple[int, str, float]] = []
        self._sections: list[Section] = []
        self._origins: dict[Any, list[Origin]] = {}
        self._noting = begin_noting()
        self._callers: dict[Any, tuple[str, str | None]] = {}
        """By the ids of the runs that a handler called: its method and the line."""
        self._constructed: dict[Any, Given] = {}
        """By the ids of the runs inside others that have constructor callbacks."""
        self._handled: set[Any] = set()
        """The ids of the runs of tools that answered an error of their own."""
        self._earlier = EarlierRuns()
        self._configurable: set[str] = set()
        self._cleared: float | None = None
        self._known: tuple[Any, ObservedRuns] | None = None

    def __eq__(self, other: object) -> bool:
        """Whether *other* is this one: LangChain compares it with handlers that may not know how to answer."""
        return self is other

    def __hash__(self) -> int:
        """As that of any object."""
        return object.__hash__(self)

    @contextmanager
    def section(self) -> Iterator[Recording]:
        """
        Limit scope assertions and tables inside this block to the runs that begin in it.

        Yields:
            The Recording of what runs in the block; read it inside or after.
        """
        section = Section(self)
        self._sections.append(section)
        try:
            yield section
        finally:
            section._close()
            self._sections.remove(section)

    def fail_tool(
        self, name: str, fault: Any, *, times: int | None = None, on_call: int | None = None, after: float = 0
    ) -> ToolFault:
        """
        Let a tool fail inside ``with``: ``with callback_scopes.fail_tool("search", TimeoutError("down"), times=1):``.

        It fails inside its own code path: LangChain sends `tool_error` and handles the error as in production.

        Args:
            name: The name of the tool; tools that share it fail together.

            fault: The exception, its class, or a function of the tool's arguments that raises, or returns the output.

            times: How many calls fail; all of them if left out, and one where *on_call* is given.

            on_call: The first call that fails, from 1.

            after: Seconds to wait before a call fails.

        Raises:
            TypeError: If an argument is of another type.

            ValueError: If no call could fail.
        """
        return ToolFault(name, fault, times=times, on_call=on_call, after=after)

    def table(self, **recordings: Recording) -> ScopeTable:
        """
        Who heard which run: a row for each run of the test's body (or section), a column for each of *recordings*.

        ``print`` it; ``.rows`` is plain data.

        Raises:
            TypeError: If one of *recordings* is not a `Recording`.
        """
        return compare_recordings(self._observed_runs(), recordings)

    def assert_nowhere(self, text: str) -> None:
        """
        Check that *text* stands in nothing that a handler of this test (or section) could see: for privacy tests.

        Looked at are names, tags, metadata and payloads of every run, in any nesting. Ids that LangChain makes are not.

        Raises:
            AssertionError: With the run, the event and the path of each place; also if nothing ran.

            TypeError: If *text* is no text.

            ValueError: If it is empty.
        """
        __tracebackhide__ = True
        found = find_text(self._observed_runs(), text)
        if found:
            raise AssertionError(shown(found))

    def clear(self) -> None:
        """Forget every run so far."""
        super().clear()
        self._cleared = perf_counter()
        self._phases = [(0, phase, self._cleared) for _, phase, _ in self._phases[-1:]]
        self._origins, self._callers, self._constructed = {}, {}, {}
        self._configurable, self._handled = set(), set()
        for section in self._sections:
            section._restart(self)

    def _close(self) -> None:
        """
        Hear nothing more.

        Runs that are open go on calling it: of a run that begins inside one, it tells the observers that are on then.
        """
        if self._on:
            end_noting(self._noting)
        self._on = False
        self._extend = _tell_later_observers

    def _begin_phase(self, phase: str) -> None:
        self._test_thread = threading.get_ident()
        self._phases.append((len(self._log), phase, perf_counter()))

    def _observed_runs(self) -> ObservedRuns:
        moment = (self._moment, len(self._phases), tuple(section._start_at for section in self._sections))
        if self._known is None or self._known[0] != moment:
            self._known = moment, self._compute(self.runs)
        return self._known[1]

    @property
    def _moment(self) -> tuple[int, int, int]:
        """What changes with everything that it hears."""
        return id(self._log), len(self._log), len(self._earlier)

    def _frozen_runs(self) -> ObservedRuns:
        """What it knows at this moment. The runs stay as they are now, whatever goes on in other threads."""
        return self._compute(self._log.freeze().runs())

    def _is_made(self) -> None:
        """Tell nobody: no test made it to check what it receives."""

    @keeping
    def _run_begins(self, run_id: Any, parent_run_id: Any) -> None:
        """Note where a run without parent begins, and which handler called it, as long as the stack shows it."""
        if not self._on:
            return
        made = current_call()
        if made is not None and made.inside is not None:
            self._callers.setdefault(id_key(run_id), made.inside)
        given = None if made is None else made.given
        if parent_run_id is None:
            self._root_begins(run_id, given)
        elif given is not None:
            self._constructed[id_key(run_id)] = given

    @keeping
    def _tool_ends(self, run_id: Any) -> None:
        """Note whether the tool answers an error of its own, as long as the stack shows it."""
        if self._on and has_handled_error(frame_above(1), run_id):
            self._handled.add(id_key(run_id))

    def _root_begins(self, run_id: Any, given: Given | None) -> None:
        manager: Any = (var_child_runnable_config.get() or {}).get("callbacks")
        inside = ask(manager, "parent_run_id")
        frame = frame_above(1)
        call = call_behind(frame)
        elsewhere = call.thread_known and threading.get_ident() != self._test_thread
        thread = threading.current_thread().name if elsewhere else None
        by_fallbacks = None if inside is None else is_called_by_fallbacks(frame, inside)
        self._origins.setdefault(id_key(run_id), []).append(
            Origin(inside, thread, call, by_fallbacks, self._threads is None or self._threads.has_current(), given)
        )
        if inside is not None and is_of_earlier_test(self, inside, manager.handlers):
            self._earlier.tell(id_key(run_id))

    def _note_config(self, frame: FrameType) -> None:
        """Note what is configurable: no handler is sent it. LangChain's ``_configure`` runs in *frame*."""
        # Two callers up is get_callback_manager_for_config(config), LangChain's or langgraph's, or its async twin.
        for _ in range(2):
            if frame.f_back is None:
                return
            frame = frame.f_back
        if frame.f_code.co_name.endswith("callback_manager_for_config"):
            configurable = entry(frame.f_locals.get("config"), "configurable")
            if type(configurable) is dict and configurable:
                self._configurable.update(key for key in configurable if type(key) is str)

    def _compute(self, heard: list[Run]) -> ObservedRuns:
        origins = self._origins_of(heard)
        parents = find_parents(heard, origins)
        earlier = self._find_earlier(heard, parents)
        runs = [run for run in heard if run not in earlier] if earlier else heard
        phases = self._phases_of(runs)
        places = self._places_of(runs, phases)
        limit, since = self._limit()
        return ObservedRuns(
            runs=runs,
            in_scope=[run for run in runs if run not in places],
            parents=parents,
            origins=origins,
            constructed={run: self._constructed[run._id_key] for run in runs if run._id_key in self._constructed},
            callers={run: self._callers[run._id_key] for run in runs if run._id_key in self._callers},
            phases=phases,
            places=places,
            limit=limit,
            since=since,
            observer="callback_scopes" if self._phases else "observer",
            configurable=frozenset(self._configurable),
            handled=frozenset(self._handled),
            earlier_run_ids=frozenset({run._id_key for run in earlier} - {run._id_key for run in runs if earlier}),
        )

    def _origins_of(self, runs: list[Run]) -> dict[Run, Origin]:
        noted = {run_id: iter(origins) for run_id, origins in list(self._origins.items())}
        roots = [run for run in runs if run.parent_run_id is None]
        return {run: origin for run in roots if (origin := next(noted.get(run._id_key, iter(())), None)) is not None}

    def _find_earlier(self, heard: list[Run], parents: dict[Run, Run]) -> set[Run]:
        """The *heard* runs that began inside a run of an earlier test."""
        earlier: set[Run] = set()
        for run in heard:
            if parents[run] in earlier if run in parents else self._began_in_earlier_run(run):
                earlier.add(run)
        return earlier

    def _began_in_earlier_run(self, run: Run) -> bool:
        """Whether *run*, which began inside no heard run, began inside a run of an earlier test."""
        if run.parent_run_id is not None and is_of_earlier_test(self, run.parent_run_id):
            return True
        return self._earlier.was_told_of(run._id_key)

    def _phases_of(self, runs: list[Run]) -> dict[Run, str]:
        """The phase in which each of *runs* began."""
        begins = [position for position, _, _ in self._phases]
        indices = {run: bisect_right(begins, run._first) - 1 for run in runs} if begins else {}
        return {run: self._phases[index][1] for run, index in indices.items() if index >= 0}

    def _places_of(self, runs: list[Run], phases: dict[Run, str]) -> dict[Run, str]:
        """Where each of *runs* began that is out of scope."""
        places = {run: _PLACES[phase] for run, phase in phases.items() if phase != "call"}
        if self._sections:
            start = self._sections[-1]._start_at
            # A section() that a fixture opened has all runs since then in scope, whatever the phase.
            return {run: places.get(run, "before this section()") for run in runs if run._first < start}
        return places

    def _limit(self) -> tuple[str, float]:
        """Where a run has to begin to be in scope, and since when."""
        body = next((began for _, phase, began in self._phases if phase == "call"), self._switched_on)
        place = "in the test's body" if self._phases else "in the block of observe_callbacks()"
        if self._sections:
            place, body = "in this section()", self._sections[-1]._began
        elif self._phases and self._phases[0][1] == "call" and self._cleared is None:
            place = "in the test's body since the observer was switched on"
        if self._cleared is None:
            return place, body
        return f"{place} since the observer's clear()", max(body, self._cleared)


def switch_on(threads: OwnThreads | None = None) -> Observer:
    """Switch an observer on for a test with these *threads*. Those that are on hear nothing until `switch_off`."""
    observer = Observer(threads)
    SWITCHBOARD.switch_on(observer, alone=True)
    return observer


def switch_off(observer: Observer) -> None:
    """Let *observer* hear nothing more."""
    SWITCHBOARD.switch_off(observer)
    observer._close()


def begin_phase(observer: Observer, phase: str) -> None:
    """Tell *observer* that a phase of its test begins: ``"setup"``, ``"call"`` or ``"teardown"``."""
    observer._begin_phase(phase)


def is_of_earlier_test(observer: Observer, run_id: Any, handlers: Iterable[Any] = ()) -> bool:
    """
    Whether the run with this id began before the test of *observer*.

    Args:
        observer: The observer of the test.

        run_id: LangChain's id of the run.

        handlers: Those of the run, if known. An observer among them was on when the run began; else the id decides.
    """
    observers = [handler for handler in handlers if issubclass(type(handler), Observer)]
    if observers:
        return not any(other is observer for other in observers)
    return observer._earlier.began_before(run_id)


def observed_runs(observer: Observer) -> ObservedRuns:
    """What *observer* knows at this moment."""
    return observer._observed_runs()


def frozen_runs(observer: Observer) -> ObservedRuns:
    """What *observer* knows at this moment, with runs that stay as they are now."""
    return observer._frozen_runs()


@contextmanager
def observe_callbacks() -> Iterator[Observer]:
    """
    Hear every run that begins in this block, in any thread, whatever was passed as callbacks.

    The observer without pytest's fixtures, for ``unittest.TestCase`` and notebooks: scope assertions of any
    `RecordingHandler` work inside the block. Blocks may be nested: each hears what runs in it.

    Yields:
        What the fixture ``callback_scopes`` gives: the `Recording` of all runs, with ``table`` and ``section``.
    """
    observer = Observer()
    SWITCHBOARD.switch_on(observer, alone=False)
    try:
        yield observer
    finally:
        switch_off(observer)


def _tell_later_observers(record: Any) -> None:
    """Replaces ``Observer._extend`` once an observer is closed; see ``Observer._close``."""
    name, run_id = record[:2]
    if is_start(name):
        for observer in ACTIVE_OBSERVERS.observers:
            if isinstance(observer, Observer):
                observer._earlier.tell(run_id)
