"""Events, trees, tables and mismatches as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_lc_callbacks._recording.events import Event, Log, RunTree
from pytest_lc_callbacks._recording.matching import Mismatch, names_at
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many
from pytest_lc_callbacks._words import repr_short

_BEFORE, _AFTER = 3, 4


def first_line(mismatch: Mismatch, log: Log, positions: Sequence[int]) -> str:
    """``expected ..., but ...``: the mismatch in one line."""
    at, count = mismatch.at, len(positions)
    there = log.events_at([positions[at]])[0] if at < count else None
    wanted = " or ".join(_quoted(item) for item in mismatch.expected)
    if not mismatch.expected:
        after = f"nothing after event {at:,}" if at else "no events"
        more = f" and {events_count(count - at - 1)} more" if count - at > 1 else ""
        return f"expected {after}, but the handler recorded {_quoted(there.name) if there else 'nothing'}{more}"
    if mismatch.anywhere and mismatch.detail:
        return f"expected {wanted} somewhere, but {mismatch.detail}"
    if mismatch.detail:
        return f"expected {wanted} from event {at + 1:,} on, but {mismatch.detail}"
    if mismatch.anywhere:
        nearest = _nearest(mismatch, log, positions)
        return f"expected {wanted} somewhere after {_event_number(at)}, but {nearest or _nowhere(count - at)}"
    return f"expected {wanted} as event {at + 1:,}, but {_instead(mismatch, there, count)}"


def _event_number(number: int) -> str:
    return f"event {number:,}" if number else "the beginning"


def _nearest(mismatch: Mismatch, log: Log, positions: Sequence[int]) -> str | None:
    """The first event of that name, where only its attributes are others."""
    [item] = mismatch.expected
    names = names_at(log, positions)
    if not isinstance(item, EventPattern) or item.name not in names[mismatch.at :]:
        return None
    index = names.index(item.name, mismatch.at)
    count = names[mismatch.at :].count(item.name)
    one = "the only one of that name" if count == 1 else f"the first of {count:,} of that name"
    return f"{one}, event {index + 1:,}, is {item.difference(log.events_at([positions[index]])[0])}"


def _nowhere(left: int) -> str:
    return f"it was none of the {events_count(left)} from there on" if left else "the handler recorded nothing more"


def _instead(mismatch: Mismatch, there: Event | None, count: int) -> str:
    if there is None:
        return f"the handler recorded only {events_count(count)}" if count else "nothing was recorded"
    alternatives = [item.alternatives if isinstance(item, Many) else (item,) for item in mismatch.expected]
    patterns = [item for items in alternatives for item in items if isinstance(item, EventPattern)]
    of_that_name = [pattern for pattern in patterns if pattern.name in (None, there.name)]
    difference = of_that_name[0].difference(there) if len(of_that_name) == 1 else None
    return f"the handler recorded {difference or repr(there.name)}"


def events_count(count: int) -> str:
    """``1 event``, ``2 events``."""
    return f"{count:,} event{'' if count == 1 else 's'}"


def runs_count(count: int) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count:,} run{'' if count == 1 else 's'}"


def _quoted(item: Item) -> str:
    if isinstance(item, AnyOrder):
        return f"any_order of {runs_count(len(item.branches))}"
    return "..." if item is ... else repr(item)


def _plain(item: Item) -> str:
    return item if isinstance(item, str) else _quoted(item)


def window(log: Log, positions: Sequence[int], mismatch: Mismatch) -> list[str]:
    """The events around a mismatch, numbered from 1, with their runs' names."""
    at, count = mismatch.at, len(positions)
    start, stop = max(0, at - _BEFORE), min(count, at + _AFTER + 1)
    events = log.events_at(positions[start:stop])
    rows = [[f"{number:,}", e.name, _run_name(e)] for number, e in enumerate(events, start + 1)]
    if at == count:
        rows.append([f"{count + 1:,}", "(nothing)", ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"    ... {events_count(start)} before"] if start else []
    for number, (index, name, run) in enumerate(rows, start):
        mark = f"   <- expected {_marked(mismatch)}{' from here on' * mismatch.anywhere}" if number == at else ""
        lines.append(f"    {index:>{widths[0]}}  {name:<{widths[1]}}  {run:<{widths[2]}}{mark}".rstrip())
    return [*lines, f"    ... {events_count(count - stop)} after"] if count > stop else lines


def _marked(mismatch: Mismatch) -> str:
    return " or ".join(map(_plain, mismatch.expected)) or "nothing more"


def _run_name(event: Event) -> str:
    return event.run.label if event.run else "(no run)"


def not_reached(rest: Sequence[Item], limit: int = 10) -> list[str]:
    """The line that lists what of the expectation was not looked at any more."""
    if not rest:
        return []
    more = f" and {len(rest) - limit:,} more" if len(rest) > limit else ""
    return [f"  not reached: {', '.join(map(_plain, rest[:limit]))}{more}"]


def event_lines(events: Iterable[Event], limit: int = 10) -> list[str]:
    """Events one below the other, for a message that is about some of them."""
    shown = list(events)
    more = [f"    ... {events_count(len(shown) - limit)} more"] if len(shown) > limit else []
    del shown[limit:]
    width = max((len(event.name) for event in shown), default=0)
    return [*(f"    {e.name:<{width}}  {_run_name(e)}{_remark(e)}" for e in shown), *more]


def _remark(event: Event) -> str:
    if event.error is not None:
        return f"  {repr_short(event.error)}"
    if event.tool_failed:
        return f"  {repr_short(getattr(event.payload.get('output'), 'content', None))}"
    return ""


def tree_lines(tree: RunTree, limit: int = 100) -> list[str]:
    """The run tree, with what is open or failed."""
    lines = []
    for lead, run in tree.walk():
        status = {"open": "  (open)", "failed": f"  ({repr_short(run.error)})"}.get(run.status, "")
        lines.append(f"    {lead}{run.label}{status}")
    return [*lines[:limit], f"    ... {runs_count(len(lines) - limit)} more"] if len(lines) > limit else lines
