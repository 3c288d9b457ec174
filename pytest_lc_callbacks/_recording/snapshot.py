"""Payloads as JSON-like data that is the same in every run: no ids, no times, no versions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from pytest_lc_callbacks._recording.events import Event
from pytest_lc_callbacks._values import ask, bases, class_name, entries, is_a, items, module_name
from pytest_lc_callbacks._words import error_text, string

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
# What no file can hold.
_SURROGATE = re.compile("[\ud800-\udfff]")
# A value nested deeper than this is named by its type.
_DEEPEST = 50
_MOST_BITS = 10_000
_MOST_OBJECTS = 50_000
# LangChain's own bookkeeping, which differs between its versions, call modes and installed packages.
_UNSTABLE_METADATA = {"lc_versions", "ls_integration"}
_UNSTABLE_PAYLOAD = {
    "batch_size",
    "chunk",
    "color",
    "defers_inputs",
    "invocation_params",
    "name",
    "options",
    "run_type",
    "serialized",
}


def snapshot(events: Iterable[Event]) -> list[dict[str, Any]]:
    """One dict of builtins per event."""
    ids = _Ids()
    return [_event(event, ids) for event in events]


class _Ids:
    """Numbers for run ids and any other uuid, in the order they appear."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, str]] = {"run": {}, "id": {}}
        self.left = 0
        """How many containers and objects of one event are still looked into."""

    def run(self, run_id: UUID | None) -> str | None:
        return None if run_id is None else self._number("run", string(run_id))

    def in_text(self, text: str) -> str:
        text = _SURROGATE.sub(lambda found: ascii(found[0])[1:-1], text)
        return _ADDRESS.sub("0x...", _UUID.sub(lambda found: self._any(found.group().lower()), text))

    def _any(self, text: str) -> str:
        return self._numbers["run"].get(text) or self._number("id", text)

    def _number(self, kind: str, text: str) -> str:
        return self._numbers[kind].setdefault(text, f"{kind}-{len(self._numbers[kind]) + 1}")


def _event(event: Event, ids: _Ids) -> dict[str, Any]:
    ids.left = _MOST_OBJECTS
    keep = {k: v for k, v in event.payload.items() if k not in _UNSTABLE_PAYLOAD or event.name == "custom_event"}
    metadata = {k: v for k, v in event.metadata.items() if k not in _UNSTABLE_METADATA}
    return {
        "event": event.name,
        "run": ids.run(event.run_id),
        "parent": ids.run(event.parent_run_id),
        "name": plain(event.run_name, ids),
        "type": event.run_type,
        # LangChain merges tags as sets: each process has another order.
        "tags": sorted((plain(tag, ids) for tag in event.tags), key=_order),
        "metadata": plain(metadata, ids),
        "payload": plain(keep, ids),
    }


def plain(value: Any, ids: _Ids, inside: tuple[int, ...] = ()) -> Any:
    """
    *value* as builtins: ``<generator>`` for what has no stable content. It iterates over containers alone.

    Args:
        value: Anything.

        ids: The numbers for ids.

        inside: The identities of the values around this one.
    """
    if value is None or type(value) is bool:
        return value
    if issubclass(type(value), int):
        # Python writes no number of more than some 4,000 digits.
        bits = int.bit_length(value)
        return int.__int__(value) if bits < _MOST_BITS else f"<a number of {bits:,} bits>"
    if issubclass(type(value), float):
        return float.__float__(value)
    if is_a(value, str, UUID):
        return ids.in_text(string(value))
    ids.left -= 1
    if id(value) in inside or len(inside) > _DEEPEST or ids.left < 0:
        return f"<{class_name(type(value))}>"
    return _parts(value, ids, (*inside, id(value)))


def _parts(value: Any, ids: _Ids, inside: tuple[int, ...]) -> Any:
    if is_a(value, Mapping):
        return {ids.in_text(string(key)): plain(entry, ids, inside) for key, entry in entries(value)}
    if is_a(value, list, tuple):
        return [plain(entry, ids, inside) for entry in items(value)]
    if is_a(value, set, frozenset):
        return sorted((plain(entry, ids, inside) for entry in items(value)), key=_order)
    if is_a(value, BaseException):
        return {"error": class_name(type(value)), "message": ids.in_text(error_text(value))}
    return _object(value, ids, inside)


def _order(plain_value: Any) -> str:
    """Texts in their own order, and anything else by its ``repr``."""
    return plain_value if isinstance(plain_value, str) else repr(plain_value)


def _object(value: Any, ids: _Ids, inside: tuple[int, ...]) -> Any:
    """Messages, generations, documents and LLM results by what they say; anything else by its fields or its type."""
    if not any(module_name(base).startswith("langchain_core.") for base in bases(type(value))):
        return _fields(value, ids, inside)
    for fields in (
        ("type", "content", "tool_calls", "status"),
        ("message",),
        ("generations",),
        ("page_content", "metadata"),
        ("text",),
    ):
        found = {name: ask(value, name, _MISSING) for name in fields}
        if all(found[name] is not _MISSING for name in fields[:2]):
            shown = {name: plain(entry, ids, inside) for name, entry in found.items() if entry is not _MISSING}
            return {name: entry for name, entry in shown.items() if entry not in (None, [])}
    return f"<{class_name(type(value))}>"


_MISSING = object()


def _fields(value: Any, ids: _Ids, inside: tuple[int, ...]) -> Any:
    """A dataclass or pydantic model by its fields; anything else by its type's name."""
    kind = type(value)
    declared = ask(kind, "__dataclass_fields__") or ask(kind, "model_fields")
    if not isinstance(declared, Mapping):
        return f"<{class_name(kind)}>"
    return {class_name(kind): {name: plain(ask(value, name), ids, inside) for name in declared}}
