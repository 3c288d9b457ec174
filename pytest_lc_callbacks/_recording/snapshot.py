"""Payloads as JSON-like data that is the same in every run: no ids, no times, no versions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from pytest_lc_callbacks._recording.events import Event

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
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

    def run(self, run_id: UUID | None) -> str | None:
        return None if run_id is None else self._number("run", str(run_id))

    def in_text(self, text: str) -> str:
        return _ADDRESS.sub("0x...", _UUID.sub(lambda found: self._any(found.group().lower()), text))

    def _any(self, text: str) -> str:
        return self._numbers["run"].get(text) or self._number("id", text)

    def _number(self, kind: str, text: str) -> str:
        return self._numbers[kind].setdefault(text, f"{kind}-{len(self._numbers[kind]) + 1}")


def _event(event: Event, ids: _Ids) -> dict[str, Any]:
    keep = {k: v for k, v in event.payload.items() if k not in _UNSTABLE_PAYLOAD or event.name == "custom_event"}
    metadata = {k: v for k, v in event.metadata.items() if k not in _UNSTABLE_METADATA}
    return {
        "event": event.name,
        "run": ids.run(event.run_id),
        "parent": ids.run(event.parent_run_id),
        "name": event.run_name,
        "type": event.run_type,
        # LangChain merges tags as sets: each process has another order.
        "tags": sorted(event.tags),
        "metadata": plain(metadata, ids),
        "payload": plain(keep, ids),
    }


def plain(value: Any, ids: _Ids) -> Any:
    """*value* as builtins: ``<generator>`` for what has no stable content. It iterates over containers alone."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (str, UUID)):
        return ids.in_text(str(value))
    if isinstance(value, Mapping):
        return {ids.in_text(str(key)): plain(entry, ids) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry, ids) for entry in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(entry, ids) for entry in value), key=repr)
    if isinstance(value, BaseException):
        return {"error": type(value).__name__, "message": ids.in_text(str(value))}
    return _object(value, ids)


def _object(value: Any, ids: _Ids) -> Any:
    """Messages, generations, documents and LLM results by what they say; anything else by its fields or its type."""
    if not any(base.__module__.startswith("langchain_core.") for base in type(value).__mro__):
        return _fields(value, ids)
    for fields in (
        ("type", "content", "tool_calls", "status"),
        ("message",),
        ("generations",),
        ("page_content", "metadata"),
        ("text",),
    ):
        if hasattr(value, fields[0]) and (len(fields) == 1 or hasattr(value, fields[1])):
            found = {name: getattr(value, name, None) for name in fields}
            return {name: plain(entry, ids) for name, entry in found.items() if entry not in (None, [])}
    return f"<{type(value).__name__}>"


def _fields(value: Any, ids: _Ids) -> Any:
    """A dataclass or pydantic model by its fields; anything else by its type's name."""
    declared = getattr(type(value), "__dataclass_fields__", None) or getattr(type(value), "model_fields", None)
    if not isinstance(declared, Mapping):
        return f"<{type(value).__name__}>"
    return {type(value).__name__: {name: plain(getattr(value, name, None), ids) for name in declared}}
