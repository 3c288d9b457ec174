"""
An application makes its models deep inside.

A fake stands in for them, a recording of the real model is replayed, and a tool fails on purpose. Nothing here needs a
key or the network.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware
from langchain.chat_models import init_chat_model
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import tool

from pytest_lc_callbacks import FakeChatModel, FakeChatModelMiss

# Written by `recording_handler.save_model_calls(CALLS)` in a test with the real model, and committed.
CALLS = Path(__file__).with_name("calls.jsonl")


@tool
def weather(city: str) -> str:
    """Look up the weather."""
    return f"sunny in {city}"


def answer(question: str) -> str:
    """The application: nobody can pass it a model."""
    model = init_chat_model("openai:gpt-4.1-mini")
    return str(model.invoke([SystemMessage("You are terse."), HumanMessage(question)]).content)


@pytest.fixture
def openai():
    """The integration, without a key."""
    return pytest.importorskip("langchain_openai", reason="needs the extra `partners`")


def test_a_fake_stands_in(openai, fake_chat_model):
    """The application's own model answers from the script."""
    fake_chat_model.on("refund").respond("Certainly.")
    fake_chat_model.stand_in_for(openai.ChatOpenAI)

    assert answer("I want a refund.") == "Certainly."
    assert fake_chat_model.last_call.model.model_name == "gpt-4.1-mini"


def test_an_agent_that_is_given_a_name(openai, fake_chat_model, recording_handler):
    """So does the model of an agent, with its tools and the events of the real integration."""
    fake_chat_model.respond(tool_calls=[("weather", {"city": "Oslo"})]).respond("Sunny.")
    fake_chat_model.stand_in_for()

    agent = create_agent("openai:gpt-4.1-mini", [weather])
    state = agent.invoke({"messages": [("user", "How is it in Oslo?")]}, {"callbacks": [recording_handler]})

    assert state["messages"][-1].content == "Sunny."
    assert recording_handler.count("chat_model_start", run="ChatOpenAI") == 2


def test_what_the_real_model_said(openai):
    """The recording answers what was recorded, whatever asks."""
    with FakeChatModel.replay(CALLS).stand_in_for(openai.ChatOpenAI):
        assert answer("The capital of France?") == "Paris"


def test_a_prompt_that_changed():
    """A prompt that was not recorded is a miss, which shows what differs."""
    model = FakeChatModel.replay(CALLS)

    with pytest.raises(FakeChatModelMiss, match=r"\+system: You are polite\."):
        model.invoke([SystemMessage("You are polite."), HumanMessage("The capital of France?")])


def test_an_agent_survives_a_tool_that_fails(fake_chat_model, callback_scopes, recording_handler):
    """The tool fails once, as in production, and the agent's middleware calls it again."""
    fake_chat_model.respond(tool_calls=[("weather", {"city": "Oslo"})]).respond("Sunny.")
    agent = create_agent(fake_chat_model, [weather], middleware=[ToolRetryMiddleware(initial_delay=0)])

    with callback_scopes.fail_tool("weather", TimeoutError("down"), times=1):
        agent.invoke({"messages": [("user", "How is it in Oslo?")]}, {"callbacks": [recording_handler]})

    assert recording_handler.where(run="weather").names == ["tool_start", "tool_error", "tool_start", "tool_end"]
