"""Checks that a handler forgets the runs that are over."""

from __future__ import annotations

import pytest

from pytest_lc_callbacks._contract.check import check
from pytest_lc_callbacks._contract.judging import fail_with_left, fault, left
from pytest_lc_callbacks._contract.program import PROGRAMS, Program
from pytest_lc_callbacks._contract.reach import sizes
from pytest_lc_callbacks._contract.suite import Suite
from pytest_lc_callbacks._contract.trial import Trial, run_quietly

_CUT_OFF = ("closed_streams", "late_runs")
_UNENDED = ("unended",)
_ALONE = ("constructors",)
_REPEATS = 5


class MemoryChecks(Suite):
    """A handler lives as long as its server: whatever it keeps of a run it keeps for ever."""

    @check(needs="handler")
    def test_forgets_finished_runs(self) -> None:
        """A run is over with its end: one entry that stays for each run is a leak of a server's lifetime."""
        mend = "pop the run at its end: self.runs.pop(run_id, None). A collector says keeps_runs = True."
        found = self._kept_after_success()
        if found:
            fail_with_left(found, "forget finished runs", "keeps their ids in", mend)
        program = PROGRAMS["chain_invoke" if self.supports_chat_model else "lambda_invoke"]
        grown = self._grown(program)
        if grown:
            fault(f"expected the handler to forget finished runs, but {grown}", [program], mend)

    @check(needs="handler")
    def test_closes_on_errors_what_it_opened(self) -> None:
        """A run that fails sends on_..._error instead of on_..._end."""
        told = set(self._kept_after_success())
        found = self._kept_after_failure(told)
        if found:
            missing = _missing_errors(type(self._new_handler()))
            mend = f"define {', '.join(missing)}." if missing else "pop the run at its error too."
            fail_with_left(found, "close on errors what it opened", "keeps failed runs in", mend)

    @check(needs="handler")
    def test_forgets_runs_that_are_cut_off(self) -> None:
        """A closed stream ends children after their parent; a late run begins after its root has ended."""
        told = {*self._kept_after_success(), *self._kept_after_failure(set())}
        found = self._kept(told, *_CUT_OFF)
        if found:
            mend = "when a root ends, pop every run under it; a run whose parent is gone is a root."
            fail_with_left(found, "forget runs that are cut off", "keeps them in", mend)

    @check(needs="handler", advice=True)
    def test_forgets_runs_without_end(self) -> None:
        """LangChain never ends a cancelled ainvoke of a model, in any version: the root's end is all there is."""
        told = {*self._kept_after_success(), *self._kept_after_failure(set()), *self._kept(set(), *_CUT_OFF)}
        found = self._kept(told, *_UNENDED)
        if found:
            mend = "when a root ends, pop every run under it that is still open."
            fail_with_left(found, "forget runs without end when their root ends", "keeps them in", mend)

    @check(needs="handler")
    def test_forgets_runs_of_one_component(self) -> None:
        """In a model's constructor a handler hears that model alone: there is no root whose end it could wait for."""
        told = set(self._kept_after_success())
        found = self._kept(told, *_ALONE)
        if found:
            mend = "a run whose parent was never heard is a root: forget it at its own end."
            fail_with_left(found, "forget the runs of one component", "keeps them in", mend)

    def _kept_after_success(self) -> dict[str, list[Program]]:
        if self.keeps_runs:
            pytest.skip("keeps_runs: it is a collector")
        return left([trial for trial in self._calm() if not trial.has_failed], lambda trial: trial.kept)

    def _kept_after_failure(self, told: set[str]) -> dict[str, list[Program]]:
        failed = [trial for trial in self._calm() if trial.has_failed]
        return left(failed, lambda trial: [path for path in trial.kept if path not in told])

    def _calm(self) -> list[Trial]:
        """The trials in which every run ended, and that began with the root."""
        aside = (*_CUT_OFF, *_ALONE, *_UNENDED)
        return [trial for trial in self._trials_of() if trial.program.group not in aside and not trial.raised]

    def _kept(self, told: set[str], *groups: str) -> dict[str, list[Program]]:
        trials = [trial for trial in self._trials_of(*groups) if not trial.raised]
        return left(trials, lambda trial: [path for path in trial.kept if path not in told])

    def _grown(self, program: Program) -> str | None:
        """The first container of the handler's own that has a new entry for each of five runs."""
        handler = self._new_handler()

        def after(runs: int) -> dict[str, int]:
            for _ in range(runs):
                run_quietly(program, handler)
            if self._has_records():
                list(self.records(handler))
            return sizes(handler)

        before, later = after(1), after(_REPEATS)
        for path, size in later.items():
            if size - before.get(path, size) >= _REPEATS:
                return f"{path} grew from {before[path]} to {size} in {_REPEATS} runs"
        return None


def _missing_errors(cls: type) -> list[str]:
    """The ``on_..._error`` methods that *cls* inherits from LangChain although it has the start."""
    pairs = {"on_chain_start": "on_chain_error", "on_llm_start": "on_llm_error", "on_chat_model_start": "on_llm_error"}
    pairs |= {"on_tool_start": "on_tool_error", "on_retriever_start": "on_retriever_error"}
    missing = [error for start, error in pairs.items() if _defines(cls, start) and not _defines(cls, error)]
    return list(dict.fromkeys(missing))


def _defines(cls: type, name: str) -> bool:
    owner = next((base for base in cls.__mro__ if name in vars(base)), None)
    return owner is not None and not owner.__module__.startswith("langchain_core.")
