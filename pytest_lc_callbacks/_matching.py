"""Does this sequence of events match that list?"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pytest_lc_callbacks._events import Log, Run
from pytest_lc_callbacks._patterns import AnyOrder, EventPattern, Item, Many, render_items

# How many events a search through `any_order` may look at before it gives up, loudly.
SEARCH_LIMIT = 5_000_000


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """Where a list and the events part."""

    at: int
    """Which event, counted from 0; one past the last if events are missing."""

    expected: tuple[Item, ...]
    """What would have been right there; empty if nothing more was expected."""

    rest: tuple[Item, ...]
    """What the list has after that."""

    anywhere: bool = False
    """Whether it would have been right anywhere from there on."""

    detail: str | None = None
    """Why the runs that were there do not match `any_order`, in one line."""

    evidence: tuple[str, ...] = ()
    """What shows it."""


class SearchLimitError(ValueError):
    """The search through `any_order` passed its limit."""


def find_mismatch(items: Sequence[Item], log: Log, positions: Sequence[int]) -> Mismatch | None:
    """
    Where *items* and the events at these *positions* of *log* part; None if they match.

    Exact lists take a step per event, patterns at most one per event and item, `any_order` at most `SEARCH_LIMIT`.

    Raises:
        SearchLimitError: If that limit was passed, with the branches that made the search long.
    """
    if set(map(type, items)) <= {str}:
        return _exact_mismatch(items, names_at(log, positions))
    return _Search(items, log, positions, _Budget()).mismatch()


def names_at(log: Log, positions: Sequence[int]) -> list[str]:
    """The names of the events at these *positions*."""
    names = log.names()
    return names[positions.start : positions.stop] if isinstance(positions, range) else [names[p] for p in positions]


def _exact_mismatch(items: Sequence[Item], recorded: list[str]) -> Mismatch | None:
    if recorded == list(items):
        return None
    pairs = enumerate(zip(items, recorded, strict=False))
    at = next((i for i, (item, name) in pairs if item != name), min(len(items), len(recorded)))
    return Mismatch(at=at, expected=tuple(items[at : at + 1]), rest=tuple(items[at + 1 :]))


@dataclass(frozen=True, eq=False, slots=True)
class _Step:
    """One state of a search: an item, and whether it may be absent and may repeat."""

    item: Item
    index: int
    optional: bool = False
    repeats: bool = False


def _steps(items: Iterable[Item]) -> list[_Step]:
    steps: list[_Step] = []
    for index, item in enumerate(items):
        if isinstance(item, Many):
            steps += [_Step(item, index)] * item.min
        if item is ... or isinstance(item, Many):
            steps.append(_Step(item, index, optional=True, repeats=True))
        else:
            steps.append(_Step(item, index))
    return steps


class _Budget:
    """How many more events one search may look at, over all its branches."""

    def __init__(self) -> None:
        self._left = SEARCH_LIMIT

    def spend(self, events: int, group: AnyOrder) -> None:
        self._left -= events
        if self._left < 0:
            branches = "\n".join(f"  branch {n}: {render_items(b)}" for n, b in enumerate(group.branches, 1))
            raise SearchLimitError(
                f"expected to decide any_order within {SEARCH_LIMIT:,} steps, but its branches fit too many runs:\n"
                f"{branches}\nhint: name more of what tells the runs apart, as in event('chain_start', run='...'), and "
                "leave out any ... before any_order."
            )


class _Search:
    """All ways to read a list at once: the set of steps that may take the next event."""

    def __init__(self, items: Sequence[Item], log: Log, positions: Sequence[int], budget: _Budget) -> None:
        self._items = items
        self._steps = _steps(items)
        self._log = log
        self._positions = positions
        self._names = names_at(log, positions)
        self._budget = budget
        # Steps that take the event at a later index, behind an `any_order` that swallows what is before it.
        self._arrivals: dict[int, set[int]] = {}
        self._why: tuple[str, tuple[str, ...]] | None = None
        self._first_of: dict[int, int] = {}

    def mismatch(self) -> Mismatch | None:
        """Where the list and the events part; None if they match."""
        active = self._with_skipped({0})
        furthest, reached_at = max(active), 0
        for at in range(len(self._positions)):
            following = self._advance(active, at)
            if not following and not self._arrivals:
                return self._dead_end(active, at)
            active = following
            if active and max(active) > furthest:
                furthest, reached_at = max(active), at + 1
        if len(self._steps) in active:
            return None
        return self._out_of_events(active, furthest, reached_at)

    def _advance(self, active: set[int], at: int) -> set[int]:
        """The steps that may take the event after the one *at* this index."""
        reached: set[int] = set()
        for number in active:
            if number == len(self._steps):
                continue
            step = self._steps[number]
            if isinstance(step.item, AnyOrder):
                self._enter(step.item, number, at)
            elif self._accepts(step.item, at):
                reached.add(number if step.repeats else number + 1)
        reached |= self._arrivals.pop(at + 1, set())
        return self._with_skipped(reached)

    def _with_skipped(self, steps: set[int]) -> set[int]:
        """These steps and those behind them that can be reached without an event."""
        for number in sorted(steps):
            while number < len(self._steps) and self._steps[number].optional:
                number += 1  # noqa: PLW2901
                steps.add(number)
        return steps

    def _accepts(self, item: Item, at: int) -> bool:
        if item is ...:
            return True
        if isinstance(item, str):
            return self._names[at] == item
        if isinstance(item, Many):
            return any(self._accepts(alternative, at) for alternative in item.alternatives)
        assert isinstance(item, EventPattern)
        if item.name is not None and item.name != self._names[at]:
            return False
        return not item.attributes or item.accepts(self._log.event(self._positions[at]))

    def _dead_end(self, active: set[int], at: int) -> Mismatch:
        """No step takes the event *at* this index."""
        wanted = [self._steps[number] for number in sorted(active) if number < len(self._steps)]
        expected = tuple(dict.fromkeys(step.item for step in wanted))
        behind = wanted[-1].index + 1 if wanted else len(self._items)
        return self._explained(Mismatch(at=at, expected=expected, rest=tuple(self._items[behind:])))

    def _out_of_events(self, active: set[int], furthest: int, reached_at: int) -> Mismatch:
        """All events are taken, and the list is not at its end."""
        if furthest == len(self._steps):
            return Mismatch(at=reached_at, expected=(), rest=())
        if not any(self._steps[number].item is ... for number in active):
            return self._dead_end(active, len(self._positions))
        step = self._steps[furthest]
        before = self._steps[furthest - 1].item if furthest else None
        rest = tuple(self._items[step.index + 1 :])
        return self._explained(Mismatch(at=reached_at, expected=(step.item,), rest=rest, anywhere=before is ...))

    def _explained(self, mismatch: Mismatch) -> Mismatch:
        if self._why is None or not any(isinstance(item, AnyOrder) for item in mismatch.expected):
            return mismatch
        detail, evidence = self._why
        return replace(mismatch, detail=detail, evidence=evidence)

    def _enter(self, group: AnyOrder, number: int, at: int) -> None:
        """Let concurrent runs that begin *at* this index take all their events, if they match the branches."""
        runs = self._concurrent_runs(group, at)
        if isinstance(runs, str):
            self._why = (runs, ())
            return
        fits = [[self._fits(group, branch, events) for events in runs.values()] for branch in group.branches]
        unmatched = _unmatched_branch(fits)
        if unmatched is None:
            end = max(events[-1] for events in runs.values())
            self._arrivals.setdefault(end + 1, set()).add(number + 1)
        else:
            self._why = self._unmatched(group, unmatched, runs)

    def _concurrent_runs(self, group: AnyOrder, at: int) -> dict[Run, list[int]] | str:
        """The indices of the events of each run that begins from *at* on, with the runs under it; or why not."""
        if not self._first_of:
            self._first_of = self._first_indices()
        runs: dict[Run, list[int]] = {}
        index, end = at, at + 1
        while index < end or len(runs) < len(group.branches):
            if index == len(self._positions):
                return f"only {_runs(len(runs))} began there"
            top = self._top(index, runs)
            if top is None or (top not in runs and len(runs) == len(group.branches)):
                self._budget.spend(index - at, group)
                return self._intruder(index, runs, top)
            if top not in runs:
                runs[top] = []
                end = max(end, self._end_of(top))
            runs[top].append(index)
            index += 1
        self._budget.spend(index - at, group)
        return runs

    def _first_indices(self) -> dict[int, int]:
        """The index of each run's first event among those searched."""
        first: dict[int, int] = {}
        for index, position in enumerate(self._positions):
            first.setdefault(id(self._log.run_at(position)), index)
        return first

    def _top(self, index: int, runs: dict[Run, list[int]]) -> Run | None:
        """The run among *runs* that this event belongs to, or its own run if it begins here."""
        run = self._log.run_at(self._positions[index])
        if run is None:
            return None
        around = run if run in runs else next((r for r in run.ancestors() if r in runs), None)
        return around or (run if self._first_of[id(run)] == index else None)

    def _end_of(self, top: Run) -> int:
        """The index after the last event of *top* and the runs under it."""
        last = max(run.last for run in top.subtree())
        return bisect_left(self._positions, last + 1)

    def _intruder(self, index: int, runs: dict[Run, list[int]], top: Run | None) -> str:
        run = top or self._log.run_at(self._positions[index])
        name = run.label if run else "no run"
        if not runs:
            return f"event {index + 1} ({self._names[index]} of {name}) does not begin a run"
        if top is not None:
            return f"another run, {name}, began beside the {_runs(len(runs))}, at event {index + 1}"
        return f"event {index + 1} ({self._names[index]} of {name}) came between and belongs to none of those runs"

    def _fits(self, group: AnyOrder, branch: Sequence[Item], events: list[int]) -> bool:
        if all(isinstance(item, str) for item in branch):
            if len(branch) != len(events):
                return False
            return all(self._names[index] == name for index, name in zip(events, branch, strict=True))
        self._budget.spend(len(events), group)
        positions = [self._positions[index] for index in events]
        return _Search(branch, self._log, positions, self._budget).mismatch() is None

    def _unmatched(self, group: AnyOrder, branch: int, runs: dict[Run, list[int]]) -> tuple[str, tuple[str, ...]]:
        sent = [f"    {run.label} sent {_listed([self._names[i] for i in events])}" for run, events in runs.items()]
        more = [f"    ... {_runs(len(sent) - 6)} more"] if len(sent) > 6 else []
        wanted = f"  branch {branch + 1}: {render_items(group.branches[branch])}"
        detail = f"none of the {_runs(len(runs))} that began there is left for branch {branch + 1}"
        return detail, (wanted, "  recorded:", *sent[:6], *more)


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _listed(names: list[str], limit: int = 8) -> str:
    """Names for a message, cut in the middle."""
    if len(names) > limit:
        names = [*names[: limit - 2], f"... {len(names) - limit + 1} more ...", names[-1]]
    return ", ".join(names)


def _unmatched_branch(fits: list[list[bool]]) -> int | None:
    """
    A branch that is left without a run when each run serves one branch; None if all are served.

    Augmenting paths, as in the assignment problem: polynomial, where trying every order would not end.
    """
    branch_of: dict[int, int] = {}
    run_of: dict[int, int] = {}
    for start in range(len(fits)):
        reached_from: dict[int, int] = {}
        free = _free_run(fits, start, branch_of, reached_from)
        if free is None:
            return start
        while free is not None:
            branch = reached_from[free]
            branch_of[free] = branch
            run_of[branch], free = free, run_of.get(branch)
    return None


def _free_run(
    fits: list[list[bool]], start: int, branch_of: dict[int, int], reached_from: dict[int, int]
) -> int | None:
    """A run that serves no branch yet and can be had for *start* if others move over; *reached_from* tells how."""
    waiting = [start]
    for branch in waiting:
        for run, fit in enumerate(fits[branch]):
            if not fit or run in reached_from:
                continue
            reached_from[run] = branch
            if run not in branch_of:
                return run
            waiting.append(branch_of[run])
    return None
