"""A handler that writes into what LangChain hands to all handlers: the finding ``changed_payload``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pytest_lc_callbacks import _words
from pytest_lc_callbacks._causes import SHARED_PAYLOAD
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._recording import id_key
from pytest_lc_callbacks._scopes import ObservedRuns
from pytest_lc_callbacks._values import class_name

_SHOWN = 5


def changed_payloads(changes: Iterable[tuple[Any, str, str, Any]], observed: ObservedRuns) -> Iterator[Finding]:
    """
    A finding for each handler that wrote into what all handlers are handed.

    Args:
        changes: For each place the handler, the method, the place in words and the id of the run.

        observed: The runs; those that are not the test's own are left aside.
    """
    others = {run._id_key for run in observed.others_runs}
    places: dict[type, Counter[tuple[str, str]]] = {}
    handlers: dict[type, Any] = {}
    for handler, event, place, run_id in list(changes):
        if id_key(run_id) not in others:
            places.setdefault(type(handler), Counter())[event, place] += 1
            handlers.setdefault(type(handler), handler)
    for kind, found in places.items():
        yield _finding(handlers[kind], found)


def _finding(handler: Any, found: Counter[tuple[str, str]]) -> Finding:
    name = class_name(type(handler))
    (event, place), *others = found
    lines = [f"  and {other} into {where}" for other, where in others]
    return Finding(
        name="changed_payload",
        summary=f"expected {name}.{event} to leave what it is handed as it is, but it wrote into {_words.safe(place)}",
        details=(
            *_words.first_lines(lines, _SHOWN, "  "),
            SHARED_PAYLOAD.hint(),
        ),
        handler=handler,
    )
