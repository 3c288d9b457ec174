"""A Recording that can be compared with what really ran."""

from __future__ import annotations

from typing import Any

from pytest_lc_callbacks._recording import Recording
from pytest_lc_callbacks._scope_failures import constructor_failure, runtime_failure
from pytest_lc_callbacks._scopes import GroundTruth, ScopeComparison, ScopeTable, current_truth


class ScopedRecording(Recording):
    """A Recording that can be compared with what really ran."""

    def assert_runtime_scope(self, under: Any = None) -> ScopeTable:
        """
        Check that this handler heard every run that began in the test's body (or section), each event once.

        Args:
            under: The name of a run, a `Run`, or the runnable itself: only such runs and the runs under them count.

        Returns:
            The table of what was heard.

        Raises:
            AssertionError: With the run tree and the reason, as far as the facts prove one; also if nothing ran.

            RuntimeError: If no observer is on, so that nobody knows what ran.

            TypeError: If *under* is none of these.
        """
        __tracebackhide__ = True
        comparison = ScopeComparison(self, self._truth("assert_runtime_scope"))
        failure = runtime_failure(comparison, under)
        if failure:
            raise AssertionError(failure)
        return ScopeTable.of(comparison.truth, {"handler": self})

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

            RuntimeError: If no observer is on, so that nobody knows what ran.

            TypeError: If *of* is none of these.
        """
        __tracebackhide__ = True
        comparison = ScopeComparison(self, self._truth("assert_constructor_scope"))
        failure = constructor_failure(comparison, of)
        if failure:
            raise AssertionError(failure)
        return ScopeTable.of(comparison.truth, {"handler": self})

    def _truth(self, asked: str) -> GroundTruth:
        truth = current_truth()
        if truth is None:
            raise RuntimeError(
                f"{asked} compares the handler with what really ran, and nothing watched that. In a pytest test, ask for "
                "the fixture recording_handler or callback_scopes, or mark it with @pytest.mark.lc_callbacks; elsewhere, "
                "run the code and the assertion inside `with observe_callbacks():`."
            )
        return truth
