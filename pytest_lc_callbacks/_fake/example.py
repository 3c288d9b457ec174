"""A value that fits a JSON schema, for the arguments that `auto()` calls tools with."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_lc_callbacks._fake.schema import Schema

_FORMATS = {
    "date": "2024-01-01",
    "date-time": "2024-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    **{f"uuid{version}": f"00000000-0000-{version}000-8000-000000000000" for version in range(1, 9)},
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "ipv4network": "192.0.2.0/24",
    "ipv6network": "2001:db8::/32",
    "ipvanyaddress": "192.0.2.1",
    "ipvanynetwork": "192.0.2.0/24",
    "base64": "YQ==",
    "binary": "a",
}
_TEXT = "a"
_NEARLY = 1e-9

# Python's own parser of regular expressions; it has no public name.
_parser: Any = importlib.import_module("re._parser")
_CATEGORIES = {"DIGIT": r"\d", "NOT_DIGIT": r"\D", "SPACE": r"\s", "NOT_SPACE": r"\S", "WORD": r"\w", "NOT_WORD": r"\W"}


def example(schema: Schema) -> Any:
    """
    A value that fits *schema*, the same each time: the default or the first choice, else the smallest value.

    ``{"type": "integer", "minimum": 5}`` gives 5, ``{"type": "string"}`` gives ``"a"``.
    """
    keywords = schema.keywords
    if schema.is_inside_itself:
        # Following the reference again would never end.
        return _TEXT
    for keyword in ("const", "default"):
        if keyword in keywords and schema.problem(keywords[keyword]) is None:
            return keywords[keyword]
    for keyword in ("enum", "examples"):
        if keywords.get(keyword):
            return keywords[keyword][0]
    for keyword in ("anyOf", "oneOf"):
        if keywords.get(keyword):
            return example(_choose([schema.part(choice) for choice in keywords[keyword]]))
    return _example_of_type(_first_type(keywords), schema)


def matching_text(pattern: str) -> str | None:
    """A text in which *pattern* is found: first choices, fewest repeats; None where no such text is found."""
    try:
        text = _text(_parser.parse(pattern))
        return text if re.search(pattern, text) else None
    except re.error:
        return None


def _choose(choices: list[Schema]) -> Schema:
    """The first choice that does not lead back to itself, says something, and is not ``null``."""
    ending = [choice for choice in choices if not choice.is_inside_itself] or choices
    # LangChain writes {} for a model inside itself; any other choice is known better.
    described = [choice for choice in ending if choice.reference or choice.keywords] or ending
    return next((choice for choice in described if choice.keywords.get("type") != "null"), described[0])


def _first_type(keywords: Mapping[str, Any]) -> str:
    kind = keywords.get("type") or ("object" if "properties" in keywords else "string")
    return kind if isinstance(kind, str) else next((k for k in kind if k != "null"), "null")


def _example_of_type(kind: str, schema: Schema) -> Any:
    if kind == "object":
        return _example_object(schema)
    if kind == "array":
        return _example_array(schema)
    if kind in {"integer", "number"}:
        return _example_number(kind, schema)
    return {"boolean": False, "null": None}.get(kind, _example_text(schema.keywords))


def _example_object(schema: Schema) -> dict[str, Any]:
    keywords = schema.keywords
    properties = keywords.get("properties", {})
    made = {name: example(schema.part(properties.get(name))) for name in keywords.get("required", ())}
    missing = max(0, keywords.get("minProperties", 0) - len(made))
    others = schema.part(keywords.get("additionalProperties"))
    return made | {_TEXT * (i + 1): example(others) for i in range(missing)}


def _example_array(schema: Schema) -> list[Any]:
    keywords = schema.keywords
    items = [example(schema.part(part)) for part in keywords.get("prefixItems", ())]
    missing = max(0, keywords.get("minItems", 0) - len(items))
    item = schema.part(keywords.get("items"))
    return items + [_another(item, i if keywords.get("uniqueItems") else 0) for i in range(missing)]


def _another(schema: Schema, number: int) -> Any:
    """The example numbered *number*: different ones where the type tells how, such as 0, 1, 2 for an integer."""
    value, keywords = example(schema), schema.keywords
    if keywords.get("enum"):
        return keywords["enum"][number % len(keywords["enum"])]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value + number * keywords.get("multipleOf", 1)
    return value + _TEXT * number if isinstance(value, str) else value


def _example_number(kind: str, schema: Schema) -> float:
    step = schema.keywords.get("multipleOf", 1 if kind == "integer" else None)
    fitting = (n for n in _numbers(schema.keywords) if not schema.excludes(n) and _is_multiple(n, step))
    number = next(fitting, 0)
    return int(number) if kind == "integer" else number


def _numbers(keywords: Mapping[str, Any]) -> Iterator[float]:
    """Numbers that may fit, the plainest first."""
    low = keywords.get("minimum", keywords.get("exclusiveMinimum"))
    high = keywords.get("maximum", keywords.get("exclusiveMaximum"))
    step = keywords.get("multipleOf", 1)
    yield from (low, 0) if low is not None else (0,)
    for bound in (low, high):
        if bound is not None:
            # Rounded, since 3 * 0.1 is not 0.3.
            multiples = ((bound // step + i) * step for i in (0, 1, -1))
            yield from (round(multiple, 12) for multiple in multiples)
            yield bound
    if low is not None and high is not None:
        yield (low + high) / 2


def _is_multiple(number: float, step: float | None) -> bool:
    return step is None or abs(number / step - round(number / step)) < _NEARLY


def _example_text(keywords: Mapping[str, Any]) -> str:
    if keywords.get("contentMediaType") == "application/json":
        return json.dumps(example(Schema(keywords.get("contentSchema"))))
    if "pattern" in keywords and (text := matching_text(keywords["pattern"])) is not None:
        return text
    text = _FORMATS.get(keywords.get("format", ""), _TEXT)
    return text.ljust(keywords.get("minLength", 0), _TEXT)[: keywords.get("maxLength", None)]


def _text(tokens: Iterable[tuple[Any, Any]]) -> str:
    return "".join(_piece(str(kind), value) for kind, value in tokens)


def _piece(kind: str, value: Any) -> str:
    """The text for one token of a pattern, such as ``LITERAL``."""
    if kind.endswith("_REPEAT"):
        fewest, _, repeated = value
        return _text(repeated) * int(fewest)
    if kind == "SUBPATTERN":
        return _text(value[-1])
    if kind == "BRANCH":
        return _text(value[1][0])
    if kind == "IN":
        return _member(value)
    if kind == "LITERAL":
        return chr(value)
    # Anchors and lookarounds take no text; `matching_text` searches the pattern to see whether they hold.
    return _TEXT if kind == "ANY" else ""


def _member(items: list[tuple[Any, Any]]) -> str:
    """A character of a set: a plain one if there is one in it."""
    is_negated = str(items[0][0]) == "NEGATE"
    named = [chr(_bounds(item)[0]) for item in items if _bounds(item)]
    fitting = (c for c in [_TEXT, "0", "A", "-", " ", *named] if any(_covers(i, c) for i in items) != is_negated)
    return next(fitting, "")


def _bounds(item: tuple[Any, Any]) -> Sequence[int]:
    kind, value = str(item[0]), item[1]
    if kind == "LITERAL":
        return (value, value)
    return tuple(value) if kind == "RANGE" else ()


def _covers(item: tuple[Any, Any], character: str) -> bool:
    kind, value = str(item[0]), item[1]
    if kind == "CATEGORY":
        return re.match(_CATEGORIES[str(value).removeprefix("CATEGORY_")], character) is not None
    low, high = _bounds(item) or (1, 0)
    return low <= ord(character) <= high
