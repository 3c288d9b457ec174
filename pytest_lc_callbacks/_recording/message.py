"""The lines of a message: the events around a mismatch, lists of events, run trees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from pytest_lc_callbacks._recording.events import Event, Run
from pytest_lc_callbacks._recording.mismatch import Mismatch, name_item
from pytest_lc_callbacks._recording.names import is_start
from pytest_lc_callbacks._recording.patterns import Item
from pytest_lc_callbacks._recording.questions import is_control_flow
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._recording.tree import RunTree
from pytest_lc_callbacks._values import ask, class_name
from pytest_lc_callbacks._words import and_more, count, more, repr_short, safe, truncate

_BEFORE, _AFTER = 3, 4
_MARK = 80


def window(mismatch: Mismatch, selection: Selection) -> list[str]:
    """The events around what a *mismatch* speaks of, numbered from 1, with their runs' names."""
    at, size = mismatch.shown_at(selection), len(selection)
    wanted = truncate(mismatch.mark(selection), _MARK)
    start, stop = max(0, at - _BEFORE), min(size, at + _AFTER + 1)
    rows = [(f"{i + 1:,}", selection.names[i], _label(selection.run(i))) for i in range(start, stop)]
    if at == size:
        rows.append((f"{size + 1:,}", "(nothing)", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"    ... {count(start, 'event')} before"] if start else []
    for index, (number, name, run) in enumerate(rows, start):
        mark = f"   <- expected {wanted}" if index == at else ""
        lines.append(f"    {number:>{widths[0]}}  {name:<{widths[1]}}  {run:<{widths[2]}}{mark}".rstrip())
    return [*lines, f"    ... {count(size - stop, 'event')} after"] if size > stop else lines


def not_reached(rest: Sequence[Item], limit: int = 10) -> list[str]:
    """The line with the items that come after a mismatch, but for a ``...`` at the end, which any events match."""
    if rest[-1:] == (...,):
        rest = rest[:-1]
    if not rest:
        return []
    return [f"  not reached: {', '.join(map(name_item, rest[:limit]))}{and_more(len(rest) - limit)}"]


def event_lines(events: Sequence[Event], limit: int = 10, *, tell_apart: bool = False) -> list[str]:
    """A line for each of the *events*, with its run and its error; to *tell* them *apart*, with parent and text."""
    first = events[:limit]
    width = max((len(event.name) for event in first), default=0)
    lines = [
        f"    {event.name:<{width}}  {_label(event.run)}{_remark(event)}{_detail(event) if tell_apart else ''}"
        for event in first
    ]
    return lines + _more_lines(len(events) - limit, "event")


def _detail(event: Event) -> str:
    """What tells an event from others of its name: the run around its run, its text, the inputs of a start."""
    parent = event.run.parent if event.run is not None else None
    words = f"  in {parent.label}" if parent is not None else ""
    if event.text is not None:
        return f"{words}  text={repr_short(event.text, 60)}"
    if is_start(event.name) and event.inputs is not None:
        return f"{words}  inputs={repr_short(event.inputs, 60)}"
    return words


def _remark(event: Event) -> str:
    if event.error is not None:
        return f"  {repr_short(event.error)}"
    if event.tool_failed:
        return f"  {repr_short(ask(event.payload.get('output'), 'content'))}"
    return ""


def tree_lines(tree: RunTree, limit: int = 100) -> list[str]:
    """A line for each run, with its error or that it is open."""
    lines = []
    for lead, run in islice(tree.walk(), limit):
        lines.append(f"    {lead}{_label(run)}{_describe_status(run)}")
    return lines + _more_lines(len(tree.runs) - limit, "run")


def _describe_status(run: Run) -> str:
    if is_control_flow(run.error):
        kind = class_name(type(run.error))
        return "  (interrupted)" if kind == "GraphInterrupt" else f"  (left by langgraph: {kind})"
    if run.status == "failed":
        return f"  ({repr_short(run.error)})"
    return "  (open)" if run.status == "open" else ""


def _more_lines(left: int, noun: str) -> list[str]:
    return [f"    {more(left, noun)}"] if left > 0 else []


def _label(run: Run | None) -> str:
    return safe(run.label) if run else "(no run)"
