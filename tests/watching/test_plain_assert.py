"""After a plain assert, the section says what the facts prove of what the failing line speaks of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from pytest_lc_callbacks import FakeChatModel, RecordingHandler
from pytest_lc_callbacks._watching.watch import WatchedTest

CALL = {"type": "tool_call", "name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def section(body: Callable[[Any], None]) -> str:
    """The section of a test that fails in *body*, which takes a recording handler."""
    watched = WatchedTest()
    try:
        watched.begin("call")
        try:
            body(RecordingHandler())
        except Exception as failure:  # noqa: BLE001 - whatever it is, the test fails with it
            watched.failure = failure
        return watched.section(str, whole=True)
    finally:
        watched.close()


def counts_tokens(handler: Any) -> None:
    """Count the tokens of a model that is not streamed."""
    FakeChatModel().invoke("q", {"callbacks": [handler]})
    assert handler.count("llm_new_token") == 2


def counts_before(handler: Any) -> None:
    """Count them in a line above the one that fails."""
    FakeChatModel().invoke("q", {"callbacks": [handler]})
    tokens = [each for each in handler.names if each == "llm_new_token"]
    assert tokens


def asks_for_the_answer(handler: Any) -> None:
    """Speak of tokens in a line above, and fail for the answer."""
    answer = FakeChatModel().invoke("q", {"callbacks": [handler]})
    assert handler.count("llm_new_token") == 0
    assert answer.content == "another"


def asks_the_model(handler: Any) -> None:
    """Fail for what the model was asked."""
    model = FakeChatModel()
    model.invoke("q", {"callbacks": [handler]})
    assert handler.count("llm_new_token") == 0
    assert len(model.calls) == 2


def counts_tokens_of_a_stream(handler: Any) -> None:
    """Count those of one that is."""
    list(FakeChatModel(responses=["a b"]).stream("q", {"callbacks": [handler]}))
    assert handler.count("llm_new_token") == 0


def counts_ends(handler: Any) -> None:
    """Speak of nothing that was not sent."""
    FakeChatModel().invoke("q", {"callbacks": [handler]})
    assert handler.count("llm_end") == 2


def counts_errors(handler: Any) -> None:
    """Count one failure that passes through two runs."""
    chain = RunnableLambda(lambda x: x) | RunnableLambda(int, name="read")
    with pytest.raises(ValueError, match="invalid literal"):
        chain.invoke("x", {"callbacks": [handler]})
    assert handler.count("chain_error") == 1


def misses_a_thread(handler: Any) -> None:
    """Count a model that ran in a thread of the program's own."""

    def ask(question: str) -> None:
        thread = threading.Thread(target=FakeChatModel().invoke, args=[question])
        thread.start()
        thread.join()

    RunnableLambda(ask, name="ask").invoke("q", {"callbacks": [handler]})
    assert "llm_end" in handler.names


def fails_inside(handler: Any) -> None:
    """Let the program itself fail, with a word that is a name of an event."""

    def ask(question: str) -> str:
        FakeChatModel().invoke(question)
        raise AssertionError("no llm_new_token")

    RunnableLambda(ask).invoke("q", {"callbacks": [handler]})
    assert handler.count("llm_new_token")


def asks_a_recording(handler: Any) -> None:
    """Ask an assertion of ours, which has the hint itself."""
    FakeChatModel().invoke("q", {"callbacks": [handler]})
    handler.one("llm_new_token")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (counts_tokens, "hint: FakeChatModel answered as a whole and sent no token [not-streamed]"),
        (counts_before, "hint: FakeChatModel answered as a whole and sent no token [not-streamed]"),
        (
            counts_errors,
            "hint: read raised ValueError(\"invalid literal for int() with base 10: 'x'\"), and RunnableSequence "
            "around it failed with it [one-failure]",
        ),
        (misses_a_thread, "[other-thread]"),
    ],
)
def test_what_the_facts_prove(body: Callable[[Any], None], said: str) -> None:
    """
    The section names the cause, without a question to a recording.
    """
    assert said in " ".join(section(body).split())


@pytest.mark.parametrize(
    "body",
    [counts_tokens_of_a_stream, counts_ends, fails_inside, asks_a_recording, asks_for_the_answer, asks_the_model],
)
def test_nothing_is_proven(body: Callable[[Any], None]) -> None:
    """
    Nothing is said where the events were sent, where the program failed, where the message has the hint, and of a
    result, which no handler makes.
    """
    assert "hint:" not in section(body)


def test_a_tool_call_id() -> None:
    """
    A line that speaks of ``tool_call_id`` hears of a tool that was invoked with its arguments alone.
    """

    def body(call: Any) -> Callable[[Any], None]:
        def ask(handler: Any) -> None:
            add.invoke(call, {"callbacks": [handler]})
            assert handler.one("tool_start").payload["tool_call_id"] == "c2"

        return ask

    handler = RecordingHandler()
    add.invoke(CALL["args"], {"callbacks": [handler]})
    if "tool_call_id" not in handler[0].payload:
        pytest.skip("langchain-core before 1.1 sends no tool_call_id")
    assert "hint: add was called with its arguments alone [bare-arguments]" in section(body(CALL["args"]))
    assert "hint:" not in section(body(CALL))
