"""A short text that a regular expression matches."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

# What Python's own compiler reads, so that no grammar is written a second time.
_parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

_CATEGORIES = {"DIGIT": r"\d", "NOT_DIGIT": r"\D", "SPACE": r"\s", "NOT_SPACE": r"\S", "WORD": r"\w", "NOT_WORD": r"\W"}


def matching_text(pattern: str) -> str | None:
    """A text in which *pattern* is found: first choices, fewest repeats; None where no such text is found."""
    try:
        text = _text(_parser.parse(pattern))
        return text if re.search(pattern, text) else None
    except re.error:
        return None


def _text(tokens: Iterable[tuple[Any, Any]]) -> str:
    return "".join(_piece(str(kind), value) for kind, value in tokens)


def _piece(kind: str, value: Any) -> str:
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
    # Positions and looks around them take no text; whether they hold is seen in the end.
    return "a" if kind == "ANY" else ""


def _member(items: list[tuple[Any, Any]]) -> str:
    """A character of a set: a plain one if there is one in it."""
    is_negated = str(items[0][0]) == "NEGATE"
    named = [chr(_bounds(item)[0]) for item in items if _bounds(item)]
    fitting = (c for c in ["a", "0", "A", "-", " ", *named] if any(_covers(i, c) for i in items) != is_negated)
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
