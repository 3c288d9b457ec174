"""One watched test, from set-up to tear-down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
from pytest_lc_callbacks._recording import Recording, Run
from pytest_lc_callbacks._watching.section import section


class WatchedTest:
    """
    What happens in one test: the observer, and what else listens.

    It is on from the moment it is made until `close`.

    Args:
        is_asked_for: Whether the test itself wants to be watched; it is then told also that nothing ran.

        seeks_open_runs: Whether to look for ``unfinished_run``; without that no class of LangChain's is patched.
    """

    def __init__(self, *, is_asked_for: bool = True, seeks_open_runs: bool = True) -> None:
        self.observer: Observer = switch_on()
        self.spies = Spies(self._note_stop_iteration)
        self.scripts: list[Any] = []
        self.handlers: dict[str, Recording] = {}
        self.failure: BaseException | None = None
        """What the test failed with, or was skipped with; it keeps its own outcome then."""
        self.in_body = False
        self.reported: list[Finding] = []
        """Findings that are told in the report's section, since they are told nowhere else."""
        self.problems: list[str] = []
        """What is wrong with the project's hooks, for the same place."""
        self.is_shown = False
        """Whether a report shows the runs already."""
        self._is_asked_for = is_asked_for
        self._seeks_open_runs = seeks_open_runs
        self._told: set[tuple[str, str]] = set()
        self._in_wider_fixture = 0
        self._swallowed = Swallowed(partial(is_of_earlier_test, self.observer))
        self._flaws = LangChainFlaws(self._swallowed.propagated)
        self._listen()

    def _listen(self) -> None:
        self._swallowed.start()
        if self._seeks_open_runs:
            self._flaws.start()
        _made.listen(self._note_made)

    def close(self) -> None:
        """Listen no more, and leave nothing behind."""
        self.spies.stop()
        self._flaws.stop()
        self._swallowed.stop()
        _made.stop(self._note_made)
        switch_off(self.observer)

    def begin(self, phase: str) -> None:
        """A phase of the test begins: ``"setup"``, ``"call"`` or ``"teardown"``."""
        self.in_body = phase == "call"
        begin_phase(self.observer, phase)

    @contextmanager
    def wider_fixture(self) -> Iterator[None]:
        """While the fixture of a class, a module or a session is set up: what it makes is not this test's alone."""
        self._in_wider_fixture += 1
        try:
            yield
        finally:
            self._in_wider_fixture -= 1

    def judge_body(self) -> list[Finding]:
        """What is certain when the body is over."""
        self.in_body = False
        observed = observed_runs(self.observer)
        found = [*self._raised_in_handlers(), *duplicate_events(self._recordings(), observed)]
        found += self._exhausted()
        found += orphan_runs(observed)
        found += lifecycle(observed)
        if not self._open_runs():
            found += self._unused()
        return self._new(found)

    def judge_rest(self, living: Callable[[], Iterable[Any]]) -> list[Finding]:
        """
        What is certain when the fixtures are gone.

        Args:
            living: Gives what outlives the test by right, such as the values of fixtures of a wider scope.
        """
        found = [*self._raised_in_handlers(), *self._exhausted(), *self._unused()]
        found += lifecycle(observed_runs(self.observer))
        if self._seeks_open_runs:
            found += self._unfinished(living)
        return self._new(found)

    def section(self, clean: Callable[[str], str], *, whole: bool) -> str:
        """The text of the report's section: the *whole*, or what was found since it was shown."""
        told = [*self.problems, *(clean(str(finding)) for finding in self.reported)]
        observed = observed_runs(self.observer)
        runs = observed.runs if whole else []
        if not runs:
            nothing = ["no LangChain run began in this test"] if whole and self._is_asked_for else []
            return "\n\n".join([*nothing, *told])
        still_open = [run for run in runs if not run.ended]
        causes = self._flaws.causes(still_open, runs)
        remarks = {run: str(cause) for run, cause in causes.items()}
        remarks |= {run: remark for run in runs if (remark := observed.orphan_remark(run))}
        return "\n\n".join([section(runs, observed.parent_of, clean=clean, remarks=remarks), *told])

    def _new(self, found: Iterable[Finding]) -> list[Finding]:
        """Those that were not told yet."""
        new = [finding for finding in found if (finding.name, finding.summary) not in self._told]
        self._told |= {(finding.name, finding.summary) for finding in new}
        return new

    def _raised_in_handlers(self) -> Iterator[Finding]:
        observed = observed_runs(self.observer)
        errors = [error for error in list(self._swallowed.errors) if error.run_id not in observed.earlier_run_ids]
        return handler_errors(errors, {run.run_id: run.label for run in observed.runs})

    def _recordings(self) -> dict[str, Recording]:
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
        """Whether the test knows of *error*: it failed with it, or expected it."""
        cause = self.failure
        while cause is not None:
            if cause is error:
                return True
            cause = cause.__cause__ or cause.__context__
        return is_expected(error)

    def _open_runs(self) -> list[Run]:
        return [run for run in observed_runs(self.observer).body_runs if run.started and not run.ended]

    def _kept_exceptions(self) -> list[Any]:
        """What we ourselves keep alive: an exception has its frames, and those have their locals."""
        recordings = [self.observer, *self._recordings().values()]
        recorded = [error for recording in recordings for error in recording.errors]
        raised = [error for spy in self.spies.spies for error in spy.raised]
        return [*recorded, *raised, *(seen.error for seen in self._swallowed.errors)]

    def _note_made(self, kind: _made.Kind, made: Any) -> None:
        if kind == "handler":
            self.handlers[f"{type(made).__name__}#{len(self.handlers)}"] = made
        elif not self._in_wider_fixture:
            self.scripts.append(made)

    def _note_stop_iteration(self, handler: Any, event: str, error: BaseException, kwargs: dict[str, Any]) -> None:
        seen = hanging_error(handler, event, error, kwargs)
        if seen is not None:
            self._swallowed.errors.append(seen)
