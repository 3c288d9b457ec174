"""For authors of callback handlers: a suite that puts a handler through what LangChain sends."""

from __future__ import annotations

from contextvars import Context
from typing import Any

from pytest_lc_callbacks._contract.check import refuse_unknown_checks
from pytest_lc_callbacks._contract.left_checks import LeftChecks
from pytest_lc_callbacks._contract.memory_checks import MemoryChecks
from pytest_lc_callbacks._contract.object_checks import ObjectChecks
from pytest_lc_callbacks._contract.payload_checks import PayloadChecks
from pytest_lc_callbacks._contract.program import PROGRAMS, Stage
from pytest_lc_callbacks._contract.raising_checks import RaisingChecks
from pytest_lc_callbacks._contract.readers import otel_records, run_tree_records
from pytest_lc_callbacks._contract.record_checks import RecordChecks
from pytest_lc_callbacks._contract.trial import run_in_loop
from pytest_lc_callbacks._words import did_you_mean, repr_short

__all__ = ["CallbackHandlerTests", "otel_records", "run_program", "run_tree_records"]


# pytest runs the tests of the last base first.
class CallbackHandlerTests(RecordChecks, MemoryChecks, LeftChecks, PayloadChecks, RaisingChecks, ObjectChecks):
    """
    Standard tests for a callback handler: derive a test class from it.

    Example:
        ```python
        class TestCostHandler(CallbackHandlerTests):
            def make_handler(self):
                return CostHandler()
        ```
    """

    _lc_callbacks_contract = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_unknown_checks(cls)


def run_program(name: str, *handlers: Any) -> Any:
    """
    Run one of the suite's programs with *handlers*, to look at it in a debugger.

    Args:
        name: As a failed check prints it.

        handlers: They are passed as callbacks.

    Returns:
        What the program returns. What leaves it, leaves this.

    Raises:
        ValueError: If there is no program of that name.
    """
    if name not in PROGRAMS.names():
        raise ValueError(f"there is no program {repr_short(name)}{did_you_mean(name, PROGRAMS.names())}")
    program, stage = PROGRAMS[name], Stage(list(handlers))
    if program.is_async:
        return run_in_loop(program.run(stage), Context())
    return Context().run(program.run, stage)
