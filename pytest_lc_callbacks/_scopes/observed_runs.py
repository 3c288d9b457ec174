"""What the observer knows of the runs of a test, and which observers are on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import get_ident
from types import FrameType
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from pytest_lc_callbacks._causes import FALLBACKS
from pytest_lc_callbacks._recording import Run, id_key
from pytest_lc_callbacks._scopes.given import Given
from pytest_lc_callbacks._stack import CallSite
from pytest_lc_callbacks._values import entries, entry, is_a, items


class Origin(NamedTuple):
    """What the observer noted when a run without parent began."""

    inside: UUID | None
    """The id of the run that LangChain's context held; None if it held none."""

    thread: str | None
    """The name of its thread; None for the thread of the test, and where the thread is not known."""

    call: CallSite
    """The call that began it."""

    by_fallbacks: bool | None = None
    """Whether with_fallbacks called it; None where the stack does not show the caller."""

    is_own: bool = True
    """Whether its thread is the test's own, as `OwnThreads` knows it."""

    given: Given | None = None
    """What the call was given; None where that is not certain, as in a batch."""

    @property
    def place(self) -> str | None:
        """The line of the call: ``test_chain.py:12``."""
        return self.call.place or (None if self.given is None else self.given.place)


@dataclass(frozen=True, kw_only=True, eq=False)
class ObservedRuns:
    """
    The runs of a test, as the observer knew them at one moment.

    A run that began inside a run of an earlier test is not among them. A run in a thread that is not the test's own is,
    since a handler can be asked whether it heard it, and is not among the `own_runs`, which findings are about.
    """

    runs: Sequence[Run]
    """Every run of the test, each after the run it began in."""

    in_scope: Sequence[Run]
    """The runs that scope assertions are about: of the test's body, or of the innermost section()."""

    parents: Mapping[Run, Run]
    """See `parent_of`."""

    origins: Mapping[Run, Origin]
    """See `origin`."""

    constructed: Mapping[Run, Given]
    """The runs inside others that have constructor callbacks."""

    callers: Mapping[Run, tuple[str, str | None]]
    """The runs that a handler called: its method, ``Judge.on_llm_end``, and the line."""

    phases: Mapping[Run, str]
    """See `phase_of`."""

    places: Mapping[Run, str]
    """Where each run began that is not in scope: ``"in the test's set-up"``."""

    limit: str
    """Where a run has to begin to be in scope: ``"in the test's body"``."""

    since: float
    """When the scope begins, in seconds of ``time.perf_counter()``."""

    observer: str
    """The name that a test has for the observer: ``"callback_scopes"``."""

    earlier_run_ids: frozenset[Any]
    """The ids, as `id_key` gives them, of the runs that began inside a run of an earlier test."""

    configurable: frozenset[str] = frozenset()
    """The keys that stood in ``config["configurable"]`` of a call."""

    handled: frozenset[Any] = frozenset()
    """The ids, as `id_key` gives them, of the runs of tools that answered an error of their own."""

    def parent_of(self, run: Run) -> Run | None:
        """The run that *run* began in: its parent, or else the run that its context held."""
        return self.parents.get(run)

    def origin(self, run: Run) -> Origin | None:
        """What the observer noted when *run* began, if it has no parent; else None."""
        return self.origins.get(run)

    def given(self, run: Run) -> Given | None:
        """What *run* was given, if it has no parent or has constructor callbacks; None where that is not certain."""
        origin = self.origin(run)
        return self.constructed.get(run) if origin is None else origin.given

    def is_left_by_fallbacks(self, run: Run) -> bool:
        """
        Whether *run* has no parent because with_fallbacks called it (langchain-ai/langchain#36072).

        The stack of a sync call shows it. In an async call the names do: what ``with_config(run_name="robust")`` names
        the run of with_fallbacks, names the runs that it calls as well.
        """
        origin, around = self.origin(run), self.parent_of(run)
        if origin is None or origin.inside is None or around is None:
            return False
        if origin.by_fallbacks is not None:
            return origin.by_fallbacks
        return around.label.startswith("RunnableWithFallbacks") or _shares_run_name(run, around)

    def orphan_remark(self, run: Run) -> str | None:
        """What a run tree says of *run* if it has no parent although LangChain's context held a run; else None."""
        if run.parent_run_id is not None or self.parent_of(run) is None:
            return None
        known = f": {FALLBACKS.source} [{FALLBACKS.name}]" if self.is_left_by_fallbacks(run) else ""
        return f"began without a parent{known}"

    def late_remark(self, run: Run | None) -> str | None:
        """``bot had ended before ask began``, where *run* began after the end of its parent."""
        parent = None if run is None else run.parent
        if run is None or parent is None or not parent.ended or parent._last > run._first:
            return None
        return f"{parent.label} had ended before {run.label} began"

    def remark(self, run: Run) -> str | None:
        """What a run tree says of *run* beside how it ended: where its beginning was no ordinary one; else None."""
        called = f"called inside {self.callers[run][0]}" if run in self.callers else None
        return self.orphan_remark(run) or called or self.late_remark(run)

    def phase_of(self, run: Run) -> str | None:
        """The phase of the test that *run* began in: ``"call"``; None for an observer outside pytest's phases."""
        return self.phases.get(run)

    @cached_property
    def others_runs(self) -> Mapping[Run, str]:
        """The runs that are not the test's own, since they began in other threads; each with the thread's name."""
        found: dict[Run, str] = {}
        for run in self.runs:
            around, origin = self.parent_of(run), self.origin(run)
            if around is not None:
                found |= {run: found[around]} if around in found else {}
            elif origin is not None and not origin.is_own:
                found[run] = origin.thread or "a thread"
        return found

    @cached_property
    def own_runs(self) -> Sequence[Run]:
        """All other runs."""
        return [run for run in self.runs if run not in self.others_runs]

    @cached_property
    def body_runs(self) -> Sequence[Run]:
        """The test's own runs that began in its body."""
        return [run for run in self.own_runs if self.phases.get(run, "call") == "call"]


