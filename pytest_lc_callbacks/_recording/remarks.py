"""What is proven about a recording of which a failing test speaks, whatever it asserted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._causes import Proof
from pytest_lc_callbacks._recording.again import explain_resumed, explain_resumed_events
from pytest_lc_callbacks._recording.events import Event, Run
from pytest_lc_callbacks._recording.names import EVENT_NAMES
from pytest_lc_callbacks._recording.observer_report import ObserverReport
from pytest_lc_callbacks._recording.patterns import EventPattern
from pytest_lc_callbacks._recording.questions import Questions, is_control_flow
from pytest_lc_callbacks._recording.unrun_tools import explain_unrun_tools
from pytest_lc_callbacks._recording.unsent import (
    OF_TOOLS,
    explain_bare_arguments,
    explain_configurable,
    explain_same_failure,
    explain_unsent,
    explain_usage,
)
from pytest_lc_callbacks._values import class_name, entries
from pytest_lc_callbacks._words import listing

_MODELS = ("chat_model", "llm")
_USAGE = {"usage", "usage_metadata", "input_tokens", "total_tokens"}
_INPUTS = {"inputs", "input"}
_COUNTED = {"count", "len"}


def explain_several(found: Sequence[Event]) -> list[str]:
    """The hint why there are several of these events: one failure, or a node that began again."""
    errors = {id(event.error) for event in found if event.error is not None}
    is_one = len(errors) == 1 and all(event.error is not None for event in found)
    same = explain_same_failure(event.run for event in found if event.run is not None) if is_one else None
    proof = same or explain_resumed_events(found)
    return [proof.hint] if proof else []


def find_remarks(words: Collection[str], recording: Questions, report: ObserverReport) -> Iterator[Proof]:
    """
    What is proven about a *recording* of which a failing test speaks in these *words*.

    Args:
        words: Names of events and of attributes.

        recording: What a handler heard.

        report: What the observer knows.
    """
    recorded, runs = set(recording._selection.names), recording.runs
    words_of_tools = set(OF_TOOLS).intersection(words)
    lacking = [EventPattern(word) for word in sorted(words) if word in EVENT_NAMES and word not in recorded]
    proofs = [explain_unsent([pattern], recording, report=report) for pattern in lacking]
    if "metadata" in words:
        proofs.append(explain_configurable(sorted(words), runs, report.configurable))
    if "tool_call_id" in words:
        proofs.append(explain_bare_arguments([run for run in runs if run.run_type == "tool"]))
    if not _COUNTED.isdisjoint(words) and not words_of_tools.isdisjoint(recorded):
        proofs.append(explain_unrun_tools(recording, report))
    if not _USAGE.isdisjoint(words):
        models = [run for run in runs if run.run_type in _MODELS]
        proofs.append(explain_usage(models) or _explain_no_usage(models))
    if not _INPUTS.isdisjoint(words):
        proofs.append(_explain_streamed_inputs(runs))
    if any(word in recorded and word.endswith("_error") for word in words):
        proofs.append(explain_control_flow(runs))
    proofs.append(explain_resumed(_meant(runs, words), [word for word in words if word in recorded]))
    if "error" in words or any(word in recorded and word.endswith("_error") for word in words):
        proofs.append(explain_same_failure(runs))
    yield from filter(None, proofs)


def _meant(runs: Sequence[Run], words: Collection[str]) -> list[Run]:
    """The *runs* of which these words are the names, and those around them; all where no run has such a name."""
    named = [run for run in runs if run.label in words]
    around = {each: None for run in named for each in (run, *run.ancestors())}
    return sorted(around or runs, key=lambda run: run._first)


def explain_control_flow(runs: Iterable[Run]) -> Proof | None:
    """That one of these *runs* was left by an exception with which langgraph steers a graph."""
    for run in runs:
        error = run.error if run.status == "failed" else None
        if is_control_flow(error):
            facts = f"{run.label} was left with a {class_name(type(error))}, which is no failure."
            return Proof(_causes.CONTROL_FLOW, facts)
    return None


def explain_steered(found: Sequence[Event]) -> list[str]:
    """The hint that each of these events is langgraph's way to steer a graph."""
    if not found or not all(is_control_flow(event.error) for event in found):
        return []
    proof = explain_control_flow(event.run for event in found if event.run is not None)
    return [proof.hint] if proof else []


def _explain_no_usage(models: Sequence[Run]) -> Proof | None:
    """That each of these runs of *models* ended, and reported no usage."""
    ended = [run.events[-1] for run in models if run.names[-1:] == ["llm_end"]]
    if not ended or any(event.usage for event in ended):
        return None
    return Proof(_causes.NO_USAGE, f"{listing(run.label for run in models)} reported no usage_metadata.")


def _explain_streamed_inputs(runs: Iterable[Run]) -> Proof | None:
    """That one of these *runs* was streamed, and its start had no inputs yet."""
    for run in runs:
        start = run._start.payload.get("inputs") if run.started and run.run_type not in _MODELS else None
        if entries(start) == [("input", "")] and run.ended and "inputs" in run.events[-1].payload:
            facts = f"{run.label} was streamed, and its chain_start has {{'input': ''}} for inputs."
            return Proof(_causes.STREAMED_INPUTS, facts)
    return None
