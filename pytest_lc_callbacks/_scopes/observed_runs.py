"""What the observer knows of the runs of a test, and which observers are on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import get_ident
from typing import NamedTuple, Protocol
from uuid import UUID

from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._stack import CallSite


class Origin(NamedTuple):
    """What the observer saw when a run without parent began."""

    inside: UUID | None
    """The run that its context held, if it held one: then its callbacks were replaced."""

    thread: str | None
    """The name of its thread; None for the thread of the test, and where it is not known."""

    call: CallSite
    """The call that began it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ObservedRuns:
    """
    The runs of a test, as the observer knew them at one moment.

    Runs that continue a run of an earlier test are not among them.
    """

    runs: Sequence[Run]
    """Every run of this test, each after the run it began in."""

    in_scope: Sequence[Run]
    """Those that scope assertions are about: the runs of the test's body, or of the innermost section()."""

    parents: Mapping[Run, Run]
    """See `parent_of`."""

    origins: Mapping[Run, Origin]
    """See `origin`."""

    phases: Mapping[Run, str]
    """See `phase_of`."""

    places: Mapping[Run, str]
    """For each run that is not in scope when it began instead: ``"in the test's set-up"``."""

    limit: str
    """What limits the scope: ``"in the test's body"``."""

    since: float
    """When the scope begins, in seconds of ``time.perf_counter()``."""

    observer: str
    """What the observer is called where the test uses it: ``"callback_scopes"``."""

    earlier_run_ids: frozenset[UUID]
    """The ids of the runs that continue a run of an earlier test."""

    def parent_of(self, run: Run) -> Run | None:
        """The run that *run* began in: its parent, or else the run that its context held."""
        return self.parents.get(run)

    def origin(self, run: Run) -> Origin | None:
        """What is known of the beginning of a run without parent; None for all others."""
        return self.origins.get(run)

    def phase_of(self, run: Run) -> str | None:
        """The phase of the test that *run* began in: ``"call"``; None for an observer outside pytest's phases."""
        return self.phases.get(run)

    @cached_property
    def body_runs(self) -> Sequence[Run]:
        """The runs that began in the test's body."""
        return [run for run in self.runs if self.phases.get(run, "call") == "call"]


class ActiveObserver(Protocol):
    """An observer that is on, as far as scope assertions ask it; see `Observer`."""

    _test_thread: int

    def _observed_runs(self) -> ObservedRuns: ...


class ActiveObservers:
    """The observers that are on; one list for the process, as LangChain's own."""

    def __init__(self) -> None:
        self.observers: tuple[ActiveObserver, ...] = ()
        """The innermost last."""


ACTIVE_OBSERVERS = ActiveObservers()


def active_observer() -> ActiveObserver | None:
    """The innermost observer that is on, of this thread if it has one; None if none is on."""
    observers, here = ACTIVE_OBSERVERS.observers, get_ident()
    own = [observer for observer in observers if observer._test_thread == here]
    return (own or observers)[-1] if observers else None
