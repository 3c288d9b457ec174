"""How a recording heard each run that the observer heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_lc_callbacks._recording import Recording, Run, RunTree, is_start
from pytest_lc_callbacks._scopes.observed_runs import ObservedRuns

# langgraph sends these to the handlers in the config's own list alone, so the observer never has them.
_UNOBSERVABLE = {"interrupt", "resume"}


@dataclass(frozen=True, slots=True)
class Hearing:
    """How one recording heard one observed run: its events are counted by name."""

    missing: Counter[str]
    """Events that LangChain sent more often than the recording heard them."""

    surplus: Counter[str]
    """Events that the recording heard more often than LangChain sent them."""

    heard: Counter[str]
    """All events that the recording heard."""

    @property
    def missed(self) -> bool:
        """Whether it heard no event of the run."""
        return bool(self.missing) and not self.heard

    @property
    def complete(self) -> bool:
        """Whether it heard every event exactly as often as LangChain sent it."""
        return not self.missing and not self.surplus

    @property
    def times(self) -> int:
        """The largest ratio of times heard to times sent: 2 for a handler that stands twice in one list."""
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
    What one recording heard of the observed runs.

    Events are counted run by run, so that tokens, custom events, retries and repeated run ids come out right.
    """

    def __init__(self, recording: Recording, observed: ObservedRuns) -> None:
        self.recording: Recording = recording
        self.observed: ObservedRuns = observed
        since = recording._asked_since
        self.in_scope: list[Run] = [run for run in observed.in_scope if run.time >= since]
        """The runs that the recording is asked for: it could hear no run that began before it was made or cleared."""
        heard, unobserved = _assign_runs(recording, observed)
        begin = max(since, observed.since)
        self.unobserved: list[Run] = [run for run in unobserved if run.time >= begin]
        """Runs that the recording heard and the observer did not: of a callback manager that is driven by hand."""
        self.hearings: dict[Run, Hearing] = {run: self._hear(run, heard[run]) for run in observed.runs}

    def _hear(self, run: Run, heard: Sequence[Run]) -> Hearing:
        names = run.names
        times = _count_dispatches(run, names)
        if times == 1 and len(heard) == 1 and heard[0].names == names:
            return Hearing(Counter(), Counter(), Counter(names))
        taken = [name for name in names if name not in _UNOBSERVABLE and not self.recording._declines(name)]
        sent = Counter({name: -(-count // times) for name, count in Counter(taken).items()})
        counted = Counter(name for other in heard for name in other.names if name not in _UNOBSERVABLE)
        # An event that the observer lacks altogether is one that it cannot hear: nothing can be said of its number.
        surplus = Counter({name: counted[name] - count for name, count in sent.items() if counted[name] > count})
        return Hearing(sent - counted, surplus, counted)

    def heard(self, runs: Iterable[Run]) -> list[Run]:
        """Those of *runs* of which the recording heard an event."""
        return [run for run in runs if self.hearings[run].heard]

    def tree(self, runs: Iterable[Run]) -> RunTree:
        """*runs* as a tree, each under the run it began in, also where its callbacks were replaced."""
        return RunTree(runs, self.observed.parent_of)


def _count_dispatches(run: Run, names: Sequence[str]) -> int:
    """
    How often LangChain called the observer for each event of *run*.

    Twice, if somebody passes a manager's list of handlers on, with the observer in it, and LangChain adds the observer
    again. Calls in several threads that share one ``run_id`` start once in each thread.
    """
    if sum(names.count(name) for name in set(names) if is_start(name)) < 2:
        return 1
    starts = [event.thread for event in run.events if is_start(event.name)]
    return len(starts) // len(set(starts))


def _assign_runs(recording: Recording, observed: ObservedRuns) -> tuple[dict[Run, list[Run]], list[Run]]:
    """For each observed run the runs in *recording* that are the same; and those that the observer did not hear."""
    by_id: dict[Any, list[Run]] = {}
    for run in observed.runs:
        by_id.setdefault(run._id_key, []).append(run)
    heard: dict[Run, list[Run]] = {run: [] for run in observed.runs}
    unobserved = []
    for run in recording.runs:
        same_id = by_id.get(run._id_key)
        if same_id is not None:
            heard[find_occurrence(run, same_id)].append(run)
        elif run._id_key not in observed.earlier_run_ids:
            unobserved.append(run)
    return heard, unobserved


def find_occurrence(run: Run, same_id: Sequence[Run]) -> Run:
    """Several runs can share an id. Returns the one of *same_id* that was current when *run* started."""
    for before, after in zip(reversed(same_id[:-1]), reversed(same_id[1:]), strict=True):
        if before.events[-1].time <= run.time:
            return after
    return same_id[0]
