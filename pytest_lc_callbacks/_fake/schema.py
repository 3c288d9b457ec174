"""Whether a value fits a JSON schema, as pydantic and LangChain write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_lc_callbacks._values import class_name
from pytest_lc_callbacks._words import did_you_mean, repr_short

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list, tuple),
    "object": (Mapping,),
    "null": (type(None),),
}
_ANYTHING: Mapping[str, Any] = {}


class Schema:
    """
    A JSON schema, or a part of one.

    Args:
        keywords: The schema as it was written; anything but a dict, such as ``True``, allows everything.

        around: The schema that it is a part of. References are looked up in the outermost one.

    Attributes:
        keywords: The keywords, with ``$ref`` followed and a single ``allOf`` folded in.

        reference: The ``$ref`` that was followed, such as ``"#/$defs/City"``.

        is_inside_itself: Whether the same reference was followed on the way here.
    """

    def __init__(self, keywords: Any, around: Schema | None = None) -> None:
        self._root: Any = keywords if around is None else around._root
        reference = keywords.get("$ref") if isinstance(keywords, Mapping) else None
        self.reference: str | None = reference if isinstance(reference, str) else None
        followed = frozenset() if around is None else around._followed
        self.is_inside_itself = self.reference in followed
        self._followed: frozenset[str] = followed if self.reference is None else followed | {self.reference}
        self.keywords = _resolve(keywords, self._root)

    def part(self, keywords: Any) -> Schema:
        """A part of this schema, such as that of a property."""
        return Schema(keywords, self)

    def problem(self, value: Any, path: str = "") -> str | None:
        """
        The first way in which *value* does not fit, as the end of a sentence: ``'city' is missing``.

        None if it fits. Keywords that are not checked here (patterns, formats, conditions) count as fitting.

        Args:
            value: The value.

            path: Where it stands, such as ``"points[1].x"``; empty for the whole.
        """
        checks: tuple[Callable[[Any, str], str | None], ...] = (
            self._value_problem, self._type_problem, self._range_problem,
            self._choice_problem, self._object_problem, self._items_problem,
        )  # fmt: skip
        return next(filter(None, (check(value, path) for check in checks)), None)

    def excludes(self, number: float) -> bool:
        """Whether *number* is outside the limits."""
        return self._range_problem(number, "") is not None

    def _value_problem(self, value: Any, path: str) -> str | None:
        if "const" in self.keywords and value != self.keywords["const"]:
            return f"{_place(path)} is {repr_short(value)} and not {self.keywords['const']!r}"
        if (choices := self.keywords.get("enum")) and value not in choices:
            return f"{_place(path)} is {repr_short(value)} and not one of {', '.join(map(repr, choices))}"
        return None

    def _type_problem(self, value: Any, path: str) -> str | None:
        kinds = self.keywords.get("type")
        kinds = [kinds] if isinstance(kinds, str) else kinds or []
        if not kinds or any(_is_type(value, kind) for kind in kinds):
            return None
        return f"{_place(path)} is {repr_short(value)} and not of type {' or '.join(kinds)}"

    def _range_problem(self, value: Any, path: str) -> str | None:
        size, low, high = value, "minimum", "maximum"
        if isinstance(value, str):
            size, low, high = len(value), "minLength", "maxLength"
        elif isinstance(value, (list, tuple)):
            size, low, high = len(value), "minItems", "maxItems"
        if isinstance(size, bool) or not isinstance(size, (int, float)):
            return None
        limits = {
            key: self.keywords[key]
            for key in (low, high, "exclusiveMinimum", "exclusiveMaximum")
            if key in self.keywords
        }
        outside = size < limits.get(low, size) or size > limits.get(high, size)
        if not outside and (low != "minimum" or not _is_on_open_end(size, limits)):
            return None
        return f"{_place(path)} is {repr_short(value)}, outside {json.dumps(limits)}"

    def _choice_problem(self, value: Any, path: str) -> str | None:
        choices = self.keywords.get("anyOf") or self.keywords.get("oneOf")
        if not choices:
            return None
        problems = [self.part(choice).problem(value, path) for choice in choices]
        if not all(problems):
            return None
        return next((p for p in problems if p and " and not of type " not in p), problems[0])

    def _object_problem(self, value: Any, path: str) -> str | None:
        if not isinstance(value, Mapping):
            return None
        known = self.keywords.get("properties", {})
        extra = self.keywords.get("additionalProperties", "properties" not in self.keywords)
        for name in self.keywords.get("required", ()):
            if name not in value:
                return f"{_join(path, name)!r} is missing"
        for name, item in value.items():
            if name not in known and not extra:
                return f"it takes no {_join(path, name)!r}{did_you_mean(name, known)}"
            if problem := self.part(known.get(name, extra)).problem(item, _join(path, name)):
                return problem
        return None

    def _items_problem(self, value: Any, path: str) -> str | None:
        if not isinstance(value, (list, tuple)):
            return None
        first: Sequence[Any] = self.keywords.get("prefixItems", ())
        rest = self.keywords.get("items", _ANYTHING)
        parts = [*first, *([rest] * (len(value) - len(first)))]
        pairs = enumerate(zip(value, parts, strict=False))
        problems = (self.part(part).problem(item, f"{path}[{i}]") for i, (item, part) in pairs)
        return next(filter(None, problems), None)


def json_problem(value: Any, path: str) -> str | None:
    """Why *value* could not have come from a model, which writes JSON; None if it could."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"the key {key!r} in {path} is not a string"
            if problem := json_problem(item, f"{path}[{key!r}]"):
                return problem
        return None
    if isinstance(value, (list, tuple)):
        problems = (json_problem(item, f"{path}[{i}]") for i, item in enumerate(value))
        return next(filter(None, problems), None)
    if _is_json_scalar(value):
        return None
    return f"{path} is {repr_short(value)} ({class_name(type(value))}), and a model writes JSON"


def _is_json_scalar(value: Any) -> bool:
    if isinstance(value, float):
        return value == value and value not in (float("inf"), float("-inf"))
    return value is None or isinstance(value, (str, int))


def _resolve(keywords: Any, root: Any) -> Mapping[str, Any]:
    if not isinstance(keywords, Mapping):
        return _ANYTHING
    if isinstance(reference := keywords.get("$ref"), str):
        rest = {key: value for key, value in keywords.items() if key != "$ref"}
        return {**_resolve(_look_up(reference, root), root), **rest}
    if isinstance(parts := keywords.get("allOf"), list) and len(parts) == 1:
        rest = {key: value for key, value in keywords.items() if key != "allOf"}
        return {**_resolve(parts[0], root), **rest}
    return keywords


def _look_up(reference: str, root: Any) -> Any:
    found: Any = root
    for key in filter(None, reference.lstrip("#").split("/")):
        found = found.get(key, _ANYTHING) if isinstance(found, Mapping) else _ANYTHING
    return found


def _is_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, (object,)))


def _is_on_open_end(number: float, limits: Mapping[str, Any]) -> bool:
    low, high = limits.get("exclusiveMinimum"), limits.get("exclusiveMaximum")
    return (low is not None and number <= low) or (high is not None and number >= high)


def _place(path: str) -> str:
    return f"{path!r}" if path else "the arguments"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
