"""Who heard which run, beside what really ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from pytest_lc_callbacks._recording import Recording, Run, RunTree, is_start
from pytest_lc_callbacks._scopes.observed_runs import ObservedRuns

# langgraph sends these to handlers in the config's own list alone, so the observer never has them.
_UNOBSERVABLE = {"interrupt", "resume"}


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

    def __init__(self, recording: Recording, ran: ObservedRuns) -> None:
        self.recording: Recording = recording
        self.ran: ObservedRuns = ran
        self.since: float = recording._asked_since
        self.in_scope: list[Run] = [run for run in ran.in_scope if run.time >= self.since]
        heard, unobserved = _heard_runs(recording, ran)
        begin = max(self.since, ran.since)
        self.unobserved: list[Run] = [run for run in unobserved if run.time >= begin]
        """Runs that it heard and the observer did not: a callback manager driven by hand."""
        self.hearings: dict[Run, Hearing] = {run: self._hearing(run, heard[run]) for run in ran.runs}

    def _hearing(self, run: Run, heard: Iterable[Run]) -> Hearing:
        names = [name for name in run.names if name not in _UNOBSERVABLE and not self.recording._declines(name)]
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
        return RunTree(runs, self.ran.parent_of)


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


def _heard_runs(recording: Recording, ran: ObservedRuns) -> tuple[dict[Run, list[Run]], list[Run]]:
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
        elif run.run_id not in ran.earlier_run_ids:
            unobserved.append(run)
    return heard, unobserved


def occurrence(run: Run, same_id: Sequence[Run]) -> Run:
    """Which of the observed runs that share its id *run* is: the last before which the one before had ended."""
    for before, after in zip(reversed(same_id[:-1]), reversed(same_id[1:]), strict=True):
        if before.events[-1].time <= run.time:
            return after
    return same_id[0]
