"""What changed in one test: findings, runs, handlers, models, prompts, tools, tokens, time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from pytest_lc_callbacks._report.align import Alignment, Node, align, tree_of
from pytest_lc_callbacks._scopes import OTHER_PAYLOAD
from pytest_lc_callbacks._words import count, listing, one_line, truncate

MODELS = ("chat_model", "llm")
_BAD = ("failed", "error", "interrupted")
_NAMES = 3
_ONCE = ("missed", "heard partly", "heard", OTHER_PAYLOAD)


class Change(NamedTuple):
    """One thing that changed in a test."""

    rule: str
    """Its kind, as ``--fail-on`` names it."""

    text: str
    """What, in a line."""


def changes_of(before: Mapping[str, Any], after: Mapping[str, Any], *, slower: float | None = None) -> list[Change]:
    """
    What changed between two lines of one test, the most telling first.

    Args:
        slower: By which factor a test's runs must take longer before that is no noise; None where it always is.
    """
    found = list(_outcome(before, after))
    found += _findings(before, after)
    if before["watched"] != after["watched"]:
        return [
            *found,
            Change("watched", f"the observer is {'on' if after['watched'] else 'no longer on'} in this test"),
        ]
    aligned = align(tree_of(before["runs"]), tree_of(after["runs"]))
    found += _runs(aligned)
    found += _handlers(aligned, before["handlers"], after["handlers"])
    found += _models(aligned)
    found += _tools(aligned)
    found += _statuses(aligned)
    found += _sums(before["totals"], after["totals"])
    found += _times(before, after, slower)
    where = _first_divergence(aligned)
    return [*found, Change("divergence", f"first divergence: {where}")] if where and found else found


def _outcome(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = before["outcome"], after["outcome"]
    if old == new:
        return
    failure = next((failure["message"] for failure in after["failures"]), "")
    why = f": {truncate(one_line(failure), 160)}" if new in _BAD and failure else ""
    rule = "failed" if new in _BAD and old not in _BAD else "fixed" if old in _BAD and new == "passed" else "outcome"
    yield Change(rule, f"{old} before, {new} now{why}")


def _findings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = (Counter(finding["name"] for finding in test["findings"]) for test in (before, after))
    summaries = {finding["name"]: finding["summary"] for finding in after["findings"]}
    for name in sorted(new - old):
        yield Change("finding", f"new finding {name}: {truncate(one_line(summaries[name]), 160)}")
    for name in sorted(old - new):
        yield Change("fixed", f"the finding {name} is gone")


def _runs(aligned: Alignment) -> Iterator[Change]:
    for old, new in aligned.renamed:
        yield Change("renamed", f"{_kind(new)} {old.run['name']} is now {new.run['name']}")
    retried = [node for node in aligned.added if any(tag.startswith("retry:") for tag in node.run["tags"])]
    if retried:
        yield Change("added", f"{count(len(retried), 'retry', 'retries')} of {_named(retried)}")
    yield from _inside(aligned, "added", [node for node in aligned.added if node not in retried])
    yield from _inside(aligned, "gone", aligned.gone)
    wrapped = {id(node) for top in aligned.added for node in top.below()}
    for old, new in aligned.moved:
        if id(new) in wrapped:
            continue
        place = f"under {new.parent.run['name']}" if new.parent and new.parent.parent else "at the root"
        yield Change("moved", f"{_kind(new)} {old.run['name']} moved, and is now {place}")
    for _, new in aligned.reordered:
        yield Change("moved", f"{_kind(new)} {new.run['name']} comes earlier among the runs beside it")


def _inside(aligned: Alignment, rule: str, nodes: list[Node]) -> Iterator[Change]:
    """Runs that came or went, by the run they are in."""
    by_parent: dict[int, list[Node]] = {}
    for node in nodes:
        by_parent.setdefault(id(node.parent), []).append(node)
    for siblings in by_parent.values():
        parent = siblings[0].parent
        place = f" in {parent.run['name']}" if parent is not None and parent.parent is not None else ""
        known = {id(new): new for _, new in aligned.moved} if rule == "added" else {}
        around = [known[id(node)] for top in siblings for node in top.below() if id(node) in known]
        inside = sum(len(list(node.below())) for node in siblings) - len(siblings)
        inside -= sum(len(list(node.below())) for node in around)
        more = f", around {_named(around)}" if around else ""
        more += f", with {count(inside, 'run')} inside" if inside else ""
        verb = "new" if rule == "added" else "gone"
        yield Change(rule, f"{verb}{place}: {_named(siblings, kinds=True)}{more}")


def _handlers(aligned: Alignment, old_names: list[str], new_names: list[str]) -> Iterator[Change]:
    for name in [name for name in new_names if name not in old_names]:
        yield Change("handler", f"new handler {name}")
    for name in [name for name in old_names if name not in new_names]:
        yield Change("handler", f"the handler {name} is gone")
    pairs = [*aligned.pairs, *aligned.renamed]
    for name in [name for name in old_names if name in new_names]:
        places = old_names.index(name), new_names.index(name)
        heard = [(node, old.run["heard"][places[0]], node.run["heard"][places[1]]) for old, node in pairs]
        lost = [node for node, old, new in heard if old != new and new in ("missed", "heard partly")]
        gained = [node for node, old, new in heard if old in ("missed", "heard partly") and new == "heard"]
        doubled = [node for node, old, new in heard if old != new and new not in _ONCE]
        cured = [node for node, old, new in heard if old not in _ONCE and new == "heard"]
        otherwise = [node for node, old, new in heard if old != new == OTHER_PAYLOAD]
        # What is new and not heard is no loss of what was heard before, but worth a word.
        unheard = [n for top in aligned.added for n in top.below() if n.run["heard"][places[1]] == "missed"]
        if lost:
            yield Change("missed", f"{name} misses {count(len(lost), 'run')} that it heard: {_named(lost)}")
        if unheard and any(old == "heard" for _, old, _ in heard):
            yield Change("missed", f"{name} misses {count(len(unheard), 'new run')}: {_named(unheard)}")
        if gained:
            yield Change("heard", f"{name} hears {count(len(gained), 'run')} that it missed: {_named(gained)}")
        if doubled:
            yield Change("doubled", f"{name} hears {count(len(doubled), 'run')} more than once: {_named(doubled)}")
        if otherwise:
            yield Change(
                "payload", f"{name} gets another payload in {count(len(otherwise), 'run')}: {_named(otherwise)}"
            )
        if cured:
            yield Change("fixed", f"{name} no longer hears {count(len(cured), 'run')} more than once: {_named(cured)}")


def _models(aligned: Alignment) -> Iterator[Change]:
    pairs = [(old.run, new.run) for old, new in aligned.pairs if new.run["type"] in MODELS]
    swapped = {(old.get("model"), new.get("model")) for old, new in pairs if old.get("model") != new.get("model")}
    for before, after in sorted(swapped, key=str):
        yield Change("model", f"the model is {after or 'not named'} instead of {before or 'not named'}")
    for old, new in pairs:
        before_text, after_text = prompt_text(old.get("inputs")), prompt_text(new.get("inputs"))
        if before_text != after_text:
            yield Change("prompt", f"the prompt of {new['name']}: {_difference(before_text, after_text)}")
            # The following prompts repeat what changed in the first.
            break
    streams = [(_streams(old), _streams(new), new) for old, new in pairs]
    for is_on in (True, False):
        changed = [run for before, after, run in streams if before != after and after is is_on]
        if changed:
            names = listing((str(run["name"]) for run in changed), _NAMES)
            yield Change("streaming", f"{names} {'streams now' if is_on else 'streams no longer'}")
    options = [(old, new) for old, new in pairs if _options(old) != _options(new)]
    if options and not swapped:
        old, new = options[0]
        yield Change("options", f"the options of {new['name']}: {_changed_keys(_options(old), _options(new))}")


def _tools(aligned: Alignment) -> Iterator[Change]:
    pairs = [(old.run, new.run) for old, new in aligned.pairs if new.run["type"] == "tool"]
    for old, new in pairs:
        if old.get("inputs") != new.get("inputs"):
            texts = [truncate(one_line(json.dumps(run.get("inputs"), ensure_ascii=False)), 80) for run in (new, old)]
            yield Change("arguments", f"the tool {new['name']} is called with {texts[0]} instead of {texts[1]}")


def _statuses(aligned: Alignment) -> Iterator[Change]:
    changed = [(old.run, new.run) for old, new in aligned.pairs if _end(old.run) != _end(new.run)]
    for old, new in changed[:1]:
        yield Change("status", f"{new['name']} {_end(new)}, and {_end(old)} before")


_SUMS = (
    ("calls", "model_calls", "model call"),
    ("tools", "tool_calls", "tool call"),
    ("tokens", "total_tokens", "token"),
)


def _sums(old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[Change]:
    for rule, field, noun in _SUMS:
        if old[field] != new[field]:
            yield Change(
                rule if new[field] > old[field] else "less", f"{count(new[field], noun)} instead of {old[field]:,}"
            )


def _times(before: Mapping[str, Any], after: Mapping[str, Any], slower: float | None) -> Iterator[Change]:
    old, new = (sum(run["duration"] or 0 for run in test["runs"] if run["parent"] is None) for test in (before, after))
    if slower is not None and old > 0 and new > old * slower:
        yield Change("slower", f"its runs take {new:,.0f} ms instead of {old:,.0f}")


def _first_divergence(aligned: Alignment) -> str:
    nodes = [*aligned.added, *(new for _, new in [*aligned.renamed, *aligned.moved])]
    nodes += [new for old, new in aligned.pairs if _is_changed(old.run, new.run)]
    first = min(nodes, key=lambda node: node.run["id"], default=None)
    if first is not None:
        return first.path
    return f"{aligned.gone[0].path}, which is gone" if aligned.gone else ""


def _is_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if old["heard"] != new["heard"] or _end(old) != _end(new) or old.get("model") != new.get("model"):
        return True
    if new["type"] in MODELS:
        return prompt_text(old.get("inputs")) != prompt_text(new.get("inputs")) or _streams(old) != _streams(new)
    return new["type"] == "tool" and old.get("inputs") != new.get("inputs")


def prompt_text(inputs: Any) -> str:
    """A prompt as text, without the ids of messages and tool calls."""
    if not isinstance(inputs, list):
        return inputs if isinstance(inputs, str) else json.dumps(inputs, sort_keys=True, ensure_ascii=False)
    return "\n".join(_message_text(message) for message in inputs)


def _message_text(message: Any) -> str:
    if not isinstance(message, dict):
        return str(message)
    content = message.get("content", "")
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True, ensure_ascii=False)
    calls = [
        f" calls {call.get('name')}({json.dumps(call.get('args'), sort_keys=True, ensure_ascii=False)})"
        for call in message.get("tool_calls", ())
        if isinstance(call, dict)
    ]
    return f"{message.get('type')}: {text}{''.join(calls)}"


def _difference(old: str, new: str) -> str:
    """The first place where two texts part, by whole words."""
    a, b = old.split(), new.split()
    for tag, i, j, k, m in SequenceMatcher(None, a[:2000], b[:2000], autojunk=False).get_opcodes():
        if tag != "equal":
            before, after = truncate(" ".join(a[i:j]), 60), truncate(" ".join(b[k:m]), 60)
            if not before:
                return f"{after!r} is new"
            return f"{before!r} is now {after!r}" if after else f"{before!r} is gone"
    return "its blanks differ" if len(a) <= 2000 else "it differs after 2,000 words"


def _options(run: Mapping[str, Any]) -> dict[str, Any]:
    options = run.get("options") or {}
    return {name: value for name, value in options.items() if name not in ("model", "model_name")}


def _changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    names = [name for name in [*new, *(key for key in old if key not in new)] if old.get(name) != new.get(name)]
    return listing((f"{name} is {truncate(one_line(json.dumps(new.get(name))), 40)}" for name in names), _NAMES)


def _streams(run: Mapping[str, Any]) -> bool:
    return any(event[0] in ("llm_new_token", "stream_event") for event in run["events"])


def _end(run: Mapping[str, Any]) -> str:
    if run["status"] == "failed" and run["error"]:
        return f"failed with {run['error']['type']}"
    return "ended with an error message" if run.get("failed") else str(run["status"])


def _kind(node: Node) -> str:
    kind = str(node.run["type"] or "run").replace("chat_model", "model").replace("chain", "run")
    return f"the {kind}"


def _named(nodes: Iterable[Node], *, kinds: bool = False) -> str:
    counted = Counter((str(node.run["name"]), _kind(node).removeprefix("the ")) for node in nodes)
    words = [
        f"{kind + ' ' if kinds and kind != 'run' else ''}{name}{f' ({number} times)' if number > 1 else ''}"
        for (name, kind), number in counted.items()
    ]
    return listing(words, _NAMES)
