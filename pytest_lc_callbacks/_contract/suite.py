"""Suite: what the author of a handler says about it, and the trials that the checks share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import pytest

from pytest_lc_callbacks._contract import edge_programs, graph_programs, odd_programs, plain_programs
from pytest_lc_callbacks._contract.program import PROGRAMS, Program
from pytest_lc_callbacks._contract.rows import Rows
from pytest_lc_callbacks._contract.trial import Trial, run_trial

_PROGRAMS_ARE_IN = (plain_programs, edge_programs, odd_programs, graph_programs)
_trials_key = pytest.StashKey[dict[Program, Trial]]()
_baselines_key = pytest.StashKey[dict[Program, Trial]]()

NOT_SET_UP = """expected {name} to say how its handler is made, but it has neither make_handler nor instrumented
  write:
    def make_handler(self):
        return MyHandler()
  or, for a handler that an instrumentor installs, a fixture that switches it on:
    @pytest.fixture
    def instrumented(self):
        MyInstrumentor().instrument()
        yield
        MyInstrumentor().uninstrument()"""


class Suite:
    """The base of `CallbackHandlerTests`: what a user overrides."""

    supports_async: ClassVar[bool] = True
    supports_llm: ClassVar[bool] = True
    supports_chat_model: ClassVar[bool] = True
    supports_tools: ClassVar[bool] = True
    supports_retrievers: ClassVar[bool] = True
    supports_streaming: ClassVar[bool] = True
    supports_langgraph: ClassVar[bool] = True
    expects_to_raise: ClassVar[bool] = False
    """Whether it raises on purpose: a guard."""
    keeps_runs: ClassVar[bool] = False
    """Whether it is a collector, and forgets nothing."""
    expected: ClassVar[Mapping[str, str]] = {}
    """Checks that may fail, by name, each with a reason; one that passes after all fails."""

    _item: pytest.Item
    _trials: dict[Program, Trial]
    _baselines: dict[Program, Trial]

    def make_handler(self) -> Any:
        """A new handler each time; a check may ask for two. Override it, or give a fixture ``instrumented``."""
        raise NotImplementedError

    def records(self, handler: Any) -> Iterable[Mapping[str, Any]]:
        """
        What *handler* made of what it heard since the last call: calling it drains. Override it to unlock the checks
        for lost, mixed, misplaced and unfinished runs.

        Args:
            handler: What `make_handler` returned; None with ``instrumented``.

        Returns:
            Dicts with those of ``name``, ``id``, ``parent``, ``trace``, ``text`` and ``error`` that the handler knows.
            ``parent`` is the id of another row, ``text`` holds inputs and outputs, ``error`` is None after a success.
        """
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _lc_callbacks_suite(self, request: pytest.FixtureRequest) -> None:
        """Get ready for a check: switch an instrumentor on."""
        self._item = request.node
        parent = request.node.getparent(pytest.Class) or request.node
        self._trials = parent.stash.setdefault(_trials_key, {})
        self._baselines = request.config.stash.setdefault(_baselines_key, {})
        self._is_instrumented = False
        if not self._makes_handlers():
            self._instrument(request)

    def _instrument(self, request: pytest.FixtureRequest) -> None:
        # How the programs are without it has to be seen before it is switched on.
        for program in self._supported(PROGRAMS):
            self._baseline(program)
        try:
            request.getfixturevalue("instrumented")
        except pytest.FixtureLookupError as error:
            if error.argname != "instrumented":
                raise
            return
        self._is_instrumented = True

    def _makes_handlers(self) -> bool:
        return type(self).make_handler is not Suite.make_handler

    def _has_records(self) -> bool:
        return type(self).records is not Suite.records

    def _new_handler(self) -> Any:
        return None if self._is_instrumented else self.make_handler()

    def _supports(self, program: Program) -> bool:
        return all(getattr(self, f"supports_{need}") for need in program.needs)

    def _supported(self, programs: Iterable[Program]) -> list[Program]:
        return [program for program in programs if self._supports(program)]

    def _trials_of(self, *groups: str) -> list[Trial]:
        """
        The trials of the programs of these *groups*, of all programs if none is named.

        Skips the test where the handler supports none of them.
        """
        found = self._supported(PROGRAMS.of(*groups) if groups else PROGRAMS)
        if not found:
            pytest.skip(f"not supported, or not installed: {', '.join(groups)}")
        return [self._trial(program) for program in found]

    def _trial(self, program: Program | str) -> Trial:
        program = PROGRAMS[program] if isinstance(program, str) else program
        if program not in self._trials:
            handler = self._new_handler()
            read = (lambda: list(self.records(handler))) if self._has_records() else None
            self._trials[program] = run_trial(program, handler, read)
        return self._trials[program]

    def _baseline(self, program: Program) -> Trial:
        """The program without the handler."""
        if program not in self._baselines:
            self._baselines[program] = run_trial(program)
        return self._baselines[program]

    def _rows(self, name: str) -> Rows:
        """What the handler made of a program; skips the test where it gives no records, or does not support it."""
        if not self._has_records():
            pytest.skip("needs records(handler)")
        if not self._supports(PROGRAMS[name]):
            pytest.skip(f"not supported: {', '.join(PROGRAMS[name].needs)}")
        return Rows(self._trial(name).rows or ())
