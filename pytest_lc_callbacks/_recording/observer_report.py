"""What an observer knows beyond a recording, for the message of a failed assertion."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Surplus(NamedTuple):
    """Runs that a handler heard for a reason of its own: where the rest is what was expected, that is the cause."""

    run_ids: frozenset[Any]
    """Their ids, as `id_key` gives them."""

    hint: str


@dataclass(frozen=True, kw_only=True)
class ObserverReport:
    """The runs that a handler missed, and why; see `Recording._ask_observer`."""

    missed: Sequence[str] = ()
    """The names of the runs that the handler missed, each once."""

    hints: Sequence[str] = ()
    """Why it missed them: paragraphs that begin with ``hint:``."""

    surplus: Sequence[Surplus] = ()
    """The runs that a test may not have expected, and why they were heard."""

    doubles: Mapping[Any, str] = field(default_factory=dict)
    """By the ids of runs whose events were heard more than once: the hint, where it is known."""

    replaced: Collection[Any] = ()
    """The ids, as `id_key` gives them, of the runs that were called inside another with callbacks of their own."""

    configurable: Collection[str] = ()
    """The keys that stand in ``config["configurable"]`` of a call."""

    handled: Collection[Any] = ()
    """The ids, as `id_key` gives them, of the runs of tools that answered an error of their own."""


NOTHING_KNOWN = ObserverReport()
"""No observer is on, or the handler heard every run."""
