"""The runs of a test as builtins: what ran, how it ended, who heard it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from pytest_lc_callbacks._causes import CAUSES
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._recording import Event, Recording, Run
from pytest_lc_callbacks._report.export import Exporter
from pytest_lc_callbacks._scopes import OTHER_PAYLOAD, ObservedRuns, ScopeComparison, sent_otherwise
from pytest_lc_callbacks._values import bases, class_name, entry, tokens
from pytest_lc_callbacks._words import error_text

MODELS = ("chat_model", "llm")
RUNS = 5_000
"""The runs that are kept of one test."""

_BRACKETS = re.compile(r"\[([a-z0-9]+(?:-[a-z0-9]+)*)\]")
_DRAWN = re.compile(r":[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# An object's address is different in every run of a suite.
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,16}\b")


def describe_runs(observed: ObservedRuns, recordings: Mapping[str, Recording], export: Exporter) -> dict[str, Any]:
    """
    The runs of a test, and who of the *recordings* heard which.

    Returns:
        The keys ``handlers``, ``runs``, ``totals`` and ``left_out`` of a test's line; see docs/reports.md.
    """
    runs = list(observed.own_runs)
    shown = runs[:RUNS]
    numbers = {run: number for number, run in enumerate(shown)}
    heard = {name: _heard(recording, observed) for name, recording in _named(recordings)}
    began = runs[0].time if runs else 0.0
    described = []
    for run in shown:
        parent = observed.parent_of(run)
        place = {
            "id": numbers[run],
            "parent": None if parent is None else numbers.get(parent),
            "replaced": run.parent_run_id is None and parent is not None,
            "phase": observed.phase_of(run) or "call",
        }
        heard_by = {"heard": [told[run] for told in heard.values()]}
        described.append(place | _facts(run, began, export) | heard_by)
    return {
        "handlers": [export.line(name) for name in heard],
        "runs": described,
        "totals": totals_of(runs),
        "left_out": len(runs) - len(shown),
    }


def describe_findings(found: Iterable[tuple[Finding, str]], export: Exporter) -> list[dict[str, Any]]:
    """Findings with the level that each was told at."""
    return [
        {
            "name": finding.name,
            "level": level,
            "summary": export.text(finding.summary),
            "details": [export.text(detail) for detail in finding.details],
        }
        for finding, level in found
    ]


def named_causes(texts: Iterable[str]) -> list[str]:
    """The causes that stand in brackets in *texts*, in the order of their page."""
    named = {name for text in texts for name in _BRACKETS.findall(text)}
    return [name for name in CAUSES if name in named]


def _heard(recording: Recording, observed: ObservedRuns) -> dict[Run, str]:
    """What *recording* heard of each run, in words."""
    told = {run: str(hearing) for run, hearing in ScopeComparison(recording, observed).hearings.items()}
    otherwise = sent_otherwise(recording, [run for run, words in told.items() if words == "heard"])
    return told | dict.fromkeys(otherwise, OTHER_PAYLOAD)


def _named(recordings: Mapping[str, Recording]) -> Iterable[tuple[str, Recording]]:
    """Recordings by the name of their handler's class, with a number from the second on."""
    seen: dict[str, int] = {}
    for key, recording in recordings.items():
        name = key.split("#")[0]
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name} {seen[name]}"), recording


def _facts(run: Run, began: float, export: Exporter) -> dict[str, Any]:
    events = run.events
    error = _error(run, events, export)
    facts: dict[str, Any] = {
        "name": export.line(run.label),
        "type": run.run_type,
        "status": _status(run, error),
        "start": _milliseconds(run.time - began),
        "duration": None if run.duration is None else _milliseconds(run.duration),
        "error": error,
        "tags": [export.line(tag) for tag in run.tags],
        "metadata": _without_ids(_steady(export.value(run.metadata))),
        "inputs": _steady(export.value(run.inputs)),
        "outputs": _steady(export.value(run.outputs)),
        "events": _events(events, began),
    }
    if run.run_type in MODELS:
        facts |= _model(run, events, export)
    if run.run_type == "tool":
        facts["failed"] = any(event.tool_failed for event in events)
    custom = [[export.line(event.custom), _steady(export.value(event.data))] for event in events if event.custom]
    return facts | ({"custom": custom} if custom else {})


