"""
An agent on a scripted model: tools, a structured response, and an agent that needs no script at all.
"""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel


class Report(BaseModel):
    """The weather, as the application wants it."""

    city: str
    sunny: bool


@tool
def weather(city: str) -> str:
    """Look up the weather."""
    return f"It is sunny in {city}."


QUESTION = {"messages": [HumanMessage("How is the weather in Oslo and in Rome?")]}


def test_an_agent_calls_tools(fake_chat_model, recording_handler):
    """The script calls two tools at once; the model's second call sees what they found."""
    fake_chat_model.respond(tool_calls=[("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})])
    fake_chat_model.respond("Sunny in both.")
    agent = create_agent(fake_chat_model, [weather])

    state = agent.invoke(QUESTION, config={"callbacks": [recording_handler]})

    assert state["messages"][-1].content == "Sunny in both."
    assert fake_chat_model.last_call.messages[-1].content == "It is sunny in Rome."
    assert recording_handler.count("tool_start") == 2


def test_a_structured_response(fake_chat_model):
    """The last response is the object that the agent has to give."""
    fake_chat_model.respond(tool_calls=[("weather", {"city": "Oslo"})]).respond(Report(city="Oslo", sunny=True))

    state = create_agent(fake_chat_model, [weather], response_format=Report).invoke(QUESTION)

    assert state["structured_response"] == Report(city="Oslo", sunny=True)


def test_an_agent_without_a_script(fake_chat_model):
    """`auto()` calls each tool once, with arguments made from its schema, and then says its text."""
    state = create_agent(fake_chat_model.auto(), [weather]).invoke(QUESTION)

    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]
