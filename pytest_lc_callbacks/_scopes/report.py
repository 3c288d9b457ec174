"""What the observer adds to the message of any failed assertion of a recording."""

from __future__ import annotations

from collections.abc import Collection

from pytest_lc_callbacks._recording import ObserverReport, Run
from pytest_lc_callbacks._scopes.comparison import ScopeComparison
from pytest_lc_callbacks._scopes.evidence import Evidence
from pytest_lc_callbacks._scopes.given import LIST, MANAGER
from pytest_lc_callbacks._scopes.observed_runs import ObservedRuns
from pytest_lc_callbacks._scopes.reasons import explain_missed_runs, names
from pytest_lc_callbacks._scopes.silent_calls import (
    prove_cached,
    prove_silent_embedding,
    prove_silent_search,
    prove_stream_writer,
)
from pytest_lc_callbacks._scopes.surplus import find_doubles, find_surplus
from pytest_lc_callbacks._scopes.unawaited import callers, explain_that_nothing_ran, users
from pytest_lc_callbacks._stack import frame_above
from pytest_lc_callbacks._words import hint


def _has_own_callbacks(observed: ObservedRuns, run: Run) -> bool:
    """Whether *run* was called inside another, with callbacks that replaced the inherited ones."""
    origin = observed.origin(run)
    given = None if origin is None or origin.inside is None else origin.given
    if given is None or given.kind not in (LIST, MANAGER):
        return False
    return not given.outer <= {known for known, _ in given.handlers}


_MODELS = {"llm", "chat_model"}
_OF_LLMS, _OF_RETRIEVERS = {"llm_start", "llm_end"}, {"retriever_start", "retriever_end"}


def _explain_by_source(runs: Collection[Run], wanted: Collection[str] | None) -> list[str]:
    """The hint why a run did not begin that some *wanted* events are of, where the source or the variables show it."""
    asked, frames = set(wanted or ()), users(callers(frame_above(1)))
    kinds = {run.run_type for run in runs}
    if asked & _OF_RETRIEVERS and "retriever" not in kinds:
        return [proof.hint for proof in prove_silent_search(frames, runs)][:1]
    if "custom_event" in asked and all("custom_event" not in run.names for run in runs):
        return [proof.hint for proof in prove_stream_writer(frames, runs)][:1]
    if asked & {"llm_start", "chat_model_start"} and not kinds & _MODELS:
        return [proof.hint for proof in prove_silent_embedding(frames, runs)][:1]
    if asked & _OF_LLMS and "llm" in kinds:
        return [proof.hint for proof in prove_cached(frames)][:1]
    return []


def _explain_nothing(observed: ObservedRuns) -> str:
    """The hint why a handler could hear no run since it was made or cleared."""
    if not observed.in_scope:
        return explain_that_nothing_ran(f"no run began {observed.limit}.")
    before = names(observed.in_scope)
    return hint(f"no run began {observed.limit} since the handler was made or cleared. {before} began before that.")


def report(comparison: ScopeComparison, wanted: Collection[str] | None) -> ObserverReport:
    """
    The runs that the handler missed, and why.

    Args:
        comparison: What the handler heard of the observed runs.

        wanted: The names of the events that the assertion found missing: a run that sent none of them explains
            nothing. None where any missed run explains the failure.
    """
    configurable = comparison.observed.configurable
    if not comparison.in_scope and not comparison.unobserved:
        return ObserverReport(hints=[_explain_nothing(comparison.observed)], configurable=configurable)
    missed = [run for run in comparison.in_scope if comparison.hearings[run].missed]
    explaining = [run for run in missed if wanted is None or not set(wanted).isdisjoint(run.names)]
    why = explain_missed_runs(Evidence(comparison, comparison.in_scope, None)) if explaining else []
    why = _explain_by_source(comparison.in_scope, wanted) or why
    labels = list(dict.fromkeys(run.label for run in missed))
    return ObserverReport(
        missed=labels,
        hints=why,
        surplus=find_surplus(comparison),
        doubles=find_doubles(comparison),
        replaced={run._id_key for run in comparison.in_scope if _has_own_callbacks(comparison.observed, run)},
        configurable=configurable,
        handled=comparison.observed.handled,
    )
