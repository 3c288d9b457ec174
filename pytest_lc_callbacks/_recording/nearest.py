"""The event that comes nearest to a pattern that none matches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from pytest_lc_callbacks._recording.attributes import Comparison, count_differing_keys
from pytest_lc_callbacks._recording.events import Log
from pytest_lc_callbacks._recording.patterns import EventPattern, Item, Many
from pytest_lc_callbacks._recording.selection import Selection

# So many events of a pattern's name are compared: a stream may have a hundred thousand.
_COMPARED = 1_000


def find_nearest(pattern: EventPattern, selection: Selection, indices: Iterable[int]) -> int | None:
    """Which of the events at these *indices* has the pattern's name and the fewest differences; None if none has."""
    names, differences = selection.names, Differences(pattern, selection.log)
    of_name = (index for index in indices if pattern.name in (None, names[index]))
    looked_at = list(islice(of_name, _COMPARED))
    return min(looked_at, key=lambda index: differences.distance(selection.positions[index]), default=None)


class Differences:
    """How far events are from a pattern; one comparison for each attribute, since it keeps what it knows of runs."""

    def __init__(self, pattern: EventPattern, log: Log) -> None:
        self._log = log
        self._comparisons = {key: Comparison({key: value}, log) for key, value in pattern.attributes.items()}
        self._attributes = pattern.attributes

    def keys(self, position: int) -> list[str]:
        """Every attribute in which the event at this *position* differs."""
        return [key for key, each in self._comparisons.items() if each.differing(position) is not None]

    def distance(self, position: int) -> tuple[int, int]:
        """How many attributes of the event at this *position* differ, and how many keys in them."""
        differing = self.keys(position)
        keys = [count_differing_keys(key, self._attributes[key], self._log.event(position)) for key in differing]
        return len(differing), sum(keys)


def find_matching(item: Item, selection: Selection, indices: Sequence[int]) -> list[int]:
    """Which of the events at these *indices* match an *item* that is a name, a pattern or a `many`."""
    alternatives = item.alternatives if isinstance(item, Many) else (item,)
    names = selection.names
    found = []
    for alternative in alternatives:
        if isinstance(alternative, str):
            found += [index for index in indices if names[index] == alternative]
        elif isinstance(alternative, EventPattern):
            of_name = [index for index in indices if alternative.name in (None, names[index])][:_COMPARED]
            comparison = Comparison(alternative.attributes, selection.log)
            found += [index for index in of_name if comparison.differing(selection.positions[index]) is None]
    return sorted(set(found))
