"""Checks of what a handler leaves behind, and of what it does to the program and to other handlers."""

from __future__ import annotations

import asyncio
import contextlib
import time
import warnings
from collections.abc import Iterable
from contextvars import Context
from math import inf
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler

from pytest_lc_callbacks._contract.check import check
from pytest_lc_callbacks._contract.judging import fail_with_left, fault, left, raised_by_rule
from pytest_lc_callbacks._contract.program import PROGRAMS, Program, Stage
from pytest_lc_callbacks._contract.suite import Suite
from pytest_lc_callbacks._contract.trial import Trial, differing, run_in_loop, run_quietly

_HOLD = 0.1
_ATTEMPTS = 3
# Their events depend on which thread is quicker.
_RACING = ("concurrent", "parallel", "unended", "closed_streams", "forced_streams", "batches")


class LeftChecks(Suite):
    """Asked after every program: what is there now that was not there before?"""

    @check()
    def test_leaves_the_context(self) -> None:
        """A sync handler runs in the caller's context: a ContextVar that it sets is what the user's next line sees."""
        mend = (
            "reset what you set, with the token, at the run's end and at its error; or keep runs in a dict by run_id."
        )
        if not self.expects_to_raise:
            own = "LangChain copies the context for each event of an async run: keep what you set in a dict, by run_id."
            raised_by_rule(self, "leaves_the_context", "events that have a context of their own each", own)
        trials = self._trials_of()
        found = left(trials, lambda trial: _new(trial.context, self._baseline(trial.program).context))
        if found:
            values = {name: value for trial in reversed(trials) for name, value in trial.context.items()}
            shown = {f"{name} = {values[name]}": programs for name, programs in found.items()}
            fail_with_left(shown, "leave the context as it was", "left the variable", mend)

    @check()
    def test_logs_no_errors(self) -> None:
        """A handler that catches its own exceptions and logs them has lost the event all the same."""
        mend = "mend what is logged; a record with exc_info, or at ERROR, is a run that your users do not get."
        found = left(self._trials_of(), lambda trial: _logged(trial, self._baseline(trial.program)))
        if found:
            fail_with_left(found, "log no errors", "logged", mend)

    @check()
    def test_leaves_no_task(self) -> None:
        """asyncio.run cancels the tasks that are left when the program ends: what they had to write is lost."""
        mend = "await what has to be written in the method itself, or hand it to a thread."
        found = left(self._trials_of(), self._tasks_left)
        if found:
            fail_with_left(found, "leave no task pending", "left the task", mend)

    @check(needs="handler")
    def test_leaves_no_threads(self) -> None:
        """A handler lives as long as its server: a thread for each run is a leak."""
        handler, program = self._new_handler(), PROGRAMS["lambda_invoke"]
        alive = []
        for _ in range(5):
            before = _threads()
            run_quietly(program, handler)
            alive.append(sorted(thread.name for thread in _threads() - before if _outlives(thread)))
        # One worker that begins with the first run is no leak.
        if all(alive[1:]):
            first = f"expected the handler to leave no threads, but each run left one: {alive[-1][0]}"
            fault(first, [program], "use one worker thread for all runs, and stop it in a close method.")

    @check()
    def test_lets_programs_be(self) -> None:
        """Inputs and outputs are the program's own objects: what a handler consumes or replaces the program lacks."""
        mend = "never iterate a generator you are handed, never write into a payload, and raise nothing."
        # A handler that forces streaming takes the streams of astream_events; another check tells it.
        aside = {"constructors", "forced_streams"} if self._forces_streaming() else {"constructors"}
        trials = [trial for trial in self._trials_of() if trial.program.group not in aside and not trial.raised]
        if self._written():
            # What is written into may be what the program returns: test_writes_into_nothing tells it.
            trials = [t for t in trials if not t.program.is_async and not self._changes(t)]
        found = left(trials, self._other_outcome)
        if found:
            fail_with_left(found, "leave a program's outcome alone", "changed it:", mend)

    @check()
    def test_writes_into_nothing(self) -> None:
        """invocation_params, metadata, tags and messages are one object for all handlers, and the program's."""
        mend = "copy before you change: params = dict(kwargs['invocation_params'])."
        found = self._written()
        if found:
            fail_with_left(found, "write into nothing that it is handed", "wrote into", mend)

    @check()
    def test_others_hear_the_same(self) -> None:
        """An inline handler (run_inline = True) makes all others lose on_llm_start of a text LLM's ainvoke (#39633)."""
        mend = "leave run_inline False: plain methods are called in the caller's context all the same."
        # One that is raised again, as KeyboardInterrupt, passes LangChain: the others lose an event by that.
        trials = [t for t in self._comparable() if t.program.fails is None or issubclass(t.program.fails, Exception)]
        found = left(trials, lambda trial: _lost(trial, self._baseline(trial.program)))
        if found:
            fail_with_left(found, "let other handlers hear what they hear without it", "made others lose", mend)

    @check()
    def test_does_not_force_streaming(self) -> None:
        """A handler with tap_output_iter makes every invoke of a model a stream, for everybody."""
        mend = "define neither tap_output_iter nor tap_output_aiter, nor a __getattr__ that has every name."
        found = left(self._comparable(), lambda trial: _gained_tokens(trial, self._baseline(trial.program)))
        if found:
            fail_with_left(found, "leave invoke an invoke", "made it stream:", mend)

    @check()
    def test_runs_nothing_of_its_own(self) -> None:
        """A model that a handler calls inside a run is a run too, heard by every handler: it costs, and may recur."""
        mend = "ask models after the run, in another thread, with config={'callbacks': []}."
        found = left(self._comparable(), lambda trial: _extra(trial, self._baseline(trial.program)))
        if found:
            fail_with_left(found, "run nothing of its own", "ran", mend)

    @check()
    def test_declares_its_coroutines(self) -> None:
        """A plain method that returns a coroutine is awaited in sync runs, and never in async ones."""
        mend = "write async def, or mark the function with inspect.markcoroutinefunction."
        found = left(self._trials_of(), lambda trial: trial.unawaited)
        if found:
            fail_with_left(found, "have its coroutines awaited", "has one that was not:", mend)

    @check(needs="handler")
    def test_does_not_block_the_loop(self) -> None:
        """A coroutine method, or one that is inline, runs in the loop: while it works no other request is served."""
        if not self.supports_async:
            return
        program = PROGRAMS["tool_ainvoke"]
        held = usual = inf
        # A busy machine can only add to what is measured: the least of several attempts is nearest to the truth.
        for _ in range(_ATTEMPTS):
            held = min(held, _held(program, self._new_handler()))
            usual = min(usual, _held(program, BaseCallbackHandler()))
            if held <= _HOLD:
                return
        if held - usual <= _HOLD:
            return
        first = f"expected the handler not to block the loop, but it held it for {held - usual:.2f} s in one event"
        fault(first, [program], "await what takes long, or make the method a plain one: that runs in a thread.")

    @check(needs="handler")
    def test_keeps_no_loop(self) -> None:
        """In a sync run each call of a coroutine method has a loop of its own; each asyncio.run has another one too."""
        handler = self._new_handler()
        program = PROGRAMS["chain_abatch"]
        if not self._supports(program):
            program = PROGRAMS["lambda_invoke"]
        from pytest_lc_callbacks._contract.judging import owner
        from pytest_lc_callbacks._contract.raised import Listener

        with Listener() as listener:
            for _ in range(2):
                _run_in_loop_of_its_own(program, handler)
        for raised in listener.raised:
            if owner(raised) == "keeps_no_loop":
                first = (
                    f"expected the handler to keep no loop, but the second run raised {raised.error} in {raised.event}"
                )
                mend = "make locks, queues and clients in the method that uses them, or keep one for each running loop."
                fault(first, [program], mend, raised.lines())

    def _comparable(self) -> list[Trial]:
        """The trials whose events are the same in every run, and in which nothing was raised."""
        trials = [trial for trial in self._trials_of() if trial.program.group not in _RACING and not trial.raised]
        return [trial for trial in trials if trial.outcome == self._baseline(trial.program).outcome]

    def _written(self) -> dict[str, list[Program]]:
        return left(self._trials_of(), self._changes)

    def _changes(self, trial: Trial) -> list[str]:
        return differing(trial.changes, self._baseline(trial.program).changes)

    def _forces_streaming(self) -> bool:
        program = PROGRAMS["chat_invoke"]
        return self._supports(program) and bool(_gained_tokens(self._trial(program), self._baseline(program)))

    def _tasks_left(self, trial: Trial) -> list[str]:
        usual = self._baseline(trial.program)
        # A program that broke off leaves tasks of its own.
        return differing(trial.tasks, usual.tasks) if trial.outcome == usual.outcome else []

    def _other_outcome(self, trial: Trial) -> Iterable[str]:
        usual = self._baseline(trial.program).outcome
        if "unhashable" in trial.outcome or _gained_tokens(trial, self._baseline(trial.program)):
            # test_is_hashable and test_does_not_force_streaming tell it.
            return []
        return [] if trial.outcome == usual else [f"{trial.outcome[:100]} instead of {usual[:100]}"]


