"""The section *LangChain callbacks* of a failing test's report: the run tree, and the last prompt with its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from pytest_lc_callbacks import _words
from pytest_lc_callbacks._recording import Event, Run, RunTree, is_control_flow
from pytest_lc_callbacks._values import ask, class_name, entry, is_a, items, text_of
from pytest_lc_callbacks._watching.redacted import Redacted

_RUNS = 40
_ALIKE = 5
_MESSAGES = 3
_WRONG = 5
# What stands beside a run in the tree of a message: what a handler heard of it, and how it ended.
_BEFORE_RUN = re.compile(r"^ +(?:(?:heard|missed)[a-z0-9 ]*  +)?")
_AFTER_RUN = re.compile(r"  +")


def section(
    runs: Sequence[Run],
    parent_of: Callable[[Run], Run | None],
    *,
    clean: Callable[[str], str],
    remarks: Mapping[Run, str],
    message: str = "",
) -> str:
    """
    The text of the section.

    Args:
        runs: What ran.

        parent_of: Gives the run that another run began in.

        clean: Takes secrets out of a text.

        remarks: What is to be said of a run beside how it ended.

        message: What the test failed with. A tree that stands there is not told again.
    """
    write = Redacted(clean)
    tree = RunTree(runs, parent_of)
    told = [] if _is_told(tree, message, remarks) else _tree_lines(write, tree, remarks)
    parts = [told, _last_call(write, runs)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _is_told(tree: RunTree, message: str, remarks: Mapping[Run, str]) -> bool:
    """Whether a *message* has a line for each run of the tree, each remark and the name of each error."""
    lines = set()
    for line in filter(lambda line: line.startswith(" "), message.splitlines()):
        drawn = _BEFORE_RUN.sub("", line, count=1)
        lines |= {drawn, *(drawn[: found.start()] for found in _AFTER_RUN.finditer(drawn))}
    return bool(message) and all(
        lead + run.label in lines
        and remarks.get(run, "") in message
        and (run.error is None or is_control_flow(run.error) or class_name(type(run.error)) in message)
        for lead, run in tree.walk()
    )


def _tree_lines(write: Redacted, tree: RunTree, remarks: Mapping[Run, str]) -> list[str]:
    entries = [_Entry(lead, run, _call(write, run), _outcome(write, run, remarks)) for lead, run in tree.walk()]
    rows = list(_fold(tree, entries))
    # A line for one more run would cost as much as the run.
    shown = rows if len(rows) == _RUNS + 1 else rows[:_RUNS]
    wide, wide_time = max(len(row.name) for row in shown), max(len(row.time) for row in shown)
    lines = [f"{row.name:<{wide}}  {row.time:>{wide_time}}  {row.outcome}".rstrip() for row in shown]
    hidden = entries[sum(row.runs for row in shown) :]
    return lines + _hidden_lines(hidden) if hidden else lines


class _Entry(NamedTuple):
    """A run in the tree."""

    lead: str
    """What draws its place in the tree: ``"│   └── "``."""

    run: Run
    call: str
    outcome: str


class _Row(NamedTuple):
    """A line of the tree, and how many runs it stands for."""

    name: str
    time: str
    outcome: str
    runs: int = 1


def _fold(tree: RunTree, entries: Sequence[_Entry]) -> Iterator[_Row]:
    """The rows of the tree. Of many runs in a row that look alike, as a batch has them, the first stands for all."""

    def look(entry: _Entry) -> object:
        return (len(entry.lead), entry.call, entry.outcome) if not tree.children(entry.run) else entry.run

    for _, group in groupby(entries, look):
        alike = list(group)
        rows = [_Row(entry.lead + entry.call, _duration(entry.run), entry.outcome) for entry in alike]
        if len(alike) < _ALIKE:
            yield from rows
        else:
            yield rows[0]
            yield _Row(f"{alike[-1].lead}{_words.more(len(alike) - 1)} like it", "", "", len(alike) - 1)


def _hidden_lines(hidden: Sequence[_Entry]) -> list[str]:
    """How many runs a long tree leaves out, and the first that went wrong among them."""
    wrong = [entry for entry in hidden if entry.run.status != "ended"]
    ending = f", {len(wrong):,} of them failed or open:" if wrong else ""
    return [
        f"{_words.more(len(hidden), 'run')}{ending}",
        *(f"    {entry.call}  {entry.outcome}" for entry in wrong[:_WRONG]),
    ]


def _call(write: Redacted, run: Run) -> str:
    """The name of a run; a tool's with what it was called with."""
    if run.run_type != "tool":
        return write.name(run.label)
    inputs = run.inputs
    arguments = write.arguments(inputs) if is_a(inputs, Mapping) else write.value(inputs, 60)
    return _words.truncate(f"{write.name(run.label)}({arguments})", 100)


