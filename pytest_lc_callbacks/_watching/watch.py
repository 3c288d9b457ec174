"""One watched test, from set-up to tear-down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from pytest_lc_callbacks import _made
from pytest_lc_callbacks._findings.checks import (
    duplicate_events,
    exhausted_models,
    lifecycle,
    orphan_runs,
    unused_responses,
)
from pytest_lc_callbacks._findings.expected import is_expected
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._findings.handler_error import handler_errors
from pytest_lc_callbacks._findings.langchain_flaws import LangChainFlaws
from pytest_lc_callbacks._findings.stop_iteration import hanging_error
from pytest_lc_callbacks._findings.swallowed import Swallowed
from pytest_lc_callbacks._findings.unfinished_run import collect_garbage, runs_nothing_can_end, unfinished_runs
from pytest_lc_callbacks._handlers.observer import (
    Observer,
    begin_phase,
    is_of_earlier_test,
    observed_runs,
    switch_off,
    switch_on,
)
from pytest_lc_callbacks._handlers.spy import Spies
from pytest_lc_callbacks._recording import Recording, Run, id_key
from pytest_lc_callbacks._scopes import ObservedRuns
from pytest_lc_callbacks._values import cause_of, class_name
from pytest_lc_callbacks._watching.section import section


class WatchedTest:
    """
    Everything that listens while one test runs: the observer, the spies, what is swallowed, what is made.

    It listens from the moment it is made until `close`.

    Args:
        is_asked_for: Whether the test itself asks to be watched. The section then also says that nothing ran.

        seeks_open_runs: Whether to look for ``unfinished_run``; without that no class of LangChain's is patched.
    """

    def __init__(self, *, is_asked_for: bool = True, seeks_open_runs: bool = True) -> None:
        self.observer: Observer = switch_on()
        self.spies = Spies(self._note_stop_iteration)
        self.scripts: list[Any] = []
        self.handlers: dict[str, Recording] = {}
        self.failure: BaseException | None = None
        """The first exception that the test failed or was skipped with. The test then keeps its own outcome."""
        self.in_body = False
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
        self._found_before: set[tuple[str, str]] = set()
        self._in_wider_fixture = 0
        self._swallowed = Swallowed(partial(is_of_earlier_test, self.observer))
        self._flaws = LangChainFlaws(self._swallowed.propagated)
        try:
            self._listen()
        except BaseException:
            self.close()
            raise

    def _listen(self) -> None:
        self._swallowed.start()
        if self._seeks_open_runs:
            self._flaws.start()
        _made.listen(self._note_made)

    def close(self) -> None:
        """Listen no more, and put back all that was replaced."""
        with ExitStack() as steps:
            # Each of them is taken, also where another one raises; the last of them first.
            steps.callback(switch_off, self.observer)
            steps.callback(_made.stop, self._note_made)
            steps.callback(self._swallowed.stop)
            steps.callback(self._flaws.stop)
            steps.callback(self.spies.stop)

    def begin(self, phase: str) -> None:
        """Begin a phase of the test: ``"setup"``, ``"call"`` or ``"teardown"``."""
        self.in_body = phase == "call"
        begin_phase(self.observer, phase)

    @contextmanager
    def wider_fixture(self) -> Iterator[None]:
        """Note no script that is made inside ``with``: the fixture of a module is made for other tests too."""
        self._in_wider_fixture += 1
        try:
            yield
        finally:
            self._in_wider_fixture -= 1

    def judge_body(self) -> list[Finding]:
        """The findings that are certain when the body is over."""
        self.in_body = False
        observed = observed_runs(self.observer)
        found = [*self._raised_in_handlers(), *duplicate_events(self.recordings(), observed)]
        found += self._exhausted()
        found += orphan_runs(observed)
        found += lifecycle(observed)
        if not self._open_runs():
            found += self._unused()
        return self._new_findings(found)

    def judge_rest(self, living: Callable[[], Iterable[Any]]) -> list[Finding]:
        """
        The further findings that are certain when the fixtures are torn down.

        Args:
            living: Gives what is still alive and may end a run later, such as the values of a session's fixtures.
        """
        found = [*self._raised_in_handlers(), *self._exhausted(), *self._unused()]
        found += lifecycle(observed_runs(self.observer))
        if self._seeks_open_runs:
            found += self._unfinished(living)
        return self._new_findings(found)

    def section(self, clean: Callable[[str], str], *, whole: bool) -> str:
        """The text of the report's section: the *whole*, or the findings since it was shown."""
        findings = [*self.problems, *(clean(str(finding)) for finding in self.reported)]
        observed = observed_runs(self.observer)
        runs = observed.runs if whole else []
        if not runs:
            nothing = ["no LangChain run began in this test"] if whole and self.is_asked_for else []
            return "\n\n".join([*nothing, *findings])
        still_open = [run for run in runs if not run.ended]
        causes = self._flaws.causes(still_open, runs)
        remarks = {run: str(cause) for run, cause in causes.items()}
        remarks |= {run: remark for run in runs if (remark := observed.orphan_remark(run))}
        return "\n\n".join([section(runs, observed.parent_of, clean=clean, remarks=remarks), *findings])

    def _new_findings(self, found: Iterable[Finding]) -> list[Finding]:
        """Leave out what was *found* before, when the body was over."""
        new = [finding for finding in found if (finding.name, finding.summary) not in self._found_before]
        self._found_before |= {(finding.name, finding.summary) for finding in new}
        return new

    def _raised_in_handlers(self) -> Iterator[Finding]:
        observed = observed_runs(self.observer)
        errors = [
            error for error in list(self._swallowed.errors) if id_key(error.run_id) not in observed.earlier_run_ids
        ]
        runs = {run._id_key: run for run in observed.runs}

        def called_at(run_id: Any) -> str | None:
            """The line that called the outermost run around this one, where the observer saw it."""
            run = runs.get(id_key(run_id))
            while run is not None and (around := observed.parent_of(run)) is not None:
                run = around
            origin = None if run is None else observed.origin(run)
            return None if origin is None else origin.call.place

        errors = [replace(error, late=observed.late_remark(runs.get(id_key(error.run_id)))) for error in errors]
        names = {key: run.label for key, run in runs.items()}
        return handler_errors(errors, names, called_at, self.observer._test_thread)

    def observed_runs(self) -> ObservedRuns:
        """What the observer knows up to this moment."""
        return observed_runs(self.observer)

    def recordings(self) -> dict[str, Recording]:
        """The test's recording handlers and spies, by the name of the handler's class and a number."""
        return {**self.handlers, **self.spies.recordings()}

    def _unfinished(self, living: Callable[[], Iterable[Any]]) -> Iterator[Finding]:
        still_open = collect_garbage(self._open_runs)
        if still_open:
            causes = self._flaws.causes(still_open, observed_runs(self.observer).runs)
            rest = [run for run in still_open if run not in causes]
            yield from unfinished_runs(runs_nothing_can_end(rest, [*living(), *self._kept_exceptions()]))

    def _exhausted(self) -> Iterator[Finding]:
        return exhausted_models((list(script.exhausted) for script in self.scripts), self._is_known)

    def _unused(self) -> Iterator[Finding]:
        # A test that failed half-way has not used what comes after.
        scripts = self.scripts if self.failure is None else ()
        return unused_responses((script.unused, len(script.calls)) for script in scripts)

    def _is_known(self, error: BaseException) -> bool:
        """Whether the test failed with *error*, or expected it."""
        cause = self.failure
        # An exception may be its own cause.
        seen: set[int] = set()
        while cause is not None and id(cause) not in seen:
            if cause is error:
                return True
            seen.add(id(cause))
            cause = cause_of(cause, also_suppressed=True)
        return is_expected(error)

    def _open_runs(self) -> list[Run]:
        return [run for run in observed_runs(self.observer).body_runs if run.started and not run.ended]

    def _kept_exceptions(self) -> list[Any]:
        """The exceptions that we keep alive ourselves, with their frames and the locals of these."""
        recordings = [self.observer, *self.recordings().values()]
        recorded = [error for recording in recordings for error in recording.errors]
        raised = [error for spy in self.spies.spies for error in spy.raised]
        return [*recorded, *raised, *(seen.error for seen in self._swallowed.errors)]

    def _note_made(self, kind: _made.Kind, made: Any) -> None:
        if kind == "handler":
            self.handlers[f"{class_name(type(made))}#{len(self.handlers)}"] = made
        elif not self._in_wider_fixture:
            self.scripts.append(made)

    def _note_stop_iteration(self, handler: Any, event: str, error: BaseException, kwargs: dict[str, Any]) -> None:
        seen = hanging_error(handler, event, error, kwargs)
        if seen is not None:
            self._swallowed.errors.append(seen)
