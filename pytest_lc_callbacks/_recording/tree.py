"""Run trees written as text by hand, and where they differ from recorded ones."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_lc_callbacks._recording.events import RunTree

_BRANCHES = "│├└─ \t"
# A message draws this many runs before and after the first that differs.
_SHOWN = 20


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
            raise TypeError(f"assert_run_tree takes the tree as a string, not {text!r}")
        top = _Node("")
        path = [(-1, top)]
        for line in textwrap.dedent(text.expandtabs()).splitlines():
            name = " ".join(line.lstrip(_BRANCHES).split())
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
        """What tells *recorded* from this expected tree, as a failure message; None if nothing does."""
        if any_order:
            shapes: dict[tuple[object, ...], int] = {}
            self._sort(shapes)
            recorded._sort(shapes)
        expected_rows, recorded_rows = list(self._rows()), list(recorded._rows())
        if expected_rows == recorded_rows:
            return None
        pairs = zip(expected_rows, recorded_rows, strict=False)
        at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(expected_rows), len(recorded_rows)))
        wanted = expected_rows[at] if at < len(expected_rows) else None
        found = recorded_rows[at] if at < len(recorded_rows) else None
        lines = [f"expected {_place(wanted)}, but {_heard(found, recorded_rows)}"]
        lines += ["  expected:", *self._drawn(at), "  recorded:", *recorded._drawn(at)]
        return "\n".join(lines)

    def _sort(self, shapes: dict[tuple[object, ...], int]) -> None:
        """Put siblings in order of their names; of those with one name, in the order that *shapes* were met in."""
        above: list[_Node] = [_Node("", self.roots)]
        for node in above:
            above += node.children
        shape_of: dict[int, int] = {}
        for node in reversed(above):
            node.children.sort(key=lambda child: (child.name, shape_of[id(child)]))
            shape = (node.name, *(shape_of[id(child)] for child in node.children))
            shape_of[id(node)] = shapes.setdefault(shape, len(shapes))

    def _rows(self) -> Iterator[tuple[int, str, str]]:
        """Depth, name and parent's name of every run, each before its children."""
        waiting = [(0, root, "") for root in reversed(self.roots)]
        while waiting:
            depth, node, parent = waiting.pop()
            yield depth, node.name, parent
            waiting.extend((depth + 1, child, node.name) for child in reversed(node.children))

    def _drawn(self, marked: int) -> list[str]:
        rows = [f"    {'  ' * depth}{name}" for depth, name, _ in self._rows()]
        if marked < len(rows):
            rows[marked] += "   <- here"
        start, stop = max(0, marked - _SHOWN), marked + _SHOWN
        before = [f"    ... {start} before"] if start else []
        after = [f"    ... {len(rows) - stop} after"] if stop < len(rows) else []
        return [*before, *rows[start:stop], *after] or ["    (no runs)"]


def _append(path: list[tuple[int, _Node]], column: int, name: str) -> None:
    """Put a run under the last line that starts further to the left."""
    while path[-1][0] > column:
        path.pop()
    if path[-1][0] == column:
        path.pop()
    elif path[-1][1].children:
        raise ValueError(f"assert_run_tree: {name!r} is indented like no run above it")
    node = _Node(name)
    path[-1][1].children.append(node)
    path.append((column, node))


def _place(row: tuple[int, str, str] | None) -> str:
    if row is None:
        return "no more runs"
    return f"{row[1]!r} under {row[2]!r}" if row[2] else f"{row[1]!r} as a root"


def _heard(row: tuple[int, str, str] | None, rows: list[tuple[int, str, str]]) -> str:
    if row is None:
        return f"the handler heard only {len(rows)} run{'s'[: len(rows) != 1]}" if rows else "nothing was recorded"
    return f"the handler heard {_place(row)}"
