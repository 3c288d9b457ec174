"""The section *LangChain callbacks* of a failing test's report: what ran, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from pytest_lc_callbacks._recording import Event, Run, RunTree
from pytest_lc_callbacks._words import error_text, repr_short, truncate

_RUNS = 40
_ALIKE = 5
_MESSAGES = 3
_TEXT = 160


class Section:
    """
    The run tree with durations, errors and tool calls, and the last prompt and answer.

    Args:
        clean: Takes secrets out of a text; before the text is cut, or half a secret would stay.
    """

    def __init__(self, clean: Callable[[str], str]) -> None:
        self._clean = clean

    def text(
        self,
        runs: Sequence[Run],
        parent_of: Callable[[Run], Run | None],
        *,
        remarks: Mapping[Run, str],
    ) -> str:
        """
        The whole section.

        Args:
            runs: What ran.

            parent_of: Which run another one began in.

            remarks: What is to be said of a run beside how it ended.
        """
        parts = [self._tree_lines(RunTree(runs, parent_of), remarks), self._last_call(runs)]
        return "\n\n".join("\n".join(lines) for lines in parts if lines)

    def _tree_lines(self, tree: RunTree, remarks: Mapping[Run, str]) -> list[str]:
        walk = list(tree.walk())
        entries = [(lead, run, self._called(run), self._outcome(run, remarks)) for lead, run in walk]
        rows = list(_folded(tree, entries))
        shown = rows[:_RUNS]
        wide, wide_time = max(len(row.name) for row in shown), max(len(row.time) for row in shown)
        lines = [f"{row.name:<{wide}}  {row.time:>{wide_time}}  {row.outcome}".rstrip() for row in shown]
        hidden = walk[sum(row.runs for row in shown) :]
        if not hidden:
            return lines
        # What went wrong is not lost in a long list.
        wrong = [run for _, run in hidden if run.status != "ended"]
        lines.append(f"... and {len(hidden)} more runs" + (f", {len(wrong)} of them failed or open:" if wrong else ""))
        return lines + [f"    {self._called(run)}  {self._outcome(run, remarks)}" for run in wrong[:5]]

    def _called(self, run: Run) -> str:
        """The name of a run; a tool's with what it was called with."""
        if run.run_type != "tool":
            return run.label
        inputs = run.inputs
        arguments = self._arguments(inputs) if isinstance(inputs, Mapping) else self._short(inputs, 60)
        return truncate(f"{run.label}({arguments})", 100)

    def _outcome(self, run: Run, remarks: Mapping[Run, str]) -> str:
        said = [self._end(run)]
        if run in remarks:
            said.append(f"({remarks[run]})")
        return "  ".join(filter(None, said))

    def _end(self, run: Run) -> str:
        if not run.ended:
            return "open"
        if run.error is not None:
            # The run that raised it says what it is, and those around it only that they failed.
            inside = any(other.error is run.error for other in run.subtree() if other is not run)
            return "failed" if inside else f"failed: {self._error(run.error)}"
        if run.status == "failed":
            return "failed"
        last = run.events[-1]
        if last.tool_failed:
            return f"answered with an error: {self._short(getattr(last.payload.get('output'), 'content', None), 80)}"
        calls = [call for event in run.events for call in event.tool_calls]
        return f"calls {', '.join(map(self._tool_call, calls[:3]))}{' ...' if len(calls) > 3 else ''}" if calls else ""

    def _tool_call(self, call: Mapping[str, Any]) -> str:
        args = call.get("args")
        return truncate(f"{call.get('name')}({self._arguments(args) if isinstance(args, Mapping) else ''})", 80)

    def _arguments(self, named: Mapping[str, Any]) -> str:
        """With their names, which may say that the value is a secret."""
        given = [self._clean(f"{name}={repr_short(value, 1000)}") for name, value in list(named.items())[:5]]
        return ", ".join(truncate(" ".join(text.split()), 40) for text in given)

    def _last_call(self, runs: Sequence[Run]) -> list[str]:
        """The last call of a model: its prompt and its answer, shortened."""
        calls = [run for run in runs if run.run_type in ("chat_model", "llm") and run.started]
        if not calls:
            return []
        last = max(calls, key=lambda run: run.time)
        lines = [f"last prompt, of {last.label}:", *self._prompt(last.events[0])]
        answer = self._answer(last)
        return [*lines, "its answer:", f"  {answer}"] if answer else lines

    def _prompt(self, start: Event) -> list[str]:
        messages = start.messages
        if messages is None:
            return [f"  {self._line(start.text)}"]
        hidden = len(messages) - _MESSAGES
        lines = [f"  {self._said(message)}" for message in messages[-_MESSAGES:]]
        return [f"  ... {hidden} before", *lines] if hidden > 0 else lines

    def _answer(self, run: Run) -> str:
        ends = [event for event in run.events if event.name == "llm_end"]
        if not ends:
            tokens = "".join(event.token or "" for event in run.events if event.name == "llm_new_token")
            return f"{self._line(tokens)} (cut off)" if tokens else ""
        outputs = ends[-1].outputs
        return self._line(outputs) if isinstance(outputs, str) else self._said(outputs)

    def _said(self, message: Any) -> str:
        """A message with who it is from."""
        content = getattr(message, "content", message)
        calls = getattr(message, "tool_calls", None) or ()
        text = self._line(content) if content or not calls else ""
        said = "  ".join(filter(None, [text, *(f"calls {self._tool_call(call)}" for call in calls)]))
        # A stream's answer is a chunk, all of them added up.
        kind = str(getattr(message, "type", "message")).removesuffix("MessageChunk").lower()
        return f"{kind}: {said}"

    def _line(self, value: Any) -> str:
        """A text in one line, cut in the middle: a prompt begins with instructions and ends with the question."""
        text = " ".join(self._clean(value if isinstance(value, str) else repr_short(value, 10_000)).split())
        if len(text) <= _TEXT:
            return f'"{text}"'
        return f'"{text[: _TEXT // 2]} ... {text[-_TEXT // 2 :]}"'

    def _error(self, error: BaseException) -> str:
        first = next(iter(error_text(error).strip().splitlines()), "")
        return truncate(f"{type(error).__name__}{': ' if first else ''}{self._clean(first)}", 160)

    def _short(self, value: Any, limit: int) -> str:
        """A value in a line."""
        return truncate(" ".join(self._clean(repr_short(value, 10_000)).split()), limit)


class _Row(NamedTuple):
    """A line of the tree, and how many runs it stands for."""

    name: str
    time: str
    outcome: str
    runs: int = 1


def _folded(tree: RunTree, entries: Sequence[tuple[str, Run, str, str]]) -> Iterator[_Row]:
    """
    The lines of the tree.

    Of many alike in a row, as a batch has them, the first stands for all.
    """

    def kind(entry: tuple[str, Run, str, str]) -> object:
        lead, run, called, outcome = entry
        return (len(lead), called, outcome) if not tree.children(run) else run

    for _, group in groupby(entries, kind):
        alike = list(group)
        if len(alike) < _ALIKE:
            yield from (_Row(lead + called, _duration(run), outcome) for lead, run, called, outcome in alike)
            continue
        lead, run, called, outcome = alike[0]
        yield _Row(lead + called, _duration(run), outcome)
        yield _Row(f"{alike[-1][0]}... and {len(alike) - 1} more like it", "", "", len(alike) - 1)


def _duration(run: Run) -> str:
    seconds = run.duration
    if seconds is None:
        return ""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
