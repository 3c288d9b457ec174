"""Why a handler heard runs that it should not have heard."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._scopes.comparison import ScopeComparison
from pytest_lc_callbacks._scopes.words import hint, some_names


def beyond_component(comparison: ScopeComparison, name: str, own: list[Run], others: list[Run]) -> str:
    """Why a handler that belongs to one component heard other runs."""
    parent_of, outer, inner = comparison.ran.parent_of, set(others), set(own)
    if any(parent_of(run) in outer for run in own):
        return hint(
            f"it also heard the run around {name}, so it was passed at run time or with with_config, on a call or "
            f"step around it: such callbacks are inherited by every run inside. For {name} alone, pass it to its "
            "constructor, and there only."
        )
    if any(parent_of(run) in inner for run in others):
        return hint(
            f"it heard the runs inside {name}, so it was passed at run time or with with_config, and such callbacks "
            "are inherited. Constructor callbacks hear the component's own runs only."
        )
    return hint(f"it was passed to other components beside {name}, or to calls of theirs: {some_names(others)}.")


def beyond_step(comparison: ScopeComparison, name: str, own: Sequence[Run], others: Sequence[Run]) -> str:
    """Why a handler that belongs to one step and what runs inside it heard other runs."""
    alone = f"For {name} and what runs inside it, use with_config(callbacks=[handler]) on that step, and there only."
    outer = set(others)
    if any(comparison.ran.parent_of(run) in outer for run in own):
        return hint(
            f"it also heard the run around {name}, so it was passed at run time or with with_config, on a call or "
            f"step around it: such callbacks are inherited by every run inside. {alone}"
        )
    return hint(f"it was also passed to what runs beside {name}: {some_names(others)}. {alone}")
