"""What the observer adds to the message of any failed assertion."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import RecordingHandler, observe_callbacks

MODEL = FakeListChatModel(responses=["x"])
IN_A_THREAD = "hint: FakeListChatModel began without a parent in another thread"


@pytest.fixture
def handler():
    """A handler, made when an observer is on."""
    with observe_callbacks():
        yield RecordingHandler()


def ask_in_a_thread(question: str) -> str:
    """A step that loses LangChain's context."""
    with ThreadPoolExecutor() as pool:
        return str(pool.submit(MODEL.invoke, question).result().content)


def ask(question: str) -> str:
    """A step that keeps LangChain's context."""
    return str(MODEL.invoke(question).content)


def run(step: Any, *handlers: RecordingHandler) -> None:
    RunnableLambda(step, name="ask").invoke("q", {"callbacks": list(handlers)})


def message_of(check: Any, *args: Any, **options: Any) -> str:
    """What *check* says when it fails."""
    with pytest.raises(AssertionError, match=r"^expected .*, but ") as raised:
        check(*args, **options)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("assert_events", [["chain_start", "chat_model_start", "llm_end", "chain_end"]], {}),
        ("assert_events", [[..., "llm_end", ...]], {}),
        ("assert_run_tree", ["ask\n  FakeListChatModel"], {}),
        ("one", ["llm_end"], {}),
        ("one", ["llm_end"], {"run": "FakeListChatModel"}),
    ],
)
def test_every_assertion_names_the_cause(handler, name, args, options):
    """
    An assertion that misses events of a missed run says why the handler missed that run.
    """
    run(ask_in_a_thread, handler)

    assert IN_A_THREAD in message_of(getattr(handler, name), *args, **options)


def test_a_selection_asks_about_its_handler(handler):
    """
    What `where` returns names the cause as its handler does.
    """
    run(ask_in_a_thread, handler)

    assert IN_A_THREAD in message_of(handler.where(run_type="chat_model").assert_events, ["chat_model_start"])
    assert IN_A_THREAD in message_of(handler.where(run_type="chat_model").assert_no_errors)


def test_an_expectation_to_paste_blesses_no_missed_run(handler):
    """
    While the observer knows of missed runs, the expectation to paste says which runs it misses.
    """
    run(ask_in_a_thread, handler)

    said = message_of(handler.assert_events, ["chain_start", "chat_model_start", "llm_end", "chain_end"])

    assert 'as recorded, which misses FakeListChatModel: assert_events(["chain_start", "chain_end"])' in said


def test_a_handler_that_heard_all_is_told_no_cause(handler):
    """
    Where the handler missed no run, the observer adds nothing.
    """
    run(ask, handler)

    said = message_of(handler.assert_events, ["chain_start", "chain_end"])

    assert "hint:" not in said
    assert "as recorded: assert_events(" in said


def test_a_missed_run_explains_only_its_own_events(handler):
    """
    A missed model is no cause for a tool's event that is not there, although the expectation misses the model.
    """
    run(ask_in_a_thread, handler)

    said = message_of(handler.assert_events, ["chain_start", "tool_start", "chain_end"])

    assert IN_A_THREAD not in said
    assert "as recorded, which misses FakeListChatModel" in said
    assert IN_A_THREAD not in message_of(handler.one, "tool_start")


def test_nothing_ran(handler):
    """
    Where no run began, the message says that, and not that the handler missed something.
    """
    said = message_of(handler.assert_events, ["chain_start"])

    assert "hint: no run began in the block of observe_callbacks(). Possible causes:" in said
    assert "[nothing-ran]" in said


def test_what_ran_before_the_recording_was_cleared(handler):
    """
    Of a handler that was cleared, or made, when all runs were over, nobody says that nothing ran.
    """
    run(ask, handler)
    handler.clear()

    for late in (handler, RecordingHandler()):
        said = " ".join(message_of(late.one, "llm_end").split())
        assert "since the handler was made or cleared. ask, FakeListChatModel began before that." in said
        assert "nothing was called" not in said


def test_runs_that_the_handler_was_not_passed_to(handler):
    """
    Where runs began and the handler heard nothing, the message names the call, and that it was not passed there.
    """
    run(ask)

    said = message_of(handler.assert_events, ["chain_start"])

    assert "nothing was recorded\nhint: the handler heard nothing. ask was called at" in said
    assert "[not-passed]" in said


def test_a_selection_is_not_compared_with_what_ran(handler):
    """
    A scope assertion of a selection is refused, since the selection leaves events out on purpose.
    """
    run(ask, handler)

    with pytest.raises(TypeError, match=r"ask the handler itself, as in handler\.assert_runtime_scope\(\)"):
        handler.where(run="ask").assert_runtime_scope()


def test_without_an_observer_the_possible_causes_are_listed():
    """
    Where no observer is on, nobody knows what ran, and the message lists what is possible.
    """
    said = message_of(RecordingHandler().assert_events, ["chain_start"])

    assert "hint: the handler heard nothing. Possible causes:" in said
