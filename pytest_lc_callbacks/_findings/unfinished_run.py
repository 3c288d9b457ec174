"""The finding ``unfinished_run``: runs that are open when a test is over, and that nothing alive can end."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import BaseRunManager

from pytest_lc_callbacks import _causes, _words
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._recording import Run

_SHOWN = 5
# Beyond this many objects nothing is proven, and nothing said.
_LOOKED_AT = 200_000
# pytest's own objects lead to everything there is, and hold no run of their own.
_PASSED_BY = ("_pytest.", "pluggy.", "pytest_lc_callbacks.", "xdist.")


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that nothing alive can end."""

    run: Run

    reason: str
    """Who forgot it: ``"the thread worker is still in it"``."""


@dataclass
class _Found:
    """What there is in the process that belongs to open runs."""

    managers: dict[Any, list[Any]] = field(default_factory=dict)
    """For each open run the objects with which LangChain would end it; without one, nothing can."""

    loops: list[Any] = field(default_factory=list)
    """The event loops that are not closed."""

    suspended: list[Any] = field(default_factory=list)
    """Generators and coroutines that have begun and not ended."""


def collect_garbage(still_open: Callable[[], list[Run]]) -> list[Run]:
    """What is open when abandoned generators and coroutines have been collected."""
    for _ in range(2):
        if not still_open():
            return []
        # A generator that is closed here ends its runs, and may let go of another one.
        gc.collect()
    return still_open()


def runs_nothing_can_end(runs: list[Run], living: Iterable[Any]) -> list[OpenRun]:
    """
    Those of *runs* that neither the *living* objects nor an event loop or thread that goes on can reach.

    Args:
        runs: The open runs.

        living: The objects that are still alive when the test is over, such as the values of fixtures of a session.
    """
    found = _search({run.run_id for run in runs})
    roots = [*living, *(root for loop in found.loops for root in _of_loop(loop))]
    reached = _reach(roots)
    if reached is None:
        return []
    return [OpenRun(run, _reason(run, found)) for run in runs if not _is_in(reached, run, found)]


def unfinished_runs(open_runs: Collection[OpenRun]) -> Iterator[Finding]:
    """One finding for all of *open_runs*."""
    if not open_runs:
        return
    runs = [open_run.run for open_run in open_runs]
    # What is open inside an open run has the same cause.
    tops = [open_run for open_run in open_runs if not set(open_run.run.ancestors()) & set(runs)]
    are = f"{len(runs):,} {'is' if len(runs) == 1 else 'are'}"
    names = _words.truncate(", ".join(dict.fromkeys(run.label for run in runs)))
    reasons = [f"  {open_run.run.label}: {open_run.reason}" for open_run in tops]
    yield Finding(
        name="unfinished_run",
        summary=f"expected every run to have ended with its test, but {are} still open: {names}",
        details=(*_words.first_lines(reasons, _SHOWN, "  "), _causes.ABANDONED.hint()),
        runs=tuple(runs),
    )


def _search(run_ids: set[Any]) -> _Found:
    found = _Found()
    suspended = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
    for candidate in gc.get_objects():
        # By its true type: a proxy may claim to be anything, and do anything when asked.
        kind = type(candidate)
        if kind in suspended:
            found.suspended.append(candidate)
            run_id = _begun_by(candidate)
            if run_id in run_ids:
                found.managers.setdefault(run_id, []).append(candidate)
        elif issubclass(kind, BaseRunManager):
            if getattr(candidate, "run_id", None) in run_ids:
                found.managers.setdefault(candidate.run_id, []).append(candidate)
        elif issubclass(kind, asyncio.AbstractEventLoop) and not candidate.is_closed():
            found.loops.append(candidate)
    return found


def _begun_by(suspended: Any) -> Any:
    """The id of the run that LangChain is telling the handlers of: only after that does it make what ends the run."""
    frame = suspended.cr_frame if type(suspended) is types.CoroutineType else None
    if frame is None or frame.f_globals.get("__name__") != BaseRunManager.__module__:
        return None
    return frame.f_locals.get("run_id")


