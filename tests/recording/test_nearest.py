"""The nearest event, where a test asks for one that is not there."""

from __future__ import annotations

from typing import Any

import pytest
from recordings import CHAIN, failure, llm_result, record, run_id

from pytest_lc_callbacks import RecordingHandler


def test_there_is_none_names_the_nearest() -> None:
    """
    Where `one` finds none, the first line says what the nearest event has instead.
    """
    handler = record(*CHAIN)
    message = failure(handler.one, "chat_model_start", run="FakeChatMdel", parent="RunnableSequence")
    assert len(message.splitlines()[0]) <= 120
    assert message.splitlines()[1:] == [
        "  in full: expected one event('chat_model_start', run='FakeChatMdel', parent='RunnableSequence'), but there "
        "is none: the nearest, chat_model_start, has run='FakeChatModel'",
        "  there are:",
        "    chat_model_start  FakeChatModel  in RunnableSequence  inputs=[]",
    ]


def test_a_question_about_no_run_is_answered_with_its_name() -> None:
    """
    A count under a run that was not heard, and a list of no events of such a run, fail and name the nearest run.
    """
    handler = record(*CHAIN)
    for question in (
        lambda: handler.count(under="RunnableSeqence"),
        lambda: handler.where(run="RunnableSeqence").assert_events([]),
        lambda: handler.where("llm_end").assert_no_events(parent="RunnableSeqence"),
    ):
        message = failure(question)
        assert "heard no run named 'RunnableSeqence' (did you mean 'RunnableSequence'?)" in message
        assert len(message.splitlines()[0]) <= 120
    assert handler.count("llm_end", run="search") == handler.count("tool_end", under="RunnableSequence") == 0
    handler.where("tool_start", under="RunnableSequence").assert_events([])
    handler.where("llm_end").assert_no_events("tool_end", under="RunnableSequence")


def test_several_are_told_apart() -> None:
    """
    Where `one` finds several, each has the run around its run and its text.
    """
    handler = record("chain_start a", "chat_model_start m#1 < a", "chat_model_start m#2")
    for number in (1, 2):
        handler.on_llm_end(llm_result(text=f"answer {number}"), run_id=run_id(f"m#{number}"))
    assert failure(handler.one, "llm_end").splitlines() == [
        "expected one 'llm_end', but there are 2",
        "    llm_end  m  in a  text='answer 1'",
        "    llm_end  m  text='answer 2'",
    ]


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"run": "serach"}, "no run named 'serach' (did you mean 'search'?)"),
        ({"run": "Search"}, "no run named 'Search' (did you mean 'search'?)"),
        ({"under": "agnet"}, "no run named 'agnet' (did you mean 'agent'?)"),
        ({"parent": "nobody"}, "no run named 'nobody'"),
    ],
)
def test_the_absence_of_a_misspelt_run_checks_nothing(attributes: dict[str, Any], why: str) -> None:
    """
    `assert_no_events` fails where it asks about a run that the handler never heard under that name.
    """
    message = failure(searched().assert_no_events, "tool_error", **attributes)
    assert f", but the handler heard {why}, so nothing was checked" in message


@pytest.mark.parametrize(
    "attributes", [{"run": "research"}, {"run": "search"}, {"run": "book"}, {"under": "agent"}, {"parent": None}]
)
def test_the_absence_of_a_run_may_be_asked(attributes: dict[str, Any]) -> None:
    """
    That no run has a certain name is a fact to check, also where another name is similar.
    """
    searched().assert_no_events("tool_error", **attributes)


def searched() -> RecordingHandler:
    """An agent that called one tool."""
    return record("chain_start agent", "tool_start search < agent", "tool_end search < agent", "chain_end agent")
