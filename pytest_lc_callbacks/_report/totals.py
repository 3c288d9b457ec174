"""Sums over tests, and the order in which people want to see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_lc_callbacks._words import count

BAD = ("failed", "error", "interrupted")


@dataclass(slots=True)
class Totals:
    """Sums over tests; an attempt that was run again counts as no test and no failure."""

    tests: int = 0
    failed: int = 0
    errors: int = 0
    findings: int = 0
    runs: int = 0
    model_calls: int = 0
    tool_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, test: Mapping[str, Any]) -> None:
        """Count a line of a *test*."""
        totals = test["totals"]
        self.runs += totals["runs"]
        self.model_calls += totals["model_calls"]
        self.tool_calls += totals["tool_calls"]
        self.tokens += totals["total_tokens"]
        self.seconds += test["duration"]
        if test["outcome"] == "rerun":
            return
        self.tests += 1
        self.failed += test["outcome"] in ("failed", "interrupted")
        self.errors += test["outcome"] == "error"
        self.findings += len(test["findings"])


def needs_attention(test: Mapping[str, Any]) -> bool:
    """Whether a test failed, or something was found in it."""
    return test["outcome"] in BAD or bool(test["findings"])


def rank(test: Mapping[str, Any]) -> int:
    """Failures first, then findings, then the rest."""
    if test["outcome"] in BAD:
        return 0
    return 1 if test["findings"] else 2


def facts_text(test: Mapping[str, Any]) -> str:
    """How much a test did, in a line."""
    totals = test["totals"]
    attempt = [f"attempt {test['attempt']}"] if test["attempt"] > 1 else []
    counts = [count(totals["runs"], "run"), count(totals["model_calls"], "model call")]
    more = [count(totals["tool_calls"], "tool call")] if totals["tool_calls"] else []
    tokens = [count(totals["total_tokens"], "token")] if totals["total_tokens"] else []
    return " · ".join([*attempt, f"{test['duration']:.2f} s", *counts, *more, *tokens])


def place_text(test: Mapping[str, Any]) -> str:
    """Where a test is: ``tests/test_x.py:3``; empty where that is not known."""
    return f"{test['file']}:{test['line']}" if test["file"] and test["line"] else ""
