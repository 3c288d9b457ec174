"""The list that `assert_events` would have passed with: an expectation to paste."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby

from pytest_lc_callbacks._recording.events import Log, Run
from pytest_lc_callbacks._recording.matching import names_at
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many

_TOKENS = ("llm_new_token", "stream_event")
# A list to paste has at most this many entries on one level; its middle becomes `...`.
_HEAD, _TAIL, _BRANCHES = 12, 8, 6
# Runs inside runs beyond this depth are written in the order they had.
_DEPTH = 20
# Beyond this many events only the two ends are looked at, so that a message stays quick.
_LARGE = 2_000


def expectation(log: Log, positions: Sequence[int]) -> str:
    """``assert_events([...])`` with what was recorded: tokens folded, long middles cut, concurrent runs as such."""
    return f"assert_events({_written(recorded_items(log, positions), '')})"


def recorded_items(log: Log, positions: Sequence[int]) -> list[Item]:
    """The items that match the events at these *positions*."""
    if len(positions) > _LARGE:
        head, tail = (names_at(log, list(part)) for part in (positions[:_HEAD], positions[-_TAIL:]))
        return [*_fold(head), ..., *_fold(tail)]
    items = _Writer(log, positions).level(range(len(positions)))
    if all(item is ... for item in items):
        items = _cut(_fold(names_at(log, positions)))
    return items


class _Writer:
    """Writes the events of concurrent runs apart."""

    def __init__(self, log: Log, positions: Sequence[int]) -> None:
        self._names = names_at(log, positions)
        self._runs = [log.run_at(position) for position in positions]

    def level(self, indices: Sequence[int], around: Run | None = None, depth: int = 0) -> list[Item]:
        """These events: those of the run *around* as they are, the runs under it one by one or in any order."""
        items: list[Item] = []
        done = 0
        for cluster in _clusters(self._runs_under(indices, around)):
            first, stop = bisect_left(indices, cluster[0][0]), bisect_right(indices, max(run[-1] for run in cluster))
            items += self._written(indices[done:first])
            items += self._cluster(cluster, indices[first:stop], depth)
            done = stop
        return _cut(_fold(items + self._written(indices[done:])))

    def _written(self, indices: Iterable[int]) -> list[Item]:
        return [self._names[index] for index in indices]

    def _runs_under(self, indices: Iterable[int], around: Run | None) -> dict[Run, list[int]]:
        """The indices of each run that begins here, with the runs under it."""
        runs: dict[Run, list[int]] = {}
        seen: set[Run] = set()
        for index in indices:
            run = self._runs[index]
            if run is None or run is around:
                continue
            top = run if run in runs else next((r for r in run.ancestors() if r in runs), None)
            if top is None and run not in seen:
                top = run
            seen.add(run)
            if top is not None:
                runs.setdefault(top, []).append(index)
        return runs

    def _cluster(self, cluster: list[list[int]], indices: Sequence[int], depth: int) -> list[Item]:
        """Runs whose events overlap, and the *indices* from the first to the last of them."""
        if sum(map(len, cluster)) != len(indices) or depth == _DEPTH:
            return self._written(indices)
        branches = [tuple(self.level(run, self._runs[run[0]], depth + 1)) for run in cluster]
        if len(branches) == 1:
            return list(branches[0])
        return [AnyOrder(tuple(branches))] if len(branches) <= _BRANCHES else [...]


def _clusters(runs: dict[Run, list[int]]) -> list[list[list[int]]]:
    """Runs, each as its event indices, put together where they overlap in time or were started side by side."""
    clusters: list[list[list[int]]] = []
    end = -1
    before: Run | None = None
    for run, indices in sorted(runs.items(), key=lambda pair: pair[1][0]):
        follows = before is not None and indices[0] == end + 1 and run.is_parallel_to(before)
        if indices[0] > end and not follows:
            clusters.append([])
        clusters[-1].append(indices)
        end, before = max(end, indices[-1]), run
    return clusters


def _fold(items: Iterable[Item]) -> list[Item]:
    """Several tokens in a row become one `many`."""
    folded: list[Item] = []
    for is_token, group in groupby(items, lambda item: item in _TOKENS):
        row = list(group)
        tokens = tuple(dict.fromkeys(item for item in row if isinstance(item, str)))
        folded += [Many(tokens, 1)] if is_token and len(row) > 1 else row
    return folded


def _cut(items: list[Item]) -> list[Item]:
    """A long middle becomes `...`."""
    if len(items) <= _HEAD + _TAIL + 1:
        return items
    return [*items[:_HEAD], ..., *items[-_TAIL:]]


def _written(items: Sequence[Item], indent: str) -> str:
    """The list in the user's own words, broken into lines where it is long."""
    parts = [_word(item, indent + "    ") for item in items]
    line = f"[{', '.join(parts)}]"
    if len(line) <= 88 and "\n" not in line:
        return line
    inner = indent + "    "
    return "[\n" + "".join(f"{inner}{part},\n" for part in parts) + f"{indent}]"


def _word(item: Item, indent: str) -> str:
    if isinstance(item, str):
        return f'"{item}"'
    if isinstance(item, (Many, EventPattern)):
        return repr(item).replace("'", '"')
    if isinstance(item, AnyOrder):
        branches = [_written(branch, indent + "    ") for branch in item.branches]
        return "any_order(\n" + "".join(f"{indent}    {branch},\n" for branch in branches) + f"{indent})"
    return "..."
