"""The finding ``unfinished_run``: runs that are open when a test is over, and that nothing alive can end."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import BaseRunManager

from pytest_lc_callbacks import _causes, _words
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._recording import Run, id_key
from pytest_lc_callbacks._threads import current_frames
from pytest_lc_callbacks._values import ask, module_name

_SHOWN = 5
# `_reach` gives up at this many objects: then nothing is proven, and no run is reported.
_MOST_OBJECTS = 200_000
# Modules whose objects `_reach` does not follow: pytest's lead to everything there is, and hold no run of their own.
_NOT_FOLLOWED = ("_pytest.", "pluggy.", "pytest_lc_callbacks.", "xdist.")


_BY_HAND = "the program drives a callback manager itself, and has not told it that the run ended"


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that nothing alive can end."""

    run: Run

    reason: str
    """Who forgot it: ``"the thread worker is still in it"``."""


@dataclass
class _Found:
    """The objects of this process that may belong to open runs."""

    managers: dict[Any, list[object]] = field(default_factory=dict)
    """For each open run the run managers with which LangChain would end it. Without one, nothing can end it."""

    loops: list[asyncio.AbstractEventLoop] = field(default_factory=list)
    """The event loops that are not closed."""

    suspended: list[Any] = field(default_factory=list)
    """The generators and coroutines."""


def collect_garbage(still_open: Callable[[], list[Run]]) -> list[Run]:
    """What *still_open* gives when abandoned generators and coroutines have been collected."""
    for _ in range(2):
        if not still_open():
            return []
        # A generator that is collected here ends its runs, and may release another one.
        gc.collect()
    return still_open()


def runs_nothing_can_end(
    runs: list[Run], living: Iterable[object], by_hand: Container[Any] = frozenset()
) -> list[OpenRun]:
    """
    Those of *runs* that neither the *living* objects nor an event loop or thread that goes on can reach.

    Args:
        runs: The open runs.

        living: The objects that are still alive when the test is over, such as the values of fixtures of a session.

        by_hand: The ids, as `id_key` gives them, of the runs of a callback manager that the program drives itself.
    """
    found = _search({run._id_key for run in runs})
    roots = [*living, *(root for loop in found.loops for root in _roots_of(loop))]
    reached = _reach(roots)
    if reached is None:
        return []
    return [
        OpenRun(run, _BY_HAND if run._id_key in by_hand else _reason(run, found))
        for run in runs
        if not _may_end(reached, run, found)
    ]


def unfinished_runs(open_runs: Collection[OpenRun]) -> Iterator[Finding]:
    """One finding for all of *open_runs*."""
    if not open_runs:
        return
    runs = [open_run.run for open_run in open_runs]
    # What is open inside an open run has the same cause.
    tops = [open_run for open_run in open_runs if not set(open_run.run.ancestors()) & set(runs)]
    are = f"{len(runs):,} {'is' if len(runs) == 1 else 'are'}"
    names = _words.safe(", ".join(dict.fromkeys(run.label for run in runs)))
    reasons = [f"  {open_run.run.label}: {open_run.reason}" for open_run in tops]
    yield Finding(
        name="unfinished_run",
        summary=f"expected every run to have ended with its test, but {are} still open: {names}",
        details=(*_words.first_lines(reasons, _SHOWN, "  "), _causes.ABANDONED.hint()),
        runs=tuple(runs),
    )


def _search(run_ids: set[Any]) -> _Found:
    found = _Found()
    for candidate in gc.get_objects():
        # By its true type: a proxy may claim to be anything, and do anything when asked.
        kind = type(candidate)
        # Not `in _SUSPENDED`, which hashes the class: its metaclass may do anything, too.
        if kind is types.GeneratorType or kind is types.CoroutineType or kind is types.AsyncGeneratorType:
            found.suspended.append(candidate)
            run_id = id_key(_starting_run(candidate))
            if run_id in run_ids:
                found.managers.setdefault(run_id, []).append(candidate)
        elif issubclass(kind, BaseRunManager):
            run_id = id_key(ask(candidate, "run_id"))
            if run_id in run_ids:
                found.managers.setdefault(run_id, []).append(candidate)
        elif issubclass(kind, asyncio.AbstractEventLoop) and not candidate.is_closed():
            found.loops.append(candidate)
    return found


_SUSPENDED = {types.GeneratorType: "gi_frame", types.CoroutineType: "cr_frame", types.AsyncGeneratorType: "ag_frame"}


