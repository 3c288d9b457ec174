"""What an observer knows beyond a recording, for the message of a failed assertion."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ObserverReport:
    """The runs that a handler missed, and why; see `Recording._ask_observer`."""

    missed: Sequence[str] = ()
    """The names of the runs that the handler missed, each once."""

    hints: Sequence[str] = ()
    """Why it missed them: paragraphs that begin with ``hint:``."""

    configurable: Collection[str] = ()
    """The keys that stand in ``config["configurable"]`` of a call."""


NOTHING_KNOWN = ObserverReport()
"""No observer is on, or the handler heard every run."""
