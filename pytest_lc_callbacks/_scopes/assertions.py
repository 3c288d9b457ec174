"""The scope assertions of a Recording."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pytest_lc_callbacks._recording import NOTHING_KNOWN, Event, ObserverReport, Recording
from pytest_lc_callbacks._scopes.comparison import ScopeComparison
from pytest_lc_callbacks._scopes.failure import find_constructor_failure, find_runtime_failure
from pytest_lc_callbacks._scopes.observed_runs import active_observer
from pytest_lc_callbacks._scopes.report import report
from pytest_lc_callbacks._scopes.table import ScopeTable, draw_table

if TYPE_CHECKING:
    import os


class ScopedRecording(Recording):
    """A Recording with scope assertions, which compare it with the observed runs."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        super().__init__(events)
        self._made_at = perf_counter()
        self._whole: ScopedRecording | None = None
        """The recording of which this one has some events, chosen by `where` or `without`; None for a handler's own."""

    def __repr__(self) -> str:
        """A recording that `where` returns is a `Recording` to users."""
        return super().__repr__().replace("<ScopedRecording:", "<Recording:")

    @property
    def _asked_since(self) -> float:
        """When it was made or last cleared: it could hear no run that began before."""
        return max(self._made_at, self._cleared_at)

    def save_model_calls(self, path: str | os.PathLike[str]) -> int:
        """
        Add the models' calls that were heard to the file at *path*, for ``FakeChatModel.replay(path)``.

        Secrets are taken out. A call that stands in the file already is not added again.

        Returns:
            How many calls were added.

        Raises:
            ValueError: If the file holds something else, or cannot be written.
        """
        # The files of model calls need LangChain's messages.
        from pytest_lc_callbacks._scopes.model_calls import save_runs

        return save_runs(self.runs, path)

    @property
    def _handler_class(self) -> type:
        return type(self) if self._whole is None else self._whole._handler_class

    def _declines(self, name: str) -> bool:
        return self._whole is not None and self._whole._declines(name)

    def assert_runtime_scope(self, under: Any = None, *, only: bool = False) -> ScopeTable:
        """
        Check that this handler heard every run that began in the test's body (or section), each event once.

        Args:
            under: The name of a run, a `Run`, or the runnable itself: only such runs and the runs under them count.

            only: Whether it may hear no runs but those: what ``with_config(callbacks=...)`` on a step or a subgraph
                should give.

        Returns:
            The table of what was heard.

        Raises:
            AssertionError: With the run tree and the reason, as far as the facts prove one; also if nothing ran.

            RuntimeError: If no observer is on.

            TypeError: If *under* is none of these.

            ValueError: If *only* is asked without *under*.
        """
        __tracebackhide__ = True
        if only and under is None:
            raise ValueError("only=True means the runs under one: say which with under=")
        comparison = self._compare("assert_runtime_scope")
        failure = find_runtime_failure(comparison, under, only=only)
        if failure:
            raise AssertionError(str(failure))
        return draw_table(comparison.tree(comparison.in_scope), {"handler": comparison})

    def assert_constructor_scope(self, of: Any) -> ScopeTable:
        """
        Check that this handler heard runs of one component, each event once, and no other runs.

        Where several runs match it need not have heard all of them: two models of one class have one name.

        Args:
            of: The name of a run, a `Run`, or the runnable itself.

        Returns:
            The table of what was heard: ``print`` it to see which of several runs of that name were.

        Raises:
            AssertionError: With the run tree and the reason, as far as the facts prove one; also if nothing ran.

            RuntimeError: If no observer is on.

            TypeError: If *of* is none of these.
        """
        __tracebackhide__ = True
        comparison = self._compare("assert_constructor_scope")
        failure = find_constructor_failure(comparison, of)
        if failure:
            raise AssertionError(str(failure))
        return draw_table(comparison.tree(comparison.in_scope), {"handler": comparison})

    def _make_view(self) -> Recording:
        view = ScopedRecording()
        view._whole = self._whole or self
        return view

    def _ask_observer(self, wanted: Collection[str] | None = None) -> ObserverReport:
        whole, observer = self._whole or self, active_observer()
        # An observer is a recording too, and heard all that it knows of.
        if observer is None or id(observer) == id(whole):
            return NOTHING_KNOWN
        return report(ScopeComparison(whole, observer._observed_runs()), wanted)

    def _compare(self, asked: str) -> ScopeComparison:
        __tracebackhide__ = True
        if self._whole is not None:
            raise TypeError(
                f"{asked} compares all that a handler heard with what really ran, and where() and without() chose some "
                f"of it: ask the handler itself, as in handler.{asked}()"
            )
        observer = active_observer()
        if observer is None:
            raise RuntimeError(
                f"{asked} compares the handler with what really ran, and nothing watched that. In a pytest test, ask "
                "for the fixture recording_handler or callback_scopes, or mark it with @pytest.mark.lc_callbacks; "
                "elsewhere, run the code and the assertion inside `with observe_callbacks():`."
            )
        return ScopeComparison(self, observer._observed_runs())
