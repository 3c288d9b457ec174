"""Concurrent runs, as `any_order` expects them: which begin together, and which run serves which branch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_lc_callbacks._recording.assignment import assign
from pytest_lc_callbacks._recording.events import Run
from pytest_lc_callbacks._recording.mismatch import Mismatch
from pytest_lc_callbacks._recording.patterns import AnyOrder, Item, render_item, render_items
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._words import count, first_lines, more, truncate

# How many events a search through `any_order` may look at before it raises `SearchLimitError`.
SEARCH_LIMIT = 5_000_000
# Ranks of reasons; a message tells the one that ranks highest.
_NO_START, _OTHER_RUNS, _UNSERVED = range(3)


class SearchLimitError(ValueError):
    """The search through `any_order` passed its limit."""


class Budget:
    """How many more events a search may look at, together with the searches for its branches."""

    def __init__(self) -> None:
        self._left = SEARCH_LIMIT

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
            raise SearchLimitError(
                f"expected to decide any_order within {SEARCH_LIMIT:,} steps, but these branches fit too many runs:\n"
                + "\n".join(first_lines(lines, 6, "  "))
                + "\nhint: name more of what tells the runs apart, as in event('chain_start', run='...'), and leave "
                "out any ... before any_order."
            )


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why `any_order` cannot begin at an event."""

    rank: int
    at: int
    detail: str
    evidence: tuple[str, ...] = ()


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


