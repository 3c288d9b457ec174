"""Patterns with the values that an event has instead: one attribute changes, the others stay as the test wrote them."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from pytest_lc_callbacks._recording.attributes import matches
from pytest_lc_callbacks._recording.events import Event
from pytest_lc_callbacks._recording.patterns import EventPattern
from pytest_lc_callbacks._values import (
    class_name,
    entries,
    has_more_entries,
    is_a,
    is_exactly,
    items,
    module_name,
    text_of,
)
from pytest_lc_callbacks._words import near_words

# So long may a value be, and so deep, that is written out.
_LONGEST, _DEEPEST, _MOST_ENTRIES = 500, 10, 20_000


class Anything:
    """Equals everything, as `unittest.mock.ANY` does, and knows why nothing else stands there."""

    def __init__(self, why: str) -> None:
        self.why = why

    def __eq__(self, other: object) -> bool:
        return True

    # What has an `__eq__` and is not hashed, says so with None, which mypy takes for no method.
    __hash__ = None  # type: ignore[assignment]


# The attribute is left out: nothing that can be written there matches the event.
_LEFT_OUT = object()


def correct(pattern: EventPattern, event: Event, differing: Iterable[str]) -> EventPattern | str:
    """*pattern* as it matches *event*, which has other values of the *differing* attributes; perhaps a bare name."""
    attributes = dict(pattern.attributes)
    for key in differing:
        attributes[key] = _correct_value(key, attributes[key], event)
    kept = {key: value for key, value in attributes.items() if value is not _LEFT_OUT}
    return EventPattern(None if pattern.name is None else event.name, kept) if kept else event.name


def _correct_value(key: str, expected: Any, event: Event) -> Any:
    if key in ("run", "parent", "under"):
        return _correct_run(key, expected, event)
    if key == "tags":
        return _correct_tags(expected, event.tags) or _LEFT_OUT
    if key == "metadata":
        return _correct_metadata(expected, event.metadata) or _LEFT_OUT
    if key == "error":
        return _correct_error(expected, event.error)
    if key in ("run_id", "thread"):
        return Anything(f"{key}, which differs each time")
    # It differs, or it would not be corrected: a long list is not compared once more.
    return merge(expected, getattr(event, key)) if type(expected) is dict else plain(getattr(event, key))


def _correct_run(key: str, expected: Any, event: Event) -> Any:
    """The name of the run; a run around it that was not heard cannot be named."""
    if key == "run":
        return event.run_name or _LEFT_OUT
    if key == "parent" and event.parent_run_id is None:
        return None
    around = [] if event.run is None else [run.name for run in event.run.ancestors() if run.name]
    if key == "parent":
        parent = None if event.run is None else event.run.parent
        return parent.name if parent is not None and parent.name else _LEFT_OUT
    return _nearest(expected, around) or (around[0] if around else _LEFT_OUT)


def _nearest(expected: Any, known: Iterable[str]) -> str | None:
    return next(iter(near_words(expected, known)), None) if is_a(expected, str) else None


def _correct_tags(expected: Iterable[str], tags: Iterable[str]) -> set[str]:
    """The *expected* tags that the run has; for another one the nearest, if there is one."""
    there = {tag for tag in map(text_of, tags) if tag is not None}
    wanted = {tag for tag in map(text_of, expected) if tag is not None}
    near = (_nearest(tag, there - wanted) for tag in wanted - there)
    return (wanted & there) | {tag for tag in near if tag is not None}


def _correct_metadata(expected: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The *expected* keys with the values that the run has; for another key the nearest, if there is one."""
    wanted, there = dict(entries(expected)), dict(entries(metadata))
    corrected = {}
    for key, value in wanted.items():
        name = key if key in there else _nearest(key, (each for each in there if is_a(each, str)))
        if name is not None:
            corrected[name] = merge(value, there[name])
    return corrected


def _correct_error(expected: Any, error: BaseException | None) -> Any:
    """The class where the test wrote one, else the exception itself."""
    if error is None:
        return None
    kind = type(error)
    if module_name(kind) != "builtins" or getattr(builtins, class_name(kind), None) is not kind:
        return Anything(f"the {class_name(kind)}, which has no literal")
    if is_a(expected, type):
        return kind
    arguments = plain(error.args)
    return error if arguments == error.args and not _has_anything(arguments) else kind


def merge(expected: Any, actual: Any, depth: int = 0) -> Any:
    """*actual* as literals; what is equal in *expected* stays, and so does its ``...: ...``."""
    if matches(expected, actual):
        return expected
    if type(expected) is not dict or not is_a(actual, Mapping) or depth == _DEEPEST or too_long(expected):
        return plain(actual, depth)
    there = dict(entries(actual))
    merged: dict[Any, Any] = {}
    for key in expected if ... in expected else there:
        if key is ...:
            merged[key] = ...
        elif key in there:
            here = there[key]
            merged[key] = merge(expected[key], here, depth + 1) if key in expected else plain(here, depth + 1)
    return merged


def plain(value: Any, depth: int = 0) -> Any:
    """*value* as Python's own literals; what has none, or is too long to read, becomes `Anything`."""
    why = too_long(value)
    return _plain(value, depth) if why is None else Anything(why)


def too_long(value: Any) -> str | None:
    """Why nobody would read *value*, if it is written out: ``a list of many thousand entries``; None if it is short."""
    return f"a {class_name(type(value))} of many thousand entries" if has_more_entries(value, _MOST_ENTRIES) else None


def _plain(value: Any, depth: int) -> Any:
    text = text_of(value)
    if text is not None and type(value) is not str and matches(text, value):
        # LangChain's `.text` is a text that can be called.
        return _plain(text, depth)
    if type(value) is float and not isfinite(value):
        return Anything("a number without a literal")
    if value is None or is_exactly(value, bool, int, float, str, bytes):
        is_long = is_exactly(value, str, bytes) and len(value) > _LONGEST
        return Anything(f"a text of {len(value):,} characters") if is_long else value
    is_small = depth < _DEEPEST and is_exactly(value, dict, list, tuple) and len(value) <= _LONGEST
    if is_small and type(value) is dict and all(is_exactly(key, str, int, bool) for key in value):
        return {key: _plain(each, depth + 1) for key, each in value.items()}
    if is_small and is_exactly(value, list, tuple):
        return type(value)(_plain(each, depth + 1) for each in items(value))
    return Anything(f"{class_name(type(value))}, which has no literal")


def _has_anything(value: Any) -> bool:
    return is_a(value, Anything) or any(map(_has_anything, items(value)))
