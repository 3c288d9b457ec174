"""Whether a handler was sent what the observer was sent: a handler in between may have written into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_lc_callbacks._recording import Recording, Run
from pytest_lc_callbacks._scopes.comparison import ScopeComparison

OTHER_PAYLOAD = "other payload"

_CONTAINERS = (list, tuple, dict)
_SETS = (set, frozenset)
_PLAIN = (str, int, float, bool, type(None))
# Recorders copy the outermost containers, and messages come in a list of lists.
_DEPTH = 4


def sent_otherwise(recording: Recording, runs: Iterable[Run]) -> set[Run]:
    """Those of the observed *runs* of which *recording* has an event with another payload."""
    theirs: dict[Any, list[Run]] = {}
    for run in recording.runs:
        theirs.setdefault(run._id_key, []).append(run)
    ours: dict[Any, list[Run]] = {}
    for run in runs:
        ours.setdefault(run._id_key, []).append(run)
    # Where an id comes back, nobody can tell which run is which.
    once = {run_id: alike[0] for run_id, alike in ours.items() if len(alike) == 1 == len(theirs.get(run_id, ()))}
    return {run for run_id, run in once.items() if _differs(run, theirs[run_id][0])}


def render_hearings(comparison: ScopeComparison, runs: Iterable[Run]) -> dict[Run, str]:
    """What the recording heard of each of *runs*, in words: ``"heard"``, ``"missed"``, ``"heard, other payload"``."""
    told = {run: str(comparison.hearings[run]) for run in runs}
    complete = [run for run in told if comparison.hearings[run].complete]
    return told | dict.fromkeys(sent_otherwise(comparison.recording, complete), f"heard, {OTHER_PAYLOAD}")


def _differs(run: Run, heard: Run) -> bool:
    if run.names != heard.names:
        return False
    pairs = zip(run.events, heard.events, strict=True)
    return any(not _same_payload(observed.payload, event.payload) for observed, event in pairs)


def _same_payload(observed: Mapping[str, Any], heard: Mapping[str, Any]) -> bool:
    return all(_same(value, heard[name], _DEPTH) for name, value in observed.items() if name in heard)


def _same(a: Any, b: Any, depth: int) -> bool:
    """Whether two payloads are one, or containers of the same things; no code of theirs is run."""
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b) or depth == 0:
        return False
    if kind in _PLAIN:
        # A number that is none equals nothing, itself included.
        return bool(a == b) or a != a
    if kind in _SETS:
        # Which are copies too; of things that their own code would compare.
        return set(map(id, a)) == set(map(id, b))
    if kind not in _CONTAINERS or len(a) != len(b):
        return False
    if kind is dict and not all(type(name) is str for name in a):
        # Keys of another type are not looked up, which asks them; copies have them in the same order.
        return _same([*a.items()], [*b.items()], depth)
    if kind is dict:
        return all(name in b and _same(value, b[name], depth - 1) for name, value in a.items())
    return all(_same(x, y, depth - 1) for x, y in zip(a, b, strict=True))
