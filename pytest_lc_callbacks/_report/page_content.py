"""What a page holds: the packed tests, what the list knows of each, and what is readable without scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import Any

from pytest_lc_callbacks._report.lines import Line
from pytest_lc_callbacks._report.totals import Totals, facts_text, needs_attention, place_text, rank
from pytest_lc_callbacks._report.tree_text import tree_text
from pytest_lc_callbacks._words import count

# A block is unpacked when one of its tests is opened; it has about this many characters.
_BLOCK = 500_000
# Without scripts, a page of thousands of failing tests is cut: nobody reads that, and everything is in the blocks.
_PLAIN = 500
_PLAIN_TEXT = 10_000
_PLAIN_RUNS = 300
_TEXT = 3_000
# What a run has of payloads; what is shorter than a reference is worth none.
_PAYLOADS = ("inputs", "outputs", "options", "metadata", "tool_calls", "custom")
_SHORT = 40


class Content:
    """Takes lines one by one, and keeps of a test only what the page will hold."""

    def __init__(self) -> None:
        self.sessions: list[Line] = []
        self.ended = 0
        self.capabilities: list[dict[str, Any]] = []
        self.totals = Totals()
        self._blocks: list[str] = []
        self._waiting: list[str] = []
        self._size = 0
        self._shared = _Shared()
        self._entries: list[tuple[int, list[Any]]] = []
        self._keys: dict[str, int] = {}
        self._wrong: list[tuple[int, dict[str, Any]]] = []
        self._left_out = 0

    def add(self, line: Line) -> None:
        """Take one *line*."""
        if line["kind"] == "session":
            self.sessions.append(line)
        elif line["kind"] == "end":
            self.ended += 1
        elif line["kind"] == "capabilities":
            self.capabilities.append(_capabilities(line))
        else:
            self._add_test(line)

    def finish_blocks(self) -> list[str]:
        """The tests packed in blocks."""
        self._close_block()
        return self._blocks

    def index(self) -> dict[str, Any]:
        """What the list and the search know, and what to call each session where there are several."""
        self._entries.sort(key=lambda entry: entry[0])
        labels = _labels(self.sessions)
        return {"tests": [entry for _, entry in self._entries], "sessions": labels}

    def plain(self) -> dict[str, Any]:
        """What is readable without scripts: failing tests, and tests with findings."""
        others = len(self._entries) - len(self._wrong) - self._left_out
        why = []
        if others:
            why.append(f"{count(others, 'other test')} can be read with scripts, in a browser of 2023 or later.")
        if self._left_out:
            why.append(f"So can {count(self._left_out, 'further test')} with failures or findings.")
        self._wrong.sort(key=lambda entry: entry[0])
        return {
            "title": "Failures and findings" if self._wrong else "No failures, no findings",
            "why": " ".join(why),
            "tests": [test for _, test in self._wrong],
        }

    def _add_test(self, test: Line) -> None:
        key = self._key(test)
        # Of what is written: a conversation that grows is in each of its runs, and is packed once.
        text = json.dumps(self._shared.without_repeats(test), separators=(",", ":"))
        if self._waiting and self._size > _BLOCK:
            self._close_block()
            text = json.dumps(self._shared.without_repeats(test), separators=(",", ":"))
        place = (len(self._blocks), len(self._waiting))
        self._waiting.append(text)
        self._size += self._shared.take_size() + len(text)
        self.totals.add(test)
        self._entries.append(
            (rank(test), [key, *_entry(test), *place, test["attempt"], max(0, len(self.sessions) - 1)])
        )
        if needs_attention(test) and len(self._wrong) < _PLAIN:
            self._wrong.append((rank(test), _plain_test(test, key)))
        elif needs_attention(test):
            self._left_out += 1

    def _close_block(self) -> None:
        if self._waiting:
            tests, values = ",".join(self._waiting), ",".join(self._shared.values)
            self._blocks.append(pack(f'{{"tests":[{tests}],"values":[{values}]}}'))
            self._waiting, self._size, self._shared = [], 0, _Shared()

    def _key(self, test: Line) -> str:
        """What a link to a test names: short, and the same in every run of the suite."""
        name = f"{test['test']}\n{test['attempt']}"
        times = self._keys[name] = self._keys.get(name, 0) + 1
        return hashlib.sha256((name if times == 1 else f"{name}\n{times}").encode()).hexdigest()[:12]


class _Shared:
    """The payloads of a block, each once: what repeats is a reference, a text of NUL and a number."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._numbers: dict[str, int] = {}
        self._size = 0

    def without_repeats(self, test: Line) -> Line:
        """*test* with references in its runs; see ``resolve`` in data.js."""
        runs = [
            {name: self._packed(value) if name in _PAYLOADS else value for name, value in run.items()}
            for run in test["runs"]
        ]
        return {name: value for name, value in test.items() if name not in ("format", "version", "kind")} | {
            "runs": runs
        }

    def take_size(self) -> int:
        """The characters that came since the last look."""
        size, self._size = self._size, 0
        return size

    def _packed(self, value: Any) -> Any:
        if isinstance(value, dict):
            value = {name: self._packed(each) for name, each in value.items()}
        elif isinstance(value, list):
            value = [self._packed(each) for each in value]
        elif not isinstance(value, str):
            return value
        text = json.dumps(value, separators=(",", ":"))
        return value if len(text) < _SHORT else f"\0{self._number(text)}"

    def _number(self, text: str) -> int:
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self.values)
            self.values.append(text)
            self._size += len(text)
        return number


