"""Who heard which run, beside what really ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import get_ident
from typing import Protocol
from uuid import UUID

from pytest_lc_callbacks._recording import Recording, Run, RunTree, is_start

# langgraph sends these to handlers in the config's own list alone, so the observer never has them.
_UNOBSERVABLE = {"interrupt", "resume"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of the beginning of a run that has no parent."""

    inside: UUID | None = None
    """The run that its context held, if it held one: then its callbacks were replaced."""

    thread: str | None = None
    """The name of its thread; None for the thread of the test, and where it is not known."""

    line: str | None = None
    """The file and line of the call, outside LangChain, where it can be had."""

    nested: bool | None = None
    """Whether LangChain had called the code that made that call; None where it cannot be told."""

    asynchronous: bool = False
    """Whether it is an async run."""

    by_hand: bool = False
    """Whether it was begun by a callback manager that somebody drives by hand."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WhatRan:
    """What really ran, as the observer knows it at one moment."""

    runs: Sequence[Run]
    """Every run but those that continue a run of an earlier test, each after the run it began in."""

    in_scope: Sequence[Run]
    """Those that scope assertions are about."""

    around: Mapping[Run, Run]
    """The run that each began in: its parent, or else the one that its context held."""

    origins: Mapping[Run, Origin]
    """What is known of the beginnings of runs without parent."""

    places: Mapping[Run, str]
    """For each run that is not in scope when it began instead: ``"in the test's set-up"``."""

    limit: str
    """What limits the scope: ``"in the test's body"``."""

    since: float
    """When that begins, in seconds of ``time.perf_counter()``."""

    observer: str
    """What the observer is called where the test uses it: ``"callback_scopes"``."""

    run_ids: frozenset[UUID]
    """The ids of all runs that were heard, those that continue an earlier test's included."""


class GroundTruth(Protocol):
    """Who knows what really ran; see `Observer`, which does."""

    home: int

    def what_ran(self) -> WhatRan: ...

    def own_runs(self) -> list[Run]: ...

    def phase_of(self, run: Run) -> str | None: ...

    def origin(self, run: Run) -> Origin | None: ...

    def parent_of(self, run: Run) -> Run | None: ...


class Watch:
    """The observers that are on, the innermost last; one for the process, as LangChain's hooks are."""

    def __init__(self) -> None:
        self.truths: tuple[GroundTruth, ...] = ()


WATCH = Watch()


def current_truth() -> GroundTruth | None:
    """The innermost observer that is on, of this thread if it has one; None if nothing is watched."""
    truths, here = WATCH.truths, get_ident()
    own = [truth for truth in truths if truth.home == here]
    return (own or truths)[-1] if truths else None


@dataclass(frozen=True, slots=True)
class Hearing:
    """How one recording heard one run that the observer heard."""

    missing: Counter[str]
    """Events that happened more often than they were heard."""

    surplus: Counter[str]
    """Events that were heard more often than they happened."""

    heard: Counter[str]
    """All events that were heard."""

    @property
    def missed(self) -> bool:
        """Whether no event of the run was heard."""
        return bool(self.missing) and not self.heard

    @property
    def complete(self) -> bool:
        """Whether every event was heard, exactly as often as it happened."""
        return not self.missing and not self.surplus

    @property
    def times(self) -> int:
        """How often the event was heard that was heard most often for each time it happened."""
        return max((-(-self.heard[name] // (self.heard[name] - n)) for name, n in self.surplus.items()), default=1)

    def __str__(self) -> str:
        if self.missed:
            return "missed"
        if self.missing:
            return "heard partly"
        if not self.surplus:
            return "heard"
        return "heard twice" if self.times == 2 else f"heard {self.times} times"


class ScopeComparison:
    """
    What one recording heard of what really ran.

    Events are counted run by run, so that tokens, custom events, retries and repeated run ids come out right.
    """

    def __init__(self, recording: Recording, truth: GroundTruth) -> None:
        self.recording: Recording = recording
        self.ran: WhatRan = truth.what_ran()
        ran = self.ran
        # What a handler forgot when it was cleared, or what ran before it was made, cannot be asked of it.
        self.since: float = getattr(recording, "_asked_from", 0.0)
        self.in_scope: list[Run] = [run for run in ran.in_scope if run.time >= self.since]
        heard, unobserved = _heard_runs(recording, ran)
        begin = max(self.since, ran.since)
        self.unobserved: list[Run] = [run for run in unobserved if run.time >= begin]
        """Runs that it heard and the observer did not: a callback manager driven by hand."""
        self._declines: Callable[[str], bool] = getattr(recording, "_declines", lambda name: False)
        self.hearings: dict[Run, Hearing] = {run: self._hearing(run, heard[run]) for run in ran.runs}

    def _hearing(self, run: Run, heard: Iterable[Run]) -> Hearing:
        names = [name for name in run.names if name not in _UNOBSERVABLE and not self._declines(name)]
        times = _times_dispatched(run)
        happened = Counter({name: -(-count // times) for name, count in Counter(names).items()})
        counted = Counter(name for other in heard for name in other.names if name not in _UNOBSERVABLE)
        # An event the observer lacks altogether is one it cannot hear: nothing can be said of its number.
        surplus = Counter({name: counted[name] - count for name, count in happened.items() if counted[name] > count})
        return Hearing(happened - counted, surplus, counted)

    def heard(self, runs: Iterable[Run]) -> list[Run]:
        """Those of *runs* of which at least one event was heard."""
        return [run for run in runs if self.hearings[run].heard]

    def tree(self, runs: Iterable[Run]) -> RunTree:
        """*runs* as a tree, each under the run it began in even if its callbacks were replaced."""
        return RunTree(runs, self.ran.around.get)


def _times_dispatched(run: Run) -> int:
    """
    How often the observer was sent each event of *run*.

    More than once if somebody hands on a manager's list of handlers, with the observer in it, and doubles it. Starts in
    several threads are no doubles, but calls that share one ``run_id``.
    """
    if sum(is_start(name) for name in run.names) < 2:
        return 1
    starts = [event.thread for event in run.events if is_start(event.name)]
    return len(starts) // len(set(starts))


def _heard_runs(recording: Recording, ran: WhatRan) -> tuple[dict[Run, list[Run]], list[Run]]:
    """For each observed run the recording's runs that are the same one; and those that the observer did not hear."""
    by_id: dict[UUID, list[Run]] = {}
    for run in ran.runs:
        by_id.setdefault(run.run_id, []).append(run)
    heard: dict[Run, list[Run]] = {run: [] for run in ran.runs}
    unobserved = []
    for run in recording.runs:
        same_id = by_id.get(run.run_id)
        if same_id is not None:
            heard[occurrence(run, same_id)].append(run)
        elif run.run_id not in ran.run_ids:
            unobserved.append(run)
    return heard, unobserved


def occurrence(run: Run, same_id: Sequence[Run]) -> Run:
    """Which of the observed runs that share its id *run* is: the last before which the one before had ended."""
    for before, after in zip(reversed(same_id[:-1]), reversed(same_id[1:]), strict=True):
        if before.events[-1].time <= run.time:
            return after
    return same_id[0]
