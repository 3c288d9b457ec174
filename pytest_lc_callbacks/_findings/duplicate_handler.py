"""Two instances of one handler class that hear the same runs: the finding ``duplicate_handler``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

from pytest_lc_callbacks import _causes, _words
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._findings.handler_lists import Known, Start
from pytest_lc_callbacks._recording import Run, id_key
from pytest_lc_callbacks._scopes import Given, ObservedRuns
from pytest_lc_callbacks._values import class_name

_SHOWN = 5
# How the methods begin that a handler may have for a run with this start.
_METHODS = {
    "on_chat_model_start": ("on_llm_", "on_chat_model_", "on_stream_"),
    "on_llm_start": ("on_llm_",),
    "on_chain_start": ("on_chain_",),
    "on_tool_start": ("on_tool_",),
    "on_retriever_start": ("on_retriever_",),
}


@dataclass
class _Twins:
    """The instances of one class that are alike, and the runs that they heard."""

    runs: dict[Run, None] = field(default_factory=dict)
    known: dict[int, tuple[Any, Known]] = field(default_factory=dict)


def duplicate_handlers(starts: Iterable[Start], observed: ObservedRuns) -> Iterator[Finding]:
    """
    A finding for each class of handlers of which two instances, made in the same way, heard the same run.

    Args:
        starts: The starts of runs that several instances of one class were sent.

        observed: The runs; those that are not the test's own are left aside.
    """
    runs = {run._id_key: run for run in observed.own_runs}
    found: dict[int, _Twins] = {}
    for start in list(starts):
        run = runs.get(id_key(start.run_id))
        for alike in _alike(start) if run is not None else ():
            if run is None or _is_on_purpose(run, alike, observed):
                continue
            twins = found.setdefault(id(type(alike[0][0])), _Twins())
            twins.runs[run] = None
            twins.known |= {id(handler): (handler, known) for handler, known in alike}
    for twins in found.values():
        yield _finding(twins, runs)


def _is_on_purpose(run: Run, alike: list[tuple[Any, Known]], observed: ObservedRuns) -> bool:
    """
    Whether the handlers came to *run* side by side, in one list; also where that is not certain, as in a batch.

    Code that keeps each in a variable, and looks at each after the call, has made two on purpose as well.

    Those that came from different places, such as a constructor, the call and an integration, are one too many.
    """
    around, ids, first = [run], {id(handler) for handler, _ in alike}, {id_key(known.run_id) for _, known in alike}
    while (outer := observed.parent_of(around[-1])) is not None:
        around.append(outer)
    root = observed.given(around[-1])
    if (
        root is None
        or ids <= root.told_apart
        or any(given and _is_one_list(ids, given) for given in map(observed.given, around))
    ):
        return True
    # Somebody added both at once to the handlers of a run inside.
    return len(first) == 1 and id_key(around[-1].run_id) not in first


def _is_one_list(ids: set[int], given: Given) -> bool:
    """Whether somebody wrote these handlers side by side: all in the list of the call, or all in its with_config."""
    from_binding = ids & given.from_binding
    return ids <= given.listed and from_binding in (set(), ids)


def _alike(start: Start) -> Iterator[list[tuple[Any, Known]]]:
    """The handlers of a run in groups of several that nothing tells apart."""
    groups: list[list[tuple[Any, Known]]] = []
    for handler, known in start.handlers:
        if known.state is None or not _handles(handler, start.event):
            continue
        for group in groups:
            other, other_known = group[0]
            if type(other) is type(handler) and other is not handler and other_known.state == known.state:
                if not any(handler is each for each, _ in group):
                    group.append((handler, known))
                break
        else:
            groups.append([(handler, known)])
    yield from (group for group in groups if len(group) > 1)


def _handles(handler: Any, event: str) -> bool:
    """Whether *handler* has a method of its own for a run that began with this *event*."""
    names = [name for name in dir(BaseCallbackHandler) if name.startswith(_METHODS.get(event, ("on_",)))]
    empty = {
        id(inspect.getattr_static(base, name, None))
        for base in (BaseCallbackHandler, AsyncCallbackHandler)
        for name in names
    }
    return any(id(inspect.getattr_static(handler, name, None)) not in empty for name in names)


def _finding(twins: _Twins, runs: Mapping[Any, Run]) -> Finding:
    handlers = list(twins.known.values())
    name, heard = class_name(type(handlers[0][0])), list(twins.runs)
    labels = list(dict.fromkeys(run.label for run in heard))
    first = [runs[key].label if (key := id_key(known.run_id)) in runs else "an earlier run" for _, known in handlers]
    begins = f"one began with {', one with '.join(first)}" if len(set(first)) > 1 else f"each began with {first[0]}"
    return Finding(
        name="duplicate_handler",
        summary=f"expected one {name} to hear each run, but {len(handlers):,} instances of it heard {labels[0]}",
        details=(
            *_words.first_lines([f"  and {label}" for label in labels[1:]], _SHOWN, "  "),
            f"  {begins}, and nothing that they were made with tells them apart",
            _causes.TWO_INSTANCES.hint(),
        ),
        handler=handlers[-1][0],
        runs=tuple(heard),
    )
