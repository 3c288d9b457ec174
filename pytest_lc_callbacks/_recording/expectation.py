"""The list that `assert_events` would have passed with: an expectation to paste."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby, takewhile

from pytest_lc_callbacks._recording.events import Run
from pytest_lc_callbacks._recording.names import TOKENS
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many
from pytest_lc_callbacks._recording.selection import Selection

# A list to paste has at most this many entries on one level; its middle becomes `...`.
_HEAD, _TAIL, _BRANCHES = 12, 8, 6
# Runs inside runs beyond this depth are written in the order they had.
_DEPTH = 20
# Of more events than this the list shows the first and the last ones alone.
_LARGE = 2_000


def expectation(selection: Selection) -> str:
    """``assert_events([...])`` with what was recorded: tokens folded, long middles cut, concurrent runs as such."""
    return f"assert_events({_render(recorded_items(selection), '')})"


def recorded_items(selection: Selection) -> list[Item]:
    """The items that match the events of the *selection*."""
    if len(selection) > _LARGE:
        return [*_fold(selection[:_HEAD].names), ..., *_fold(selection[-_TAIL:].names)]
    items = _Writer(selection).write(range(len(selection)))
    if all(item is ... for item in items):
        items = _cut(_fold(selection.names))
    return items


class _Writer:
    """Writes what concurrent runs sent as branches of `any_order`."""

    def __init__(self, selection: Selection) -> None:
        self._names = selection.names
        self._runs = selection.run_of_each()

    def write(self, indices: Sequence[int], around: Run | None = None, depth: int = 0) -> list[Item]:
        """The events at these *indices*, all inside the run *around*; runs under it that overlap become branches."""
        items: list[Item] = []
        done = 0
        for cluster in _clusters(self._runs_under(indices, around)):
            first, stop = bisect_left(indices, cluster[0][0]), bisect_right(indices, max(run[-1] for run in cluster))
            items += self._list(indices[done:first])
            items += self._write_cluster(cluster, indices[first:stop], depth)
            done = stop
        return _cut(_fold(items + self._list(indices[done:])))

    def _list(self, indices: Iterable[int]) -> list[Item]:
        return [self._names[index] for index in indices]

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

    def _write_cluster(self, cluster: list[list[int]], indices: Sequence[int], depth: int) -> list[Item]:
        """The events of runs that overlap; *indices* are all events from their first to their last."""
        if sum(map(len, cluster)) != len(indices) or depth == _DEPTH:
            return self._list(indices)
        branches = [tuple(self.write(run, self._runs[run[0]], depth + 1)) for run in cluster]
        if len(branches) == 1:
            return list(branches[0])
        return [AnyOrder(tuple(branches))] if len(branches) <= _BRANCHES else [...]


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


def _fold(items: Iterable[Item]) -> list[Item]:
    """Replace several tokens in a row by one `many`."""
    folded: list[Item] = []
    for is_token, group in groupby(items, lambda item: item in TOKENS):
        row = list(group)
        tokens = tuple(dict.fromkeys(item for item in row if isinstance(item, str)))
        folded += [Many(tokens, 1)] if is_token and len(row) > 1 else row
    return folded


def _cut(items: list[Item]) -> list[Item]:
    """Replace a long middle by `...`."""
    if len(items) <= _HEAD + _TAIL + 1:
        return items
    return [*items[:_HEAD], ..., *items[-_TAIL:]]


def _render(items: Sequence[Item], indent: str) -> str:
    """The list as a formatter would lay it out."""
    parts = [_render_item(item, indent + "    ") for item in items]
    line = f"[{', '.join(parts)}]"
    if len(line) <= 88 and "\n" not in line:
        return line
    inner = indent + "    "
    return "[\n" + "".join(f"{inner}{part},\n" for part in parts) + f"{indent}]"


def _render_item(item: Item, indent: str) -> str:
    if isinstance(item, str):
        return f'"{item}"'
    if isinstance(item, (Many, EventPattern)):
        return repr(item).replace("'", '"')
    if isinstance(item, AnyOrder):
        branches = [_render(branch, indent + "    ") for branch in item.branches]
        return "any_order(\n" + "".join(f"{indent}    {branch},\n" for branch in branches) + f"{indent})"
    return "..."
