"""Two runs of one suite compared: which tests correspond, what changed, what of it is worse."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_lc_callbacks._report.align import tree_of
from pytest_lc_callbacks._report.changes import Change, changes_of
from pytest_lc_callbacks._report.lines import Line
from pytest_lc_callbacks._report.markdown import code
from pytest_lc_callbacks._words import count, did_you_mean

RULES = {
    "failed": "a test fails that did not",
    "finding": "a new finding",
    "missed": "a handler misses runs that it heard, or new ones",
    "doubled": "a handler hears runs more than once",
    "payload": "a handler gets another payload than the observer: one before it wrote into it",
    "gone": "runs are gone",
    "added": "runs are new",
    "renamed": "a run has another name",
    "moved": "a run is in another place",
    "status": "a run ends in another way",
    "model": "another model is asked",
    "prompt": "a prompt differs",
    "options": "a model's options differ",
    "arguments": "a tool is called with other arguments",
    "streaming": "a model streams, or no longer",
    "calls": "more model calls; with >10%, only if the sum of all tests rises by more",
    "tools": "more tool calls; with >10% likewise",
    "tokens": "more tokens; with >10% likewise",
    "slower": "runs take longer, by the factor of --slower",
    "test_gone": "a test is gone",
}
DEFAULT_RULES = "failed,finding,missed,doubled"
_SUMS = {"calls": "model_calls", "tools": "tool_calls", "tokens": "total_tokens"}
_RULE = re.compile(r"([a-z_]+)(?:>(\d+(?:\.\d+)?)%)?")
_SHOWN = 200
# The kinds of changes that follow from others come after these when one line is to say what changed.
_LAST = ("divergence", "less", "calls", "tools", "tokens", "slower", "options")


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as worse: names of rules, with a per cent where one stands behind."""

    limits: Mapping[str, float | None]

    @classmethod
    def read(cls, text: str) -> Rules:
        """
        The rules of ``--fail-on``: ``missed,finding,tokens>10%``; ``any`` and ``none``.

        Raises:
            ValueError: If a rule is none, with those that there are.
        """
        limits: dict[str, float | None] = {}
        for word in filter(None, (part.strip() for part in text.split(","))):
            if word == "any":
                limits |= dict.fromkeys(RULES)
                continue
            match = _RULE.fullmatch(word)
            if word != "none" and (match is None or match[1] not in RULES or (match[2] and match[1] not in _SUMS)):
                known = ", ".join([*RULES, "any", "none"])
                raise ValueError(f"--fail-on {word}: expected some of {known}{did_you_mean(word, RULES)}")
            if match is not None and match[1] in RULES:
                limits[match[1]] = float(match[2]) if match[2] else None
        return cls(limits)

    def is_worse(self, change: Change, rises: Mapping[str, float]) -> bool:
        """Whether *change* counts as worse, where sums over all tests rose by *rises* per cent."""
        if change.rule not in self.limits:
            return False
        if change.rule not in _SUMS:
            return True
        limit = self.limits[change.rule]
        return rises[change.rule] > limit if limit is not None else True


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed in one test."""

    test: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed between two runs of one suite."""

    tests: int
    """How many tests were compared."""

    differences: Sequence[Difference]
    rises: Mapping[str, float]
    """By how many per cent model calls, tool calls and tokens rose over the tests of both runs."""

    rules: Rules

    @property
    def is_worse(self) -> bool:
        """Whether anything is worse by the rules."""
        return any(self.is_worse_change(change) for each in self.differences for change in each.changes)

    def is_worse_change(self, change: Change) -> bool:
        """Whether *change* is worse by the rules."""
        return self.rules.is_worse(change, self.rises)

    @property
    def headline(self) -> str:
        """What changed, in a line."""
        if not self.differences:
            return "no difference"
        number = len(self.differences)
        told = Counter(change for each in self.differences for change in each.changes[:1] or ())
        order = {change: place for place, change in enumerate(told)}
        first = min(
            told, key=lambda each: (not self.is_worse_change(each), each.rule in _LAST, -told[each], order[each])
        )
        times = f" ({count(told[first], 'test')})" if told[first] > 1 else ""
        others = len(told) - 1
        more = f"; and {count(others, 'other change')}" if others else ""
        verb = "differs" if number == 1 else "differ"
        return f"{count(number, 'test')} of {self.tests:,} {verb}: {first.text}{times}{more}"

    def text(self, *, markdown: bool = False) -> str:
        """The whole, as text or as Markdown."""
        if not self.differences:
            return "no difference"
        lines = [f"## {_plain(self.headline)}" if markdown else self.headline]
        for each in self.differences[:_SHOWN]:
            lines += ["", f"### {code(each.test)}" if markdown else each.test]
            lines += [""] if markdown else []
            lines += [self._line(change, markdown=markdown) for change in each.changes]
        hidden = len(self.differences) - _SHOWN
        return "\n".join([*lines, "", f"... and {count(hidden, 'more test')}"] if hidden > 0 else lines)

    def as_page(self) -> dict[str, Any]:
        """What the page shows of it."""
        tests = [
            {
                "name": each.test,
                "changes": [{"text": c.text, "worse": self.is_worse_change(c)} for c in each.changes],
            }
            for each in self.differences
        ]
        return {"title": f"Since the other run: {self.headline}", "tests": tests}

    def _line(self, change: Change, *, markdown: bool) -> str:
        worse = "worse: " if self.is_worse_change(change) else ""
        return f"- {worse}{_plain(change.text)}" if markdown else f"  {worse}{change.text}"