def _outcome(write: Redacted, run: Run, remarks: Mapping[Run, str]) -> str:
    remark = f"({remarks[run]})" if run in remarks else ""
    return "  ".join(filter(None, [_end(write, run), remark]))


def _end(write: Redacted, run: Run) -> str:
    """How a run ended: ``"open"``, ``"failed: ValueError: no network"``, ``"calls search(q='weather')"``."""
    if not run.ended:
        return "open"
    if is_a(run.error, GeneratorExit):
        return "left before its end"
    if is_control_flow(run.error):
        return _control_flow(write, run.error)
    if run.error is not None:
        # The run that raised it says what it is, and those around it only that they failed.
        inside = any(other.error is run.error for other in run.subtree() if other is not run)
        return "failed" if inside else f"failed: {write.error(run.error)}"
    if run.status == "failed":
        return "failed"
    last = run.events[-1]
    if last.tool_failed:
        return f"answered with an error: {write.value(ask(last.payload.get('output'), 'content'), 80)}"
    calls = [call for event in run.events for call in event.tool_calls]
    return f"calls {', '.join(map(write.tool_call, calls[:3]))}{' ...' if len(calls) > 3 else ''}" if calls else ""


def _control_flow(write: Redacted, error: BaseException) -> str:
    """What langgraph steered a graph with: ``interrupted: "Book it?"``, ``interrupted: book(hotel='Ritz')``."""
    kind = class_name(type(error))
    if kind != "GraphInterrupt":
        return f"left by langgraph: {write.name(kind)}"
    asked = [ask(each, "value") for each in items(next(iter(error.args), None))]
    # The middleware of LangChain that asks a human names the calls of tools that it asks about.
    calls = [call for value in asked for call in items(entry(value, "action_requests"))]
    said = list(map(write.tool_call, calls)) or [write.value(value, 80) for value in asked]
    return f"interrupted: {', '.join(said[:3])}{' ...' if len(said) > 3 else ''}" if said else "interrupted"


def _last_call(write: Redacted, runs: Sequence[Run]) -> list[str]:
    """The prompt and the answer of the last call of a model."""
    calls = [run for run in runs if run.run_type in ("chat_model", "llm") and run.started]
    if not calls:
        return []
    last = max(calls, key=lambda run: run.time)
    lines = [f"last prompt, of {write.name(last.label)}:", *_prompt(write, last.events[0])]
    answer = _answer(write, last)
    return [*lines, "its answer:", f"  {answer}"] if answer else lines


def _prompt(write: Redacted, start: Event) -> list[str]:
    messages = start.messages
    if messages is None:
        return [f"  {write.quoted(start.text)}"]
    hidden = len(messages) - _MESSAGES
    lines = [f"  {write.message(message)}" for message in messages[-_MESSAGES:]]
    return [f"  ... {_words.count(hidden, 'message')} before", *lines] if hidden > 0 else lines


def _answer(write: Redacted, run: Run) -> str:
    ends = [event for event in run.events if event.name == "llm_end"]
    if not ends:
        tokens = "".join(text_of(event.token) or "" for event in run.events if event.name == "llm_new_token")
        return f"{write.quoted(tokens)} (cut off)" if tokens else ""
    outputs = ends[-1].outputs
    return write.quoted(outputs) if is_a(outputs, str) else write.message(outputs)


def _duration(run: Run) -> str:
    seconds = run.duration
    if seconds is None:
        return ""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
