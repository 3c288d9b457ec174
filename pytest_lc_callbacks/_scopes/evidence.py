"""What a comparison proves about the runs that a handler missed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._scopes.comparison import Hearing, ScopeComparison
from pytest_lc_callbacks._scopes.given import Given
from pytest_lc_callbacks._scopes.observed_runs import Origin
from pytest_lc_callbacks._scopes.target import Target
from pytest_lc_callbacks._stack import CallSite
from pytest_lc_callbacks._values import ask, bases, class_name, entry, is_empty

# The names of runs of LangChain's own chains, whose constructors take no callbacks.
_NO_CONSTRUCTOR_CALLBACKS = ("Runnable", "LangGraph", "Pregel")
# Kinds of runs in whose code LangChain's context holds no run (measured, langchain-core 1.0 to 1.8).
_WITHOUT_CONTEXT = {"retriever": "retriever", "chat_model": "chat model", "llm": "LLM"}
_UNKNOWN = Origin(None, None, CallSite())


class Evidence:
    """
    The facts of one failed check.

    Args:
        comparison: What the handler heard of the observed runs.

        runs: The runs that the check is about.

        target: What was passed as ``of=`` or ``under=``.

        constructor: Whether the handler should be among that target's constructor callbacks.
    """

    def __init__(
        self, comparison: ScopeComparison, runs: Sequence[Run], target: Target | None, *, constructor: bool = False
    ) -> None:
        self.comparison = comparison
        self.observed = comparison.observed
        self.runs = runs
        self.target = target
        self.constructor = constructor
        self.unobserved = comparison.unobserved
        self._recording = comparison.recording
        self._hearings = comparison.hearings
        self.missed = [run for run in runs if self.hearing(run).missed]
        self.heard = [run for run in runs if self.hearing(run).heard]
        self.heard_anywhere = comparison.heard(self.observed.runs)
        self._missed = set(self.missed)

    @property
    def has_own_equality(self) -> bool:
        """Whether the handler's class defines ``__eq__``."""
        cls: Any = self._recording._handler_class
        return cls.__eq__ is not object.__eq__

    @property
    def handler_ids(self) -> frozenset[int]:
        """The ``id()`` of the handler; of a spied class, of each instance that is known."""
        return self._recording._handler_ids

    @property
    def handler_name(self) -> str:
        """The name of the handler's class."""
        return class_name(self._recording._handler_class)

    def given(self, run: Run) -> Given | None:
        """What the call of *run* was given, where that is certain."""
        return self.observed.given(run)

    def missed_calls(self) -> list[tuple[Run, Given]]:
        """The missed runs without parent, the first of each call, with what that call was given."""
        roots = self.one_per_call(run for run in self.missed if run in self.observed.origins)
        return [(run, given) for run in roots if (given := self.given(run)) is not None]

    def hearing(self, run: Run) -> Hearing:
        """How the handler heard *run*."""
        return self._hearings[run]

    def origin(self, run: Run) -> Origin:
        """What is known of the beginning of *run*."""
        return self.observed.origin(run) or _UNKNOWN

    def around(self, run: Run) -> Run | None:
        """The run that *run* began in, whether its callbacks were replaced or not."""
        return self.observed.parent_of(run)

    def is_missed(self, run: Run | None) -> bool:
        """Whether *run* is one of the missed runs that the check is about."""
        return run in self._missed

    def children(self, runs: Iterable[Run]) -> list[Run]:
        """The runs that have one of *runs* as their parent."""
        return [child for run in runs for child in run.children if child in self._hearings]

    def find_unheard_trees(self) -> list[Run]:
        """Missed runs that began in no other, and inside which the handler heard nothing either."""
        heard = set(map(self._outermost, self.heard_anywhere))
        return [run for run in self.missed if self.around(run) is None and run not in heard]

    def find_runs_out_of_context(self) -> list[Run]:
        """Missed runs that began without a parent while LangChain's context held no run."""
        roots = [run for run in self.missed if run.parent_run_id is None and run in self.observed.origins]
        return self.one_per_call(run for run in roots if self.origin(run).inside is None)

    def one_per_call(self, runs: Iterable[Run]) -> list[Run]:
        """The first of *runs* for each name and calling line: what is said of it holds for the others."""
        return list({self._call_of(run): run for run in reversed(list(runs))}.values())[::-1]

    def find_open_beside(self, run: Run) -> Run | None:
        """The innermost run that the handler heard and that was open when *run* began."""
        return next(_still_open(self.heard_anywhere, run), None)

    def find_component_around(self, run: Run) -> tuple[Run, str] | None:
        """The retriever or model, and its kind, whose code called *run*; None if other code did."""
        given = self.given(run)
        if given is not None and given.component is not None and self.origin(run).call.asynchronous:
            # A task keeps the frames of what it awaits, and a handler is called in another one.
            found = next(
                (other for other in _still_open(self.observed.runs, run) if other._id_key == given.component), None
            )
            kind = kind_without_context(found)
            return (found, kind) if found is not None and kind is not None else None
        if not self.origin(run).call.nested:
            return None
        thread = thread_of(run)
        around = next((other for other in _still_open(self.observed.runs, run) if thread_of(other) == thread), None)
        kind = kind_without_context(around)
        return (around, kind) if around is not None and kind is not None else None

    def is_in_async_run(self, run: Run) -> bool:
        """Whether *run* is async, or began inside an async run."""
        return self.origin(self._outermost(run)).call.asynchronous

    def find_manager_by_hand(self, run: Run) -> Run | None:
        """The heard run that somebody's own code had begun with a callback manager when it called *run*."""
        if self.origin(run).call.nested:
            return None
        still_open = [other for other in self.unobserved if other.time < run.time and _ends_after(other, run)]
        beside = self.find_open_beside(run)
        if beside is not None and self.origin(beside).call.by_hand:
            still_open.append(beside)
        return still_open[-1] if still_open else None

    def find_equal_handler(self, runs: Iterable[Run]) -> str | None:
        """The facts where another instance of the handler's class, which has an ``__eq__``, is with it in a call."""
        compares = any("__eq__" in vars(base) for base in bases(self._recording._handler_class) if base is not object)
        for run in map(self._outermost, runs) if compares else ():
            given = self.given(run)
            others = [known for known, name in given.handlers if name == self.handler_name] if given is not None else []
            if any(known not in self.handler_ids for known in others):
                name = self.handler_name
                return f"{name} defines __eq__, and another {name} is among the handlers of {run.label}."
        return None

    def is_heard_elsewhere(self, runs: Iterable[Run]) -> bool:
        """Whether the handler heard another run of the same name, called by the same line, as one of *runs*."""
        heard = {self._call_of(run) for run in self.heard if run.parent_run_id is None}
        return any(self._call_of(run) in heard for run in runs)

    def is_in_constructor(self) -> bool | None:
        """Whether the runnable that was passed as ``of=`` holds the handler; None where that cannot be seen."""
        given: Any = self.target.given if self.constructor and self.target is not None else None
        while (bound := ask(given, "bound")) is not None:
            given = bound
        is_spy = self._recording._handler_class is not type(self._recording)
        if is_spy or not hasattr(given, "callbacks"):
            return None
        held = getattr(given.callbacks, "handlers", given.callbacks) or ()
        return any(handler is self._recording for handler in held)

    def _call_of(self, run: Run) -> tuple[str, str | None]:
        return run.label, self.origin(run).place

    def _outermost(self, run: Run) -> Run:
        while (around := self.around(run)) is not None:
            run = around
        return run