def compare(before: Iterable[Line], after: Iterable[Line], rules: Rules, *, slower: float | None = None) -> Comparison:
    """Compare two runs of one suite, by the lines they wrote."""
    old, new = _tests(before), _tests(after)
    pairs, gone, added = _match(old, new)
    differences = []
    for name, (left, right) in pairs.items():
        changes = changes_of(left, right, slower=slower)
        if left["test"] != right["test"]:
            changes.append(Change("test_renamed", f"the test was {left['test']}"))
        if changes:
            differences.append(Difference(name, changes))
    differences += [Difference(name, [Change("test_gone", "the test is gone")]) for name in gone]
    differences += [Difference(name, [*_new_test(new[name])]) for name in added]
    found = Comparison(len(pairs) + len(gone) + len(added), differences, _rises(pairs.values()), rules)
    # What is worse comes first.
    differences.sort(key=lambda each: not any(found.is_worse_change(change) for change in each.changes))
    return found


def _new_test(test: Line) -> list[Change]:
    found = [Change("finding", f"new finding {f['name']}: {f['summary']}") for f in test["findings"]]
    wrong = test["outcome"] in ("failed", "error", "interrupted")
    failed = [Change("failed", f"a new test has the outcome {test['outcome']}")] if wrong else []
    return [*failed, *found, Change("test_new", "the test is new")]


def _tests(lines: Iterable[Line]) -> dict[str, Line]:
    """The last attempt at each test, in order of their names: workers finish in any order."""
    found = {line["test"]: _slim(line) for line in lines if line["kind"] == "test"}
    return dict(sorted(found.items()))


def _slim(test: Line) -> Line:
    """A test without the payloads that are not compared: two runs of a suite have to fit into memory."""
    kept = ("chat_model", "llm", "tool")
    for run in test["runs"]:
        run["outputs"] = run["metadata"] = None
        if run["type"] not in kept:
            # Siblings of one name are told apart by their inputs.
            run["inputs"] = hash(json.dumps(run["inputs"], sort_keys=True))
    return test


def _match(
    old: Mapping[str, Line], new: Mapping[str, Line]
) -> tuple[dict[str, tuple[Line, Line]], list[str], list[str]]:
    """Tests by their ids; what is left by name and tree, then by a tree that only one test has on each side."""
    pairs = {name: (old[name], new[name]) for name in new if name in old}
    gone = [name for name in old if name not in new]
    added = [name for name in new if name not in old]
    for key in (_name_and_tree, _tree):
        left, right = _only(key, gone, old), _only(key, added, new)
        for shared in [each for each in left if each in right]:
            pairs[right[shared]] = (old[left[shared]], new[right[shared]])
            gone.remove(left[shared])
            added.remove(right[shared])
    return dict(sorted(pairs.items())), gone, added


def _only(key: Any, names: Iterable[str], tests: Mapping[str, Line]) -> dict[str, str]:
    """The tests that alone have their key."""
    found: dict[str, list[str]] = {}
    for name in names:
        value = key(tests[name])
        if value is not None:
            found.setdefault(value, []).append(name)
    return {value: alike[0] for value, alike in found.items() if len(alike) == 1}


def _name_and_tree(test: Line) -> str:
    return f"{test['test'].split('::')[-1]}\n{tree_of(test['runs']).shape}"


def _tree(test: Line) -> str | None:
    """The tree of a test, where it says enough to recognise one by."""
    return tree_of(test["runs"]).shape if len(test["runs"]) > 1 else None


def _rises(pairs: Iterable[tuple[Line, Line]]) -> dict[str, float]:
    listed = list(pairs)
    found = {}
    for rule, field in _SUMS.items():
        old, new = (sum(pair[side]["totals"][field] for pair in listed) for side in (0, 1))
        found[rule] = 100 * (new - old) / old if old else (100.0 if new else 0.0)
    return found


def _plain(text: str) -> str:
    """A line of Markdown that shows *text* as it is."""
    return re.sub(r"([\\`*_\[\]<>#|~&])", r"\\\1", text)
