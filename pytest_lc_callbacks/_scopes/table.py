"""ScopeTable: who heard which run, as plain data that prints as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_lc_callbacks._recording import Recording, Run, RunTree
from pytest_lc_callbacks._scopes.comparison import ScopeComparison
from pytest_lc_callbacks._scopes.observed_runs import ObservedRuns
from pytest_lc_callbacks._scopes.payloads import render_hearings
from pytest_lc_callbacks._words import repr_short, truncate

# A wider table gets numbers for column heads.
_WIDTH = 120
_LONGEST_NAME = 60
# A longer table repeats its heads at the end.
_SCREEN = 40


@dataclass(frozen=True)
class ScopeTable:
    """
    Who heard which run; ``print`` it.

    Plain data: ``columns`` and ``rows`` compare with ``==``, and ``json`` takes them.
    """

    columns: tuple[str, ...]
    """The names of the recordings."""

    rows: list[tuple[str, ...]] = field(default_factory=list, hash=False)
    """For each run its name and what each recording heard of it: ``"heard"``, ``"missed"``, ``"heard twice"`` ..."""

    _leads: list[str] = field(default_factory=list, repr=False, compare=False)
    """The branches of the tree before each run's name."""

    def __str__(self) -> str:
        if not self.rows:
            return "(no runs)"
        names = [truncate(lead + row[0], _LONGEST_NAME) for lead, row in zip(self._leads, self.rows, strict=True)]
        lines = [(name, *row[1:]) for name, row in zip(names, self.rows, strict=True)]
        heads, legend = self._heads(max(map(len, names)))
        repeated = [("", *heads)] if heads and len(lines) > _SCREEN else []
        return "\n".join([*legend, *_align([("", *heads), *lines, *repeated] if heads else lines)])

    def _heads(self, width: int) -> tuple[tuple[str, ...], list[str]]:
        """The heads of the columns, and the lines that explain them where they are numbers."""
        cells = [max(len(row[column]) for row in self.rows) for column in range(1, len(self.columns) + 1)]
        wide = width + sum(3 + max(len(head), cell) for head, cell in zip(self.columns, cells, strict=True))
        if wide <= _WIDTH:
            return self.columns, []
        numbers = tuple(str(number) for number in range(1, len(self.columns) + 1))
        return numbers, [*(f"{n} = {name}" for n, name in zip(numbers, self.columns, strict=True)), ""]


def compare_recordings(observed: ObservedRuns, recordings: Mapping[str, Recording]) -> ScopeTable:
    """
    A row for each run in scope, a column for each of *recordings*.

    Raises:
        TypeError: If one of *recordings* is not a `Recording`.
    """
    for name, recording in recordings.items():
        if not isinstance(recording, Recording):
            raise TypeError(
                f"table({name}=...) takes a Recording, not {repr_short(recording)}: "
                "for a handler of your own pass what spy_on(handler) returns"
            )
    comparisons = {name: ScopeComparison(recording, observed) for name, recording in recordings.items()}
    told = {name: render_hearings(comparison, observed.in_scope) for name, comparison in comparisons.items()}
    return _draw(RunTree(observed.in_scope, observed.parent_of), told)


def draw_table(tree: RunTree, comparisons: Mapping[str, ScopeComparison]) -> ScopeTable:
    """A row for each run in *tree*, a column for each of *comparisons* under its name; no payloads are compared."""
    told = {
        name: {run: str(hearing) for run, hearing in comparison.hearings.items()}
        for name, comparison in comparisons.items()
    }
    return _draw(tree, told)


def _draw(tree: RunTree, told: Mapping[str, Mapping[Run, str]]) -> ScopeTable:
    walk = list(tree.walk())
    rows = [(run.label, *(column[run] for column in told.values())) for _, run in walk]
    return ScopeTable(tuple(told), rows, [lead for lead, _ in walk])


def _align(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["   ".join(f"{c:<{w}}" for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
