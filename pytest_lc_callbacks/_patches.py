"""Attributes of classes and objects that are replaced for a while."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

Around = Callable[[Any, tuple[Any, ...], dict[str, Any]], AbstractContextManager[Any]]
"""Makes the context manager in which a call runs: of the instance, and of the arguments by position and by name."""

_ABSENT: Any = object()
# Our wrappers are known by identity: an attribute would be copied by functools.wraps, and invented by mocks.
_originals: WeakKeyDictionary[FunctionType, Any] = WeakKeyDictionary()


class Patches:
    """
    Replaces attributes, and puts back what was there.

    It writes with ``type.__setattr__`` and ``object.__setattr__`` directly, so that a metaclass or a class with a
    ``__setattr__`` of its own cannot interfere.
    """

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []
        self._is_on = True

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """
        Set *name* of *owner* itself, whatever it inherits.

        Raises:
            TypeError: If *owner* cannot be written, as classes made in C cannot.
        """
        before = vars(owner).get(name, _ABSENT)
        _write(owner, name, value)
        self._done.append((owner, name, before, value))

    def wrap(self, owner: type, name: str, around: Around) -> None:
        """
        Let each call of the method *name* of *owner* run ``with around(instance, args, kwargs):``, until `undo`.

        What *owner* inherits stays as it is, and so does what is no method, such as a mock that somebody put there. A
        wrapper of an outer `Patches` is passed by: the innermost is the one that is told.

        Args:
            owner: The class that may define the method.

            name: The method: a function, a coroutine function, or an object that binds to an instance as they do.

            around: Makes the context manager; what its ``__enter__`` raises, the caller gets instead of the call.
        """
        original: Any = vars(owner).get(name)
        if not callable(original) or not hasattr(type(original), "__get__"):
            return
        if type(original) is FunctionType:
            original = _originals.get(original, original)
        make = _coroutine_wrapper if inspect.iscoroutinefunction(original) else _wrapper
        wrapper: Any = functools.wraps(original)(make(self, original, around))
        _originals[wrapper] = original
        self.replace(owner, name, wrapper)

    def tell_of_subclasses(self, base: type, tell: Callable[[type], None]) -> None:
        """Call *tell* with each class that is derived from *base* from now on: modules are imported in mid-test too."""
        inherited = base.__init_subclass__

        def made(cls: type[Any], /, **kwargs: Any) -> None:
            inherited.__func__(cls, **kwargs) if hasattr(inherited, "__func__") else inherited(**kwargs)
            if self._is_on:
                tell(cls)

        self.replace(base, "__init_subclass__", classmethod(made))

    def undo(self) -> None:
        """
        Put back what was there, the last replacement first.

        What somebody else has replaced since stays theirs. When they put ours back, another `undo` takes it away.
        """
        self._is_on = False
        kept = [entry for entry in reversed(self._done) if not _restore(*entry)]
        self._done = kept[::-1]


def subclasses(base: type) -> Iterator[type]:
    """Every class that is derived from *base*, each once."""
    known: list[type] = list(type.__subclasses__(base))
    for cls in known:
        yield cls
        derived: list[type] = type.__subclasses__(cls)
        known += [sub for sub in derived if sub not in known]


def _wrapper(patches: Patches, original: Any, around: Around) -> Any:
    def wrapper(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        method = original.__get__(self, type(self))
        if not patches._is_on:
            return method(*args, **kwargs)
        with around(self, args, kwargs):
            return method(*args, **kwargs)

    return wrapper


def _coroutine_wrapper(patches: Patches, original: Any, around: Around) -> Any:
    async def wrapper(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        method = original.__get__(self, type(self))
        if not patches._is_on:
            return await method(*args, **kwargs)
        with around(self, args, kwargs):
            return await method(*args, **kwargs)

    return wrapper


def _restore(owner: Any, name: str, before: Any, value: Any) -> bool:
    """Put back what was there *before*. Returns False if somebody else has replaced our *value* since."""
    if vars(owner).get(name, _ABSENT) is not value:
        return False
    if before is _ABSENT:
        _delete(owner, name)
    else:
        _write(owner, name, before)
    return True


def _write(owner: Any, name: str, value: Any) -> None:
    (type if isinstance(owner, type) else object).__setattr__(owner, name, value)


def _delete(owner: Any, name: str) -> None:
    (type if isinstance(owner, type) else object).__delattr__(owner, name)
