"""Does this sequence of events match that list?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pytest_lc_callbacks._recording.events import Log, Run
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many, render_items
from pytest_lc_callbacks._words import truncate

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
    names = names_at(log, positions)
    if set(map(type, items)) <= {str}:
        return _exact_mismatch(items, names)
    return _Search(_Automaton(items, len(names)), _Events(log, positions, names), _Budget()).mismatch()


def names_at(log: Log, positions: Sequence[int]) -> list[str]:
    """The names of the events at these *positions*."""
    names = log.names()
    return names[positions.start : positions.stop] if isinstance(positions, range) else [names[p] for p in positions]


def _exact_mismatch(items: Sequence[Item], recorded: list[str]) -> Mismatch | None:
    if recorded == list(items):
        return None
    at = _common(items, recorded)
    return Mismatch(at=at, expected=tuple(items[at : at + 1]), rest=tuple(items[at + 1 :]))


def _common(one: Sequence[Item], other: Sequence[Item]) -> int:
    """How many entries are the same from the beginning on."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


@dataclass(frozen=True, eq=False, slots=True)
class _Events:
    """The events that a list is held against: some positions of a log, and the names there."""

    log: Log
    positions: Sequence[int]
    names: list[str]

    def run(self, index: int) -> Run | None:
        return self.log.run_at(self.positions[index])

    def chosen(self, indices: Sequence[int]) -> _Events:
        return _Events(self.log, [self.positions[i] for i in indices], [self.names[i] for i in indices])


@dataclass(frozen=True, eq=False, slots=True)
class _Step:
    """One place in a list: an item, and whether it may be absent and may repeat."""

    item: Item
    index: int
    optional: bool = False
    repeats: bool = False


class _State:
    """The steps that may take the next event, with the states that follow where the event's name decides."""

    __slots__ = ("furthest", "moves", "steps", "straight")

    def __init__(self, steps: frozenset[int], straight: bool) -> None:
        self.steps = steps
        self.furthest = max(steps, default=-1)
        self.straight = straight
        """Whether the list goes on with names alone, which are compared as slices."""
        self.moves: dict[str, _State] = {}


class _Automaton:
    """A list, read in all possible ways at once."""

    def __init__(self, items: Sequence[Item], events: int) -> None:
        self.items = items
        self.steps = _steps(items, events)
        self._in_steps = [step.item for step in self.steps]
        self._names_until = _names_until(self._in_steps)
        self._states: dict[frozenset[int], _State] = {}

    def state(self, steps: Iterable[int]) -> _State:
        """The state for these steps and those behind them that are reached without an event."""
        closed = set(steps)
        for number in tuple(closed):
            while number < len(self.steps) and self.steps[number].optional:
                number += 1  # noqa: PLW2901 - on to the step behind the optional one
                closed.add(number)
        key = frozenset(closed)
        if key not in self._states:
            straight = len(key) == 1 and len(self.names_ahead(*key)) > 1
            self._states[key] = _State(key, straight)
        return self._states[key]

    def names_ahead(self, number: int) -> Sequence[Item]:
        """The steps from this one on that are names alone."""
        return self._in_steps[number : self._names_until[number]]


def _steps(items: Iterable[Item], events: int) -> list[_Step]:
    steps: list[_Step] = []
    for index, item in enumerate(items):
        if isinstance(item, Many):
            steps += [_Step(item, index)] * min(item.min, events + 1)
        if item is ... or isinstance(item, Many):
            steps.append(_Step(item, index, optional=True, repeats=True))
        else:
            steps.append(_Step(item, index))
    return steps


def _names_until(items: Sequence[Item]) -> list[int]:
    """For each step the first one from there on that is more than a name."""
    until = [len(items)] * (len(items) + 1)
    for number in range(len(items) - 1, -1, -1):
        until[number] = until[number + 1] if isinstance(items[number], str) else number
    return until


class _Budget:
    """How many more events one search may look at, over all its branches."""

    def __init__(self) -> None:
        self._left = SEARCH_LIMIT

    def spend(self, events: int, group: AnyOrder) -> None:
        self._left -= events
        if self._left < 0:
            alike = Counter(render_items(branch) for branch in group.branches).most_common()
            shown = [f"  {truncate(text)}{f' ({count} times)' if count > 1 else ''}" for text, count in alike[:6]]
            more = [f"  ... {len(alike) - 6} more"] if len(alike) > 6 else []
            raise SearchLimitError(
                f"expected to decide any_order within {SEARCH_LIMIT:,} steps, but these branches fit too many runs:\n"
                + "\n".join([*shown, *more])
                + "\nhint: name more of what tells the runs apart, as in event('chain_start', run='...'), and leave "
                "out any ... before any_order."
            )


