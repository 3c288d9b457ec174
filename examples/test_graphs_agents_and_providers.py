"""
The two scopes in a graph, in an agent, and with a real provider's model.

Where a handler is passed decides what it hears, whatever stands around the model and whichever model it is.
"""

from __future__ import annotations

import json

import pytest
from langchain.agents import create_agent
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, event, many

QUESTION = {"messages": [("human", "How is the weather in Oslo?")]}


@tool
def weather(city: str) -> str:
    """Look up the weather."""
    return f"It is sunny in {city}."


def test_a_graph(recording_handler, assert_events):
    """At run time a handler hears the graph, its node and the model in it."""
    model = FakeChatModel(responses=["Sunny."])
    graph = StateGraph(MessagesState)
    graph.add_node("ask", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_edge(START, "ask")

    graph.compile().invoke(QUESTION, config={"callbacks": [recording_handler]})

    assert_events(["chain_start", "chain_start", "chat_model_start", "llm_end", "chain_end", "chain_end"])
    recording_handler.assert_run_tree("""
        LangGraph
          ask
            FakeChatModel
    """)


def test_an_agent(recording_handler):
    """In the model's constructor a handler hears the model's calls alone, in whatever agent the model works."""
    in_constructor = RecordingHandler()
    model = FakeChatModel(callbacks=[in_constructor])
    model.respond(tool_calls=[("weather", {"city": "Oslo"})]).respond("Sunny.")

    create_agent(model, [weather]).invoke(QUESTION, config={"callbacks": [recording_handler]})

    in_constructor.assert_events(["chat_model_start", "llm_end"] * 2)
    recording_handler.assert_events([..., event("tool_start", run="weather", inputs={"city": "Oslo"}), "tool_end", ...])
    recording_handler.assert_run_tree("""
        LangGraph
          model
            FakeChatModel
          tools
            weather
          model
            FakeChatModel
    """)


# What Anthropic's Messages API answers, at once or as server-sent events.
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-test",
    "content": [{"type": "text", "text": "1 + 2 = 3"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 5},
}
STREAM = [
    {"type": "message_start", "message": {**ANSWER, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "1 + 2 "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "= 3"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
]


@pytest.fixture
def anthropic(request):
    """Make a real ``ChatAnthropic`` that talks to a local server; in a plain or a streaming way."""
    client = pytest.importorskip("langchain_anthropic", reason="needs the extra `partners`")
    pytest.importorskip("pytest_httpserver", reason="needs the extra `partners`")
    server = request.getfixturevalue("httpserver")

    def make(*, streams=False, **fields):
        answer = server.expect_request("/v1/messages", method="POST")
        if streams:
            lines = "".join(f"event: {part['type']}\ndata: {json.dumps(part)}\n\n" for part in STREAM)
            answer.respond_with_data(lines, content_type="text/event-stream")
        else:
            answer.respond_with_json(ANSWER)
        return client.ChatAnthropic(model="claude-test", base_url=server.url_for(""), api_key="test", **fields)

    return make


def test_a_provider_s_constructor(anthropic, recording_handler, assert_events):
    """A real client's constructor has the same scope as the fake model's."""
    chain = ChatPromptTemplate.from_template("What is 1 + {number}?") | anthropic(callbacks=[recording_handler])

    chain.invoke({"number": "2"})

    assert_events(["chat_model_start", "llm_end"])


def test_a_provider_at_run_time(anthropic, recording_handler, assert_events):
    """So has the call: the handler hears the whole chain, and every token of a stream."""
    chain = ChatPromptTemplate.from_template("What is 1 + {number}?") | anthropic(streams=True)

    answer = "".join(chunk.text for chunk in chain.stream({"number": "2"}, config={"callbacks": [recording_handler]}))

    assert answer == "1 + 2 = 3"
    assert_events(
        [
            "chain_start",
            *["chain_start", "chain_end"],
            *["chat_model_start", many("llm_new_token"), "llm_end"],
            "chain_end",
        ]
    )
