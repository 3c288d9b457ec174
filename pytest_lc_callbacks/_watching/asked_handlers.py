"""What is proven about a handler of the program's that a plain ``assert`` names, and that nobody spies on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from types import CodeType, FunctionType
from typing import Any

from pytest_lc_callbacks._findings.handler_facts import (
    asked_methods,
    attributes_of,
    handler_facts,
    methods_of,
    tracer_facts,
    unheard_facts,
)
from pytest_lc_callbacks._findings.handler_lists import Sent
from pytest_lc_callbacks._handlers.handler_recording import declines
from pytest_lc_callbacks._recording import Recording, Run, find_remarks
from pytest_lc_callbacks._scopes import ObservedRuns, ScopeComparison, report
from pytest_lc_callbacks._words import hint

# A report lists these where it proves nothing.
_UNPROVEN = "Possible causes:"


class SentRecording(Recording):
    """What LangChain sent a *handler*: the events of those *runs* of the observer whose starts it was sent."""

    def __init__(self, handler: Any, runs: Collection[Run]) -> None:
        positions = sorted(position for run in runs for position in run._positions)
        super().__init__([run._log.event(position) for run in list(runs)[:1] for position in positions])
        self._handler = handler

    @property
    def _asked_since(self) -> float:
        return 0.0

    @property
    def _handler_class(self) -> type:
        return type(self._handler)

    @property
    def _handler_ids(self) -> frozenset[int]:
        return frozenset({id(self._handler)})

    def _declines(self, name: str) -> bool:
        return declines(self._handler, name)


def about_handler(handler: Any, sent: Collection[Sent], observed: ObservedRuns, line: Set[str]) -> Iterator[str]:
    """
    Hints about a *handler* that did not do what a test expects of it.

    Args:
        handler: The handler.

        sent: The starts of runs that LangChain sent it.

        observed: The runs of the test.

        line: The words of the statement that failed.
    """
    keys = {start.run_id for start in sent}
    runs = [run for run in observed.own_runs if run._id_key in keys]
    recording = SentRecording(handler, runs)
    methods = methods_of(type(handler))
    # Where no method has what the line names, it may be about each.
    asked = asked_methods(methods, line)
    wanted = [name.removeprefix("on_") for name in asked] or None
    known = report(ScopeComparison(recording, observed), wanted)
    names = set(recording.names)
    if "chat_model_start" in names and "on_chat_model_start" not in methods:
        # BaseCallbackHandler's own method raises, and LangChain calls on_llm_start instead.
        names.add("llm_start")
    words = _words_of(methods, line, names)
    yield from (hint(proof.remark) for proof in handler_facts(handler, sent, runs, observed, asked or list(methods)))
    yield from (hint(proof.remark) for proof in tracer_facts(handler, runs, line))
    yield from (hint(proof.remark) for proof in find_remarks(words, recording, known))
    proven = [said for said in known.hints if _UNPROVEN not in " ".join(said.split())] if known.missed else []
    yield from proven or (hint(proof.remark) for proof in unheard_facts(handler, recording.runs, observed))


def _words_of(own: Mapping[str, FunctionType], line: Set[str], sent: Collection[str]) -> set[str]:
    """
    The names and constants in those of a handler's *own* methods that use an attribute which the *line* names.

    The names of their events are among them where LangChain *sent* none of these, and no other method uses it.
    """
    found: set[str] = set()
    methods = {name: each for name, each in own.items() if name != "__init__"}
    used = {name: attributes_of(method) for name, method in methods.items()}
    for word in line:
        using = [name for name in methods if word in used[name]]
        events = [name.removeprefix("on_") for name in using if name.startswith("on_")]
        found.update(*(_names(methods[f"on_{event}"].__code__) for event in events))
        if len(events) == len(using) and set(events).isdisjoint(sent):
            found.update(events)
    return found


def _names(code: CodeType) -> Iterator[str]:
    """The names that *code* uses, and the texts in it."""
    yield from code.co_names
    yield from code.co_varnames
    yield from (constant for constant in code.co_consts if type(constant) is str)
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _names(constant)
