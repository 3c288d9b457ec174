"""The list that `assert_events` would have passed with: an expectation to paste."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby, takewhile

from pytest_lc_callbacks._recording.events import Run
from pytest_lc_callbacks._recording.layout import Entry, entry_of, write
from pytest_lc_callbacks._recording.mismatch import Mismatch
from pytest_lc_callbacks._recording.names import TOKENS
from pytest_lc_callbacks._recording.patterns import AnyOrder, Item, Many
from pytest_lc_callbacks._recording.repair import repair
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._words import count, listing

# The recorded list is printed whole up to so many lines.
_LINES = 60
# A longer one has at most so many entries on one level, and so many branches; its middle becomes `...`.
_HEAD, _TAIL, _BRANCHES = 12, 8, 6
# Runs inside runs beyond this depth are written in the order they had.
_DEPTH = 20
# Of more events than this the list shows the first and the last ones alone.
_LARGE = 2_000


def expectation(items: Sequence[Item], mismatch: Mismatch, selection: Selection) -> str:
    """
    ``assert_events([...])`` with the list *items* that the test has, and the smallest edit that makes it pass.

    A list of bare names becomes the recorded names, with their runs as comments; so does a list that is too far off.
    """
    if not all(isinstance(item, str) for item in items):
        repaired = repair(items, mismatch, selection)
        if repaired is not None:
            return write(list(map(entry_of, repaired)))
    return recorded(selection)


def recorded(selection: Selection) -> str:
    """``assert_events([...])`` with what was recorded: tokens folded, concurrent runs as such, runs as comments."""
    if len(selection) > _LARGE:
        first, last = _Writer(selection[:_HEAD], whole=True), _Writer(selection[-_TAIL:], whole=True)
        return write([*first.write_flat(), _fold_away(len(selection) - _HEAD - _TAIL), *last.write_flat()])
    text = write(_entries(selection, whole=True))
    return text if text.count("\n") < _LINES else write(_entries(selection, whole=False))


def _entries(selection: Selection, *, whole: bool) -> list[Entry]:
    """The entries that match the events of the *selection*; cut unless they are to be *whole*."""
    writer = _Writer(selection, whole=whole)
    entries = writer.write(range(len(selection)))
    if all(entry.item is ... for entry in entries):
        entries = _cut(writer.write_flat())
    return entries


def _fold_away(events: int) -> Entry:
    return Entry(item=..., comment=count(events, "event"), events=events)


class _Writer:
    """Writes what concurrent runs sent as branches of `any_order`."""

    def __init__(self, selection: Selection, *, whole: bool) -> None:
        self._names = selection.names
        self._runs = selection.run_of_each()
        self._whole = whole
        self._has_comments = len(set(self._runs)) > 1

    def write_flat(self) -> list[Entry]:
        """Every event in the order it had."""
        return _fold(self._list(range(len(self._names))))

    def write(self, indices: Sequence[int], around: Run | None = None, depth: int = 0) -> list[Entry]:
        """The events at these *indices*, all inside the run *around*; runs under it that overlap become branches."""
        entries: list[Entry] = []
        done = 0
        for cluster in _clusters(self._runs_under(indices, around)):
            first, stop = bisect_left(indices, cluster[0][0]), bisect_right(indices, max(run[-1] for run in cluster))
            entries += self._list(indices[done:first])
            entries += self._write_cluster(cluster, indices[first:stop], depth)
            done = stop
        folded = _fold(entries + self._list(indices[done:]))
        return folded if self._whole else _cut(folded)

    def _list(self, indices: Iterable[int]) -> list[Entry]:
        return [Entry(item=self._names[index], comment=self._comment(index)) for index in indices]

    def _comment(self, index: int) -> str:
        """The name of the event's run, where there are several runs."""
        run = self._runs[index]
        return run.label if run is not None and self._has_comments else ""

    def _runs_under(self, indices: Iterable[int], around: Run | None) -> dict[Run, list[int]]:
        """The indices of each run that begins here, with the runs under it."""
        runs: dict[Run, list[int]] = {}
        top_of: dict[Run, Run] = {}
        for index in indices:
            run = self._runs[index]
            if run is None or run is around:
                continue
            if run not in top_of:
                inside = takewhile(lambda outer: outer is not around, run.ancestors())
                top_of[run] = next((top_of[outer] for outer in inside if outer in top_of), run)
            runs.setdefault(top_of[run], []).append(index)
        return runs

    def _write_cluster(self, cluster: list[list[int]], indices: Sequence[int], depth: int) -> list[Entry]:
        """The events of runs that overlap; *indices* are all events from their first to their last."""
        if sum(map(len, cluster)) != len(indices) or depth == _DEPTH:
            return self._list(indices)
        branches = tuple(tuple(self.write(run, self._runs[run[0]], depth + 1)) for run in cluster)
        if len(branches) == 1:
            return list(branches[0])
        if len(branches) > _BRANCHES and not self._whole:
            return [_fold_away(len(indices))]
        item = AnyOrder(tuple(tuple(entry.item for entry in branch) for branch in branches))
        return [Entry(item=item, branches=branches, events=len(indices))]


def _clusters(runs: dict[Run, list[int]]) -> list[list[list[int]]]:
    """Runs, each as its event indices, put together where they overlap in time or were started side by side."""
    clusters: list[list[list[int]]] = []
    end = -1
    before: Run | None = None
    for run, indices in sorted(runs.items(), key=lambda pair: pair[1][0]):
        follows = before is not None and indices[0] == end + 1 and run._started_beside(before)
        if indices[0] > end and not follows:
            clusters.append([])
        clusters[-1].append(indices)
        end, before = max(end, indices[-1]), run
    return clusters


def _fold(entries: Iterable[Entry]) -> list[Entry]:
    """Replace several tokens in a row by one `many`."""
    folded: list[Entry] = []
    for is_token, group in groupby(entries, lambda entry: entry.item in TOKENS):
        row = list(group)
        if is_token and len(row) > 1:
            tokens = tuple(dict.fromkeys(entry.item for entry in row if isinstance(entry.item, str)))
            row = [Entry(item=Many(tokens, 1), comment=listing(entry.comment for entry in row), events=len(row))]
        folded += row
    return folded


def _cut(entries: list[Entry]) -> list[Entry]:
    """Replace a long middle by ``...``, which tells how many events it stands for."""
    if len(entries) <= _HEAD + _TAIL + 1:
        return entries
    left_out = sum(entry.events for entry in entries[_HEAD:-_TAIL])
    return [*entries[:_HEAD], _fold_away(left_out), *entries[-_TAIL:]]
