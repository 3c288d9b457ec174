"""What the observer adds to the message of any failed assertion of a recording."""

from __future__ import annotations

from collections.abc import Collection

from pytest_lc_callbacks._recording import ObserverReport
from pytest_lc_callbacks._scopes.comparison import ScopeComparison
from pytest_lc_callbacks._scopes.evidence import Evidence
from pytest_lc_callbacks._scopes.reasons import explain_missed_runs
from pytest_lc_callbacks._scopes.surplus import find_doubles, find_surplus
from pytest_lc_callbacks._scopes.unawaited import explain_that_nothing_ran


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
        return ObserverReport(
            hints=[explain_that_nothing_ran(f"no run began {comparison.observed.limit}.")], configurable=configurable
        )
    missed = [run for run in comparison.in_scope if comparison.hearings[run].missed]
    explaining = [run for run in missed if wanted is None or not set(wanted).isdisjoint(run.names)]
    why = explain_missed_runs(Evidence(comparison, comparison.in_scope, None)) if explaining else []
    labels = list(dict.fromkeys(run.label for run in missed))
    return ObserverReport(
        missed=labels,
        hints=why,
        surplus=find_surplus(comparison),
        doubles=find_doubles(comparison),
        configurable=configurable,
    )
