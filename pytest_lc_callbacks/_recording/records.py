"""How a log stores an event: as neighbours in one flat list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from pytest_lc_callbacks._recording.shortcuts import Content
from pytest_lc_callbacks._values import ask, entry, equal, is_empty, is_hashable, items, text_of
from pytest_lc_callbacks._words import string

# A record is these neighbours in a flat list: what every event has, then the names of up to three payload entries and
# their values, or None and a dict. An object, a dict or a UUID for each event would make recording twice as slow, since
# the garbage collector walks them all.
_WIDTH = 11
_NAME, _RUN_ID, _PARENT, _TAGS, _METADATA, _TIME, _THREAD, _KEYS, _VALUE = range(9)


class Records:
    """What a handler received, in order, in one flat list."""

    __slots__ = ("_flat", "extend")

    def __init__(self) -> None:
        self._flat: list[Any] = []
        self.extend: Callable[[Iterable[Any]], None] = self._flat.extend
        """Store the fields of one record; safe in any number of threads, since one call stores all of them."""

    def __len__(self) -> int:
        return len(self._flat) // _WIDTH

    def copy_to(self, other: Records) -> None:
        """Store all records in *other*, as they are at this moment: one call reads them, whatever other threads do."""
        other._flat.extend(self._flat)

    def record(self, position: int) -> list[Any]:
        """The fields of the record at this *position*."""
        return self._flat[position * _WIDTH : (position + 1) * _WIDTH]

    def names(self, positions: Sequence[int]) -> list[str]:
        """The names at these *positions*; for a range it takes one slice."""
        if isinstance(positions, range):
            return self._flat[positions.start * _WIDTH : positions.stop * _WIDTH : _WIDTH]
        return [self._flat[position * _WIDTH] for position in positions]

    def id_keys(self, positions: range) -> list[Any]:
        """The events' run ids at these *positions*, as `id_key` gives them."""
        return self._flat[positions.start * _WIDTH + _RUN_ID : positions.stop * _WIDTH : _WIDTH]

    def parent_id_key(self, position: int) -> Any:
        """The parent's run id at this *position*, as `id_key` gives it."""
        return self._flat[position * _WIDTH + _PARENT]

    def labels(self, position: int) -> tuple[Any, Any]:
        """The event's own tags and metadata at this *position*."""
        return self._flat[position * _WIDTH + _TAGS], self._flat[position * _WIDTH + _METADATA]

    def time(self, position: int) -> float:
        """When the event at this *position* was recorded."""
        return float(self._flat[position * _WIDTH + _TIME])

    def entry(self, position: int, name: str) -> Any:
        """The payload entry of this *name* at this *position*; None if there is none."""
        keys = position * _WIDTH + _KEYS
        names = self._flat[keys]
        if names is None:
            return self._flat[keys + 1].get(name)
        return self._flat[keys + 1 + names.index(name)] if name in names else None

    def content(self, position: int) -> Content:
        """The name and the payload of the event at this *position*."""
        start = position * _WIDTH
        return Content(self._flat[start], payload_of(self._flat[start + _KEYS : start + _WIDTH]))


def id_key(run_id: Any) -> Any:
    """
    What a record has instead of a run id.

    A UUID becomes its number. A test that calls a handler by hand may pass anything: ``"a"`` becomes ``("a",)``, and
    ``["a"]``, which has no hash, becomes None.
    """
    if type(run_id) is UUID:
        return run_id.int
    # A UUID of a class of its own may have no number, or raise.
    number = ask(run_id, "int") if issubclass(type(run_id), UUID) else None
    if type(number) is int:
        return number
    # Not `in (str, int)`: a metaclass may compare classes, and raise.
    if type(run_id) is str or type(run_id) is int:
        return (run_id,)
    return _StrangeId(run_id) if run_id is not None and is_hashable(run_id) else None


def id_of(key: Any) -> Any:
    """The run id that *key* stands for."""
    if key is None:
        return None
    if isinstance(key, _StrangeId):
        return key.run_id
    return key[0] if isinstance(key, tuple) else UUID(int=key)


class _StrangeId:
    """A run id of any type, as a key whose comparison does not raise."""

    __slots__ = ("_hash", "run_id")

    def __init__(self, run_id: Any) -> None:
        self.run_id = run_id
        self._hash = hash(run_id)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _StrangeId) and equal(self.run_id, other.run_id)


def payload_fields(names: tuple[str, ...], values: list[Any]) -> tuple[Any, ...]:
    """The last fields of a record: the payload entries with these *names* and *values*."""
    if len(names) > 3:
        return None, dict(zip(names, values, strict=True)), None, None
    return names, *values, *(None,) * (3 - len(names))


def payload_of(fields: Sequence[Any]) -> Mapping[str, Any]:
    """The payload, by the last *fields* of a record."""
    names = fields[0]
    payload: Mapping[str, Any] = fields[1] if names is None else dict(zip(names, fields[1:], strict=False))
    return payload


class Facts(NamedTuple):
    """What an event tells about its run, under the names that the attributes of `Event` have."""

    run_id: Any = None
    parent_run_id: Any = None
    run_name: str | None = None
    run_type: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] | None = None


def read_facts(record: Sequence[Any], *, is_start: bool) -> Facts:
    """The facts in the *record* of a run's first event; only a start has a name and a type."""
    name, run_id, parent_id, tags, metadata, _, _, *rest = record
    facts = Facts(run_id=id_of(run_id), parent_run_id=id_of(parent_id), tags=tags or (), metadata=metadata)
    if not is_start:
        return facts
    payload = payload_of(rest)
    return facts._replace(run_name=_display_name(payload), run_type=_run_type(name, payload))


def step_of(tags: Iterable[Any]) -> str | None:
    """A step of a graph or of a `RunnableParallel`, as the *tags* name it: runs of one step start at once."""
    for tag in filter(None, map(text_of, tags)):
        if tag.startswith("graph:step:"):
            return tag
        if tag.startswith("map:key:"):
            return "map"
    return None


def _display_name(payload: Mapping[str, Any]) -> str | None:
    """The name that LangChain displays: chat models, LLMs and tools have it in ``serialized`` alone."""
    serialized = payload.get("serialized")
    path = items(entry(serialized, "id"))
    for name in (payload.get("name"), entry(serialized, "name"), path[-1] if path else None):
        if not is_empty(name):
            return string(name)
    return None


def _run_type(name: str, payload: Mapping[str, Any]) -> str:
    """The type of a run by the *name* and *payload* of its start; prompts and parsers are chains by name."""
    return text_of(payload.get("run_type")) or name.removesuffix("_start")
