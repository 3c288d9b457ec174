"""Why a handler heard runs, or events, that a test may not have expected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._recording import Run, Surplus
from pytest_lc_callbacks._scopes.comparison import ScopeComparison
from pytest_lc_callbacks._scopes.observed_runs import ObservedRuns
from pytest_lc_callbacks._words import count, listing

# In more calls than this nobody looks for the one that was meant.
_CALLS = 20


def find_surplus(comparison: ScopeComparison) -> list[Surplus]:
    """The runs that a handler heard for a reason of their own, the most certain first."""
    heard = comparison.heard(comparison.in_scope)
    found = [*_called_by_handlers(comparison.observed, heard), *_late(comparison.observed, heard)]
    return [*found, *_other_calls(comparison.observed, heard)]


def find_doubles(comparison: ScopeComparison) -> dict[Any, str]:
    """By the ids of the runs that were heard more than once, the hint that several instances of a class heard them."""
    instances = comparison.recording._instances
    doubled = [run for run, hearing in comparison.hearings.items() if hearing.surplus]
    hints: dict[Any, str] = {}
    for run in doubled if len(instances) > 1 else ():
        own = [other for each in instances for other in each.runs if other._id_key == run._id_key]
        # An instance that heard an event twice is a double in a list as well.
        if len(own) > 1 and all(len(set(other.names)) == len(other.names) for other in own):
            cls = comparison.recording._handler_class.__name__
            facts = f"{count(len(own), 'instance')} of {cls} each heard {run.label}."
            hints[run._id_key] = _causes.TWO_INSTANCES.hint(facts)
    return hints


def _called_by_handlers(observed: ObservedRuns, heard: Sequence[Run]) -> Iterator[Surplus]:
    called = [run for run in heard if run in observed.callers]
    if called:
        method, place = observed.callers[called[0]]
        at = f" at {place}" if place else ""
        facts = f"{called[0].label} was called inside {method}{at}."
        yield Surplus(_with_inner(observed, called), _causes.CALLED_IN_HANDLER.hint(facts))


def _late(observed: ObservedRuns, heard: Sequence[Run]) -> Iterator[Surplus]:
    late = [run for run in heard if observed.late_remark(run)]
    if late:
        yield Surplus(_with_inner(observed, late), _causes.PARENT_ENDED.hint(f"{observed.late_remark(late[0])}."))


def _other_calls(observed: ObservedRuns, heard: Sequence[Run]) -> Iterator[Surplus]:
    """For each call that the handler heard, the runs of all others."""
    calls: dict[Run, list[Run]] = {}
    for run in heard:
        calls.setdefault(_outermost(observed, run), []).append(run)
    if not 1 < len(calls) <= _CALLS:
        return
    for call in calls:
        others = [other for other in calls if other is not call]
        ids = frozenset(run._id_key for other in others for run in calls[other])
        what = "another call" if len(others) == 1 else f"{len(others)} other calls"
        facts = f"the handler heard {what} as well, {_listed(observed, others)}; the rest is what was expected."
        yield Surplus(ids, _causes.ANOTHER_CALL.hint(facts))


def _listed(observed: ObservedRuns, calls: Sequence[Run]) -> str:
    """``ask at chain.py:12``; of several calls each place once."""
    places = [(run.label, origin.place if (origin := observed.origin(run)) else None) for run in calls]
    return listing((f"{label} at {place}" if place else label for label, place in places), 3)


def _outermost(observed: ObservedRuns, run: Run) -> Run:
    while (around := observed.parent_of(run)) is not None:
        run = around
    return run


def _with_inner(observed: ObservedRuns, runs: Sequence[Run]) -> frozenset[Any]:
    """The ids of *runs* and of all that began inside them."""
    inside = set(runs)
    for run in observed.runs:
        if observed.parent_of(run) in inside:
            inside.add(run)
    return frozenset(run._id_key for run in inside)
