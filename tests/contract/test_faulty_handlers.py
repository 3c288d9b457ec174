"""For each check a handler with just the fault that it is there for: it fails that check, and no other."""

from __future__ import annotations

import faulty_handlers
import faulty_handlers_of_runs  # noqa: F401  # adds its handlers
import faulty_tracers
import pytest
from langchain_core.language_models import BaseChatModel
from suites import check_names, faults

from pytest_lc_callbacks.contract import CallbackHandlerTests

# These are about the class that a user writes, or about an instrumentor, and have tests of their own.
ELSEWHERE = {"is_set_up", "interrupts_reach_a_method"}


@pytest.mark.once
@pytest.mark.parametrize("check", faulty_handlers.BY_CHECK)
def test_a_fault_fails_its_check_alone(check):
    """
    A handler with one fault fails the one check that is there for it; advice counts as failing.
    """

    if check == "takes_stream_events" and not hasattr(BaseChatModel, "stream_events"):
        pytest.skip("chat.stream_events is there from langchain-core 1.4 on")

    class Faulty(CallbackHandlerTests):
        def make_handler(self):
            return faulty_handlers.BY_CHECK[check]()

    found = faults(Faulty)

    assert list(found) == [check], "\n\n".join(found.values())


@pytest.mark.once
@pytest.mark.parametrize("check", faulty_tracers.BY_CHECK)
def test_a_fault_in_the_records_fails_its_check_alone(check):
    """
    A tracer that is right in all but one thing fails the one check that is there for it.
    """

    class Faulty(CallbackHandlerTests):
        def make_handler(self):
            return faulty_tracers.BY_CHECK[check]()

        def records(self, handler):
            return handler.records()

    found = faults(Faulty)

    assert list(found) == [check], "\n\n".join(found.values())


def test_each_check_has_its_faulty_handler():
    """
    No check is without a handler that fails it, and no faulty handler without a check.
    """
    known = faulty_handlers.BY_CHECK.keys() | faulty_tracers.BY_CHECK.keys() | ELSEWHERE

    assert known == set(check_names())


def test_a_failure_says_what_and_where_and_what_to_change():
    """
    A failure names the event, the exception, the handler's own line, a program to run, and the mend.
    """

    class Faulty(CallbackHandlerTests):
        def make_handler(self):
            return faulty_handlers.ReadsUsage()

    [text] = faults(Faulty).values()
    lines = text.splitlines()

    assert lines[0] == (
        "expected the handler to take token_usage=None, but on_llm_end raised "
        "AttributeError(\"'NoneType' object has no attribute 'get'\")"
    )
    assert lines[1].endswith(" in on_llm_end")
    assert lines[2].strip() == '(response.llm_output or {}).get("token_usage", {}).get("total_tokens")'
    assert '  to see it: pytest_lc_callbacks.contract.run_program("chat_usage_none", handler)' in lines
    assert "  also in text_usage_none" in lines
    assert lines[-1].startswith("hint: read (llm_output.get('token_usage') or {})")
