"""Why a branch of `any_order` found no run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pytest_lc_callbacks._recording.events import Run
from pytest_lc_callbacks._recording.mismatch import Mismatch, NoSuchEvent, WrongEvent, quote_item
from pytest_lc_callbacks._recording.nearest import find_nearest
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, render_items
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._words import count, first_lines, more, truncate

Read = Callable[[Sequence[Item], Selection], Mismatch | None]


class Unserved(NamedTuple):
    """What a message says of a branch that found no run."""

    detail: str
    """Why, in one line."""

    position: int | None = None
    """Where the log has the event that parts a run from the branch."""

    wanted: str = ""
    """What the branch has there."""

    evidence: tuple[str, ...] = ()
    """The branch, and what each run sent."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why `any_order` cannot begin at an event."""

    rank: tuple[int, int]
    """How many branches have a run, and how many runs began; a message tells the reason that ranks highest."""

    at: int
    why: Unserved
    unserved: int | None = None
    """The number of a branch that found no run."""

    runs: tuple[Selection, ...] = ()
    """What each run that began there sent; first those that no other branch has."""


class Sent(NamedTuple):
    """A run, and its events with those of the runs under it."""

    run: Run
    events: Selection


def explain_unserved(
    group: AnyOrder, runs: Sequence[Sent], unserved: int, served: Mapping[int, int], read: Read
) -> Unserved:
    """
    Why no run is left for the branch *unserved* of *group*.

    Args:
        group: The `any_order`.

        runs: The runs that began there, one for each branch.

        unserved: The number of the branch.

        served: Which branch each of the other runs serves, by their numbers.

        read: Returns where a branch and the events of one run part.
    """
    lines = []
    for number, (run, events) in enumerate(runs):
        as_branch = f"   = branch {served[number] + 1}" if number in served else ""
        lines.append(f"    {run.label} sent {_list_names(events.names)}{as_branch}")
    branch = group.branches[unserved]
    left = [each for number, each in enumerate(runs) if number not in served]
    evidence = f"  branch {unserved + 1} is {render_items(branch)}", *first_lines(lines, 6, "    ", "run")
    return _compare(branch, unserved + 1, left, runs, read)._replace(evidence=evidence)


def _compare(branch: Sequence[Item], number: int, left: Sequence[Sent], runs: Sequence[Sent], read: Read) -> Unserved:
    """What the runs that are *left* sent instead, in words."""
    mismatches = [(read(branch, sent.events), sent) for sent in left]
    parted = [(mismatch, sent) for mismatch, sent in mismatches if mismatch is not None]
    assert parted, "a run that matches a branch serves it"
    free = next((mismatch for mismatch, _ in parted if isinstance(mismatch, NoSuchEvent)), None)
    if free is not None and len(parted) == sum(isinstance(mismatch, NoSuchEvent) for mismatch, _ in parted):
        return _describe_unsent(free.expected[0], number, [*left, *(each for each in runs if each not in left)])
    mismatch, sent = max(parted, key=lambda pair: _closeness(*pair))
    wanted = " or ".join(truncate(quote_item(item)) for item in mismatch.expected) or "nothing more"
    if _closeness(mismatch, sent) == (0, False):
        return Unserved(f"no run there begins with {wanted}, as branch {number} does")
    where = f"in branch {number}{' at best' if len(parted) > 1 else ''}, "
    if mismatch.at >= len(sent.events):
        return Unserved(f"{where}{sent.run.label} sent only {count(mismatch.at, 'event')}, and no {wanted}")
    found = mismatch.found(sent.events) if isinstance(mismatch, WrongEvent) else repr(sent.events.names[mismatch.at])
    detail = f"{where}event {mismatch.at + 1:,} of {sent.run.label} is {found}, not {wanted}"
    return Unserved(detail, sent.events.positions[mismatch.at], f"{wanted} in branch {number}")


def _closeness(mismatch: Mismatch, sent: Sent) -> tuple[int, bool]:
    """How many events of a run are right, and whether the next one has the right name at least."""
    names = {item.name if isinstance(item, EventPattern) else item for item in mismatch.expected}
    has_name = mismatch.at < len(sent.events) and sent.events.names[mismatch.at] in names
    return mismatch.at, has_name


def _describe_unsent(item: Item, number: int, runs: Sequence[Sent]) -> Unserved:
    """No run sent an *item* that may come anywhere in branch *number*: what the nearest event has instead."""
    wanted = quote_item(item)
    if isinstance(item, EventPattern) and item.attributes:
        for _, events in runs:
            nearest = find_nearest(item, events, range(len(events)))
            differing = item.differing(events, nearest) if nearest is not None else None
            if nearest is not None and differing is not None:
                run = events.run(nearest)
                of = f" of {run.label}" if run is not None else ""
                there = f"{events.names[nearest]}{of} has {differing[1]}"
                detail = f"branch {number} found no run: {there}, not as in {wanted}"
                return Unserved(detail, events.positions[nearest], f"{wanted} in branch {number}")
    return Unserved(f"none of the {count(len(runs), 'run')} there sent {wanted}, as branch {number} says")


def _list_names(names: Sequence[str], limit: int = 8) -> str:
    """Names for a message, cut in the middle."""
    if len(names) <= limit:
        return ", ".join(names)
    return ", ".join([*names[: limit - 2], more(len(names) - limit + 1), names[-1]])
