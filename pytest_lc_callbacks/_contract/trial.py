"""Trial: one program run with one fresh handler, and everything there is to say about it afterwards, as plain data."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from pytest_lc_callbacks._contract.left_behind import Logs, Witness, context_left, living_threads
from pytest_lc_callbacks._contract.program import Program, Stage
from pytest_lc_callbacks._contract.raised import Listener, Raised, is_of_handler
from pytest_lc_callbacks._contract.reach import kept_runs
from pytest_lc_callbacks._handlers.observer import observe_callbacks
from pytest_lc_callbacks._handlers.recorder import RecordingHandler
from pytest_lc_callbacks._recording import Recording
from pytest_lc_callbacks._words import repr_short

Item = TypeVar("Item")
Row = Mapping[str, Any]
Reader = Callable[[], list[Row]]
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The run ids that a program gives itself: they come again.
_GIVEN = {UUID(int=7)}
# Seconds after which an async program hangs: an executor's thread cannot hand back every exception.
_PATIENCE = 20
AFTER = "the_next_run"
"""The name of the plain run that follows a program, in the same context."""


@dataclass(frozen=True)
class Heard:
    """One run, as the recorder beside the handler heard it."""

    name: str
    parent: str | None
    run_type: str | None
    status: str


@dataclass
class Trial:
    """What a program and a handler did to each other."""

    program: Program
    raised: list[Raised] = field(default_factory=list)
    outcome: str = ""
    """How the program ended: the ``repr`` of what it returned, or of what left it."""

    runs: list[Heard] = field(default_factory=list)
    roots: int = 0
    names: list[str] = field(default_factory=list)
    """The events that the recorder beside the handler heard."""

    others: list[str] = field(default_factory=list)
    """The runs that the observer heard."""

    context: dict[str, str] = field(default_factory=dict)
    logs: list[tuple[str, str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    unawaited: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    rows: list[Row] | None = None
    after: list[Row] | None = None
    """What the handler made of the plain run afterwards."""

    @property
    def has_failed(self) -> bool:
        """Whether a run of it failed, though the program may have gone on."""
        return any(run.status == "failed" for run in self.runs)


def run_trial(program: Program, handler: Any = None, read: Reader | None = None) -> Trial:
    """
    Run *program* in an empty context.

    Args:
        program: What to run.

        handler: Whom to pass beside our own recorder; nobody for an instrumentor, and for the program as it is.

        read: What the handler made of what it heard since it was last asked.
    """
    trial, context = Trial(program), Context()
    witness = None if program.is_async else Witness()
    recorder = RecordingHandler()
    callbacks = [one for one in (witness, handler, recorder) if one is not None]
    if read is not None:
        read()
    threads = living_threads()
    with ExitStack() as stack:
        observer = stack.enter_context(observe_callbacks())
        listener, logs = stack.enter_context(Listener()), stack.enter_context(Logs())
        warned = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        _run(program, Stage(callbacks), context, trial, listener)
        trial.context = context_left(context)
        _listen_to_run_ids(trial, recorder, observer)
        if read is not None:
            trial.rows = list(read())
            context.run(_next_run, callbacks)
            trial.after = list(read())
        trial.raised = listener.raised
    trial.logs, trial.warnings = logs.records, logs.warnings
    trial.unawaited = [str(one.message) for one in warned if "never awaited" in str(one.message)]
    trial.threads = [thread.name for thread in living_threads() - threads if thread.is_alive()]
    trial.changes = witness.changes() if witness else []
    if handler is not None:
        trial.kept = _kept(program, handler, _over(recorder), read)
    return trial


def run_quietly(program: Program, *callbacks: Any) -> None:
    """Run *program* for what it does to the handler: what it raises, and does not await, a trial has told."""
    stage = Stage(list(callbacks))
    with Listener(), warnings.catch_warnings(), contextlib.suppress(BaseException):
        warnings.simplefilter("ignore")
        if program.is_async:
            run_in_loop(program.run(stage), Context())
        else:
            Context().run(program.run, stage)


def _kept(program: Program, handler: Any, run_ids: set[UUID], read: Reader | None) -> list[str]:
    """The paths to run ids that stay; what the next run takes the place of is no leak."""
    if not kept_runs(handler, run_ids):
        return []
    run_quietly(program, handler)
    if read is not None:
        read()
    return kept_runs(handler, run_ids - _GIVEN)


def _run(program: Program, stage: Stage, context: Context, trial: Trial, listener: Listener) -> None:
    try:
        if program.is_async:
            result = run_in_loop(program.run(stage), context, trial.tasks)
        else:
            result = context.run(program.run, stage)
        trial.outcome = _shown(result)
    # Whatever a program and a handler do is what we are here to see.
    except BaseException as error:  # noqa: BLE001
        hashing = ", since a handler is unhashable" if "unhashable" in str(error) else ""
        trial.outcome = f"raised {type(error).__name__}{hashing}"
        if is_of_handler(error) and (program.fails is None or not isinstance(error, program.fails)):
            listener.note(error, None)


def run_in_loop(coroutine: Any, context: Context | None = None, tasks: list[str] | None = None) -> Any:
    """The result of *coroutine* in a loop of its own, wherever this is called; notes the tasks that are left."""

    async def main() -> Any:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await coroutine
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if tasks is not None:
                tasks.extend(getattr(task.get_coro(), "__qualname__", repr(task)) for task in left if not task.done())

    # The loop of the thread, which a plugin may have set, stays as it is.
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            return runner.run(main(), context=context)
    return _in_thread(lambda: run_in_loop(main(), context))


def _new_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_default_executor(_HandsBack(thread_name_prefix="asyncio"))
    return loop


class _HandsBack(ThreadPoolExecutor):
    """Hands back a StopIteration as Python 3.13 does: before, the await on it never ends."""

    def submit(self, fn: Callable[..., Item], /, *args: Any, **kwargs: Any) -> Future[Item]:
        return super().submit(_called, fn, *args, **kwargs)


def _called(fn: Callable[..., Item], *args: Any, **kwargs: Any) -> Item:
    try:
        return fn(*args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("StopIteration cannot be raised into a Future") from error


def _in_thread(call: Callable[[], Any]) -> Any:
    done: list[Any] = []

    def work() -> None:
        try:
            done.append((call(), None))
        # Handed on to the thread that waits.
        except BaseException as error:  # noqa: BLE001
            done.append((None, error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    result, error = done[0]
    if error is not None:
        raise error
    return result


def _listen_to_run_ids(trial: Trial, recorder: Recording, observer: Recording) -> None:
    runs = recorder.runs
    trial.runs = [Heard(run.label, run.parent.label if run.parent else None, run.run_type, run.status) for run in runs]
    trial.roots = sum(run.parent is None for run in runs)
    trial.names = list(recorder.names)
    trial.others = [run.label for run in observer.runs]


def _over(recorder: Recording) -> set[UUID]:
    """The runs that LangChain ended, or whose root's end tells of them."""
    return {run.run_id for run in recorder.runs if run.ended or any(a.ended for a in run.ancestors())}


