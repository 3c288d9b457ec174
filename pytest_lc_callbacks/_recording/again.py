"""Runs of a graph's node that began again: after an interrupt, or because the node is tried again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._causes import Proof
from pytest_lc_callbacks._recording.events import Event, Run
from pytest_lc_callbacks._recording.questions import is_control_flow
from pytest_lc_callbacks._values import class_name, entry, text_of

# The task of a node: langgraph gives it to each attempt at it.
_TASK = "langgraph_checkpoint_ns"


class Again(NamedTuple):
    """Two runs of one node for one task."""

    first: Run
    second: Run


def find_resumed(runs: Iterable[Run]) -> Again | None:
    """A node that was interrupted and began again when the graph was resumed; the first one among *runs*."""
    return _find(runs, lambda run: class_name(type(run.error)) == "GraphInterrupt")


def find_retried(runs: Iterable[Run]) -> Again | None:
    """A node that failed and was tried again, as its ``RetryPolicy`` says; the first one among *runs*."""
    found = _find(runs, lambda run: run.status == "failed" and not is_control_flow(run.error))
    # Somebody may have invoked the graph again, after the failure.
    return found if found is not None and found.first.parent is found.second.parent else None


def find_repeated(runs: Iterable[Run]) -> Again | None:
    """A run that failed, and one of the same name that began beside it then, as a middleware's retry does."""
    failed: dict[Any, Run] = {}
    for run in runs:
        key = (run._parent_id_key, run.run_type, run.label)
        before = failed.get(key)
        if before is not None and before._last < run._first and run.parent is not None:
            return Again(before, run)
        if run.status == "failed" and not is_control_flow(run.error):
            failed[key] = run
    return None


def _find(runs: Iterable[Run], is_first: Callable[[Run], bool]) -> Again | None:
    left: dict[str, Run] = {}
    for run in runs:
        task = text_of(entry(run.metadata, _TASK))
        if task is None or run.run_type != "chain":
            continue
        before = left.get(task)
        if before is not None and before.label == run.label:
            return Again(before, run)
        if run.label == entry(run.metadata, "langgraph_node") and run.status == "failed" and is_first(run):
            left[task] = run
    return None


def explain_resumed(runs: Iterable[Run], names: Collection[str]) -> Proof | None:
    """That an event of one of these *names* was sent before an interrupt, and again when the node was resumed."""
    again = find_resumed(runs)
    if again is None or not all(names_under(run) & set(names) for run in again):
        return None
    return _resumed(again)


def explain_resumed_runs(runs: Iterable[Run]) -> Proof | None:
    """That a node of one of these *runs* ran before an interrupt, and again when the graph was resumed."""
    again = find_resumed(runs)
    return None if again is None else _resumed(again)


def explain_resumed_events(events: Iterable[Event]) -> Proof | None:
    """That some of these *events* were sent before an interrupt, and others when the node was resumed."""
    around = {id(each): each for event in events if event.run for each in (event.run, *event.run.ancestors())}
    return explain_resumed_runs(sorted(around.values(), key=lambda run: run._first))


def names_under(run: Run) -> set[str]:
    """The names of the events of *run* and of the runs inside it."""
    return {name for each in run.subtree() for name in each.names}


def _resumed(again: Again) -> Proof:
    facts = f"{again.first.label} was interrupted, and ran again from its beginning when the graph was resumed."
    return Proof(_causes.RESUMED_NODE, facts)
