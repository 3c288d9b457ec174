"""Concurrent runs, as `any_order` expects them: which begin together, and which run serves which branch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_lc_callbacks._recording.assignment import assign
from pytest_lc_callbacks._recording.events import Run
from pytest_lc_callbacks._recording.mismatch import Mismatch
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, render_items
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._recording.unserved import Reason, Sent, Unserved, explain_unserved
from pytest_lc_callbacks._words import count, first_lines, hint, truncate

# How many events a search through `any_order` may look at before it raises `SearchLimitError`.
SEARCH_LIMIT = 5_000_000
# How many events a search for a better reason than the first may look at.
_REASON_LIMIT = 10_000
# After so many refusals one look at all events tells whether one of them fits what each branch needs.
_REFUSALS = 100


_NAME_MORE = hint(
    "name more of what tells the runs apart, as in event('chain_start', run='...'), and leave out any ... before "
    "any_order."
)


class SearchLimitError(ValueError):
    """The search through `any_order` passed its limit."""


class Budget:
    """How many more events a search may look at, together with the searches for its branches."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = self._left = SEARCH_LIMIT if limit is None else limit

    def spend(self, events: int, group: AnyOrder) -> None:
        """
        Look at so many *events*.

        Raises:
            SearchLimitError: If that is more than is left, with the branches of *group*.
        """
        self._left -= events
        if self._left < 0:
            alike = Counter(render_items(branch) for branch in group.branches).most_common()
            lines = [f"  {truncate(text)}{f' ({number} times)' if number > 1 else ''}" for text, number in alike]
            first = f"expected to decide any_order within {self._limit:,} steps, but these branches fit too many runs:"
            raise SearchLimitError("\n".join([first, *first_lines(lines, 6, "  "), _NAME_MORE]))


@dataclass(slots=True)
class _Span:
    """Where a selection has the events of a run and of the runs under it."""

    own: int
    """The index of the run's own first event."""

    first: int
    """The index of the first event."""

    end: int
    """The index after the last event."""

    size: int
    """How many events there are."""

    around: Run | None = None
    """The nearest run around it that has events here."""

    def is_whole_from(self, index: int) -> bool:
        """Whether all events between this *index* and `end` are its own."""
        return self.first == index and self.size == self.end - index


@dataclass(slots=True)
class _Beginning:
    """The runs that begin at an index, as far as they may serve `any_order` together."""

    runs: dict[Run, Sequence[int]]
    """The indices of their events."""

    index: int
    """Where the runs end, or the first event that does not fit."""

    top: Run | None = None
    """The run that begins there although no branch is left; None where that event belongs to no such run."""

    is_cut: bool = False
    """Whether that event comes between those of a run."""

    fits: bool = False
    """Whether there is a run for each branch, and nothing between them."""


