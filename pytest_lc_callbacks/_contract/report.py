"""The capability report: what was checked of each handler, what passed, what was declined and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_lc_callbacks._words import count, safe

_MARKS = {"failed": "FAILED", "expected": "expected", "advice": "advice", "declined": "declined"}
_WIDTH = 110


def capability_report(results: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """
    The lines of the report.

    Args:
        results: What the checks found, as builtins; they may come from several workers, in any order.
    """
    suites: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        suites.setdefault(result["suite"], []).append(result)
    for name in sorted(suites):
        yield from _suite_lines(name, suites[name])


def _suite_lines(name: str, results: list[Mapping[str, Any]]) -> Iterator[str]:
    by_outcome: dict[str, list[Mapping[str, Any]]] = {}
    for result in sorted(results, key=lambda result: str(result["check"])):
        by_outcome.setdefault(result["outcome"], []).append(result)
    numbers = [f"{len(found)} {outcome}" for outcome in ("passed", *_MARKS) if (found := by_outcome.get(outcome))]
    yield f"{name}: {count(len(results), 'check')}: {', '.join(numbers)}"
    for outcome, mark in _MARKS.items():
        if outcome == "declined":
            yield from _declined(by_outcome.get(outcome, []))
            continue
        for result in by_outcome.get(outcome, []):
            yield _line(mark, result["check"], result["reason"])


def _declined(results: list[Mapping[str, Any]]) -> Iterator[str]:
    """The declined checks, folded by reason."""
    by_reason: dict[str, list[str]] = {}
    for result in results:
        by_reason.setdefault(str(result["reason"]), []).append(str(result["check"]))
    for reason, checks in by_reason.items():
        what = checks[0] if len(checks) == 1 else count(len(checks), "check")
        yield _line("declined", what, reason)


def _line(mark: str, what: str, reason: str) -> str:
    return f"  {mark:8}  {safe(f'{what}: {reason}', _WIDTH - 12)}"