def _next_run(callbacks: list[Any]) -> None:
    from langchain_core.runnables import RunnableLambda

    inner = RunnableLambda(str.upper).with_config(run_name=f"{AFTER}_inside")
    outer = RunnableLambda(inner.invoke).with_config(run_name=AFTER)
    try:
        outer.invoke("next", {"callbacks": list(callbacks)})
    # A handler that raises on is told of elsewhere.
    except BaseException:  # noqa: BLE001
        return


def _shown(result: Any) -> str:
    """What a program returned, without what differs from run to run."""
    return repr_short(_plain(result), 2_000)


def _plain(value: Any, depth: int = 4) -> Any:
    from langchain_core.messages import BaseMessage

    if depth and isinstance(value, BaseMessage):
        return (
            type(value).__name__,
            value.content,
            getattr(value, "tool_calls", None),
            getattr(value, "usage_metadata", None),
        )
    if depth and type(value) in (list, tuple):
        return [_plain(item, depth - 1) for item in value]
    if depth and type(value) is dict:
        return {str(key): _plain(item, depth - 1) for key, item in value.items()}
    if type(value) is str:
        # LangChain makes ids of messages; to look for one takes long in a text of a megabyte.
        return _ID.sub("an id", value) if "-" in value else value
    return value if type(value) in (int, float, bool, type(None)) else type(value).__name__


def differing(names: Iterable[Item], expected: Iterable[Item]) -> list[Item]:
    """What *names* has and *expected* has not, counted."""
    left, found = list(expected), []
    for name in names:
        if name in left:
            left.remove(name)
        else:
            found.append(name)
    return found
