"""Values that break a tool which prints, compares, counts or asks them; each is made afresh."""

from __future__ import annotations

import dataclasses
import types
import weakref
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from unittest.mock import MagicMock

import pydantic
import pytest


class StrangeError(Exception):
    """What a strange value raises when it is asked for something."""


def raising(*names: str, base: type = object) -> Any:
    """An instance of a class whose methods *names* raise."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise StrangeError("do not ask me")

    return type(f"Raising{''.join(names).replace('_', '')}", (base,), dict.fromkeys(names, refuse))()


def exiting(*names: str) -> Any:
    """An instance of a class whose methods *names* raise what ends a process."""

    def leave(self: Any) -> Any:
        raise SystemExit("enough")

    return type("Exiting", (), dict.fromkeys(names, leave))()


def lying(name: str, answer: Any, base: type = object) -> Any:
    """An instance of a class whose method *name* answers with something of the wrong type."""
    return type(f"Lying{name.replace('_', '')}", (base,), {name: lambda *args, **kwargs: answer})()


def with_class(answer: Any) -> Any:
    """An object that gives *answer* when it is asked for its class, or raises it."""

    def asked(self: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return type("StrangeClass", (), {"__class__": property(asked)})()


class RaisingMeta(type):
    """A metaclass whose classes cannot be printed or compared."""

    def __repr__(cls) -> str:
        raise StrangeError("no repr of the class")

    def __eq__(cls, other: object) -> bool:
        raise StrangeError("no comparison of the class")

    def __hash__(cls) -> int:
        return id(cls)


class OfRaisingMeta(metaclass=RaisingMeta):
    """An ordinary object of a strange class."""


class NamelessMeta(type):
    """A metaclass whose classes have no name and no module."""

    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise AttributeError(name)
        return super().__getattribute__(name)


class Nameless(metaclass=NamelessMeta):
    """An object whose class has no name."""


class UnaskableMeta(type):
    """A metaclass whose classes no abstract base class can ask for their kind."""

    def __hash__(cls) -> int:
        raise pytest.fail.Exception("no hash of the class")


class OfUnaskable(metaclass=UnaskableMeta):
    """An ordinary object of such a class."""


class RaisingKey:
    """A key that raises when it is compared, as it is with ``"callbacks"``."""

    def __hash__(self) -> int:
        return hash("callbacks")

    def __eq__(self, other: object) -> bool:
        raise StrangeError("no comparison")


class ChangingKey:
    """A key that nobody finds again: its hash is another one each time."""

    asked = 0

    def __hash__(self) -> int:
        ChangingKey.asked += 1
        return ChangingKey.asked


class Untouchable:
    """A stand-in that fails the test of whoever touches it, with an exception that is no `Exception`."""

    def _refuse(self, *args: Any) -> Any:
        raise pytest.fail.Exception("do not touch me")

    __repr__ = __str__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __getattr__ = _refuse


class RaisingMapping(Mapping[str, Any]):
    """A mapping that can be neither read nor counted."""

    def __getitem__(self, key: str) -> Any:
        raise StrangeError("no items")

    def __iter__(self) -> Any:
        raise StrangeError("no keys")

    def __len__(self) -> int:
        raise StrangeError("no length")


class RaisingDict(dict[str, Any]):
    """A dict that can be neither read nor counted through its own methods."""

    def __iter__(self) -> Any:
        raise StrangeError("no keys")

    def items(self) -> Any:
        raise StrangeError("no items")

    def __len__(self) -> int:
        raise StrangeError("no length")

    def __repr__(self) -> str:
        raise StrangeError("no repr")


class RaisingStr(str):
    """A text whose own methods raise."""

    __slots__ = ()

    def __repr__(self) -> str:
        raise StrangeError("no repr")

    def __str__(self) -> str:
        raise StrangeError("no str")

    def __len__(self) -> int:
        raise StrangeError("no length")

    def split(self, *args: Any) -> Any:
        raise StrangeError("no words")


class RaisingList(list[Any]):
    """A list that cannot be read."""

    def __iter__(self) -> Any:
        raise StrangeError("no entries")

    def __len__(self) -> int:
        raise StrangeError("no length")


class Computed(pydantic.BaseModel):
    """A pydantic model with a computed field that raises."""

    word: str = "x"

    @pydantic.computed_field
    @property
    def length(self) -> int:
        """The length of the word."""
        raise StrangeError("not computed")


@dataclasses.dataclass
class Circle:
    """A dataclass that holds itself."""

    inside: Any = None


class PydanticCircle(pydantic.BaseModel):
    """A pydantic model that holds itself."""

    inside: Any = None


class Target:
    """What a weak proxy refers to."""


def circular_list() -> list[Any]:
    """A list that holds itself."""
    found: list[Any] = []
    found.append(found)
    return found


def circular_dict() -> dict[str, Any]:
    """A dict that holds itself."""
    found: dict[str, Any] = {}
    found["self"] = found
    return found


def nested(kind: type) -> Any:
    """Ten thousand lists or dicts, each inside the one before."""
    value: Any = kind()
    for _ in range(10_000):
        value = [value] if kind is list else {"x": value}
    return value


def circular(kind: type) -> Any:
    """An object of this *kind* that holds itself."""
    value = kind()
    value.inside = value
    return value


def deep_group() -> BaseException:
    """A thousand groups of exceptions, each inside the one before."""
    error: Exception = ValueError("innermost")
    for _ in range(1_000):
        error = ExceptionGroup("group", [error])
    return error


def own_cause() -> BaseException:
    """An exception that is its own cause."""
    error = ValueError("again")
    error.__cause__ = error
    return error


def numpy_array(*numbers: int) -> Any:
    """An array, which has no truth value if it has several elements; a list where numpy is not installed."""
    return import_module("numpy").array(numbers) if find_spec("numpy") else list(numbers)


def pydantic_v1() -> Any:
    """A model of pydantic's first version that cannot be printed; an ordinary object where that does not run."""
    return type("OldModel", (), {"__fields__": {"a": 1}, "json": lambda self: "{}", "__repr__": lambda self: 1 / 0})()


