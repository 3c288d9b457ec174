"""Why LangChain did not send what a test asks for: told where the events prove it, and not where they do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from recordings import failure, record

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, event, many
from pytest_lc_callbacks._watching.watch import WatchedTest

CALL = {"type": "tool_call", "name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
USAGE = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
TOKENS = [..., many("llm_new_token"), ...]


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Counting(FakeListChatModel):
    """Reports the prompt's tokens with each chunk, or with the last one alone."""

    each: bool = True

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        for number in (1, 2):
            prompt = 10 if self.each or number == 2 else 0
            usage: Any = {"input_tokens": prompt, "output_tokens": 1, "total_tokens": prompt + 1}
            yield ChatGenerationChunk(message=AIMessageChunk("a", usage_metadata=usage))


class NoStart(BaseCallbackHandler):
    """Has no ``on_chat_model_start``."""

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        """Hear it."""


def heard(call: Callable[..., Any], *args: Any, **config: Any) -> RecordingHandler:
    """What a handler hears of a call, whatever is raised."""
    handler = RecordingHandler()
    try:
        done = call(*args, {"callbacks": [handler], **config})
        if not isinstance(done, (str, dict)) and hasattr(done, "__next__"):
            list(done)
    except ZeroDivisionError:
        pass
    return handler


def asking(model: Any, how: str) -> RunnableLambda[Any, Any]:
    """A step that asks *model*."""

    def ask(question: str) -> Any:
        if how == "invoke":
            return model.invoke(question).content
        return "".join(chunk.content for chunk in model.stream(question))

    return RunnableLambda(ask, name="ask")


