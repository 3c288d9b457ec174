"""The run tree of a test's line as text: for terminals, JUnit files, summaries and pages without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_lc_callbacks._words import more, one_line, truncate

_NAME = 100


def walk(runs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every run with the branches drawn before its name, each before its children."""
    children: dict[int | None, list[Mapping[str, Any]]] = {}
    for run in runs:
        children.setdefault(run["parent"], []).append(run)
    waiting = [("", "", root) for root in reversed(children.get(None, []))]
    while waiting:
        lead, indent, run = waiting.pop()
        yield lead, run
        below = children.get(run["id"], [])
        for child in reversed(below):
            last = child is below[-1]
            waiting.append((indent + ("└── " if last else "├── "), indent + ("    " if last else "│   "), child))


def run_names(runs: Sequence[Mapping[str, Any]]) -> str:
    """The tree as ``assert_run_tree`` takes it."""
    return "\n".join(lead + run["name"] for lead, run in walk(runs))


def tree_text(test: Mapping[str, Any], limit: int | None = None) -> str:
    """
    The tree with durations, outcomes and, where a handler did not hear a run once, who missed it.

    Args:
        test: A test's line.

        limit: How many runs are shown at most.
    """
    rows = [
        (lead + _called(run), duration_text(run["duration"]), outcome_text(test, run))
        for lead, run in walk(test["runs"])
    ]
    if not rows:
        return "no LangChain run began in this test" if test["watched"] else "the observer was not on in this test"
    shown = rows[:limit]
    wide = max(len(row[0]) for row in shown)
    wide_time = max(len(row[1]) for row in shown)
    lines = [f"{name:<{wide}}  {time:>{wide_time}}  {outcome}".rstrip() for name, time, outcome in shown]
    hidden = test["totals"]["runs"] - len(shown)
    return "\n".join([*lines, more(hidden, "run")] if hidden else lines)


def outcome_text(test: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """How *run* ended, in words; empty where it ended well and was heard as it should."""
    said = [_ended(run)]
    if run["replaced"]:
        said.append("(callbacks replaced)")
    heard = zip(test["handlers"], run["heard"], strict=False)
    said += [f"{handler}: {what}" for handler, what in heard if what != "heard"]
    return "  ".join(filter(None, said))


def _ended(run: Mapping[str, Any]) -> str:
    error = run["error"]
    if run["status"] == "failed" and error is not None:
        if error["inside"]:
            return "failed with it"
        return truncate(one_line(f"failed: {error['type']}: {error['message']}"), 160)
    if run["status"] != "ended":
        return str(run["status"])
    if run.get("failed"):
        return "ended with an error message"
    calls = [call["name"] for call in run.get("tool_calls", ())]
    return f"calls {', '.join(calls)}" if calls else ""


def _called(run: Mapping[str, Any]) -> str:
    name = truncate(str(run["name"]), _NAME)
    # At the beginning of a line these are commands to GitHub Actions.
    return f"\\{name}" if name.startswith(("::", "##[")) else name


def duration_text(milliseconds: float | None) -> str:
    """``1.5 ms``, ``2.00 s``; empty for a run that is open."""
    if milliseconds is None:
        return ""
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 1000 else f"{milliseconds:.1f} ms"