def _model(run: Run, events: Sequence[Event], export: Exporter) -> dict[str, Any]:
    """What only the run of a model has."""
    payload: Mapping[str, Any] = events[0].payload if run.started else {}
    invocation = payload.get("invocation_params")
    options = invocation if isinstance(invocation, dict) else {}
    named = (run.metadata.get("ls_model_name"), options.get("model"), options.get("model_name"))
    model = next((name for name in named if isinstance(name, str) and name), None)
    calls = [call for event in events for call in event.tool_calls if isinstance(call, dict)]
    return {
        "model": None if model is None else export.line(model),
        "options": _steady(export.value(options)),
        "usage": usage_of(events),
        "tool_calls": [
            {"name": export.line(call.get("name")), "args": _steady(export.value(call.get("args")))} for call in calls
        ],
    }


def usage_of(events: Iterable[Event]) -> dict[str, int] | None:
    """The tokens that a model reported; None where it reported none."""
    names = ("input_tokens", "output_tokens", "total_tokens")
    for event in events:
        usage = event.usage
        if usage:
            return {name: number for name in names if (number := tokens(entry(usage, name))) is not None}
    return None


def _error(run: Run, events: Sequence[Event], export: Exporter) -> dict[str, Any] | None:
    error = next((event.error for event in events if event.error is not None), None)
    if error is None:
        return None
    inside = any(child.error is error for child in run.children)
    return {"type": class_name(type(error)), "message": _steady(export.text(error_text(error))), "inside": inside}


def _status(run: Run, error: Mapping[str, Any] | None) -> str:
    """``open``, ``ended``, ``failed``, or ``interrupted`` where langgraph's control flow left it."""
    if run.status == "failed" and error is not None:
        raised = run.error
        if any(class_name(base) == "GraphBubbleUp" for base in bases(type(raised))):
            return "interrupted"
    return run.status


def _events(events: Sequence[Event], began: float) -> list[list[Any]]:
    """Name, time and, of several of one name in a row, their number."""
    found = []
    for name, group in groupby(events, lambda event: event.name):
        alike = list(group)
        found.append([name, _milliseconds(alike[0].time - began), len(alike)])
    return found


def totals_of(runs: Sequence[Run]) -> dict[str, int]:
    """Sums over *runs*."""
    models = [run for run in runs if run.run_type in MODELS]
    usages = [usage for run in models if (usage := usage_of(run.events))]
    return {
        "runs": len(runs),
        "events": sum(len(run.names) for run in runs),
        "model_calls": len(models),
        "tool_calls": sum(run.run_type == "tool" for run in runs),
        "input_tokens": sum(usage.get("input_tokens", 0) for usage in usages),
        "output_tokens": sum(usage.get("output_tokens", 0) for usage in usages),
        "total_tokens": sum(usage.get("total_tokens", 0) for usage in usages),
    }


def _steady(value: Any) -> Any:
    """*value* without memory addresses, which differ from run to run."""
    if isinstance(value, str):
        return _ADDRESS.sub("0x...", value) if "0x" in value else value
    if isinstance(value, dict):
        return {key: _steady(each) for key, each in value.items()}
    return [_steady(each) for each in value] if isinstance(value, list) else value


def _without_ids(metadata: Any) -> Any:
    """*metadata* without the ids that langgraph draws for each run of a graph."""
    named = {key: metadata[key] for key in metadata if key.endswith("checkpoint_ns") and isinstance(metadata[key], str)}
    return metadata | {key: _DRAWN.sub(":...", text) for key, text in named.items()}


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
