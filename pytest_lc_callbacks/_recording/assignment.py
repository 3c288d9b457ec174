"""Which candidate serves which place, if each serves one: runs for branches, tools that ran for expected ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

Fits = Callable[[int, int], bool]
"""Whether a branch and a run fit, by their numbers."""


def assign(branches: int, runs: int, fits: Fits, *, stops: bool = False) -> tuple[int | None, dict[int, int]]:
    """
    Give each of so many *branches* one of so many *runs* that it fits.

    Augmenting paths, as in the assignment problem: polynomial, where trying every order would not end. *fits* is asked
    no more often than needed, and once for each pair.

    Args:
        branches: How many branches there are.

        runs: How many runs there are.

        fits: Whether a branch and a run fit.

        stops: Whether to stop at a branch that is left without a run.

    Returns:
        The first branch that is left without a run, or None; and which branch each run serves.
    """
    fits = cache(fits)
    branch_of: dict[int, int] = {}
    run_of: dict[int, int] = {}
    unserved: list[int] = []
    for start in range(branches):
        reached_from: dict[int, int] = {}
        free = _free_run(start, runs, fits, branch_of, reached_from)
        if free is None:
            unserved.append(start)
            if stops:
                break
        while free is not None:
            branch = reached_from[free]
            branch_of[free] = branch
            run_of[branch], free = free, run_of.get(branch)
    return (unserved[0] if unserved else None), branch_of


def _free_run(start: int, runs: int, fits: Fits, branch_of: dict[int, int], reached_from: dict[int, int]) -> int | None:
    """
    A run without a branch that the branch *start* can have if other branches change their runs.

    *reached_from* maps each run on the way to the branch that takes it.
    """
    free = [run for run in range(runs) if run not in branch_of]
    waiting = [start]
    for branch in waiting:
        for run in free:
            if fits(branch, run):
                reached_from[run] = branch
                return run
        for run, other in branch_of.items():
            if run not in reached_from and fits(branch, run):
                reached_from[run] = branch
                waiting.append(other)
    return None
