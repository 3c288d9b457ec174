"""An expectation as Python text: entries with comments, values as literals, and `ANY` where there is no literal."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any
from unittest.mock import ANY

from pytest_lc_callbacks._recording.corrections import Anything, too_long
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many
from pytest_lc_callbacks._redaction import clean
from pytest_lc_callbacks._values import class_name, is_a, is_exactly, text_of
from pytest_lc_callbacks._words import listing, raw_repr

_WIDTH = 88
# A value that is nested deeper has no literal: it may hold itself.
_DEEPEST = 20


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry of a list to paste."""

    item: Item

    comment: str = ""
    """What stands behind it after ``#``."""

    events: int = 1
    """How many recorded events it stands for."""

    branches: tuple[tuple[Entry, ...], ...] = ()
    """The branches of an `any_order`."""


def entry_of(item: Item) -> Entry:
    """The entry for an *item* that needs no comment."""
    branches = item.branches if isinstance(item, AnyOrder) else ()
    return Entry(item=item, branches=tuple(tuple(map(entry_of, branch)) for branch in branches))


def write(entries: Sequence[Entry]) -> str:
    """``assert_events([...])`` as a formatter would lay it out; a last line tells what `ANY` stands for."""
    writer = _Writer()
    text = f"assert_events({writer.write_list(entries, '')})"
    if not writer.reasons:
        return text
    return f"{text}\n  (ANY, from unittest.mock, stands for {listing(writer.reasons)})"


class _Writer:
    """Writes entries, and keeps why it wrote `ANY`."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def write_list(self, entries: Sequence[Entry], indent: str) -> str:
        inner = indent + "    "
        parts = [self._write_entry(entry, inner) for entry in entries]
        line = f"[{', '.join(parts)}]"
        if len(line) <= _WIDTH and "\n" not in line and not any(entry.comment for entry in entries):
            return line
        pairs = zip(parts, entries, strict=True)
        rows = [f"{inner}{part},{f'  # {entry.comment}' if entry.comment else ''}\n" for part, entry in pairs]
        return f"[\n{''.join(rows)}{indent}]"

    def _write_entry(self, entry: Entry, indent: str) -> str:
        if not entry.branches:
            return self._write_item(entry.item)
        branches = [self.write_list(branch, indent + "    ") for branch in entry.branches]
        return "any_order(\n" + "".join(f"{indent}    {branch},\n" for branch in branches) + f"{indent})"

    def _write_item(self, item: Item) -> str:
        if isinstance(item, EventPattern):
            words = [_quote(item.name)] if item.name else []
            words += [self._write_attribute(key, value) for key, value in item.attributes.items()]
            return f"event({', '.join(words)})"
        if isinstance(item, Many):
            words = [self._write_item(alternative) for alternative in item.alternatives]
            return f"many({', '.join(words + ([] if item.min == 1 else [f'min={item.min}']))})"
        return _quote(item) if isinstance(item, str) else "..."

    def _write_attribute(self, key: str, value: Any) -> str:
        why = too_long(value)
        text = self._write_value(value) if why is None else self._any(why)
        return f"{key}={self._without_secret(f'{key}=', text, key)}"

    def _write_value(self, value: Any, depth: int = 0) -> str:
        """*value* as Python reads it."""
        if is_a(value, Anything):
            return self._any(value.why)
        is_sequence = is_exactly(value, list, tuple, set, frozenset)
        if depth == _DEEPEST and (is_sequence or type(value) is dict):
            return self._any("a value that is nested too deep")
        if type(value) is dict:
            return "{" + ", ".join(self._write_pair(key, each, depth + 1) for key, each in value.items()) + "}"
        if is_sequence and value:
            return self._write_sequence(value, depth + 1)
        text = _spell(value)
        return self._any(f"{class_name(type(value))}, which has no literal") if text is None else text

    def _write_pair(self, key: Any, value: Any, depth: int) -> str:
        if key is ... and value is ...:
            return "...: ..."
        start = f"{self._write_value(key, depth)}: "
        return start + self._without_secret(start, self._write_value(value, depth), key)

    def _write_sequence(self, value: Any, depth: int) -> str:
        inner = ", ".join(self._without_secret("", self._write_value(each, depth), "a value") for each in value)
        if type(value) is tuple:
            return f"({inner}{',' * (len(value) == 1)})"
        if type(value) is list:
            return f"[{inner}]"
        return f"{{{inner}}}" if type(value) is set else f"frozenset({{{inner}}})"

    def _without_secret(self, before: str, text: str, name: Any) -> str:
        """*text* as it is; `ANY` where the message would redact something in it."""
        if clean(before + text) == before + text:
            return text
        return self._any(f"{name}, which is redacted")

    def _any(self, why: str) -> str:
        self.reasons.append(why)
        return "ANY"


def _spell(value: Any) -> str | None:
    """The text of a value that is no container; None where Python could not read it."""
    if value is ...:
        return "..."
    if value is ANY:
        return "ANY"
    if type(value) is str:
        return _quote(value)
    if type(value) is float and not isfinite(value):
        return f'float("{value}")'
    if type(value) is frozenset:
        return "frozenset()"
    if is_a(value, type):
        return class_name(value)
    text = raw_repr(value)
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return text


def _quote(text: str) -> str:
    """The literal of a text, in double quotes where that needs no more escapes."""
    literal = repr(text_of(text))
    return f'"{literal[1:-1]}"' if literal[0] == "'" and '"' not in literal else literal