def _new(context: dict[str, str], usual: dict[str, str]) -> list[str]:
    return [name for name in context if name not in usual]


def _logged(trial: Trial, usual: Trial) -> list[str]:
    return [f"{level} of {logger}: {text}" for logger, level, text in differing(trial.logs, usual.logs)]


def _lost(trial: Trial, usual: Trial) -> list[str]:
    lost = differing(usual.names, trial.names)
    return [f"on_{name}" for name in dict.fromkeys(lost) if name != "llm_new_token"]


def _gained_tokens(trial: Trial, usual: Trial) -> list[str]:
    gained = trial.names.count("llm_new_token") - usual.names.count("llm_new_token")
    return [f"others hear {gained} tokens"] if gained > 0 else []


def _extra(trial: Trial, usual: Trial) -> list[str]:
    """The runs that there are without the handler not."""
    return differing(trial.others, usual.others) if len(trial.others) > len(usual.others) else []


def _threads() -> set[Any]:
    import threading

    return set(threading.enumerate())


def _outlives(thread: Any) -> bool:
    """Whether it goes on when it has had the time to finish."""
    thread.join(0.2)
    return bool(thread.is_alive())


def _run_in_loop_of_its_own(program: Program, handler: Any) -> None:
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")
        if program.is_async:
            run_in_loop(program.run(Stage([handler])), Context())
        else:
            Context().run(program.run, Stage([handler]))


def _held(program: Program, handler: Any) -> float:
    """The longest time for which the loop did nothing else, in seconds."""

    async def watched() -> float:
        task = asyncio.ensure_future(program.run(Stage([handler])))
        longest, last = 0.0, time.perf_counter()
        while not task.done():
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        await asyncio.wait({task})
        task.exception()
        return longest

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(run_in_loop(watched(), Context()))
