"""Measure several ways of doing one thing side by side, so that the ratio is trusted where the times are not."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median

# Makes what is measured. Called afresh for each round, since a recorder that is full costs more than an empty one.
Prepare = Callable[[], Callable[[], object]]


def compare(title: str, ways: Mapping[str, Prepare], *, baseline: str, rounds: int = 7, per: int = 1) -> None:
    """
    Print each way's median time and its ratio to the *baseline*.

    Args:
        title: What is done.

        ways: By name, what prepares one round of it; preparing is not measured.

        baseline: The name of the way that the others are compared with.

        rounds: How often each way is run, after one run that does not count.

        per: How many events or calls one run is made of; times are printed for one.
    """
    times = measure(ways, rounds=rounds)
    print(f"\n{title} (median of {rounds})")
    width = max(map(len, ways))
    for name, taken in times.items():
        # Round by round: a machine that is slow for a while is slow for all ways alike.
        ratio = median(one / other for one, other in zip(taken, times[baseline], strict=True))
        print(f"  {name:<{width}}  {_readable(median(taken) / per):>9}  {ratio:6.2f} x")


def measure(ways: Mapping[str, Prepare], *, rounds: int) -> dict[str, list[float]]:
    """The seconds that each way took in each round, the ways taking turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for prepare in ways.values():
        prepare()()
    for number in range(rounds):
        # In turn from the front and from the back, so that no way always follows the same other.
        for name in ways if number % 2 else reversed(list(ways)):
            times[name].append(seconds(ways[name]()))
    return times


def seconds(run: Callable[[], object]) -> float:
    """How long *run* takes, with the garbage collector on as in real life, but without the garbage of others."""
    gc.collect()
    start = time.perf_counter()
    # Kept until the clock has stopped: to free it is not part of the work.
    result = run()
    taken = time.perf_counter() - start
    del result
    return taken


def _readable(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds / 1e-9:.0f} ns"