# How much a reason says, from a run that does not begin there to one that differs from its branch.
_NO_START, _NOT_THESE, _UNSERVED = range(3)


@dataclass(frozen=True, kw_only=True)
class _Reason:
    """Why `any_order` cannot begin at an event; of several the one with the highest *rank* is told."""

    rank: int
    at: int
    detail: str
    evidence: tuple[str, ...] = ()


class _Search:
    """One attempt to read events as a list."""

    def __init__(self, automaton: _Automaton, events: _Events, budget: _Budget) -> None:
        self._automaton = automaton
        self._steps = automaton.steps
        self._events = events
        self._names = events.names
        self._budget = budget
        # Steps that take the event at a later index, behind an `any_order` that swallows what is before it.
        self._arrivals: dict[int, set[int]] = {}
        self._reason: _Reason | None = None
        # The first and the last index of each run among the events searched, where `any_order` asked for it.
        self._extents: dict[Run | None, tuple[int, int]] = {}
        self._branches: dict[int, _Automaton] = {}
        self._accepted: dict[tuple[EventPattern, Run], bool] = {}

    def mismatch(self) -> Mismatch | None:
        """Where the list and the events part; None if they match."""
        names, count = self._names, len(self._names)
        state, at = self._automaton.state({0}), 0
        furthest, reached_at = state.furthest, 0
        while at < count:
            if state.straight and (skipped := self._straight_on(state, at)):
                following, at = self._automaton.state({state.furthest + skipped}), at + skipped
            else:
                following, at = state.moves.get(names[at]) or self._follow(state, at), at + 1
            if self._arrivals and at in self._arrivals:
                following = self._automaton.state(following.steps | self._arrivals.pop(at))
            if following is not state:
                if not following.steps and not self._arrivals:
                    return self._dead_end(state, at - 1)
                state = following
                if state.furthest > furthest:
                    furthest, reached_at = state.furthest, at
        if len(self._steps) in state.steps:
            return None
        return self._out_of_events(state, furthest, reached_at)

    def _straight_on(self, state: _State, at: int) -> int:
        """How many events from *at* on are the very names that the list has there."""
        wanted = self._automaton.names_ahead(state.furthest)
        return 0 if self._arrivals else _common(wanted, self._names[at : at + len(wanted)])

    def _follow(self, state: _State, at: int) -> _State:
        """The state after the event *at* this index."""
        name = self._names[at]
        reached: set[int] = set()
        by_name = True
        for number in state.steps:
            if number == len(self._steps):
                continue
            step = self._steps[number]
            by_name = by_name and not _depends_on_more(step.item, name)
            if isinstance(step.item, AnyOrder):
                self._enter(step.item, number, at)
            elif self._accepts(step.item, at):
                reached.add(number if step.repeats else number + 1)
        following = self._automaton.state(reached)
        if by_name:
            state.moves[name] = following
        return following

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
        return not item.attributes or self._has_attributes(item, at)

    def _has_attributes(self, pattern: EventPattern, at: int) -> bool:
        position = self._events.positions[at]
        run = self._events.log.run_at(position)
        if run is None or not pattern.is_about_run:
            return pattern.accepts(self._events.log.event(position))
        key = pattern, run
        if key not in self._accepted:
            self._accepted[key] = pattern.accepts(self._events.log.event(position))
        return self._accepted[key]

    def _dead_end(self, state: _State, at: int) -> Mismatch:
        """No step takes the event *at* this index."""
        wanted = [self._steps[number] for number in sorted(state.steps) if number < len(self._steps)]
        expected = tuple(dict.fromkeys(step.item for step in wanted))
        behind = wanted[-1].index + 1 if wanted else len(self._automaton.items)
        return self._explained(Mismatch(at=at, expected=expected, rest=tuple(self._automaton.items[behind:])))

    def _out_of_events(self, state: _State, furthest: int, reached_at: int) -> Mismatch:
        """All events are taken, and the list is not at its end."""
        if furthest == len(self._steps):
            return Mismatch(at=reached_at, expected=(), rest=())
        if not any(self._steps[number].item is ... for number in state.steps):
            return self._dead_end(state, len(self._names))
        step = self._steps[furthest]
        before = self._steps[furthest - 1].item if furthest else None
        rest = tuple(self._automaton.items[step.index + 1 :])
        return self._explained(Mismatch(at=reached_at, expected=(step.item,), rest=rest, anywhere=before is ...))

    def _explained(self, mismatch: Mismatch) -> Mismatch:
        if self._reason is None or not any(isinstance(item, AnyOrder) for item in mismatch.expected):
            return mismatch
        reason = self._reason
        detail = f"from event {reason.at + 1:,} on {reason.detail}" if mismatch.anywhere else reason.detail
        return replace(mismatch, at=reason.at, detail=detail, evidence=reason.evidence)

    def _enter(self, group: AnyOrder, number: int, at: int) -> None:
        """Let concurrent runs that begin *at* this index take all their events, if they match the branches."""
        runs = self._concurrent_runs(group, at)
        if isinstance(runs, _Reason):
            self._reason = max(filter(None, [self._reason, runs]), key=lambda reason: reason.rank)
            return
        branch, served = self._served(group, runs)
        if branch is None:
            end = max(indices[-1] for indices in runs.values())
            self._arrivals.setdefault(end + 1, set()).add(number + 1)
        elif self._reason is None or self._reason.rank < _UNSERVED:
            self._reason = self._unserved(group, at, runs, branch, served)

    def _concurrent_runs(self, group: AnyOrder, at: int) -> dict[Run, list[int]] | _Reason:
        """The indices of the events of each run that begins from *at* on, with the runs under it; or why not."""
        runs: dict[Run, list[int]] = {}
        tops: dict[Run, Run | None] = {}
        index, end = at, at + 1
        while index < end or len(runs) < len(group.branches):
            if index == len(self._names):
                return _Reason(rank=_NOT_THESE, at=at, detail=f"only {_runs(len(runs))} began there")
            top = self._top(index, runs, tops)
            if top is None or (top not in runs and len(runs) == len(group.branches)):
                self._budget.spend(index - at, group)
                return self._intruder(at, index, runs, top)
            if top not in runs:
                runs[top] = []
                end = max(end, self._end_of(top))
            runs[top].append(index)
            index += 1
        self._budget.spend(index - at, group)
        return runs

    def _top(self, index: int, runs: dict[Run, list[int]], tops: dict[Run, Run | None]) -> Run | None:
        """The run among *runs* that this event belongs to, or its own run if it begins here."""
        run = self._events.run(index)
        if run is None or run in runs:
            return run
        if run not in tops:
            around = next((ancestor for ancestor in run.ancestors() if ancestor in runs), None)
            tops[run] = around or (run if self._extent(run)[0] == index else None)
        return tops[run]

    def _extent(self, run: Run) -> tuple[int, int]:
        """The first and the last index of the run's own events; none where no event of it is searched."""
        where = self._events.positions
        if isinstance(where, range) and where.start <= run.first and run.last < where.stop:
            return run.first - where.start, run.last - where.start
        if not self._extents:
            for index in range(len(self._names)):
                run_there = self._events.run(index)
                first, _ = self._extents.get(run_there, (index, index))
                self._extents[run_there] = first, index
        return self._extents.get(run, (-1, -1))

    def _end_of(self, top: Run) -> int:
        """The index after the last event of *top* and the runs under it."""
        return 1 + max(self._extent(run)[1] for run in top.subtree())

    def _intruder(self, at: int, index: int, runs: dict[Run, list[int]], top: Run | None) -> _Reason:
        run = top or self._events.run(index)
        event = f"event {index + 1:,} ({self._names[index]} of {run.label if run else 'no run'})"
        if not runs:
            return _Reason(rank=_NO_START, at=at, detail=f"{event} does not begin a run")
        if top is not None:
            return _Reason(rank=_NOT_THESE, at=at, detail=f"another run began beside the {_runs(len(runs))}: {event}")
        return _Reason(rank=_NOT_THESE, at=at, detail=f"{event} came between and belongs to none of those runs")

    def _served(self, group: AnyOrder, runs: dict[Run, list[int]]) -> tuple[int | None, dict[int, int]]:
        """A branch that is left without a run, or None; and which branch each run serves."""
        if {type(item) for branch in group.branches for item in branch} <= {str}:
            return _served_by_name(group.branches, [tuple(self._sent(indices)) for indices in runs.values()])
        self._budget.spend(len(group.branches) * len(runs), group)
        fits = [[self._fits(group, branch, indices) for indices in runs.values()] for branch in group.branches]
        return _served(fits)

    def _sent(self, indices: Iterable[int]) -> list[str]:
        return [self._names[index] for index in indices]

    def _unserved(
        self, group: AnyOrder, at: int, runs: dict[Run, list[int]], branch: int, served: dict[int, int]
    ) -> _Reason:
        """In words and evidence: this *branch* is left without a run."""
        lines = [f"  branch {branch + 1} is {render_items(group.branches[branch])}"]
        for number, (run, indices) in enumerate(runs.items()):
            as_branch = f"   = branch {served[number] + 1}" if number in served else ""
            lines.append(f"    {run.label} sent {_listed(self._sent(indices))}{as_branch}")
        more = [f"    ... {_runs(len(lines) - 7)} more"] if len(lines) > 7 else []
        left = [run for number, run in enumerate(runs) if number not in served]
        detail = f"none of the {_runs(len(runs))} that began there is left for branch {branch + 1}"
        if len(left) == 1:
            detail = self._parting(group, branch, left[0], runs[left[0]])
        return _Reason(rank=_UNSERVED, at=at, detail=detail, evidence=(*lines[:7], *more))

    def _parting(self, group: AnyOrder, branch: int, run: Run, indices: list[int]) -> str:
        """Where the only run that is left parts from the only branch that is left."""
        mismatch = self._read(group.branches[branch], indices)
        assert mismatch is not None, "a run that matches a branch serves it"
        expected = " or ".join("..." if item is ... else truncate(repr(item)) for item in mismatch.expected)
        there = self._names[indices[mismatch.at]] if mismatch.at < len(indices) else None
        sent = f"the run {run.label} sent {repr(there) if there else 'no more'}"
        return f"in branch {branch + 1} {sent} as its event {mismatch.at + 1:,}, not {expected or 'nothing more'}"

    def _fits(self, group: AnyOrder, branch: Sequence[Item], indices: list[int]) -> bool:
        self._budget.spend(len(indices), group)
        return self._read(branch, indices) is None

    def _read(self, branch: Sequence[Item], indices: list[int]) -> Mismatch | None:
        automaton = self._branches.get(id(branch))
        if automaton is None:
            automaton = self._branches[id(branch)] = _Automaton(branch, len(self._names))
        return _Search(automaton, self._events.chosen(indices), self._budget).mismatch()