VALUES: dict[str, Callable[[], Any]] = {
    "repr raises": lambda: raising("__repr__"),
    "str raises": lambda: raising("__str__"),
    "repr and str raise": lambda: raising("__repr__", "__str__"),
    "repr is no text": lambda: lying("__repr__", 1),
    "eq raises": lambda: raising("__eq__"),
    "eq is an object": lambda: lying("__eq__", raising("__bool__")),
    "hash raises": lambda: raising("__hash__"),
    "bool raises": lambda: raising("__bool__"),
    "len raises": lambda: raising("__len__"),
    "len is no number": lambda: lying("__len__", "x"),
    "iter raises": lambda: raising("__iter__"),
    "class raises": lambda: with_class(StrangeError("no class")),
    "class lies": lambda: with_class(str),
    "class is no class": lambda: with_class(1),
    "getattr raises": lambda: raising("__getattr__"),
    "getattr lies": lambda: lying("__getattr__", 1),
    "getattribute raises": lambda: raising("__getattribute__"),
    "all raise": lambda: raising("__repr__", "__str__", "__eq__", "__hash__", "__bool__", "__len__", "__iter__"),
    "dict subclass": RaisingDict,
    "list subclass": RaisingList,
    "str subclass": lambda: RaisingStr("text"),
    "mapping": RaisingMapping,
    "class without repr": lambda: OfRaisingMeta,
    "of a class without repr": OfRaisingMeta,
    "of a class without name": Nameless,
    "array": lambda: numpy_array(1, 2),
    "empty array": numpy_array,
    "mock": MagicMock,
    "pydantic v1": pydantic_v1,
    "computed field raises": Computed,
    "dataclass in itself": lambda: circular(Circle),
    "pydantic in itself": lambda: circular(PydanticCircle),
    "list in itself": circular_list,
    "dict in itself": circular_dict,
    "deep list": lambda: nested(list),
    "deep dict": lambda: nested(dict),
    "own cause": own_cause,
    "deep group": deep_group,
    "untouchable": Untouchable,
    "repr exits": lambda: exiting("__repr__", "__str__"),
    "class that cannot be asked": lambda: OfUnaskable,
    "of a class that cannot be asked": OfUnaskable,
    "key raises": lambda: {RaisingKey(): 1},
    "key changes": lambda: {ChangingKey(): 1},
    "huge number": lambda: 10**6_000,
    "nan": lambda: float("nan"),
    "lone surrogate": lambda: "a\ud800b",
    "control characters": lambda: "a\x1b[31m\x00\x08\u202eb\u200b\r\nc",
    "bytes": lambda: b"\xff\x00",
    "keys that are no texts": lambda: {(1, 2): "x", 3: "y", None: "z"},
    "mappingproxy": lambda: types.MappingProxyType({"a": 1}),
    "dead weak proxy": lambda: weakref.proxy(Target()),
    "generator": lambda: (number for number in range(3)),
}
