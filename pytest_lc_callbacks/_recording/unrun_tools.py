"""Tool calls of models for which no tool ran, where the recorded events prove it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._causes import Proof
from pytest_lc_callbacks._recording.events import Run
from pytest_lc_callbacks._recording.observer_report import ObserverReport
from pytest_lc_callbacks._recording.questions import Questions, is_control_flow
from pytest_lc_callbacks._recording.tool_calls import tool_call_of
from pytest_lc_callbacks._values import ask, entry, items, text_of
from pytest_lc_callbacks._words import repr_short

_MODELS = ("chat_model", "llm")


class _Unrun(NamedTuple):
    """A tool call of a model for which no tool ran."""

    model: Run
    name: str
    id: str | None
    is_readable: bool
    """Whether its arguments are JSON."""


def explain_unrun_tools(
    recording: Questions, report: ObserverReport, names: Collection[str] | None = None
) -> Proof | None:
    """
    That a model called a tool, and no tool ran for that call.

    Args:
        recording: What the handler heard.

        report: What the observer knows: a run that the handler missed may be the tool's.

        names: Tools, where a test asks for these alone.
    """
    if report.missed:
        return None
    # Of a part of a recording, the tool's run may be in the rest.
    runs = recording._log.runs()
    unrun = next((call for call in _unrun(runs) if names is None or call.name in names), None)
    if unrun is None:
        return None
    facts = f"{unrun.model.label} called {unrun.name}, and no run of a tool began for that call."
    if not unrun.is_readable:
        facts += " Its arguments are no JSON (invalid_tool_calls)."
    answer = _answer(runs, unrun.id)
    if answer is not None:
        facts += f" It was answered with {repr_short(answer)}."
    elif any(is_control_flow(run.error) for run in runs):
        facts += " The graph was interrupted."
    return Proof(_causes.TOOL_NOT_RUN, facts)


def explain_missing_calls(wanted: Iterable[Any], recording: Questions, report: ObserverReport) -> list[str]:
    """The hint why fewer tools ran than are *wanted*, some of which are ``...``: one of them was called in vain."""
    ran = Counter(call.name for call in recording.tool_calls)
    lacking = Counter(each.name for each in wanted if each is not ...) - ran
    proof = explain_unrun_tools(recording, report, lacking) if lacking else None
    return [] if proof is None else [proof.hint]


def _unrun(runs: Iterable[Run]) -> Iterator[_Unrun]:
    calls = list(_calls(run for run in runs if run.run_type in _MODELS and run.names[-1:] == ["llm_end"]))
    tools = [run for run in runs if run.run_type == "tool"] if calls else []
    if any(not run.started for run in tools):
        return
    ids = [text_of(run._start.payload.get("tool_call_id")) for run in tools]
    ran = [tool_call_of(run.events[0]) for run in tools]
    names = {tool.name for tool in ran if tool is not None}
    # A tool that is invoked with bare arguments does not know its call.
    knows_all = None not in ids
    for call in calls:
        is_run = call.id in ids if knows_all and call.id is not None else call.name in names
        if not is_run:
            yield call


def _calls(models: Iterable[Run]) -> Iterator[_Unrun]:
    for run in models:
        message = run.events[-1].outputs
        for key in ("tool_calls", "invalid_tool_calls"):
            for call in items(ask(message, key)):
                name = text_of(entry(call, "name"))
                if name:
                    yield _Unrun(run, name, text_of(entry(call, "id")), key == "tool_calls")


def _answer(runs: Iterable[Run], call_id: str | None) -> Any:
    """The content of the ToolMessage that answers a tool call; None where no run was sent or returned one."""
    for run in runs if call_id else ():
        # A model is sent the messages before it, and a graph returns them.
        sent = items(run.inputs) if run.run_type == "chat_model" and run.started else []
        returned = items(entry(run.events[-1].outputs, "messages")) if run.run_type == "chain" and run.ended else []
        for message in (*sent, *returned):
            if text_of(ask(message, "tool_call_id")) == call_id:
                return ask(message, "content")
    return None
