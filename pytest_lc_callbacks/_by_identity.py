"""What is noted of objects, which are known by identity and kept by nobody."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any


class ByIdentity:
    """What is noted of each object, whatever the objects say of their equality; it is forgotten when they are gone."""

    def __init__(self) -> None:
        self._noted: dict[int, tuple[Callable[[], Any], Any]] = {}

    def note(self, known: Any, value: Any = True) -> None:
        """From now on *value* is what is noted of *known*."""
        key, noted = id(known), self._noted
        try:
            living: Callable[[], Any] = weakref.ref(known, lambda _: noted.pop(key, None))
        except TypeError:
            # Kept, or else its id could come to stand for another object.
            def living() -> Any:
                return known

        noted[key] = living, value

    def ids(self) -> list[int]:
        """The ``id()`` of each object that something is noted of."""
        return list(self._noted)

    def get(self, known: Any, default: Any = None) -> Any:
        """What is noted of *known*."""
        living, value = self._noted.get(id(known), (None, default))
        return value if living is not None and living() is known else default

    def living(self) -> list[Any]:
        """The objects that something is noted of, and that are not gone, in the order in which they were noted."""
        found = [living() for living, _ in list(self._noted.values())]
        return [known for known in found if known is not None]