def kind_without_context(run: Run | None) -> str | None:
    """The kind of *run*, if LangChain hands no context to the code inside such a run."""
    return None if run is None else _WITHOUT_CONTEXT.get(run.run_type or "")


def takes_constructor_callbacks(run: Run) -> bool:
    """Whether its type and name allow that *run* is of a component with constructor callbacks."""
    if run.run_type in ("prompt", "parser", "retriever"):
        return False
    return not run.label.startswith(_NO_CONSTRUCTOR_CALLBACKS)


def has_option(run: Run, *names: str) -> bool:
    """Whether a model was called with one of these options."""
    payload = run._start.payload
    places = (payload.get("invocation_params"), payload.get("options"))
    return any(not is_empty(entry(options, name)) for options in places for name in names)


def thread_of(run: Run) -> int:
    """The thread in which LangChain called the observer for the start of *run*."""
    return run._start.thread


def _still_open(runs: Sequence[Run], run: Run) -> Iterator[Run]:
    """Those of *runs* that were open when *run* began, the innermost first."""
    for other in reversed(runs):
        if other._first < run._first and (not other.ended or other._last > run._first):
            yield other


def _ends_after(other: Run, run: Run) -> bool:
    """Whether *other*, of another recording, was open when *run* began."""
    return not other.ended or other.events[-1].time > run.time
