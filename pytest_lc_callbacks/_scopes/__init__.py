"""Who heard which run, of those that really ran."""

from pytest_lc_callbacks._scopes.assertions import ScopedRecording
from pytest_lc_callbacks._scopes.comparison import WATCH, GroundTruth, Origin, ScopeComparison, WhatRan
from pytest_lc_callbacks._scopes.table import ScopeTable

__all__ = [
    "WATCH",
    "GroundTruth",
    "Origin",
    "ScopeComparison",
    "ScopeTable",
    "ScopedRecording",
    "WhatRan",
]
