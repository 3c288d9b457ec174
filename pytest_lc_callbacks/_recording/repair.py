"""The smallest edit of a test's own list that makes it pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pytest_lc_callbacks._recording.concurrent_runs import SearchLimitError
from pytest_lc_callbacks._recording.edits import Edit, edits
from pytest_lc_callbacks._recording.matching import search
from pytest_lc_callbacks._recording.mismatch import Mismatch
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many
from pytest_lc_callbacks._recording.selection import Selection

# How many edits a list may need before the recorded one is printed instead.
_EDITS = 6
# How many steps all attempts together may take, and how many attempts there may be.
_ALL_STEPS, _ATTEMPTS = 600_000, 400
# What one attempt may spend on `any_order`.
_STEPS = 20_000


def repair(items: Sequence[Item], mismatch: Mismatch, selection: Selection) -> list[Item] | None:
    """
    *items* with as few and as small edits as make them match the *selection*; None where that takes too many.

    Args:
        items: The list of a test.

        mismatch: Where it parts from the recorded events.

        selection: The recorded events.
    """
    return _Repair(items, selection).run(list(items), mismatch)


class _Repair:
    """Tries edits at the mismatch, takes the first that passes, or else goes on with the one that gets furthest."""

    def __init__(self, items: Sequence[Item], selection: Selection) -> None:
        self._selection = selection
        # A comparison takes longer than a look at a name, and a long list longer than many events.
        steps = len(selection) * (1 + 2 * _count_attributes(items)) + 10 * len(items)
        self._left = min(_ATTEMPTS, _ALL_STEPS // (steps + 1))

    def run(self, items: list[Item], mismatch: Mismatch) -> list[Item] | None:
        """See `repair`."""
        asked = [item for item in items if _asks_something([item])]
        left: Mismatch | None = mismatch
        for number in range(_EDITS + 1):
            if left is None:
                # After several edits without an entry that is the test's own, it would be some other list.
                return items if number < 2 or any(item in asked for item in items) else None
            found = self._best(items, left)
            if found is None:
                return None
            items, left = found
        return None

    def _best(self, items: list[Item], mismatch: Mismatch) -> tuple[list[Item], Mismatch | None] | None:
        """The first edited list that passes, or else the one that gets furthest and where; None if none does."""
        parted: list[tuple[list[Item], Callable[[], Mismatch]]] = []
        for edited in self._edited(items, mismatch):
            if self._left == 0:
                return None
            self._left -= 1
            try:
                where = search(edited, self._selection, _STEPS)
            except SearchLimitError:
                continue
            if where is None:
                return edited, None
            parted.append((edited, where))
        return _furthest(parted, _progress(items, mismatch))

    def _edited(self, items: list[Item], mismatch: Mismatch) -> Iterator[list[Item]]:
        """*items* with one edit each, the smallest edits first."""
        found: list[Edit] = sorted(edits(items, mismatch, self._selection), key=lambda edit: edit.size)
        for edit in found:
            if _asks_something(edit.items) or not edit.items:
                yield edit.items


def _furthest(
    parted: Iterable[tuple[list[Item], Callable[[], Mismatch]]], least: tuple[int, int]
) -> tuple[list[Item], Mismatch] | None:
    """Of lists that do not match the one that gets furthest, and where it parts; None if none gets beyond *least*."""
    best: tuple[list[Item], Mismatch] | None = None
    for items, where in parted:
        mismatch = where()
        if _progress(items, mismatch) > least:
            best, least = (items, mismatch), _progress(items, mismatch)
    return best


def _progress(items: Sequence[Item], mismatch: Mismatch) -> tuple[int, int]:
    """How far a list gets: up to which event, and how little of it is left then."""
    return mismatch.at, -len(mismatch.rest)


def _asks_something(items: Sequence[Item]) -> bool:
    """Whether a list holds more than what any events match."""
    return any(item is not ... and not (isinstance(item, Many) and item.min == 0) for item in items)


def _count_attributes(items: Sequence[Item]) -> int:
    """How many attributes *items* ask for; an `any_order` counts more, since each branch is held against each run."""
    attributes = 0
    for item in items:
        if isinstance(item, EventPattern):
            attributes += len(item.attributes)
        elif isinstance(item, Many):
            attributes += _count_attributes(item.alternatives)
        elif isinstance(item, AnyOrder):
            attributes += len(item.branches) + sum(map(_count_attributes, item.branches))
    return attributes
