"""Run trees: drawn from a recording, written as text by hand, and where the two differ."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from pytest_lc_callbacks._recording.events import Run
from pytest_lc_callbacks._words import count, label, repr_short

_Row: TypeAlias = tuple[int, str, str]

_BRANCHES = "│├└─ \t"
# A message draws this many runs before and after the first that differs.
_AROUND = 20


class RunTree:
    """
    Runs by parent; ``str()`` of it reads like a directory tree, and it equals a tree of the same names.

    Args:
        runs: The runs, each after its parent.

        parent_of: Which run to draw a run under; its parent if left out.
    """

    def __init__(self, runs: Iterable[Run], parent_of: Callable[[Run], Run | None] = lambda run: run.parent) -> None:
        self.runs: list[Run] = list(runs)
        self._children: dict[Run, list[Run]] = {run: [] for run in self.runs}
        self.roots: list[Run] = []
        for run in self.runs:
            parent = parent_of(run)
            siblings = self.roots if parent is None else self._children.get(parent, self.roots)
            siblings.append(run)

    def children(self, run: Run) -> list[Run]:
        """The runs directly under *run* that belong to this tree."""
        return self._children[run]

    def walk(self) -> Iterator[tuple[str, Run]]:
        """Every run with the branches drawn before its name, each before its children."""
        waiting = [("", "", root) for root in reversed(self.roots)]
        while waiting:
            lead, indent, run = waiting.pop()
            yield lead, run
            children = self.children(run)
            for child in reversed(children):
                last = child is children[-1]
                waiting.append((indent + ("└── " if last else "├── "), indent + ("    " if last else "│   "), child))

    def __str__(self) -> str:
        return "\n".join(lead + run.label for lead, run in self.walk())

    def __repr__(self) -> str:
        return f"<RunTree: {count(len(self.runs), 'run')}, {count(len(self.roots), 'root')}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunTree):
            return NotImplemented
        # Not by their texts: the text of N nested runs has N * N blanks.
        return RunTreeText.of(self).rows() == RunTreeText.of(other).rows()

    # Trees are equal by value; nobody needs a set of them. mypy wants a method here.
    __hash__: ClassVar[None]  # type: ignore[assignment]


@dataclass
class _Node:
    name: str
    children: list[_Node] = field(default_factory=list)


@dataclass
class RunTreeText:
    """A forest of run names."""

    roots: list[_Node]

    @classmethod
    def parse(cls, text: object) -> RunTreeText:
        """
        The tree that *text* draws with indents, or with the branches that ``print(recording.tree)`` draws.

        Raises:
            TypeError: If it is not a string.

            ValueError: If it has no line, or a line is indented like none above it.
        """
        if isinstance(text, RunTree):
            text = str(text)
        if not isinstance(text, str):
            raise TypeError(f"assert_run_tree takes the tree as a string, not {repr_short(text)}")
        top = _Node("")
        path = [(-1, top)]
        for line in textwrap.dedent(text.expandtabs()).splitlines():
            name = label(line.lstrip(_BRANCHES))
            if name:
                _append(path, len(line) - len(line.lstrip(_BRANCHES)), name)
        if not top.children:
            raise ValueError("assert_run_tree needs a line for each run; for none at all write assert_no_events()")
        return cls(top.children)

    @classmethod
    def of(cls, tree: RunTree) -> RunTreeText:
        """The names of a recorded *tree*."""
        nodes = {run: _Node(run.label) for run in tree.runs}
        for run, node in nodes.items():
            node.children = [nodes[child] for child in tree.children(run)]
        return cls([nodes[root] for root in tree.roots])

    def difference(self, recorded: RunTreeText, *, any_order: bool) -> str | None:
        """The failure message if *recorded* differs from this expected tree, else None."""
        if any_order:
            shapes: dict[tuple[object, ...], int] = {}
            self._sort(shapes)
            recorded._sort(shapes)
        expected_rows, recorded_rows = self.rows(), recorded.rows()
        if expected_rows == recorded_rows:
            return None
        pairs = zip(expected_rows, recorded_rows, strict=False)
        at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(expected_rows), len(recorded_rows)))
        wanted = expected_rows[at] if at < len(expected_rows) else None
        found = recorded_rows[at] if at < len(recorded_rows) else None
        lines = [f"expected {_describe(wanted)}, but {_describe_heard(found, recorded_rows)}"]
        lines += ["  expected:", *_draw(expected_rows, at), "  recorded:", *_draw(recorded_rows, at)]
        return "\n".join(lines)

    def rows(self) -> list[_Row]:
        """Depth, name and parent's name of every run, each before its children."""
        rows = []
        waiting = [(0, root, "") for root in reversed(self.roots)]
        while waiting:
            depth, node, parent = waiting.pop()
            rows.append((depth, node.name, parent))
            waiting.extend((depth + 1, child, node.name) for child in reversed(node.children))
        return rows

    def _sort(self, shapes: dict[tuple[object, ...], int]) -> None:
        """Sort siblings by name, then by shape; *shapes* numbers the shapes of both trees."""
        nodes: list[_Node] = [_Node("", self.roots)]
        for node in nodes:
            nodes += node.children
        shape_of: dict[int, int] = {}
        for node in reversed(nodes):
            node.children.sort(key=lambda child: (child.name, shape_of[id(child)]))
            shape = (node.name, *(shape_of[id(child)] for child in node.children))
            shape_of[id(node)] = shapes.setdefault(shape, len(shapes))


def _append(path: list[tuple[int, _Node]], column: int, name: str) -> None:
    """Put a run under the last line that starts further to the left."""
    while path[-1][0] > column:
        path.pop()
    if path[-1][0] == column:
        path.pop()
    elif path[-1][1].children:
        raise ValueError(f"assert_run_tree: {repr_short(name)} is indented like no run above it")
    node = _Node(name)
    path[-1][1].children.append(node)
    path.append((column, node))


def _draw(rows: list[_Row], marked: int) -> list[str]:
    """The rows around the *marked* one, indented by their depth."""
    start, stop = max(0, marked - _AROUND), marked + _AROUND
    lines = [f"    {'  ' * depth}{name}" for depth, name, _ in rows[start:stop]]
    if marked < len(rows):
        lines[marked - start] += "   <- here"
    before = [f"    ... {start:,} before"] if start else []
    after = [f"    ... {len(rows) - stop:,} after"] if stop < len(rows) else []
    return [*before, *lines, *after] or ["    (no runs)"]


def _describe(row: _Row | None) -> str:
    if row is None:
        return "no more runs"
    return f"{row[1]!r} under {row[2]!r}" if row[2] else f"{row[1]!r} as a root"


def _describe_heard(row: _Row | None, rows: list[_Row]) -> str:
    if row is None:
        return f"the handler heard only {count(len(rows), 'run')}" if rows else "nothing was recorded"
    return f"the handler heard {_describe(row)}"