def _of_loop(loop: Any) -> Iterator[Any]:
    """What an event loop that is not closed will go on with, and the generators that it closes when it shuts down."""
    yield loop
    yield from asyncio.all_tasks(loop)
    yield from list(getattr(loop, "_asyncgens", ()))


@dataclass
class _Reached:
    """What can be reached from somewhere."""

    ids: set[int] = field(default_factory=set)
    threads: set[int | None] = field(default_factory=set)


def _reach(roots: Iterable[Any]) -> _Reached | None:
    """What can be reached from *roots*; None if that is too much to say."""
    waiting = deque(roots)
    reached = _Reached()
    # Whoever has a function has its module's globals: that does not make everything in there theirs.
    modules: list[Any] = list(sys.modules.values())
    passed_by = {id(vars(module)) for module in modules if isinstance(module, types.ModuleType)}
    # Kept, or else an id could come to stand for another object.
    kept = []
    while waiting:
        candidate = waiting.popleft()
        if id(candidate) in reached.ids or id(candidate) in passed_by or _is_passed_by(candidate):
            continue
        reached.ids.add(id(candidate))
        kept.append(candidate)
        if len(kept) > _LOOKED_AT:
            return None
        if isinstance(candidate, threading.Thread):
            reached.threads.add(candidate.ident)
        waiting.extend(_referents(candidate))
    return reached


def _is_passed_by(candidate: Any) -> bool:
    kind = type(candidate)
    return issubclass(kind, (type, types.ModuleType, types.CodeType)) or str(kind.__module__).startswith(_PASSED_BY)


def _referents(candidate: Any) -> list[Any]:
    referents = gc.get_referents(candidate)
    if isinstance(candidate, types.FrameType):
        # The frames around it are not part of it.
        return [referent for referent in referents if referent is not candidate.f_back]
    if isinstance(candidate, types.FunctionType):
        return [referent for referent in referents if referent is not candidate.__globals__]
    return referents


def _is_in(reached: _Reached, run: Run, found: _Found) -> bool:
    """Whether what was reached may still end *run*."""
    if run.events[0].thread in reached.threads:
        return True
    return any(id(manager) in reached.ids for manager in found.managers.get(run.run_id, ()))


def _reason(run: Run, found: _Found) -> str:
    """Who forgot it, as far as the facts prove."""
    managers = {id(manager) for manager in found.managers.get(run.run_id, ())}
    thread = next((thread for thread in threading.enumerate() if _works_on(thread, managers)), None)
    if thread is not None:
        return f"the thread {thread.name} is still in it"
    for suspended in found.suspended:
        if not managers & _local_ids(_frame(suspended)):
            continue
        if not isinstance(suspended, types.CoroutineType):
            return "something still refers to its stream, which nobody reads to its end or closes"
        if inspect.getcoroutinestate(suspended) != inspect.CORO_CREATED:
            return "something still refers to its coroutine, which nobody goes on with"
    return "nothing is left that could end it: what ran it was dropped half-way, or never said that it ended"


def _works_on(thread: threading.Thread, managers: set[int]) -> bool:
    frame = sys._current_frames().get(thread.ident or 0) if managers else None
    while frame is not None:
        # The frames of this search have them too.
        if thread is not threading.current_thread() and managers & _local_ids(frame):
            return True
        frame = frame.f_back
    return False


def _local_ids(frame: Any) -> set[int]:
    return set() if frame is None else {id(value) for value in _flat(frame.f_locals.values())}


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    """The values, and those of lists of them: LangChain keeps the managers of a batch in one."""
    for value in list(values):
        yield value
        if type(value) is list:
            yield from value[:100]


def _frame(suspended: Any) -> Any:
    names = ("gi_frame", "cr_frame", "ag_frame")
    return next((getattr(suspended, name) for name in names if hasattr(suspended, name)), None)
