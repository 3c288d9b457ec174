"""What a handler was made with: two of one class that differ there differ on purpose."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import PurePath
from types import BuiltinMethodType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

from pytest_lc_callbacks._values import ask, bases, class_name, entries, items, module_name, text_of
from pytest_lc_callbacks._words import string

# What a handler makes for itself differs in every instance: random ids, and the time.
_RANDOM = re.compile(r"[0-9a-fA-F-]{16,}")
_TIME = 100_000_000
_MOST_ITEMS = 50
_DEPTH = 4
_MOST_VALUES = 5_000


def handler_state(value: Any) -> Any:
    """
    The plain values in *value*, as builtins: equal for two handlers that were made in the same way.

    Containers, functions and objects are looked into, some levels deep. Ids, times, locks and connections are left out,
    as every instance has its own. A value that holds too much is equal to no other.
    """
    left = iter(range(_MOST_VALUES))
    state = _state(value, _DEPTH, left)
    return state if next(left, None) is not None else object()


def _state(value: Any, depth: int, left: Iterator[int]) -> Any:
    if next(left, None) is None:
        return None
    kind = type(value)
    if value is None or kind is bool or kind is bytes:
        return value
    if issubclass(kind, str):
        text = text_of(value) or ""
        return "id" if _RANDOM.fullmatch(text) else text
    if kind is int or kind is float:
        return value if -_TIME < value < _TIME else "time"
    if issubclass(kind, type):
        return f"{module_name(value)}.{class_name(value)}"
    if issubclass(kind, PurePath):
        return string(value)
    return _inside(value, kind, depth, left) if depth else class_name(kind)


def _inside(value: Any, kind: type[Any], depth: int, left: Iterator[int]) -> Any:
    found: list[Any] = [class_name(kind)]
    if kind is FunctionType or kind is MethodType:
        return [*found, *_of_function(value, depth, left)]
    if kind is ModuleType or kind is BuiltinMethodType:
        return [*found, string(ask(value, "__name__"))]
    if issubclass(kind, dict):
        given = [(_state(key, 0, left), _state(held, depth - 1, left)) for key, held in entries(value)[:_MOST_ITEMS]]
        return [*found, given]
    if issubclass(kind, (list, tuple)):
        return [*found, [_state(held, depth - 1, left) for held in items(value)[:_MOST_ITEMS]]]
    return [*found, [(name, _state(held, depth - 1, left)) for name, held in _attributes(value)[:_MOST_ITEMS]]]


def _of_function(function: Any, depth: int, left: Iterator[int]) -> list[Any]:
    if type(function) is MethodType:
        return [*_of_function(function.__func__, depth, left), _state(function.__self__, depth - 1, left)]
    if type(function) is not FunctionType:
        return []
    code = function.__code__
    closed = [cell for cell in function.__closure__ or () if ask(cell, "cell_contents", cell) is not cell]
    return [
        (code.co_filename, code.co_firstlineno, code.co_code, code.co_names, repr(code.co_consts)),
        [_state(cell.cell_contents, depth - 1, left) for cell in closed],
        [_state(default, depth - 1, left) for default in function.__defaults__ or ()],
    ]


def _attributes(value: Any) -> list[tuple[str, Any]]:
    """What an instance of a class that Python code defines holds, slots included; nothing of others."""
    if _is_of_standard_library(type(value)):
        # A logger has a name; a lock, a queue or a connection has nothing that was chosen.
        return [("name", name)] if type(name := ask(value, "name")) is str else []
    own = [(string(name), held) for name, held in entries(_attributes_of(value))]
    slots = [
        (name, ask(value, name))
        for base in bases(type(value))
        for name, slot in vars(base).items()
        if type(slot) is MemberDescriptorType
    ]
    return [*own, *slots]


def _attributes_of(value: Any) -> Any:
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}


def _is_of_standard_library(kind: type[Any]) -> bool:
    return module_name(kind).partition(".")[0] in sys.stdlib_module_names
