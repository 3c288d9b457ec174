"""Does this sequence of events match that list?"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from pytest_lc_callbacks._recording.concurrent_runs import Budget, ConcurrentRuns
from pytest_lc_callbacks._recording.events import Log
from pytest_lc_callbacks._recording.mismatch import Mismatch, NoConcurrentRuns, NoSuchEvent, SurplusEvent, WrongEvent
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many
from pytest_lc_callbacks._recording.selection import Selection


def find_mismatch(items: Sequence[Item], selection: Selection) -> Mismatch | None:
    """
    Where *items* and the events of the *selection* part; None if they match.

    Exact lists take a step per event, patterns at most one per event and item, `any_order` at most `SEARCH_LIMIT`.

    Raises:
        SearchLimitError: If that limit was passed, with the branches that made the search long.
    """
    parted = search(items, selection)
    return None if parted is None else parted()


def search(items: Sequence[Item], selection: Selection, limit: int | None = None) -> Callable[[], Mismatch] | None:
    """As `find_mismatch`, with another *limit*; what it returns finds out where they part, which may take longer."""
    names = selection.names
    if names == list(items):
        return None
    if all(isinstance(item, str) for item in items):
        return partial(_exact_mismatch, items, names)
    return _Search(_Automaton(items, len(names)), selection, _Shared(selection.log, limit)).run()


def _exact_mismatch(items: Sequence[Item], names: Sequence[str]) -> Mismatch:
    """The first entry in which a list of names and the recorded *names* differ."""
    pairs = enumerate(zip(items, names, strict=False))
    at = next((i for i, (wanted, found) in pairs if wanted != found), min(len(items), len(names)))
    if at == len(items):
        return SurplusEvent(at=at, expected=(), rest=())
    return WrongEvent(at=at, expected=(items[at],), rest=tuple(items[at + 1 :]))


@dataclass(frozen=True, eq=False, slots=True)
class _Step:
    """One place in a list: an item, and whether it may be absent and may repeat."""

    item: Item
    index: int
    optional: bool = False
    repeats: bool = False


def _steps(items: Iterable[Item], events: int) -> list[_Step]:
    """The steps of a list that is held against so many *events*."""
    steps: list[_Step] = []
    for index, item in enumerate(items):
        if isinstance(item, Many):
            steps += [_Step(item, index)] * min(item.min, events + 1)
        if item is ... or isinstance(item, Many):
            steps.append(_Step(item, index, optional=True, repeats=True))
        else:
            steps.append(_Step(item, index))
    return steps


class _State:
    """The *steps* that may take the next event."""

    __slots__ = ("by_name", "forks", "furthest", "groups", "steps", "takes_all")

    def __init__(self, steps: frozenset[int], groups: Sequence[tuple[int, AnyOrder]], *, takes_all: bool) -> None:
        self.steps = steps
        self.furthest = max(steps, default=-1)
        self.groups = groups
        """The steps that are `any_order`."""
        self.takes_all = takes_all
        """Whether the list matches whatever comes from here on, since it ends with ``...``."""
        self.by_name: dict[str, _State] = {}
        """The state after an event of this name, where the name decides."""
        self.forks: dict[str, _Fork] = {}
        """Where an event of this name leads, where it takes more than the name."""


class _Fork:
    """The states after an event of one name: one for each set of *patterns* that the event may fit."""

    __slots__ = ("patterns", "states")

    def __init__(self, patterns: Sequence[EventPattern]) -> None:
        self.patterns = patterns
        self.states: dict[tuple[EventPattern, ...], _State] = {}
        """The state after an event that fits just these."""


class _Automaton:
    """A nondeterministic automaton for a list, with its reachable states cached. It knows no events."""

    def __init__(self, items: Sequence[Item], events: int) -> None:
        self.items = items
        self.events = events
        """How many events it can meet at most."""
        self.steps = _steps(items, events)
        self.end = len(self.steps)
        """The number behind the last step."""
        self._states: dict[frozenset[int], _State] = {}

    def state(self, steps: Iterable[int]) -> _State:
        """The state for these *steps*, and for the steps behind optional ones."""
        closed = set(steps)
        for number in tuple(closed):
            while number < self.end and self.steps[number].optional:
                number += 1  # noqa: PLW2901 - on to the step behind the optional one
                closed.add(number)
        key = frozenset(closed)
        if key not in self._states:
            items = [(number, self.steps[number].item) for number in key if number < self.end]
            groups = [(number, item) for number, item in items if isinstance(item, AnyOrder)]
            takes_all = self.end - 1 in key and self.steps[-1].item is ...
            self._states[key] = _State(key, groups, takes_all=takes_all)
        return self._states[key]

    def fork(self, state: _State, name: str) -> _Fork:
        """The patterns that decide, beside its name, where *state* goes with an event of this *name*."""
        items = [self.steps[number].item for number in state.steps if number < self.end]
        return _Fork([pattern for item in items for pattern in _patterns(item, name)])

    def follow(self, state: _State, name: str, fitting: Collection[EventPattern]) -> _State:
        """The state after an event of this *name* that has the attributes of the *fitting* patterns."""
        reached = set()
        for number in state.steps:
            if number < self.end and _takes(self.steps[number].item, name, fitting):
                reached.add(number if self.steps[number].repeats else number + 1)
        return self.state(reached)


def _patterns(item: Item, name: str) -> tuple[EventPattern, ...]:
    """The patterns in *item* that an event of this *name* fits or not, by its attributes."""
    if isinstance(item, Many):
        return tuple(pattern for alternative in item.alternatives for pattern in _patterns(alternative, name))
    if isinstance(item, EventPattern) and item.attributes and item.name in (None, name):
        return (item,)
    return ()


def _takes(item: Item, name: str, fitting: Collection[EventPattern]) -> bool:
    """Whether *item* takes an event of this *name* that has the attributes of the *fitting* patterns."""
    if isinstance(item, Many):
        return any(_takes(alternative, name, fitting) for alternative in item.alternatives)
    if isinstance(item, EventPattern):
        return item in fitting if item.attributes else item.name == name
    return item is ... or item == name


class _Shared:
    """What one call of `find_mismatch` shares between the list and the branches of its `any_order`."""

    def __init__(self, log: Log, limit: int | None) -> None:
        self.budget = Budget(limit)
        self._log = log
        self._branches: dict[int, _Automaton] = {}
        self._differing: dict[EventPattern, Callable[[int], str | None]] = {}

    def automaton(self, branch: Sequence[Item], events: int) -> _Automaton:
        """The automaton for a *branch*; each run that may serve the branch needs it."""
        if id(branch) not in self._branches:
            self._branches[id(branch)] = _Automaton(branch, events)
        return self._branches[id(branch)]

    def fits(self, pattern: EventPattern, position: int) -> bool:
        """Whether the event at this *position* has the attributes of *pattern*."""
        differing = self._differing.get(pattern)
        if differing is None:
            differing = self._differing[pattern] = pattern.comparison(self._log).differing
        return differing(position) is None


class _Search:
    """One attempt to read a selection as a list."""

    def __init__(self, automaton: _Automaton, selection: Selection, shared: _Shared) -> None:
        self._automaton = automaton
        self._steps = automaton.steps
        self._selection = selection
        self._names = selection.names
        self._shared = shared
        self._concurrent = ConcurrentRuns(selection, shared.budget, self._read, self._fits)
        # Step numbers to add when the search reaches an index: where an `any_order` entered earlier ends.
        self._arrivals: dict[int, set[int]] = {}

    def run(self) -> Callable[[], Mismatch] | None:
        """None if the list and the events match; otherwise what finds out where they part."""
        first = self._count_bare()
        state, arrivals = self._automaton.state({first}), self._arrivals
        furthest, reached_at = state.furthest, first
        for at, name in enumerate(itertools.islice(self._names, first, None), first):
            if state.groups and self._enter(state, at):
                return None
            following = state.by_name.get(name) or self._follow(state, name, at)
            if arrivals and at + 1 in arrivals:
                following = self._automaton.state(following.steps | arrivals.pop(at + 1))
            if following is state:
                continue
            if not following.steps and not arrivals:
                return partial(self._stop, state, at)
            state = following
            if state.takes_all:
                return None
            if state.furthest > furthest:
                furthest, reached_at = state.furthest, at + 1
        if self._automaton.end in state.steps:
            return None
        return partial(self._run_out, state, furthest, reached_at)

    def _count_bare(self) -> int:
        """How many names at the beginning of the list are those of the events there: a long list has many."""
        pairs = enumerate(zip(self._automaton.items, self._names, strict=False))
        return next((at for at, (item, name) in pairs if item != name), min(len(self._steps), len(self._names)))

    def _enter(self, state: _State, at: int) -> bool:
        """
        Let the runs that begin *at* this index take all their events, if they match an `any_order` of *state*.

        Returns:
            Whether they do, and the list matches whatever comes after them.
        """
        for number, group in state.groups:
            end = self._concurrent.enter(group, at)
            if end is None:
                continue
            if self._automaton.state({number + 1}).takes_all:
                return True
            self._arrivals.setdefault(end, set()).add(number + 1)
        return False

    def _follow(self, state: _State, name: str, at: int) -> _State:
        """The state after the event *at* this index."""
        fork = state.forks.get(name)
        if fork is None:
            fork = state.forks[name] = self._automaton.fork(state, name)
        fitting: tuple[EventPattern, ...] = ()
        for pattern in fork.patterns:
            if self._shared.fits(pattern, self._selection.positions[at]):
                fitting += (pattern,)
        following = fork.states.get(fitting)
        if following is None:
            following = fork.states[fitting] = self._automaton.follow(state, name, fitting)
        if not fork.patterns:
            state.by_name[name] = following
        return following

    def _stop(self, state: _State, at: int) -> Mismatch:
        """No step of *state* takes the event *at* this index."""
        wanted = [self._steps[number] for number in sorted(state.steps) if number < len(self._steps)]
        expected = tuple(dict.fromkeys(step.item for step in wanted))
        if not expected:
            return SurplusEvent(at=at, expected=(), rest=())
        rest = tuple(self._automaton.items[wanted[-1].index + 1 :])
        return self._explain(WrongEvent(at=at, expected=expected, rest=rest), anywhere=False)

    def _run_out(self, state: _State, furthest: int, reached_at: int) -> Mismatch:
        """All events are taken, and the list is not at its end."""
        if furthest == len(self._steps):
            return SurplusEvent(at=reached_at, expected=(), rest=())
        if not any(self._steps[number].item is ... for number in state.steps):
            return self._stop(state, len(self._names))
        step = self._steps[furthest]
        rest = tuple(self._automaton.items[step.index + 1 :])
        if furthest and self._steps[furthest - 1].item is ...:
            before = tuple(self._automaton.items[: step.index])
            missing = NoSuchEvent(
                at=reached_at, expected=(step.item,), rest=rest, before=before, events=self._selection
            )
            return self._explain(missing, anywhere=True)
        return self._explain(WrongEvent(at=reached_at, expected=(step.item,), rest=rest), anywhere=False)

    def _explain(self, mismatch: Mismatch, *, anywhere: bool) -> Mismatch:
        """*mismatch* with the reason why no `any_order` could begin, if it expects one."""
        if not any(isinstance(item, AnyOrder) for item in mismatch.expected):
            return mismatch
        reason = self._concurrent.reason()
        if reason is None:
            return mismatch
        return NoConcurrentRuns(
            at=reason.at,
            expected=mismatch.expected,
            rest=mismatch.rest,
            detail=reason.why.detail,
            evidence=reason.why.evidence,
            position=reason.why.position,
            wanted_there=reason.why.wanted,
            anywhere=anywhere,
            unserved=reason.unserved,
            runs=reason.runs,
            read=self._read,
        )

    def _read(self, branch: Sequence[Item], sent: Selection) -> Mismatch | None:
        """Where a *branch* and what a run *sent* part."""
        parted = self._search(branch, sent)
        return None if parted is None else parted()

    def _fits(self, branch: Sequence[Item], sent: Selection) -> bool:
        """Whether a *branch* and what a run *sent* match."""
        return self._search(branch, sent) is None

    def _search(self, branch: Sequence[Item], sent: Selection) -> Callable[[], Mismatch] | None:
        automaton = self._shared.automaton(branch, self._automaton.events)
        return _Search(automaton, sent, self._shared).run()