def pack(text: str) -> str:
    """*text* deflated, in base64."""
    deflate = zlib.compressobj(7, zlib.DEFLATED, -15)
    return base64.b64encode(deflate.compress(text.encode()) + deflate.flush()).decode()


def _entry(test: Line) -> list[Any]:
    """What the list and the search know of a test, in the order of FIELDS in data.js."""
    runs, totals = test["runs"], test["totals"]
    missed = [
        handler
        for number, handler in enumerate(test["handlers"])
        if any(run["heard"][number] in ("missed", "heard partly") for run in runs)
    ]
    failures = [failure["message"] for failure in test["failures"]]
    names = {run["name"]: None for run in runs} | {tag: None for run in runs for tag in run["tags"] if ":" not in tag}
    summaries = [finding["summary"] for finding in test["findings"]]
    subtests = [f"{subtest['name']} {subtest['message']}" for subtest in test["subtests"]]
    return [
        test["test"],
        test["outcome"],
        round(test["duration"], 4),
        totals["runs"],
        totals["model_calls"],
        totals["tool_calls"],
        totals["total_tokens"],
        sorted({finding["name"] for finding in test["findings"]}),
        sorted({run["name"] for run in runs if run["type"] == "tool"}),
        sorted({run["model"] for run in runs if run.get("model")}),
        missed,
        test["causes"],
        "\n".join([*failures, *summaries, *subtests, *test["handlers"], *names])[:_TEXT],
    ]


def _plain_test(test: Line, key: str) -> dict[str, Any]:
    shown = ("test", "outcome", "subtests", "findings")
    failures = [{**failure, "text": failure["text"][:_PLAIN_TEXT]} for failure in test["failures"]]
    tree = tree_text(test, _PLAIN_RUNS)
    return {name: test[name] for name in shown} | {
        "key": key,
        "facts": " · ".join(filter(None, [place_text(test), facts_text(test)])),
        "failures": failures,
        "tree": tree,
    }


def _labels(sessions: list[Line]) -> list[str]:
    """What tells sessions apart, if there are several: the versions that differ, or their numbers."""
    if len(sessions) < 2:
        return []
    names = {name for each in sessions for name in each["versions"]}
    differ = sorted(name for name in names if len({str(each["versions"].get(name)) for each in sessions}) > 1)
    told = [", ".join(f"{name} {each['versions'].get(name, '-')}" for name in differ) for each in sessions]
    twice = len(set(told)) < len(told)
    return [", ".join(filter(None, [text, f"session {n}" if twice else ""])) for n, text in enumerate(told, 1)]


def _capabilities(line: Line) -> dict[str, Any]:
    outcomes = [check["outcome"] for check in line["checks"]]
    told = [f"{outcomes.count(outcome)} {outcome}" for outcome in dict.fromkeys(sorted(outcomes))]
    return {**line, "count": ", ".join(told), "open": "failed" in outcomes}
