"""Copies that LangChain makes of a handler for one component."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

COPIES = frozenset(["copy_with_metadata_defaults"])
"""The methods with which a handler makes a copy of itself: LangChain puts it in the handler's place for one run."""


class Copies:
    """Knows by identity which handler a copy was made of, as long as the copy lives."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Callable[[], Any], Any]] = {}

    def note(self, copy: Any, handler: Any) -> None:
        """*copy* was made of *handler*, or of a copy of it."""
        if copy is handler:
            return
        key = id(copy)
        try:
            living: Callable[[], Any] = weakref.ref(copy, lambda _: self._made.pop(key, None))
        except TypeError:
            # Kept, or else its id could come to stand for another object.
            def living() -> Any:
                return copy

        self._made[key] = living, self.original(handler)

    def original(self, handler: Any) -> Any:
        """The handler that *handler* was made of; itself, if it is no copy."""
        living, original = self._made.get(id(handler), (None, handler))
        return original if living is not None and living() is handler else handler
