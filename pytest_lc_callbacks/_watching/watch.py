"""One watched test, from set-up to tear-down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

from pytest_lc_callbacks import _made
from pytest_lc_callbacks._findings.changed_payload import changed_payloads
from pytest_lc_callbacks._findings.checks import (
    duplicate_events,
    exhausted_models,
    lifecycle,
    orphan_runs,
    unused_faults,
    unused_recordings,
    unused_responses,
)
from pytest_lc_callbacks._findings.expected import is_known
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._findings.handler_exception import HandlerError
from pytest_lc_callbacks._findings.handler_lists import HandlerLists
from pytest_lc_callbacks._findings.langchain_flaws import LangChainFlaws
from pytest_lc_callbacks._findings.over_budget import over_budget
from pytest_lc_callbacks._findings.pending_task import PendingTasks
from pytest_lc_callbacks._findings.stop_iteration import hanging_error
from pytest_lc_callbacks._findings.swallowed import Swallowed
from pytest_lc_callbacks._findings.trace_upload import trace_uploads, tracing_variable
from pytest_lc_callbacks._findings.unfinished_run import collect_garbage, runs_nothing_can_end, unfinished_runs
from pytest_lc_callbacks._handlers.observer import (
    Observer,
    begin_phase,
    frozen_runs,
    is_of_earlier_test,
    switch_off,
    switch_on,
)
from pytest_lc_callbacks._handlers.spy import Spies
from pytest_lc_callbacks._patches import forget_kept, raise_kept
from pytest_lc_callbacks._recording import Recording, Run, id_key
from pytest_lc_callbacks._threads import OwnThreads
from pytest_lc_callbacks._values import class_name
from pytest_lc_callbacks._watching.nothing_ran import explain_failure, nothing_ran
from pytest_lc_callbacks._watching.plain_assert import remarks
from pytest_lc_callbacks._watching.section import section
from pytest_lc_callbacks._watching.snapshot import Snapshot
from pytest_lc_callbacks._words import error_text


class WatchedTest:
    """
    Everything that listens while one test runs: the observer, the spies, what is swallowed, what is made.

    It listens from the moment it is made until `close`.

    Args:
        threads: The threads that are the test's own; None if all are.

        is_asked_for: Whether the test itself asks to be watched. The section then also says that nothing ran.

        seeks_open_runs: Whether to look for ``unfinished_run``; without that no class of LangChain's is patched.
    """

    def __init__(
        self, threads: OwnThreads | None = None, *, is_asked_for: bool = True, seeks_open_runs: bool = True
    ) -> None:
        self.observer: Observer = switch_on(threads)
        self.spies = Spies(self._note_stop_iteration)
        self.scripts: list[Any] = []
        self.handlers: dict[str, Recording] = {}
        self.failure: BaseException | None = None
        """The first exception that the test failed or was skipped with. The test then keeps its own outcome."""
        self.in_body = False
        self._body_began = 0.0
        self.reported: list[Finding] = []
        """The findings for the report's section: those that are neither a warning nor the failure."""
        self.found: list[tuple[Finding, str]] = []
        """Every finding so far that was not off, with the level it was told at."""
        self.problems: list[str] = []
        """What is wrong with the project's hooks, for the report's section."""
        self.is_shown = False
        """Whether a report shows the runs already."""
        self.is_asked_for = is_asked_for
        """Whether the test itself asks to be watched, as it may do late, with ``request.getfixturevalue``."""
        self._seeks_open_runs = seeks_open_runs
        self._body: Snapshot | None = None
        """What there was when the body was over."""
        self._snapshot: Snapshot | None = None
        """What there was when the test was last judged."""
        self._faults: list[Any] = []
        self._found_before: set[tuple[str, str]] = set()
        self._in_wider_fixture = 0
        is_own_thread = threads.has_current if threads is not None else lambda: True
        self._swallowed = Swallowed(partial(is_of_earlier_test, self.observer), is_own_thread)
        self._lists = HandlerLists(partial(is_of_earlier_test, self.observer), is_own_thread)
        self._tasks = PendingTasks(is_own_thread)
        # A fixture of the test's that sets it asks for it.
        self._tracing_variable = tracing_variable()
        self._flaws = LangChainFlaws(self._swallowed.propagated)
        try:
            self._listen()
        except BaseException:
            self.close()
            raise

    def _listen(self) -> None:
        forget_kept()
        self._swallowed.start()
        self._lists.start()
        self._tasks.start()
        if self._seeks_open_runs:
            self._flaws.start()
        _made.listen(self._note_made, "handler", "script", "fault")

    def close(self) -> None:
        """Listen no more, and put back all that was replaced."""
        with ExitStack() as steps:
            # Each of them is taken, also where another one raises; the last of them first.
            steps.callback(switch_off, self.observer)
            for fault in self._faults:
                steps.callback(fault.stop)
            steps.callback(_made.stop, self._note_made)
            steps.callback(self._swallowed.stop)
            steps.callback(self._lists.stop)
            steps.callback(self._tasks.stop)
            steps.callback(self._flaws.stop)
            steps.callback(self.spies.stop)

    def begin(self, phase: str) -> None:
        """Begin a phase of the test: ``"setup"``, ``"call"`` or ``"teardown"``."""
        self.in_body = phase == "call"
        if self.in_body and not self._body_began:
            self._body_began = perf_counter()
        begin_phase(self.observer, phase)

    @contextmanager
    def wider_fixture(self) -> Iterator[None]:
        """Note no script that is made inside ``with``: the fixture of a module is made for other tests too."""
        self._in_wider_fixture += 1
        try:
            yield
        finally:
            self._in_wider_fixture -= 1

    def judge_body(self, budgets: Mapping[str, int] | None = None) -> list[Finding]:
        """The findings that are certain when the body is over; *budgets* are what it may do at most."""
        self.in_body = False
        raise_kept()
        body = self._snapshot = self._body = self._take_snapshot()
        found = [*body.about_handlers(self.observer._test_thread), *duplicate_events(body.recordings, body.observed)]
        found += self._exhausted()
        found += orphan_runs(body.observed)
        found += lifecycle(body.observed)
        found += changed_payloads(self.spies.changes, body.observed)
        found += self._tasks.findings()
        found += over_budget(body.observed, budgets or {})
        if self._lists.traced is not None:
            found += trace_uploads(*self._lists.traced, self._tracing_variable)
        if not body.open_runs:
            found += self._unused()
            found += self._unused_faults()
        return self._new_findings(found)

    def judge_rest(self, living: Callable[[], Iterable[Any]]) -> list[Finding]:
        """
        The further findings that are certain when the fixtures are torn down.

        Args:
            living: Gives what is still alive and may end a run later, such as the values of a session's fixtures.
        """
        raise_kept()
        if self._seeks_open_runs:
            collect_garbage(self._left_open)
        rest = self._snapshot = self._take_snapshot()
        found = [*self._tasks.findings(), *self._exhausted(), *self._unused(), *self._unused_faults()]
        if rest is not self._body:
            found += rest.about_handlers(self.observer._test_thread)
            found += duplicate_events(rest.recordings, rest.observed)
            found += lifecycle(rest.observed)
            found += changed_payloads(self.spies.changes, rest.observed)
        if self._seeks_open_runs:
            found += self._unfinished(rest, living)
        return self._new_findings(found)

    def section(self, clean: Callable[[str], str], *, whole: bool) -> str:
        """The text of the report's section: the *whole*, or the findings since it was shown."""
        findings = [*self.problems, *(clean(str(finding)) for finding in self.reported)]
        if not whole:
            return "\n\n".join(findings)
        # A subtest reports in the middle of the body, and a test whose set-up failed is never judged.
        snapshot = self.snapshot()
        proven = "\n".join(remarks(self.failure, snapshot.recordings, lambda: snapshot.observed, self._lists.sent_to))
        texts = [self._runs_text(snapshot, clean), clean(snapshot.others()), clean(proven), *findings]
        return "\n\n".join(filter(None, texts))

    def snapshot(self) -> Snapshot:
        """What was known when the test was judged last, or is known at this moment if it was not."""
        return self._snapshot or self._take_snapshot()

    def _runs_text(self, snapshot: Snapshot, clean: Callable[[str], str]) -> str:
        observed, runs = snapshot.observed, snapshot.observed.own_runs
        if not runs:
            return nothing_ran(self.failure) if self.is_asked_for and self._body_began else ""
        still_open = [run for run in runs if not run.ended]
        remarks = {run: str(cause) for run, cause in self._flaws.causes(still_open, runs).items()}
        remarks |= {run: remark for run in runs if (remark := observed.remark(run))}
        message = error_text(self.failure) if self.failure is not None else ""
        text = section(runs, observed.parent_of, clean=clean, remarks=remarks, message=message)
        why = explain_failure([self.failure, *(run.error for run in runs)])
        return "\n\n".join(filter(None, [text, why]))

    def _take_snapshot(self) -> Snapshot:
        errors, strangers = list(self._swallowed.errors), list(self._lists.strangers)
        moment = (
            len(errors),
            len(strangers),
            self.observer._moment,
            *((n, id(r._log), len(r._log)) for n, r in self._recordings().items()),
        )
        if self._body is not None and self._body.moment == moment:
            # Most tests do nothing more when their body is over.
            return self._body
        recordings = {name: recording._freeze() for name, recording in self._recordings().items()}
        return Snapshot(
            moment=moment,
            errors=self._with_starts(errors),
            strangers=strangers,
            doubled=list(self._lists.doubled),
            begun=set(self._lists.begun),
            body_began=self._body_began,
            recordings=recordings,
            observed=frozen_runs(self.observer),
        )

    def _with_starts(self, errors: Collection[HandlerError]) -> list[HandlerError]:
        """The *errors* of handlers, each with what LangChain sent that handler before."""
        handlers = {id(error.handler): error.handler for error in errors}
        taken = {known: self._lists.starts_taken(handler) for known, handler in handlers.items()}
        return [
            replace(
                error,
                got_start=id_key(error.run_id) in taken[id(error.handler)],
                got_parent=id_key(error.kwargs.get("parent_run_id")) in taken[id(error.handler)],
            )
            for error in errors
        ]

    def _new_findings(self, found: Iterable[Finding]) -> list[Finding]:
        """Leave out what was *found* before, when the body was over."""
        new = [finding for finding in found if (finding.name, finding.summary) not in self._found_before]
        self._found_before |= {(finding.name, finding.summary) for finding in new}
        return new

    def _recordings(self) -> dict[str, Recording]:
        return {**self.handlers, **self.spies.recordings()}

    def _left_open(self) -> list[Run]:
        """The runs that were open when the body was over, and are open at this moment."""
        if self._body is None:
            return []
        left = [run for run in self._body.open_runs if (now := self._at_this_moment(run)) is not None and not now.ended]
        return [*left, *self._body.open_by_hand]

    def _at_this_moment(self, run: Run) -> Run | None:
        """What has become of a *run* of a snapshot; None if the observer has forgotten it since."""
        log = self.observer._log
        return log.run(run._first) if len(log) > run._first else None

    def _unfinished(self, rest: Snapshot, living: Callable[[], Iterable[Any]]) -> Iterator[Finding]:
        if self._body is None:
            return
        first = {run._first for run in self._body.open_runs}
        by_hand = {run._id_key for run in self._body.open_by_hand}
        still_open = [run for run in rest.open_runs if run._first in first]
        still_open += [run for run in rest.open_by_hand if run._id_key in by_hand]
        if still_open:
            causes = self._flaws.causes(still_open, rest.observed.runs)
            open_runs = [run for run in still_open if run not in causes]
            found = runs_nothing_can_end(open_runs, [*living(), *self._kept_exceptions(rest)], by_hand)
            yield from unfinished_runs(found)

    def _exhausted(self) -> Iterator[Finding]:
        return exhausted_models((list(script.exhausted) for script in self.scripts), self._is_known)

    def _unused(self) -> Iterator[Finding]:
        # A test that failed half-way has not used what comes after.
        scripts = self.scripts if self.failure is None else ()
        yield from unused_responses((s.unused, len(s.calls), list(s.passed_by)) for s in scripts)
        yield from unused_recordings(script.unused_recordings for script in scripts)

    def _unused_faults(self) -> Iterator[Finding]:
        faults = self._faults if self.failure is None else ()
        return unused_faults(fault.words for fault in faults if not fault.struck)

    def _is_known(self, error: BaseException) -> bool:
        return is_known(error, self.failure)

    def _kept_exceptions(self, rest: Snapshot) -> list[Any]:
        """The exceptions that we keep alive ourselves, with their frames and the locals of these."""
        recorded = [error for recording in rest.recordings.values() for error in recording.errors]
        ended = [error for run in rest.observed.runs if (error := run.error) is not None]
        raised = [error for spy in self.spies.spies for error in spy.raised]
        return [*recorded, *ended, *raised, *(seen.error for seen in rest.errors)]

    def _note_made(self, kind: _made.Kind, made: Any) -> None:
        if kind == "handler":
            self.handlers[f"{class_name(type(made))}#{len(self.handlers)}"] = made
        elif kind == "fault":
            self._faults.append(made)
        elif not self._in_wider_fixture:
            self.scripts.append(made)

    def _note_stop_iteration(self, handler: Any, event: str, error: BaseException, kwargs: dict[str, Any]) -> None:
        seen = hanging_error(handler, event, error, kwargs)
        if seen is not None:
            self._swallowed.errors.append(seen)