DIVIDE = RunnableLambda(lambda x: x) | RunnableLambda(lambda x: 1 // x, name="divide")


@pytest.mark.parametrize(
    ("cause", "facts", "recorded", "expected"),
    [
        (
            "not-streamed",
            "FakeChatModel answered as a whole and sent no token.",
            lambda: heard(FakeChatModel().invoke, "q"),
            TOKENS,
        ),
        (
            "not-streamed",
            "FakeChatModel answered as a whole and sent no token, although ask around it was streamed.",
            lambda: heard(asking(FakeChatModel(), "invoke").stream, "q"),
            [..., event("llm_new_token", run="FakeChatModel"), ...],
        ),
        (
            "not-streamed",
            "FakeListLLM answered as a whole",
            lambda: heard(FakeListLLM(responses=["abc"]).stream, "q"),
            TOKENS,
        ),
        (
            "chat-model-start",
            "FakeChatModel sent chat_model_start.",
            lambda: heard(FakeChatModel().invoke, "q"),
            ["llm_start", "llm_end"],
        ),
        (
            "chat-model-start",
            "FakeListLLM is a text LLM, and sent llm_start.",
            lambda: heard(FakeListLLM(responses=["abc"]).invoke, "q"),
            ["chat_model_start", "llm_end"],
        ),
        (
            "agent-executor",
            "no AgentExecutor ran, but ask.",
            lambda: heard(asking(FakeChatModel(), "invoke").invoke, "q"),
            [..., "agent_action", ...],
        ),
        (
            "retry-is-a-run",
            "divide was tried again, in a run of its own.",
            lambda: heard(DIVIDE.steps[1].with_retry(wait_exponential_jitter=False, stop_after_attempt=2).invoke, 0),
            [..., "retry", ...],
        ),
        (
            "one-failure",
            "divide raised ZeroDivisionError",
            lambda: heard(DIVIDE.invoke, 0),
            ["chain_start", "chain_start", "chain_end", "chain_start", "chain_error"],
        ),
        (
            "usage-added-up",
            "2 chunks of Counting report input_tokens (10).",
            lambda: heard(Counting(responses=["x"]).stream, "q"),
            [..., event("llm_end", usage=USAGE)],
        ),
    ],
)
def test_the_cause_is_named(cause: str, facts: str, recorded: Callable[[], Any], expected: list[Any]) -> None:
    """
    A failed list of events says why an event was not sent.
    """
    said = " ".join(failure(recorded().assert_events, expected).split())

    assert f"hint: {facts}" in said
    assert f"[{cause}]" in said


@pytest.mark.parametrize(
    ("cause", "recorded", "expected"),
    [
        ("not-streamed", lambda: heard(FakeChatModel().stream, "q"), [..., event("llm_new_token", token="z"), ...]),
        ("not-streamed", lambda: heard(asking(FakeChatModel(), "stream").invoke, "q"), ["llm_new_token"]),
        ("not-streamed", lambda: heard(DIVIDE.invoke, 1), TOKENS),
        ("not-streamed", lambda: record("chat_model_start m", "llm_error m"), TOKENS),
        ("chat-model-start", lambda: heard(DIVIDE.invoke, 1), ["llm_start"]),
        ("chat-model-start", lambda: heard(FakeChatModel().invoke, "q"), ["chat_model_start", "llm_error"]),
        ("agent-executor", lambda: record("chain_start AgentExecutor", "chain_end AgentExecutor"), ["agent_action"]),
        ("agent-executor", lambda: record("chat_model_start m < ?", "llm_end m < ?"), ["agent_action"]),
        ("retry-is-a-run", lambda: heard(DIVIDE.invoke, 1), [..., "retry", ...]),
        ("one-failure", lambda: heard(DIVIDE.steps[1].invoke, 0), ["chain_start", "chain_end"]),
        (
            "one-failure",
            lambda: record("chain_start a", "chain_start b < a", "chain_error b < a", "chain_error a"),
            ["chain_start", "chain_start", "chain_error"],
        ),
        (
            "usage-added-up",
            lambda: heard(Counting(responses=["x"], each=False).stream, "q"),
            [..., event("llm_end", usage=USAGE | {"input_tokens": 11})],
        ),
    ],
)
def test_a_near_miss(cause: str, recorded: Callable[[], Any], expected: list[Any]) -> None:
    """
    Where the events do not prove a cause, a failed list does not name it.
    """
    assert f"[{cause}]" not in failure(recorded().assert_events, expected)


def test_one_error_of_several_runs() -> None:
    """
    Where all error events are of one exception, the question for one of them says so.
    """
    assert "[one-failure]" in failure(heard(DIVIDE.invoke, 0).one, "chain_error")
    assert "[one-failure]" not in failure(heard(DIVIDE.batch, [0, 0]).one, "chain_start")


@pytest.mark.filterwarnings("ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_v3_streams() -> None:
    """
    A v3 stream sends ``stream_event``, and other streams do not.
    """
    pytest.importorskip("langchain_core.language_models.chat_model_stream", reason="v3 streams: langchain-core 1.4")
    handler = RecordingHandler()
    model: Any = FakeListChatModel(responses=["abc"])
    str(model.stream_events("q", {"callbacks": [handler]}, version="v3").output)

    said = failure(handler.assert_events, TOKENS)
    old = failure(heard(model.stream, "q").assert_events, [..., "stream_event", ...])

    assert "FakeListChatModel sent stream_events and no llm_new_token." in said
    assert "[not-streamed]" not in said
    assert "FakeListChatModel sent llm_new_token and no stream_event." in old
    assert old.count("[stream-events]") == said.count("[stream-events]") == 1


def test_a_tool_without_a_tool_call() -> None:
    """
    A tool that is invoked with its arguments has no tool call id; with the whole call it has one on each event.
    """
    bare, called = heard(add.invoke, CALL["args"]), heard(add.invoke, CALL)
    if "tool_call_id" not in bare.one("tool_start").payload:
        pytest.skip("langchain-core before 1.1 sends no tool_call_id")

    for check in (bare.one, lambda *a, **k: bare.assert_events([event(*a, **k), "tool_end"])):
        said = failure(check, "tool_start", tool_call_id="c1")
        assert "hint: add was called with its arguments alone." in said
        assert "[bare-arguments]" in said
    called.assert_events([event("tool_start", tool_call_id="c1"), event("tool_end", tool_call_id="c1")])
    assert "[bare-arguments]" not in failure(called.one, "tool_start", tool_call_id="c2")


def test_a_spied_handler_without_a_start() -> None:
    """
    A spy knows that its handler has no ``on_chat_model_start``; a chosen part of its events knows it too.
    """
    watched = WatchedTest()
    try:
        handler = NoStart()
        spy = watched.spies(handler)
        FakeChatModel().invoke("q", {"callbacks": [handler]})
        said = [failure(each.one, "chat_model_start") for each in (spy, spy.without("llm_end"), spy.handlers[0])]
    finally:
        watched.close()

    for words in said:
        assert "hint: NoStart has no on_chat_model_start, and got llm_start." in " ".join(words.split())
        assert "[no-chat-model-start]" in words


def test_configurable_values() -> None:
    """
    A key that stands among the configurable values and in no metadata is told; one that nobody has is not.
    """
    watched = WatchedTest()
    try:
        handler = heard(asking(FakeChatModel(), "invoke").invoke, "q", configurable={"session_id": "7"})
        if "session_id" in handler.runs[0].metadata:
            pytest.skip("langchain-core before 1.3 copies it into the metadata")
        said = failure(handler.one, "chain_start", metadata={"session_id": "7"})
        other = failure(handler.one, "chain_start", metadata={"user_id": "7"})
    finally:
        watched.close()

    assert "hint: 'session_id' stands in config[\"configurable\"], and in no run's metadata." in " ".join(said.split())
    assert "[configurable]" in said
    assert "[configurable]" not in other


def failing_once(error: Exception) -> Callable[[str], str]:
    """A function that raises the first time."""
    left = [error]

    def ask(question: str) -> str:
        if left:
            raise left.pop()
        return question

    return ask


def test_an_error_that_was_dealt_with() -> None:
    """
    `assert_no_errors` says that the run around the failed one ended well, and does not where it failed too.
    """
    retried = RunnableLambda(failing_once(ValueError("busy"))).with_retry(wait_exponential_jitter=False)

    said = failure(heard(retried.invoke, "q").assert_no_errors)

    assert "hint: ask failed, and ask around it ended well." in " ".join(said.split())
    assert "[recovered-error]" in said
    for broken in (heard(DIVIDE.invoke, 0), record("chain_start a", "chain_start b < a", "chain_error b < a")):
        assert "[recovered-error]" not in failure(broken.assert_no_errors)


@pytest.mark.filterwarnings("ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_a_loop_that_closes_at_the_end_of_a_v3_stream() -> None:
    """
    A v3 stream that was read to its end may be cancelled by its loop; one that is awaited ends well.
    """
    pytest.importorskip("langchain_core.language_models.chat_model_stream", reason="v3 streams: langchain-core 1.4")
    closed, awaited = RecordingHandler(), RecordingHandler()

    async def read(handler: RecordingHandler, *, waits: bool) -> None:
        model: Any = FakeListChatModel(responses=["abc"])
        stream = await model.astream_events("q", {"callbacks": [handler]}, version="v3")
        async for _ in stream:
            pass
        if waits:
            await stream

    asyncio.run(read(closed, waits=False))
    asyncio.run(read(awaited, waits=True))

    assert "[loop-closed]" in failure(closed.assert_no_errors)
    awaited.assert_no_errors()
