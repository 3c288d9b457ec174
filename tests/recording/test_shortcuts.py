"""Shortcuts into LangChain's arguments."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import LLMResult
from recordings import heard, llm_result

from pytest_lc_callbacks import Event

ASKED = AIMessage("", tool_calls=[{"name": "search", "args": {"q": "x"}, "id": "1"}])


COUNTED = AIMessage("hi", usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})


@pytest.mark.parametrize(
    ("event", "shortcuts"),
    [
        (
            heard("chat_model_start", {}, [[HumanMessage("hello")]]),
            {"messages": [HumanMessage("hello")], "inputs": [HumanMessage("hello")], "text": None},
        ),
        (heard("llm_start", {}, ["hello"]), {"text": "hello", "inputs": ["hello"], "messages": None}),
        (heard("llm_new_token", "a"), {"token": "a", "text": "a"}),
        (heard("llm_end", llm_result(text="hi")), {"text": "hi", "outputs": "hi", "tool_calls": [], "usage": None}),
        (heard("llm_end", llm_result(AIMessage("hi"))), {"text": "hi", "outputs": AIMessage("hi")}),
        (heard("llm_end", llm_result(ASKED)), {"tool_calls": ASKED.tool_calls}),
        (heard("llm_end", llm_result(COUNTED)), {"usage": COUNTED.usage_metadata}),
        (heard("llm_end", LLMResult(generations=[])), {"text": None, "outputs": None, "usage": None}),
        (heard("llm_end", None), {"text": None, "outputs": None, "tool_calls": [], "usage": None}),
        (heard("chain_start", None, {"a": 1}), {"inputs": {"a": 1}, "outputs": None}),
        (heard("chain_start", None, None), {"inputs": None}),
        (heard("chain_start", None, ""), {"inputs": ""}),
        (heard("chain_end", {"b": 1}), {"outputs": {"b": 1}, "inputs": None}),
        (heard("tool_start", {}, "{'a': 1}", inputs={"a": 1}), {"inputs": {"a": 1}}),
        (heard("tool_start", {}, "a", inputs=None), {"inputs": "a"}),
        (heard("tool_end", "out"), {"outputs": "out", "tool_failed": False}),
        (heard("tool_end", ToolMessage("no", tool_call_id="1", status="error")), {"tool_failed": True}),
        (heard("retriever_start", None, "q"), {"inputs": "q"}),
        (heard("retriever_end", ["d"]), {"outputs": ["d"]}),
        (heard("custom_event", "progress", {"a": 1}), {"custom": "progress", "data": {"a": 1}}),
        (heard("text", "words"), {"text": "words"}),
        (heard("chain_error", KeyError("k")), {"custom": None, "data": None, "messages": None, "token": None}),
    ],
    ids=lambda value: value.name if isinstance(value, Event) else "",
)
def test_shortcuts(event: Event, shortcuts: dict[str, Any]) -> None:
    """
    An event has a shortcut for what people ask it for; it is None where the event does not have that.
    """
    assert {name: getattr(event, name) for name in shortcuts} == shortcuts


def test_the_error_of_an_event() -> None:
    """
    An error event has the exception itself.
    """
    error = KeyError("k")
    assert heard("chain_error", error).error is error
    assert heard("chain_end", {"error": error}).error is None
