"""Copies that LangChain makes of a handler for one component."""

from __future__ import annotations

from typing import Any

from pytest_lc_callbacks._by_identity import ByIdentity

COPIES = frozenset(["copy_with_metadata_defaults"])
"""The methods with which a handler makes a copy of itself: LangChain puts it in the handler's place for one run."""


class Copies:
    """Knows by identity which handler a copy was made of, as long as the copy lives."""

    def __init__(self) -> None:
        self._originals = ByIdentity()

    def note(self, copy: Any, handler: Any) -> None:
        """*copy* was made of *handler*, or of a copy of it."""
        if copy is not handler:
            self._originals.note(copy, self.original(handler))

    def original(self, handler: Any) -> Any:
        """The handler that *handler* was made of; itself, if it is no copy."""
        return self._originals.get(handler, handler)
