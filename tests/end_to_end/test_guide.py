"""
The guide that this project comes from works as written.

Callbacks in a model's constructor are heard on the model's own runs; callbacks at run time are heard by every run. The
same lists of events hold for `FakeChatModel` and for a real provider's model that talks to a local server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import partners
import pytest
from langchain.agents import create_agent
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from provider_servers import anthropic_server

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, event, many

# Makes a model that gives these answers: a text, or the arguments of a call of the tool.
MakeModel = Callable[..., Any]

MODEL = ["chat_model_start", "llm_end"]
STREAM = ["chat_model_start", many("llm_new_token", min=2), "llm_end"]
INPUT = {"number": "2"}
QUESTION: Any = {"messages": [("human", "How is the weather in Oslo?")]}


def fake(*answers: str | dict[str, Any], **fields: Any) -> FakeChatModel:
    """A fake model with these answers."""
    model = FakeChatModel(**fields)
    for answer in answers:
        if isinstance(answer, str):
            model.respond(answer)
        else:
            model.respond(tool_calls=[("weather", answer)])
    return model


REAL = pytest.mark.partner("langchain-anthropic", "anthropic", "pytest-httpserver")


@pytest.fixture(params=["FakeChatModel", pytest.param("ChatAnthropic", marks=REAL)])
def make_model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> MakeModel:
    """Models of both kinds, one after the other."""
    if request.param == "FakeChatModel":
        return fake
    chat_anthropic = partners.fetch("langchain_anthropic", "ChatAnthropic")
    partners.fetch("pytest_httpserver")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    server = anthropic_server(request.getfixturevalue("httpserver"))

    def make(*answers: str | dict[str, Any], **fields: Any) -> Any:
        for answer in answers:
            if isinstance(answer, str):
                server.text(answer)
            else:
                server.tool_call("weather", answer)
        return chat_anthropic(model="claude-test", base_url=server.url, api_key="test", max_retries=0, **fields)

    return make


def name_of(model: Any) -> str:
    """What the model's runs are called."""
    return type(model).__name__


def chain_events(model: list[Any]) -> list[Any]:
    """What a handler hears of the whole chain."""
    return ["chain_start", *["chain_start", "chain_end"], *model, "chain_end"]


def call(chain: Any, how: str, config: Any = None) -> str:
    """The answer of the chain, called in one of its ways."""
    if how == "invoke":
        return str(chain.invoke(INPUT, config).text)
    if how == "ainvoke":
        return str(asyncio.run(chain.ainvoke(INPUT, config)).text)
    if how == "stream":
        return "".join(chunk.text for chunk in chain.stream(INPUT, config))

    async def stream() -> str:
        return "".join([chunk.text async for chunk in chain.astream(INPUT, config)])

    return asyncio.run(stream())


PROMPT = ChatPromptTemplate.from_template("What is 1 + {number}?")
WAYS = {"invoke": MODEL, "ainvoke": MODEL, "stream": STREAM, "astream": STREAM}


@pytest.mark.parametrize("how", WAYS)
def test_constructor_callbacks_stay_on_the_model(make_model: MakeModel, how: str) -> None:
    """
    A handler in the model's constructor sees the model's events, and no chain events.
    """
    handler = RecordingHandler()
    model = make_model("1 + 2 = 3", callbacks=[handler])
    assert call(PROMPT | model, how) == "1 + 2 = 3"
    handler.assert_events(WAYS[how])
    handler.assert_run_tree(name_of(model))
    handler.assert_no_events("chain_start")


@pytest.mark.parametrize("how", WAYS)
def test_runtime_callbacks_reach_every_child(make_model: MakeModel, how: str) -> None:
    """
    The same handler at run time sees the whole chain.
    """
    handler = RecordingHandler()
    model = make_model("1 + 2 = 3")
    assert call(PROMPT | model, how, {"callbacks": [handler]}) == "1 + 2 = 3"
    handler.assert_events(chain_events(WAYS[how]))
    handler.assert_run_tree(f"RunnableSequence\n  ChatPromptTemplate\n  {name_of(model)}")
    assert handler.one("llm_end").text == "1 + 2 = 3"
    assert handler.one("chat_model_start").text is None
    assert handler.usage["output_tokens"] > 0
    handler.assert_finished()


def test_both_scopes_at_once(make_model: MakeModel) -> None:
    """
    Two handlers, one in the constructor and one at run time, hear what their scopes say of one and the same call.
    """
    constructor, runtime = RecordingHandler(), RecordingHandler()
    call(PROMPT | make_model("3", callbacks=[constructor]), "invoke", {"callbacks": [runtime]})
    constructor.assert_events(MODEL)
    runtime.assert_events(chain_events(MODEL))
    [heard] = constructor.runs
    assert runtime.count(run=heard) == 2


def test_a_graph(make_model: MakeModel) -> None:
    """
    Of a langgraph graph, a handler at run time hears graph, node and model; one in the constructor the model.
    """
    constructor, runtime = RecordingHandler(), RecordingHandler()
    model = make_model("sunny", callbacks=[constructor])
    graph = StateGraph(MessagesState)
    graph.add_node("ask", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_edge(START, "ask")
    state = graph.compile().invoke(QUESTION, {"callbacks": [runtime]})
    assert state["messages"][-1].text == "sunny"
    constructor.assert_events(MODEL)
    runtime.assert_events(["chain_start", "chain_start", *MODEL, "chain_end", "chain_end"])
    runtime.assert_run_tree(f"LangGraph\n  ask\n    {name_of(model)}")


@tool
def weather(city: str) -> str:
    """Look up the weather."""
    return f"It is sunny in {city}."


def test_an_agent_that_calls_a_tool(make_model: MakeModel) -> None:
    """
    Of an agent, a handler at run time hears every step; one in the constructor the two calls of the model.
    """
    constructor, runtime = RecordingHandler(), RecordingHandler()
    model = make_model({"city": "Oslo"}, "Sunny.", callbacks=[constructor])
    state = create_agent(model, [weather]).invoke(QUESTION, {"callbacks": [runtime]})
    assert state["messages"][-1].text == "Sunny."
    constructor.assert_events(MODEL * 2)
    runtime.assert_events(
        [
            event("chain_start", run="LangGraph"),
            *["chain_start", *MODEL, "chain_end"],
            *["chain_start", event("tool_start", run="weather", inputs={"city": "Oslo"}), "tool_end", "chain_end"],
            *["chain_start", *MODEL, "chain_end"],
            "chain_end",
        ]
    )
    runtime.assert_run_tree(
        f"LangGraph\n  model\n    {name_of(model)}\n  tools\n    weather\n  model\n    {name_of(model)}"
    )
    assert [call["name"] for call in runtime.where("llm_end").events[0].tool_calls] == ["weather"]
    runtime.assert_no_errors()
    runtime.assert_finished()