def _depends_on_more(item: Item, name: str) -> bool:
    """Whether it takes more than an event's *name* to know if *item* takes it."""
    if isinstance(item, Many):
        return any(_depends_on_more(alternative, name) for alternative in item.alternatives)
    if isinstance(item, EventPattern):
        return bool(item.attributes) and item.name in (None, name)
    return isinstance(item, AnyOrder)


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _listed(names: Sequence[str], limit: int = 8) -> str:
    """Names for a message, cut in the middle."""
    if len(names) > limit:
        names = [*names[: limit - 2], f"... {len(names) - limit + 1} more ...", names[-1]]
    return ", ".join(names)


def _served_by_name(
    branches: Sequence[Sequence[Item]], sent: list[tuple[str, ...]]
) -> tuple[int | None, dict[int, int]]:
    """As `_served`, where every branch is a list of names: equal ones serve each other."""
    waiting: dict[Sequence[Item], list[int]] = {}
    for run, names in enumerate(sent):
        waiting.setdefault(names, []).append(run)
    served: dict[int, int] = {}
    unserved = []
    for number, branch in enumerate(branches):
        if waiting.get(branch):
            served[waiting[branch].pop()] = number
        else:
            unserved.append(number)
    return (unserved[0] if unserved else None), served


def _served(fits: list[list[bool]]) -> tuple[int | None, dict[int, int]]:
    """
    A branch that is left without a run when each run serves one branch, or None; and which branch each run serves.

    Augmenting paths, as in the assignment problem: polynomial, where trying every order would not end.
    """
    branch_of: dict[int, int] = {}
    run_of: dict[int, int] = {}
    unserved = []
    for start in range(len(fits)):
        reached_from: dict[int, int] = {}
        free = _free_run(fits, start, branch_of, reached_from)
        if free is None:
            unserved.append(start)
        while free is not None:
            branch = reached_from[free]
            branch_of[free] = branch
            run_of[branch], free = free, run_of.get(branch)
    return (unserved[0] if unserved else None), branch_of


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
