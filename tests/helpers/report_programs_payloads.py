"""Public bug reports about handlers' methods, payloads, streams and tool calls; see report_programs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import langchain_core
import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.tools import tool
from report_programs import model, report

from pytest_lc_callbacks import FakeChatModel, event, many

ASK: Any = {"messages": [("user", "q")]}
CALL = {"type": "tool_call", "name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
NEW = tuple(map(int, langchain_core.__version__.split(".")[:2])) >= (1, 3)
PAGE = threading.local()


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def adder() -> Any:
    """An agent that calls ``add(1, 2)`` and then answers."""
    return create_agent(FakeChatModel().respond(tool_calls=[("add", {"a": 1, "b": 2})]).respond("3"), [add])


def with_handler(call: Callable[..., Any], handler: Callable[[], Any], *args: Any) -> Callable[[Any], Any]:
    """A program that makes a *call* with a recording handler and another one."""
    return lambda heard: call(*args, {"callbacks": [heard, handler()]})


def handler(method: str, does: Callable[..., Any]) -> type[BaseCallbackHandler]:
    """A handler class with one method, a function of its payload and keywords."""
    return type("Audit", (BaseCallbackHandler,), {method: lambda self, *args, **kwargs: does(*args, **kwargs)})


def _talk(key: str) -> Callable[[Any], Any]:
    def run(heard: Any) -> None:
        prompt = ChatPromptTemplate.from_messages([("placeholder", "{history}"), ("human", "{input}")])
        store = InMemoryChatMessageHistory()
        RunnableWithMessageHistory(
            RunnableParallel(output=prompt | model()),
            lambda: store,
            input_messages_key="input",
            history_messages_key="history",
            output_messages_key=key,
        ).invoke({"input": "q"}, {"callbacks": [heard]})

    return run


report(
    name="history key",
    buggy=_talk("answer"),
    good=_talk("output"),
    says=("the turn was not saved: output_messages_key='answer' names no key of the output", "[history-key]"),
)


def _draws(*, early: bool) -> Callable[[Any], Any]:
    def run(heard: Any) -> None:
        PAGE.lines = lines = []
        draw = (lambda *args, **kwargs: lines.append(1)) if early else (lambda *args, **kwargs: PAGE.lines.append(1))
        adder().invoke(ASK, {"callbacks": [heard, handler("on_tool_start", draw)()]})

    return run


report(
    name="a handler in an agent's thread",
    buggy=_draws(early=False),
    good=_draws(early=True),
    says=("on_tool_start was called in the thread", "not in the test's thread", "[handler-thread]"),
)


def _stores(*, anywhere: bool) -> Callable[[Any], Any]:
    def run(heard: Any) -> None:
        connection = sqlite3.connect(":memory:", check_same_thread=not anywhere)
        store = handler("on_llm_end", lambda *args, **kwargs: connection.execute("select 1"))()
        try:
            asyncio.run(model().ainvoke("q", {"callbacks": [heard, store]}))
        finally:
            connection.close()

    return run


report(
    name="a connection of another thread",
    buggy=_stores(anywhere=False),
    good=_stores(anywhere=True),
    says=("called in a thread of the event loop's executor, not in the test's thread", "[handler-thread]"),
    never=("[loop-per-call]",),
)
report(
    name="agent.invoke sends no tokens",
    buggy=lambda heard: adder().invoke(ASK, {"callbacks": [heard]}),
    good=lambda heard: list(adder().stream(ASK, {"callbacks": [heard]}, stream_mode="messages")),
    check=lambda heard: heard.assert_events([..., many("llm_new_token"), ...]),
    says=("FakeChatModel answered as a whole and sent no token", "[not-streamed]"),
    never=("[not-passed]", "[one-component]"),
)


def _answers(how: str) -> Any:
    asked = FakeListChatModel(responses=["x y"])

    def answer(question: str) -> Any:
        if how == "invoke":
            yield asked.invoke(question).content
        else:
            yield from (chunk.content for chunk in asked.stream(question))

    return RunnableLambda(answer, name="answer")


report(
    name="a step of a stream invokes its model",
    buggy=lambda heard: list(_answers("invoke").stream("q", {"callbacks": [heard]})),
    good=lambda heard: list(_answers("stream").stream("q", {"callbacks": [heard]})),
    check=lambda heard: heard.one("llm_new_token", token="x"),
    says=("although answer around it was streamed", "[not-streamed]"),
    never=("[not-passed]",),
)
report(
    name="input_str is no JSON",
    buggy=with_handler(add.invoke, handler("on_tool_start", lambda _, text, **kwargs: json.loads(text)), CALL["args"]),
    good=with_handler(
        add.invoke, handler("on_tool_start", lambda _, text, inputs, **kwargs: inputs["a"]), CALL["args"]
    ),
    says=("JSONDecodeError", "[input-str]"),
    never=("decoder.py",),
)
report(
    name="on_agent_action of create_agent",
    buggy=lambda heard: adder().invoke(ASK, {"callbacks": [heard]}),
    good=lambda heard: adder().invoke(ASK, {"callbacks": [heard]}),
    check=lambda heard: heard.assert_events([..., "agent_action", ...]),
    reads_good=lambda heard: heard.assert_events([..., "tool_start", ...]),
    says=("no AgentExecutor ran, but LangGraph", "[agent-executor]"),
    never=("[not-passed]", "[one-component]"),
)


class Repeating(FakeListChatModel):
    """Reports the prompt with each chunk, or with the last alone."""

    each: bool = True

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        for number in (0, 1):
            prompt = 10 if self.each or number else 0
            usage: Any = {"input_tokens": prompt, "output_tokens": number, "total_tokens": prompt + number}
            yield ChatGenerationChunk(message=AIMessageChunk("a", usage_metadata=usage))


report(
    name="the prompt is billed twice",
    buggy=lambda heard: list(Repeating(responses=["x"]).stream("q", {"callbacks": [heard]})),
    good=lambda heard: list(Repeating(responses=["x"], each=False).stream("q", {"callbacks": [heard]})),
    check=lambda heard: heard.one("llm_end", usage={"input_tokens": 10, "output_tokens": 1, "total_tokens": 11}),
    says=("2 chunks of Repeating report input_tokens (10)", "[usage-added-up]"),
    never=("[heard-twice]", "[not-streamed]"),
)


def _fails(heard: Any) -> None:
    inner = RunnableLambda(lambda x: 1 // x, name="divide")
    with pytest.raises(ZeroDivisionError):
        (RunnableLambda(lambda x: x) | inner).invoke(0, {"callbacks": [heard]})


report(
    name="one failure, two errors",
    buggy=_fails,
    good=_fails,
    check=lambda heard: heard.one("chain_error"),
    reads_good=lambda heard: heard.one("chain_error", run="divide"),
    says=("divide raised ZeroDivisionError", "and RunnableSequence around it failed with it", "[one-failure]"),
    never=("[heard-twice]",),
)


class Ends(BaseCallbackHandler):
    """Has no ``on_chat_model_start``."""

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        """Hear it."""


report(
    name="llm_start for a chat model",
    buggy=with_handler(model().invoke, Ends, "q"),
    good=with_handler(model().invoke, Ends, "q"),
    spied=Ends,
    check=lambda spy: spy.assert_events(["chat_model_start", "llm_end"]),
    reads_good=lambda spy: spy.assert_events(["llm_start", "llm_end"]),
    says=("Ends has no on_chat_model_start, and got llm_start", "[no-chat-model-start]"),
    never=("is a text LLM",),
)


class Short(BaseCallbackHandler):
    """Takes what the tutorial shows."""

    def on_tool_start(self, serialized: Any, input_str: str) -> None:  # type: ignore[override]  # the mistake
        """Hear it."""


class Whole(BaseCallbackHandler):
    """Takes the rest as well."""

    def on_tool_start(self, serialized: Any, input_str: str, **kwargs: Any) -> None:
        """Hear it."""


report(
    name="a method that takes too little",
    buggy=with_handler(add.invoke, Short, CALL["args"]),
    good=with_handler(add.invoke, Whole, CALL["args"]),
    says=("calls it with: on_tool_start(serialized, input_str, run_id=,", "[handler-signature]"),
)


def _plain_task(*args: Any, **kwargs: Any) -> None:
    asyncio.get_running_loop()


async def _hears(*args: Any, **kwargs: Any) -> None:
    asyncio.get_running_loop()


def _scheduling(does: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda heard: model().ainvoke("q", {"callbacks": [heard, Loop(does)]})


class Loop(BaseCallbackHandler):
    """Needs the running loop."""

    def __init__(self, does: Callable[..., Any]) -> None:
        if does is _hears:
            self.on_llm_end = does  # type: ignore[method-assign]  # LangChain looks the method up on the instance

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        _plain_task()


report(
    name="no loop in a plain handler",
    buggy=_scheduling(_plain_task),
    good=_scheduling(_hears),
    says=("called in a thread of the event loop's executor", "[handler-thread]"),
    never=("[loop-per-call]",),
)
report(
    name="with_retry sends no retry",
    buggy=lambda heard: _retried().invoke("q", {"callbacks": [heard]}),
    good=lambda heard: _retried().invoke("q", {"callbacks": [heard]}),
    check=lambda heard: heard.assert_events([..., "retry", ...]),
    reads_good=lambda heard: heard.assert_events([..., event("chain_start", tags={"retry:attempt:2"}), ...]),
    says=("ask was tried again, in a run of its own", "[retry-is-a-run]"),
)


def _retried() -> Any:
    left = [ValueError("busy")]

    def ask(question: str) -> str:
        if left:
            raise left.pop()
        return question

    return RunnableLambda(ask).with_retry(wait_exponential_jitter=False)


if NEW:
    # Before langchain-core 1.3 the metadata had it, and before 1.1 no start had a tool_call_id.
    report(
        name="configurable is no metadata",
        buggy=lambda heard: adder().invoke(ASK, {"callbacks": [heard], "configurable": {"session_id": "7"}}),
        good=lambda heard: adder().invoke(ASK, {"callbacks": [heard], "metadata": {"session_id": "7"}}),
        check=lambda heard: heard.one("tool_start", metadata={"session_id": "7"}),
        says=("'session_id' stands in config[\"configurable\"]", "[configurable]"),
    )
    report(
        name="a tool without its tool call",
        buggy=lambda heard: add.invoke(CALL["args"], {"callbacks": [heard]}),
        good=lambda heard: add.invoke(CALL, {"callbacks": [heard]}),
        check=lambda heard: heard.assert_events([event("tool_start", tool_call_id="c1"), "tool_end"]),
        says=("add was called with its arguments alone", "[bare-arguments]"),
    )
