"""The tools that ran, and lists of tool calls that a test expects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, TypeAlias

from pytest_lc_callbacks._recording.assignment import assign
from pytest_lc_callbacks._recording.attributes import differing_keys, matches
from pytest_lc_callbacks._recording.events import Event, Run
from pytest_lc_callbacks._values import entries, entry, is_a, text_of
from pytest_lc_callbacks._words import did_you_mean, first_lines, listing, one_line, repr_short, shown, string, truncate

ExpectedToolCall: TypeAlias = str | tuple[str, Mapping[str, Any]] | EllipsisType
_SHOWN = 20
_DEEPEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool that ran."""

    name: str | None
    """The tool's name; None where the handler did not hear the start."""

    args: Any
    """The arguments as a dict; the text, where the tool was called with a text alone."""

    output: Any
    """What the tool returned, a ``ToolMessage`` where it was called with a tool call; None while it runs, or failed."""

    failed: bool
    """Whether it raised, or answered with a ``ToolMessage`` of status ``"error"``."""

    run: Run
    """Its run."""

    def __str__(self) -> str:
        return _render_call(self.name or "(start not heard)", self.args)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A tool call that a test expects; *args* is `...` where any arguments will do."""

    name: str
    args: Any

    def accepts(self, call: ToolCall) -> bool:
        return self.name == call.name and (self.args is ... or matches(self.args, call.args))

    def __str__(self) -> str:
        return self.name if self.args is ... else _render_call(self.name, self.args)

    def difference(self, call: ToolCall) -> str:
        """What tells *call*, a call of the same tool, from this one: ``city='Rome'``."""
        keys = differing_keys(self.args, call.args)
        shown = [f"{key}={repr_short(entry(call.args, key))}" for key in keys if entry(call.args, key, ...) is not ...]
        missing = [f"no {key}" for key in keys if entry(call.args, key, ...) is ...]
        return ", ".join([*shown, *missing]) or str(call)


def tool_call_of(start: Event) -> ToolCall | None:
    """The tool that the event *start* began; None for an event of no run."""
    run = start.run
    if run is None:
        return None
    name = text_of(entry(start.payload.get("serialized"), "name")) or run.name
    failed = run.status == "failed" or any(event.tool_failed for event in run.events)
    return ToolCall(name=name, args=run.inputs, output=run.outputs, failed=failed, run=run)


def read_tool_calls(expected: Any, *, any_order: bool) -> list[_Wanted | EllipsisType]:
    """
    The list that ``assert_tool_calls`` takes.

    Raises:
        TypeError: If it is no list, or an entry is neither a name, ``(name, arguments)`` nor ``...``.

        ValueError: If it holds nothing but ``...``, or ``...`` where any order will do.
    """
    __tracebackhide__ = True
    if not isinstance(expected, (list, tuple)):
        raise TypeError(f"assert_tool_calls takes a list, such as ['search'], not {repr_short(expected)}")
    wanted = [_read(item, f"assert_tool_calls: entry {number}") for number, item in enumerate(expected, 1)]
    if ... in wanted and any_order:
        raise ValueError("assert_tool_calls(any_order=True) lists all calls: ... stands for calls between others")
    if wanted and all(item is ... for item in wanted):
        raise ValueError("assert_tool_calls([...]) matches everything: name at least one tool")
    return wanted


def _read(item: Any, where: str) -> _Wanted | EllipsisType:
    __tracebackhide__ = True
    if item is ...:
        return item
    if isinstance(item, str):
        return _Wanted(item, ...)
    if isinstance(item, (tuple, list)) and len(item) == 2 and isinstance(item[0], str) and is_a(item[1], Mapping):
        return _Wanted(item[0], item[1])
    raise TypeError(f"{where} is {repr_short(item)} and neither a tool's name nor (name, arguments) nor ...")


def find_difference(wanted: Sequence[Any], calls: Sequence[ToolCall], *, any_order: bool) -> str | None:
    """``expected ..., but ...``, with the calls below it; None if the *calls* are the *wanted* ones."""
    first = _compare_any_order(wanted, calls) if any_order else _compare(wanted, calls)
    if first is None:
        return None
    rows = [f"    {number}  {one_line(str(call))}{'  failed' * call.failed}" for number, call in enumerate(calls, 1)]
    return "\n".join([first, "  the tools that ran:" if rows else "  no tool ran", *first_lines(rows, _SHOWN, "    ")])


def _compare(wanted: Sequence[Any], calls: Sequence[ToolCall]) -> str | None:
    """Match from the left; a ``...`` takes as few calls as it can, and is tried again with one more."""
    at, index, furthest = 0, 0, (0, 0)
    star: tuple[int, int] | None = None
    while index < len(calls) or at < len(wanted):
        furthest = max(furthest, (at, index))
        if at < len(wanted) and wanted[at] is ...:
            star = at, index
            at += 1
        elif at < len(wanted) and index < len(calls) and wanted[at].accepts(calls[index]):
            at, index = at + 1, index + 1
        elif star is not None and star[1] < len(calls):
            star = star[0], star[1] + 1
            at, index = star[0] + 1, star[1]
        else:
            return _describe(wanted, calls, *furthest)
    return None


def _describe(wanted: Sequence[Any], calls: Sequence[ToolCall], at: int, index: int) -> str:
    while at < len(wanted) and wanted[at] is ...:
        at += 1
    if at == len(wanted):
        after = f"no tool call after call {index}" if index else "no tool call"
        return f"expected {after}, but {truncate(str(calls[index]))} ran"
    item = wanted[at]
    if at and wanted[at - 1] is ...:
        before = [str(number) for number, call in enumerate(calls, 1) if item.accepts(call)]
        if before:
            return f"expected {item} somewhere after that, but it ran as tool call {listing(before)} alone"
        return f"expected {truncate(str(item))} somewhere, but {_find_nearest(item, calls)}"
    found = f"{truncate(str(calls[index]))} ran" if index < len(calls) else "no more tool ran"
    if index < len(calls) and calls[index].name == item.name:
        found = f"it was called with {truncate(item.difference(calls[index]))}"
    return f"expected {truncate(str(item))} as tool call {index + 1}, but {found}"


def _find_nearest(item: _Wanted, calls: Sequence[ToolCall]) -> str:
    """The first call of the same tool, and what differs."""
    same = next((call for call in calls if call.name == item.name), None)
    if same is not None:
        return f"it was called with {truncate(item.difference(same))}"
    return f"no tool of that name ran{did_you_mean(item.name, {call.name or '' for call in calls})}"


def _compare_any_order(wanted: Sequence[_Wanted], calls: Sequence[ToolCall]) -> str | None:
    unserved, served = assign(len(wanted), len(calls), lambda item, call: wanted[item].accepts(calls[call]))
    if unserved is not None:
        item = wanted[unserved]
        left = [call for number, call in enumerate(calls) if number not in served]
        return f"expected {truncate(str(item))}, but {_find_nearest(item, left)}"
    extra = next((call for number, call in enumerate(calls) if number not in served), None)
    return None if extra is None else f"expected no other tool call, but {truncate(str(extra))} ran"


def render_calls(calls: Sequence[ToolCall]) -> str:
    """The list to paste."""
    pasted = [f"({_quote(call.name)}, {call.args!r})" if _is_pasted(call) else _quote(call.name) for call in calls]
    return f"assert_tool_calls([{', '.join(pasted)}])"


def _quote(name: Any) -> str:
    return json.dumps(string(name), ensure_ascii=False)


def _is_pasted(call: ToolCall) -> bool:
    """Whether the list to paste has the arguments: they read as Python, and nothing of them is a secret."""
    return _is_literal(call.args) and shown(written := f"{call.args!r}") == written


def _is_literal(args: Any, depth: int = 0) -> bool:
    """Whether ``repr(args)`` reads as Python in a test: dicts, lists, texts, numbers, not nested too deep."""
    if depth > _DEEPEST:
        return False
    if type(args) is dict:
        return all(type(key) is str and _is_literal(value, depth + 1) for key, value in args.items())
    if type(args) is list:
        return all(_is_literal(value, depth + 1) for value in args)
    return args is None or any(type(args) is kind for kind in (str, bool, int))


def _render_call(name: str, args: Any) -> str:
    if not is_a(args, Mapping):
        return f"{name}({repr_short(args)})"
    given = ("..." if key is ... else f"{key}={repr_short(value)}" for key, value in entries(args))
    return f"{name}({', '.join(given)})"