class ConcurrentRuns:
    """
    Finds the runs of a *selection* that match `any_order`.

    Args:
        selection: The events.

        budget: What the whole search may spend.

        read: Returns where a branch and the events of one run part; None if they match.
    """

    def __init__(
        self, selection: Selection, budget: Budget, read: Callable[[Sequence[Item], Selection], Mismatch | None]
    ) -> None:
        self.reason: Reason | None = None
        """Why `enter` refused; of several reasons the one that says most."""
        self._selection = selection
        self._budget = budget
        self._read = read
        self._spans: dict[Run, _Span] = {}
        self._beginnings: dict[int, Run] | None = None
        """The runs by the index of their first events; None until `any_order` is asked for the first time."""

    def enter(self, group: AnyOrder, at: int) -> int | None:
        """
        Match the branches of *group* with the runs that begin *at* this index.

        Returns:
            The index after the last event of those runs. None if they do not match; `reason` may tell why.
        """
        if self._beginnings is None:
            self._spans = _measure(self._selection)
            self._beginnings = {span.own: run for run, span in self._spans.items()}
        if at not in self._beginnings:
            if self._says_more(_NO_START):
                self.reason = Reason(rank=_NO_START, at=at, detail=f"{self._name(at)} does not begin a run")
            return None
        runs = self._find(group, at)
        if runs is None or not (self._may_match(group, runs) or self._says_more(_UNSERVED)):
            return None
        unserved, served = self._assign(group, runs)
        if unserved is None:
            return 1 + max(indices[-1] for indices in runs.values())
        if self._says_more(_UNSERVED):
            detail, evidence = self._explain(group, runs, unserved, served)
            self.reason = Reason(rank=_UNSERVED, at=at, detail=detail, evidence=evidence)
        return None

    def _find(self, group: AnyOrder, at: int) -> dict[Run, Sequence[int]] | None:
        """The runs that begin from *at* on, one for each branch of *group*, and the indices of their events."""
        runs: dict[Run, Sequence[int]] = {}
        top_of: dict[Run, Run] = {}
        index, end = at, at + 1
        while index < end or len(runs) < len(group.branches):
            self._budget.spend(1, group)
            top = self._top(index, at, top_of) if index < len(self._selection) else None
            if top is None or (top not in runs and len(runs) == len(group.branches)):
                if self._says_more(_OTHER_RUNS):
                    self.reason = Reason(rank=_OTHER_RUNS, at=at, detail=self._describe(index, len(runs), top))
                return None
            span = self._spans[top]
            end = max(end, span.end)
            # One step for a run whose events stand together: otherwise N nested runs would take N * N steps.
            if top not in runs and span.is_whole_from(index):
                runs[top] = range(index, span.end)
                index = span.end
                continue
            sent = runs.setdefault(top, [])
            assert isinstance(sent, list), "no event of a run comes after its end"
            sent.append(index)
            index += 1
        return runs

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

    def _says_more(self, rank: int) -> bool:
        """Whether a reason of this *rank* replaces `reason`."""
        return self.reason is None or self.reason.rank < rank

    def _describe(self, index: int, begun: int, top: Run | None) -> str:
        """Why the event at this *index* cannot follow after so many runs have *begun*, in words."""
        runs = count(begun, "run")
        if index == len(self._selection):
            return f"only {runs} began there"
        if top is not None:
            return f"another run began beside the {runs}: {self._name(index)}"
        return f"{self._name(index)} came between and belongs to none of those runs"

    def _name(self, index: int) -> str:
        run = self._selection.run(index)
        return f"event {index + 1:,} ({self._selection.names[index]} of {run.label if run else 'no run'})"

    def _assign(self, group: AnyOrder, runs: Mapping[Run, Sequence[int]]) -> tuple[int | None, dict[int, int]]:
        """As the function `assign`, for the branches of *group* and these *runs*."""
        if group.is_exact:
            return _assign_by_name(group.branches, [tuple(self._sent(indices)) for indices in runs.values()])
        self._budget.spend(len(group.branches) * len(runs), group)
        numbers = range(len(group.branches))
        return assign([[self._fits(group, branch, indices) for indices in runs.values()] for branch in numbers])

    def _may_match(self, group: AnyOrder, runs: Mapping[Run, Sequence[int]]) -> bool:
        """Whether `_may_fit` holds of each branch and some run; it reads two events of a run, `_fits` all of them."""
        numbers = range(len(group.branches))
        return all(any(self._may_fit(group, branch, indices) for indices in runs.values()) for branch in numbers)

    def _may_fit(self, group: AnyOrder, number: int, indices: Sequence[int]) -> bool:
        """Whether this branch takes so many events, and their first and last name."""
        branch, (least, most), names = group.branches[number], group.sizes[number], self._selection.names
        ends = (branch[0], names[indices[0]]), (branch[-1], names[indices[-1]])
        return least <= len(indices) <= most and all(item == name or not isinstance(item, str) for item, name in ends)

    def _fits(self, group: AnyOrder, number: int, indices: Sequence[int]) -> bool:
        if not self._may_fit(group, number, indices):
            return False
        self._budget.spend(len(indices), group)
        return self._read(group.branches[number], self._selection.at(indices)) is None

    def _sent(self, indices: Sequence[int]) -> list[str]:
        return self._selection.at(indices).names

    def _explain(
        self, group: AnyOrder, runs: Mapping[Run, Sequence[int]], unserved: int, served: Mapping[int, int]
    ) -> tuple[str, tuple[str, ...]]:
        """Why no run is left for the branch *unserved*: in one line, and the lines that show it."""
        lines = []
        for number, (run, indices) in enumerate(runs.items()):
            as_branch = f"   = branch {served[number] + 1}" if number in served else ""
            lines.append(f"    {run.label} sent {_list_names(self._sent(indices))}{as_branch}")
        branch = f"  branch {unserved + 1} is {render_items(group.branches[unserved])}"
        detail = f"none of the {count(len(runs), 'run')} that began there is left for branch {unserved + 1}"
        left = [run for number, run in enumerate(runs) if number not in served]
        if len(left) == 1:
            detail = self._compare(group, unserved, left[0], runs[left[0]])
        return detail, (branch, *first_lines(lines, 6, "    ", "run"))

    def _compare(self, group: AnyOrder, branch: int, run: Run, indices: Sequence[int]) -> str:
        """Where the only *branch* and the only *run* that are left part, in words."""
        sent = self._selection.at(indices)
        mismatch = self._read(group.branches[branch], sent)
        assert mismatch is not None, "a run that matches a branch serves it"
        expected = " or ".join(truncate(render_item(item)) for item in mismatch.expected)
        there = repr(sent.names[mismatch.at]) if mismatch.at < len(sent) else "no more"
        at = f"as its event {mismatch.at + 1:,}"
        return f"in branch {branch + 1} the run {run.label} sent {there} {at}, not {expected or 'nothing more'}"


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


def _list_names(names: Sequence[str], limit: int = 8) -> str:
    """Names for a message, cut in the middle."""
    if len(names) <= limit:
        return ", ".join(names)
    return ", ".join([*names[: limit - 2], more(len(names) - limit + 1), names[-1]])


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
