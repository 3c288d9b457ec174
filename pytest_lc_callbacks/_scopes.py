"""Who heard which run, beside what really ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from pytest_lc_callbacks._events import Run, RunTree, is_start
from pytest_lc_callbacks._patterns import short
from pytest_lc_callbacks._recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable

# langgraph sends these to handlers in the config's own list alone, so the observer never has them.
_UNOBSERVABLE = {"interrupt", "resume"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of the beginning of a run that has no parent."""

    inside: UUID | None
    """The run that its context held, if it held one: then its callbacks were replaced."""

    thread: str | None
    """The name of its thread; None for the thread of the test."""

    line: str | None
    """The file and line of the call, outside LangChain, where it can be had."""


class GroundTruth(Protocol):
    """What the observer knows; see `Observer`, which is one."""

    def runs_in_scope(self) -> list[Run]: ...

    def own_runs(self) -> list[Run]: ...

    def phase_of(self, run: Run) -> str | None: ...

    def origin(self, run: Run) -> Origin | None: ...

    def parent_of(self, run: Run) -> Run | None: ...


class Watch:
    """The observers that are on; one for the process, since LangChain's hook is."""

    def __init__(self) -> None:
        self.truths: tuple[GroundTruth, ...] = ()


WATCH = Watch()


def current_truth() -> GroundTruth | None:
    """The innermost observer that is on; None if nothing is watched."""
    truths = WATCH.truths
    return truths[-1] if truths else None


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

    def __str__(self) -> str:
        if self.missed:
            return "missed"
        if self.missing:
            return "heard partly"
        if not self.surplus:
            return "heard"
        times = max(-(-self.heard[name] // (self.heard[name] - extra)) for name, extra in self.surplus.items())
        return "heard twice" if times == 2 else f"heard {times} times"


class ScopeComparison:
    """
    What one recording heard of what really ran.

    Events are counted run by run, so that tokens, custom events, retries and repeated run ids come out right.
    """

    def __init__(self, recording: Recording, truth: GroundTruth) -> None:
        self.recording = recording
        self.truth = truth
        self.all_runs = truth.own_runs()
        # What a handler forgot when it was cleared cannot be asked of it any more.
        self.in_scope = [run for run in truth.runs_in_scope() if run.time >= recording._cleared_at]
        heard, self.unobserved = _heard_runs(recording, self.all_runs)
        self._declines: Callable[[str], bool] = getattr(recording, "_declines", lambda name: False)
        self.hearings = {run: self._hearing(run, heard[run]) for run in self.all_runs}

    def _hearing(self, run: Run, heard: Iterable[Run]) -> Hearing:
        names = [name for name in run.names if name not in _UNOBSERVABLE and not self._declines(name)]
        # Somebody may hand on a manager's list of handlers together with the observer, which then hears all twice.
        times = max(1, sum(is_start(name) for name in run.names))
        happened = Counter({name: -(-count // times) for name, count in Counter(names).items()})
        counted = Counter(name for other in heard for name in other.names)
        # An event the observer lacks altogether is one it cannot hear: nothing can be said of its number.
        surplus = Counter({name: counted[name] - times for name, times in happened.items() if counted[name] > times})
        return Hearing(happened - counted, surplus, counted)

    def heard(self, runs: Iterable[Run]) -> list[Run]:
        """Those of *runs* of which at least one event was heard."""
        return [run for run in runs if self.hearings[run].heard]

    def tree(self, runs: Iterable[Run]) -> RunTree:
        """*runs* as a tree, each under the run it began in even if its callbacks were replaced."""
        return RunTree(runs, self.truth.parent_of)


def _heard_runs(recording: Recording, observed: Sequence[Run]) -> tuple[dict[Run, list[Run]], list[Run]]:
    """For each observed run the recording's runs that are the same one; and those that the observer did not hear."""
    by_id: dict[UUID, list[Run]] = {}
    for run in observed:
        by_id.setdefault(run.run_id, []).append(run)
    heard: dict[Run, list[Run]] = {run: [] for run in observed}
    unobserved = []
    for run in recording.runs:
        same_id = by_id.get(run.run_id)
        if same_id is None:
            unobserved.append(run)
        else:
            heard[_occurrence(run, same_id)].append(run)
    return heard, unobserved


def _occurrence(run: Run, same_id: list[Run]) -> Run:
    """Which of the observed runs that share its id *run* is: the last before which the one before had ended."""
    began = run.time
    for before, after in zip(reversed(same_id[:-1]), reversed(same_id[1:]), strict=True):
        if before.events[-1].time <= began:
            return after
    return same_id[0]


def name_of(argument: str, target: Any) -> str:
    """The run name of what was passed as ``of=`` or ``under=``."""
    if isinstance(target, str):
        return target
    if isinstance(target, Run):
        return target.label
    if isinstance(target, type) or not (hasattr(target, "invoke") and hasattr(target, "get_name")):
        raise TypeError(f"{argument}= takes a run's name, a Run, or the runnable itself, not {short(target)}")
    return _runnable_name(target)


def _runnable_name(runnable: Any) -> str:
    """The name that LangChain gives the runs of *runnable*; bindings have no runs of their own."""
    while hasattr(runnable, "bound") and hasattr(runnable, "config"):
        if runnable.config.get("run_name"):
            return str(runnable.config["run_name"])
        runnable = runnable.bound
    return str(runnable.get_name())


def runs_of(comparison: ScopeComparison, argument: str, target: Any) -> list[Run]:
    """The observed runs that were passed as ``of=`` or ``under=``."""
    if isinstance(target, Run):
        same_id = [run for run in comparison.all_runs if run.run_id == target.run_id]
        return [_occurrence(target, same_id)] if same_id else []
    name = name_of(argument, target)
    return [run for run in comparison.in_scope if run.name == name]


def some_names(runs: Iterable[Run], limit: int = 5) -> str:
    """The names of *runs*, each once, cut to a few."""
    names = list(dict.fromkeys(run.label for run in runs))
    return ", ".join(names[:limit]) + (" ..." if len(names) > limit else "")


@dataclass(frozen=True)
class ScopeTable:
    """Who heard which run: plain data that prints as a table."""

    columns: tuple[str, ...]
    """The names of the recordings."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    """For each run its name and what each recording heard of it: ``"heard"``, ``"missed"``, ``"heard twice"`` ..."""

    drawn: list[str] = field(default_factory=list, repr=False, compare=False)
    """The runs' names with the branches of the tree before them."""

    @classmethod
    def of(cls, truth: GroundTruth, recordings: Mapping[str, Recording]) -> ScopeTable:
        """
        The table for the runs in the scope of *truth*.

        Raises:
            TypeError: If one of *recordings* is not a `Recording`.
        """
        for name, recording in recordings.items():
            if not isinstance(recording, Recording):
                raise TypeError(
                    f"table({name}=...) takes a Recording, not {short(recording)}: for a handler of your own pass what "
                    "spy_on(handler) returns"
                )
        hearings = [ScopeComparison(recording, truth).hearings for recording in recordings.values()]
        walk = list(RunTree(truth.runs_in_scope(), truth.parent_of).walk())
        rows = [(run.label, *(str(heard[run]) for heard in hearings)) for _, run in walk]
        return cls(tuple(recordings), rows, [lead + run.label for lead, run in walk])

    def __str__(self) -> str:
        if not self.rows:
            return "(no runs)"
        lines = [("", *self.columns)]
        lines += [(drawn, *row[1:]) for drawn, row in zip(self.drawn, self.rows, strict=True)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("   ".join(f"{c:<{w}}" for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)