def _shares_run_name(run: Run, around: Run) -> bool:
    """
    Whether *run* has the ``run_name`` of the run *around* it.

    A function that calls itself shares its name too. It does not pass its inputs on unchanged: it would never end.
    """
    if run.name is None or run.name != around.name:
        return False
    return run.run_type != around.run_type or _is_same(around.inputs, run.inputs)


def _is_same(given: Any, passed_on: Any) -> bool:
    """
    Whether the inputs of two runs were one object; a recording copies lists and dicts.

    With ``exception_key``, with_fallbacks writes an exception into the dict between its calls.
    """
    if is_a(given, dict) and is_a(passed_on, dict):
        pairs = [(entry(passed_on, key), value) for key, value in entries(given)]
        return all(found is value or is_a(found, BaseException) for found, value in pairs)
    if is_a(given, list) and is_a(passed_on, list):
        pairs = list(zip(items(given), items(passed_on), strict=False))
        return list.__len__(given) == list.__len__(passed_on) and all(found is value for found, value in pairs)
    return given is passed_on


class ActiveObserver(Protocol):
    """An `Observer`, which this package may not import: what a scope assertion asks of it."""

    _test_thread: int
    """The ``threading.get_ident()`` of the thread that runs the test."""

    def _observed_runs(self) -> ObservedRuns: ...

    def _note_config(self, frame: FrameType) -> None:
        """LangChain configures the callbacks of a run in this *frame*."""


class ActiveObservers:
    """The observers that are on in this process."""

    def __init__(self) -> None:
        self.observers: tuple[ActiveObserver, ...] = ()
        """The innermost last."""


ACTIVE_OBSERVERS = ActiveObservers()


def active_observer() -> ActiveObserver | None:
    """The innermost observer that is on, of this thread if it has one; None if none is on."""
    observers, here = ACTIVE_OBSERVERS.observers, get_ident()
    own = [observer for observer in observers if observer._test_thread == here]
    return (own or observers)[-1] if observers else None


def find_parents(runs: Sequence[Run], origins: Mapping[Run, Origin]) -> dict[Run, Run]:
    """The run that each of *runs* began in: its parent, or else the run that LangChain's context held."""
    found = {run: run.parent for run in runs if run.parent is not None}
    inside = {run: id_key(origin.inside) for run, origin in origins.items() if origin.inside is not None}
    # Several runs can share an id: the context held the last one that had begun.
    latest: dict[Any, Run] = {}
    for run in runs if inside else ():
        if run in inside and inside[run] in latest:
            found[run] = latest[inside[run]]
        latest[run._id_key] = run
    return found
