"""What a watched test's listeners knew at one moment: the test is judged on it, whatever goes on in other threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from pytest_lc_callbacks._findings.duplicate_handler import duplicate_handlers
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._findings.handler_error import handler_errors
from pytest_lc_callbacks._findings.handler_exception import HandlerError
from pytest_lc_callbacks._findings.handler_lists import Start, Stranger
from pytest_lc_callbacks._findings.not_a_handler import is_of_stranger, not_handlers
from pytest_lc_callbacks._recording import Recording, Run, id_key
from pytest_lc_callbacks._scopes import ObservedRuns
from pytest_lc_callbacks._words import count


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """Everything stands still in it: an event that comes later joins no run of it."""

    moment: tuple[Any, ...]
    """What changes with everything that is heard; equal where nothing was heard between two snapshots."""

    errors: Sequence[HandlerError]
    """What handlers raised and LangChain swallowed."""

    strangers: Sequence[Stranger]
    """What stood in lists of callbacks and is no handler."""

    doubled: Sequence[Start]
    """The starts of runs that several instances of one class were sent."""

    begun: AbstractSet[Any]
    """The ids, as `id_key` gives them, of the runs whose start LangChain sent to any list of handlers."""

    body_began: float
    """When the test's body began, in seconds of ``time.perf_counter()``."""

    recordings: Mapping[str, Recording]
    """What the test's handlers received, by their names."""

    observed: ObservedRuns
    """What ran; read last, so that each event of `recordings` is an event of it."""

    @cached_property
    def open_runs(self) -> list[Run]:
        """The test's own runs that began in its body and are open."""
        return [run for run in self.observed.body_runs if run.started and not run.ended]

    @cached_property
    def open_by_hand(self) -> list[Run]:
        """
        The runs that began in the test's body, are open, and that its own handlers alone heard.

        The program drives a callback manager itself that it did not get from ``CallbackManager.configure``. A method of
        a handler that a test calls itself begins no run.
        """
        heard = {run._id_key for run in self.observed.runs} | self.observed.earlier_run_ids
        unheard = self.begun - heard
        found: dict[Any, Run] = {}
        for run in [run for recording in self.recordings.values() for run in recording.runs] if unheard else []:
            if run._id_key in unheard and run.started and not run.ended and run.time >= self.body_began:
                found.setdefault(run._id_key, run)
        return list(found.values())

    def about_handlers(self, test_thread: int) -> Iterator[Finding]:
        """
        The findings about the handlers of the own runs of the test that runs in *test_thread*, and what they raised.

        What is no handler is told as that, and what it raised is not told again.
        """
        errors = self._own_errors()
        yield from not_handlers(self.strangers, errors)
        yield from self._handler_errors([e for e in errors if not is_of_stranger(e, self.strangers)], test_thread)
        yield from duplicate_handlers(self.doubled, self.observed)

    def _own_errors(self) -> list[HandlerError]:
        runs = {run._id_key: run for run in self.observed.runs}
        others = self.observed.others_runs

        def is_own(error: HandlerError) -> bool:
            key = id_key(error.run_id)
            if key in self.observed.earlier_run_ids:
                return False
            return runs[key] not in others if key in runs else error.in_own_thread

        @cache
        def ended_twice(run: Run) -> bool:
            return sum(name.endswith(("_end", "_error")) for name in run.names) > 1

        def with_facts(error: HandlerError) -> HandlerError:
            run = runs.get(id_key(error.run_id))
            got_start = error.got_start and not (run is not None and ended_twice(run))
            return replace(error, late=self.observed.late_remark(run), got_start=got_start)

        return [with_facts(error) for error in self.errors if is_own(error)]

    def _handler_errors(self, errors: Sequence[HandlerError], test_thread: int) -> Iterator[Finding]:
        runs = {run._id_key: run for run in self.observed.runs}

        def called_at(run_id: Any) -> str | None:
            return self._called_at(runs.get(id_key(run_id)))

        names = {key: run.label for key, run in runs.items()}
        return handler_errors(errors, names, called_at, test_thread)

    def _called_at(self, run: Run | None) -> str | None:
        """The line that called the outermost run around this one, where the observer saw it."""
        while run is not None and (around := self.observed.parent_of(run)) is not None:
            run = around
        origin = None if run is None else self.observed.origin(run)
        return None if origin is None else origin.call.place

    def others(self) -> str:
        """A line about the runs that are not the test's own; an empty text if there are none."""
        threads = Counter(self.observed.others_runs.values())
        if not threads:
            return ""
        listed = ", ".join(f"{name}: {count(runs, 'run')}" for name, runs in threads.items())
        return f"not shown, since these threads are older than the test: {listed}"
