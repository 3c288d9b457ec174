"""A summary in Markdown, for GitHub's step summary, a merge request or a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_lc_callbacks._report.lines import Line
from pytest_lc_callbacks._report.markdown import block, code, table
from pytest_lc_callbacks._report.totals import BAD, Totals, facts_text, needs_attention, place_text, rank
from pytest_lc_callbacks._report.tree_text import tree_text
from pytest_lc_callbacks._words import count, listing

LIMIT = 900_000
"""Bytes. GitHub refuses a summary of more than 1,024 KB as a whole."""

_RUNS = 40
_MODELS = 20
_FAILURE = 6_000


class Summary:
    """Takes the lines of a session one by one, and keeps no more of them than the summary can hold."""

    def __init__(self) -> None:
        self._totals = Totals()
        self._models: dict[str, list[int]] = {}
        self._parts: list[tuple[int, str]] = []
        self._size = 0
        self._ended = self._sessions = 0
        self._left_out = {0: 0, 1: 0}

    def add(self, line: Line) -> None:
        """Take one *line*."""
        self._sessions += line["kind"] == "session"
        self._ended += line["kind"] == "end"
        if line["kind"] != "test":
            return
        self._totals.add(line)
        self._add_models(line)
        if needs_attention(line):
            self._add_part(rank(line), "\n".join(_test(line)))

    def text(self) -> str:
        """The summary."""
        totals = self._totals
        lines = [f"## LangChain callbacks: {_headline(totals)}", "", *_numbers(totals), ""]
        if self._ended < self._sessions:
            lines += ["The session did not end: tests may be missing.", ""]
        lines += [part for _, part in sorted(self._parts, key=lambda part: part[0])]
        left = [
            *([count(self._left_out[0], "failing test")] if self._left_out[0] else []),
            *([count(self._left_out[1], "test") + " with findings"] if self._left_out[1] else []),
        ]
        if left:
            lines += [f"Left out here, since a summary may not be longer: {' and '.join(left)}.", ""]
        return "\n".join([*lines, *self._model_lines()])

    def _add_part(self, place: int, text: str) -> None:
        size = len(text.encode())
        if self._size + size > LIMIT:
            # Failures come before findings, whenever they come.
            findings = [part for part in self._parts if part[0] == 1]
            if place == 1 or not findings:
                self._left_out[place] += 1
                return
            while findings and self._size + size > LIMIT:
                gone = findings.pop()
                self._parts.remove(gone)
                self._size -= len(gone[1].encode())
                self._left_out[1] += 1
        self._parts.append((place, text))
        self._size += size

    def _add_models(self, test: Mapping[str, Any]) -> None:
        for run in test["runs"]:
            if run["type"] in ("chat_model", "llm"):
                sums = self._models.setdefault(run.get("model") or run["name"], [0, 0, 0])
                usage = run.get("usage") or {}
                sums[0] += 1
                sums[1] += usage.get("input_tokens", 0)
                sums[2] += usage.get("output_tokens", 0)

    def _model_lines(self) -> list[str]:
        if not self._models:
            return []
        most = sorted(self._models.items(), key=lambda entry: -entry[1][0])
        rows = [[code(name), *(f"{number:,}" for number in sums)] for name, sums in most[:_MODELS]]
        hidden = len(most) - len(rows)
        more = [f"... and {count(hidden, 'more model')}", ""] if hidden > 0 else []
        return ["### Models", "", *table(["model", "calls", "input tokens", "output tokens"], rows), "", *more]


def summary(lines: Iterable[Line]) -> str:
    """The summary of *lines*."""
    made = Summary()
    for line in lines:
        made.add(line)
    return made.text()


def _headline(totals: Totals) -> str:
    wrong = totals.failed + totals.errors
    found = f", {count(totals.findings, 'finding')}" if totals.findings else ""
    if wrong:
        return f"{wrong:,} failed of {count(totals.tests, 'test')}{found}"
    return f"{count(totals.tests, 'test')}, none failed{found}"


def _numbers(totals: Totals) -> list[str]:
    named = {
        "tests": totals.tests,
        "failed": totals.failed,
        "errors": totals.errors,
        "findings": totals.findings,
        "runs": totals.runs,
        "model calls": totals.model_calls,
        "tool calls": totals.tool_calls,
        "tokens": totals.tokens,
    }
    return table(named, [[f"{number:,}" for number in named.values()]])


def _test(test: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {test['outcome']}: {code(test['test'])}"
    yield ""
    yield " · ".join(filter(None, [facts_text(test), code(place_text(test))]))
    yield ""
    if test["outcome"] in BAD:
        for failure in test["failures"]:
            yield from block(failure["text"][:_FAILURE])
            yield ""
    said = "".join(failure["text"] for failure in test["failures"] if test["outcome"] in BAD)
    for finding in test["findings"]:
        if finding["summary"] in said:
            continue
        yield f"Finding {code(finding['name'])} at level {code(finding['level'])}:"
        yield ""
        yield from block("\n".join([finding["summary"], *finding["details"]])[:_FAILURE])
        yield ""
    if test["runs"]:
        yield from block(tree_text(test, _RUNS))
        yield ""
    if test["causes"]:
        yield f"Explained by {code('python -m pytest_lc_callbacks explain')} with {listing(map(code, test['causes']))}."
        yield ""
