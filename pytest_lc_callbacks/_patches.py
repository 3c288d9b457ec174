"""Attributes of classes and objects that are replaced for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_ABSENT: Any = object()


class Patches:
    """
    What was replaced, and how to put it back.

    A class is written past its metaclass, and an object past its own ``__setattr__``: neither has a say in what is
    undone again.
    """

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """
        Set *name* of *owner* itself, whatever it inherits.

        Raises:
            TypeError: If *owner* cannot be written, as classes made in C cannot.
        """
        before = vars(owner).get(name, _ABSENT)
        _write(owner, name, value)
        self._done.append((owner, name, before, value))

    def tell_of_subclasses(self, base: type, tell: Callable[[type], None]) -> None:
        """Call *tell* with each class that is derived from *base* from now on: modules are imported in mid-test too."""
        inherited = base.__init_subclass__

        def made(cls: type[Any], /, **kwargs: Any) -> None:
            inherited.__func__(cls, **kwargs) if hasattr(inherited, "__func__") else inherited(**kwargs)
            tell(cls)

        self.replace(base, "__init_subclass__", classmethod(made))

    def undo(self) -> None:
        """Put back what was there, the last first; what somebody else has replaced meanwhile is theirs."""
        kept = [entry for entry in reversed(self._done) if not _restored(*entry)]
        self._done = kept[::-1]


def _restored(owner: Any, name: str, before: Any, value: Any) -> bool:
    """Whether *name* is as it was; a replacement by somebody else may bring ours back, so it is looked at again."""
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
