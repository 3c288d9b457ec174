"""Which candidate serves which place, if each serves one: runs for branches, tools that ran for expected ones."""

from __future__ import annotations


def assign(fits: list[list[bool]]) -> tuple[int | None, dict[int, int]]:
    """
    Give each branch a run of its own that fits it, as ``fits[branch][run]`` says.

    Augmenting paths, as in the assignment problem: polynomial, where trying every order would not end.

    Returns:
        A branch that is left without a run, or None; and which branch each run serves.
    """
    branch_of: dict[int, int] = {}
    run_of: dict[int, int] = {}
    unserved = []
    for start in range(len(fits)):
        reached_from: dict[int, int] = {}
        free = _free_run(fits, start, branch_of, reached_from)
        if free is None:
            unserved.append(start)
        while free is not None:
            branch = reached_from[free]
            branch_of[free] = branch
            run_of[branch], free = free, run_of.get(branch)
    return (unserved[0] if unserved else None), branch_of


def _free_run(
    fits: list[list[bool]], start: int, branch_of: dict[int, int], reached_from: dict[int, int]
) -> int | None:
    """
    A run without a branch that the branch *start* can have if other branches change their runs.

    *reached_from* maps each run on the way to the branch that takes it.
    """
    waiting = [start]
    for branch in waiting:
        for run, fit in enumerate(fits[branch]):
            if not fit or run in reached_from:
                continue
            reached_from[run] = branch
            if run not in branch_of:
                return run
            waiting.append(branch_of[run])
    return None