class ConcurrentRuns:
    """
    Finds the runs of a *selection* that match `any_order`.

    Args:
        selection: The events.

        budget: What the whole search may spend.

        read: Returns where a branch and the events of one run part; None if they match.

        fits: Returns whether they match.
    """

    def __init__(
        self,
        selection: Selection,
        budget: Budget,
        read: Callable[[Sequence[Item], Selection], Mismatch | None],
        fits: Callable[[Sequence[Item], Selection], bool],
    ) -> None:
        self._selection = selection
        self._budget = budget
        self._read = read
        self._matches = fits
        self._spans: dict[Run, _Span] = {}
        self._beginnings: dict[int, Run] | None = None
        """The runs by the index of their first events; None until `any_order` is asked for the first time."""
        self._fitting: dict[tuple[int, int, int, int], bool] = {}
        """Whether a branch takes the events of a run: by its id, their first and last index, and their number."""
        self._refused: list[tuple[AnyOrder, int]] = []
        """What did not match, and where."""
        self._needs: dict[AnyOrder, list[tuple[Item, ...]]] = {}
        """The lists ``[..., event, ...]`` of which no event fits one; an `any_order` with such a need fits nowhere."""

    def enter(self, group: AnyOrder, at: int) -> int | None:
        """
        Match the branches of *group* with the runs that begin *at* this index.

        Returns:
            The index after the last event of those runs. None if they do not match; `reason` may tell why.
        """
        if self._beginnings is None:
            self._spans = _measure(self._selection)
            self._beginnings = {span.own: run for run, span in self._spans.items()}
        if at in self._beginnings and not self._is_hopeless(group):
            found = self._find(group, at, self._budget)
            if found.fits and self._may_match(group, found.runs):
                unserved, _ = self._assign(group, found.runs, self._budget, stops=True)
                if unserved is None:
                    return 1 + max(indices[-1] for indices in found.runs.values())
        if at in self._beginnings or not self._refused:
            self._refused.append((group, at))
        return None

    def _is_hopeless(self, group: AnyOrder) -> bool:
        """Whether a branch of *group* needs what no event is; asked only where many places have been tried."""
        if len(self._refused) < _REFUSALS:
            return False
        if group not in self._needs:
            items = [item for branch in group.branches for item in branch if isinstance(item, EventPattern)]
            lists: list[tuple[Item, ...]] = [(..., item, ...) for item in items]
            self._needs[group] = [each for each in lists if not self._matches(each, self._selection)]
        return bool(self._needs[group])

    def reason(self) -> Reason | None:
        """Why `enter` refused; of several reasons that where most branches had their runs, and then most runs began."""
        if not self._refused:
            return None
        best = self._explain(*self._refused[0], Budget())
        budget = Budget(_REASON_LIMIT)
        try:
            for group, at in self._refused[1:]:
                reason = self._explain(group, at, budget)
                if reason.rank > best.rank:
                    best = reason
        except SearchLimitError:
            # The reasons that were found so far have to do.
            return best
        return best

    def _explain(self, group: AnyOrder, at: int, budget: Budget) -> Reason:
        """Why the runs that begin *at* this index do not match."""
        if self._beginnings is None or at not in self._beginnings:
            return Reason(rank=(-1, 0), at=at, why=Unserved(f"{self._name(at)} does not begin a run"))
        found = self._find(group, at, budget)
        unserved, served = self._assign(group, found.runs, budget)
        sent = [Sent(run, self._selection.at(indices)) for run, indices in found.runs.items()]
        if found.top is not None:
            sent.append(Sent(found.top, self._selection.at(self._indices(found.top))))
        if found.fits:
            assert unserved is not None, "what matches is not refused"
            why = explain_unserved(group, sent, unserved, served, self._read)
        else:
            why = Unserved(self._describe(found, unserved, served))
        rank = len(served), len(found.runs)
        left_first = sorted(range(len(sent)), key=served.__contains__)
        runs = tuple(sent[number].events for number in left_first)
        return Reason(rank=rank, at=at, why=why, unserved=unserved, runs=runs)

    def _find(self, group: AnyOrder, at: int, budget: Budget) -> _Beginning:
        """The runs that begin from *at* on, one for each branch of *group*, and the indices of their events."""
        runs: dict[Run, Sequence[int]] = {}
        top_of: dict[Run, Run] = {}
        index, end = at, at + 1
        while index < end or len(runs) < len(group.branches):
            budget.spend(1, group)
            top = self._top(index, at, top_of) if index < len(self._selection) else None
            if top is None or (top not in runs and len(runs) == len(group.branches)):
                return _Beginning(runs, index, top, is_cut=index < end)
            span = self._spans[top]
            end = max(end, span.end)
            # One step for a run whose events stand together: otherwise N nested runs would take N * N steps.
            if top not in runs and span.is_whole_from(index):
                runs[top] = range(index, span.end)
                index = span.end
                continue
            own = runs.setdefault(top, [])
            assert isinstance(own, list), "no event of a run comes after its end"
            own.append(index)
            index += 1
        return _Beginning(runs, index, fits=True)

    def _top(self, index: int, at: int, top_of: dict[Run, Run]) -> Run | None:
        """
        The run of this group that the event at this *index* belongs to.

        The runs of the group begin from *at* on, none inside another; *top_of* maps them and the runs inside them to
        them. None if the event belongs to no such run.
        """
        run = each = self._selection.run(index)
        asked = []
        while each is not None and each not in top_of and self._spans[each].own >= at:
            asked.append(each)
            each = self._spans[each].around
        if each is not None and each in top_of:
            top_of |= dict.fromkeys(asked, top_of[each])
        elif run is not None and self._spans[run].own == index:
            top_of[run] = run
        return None if run is None else top_of.get(run)

    def _indices(self, run: Run) -> list[int]:
        """The indices of all events of *run* and of the runs under it."""
        span, top_of = self._spans[run], {run: run}
        return [index for index in range(span.own, span.end) if self._top(index, span.own, top_of) is run]

    def _describe(self, found: _Beginning, unserved: int | None, served: Mapping[int, int]) -> str:
        """Why the *found* runs are too few, too many, or mixed with others, in words."""
        runs = count(len(found.runs), "run")
        if found.top is not None:
            return f"another run began beside the {runs}: {self._name(found.index)}"
        if found.is_cut and found.index < len(self._selection):
            return f"{self._name(found.index)} came between their events"
        if unserved is None or len(served) < len(found.runs):
            return f"only {runs} began there"
        return f"only {runs} began there, and none for branch {unserved + 1}"

    def _name(self, index: int) -> str:
        run = self._selection.run(index)
        return f"event {index + 1:,} ({self._selection.names[index]} of {run.label if run else 'no run'})"

    def _assign(
        self, group: AnyOrder, runs: Mapping[Run, Sequence[int]], budget: Budget, *, stops: bool = False
    ) -> tuple[int | None, dict[int, int]]:
        """As the function `assign`, for the branches of *group* and these *runs*."""
        if group.is_exact:
            return _assign_by_name(group.branches, [tuple(self._sent(indices)) for indices in runs.values()])
        sent = list(runs.values())
        return assign(
            len(group.branches),
            len(sent),
            lambda branch, run: self._fits(group, branch, sent[run], budget),
            stops=stops,
        )

    def _may_match(self, group: AnyOrder, runs: Mapping[Run, Sequence[int]]) -> bool:
        """Whether `_may_fit` holds of each branch and some run; it reads two events of a run, `_fits` all of them."""
        numbers = range(len(group.branches))
        return all(any(self._may_fit(group, branch, indices) for indices in runs.values()) for branch in numbers)

    def _may_fit(self, group: AnyOrder, number: int, indices: Sequence[int]) -> bool:
        """Whether this branch takes so many events, and their first and last name."""
        branch, (least, most), names = group.branches[number], group.sizes[number], self._selection.names
        ends = (branch[0], names[indices[0]]), (branch[-1], names[indices[-1]])
        return least <= len(indices) <= most and all(item == name or not isinstance(item, str) for item, name in ends)

    def _fits(self, group: AnyOrder, number: int, indices: Sequence[int], budget: Budget) -> bool:
        budget.spend(1, group)
        if not self._may_fit(group, number, indices):
            return False
        # Behind `...` the same run is asked for wherever the runs may begin.
        branch = group.branches[number]
        key = id(branch), indices[0], indices[-1], len(indices)
        if key not in self._fitting:
            budget.spend(len(indices), group)
            self._fitting[key] = self._matches(branch, self._selection.at(indices))
        return self._fitting[key]

    def _sent(self, indices: Sequence[int]) -> list[str]:
        return self._selection.at(indices).names


