"""Two run trees of one test laid beside each other, by name, type and order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_BRANCHES = re.compile(r"(?<=^RunnableParallel)<.*>$|(?<=^RunnableAssign)<.*>$")


@dataclass(eq=False, slots=True)
class Node:
    """A run of a test's line, as far as comparisons ask."""

    run: Mapping[str, Any]
    parent: Node | None
    children: list[Node] = field(default_factory=list)
    shape: str = ""
    """Names and types of it and all below it."""

    @property
    def key(self) -> tuple[str, str]:
        """What a run is recognised by."""
        # RunnableParallel<a,b> has the names of its branches in its own.
        return _BRANCHES.sub("", str(self.run["name"])), str(self.run["type"])

    @property
    def end(self) -> float:
        """When it ended, in milliseconds; an open run has not."""
        duration = self.run["duration"]
        return float("inf") if duration is None else float(self.run["start"] + duration)

    @property
    def path(self) -> str:
        """The names from the root to it."""
        node: Node | None = self
        names = []
        while node is not None and node.parent is not None:
            names.append(str(node.run["name"]))
            node = node.parent
        return " > ".join(reversed(names))

    def below(self) -> Iterator[Node]:
        """It and the runs under it, each before its children."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


@dataclass(slots=True)
class Alignment:
    """Which runs correspond, and which have nothing to correspond to."""

    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    renamed: list[tuple[Node, Node]] = field(default_factory=list)
    moved: list[tuple[Node, Node]] = field(default_factory=list)
    reordered: list[tuple[Node, Node]] = field(default_factory=list)
    gone: list[Node] = field(default_factory=list)
    added: list[Node] = field(default_factory=list)


def tree_of(runs: Sequence[Mapping[str, Any]]) -> Node:
    """The runs as a tree under a root of its own."""
    root = Node({"name": "", "type": None, "start": 0, "duration": None}, None)
    nodes: list[Node] = []
    for run in runs:
        parent = root if run["parent"] is None else nodes[run["parent"]]
        node = Node(run, parent)
        parent.children.append(node)
        nodes.append(node)
    for node in reversed(nodes):
        node.shape = _shape(node)
    root.shape = _shape(root)
    return root


def _shape(node: Node) -> str:
    # Siblings in order of their shapes: what runs side by side starts in any order.
    name, kind = node.key
    return f"{json.dumps(name)}:{kind}({','.join(sorted(child.shape for child in node.children))})"


def align(before: Node, after: Node) -> Alignment:
    """Lay the trees under two roots beside each other."""
    found = Alignment()
    waiting = [(before, after)]
    while waiting:
        old, new = waiting.pop()
        waiting += reversed(_align_children(old, new, found))
    _find_moved(found)
    found.pairs.sort(key=lambda pair: pair[1].run["id"])
    return found


def _align_children(old: Node, new: Node, found: Alignment) -> list[tuple[Node, Node]]:
    pairs = list(_same_keys(old.children, new.children))
    known_old, known_new = {id(a) for a, _ in pairs}, {id(b) for _, b in pairs}
    gone = [node for node in old.children if id(node) not in known_old]
    added = [node for node in new.children if id(node) not in known_new]
    renamed = _renamed(gone, added)
    found.renamed += renamed
    found.gone += [node for node in gone if all(node is not a for a, _ in renamed)]
    found.added += [node for node in added if all(node is not b for _, b in renamed)]
    found.pairs += pairs
    found.reordered += _reordered(pairs)
    return sorted([*pairs, *renamed], key=lambda pair: pair[1].run["id"])


def _same_keys(old: Sequence[Node], new: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """Siblings with one name and type: those most alike first, then in order."""
    free: dict[tuple[str, str], list[Node]] = {}
    for node in new:
        free.setdefault(node.key, []).append(node)
    left = list(old)
    for is_alike in _LIKENESS:
        later = []
        for node in left:
            others = free.get(node.key, [])
            at = next((at for at, other in enumerate(others) if is_alike(node, other)), None)
            if at is None:
                later.append(node)
            else:
                yield node, others.pop(at)
        left = later


def _same_branch(a: Node, b: Node) -> bool:
    # The branches of a RunnableParallel have one input, and often one name.
    return _branch(a) == _branch(b)


def _same_inputs(a: Node, b: Node) -> bool:
    return bool(a.run.get("inputs") == b.run.get("inputs"))


def _branch(node: Node) -> str | None:
    return next((str(tag) for tag in node.run.get("tags", ()) if tag.startswith("map:key:")), None)


# How sure it is that two siblings of one name are the same run, the surest first.
_LIKENESS: tuple[Callable[[Node, Node], bool], ...] = (
    lambda a, b: _same_branch(a, b) and a.shape == b.shape and _same_inputs(a, b),
    lambda a, b: _same_branch(a, b) and _same_inputs(a, b),
    lambda a, b: _branch(a) is not None and _same_branch(a, b),
    _same_inputs,
    lambda a, b: True,
)


def _renamed(gone: Sequence[Node], added: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Runs of one type that did the same under another name, at the same place among those without partner."""
    pairs = []
    left = list(added)
    for node in gone:
        alike = [other for other in left if other.run["type"] == node.run["type"] and _did_the_same(node, other)]
        if alike:
            pairs.append((node, alike[0]))
            left.remove(alike[0])
    return pairs


def _did_the_same(old: Node, new: Node) -> bool:
    inside = [sorted(child.shape for child in node.children) for node in (old, new)]
    if inside[0] != inside[1]:
        return False
    return bool(inside[0]) or old.run.get("inputs") == new.run.get("inputs")


def _reordered(pairs: Sequence[tuple[Node, Node]]) -> list[tuple[Node, Node]]:
    """Siblings that come later than one which they came before, unless they ever ran side by side."""
    by_old = sorted(pairs, key=lambda pair: pair[0].run["id"])
    moved = []
    latest: tuple[Node, Node] | None = None
    for pair in by_old:
        if latest is not None and pair[1].run["id"] < latest[1].run["id"]:
            is_alike = latest[1].key == pair[1].key
            if not is_alike and not any(_beside(latest[side], pair[side]) for side in (0, 1)):
                moved.append(pair)
        else:
            latest = pair
    return moved


def _beside(a: Node, b: Node) -> bool:
    step = _step(a)
    if step is not None and step == _step(b):
        return True
    return bool(a.run["start"] < b.end and b.run["start"] < a.end)


def _step(node: Node) -> str | None:
    """What runs that LangChain starts side by side have in common."""
    if _branch(node) is not None:
        return "map"
    return next((str(tag) for tag in node.run.get("tags", ()) if tag.startswith("graph:step:")), None)


def _find_moved(found: Alignment) -> None:
    """Of what is gone here and added there, the same subtree is one that moved."""
    places: dict[str, list[Node]] = {}
    for top in found.added:
        for node in top.below():
            places.setdefault(node.shape, []).append(node)
    kept = []
    for node in found.gone:
        there = places.get(node.shape, ())
        if not there:
            kept.append(node)
            continue
        new = there[0]
        places[node.shape].remove(new)
        found.moved.append((node, new))
        found.pairs += list(_pairs_below(node, new))
        if any(new is top for top in found.added):
            found.added = [top for top in found.added if top is not new]
    found.gone = kept


def _pairs_below(old: Node, new: Node) -> Iterator[tuple[Node, Node]]:
    """The runs of two subtrees of one shape."""
    waiting = [(old, new)]
    while waiting:
        a, b = waiting.pop()
        yield a, b
        by_shape = [sorted(node.children, key=lambda child: child.shape) for node in (a, b)]
        waiting += list(zip(*by_shape, strict=True))
