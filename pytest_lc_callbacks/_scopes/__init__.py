"""Who heard which run, of those that really ran."""

from pytest_lc_callbacks._scopes.assertions import ScopedRecording
from pytest_lc_callbacks._scopes.comparison import ScopeComparison
from pytest_lc_callbacks._scopes.given import EMPTY, INHERITED, LIST, MANAGER, NONE, Given
from pytest_lc_callbacks._scopes.nowhere import find_text
from pytest_lc_callbacks._scopes.observed_runs import (
    ACTIVE_OBSERVERS,
    ActiveObserver,
    ObservedRuns,
    Origin,
    find_parents,
)
from pytest_lc_callbacks._scopes.payloads import OTHER_PAYLOAD, sent_otherwise
from pytest_lc_callbacks._scopes.report import report
from pytest_lc_callbacks._scopes.silent_calls import prove_cached
from pytest_lc_callbacks._scopes.table import ScopeTable, compare_recordings
from pytest_lc_callbacks._scopes.unawaited import find_unawaited, users

__all__ = [
    "ACTIVE_OBSERVERS",
    "EMPTY",
    "INHERITED",
    "LIST",
    "MANAGER",
    "NONE",
    "OTHER_PAYLOAD",
    "ActiveObserver",
    "Given",
    "ObservedRuns",
    "Origin",
    "ScopeComparison",
    "ScopeTable",
    "ScopedRecording",
    "compare_recordings",
    "find_parents",
    "find_text",
    "find_unawaited",
    "prove_cached",
    "report",
    "sent_otherwise",
    "users",
]