def _measure(selection: Selection) -> dict[Run, _Span]:
    """The span of each run that has events in the *selection*."""
    spans: dict[Run, _Span] = {}
    for index, run in enumerate(selection.run_of_each()):
        if run is None:
            continue
        span = spans.get(run)
        if span is None:
            span = spans[run] = _Span(own=index, first=index, end=index, size=0)
        span.end = index + 1
        span.size += 1
    around: dict[Run, Run | None] = {}
    # Inner runs first: a run begins after the run around it.
    for run in sorted(spans, key=lambda run: run._first, reverse=True):
        outer = spans[run].around = _nearest(run, spans, around)
        if outer is not None:
            spans[outer].first = min(spans[outer].first, spans[run].first)
            spans[outer].end = max(spans[outer].end, spans[run].end)
            spans[outer].size += spans[run].size
    return spans


def _nearest(run: Run, spans: Mapping[Run, _Span], known: dict[Run, Run | None]) -> Run | None:
    """The nearest run around *run* that has a span; *known* keeps the answers for runs without one."""
    asked = []
    outer = run.parent
    while outer is not None and outer not in spans and outer not in known:
        asked.append(outer)
        outer = outer.parent
    found = known.get(outer, outer) if outer is not None else None
    known |= dict.fromkeys(asked, found)
    return found


def _assign_by_name(
    branches: Sequence[Sequence[Item]], sent: list[tuple[str, ...]]
) -> tuple[int | None, dict[int, int]]:
    """As `assign`, where every branch is a list of names: a run serves a branch that equals what it sent."""
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
