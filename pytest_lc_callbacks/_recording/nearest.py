"""The event that comes nearest to a pattern that none matches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from pytest_lc_callbacks._recording.attributes import count_differing_keys
from pytest_lc_callbacks._recording.events import Log, Run
from pytest_lc_callbacks._recording.patterns import EventPattern, Item, Many
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._values import text_of
from pytest_lc_callbacks._words import did_you_mean, truncate

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
        self._comparisons = {key: pattern.comparison(log, [key]) for key in pattern.attributes}
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
            comparison = alternative.comparison(selection.log)
            found += [index for index in of_name if comparison.differing(selection.positions[index]) is None]
    return sorted(set(found))


def describe_nearest(pattern: EventPattern, selection: Selection) -> str:
    """What the event that comes nearest to *pattern* has instead, as the end of a sentence; empty if there is none."""
    nearest = find_nearest(pattern, selection, range(len(selection))) if pattern.name is not None else None
    differing = pattern.differing(selection, nearest) if nearest is not None else None
    if nearest is None or differing is None:
        return ""
    run = selection.run(nearest)
    of = f" of {run.label}" if run is not None and differing[0] != "run" else ""
    return truncate(f": the nearest, {selection.names[nearest]}{of}, has {differing[1]}", 120)


def find_unheard_run(attributes: Mapping[str, Any], runs: Sequence[Run], *, strict: bool = False) -> str:
    """
    Why a question about a run by its name asks nothing, in words; empty where it asks something.

    That no event has ``run="search"`` may be what a test is about: there only a misspelt name is told, unless it is
    to be *strict*.
    """
    if not {"under", "parent", "run"} & attributes.keys():
        return ""
    names = {run.name for run in runs if run.name}
    for key in ("under", "parent", "run"):
        name = text_of(attributes.get(key))
        if name is None or name in names:
            continue
        misspelt = next((other for other in names if _letters(other) == _letters(name)), None)
        if strict or key != "run" or misspelt is not None:
            meant = f" (did you mean {misspelt!r}?)" if misspelt is not None else did_you_mean(name, names)
            return f"the handler heard no run named {name!r}{meant}"
    return ""


def _letters(name: str) -> list[str]:
    """What misspelt names share: the letters, in any order, without case and signs."""
    return sorted(filter(str.isalnum, name.casefold()))