def _frame(suspended: object) -> types.FrameType | None:
    frame: types.FrameType | None = getattr(suspended, _SUSPENDED[type(suspended)])
    return frame


def _starting_run(suspended: object) -> Any:
    """The id of the run whose start a coroutine of LangChain's is sending: the run has no run manager yet."""
    frame = _frame(suspended) if type(suspended) is types.CoroutineType else None
    if frame is None or frame.f_globals.get("__name__") != BaseRunManager.__module__:
        return None
    return frame.f_locals.get("run_id")


def _roots_of(loop: asyncio.AbstractEventLoop) -> Iterator[object]:
    """The event loop with the tasks that it goes on with, and the generators that it closes when it shuts down."""
    yield loop
    yield from asyncio.all_tasks(loop)
    yield from list(getattr(loop, "_asyncgens", ()))


@dataclass
class _Reached:
    """The objects that `_reach` came to."""

    ids: set[int] = field(default_factory=set)
    threads: set[int | None] = field(default_factory=set)


def _reach(roots: Iterable[object]) -> _Reached | None:
    """Follow references from *roots*, as the garbage collector does. Returns None if there are too many objects."""
    waiting = deque(roots)
    reached = _Reached()
    # A function refers to the globals of its module, but what uses the function does not use all of them.
    modules: list[object] = list(sys.modules.values())
    module_globals = {id(vars(module)) for module in modules if issubclass(type(module), types.ModuleType)}
    # Objects are kept, since a freed object's id could come to stand for another one.
    kept: list[object] = []
    while waiting:
        candidate = waiting.popleft()
        if id(candidate) in reached.ids or id(candidate) in module_globals or not _is_followed(candidate):
            continue
        reached.ids.add(id(candidate))
        kept.append(candidate)
        if len(kept) > _MOST_OBJECTS:
            return None
        if issubclass(type(candidate), threading.Thread):
            reached.threads.add(ask(candidate, "ident"))
        waiting.extend(_referents(candidate))
    return reached


def _is_followed(candidate: object) -> bool:
    kind = type(candidate)
    if issubclass(kind, (type, types.ModuleType, types.CodeType)):
        return False
    return not module_name(kind).startswith(_NOT_FOLLOWED)


def _referents(candidate: Any) -> list[Any]:
    referents = gc.get_referents(candidate)
    if issubclass(type(candidate), types.FrameType):
        # The frames around it are not part of it.
        return [referent for referent in referents if referent is not candidate.f_back]
    if issubclass(type(candidate), types.FunctionType):
        return [referent for referent in referents if referent is not candidate.__globals__]
    return referents


def _may_end(reached: _Reached, run: Run, found: _Found) -> bool:
    """Whether an object or a thread that was *reached* may still end *run*."""
    if run.events[0].thread in reached.threads:
        return True
    return any(id(manager) in reached.ids for manager in found.managers.get(run._id_key, ()))


def _reason(run: Run, found: _Found) -> str:
    """Who forgot *run*, as far as the facts prove it."""
    managers = {id(manager) for manager in found.managers.get(run._id_key, ())}
    thread = next((thread for thread in threading.enumerate() if _works_on(thread, managers)), None)
    if thread is not None:
        return f"the thread {thread.name} is still in it"
    for suspended in found.suspended:
        if not managers & _local_ids(_frame(suspended)):
            continue
        if not issubclass(type(suspended), types.CoroutineType):
            return "something still refers to its stream, which nobody reads to its end or closes"
        if inspect.getcoroutinestate(suspended) != inspect.CORO_CREATED:
            return "something still refers to its coroutine, which nobody goes on with"
    return "nothing is left that could end it: what ran it was dropped half-way, or never said that it ended"


def _works_on(thread: threading.Thread, managers: set[int]) -> bool:
    # The frames of this search have the managers too.
    if not managers or thread is threading.current_thread():
        return False
    frame = current_frames().get(thread.ident or 0)
    while frame is not None:
        if managers & _local_ids(frame):
            return True
        frame = frame.f_back
    return False


def _local_ids(frame: types.FrameType | None) -> set[int]:
    return set() if frame is None else {id(value) for value in _flatten(frame.f_locals.values())}


def _flatten(values: Iterable[object]) -> Iterator[object]:
    """Give each value, and the items of a list: LangChain keeps the run managers of a batch in a list."""
    for value in list(values):
        yield value
        if type(value) is list:
            yield from value[:100]
