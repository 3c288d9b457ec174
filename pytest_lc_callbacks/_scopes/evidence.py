"""What a comparison proves about the runs that a handler missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._scopes.comparison import Hearing, ScopeComparison
from pytest_lc_callbacks._scopes.observed_runs import Origin
from pytest_lc_callbacks._scopes.target import Target
from pytest_lc_callbacks._stack import UNKNOWN_CALL

# LangChain's own chains, whose constructors take no callbacks.
_NO_CONSTRUCTOR_CALLBACKS = ("Runnable", "LangGraph", "Pregel")
# LangChain hands no context to the code inside these (measured, langchain-core 1.0 to 1.8).
_WITHOUT_CONTEXT = {"retriever": "retriever", "chat_model": "chat model", "llm": "LLM"}
_UNKNOWN = Origin(None, None, UNKNOWN_CALL)


class Evidence:
    """
    The facts of one failed check.

    Args:
        comparison: What was heard of what really ran.

        runs: The runs that the check is about.

        target: What was passed as ``of=`` or ``under=``.

        constructor: Whether the handler should be among that target's constructor callbacks.
    """

    def __init__(
        self, comparison: ScopeComparison, runs: Sequence[Run], target: Target | None, *, constructor: bool = False
    ) -> None:
        self.ran = comparison.ran
        self.runs = runs
        self.target = target
        self.constructor = constructor
        self.unobserved = comparison.unobserved
        self._recording = comparison.recording
        self._hearings = comparison.hearings
        self.missed = [run for run in runs if self.hearing(run).missed]
        self.heard = [run for run in runs if self.hearing(run).heard]
        self.heard_anywhere = comparison.heard(self.ran.runs)
        self._missed = set(self.missed)

    @property
    def has_own_equality(self) -> bool:
        """Whether the spied handler's class says itself what equals it."""
        cls: Any = self._recording._handler_class
        return cls.__eq__ is not object.__eq__

    def hearing(self, run: Run) -> Hearing:
        """How *run* was heard."""
        return self._hearings[run]

    def origin(self, run: Run) -> Origin:
        """What is known of the beginning of *run*."""
        return self.ran.origin(run) or _UNKNOWN

    def around(self, run: Run) -> Run | None:
        """The run that *run* began in, its callbacks replaced or not."""
        return self.ran.parent_of(run)

    def is_missed(self, run: Run | None) -> bool:
        """Whether *run* is one of the missed runs that the check is about."""
        return run in self._missed

    def inside(self, runs: Iterable[Run]) -> list[Run]:
        """The runs that have one of *runs* as their parent."""
        return [child for run in runs for child in run.children if child in self._hearings]

    def silent_trees(self) -> list[Run]:
        """The missed runs that began in no other, and in which nothing was heard either."""
        told = set(map(self._outermost, self.heard_anywhere))
        return [run for run in self.missed if self.around(run) is None and run not in told]

    def lost(self) -> list[Run]:
        """Missed runs that began without a parent and with none in their context; one for each name and place."""
        roots = [run for run in self.missed if run.parent_run_id is None and run in self.ran.origins]
        lost = [run for run in roots if self.origin(run).inside is None]
        return list({(run.label, self.origin(run).call.place): run for run in reversed(lost)}.values())[::-1]

    def open_beside(self, run: Run) -> Run | None:
        """The innermost heard run that was open when *run* began."""
        return _last_open(self.heard_anywhere, run)

    def component_around(self, run: Run) -> tuple[Run, str] | None:
        """The retriever or model, and its kind, in whose code *run* was called; None if it was called elsewhere."""
        if not self.origin(run).call.nested:
            return None
        thread = thread_of(run)
        around = _last_open((other for other in self.ran.runs if thread_of(other) == thread), run)
        kind = without_context(around)
        return (around, kind) if around is not None and kind is not None else None

    def in_async_run(self, run: Run) -> bool:
        """Whether *run* is async, or began in one that is."""
        return self.origin(self._outermost(run)).call.asynchronous

    def begun_by_hand(self, run: Run) -> Run | None:
        """The heard run that somebody's own code had begun, and not ended, when it called *run*."""
        if self.origin(run).call.nested:
            return None
        still_open = [other for other in self.unobserved if other.time < run.time and _ends_after(other, run)]
        beside = self.open_beside(run)
        if beside is not None and self.origin(beside).call.by_hand:
            still_open.append(beside)
        return still_open[-1] if still_open else None

    def heard_alike(self, runs: Iterable[Run]) -> bool:
        """Whether a heard run without parent has the name of one of *runs* and was called at the same place."""
        heard = {(run.label, self.origin(run).call.place) for run in self.heard if run.parent_run_id is None}
        return any((run.label, self.origin(run).call.place) in heard for run in runs)

    def in_given_constructor(self) -> bool | None:
        """Whether the runnable that was passed as ``of=`` holds the handler; None where that cannot be seen."""
        given: Any = self.target.given if self.constructor and self.target is not None else None
        while hasattr(given, "bound"):
            given = given.bound
        is_spy = self._recording._handler_class is not type(self._recording)
        if is_spy or not hasattr(given, "callbacks"):
            return None
        held = getattr(given.callbacks, "handlers", given.callbacks) or ()
        return any(handler is self._recording for handler in held)

    def _outermost(self, run: Run) -> Run:
        while (around := self.around(run)) is not None:
            run = around
        return run


def without_context(run: Run | None) -> str | None:
    """The kind of *run*, if LangChain hands no context to the code inside such a run."""
    return None if run is None else _WITHOUT_CONTEXT.get(run.run_type or "")


def takes_constructor_callbacks(run: Run) -> bool:
    """Whether it can be the run of something with constructor callbacks, as far as its type and name tell."""
    if run.run_type in ("prompt", "parser", "retriever"):
        return False
    return not run.label.startswith(_NO_CONSTRUCTOR_CALLBACKS)


def has_option(run: Run, *names: str) -> bool:
    """Whether a model's call had one of these options."""
    payload = run._start.payload
    places = (payload.get("invocation_params"), payload.get("options"))
    return any(options.get(name) for options in places if isinstance(options, dict) for name in names)


def thread_of(run: Run) -> int:
    """The thread in which *run* began, as far as its handlers were called there."""
    return run._start.thread


def _last_open(runs: Iterable[Run], run: Run) -> Run | None:
    earlier = [other for other in runs if other._first < run._first]
    still_open = [other for other in earlier if not other.ended or other._last > run._first]
    return still_open[-1] if still_open else None


def _ends_after(other: Run, run: Run) -> bool:
    """Whether *other*, of another recording, was open when *run* began."""
    return not other.ended or other.events[-1].time > run.time
