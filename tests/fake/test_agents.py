"""Agents and graphs on a scripted model: loops, parallel tools, failures, structured responses, interrupts."""

from __future__ import annotations

import asyncio
import importlib.util
import operator
from typing import Annotated

import partners
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, ModelFallbackMiddleware, wrap_tool_call
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import ToolException, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command
from pydantic import BaseModel
from typing_extensions import TypedDict

from pytest_lc_callbacks import FakeChatModel, FakeChatModelExhausted, RecordingHandler

ASKED = {"messages": [("user", "What is the weather?")]}


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: float


@tool
def search(query: str) -> str:
    """Search the web."""
    return f"found {query}"


@tool
def book(city: str, nights: int = 1) -> str:
    """Book a hotel."""
    return f"booked {city}"


@tool
def broken(x: int) -> str:
    """Fail."""
    raise ToolException("out of order")


broken.handle_tool_error = True


def run(agent, mode, config=None):
    """The final state of an agent, in each way to run it."""
    if mode == "invoke":
        return agent.invoke(ASKED, config)
    if mode == "ainvoke":
        return asyncio.run(agent.ainvoke(ASKED, config))
    if mode == "stream":
        return list(agent.stream(ASKED, config, stream_mode="values"))[-1]

    async def read():
        return [state async for state in agent.astream(ASKED, config, stream_mode="values")][-1]

    return asyncio.run(read())


every_mode = pytest.mark.parametrize("mode", ["invoke", "ainvoke", "stream", "astream"])


@every_mode
def test_parallel_tools(mode):
    """
    An agent runs parallel tool calls, and the model sees their results in its next call.
    """
    model = FakeChatModel().respond(tool_calls=[("search", {"query": "a"}), ("search", {"query": "b"})])
    model.respond("Sunny.")

    state = run(create_agent(model, [search]), mode)

    assert state["messages"][-1].content == "Sunny."
    assert [message.content for message in model.last_call.messages[-2:]] == ["found a", "found b"]
    assert model.script.unused == []


@every_mode
def test_a_failing_tool(mode):
    """
    A tool that fails comes back as an error message, which the model may answer.
    """
    model = FakeChatModel().respond(tool_calls=[("broken", {"x": 1})]).respond("Sorry.")

    state = run(create_agent(model, [broken]), mode)

    assert state["messages"][-1].content == "Sorry."
    [result] = [message for message in model.last_call.messages if isinstance(message, ToolMessage)]
    assert (result.status, result.content) == ("error", "out of order")


def test_a_tool_that_is_not_there():
    """
    check_tools=False shows how an agent takes a call of a tool it does not have.
    """
    model = FakeChatModel().respond(tool_calls=[("fly", {})], check_tools=False).respond("Sorry.")

    create_agent(model, [search]).invoke(ASKED)

    assert "fly is not a valid tool" in model.last_call.messages[-1].content


@pytest.mark.parametrize(
    "strategy", [ToolStrategy(Weather), ProviderStrategy(Weather), Weather], ids=["tool", "provider", "auto"]
)
@pytest.mark.parametrize("provider", [None, "openai", "anthropic"])
def test_a_structured_response(strategy, provider):
    """
    A scripted object is an agent's structured response, whichever way the agent asks for it.
    """
    model = FakeChatModel(provider=provider).respond(tool_calls=[("search", {"query": "a"})])
    model.respond(Weather(city="Oslo", degrees=-3))

    state = create_agent(model, [search], response_format=strategy).invoke(ASKED)

    assert state["structured_response"] == Weather(city="Oslo", degrees=-3)


def test_middleware_around_tools():
    """
    Middleware sees the tool calls of a scripted model.
    """
    seen = []

    @wrap_tool_call
    def note(request, handler):
        seen.append(request.tool_call["name"])
        return handler(request)

    model = FakeChatModel().respond(tool_calls=[("search", {"query": "a"})]).respond("Done.")
    create_agent(model, [search], middleware=[note]).invoke(ASKED)

    assert seen == ["search"]


def test_a_fallback():
    """
    A model's error is in its calls, also if middleware swallows it.
    """
    model, second = FakeChatModel().respond(TimeoutError("slow")), FakeChatModel(responses=["From the second."])

    state = create_agent(model, [], middleware=[ModelFallbackMiddleware(second)]).invoke(ASKED)

    assert state["messages"][-1].content == "From the second."
    assert isinstance(model.last_call.error, TimeoutError)


def test_an_exhausted_agent():
    """
    An agent that asks for more than was scripted fails with the model's own explanation.
    """
    model = FakeChatModel().respond(tool_calls=[("search", {"query": "a"})])

    with pytest.raises(FakeChatModelExhausted, match="expected at most 1 call of the model, but this is call 2"):
        create_agent(model, [search]).invoke(ASKED)


def test_interrupt_and_resume():
    """
    An agent that waits for a human goes on with the same script, and repeats no call of the model.
    """
    model = FakeChatModel().respond(tool_calls=[("book", {"city": "Oslo"})]).respond("Booked.")
    agent = create_agent(
        model,
        [book],
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"book": True})],
        checkpointer=InMemorySaver(),
    )
    config = {"configurable": {"thread_id": "1"}}

    assert agent.invoke(ASKED, config)["__interrupt__"]
    assert model.call_count == 1
    state = agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), config)

    assert [message.content for message in state["messages"][-2:]] == ["booked Oslo", "Booked."]
    assert model.call_count == 2


def test_an_agent_that_says_the_same_twice():
    """
    The same response in two turns of a conversation is two messages.
    """
    agent = create_agent(FakeChatModel().respond("Hm.", always=True), [], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}

    for _ in range(2):
        state = agent.invoke({"messages": [("user", "Well?")]}, config)

    assert [message.content for message in state["messages"]] == ["Well?", "Hm.", "Well?", "Hm."]


@every_mode
@pytest.mark.parametrize(
    "strategy", [None, ToolStrategy(Weather), ProviderStrategy(Weather)], ids=["none", "tool", "provider"]
)
def test_auto(mode, strategy):
    """
    `auto()` drives any agent to its end: each tool once, then a text, or the object that the agent asks for.
    """
    model = FakeChatModel().auto()

    state = run(create_agent(model, [search, book], response_format=strategy), mode)

    results = [message.content for message in state["messages"] if isinstance(message, ToolMessage)]
    assert results[:2] == ["found a", "booked a"]
    assert state.get("structured_response") == (None if strategy is None else Weather(city="a", degrees=0))


def test_auto_is_the_same_each_time():
    """
    Two runs with `auto()` give the same messages, ids included.
    """
    first, second = (create_agent(FakeChatModel().auto(), [search, book]).invoke(ASKED) for _ in range(2))

    said = [[message for message in state["messages"] if isinstance(message, AIMessage)] for state in (first, second)]
    assert said[0] == said[1]


@every_mode
def test_a_tool_loop_of_langgraph(mode):
    """
    A graph of a model and a ToolNode runs until the script has no more tool calls.
    """
    model = FakeChatModel().respond(tool_calls=[("search", {"query": "a"})]).respond("Sunny.")
    bound = model.bind_tools([search])
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": bound.invoke(state["messages"])})
    graph.add_node("tools", ToolNode([search]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")

    state = run(graph.compile(), mode)

    assert [type(message) for message in state["messages"]] == [HumanMessage, AIMessage, ToolMessage, AIMessage]


class Branches(TypedDict):
    answers: Annotated[list[str], operator.add]


def test_parallel_nodes():
    """
    Nodes that run at the same time each get the response of their own rule.
    """
    model = FakeChatModel()
    graph = StateGraph(Branches)
    for name in ("pro", "contra", "neutral"):
        model.on(name).respond(f"{name}: yes")
        graph.add_node(name, lambda state, name=name: {"answers": [model.invoke(f"Argue {name}.").content]})
        graph.add_edge(START, name)
        graph.add_edge(name, END)

    state = graph.compile().invoke({"answers": []})

    assert sorted(state["answers"]) == ["contra: yes", "neutral: yes", "pro: yes"]
    assert model.script.unused == []


def test_tokens_of_an_agent():
    """
    stream_mode="messages" makes the model of an agent stream.
    """
    model = FakeChatModel().respond(tool_calls=[("search", {"query": "a"})]).respond("Sunny and warm.")
    agent = create_agent(model, [search])

    pieces = [message.content for message, _ in agent.stream(ASKED, stream_mode="messages")]

    assert pieces[-3:] == ["Sunny", " and", " warm."]


def test_callbacks_of_an_agent():
    """
    A handler of the run hears the model as a chat model, once per call.
    """
    handler = RecordingHandler()
    model = FakeChatModel().respond(tool_calls=[("search", {"query": "a"})]).respond("Sunny.")

    create_agent(model, [search]).invoke(ASKED, {"callbacks": [handler]})

    assert handler.count("chat_model_start") == handler.count("llm_end") == 2
    assert handler.count("tool_start") == 1


MESSAGES = {
    "text": {"responses": ["Hello there, how are you?"]},
    "blocks": {
        "responses": [
            AIMessage(
                [{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "Paris."}],
                response_metadata={"output_version": "v1"},
            )
        ]
    },
    "empty": {"responses": [""]},
}


@pytest.mark.filterwarnings("ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.skipif(
    not importlib.util.find_spec("langchain_core.language_models.chat_model_stream"),
    reason="protocol events came with langchain-core 1.4",
)
@pytest.mark.partner("langchain-tests")
@pytest.mark.parametrize("provider", [None, "anthropic", "openai"])
@pytest.mark.parametrize("fields", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize(
    "calls", [[], [("search", {"query": "a"}), ("search", {"query": "b"})]], ids=["no calls", "calls"]
)
def test_protocol_events(provider, fields, calls):
    """
    stream_events and astream_events, version 3, give an event stream that LangChain's own validator accepts.
    """
    assert_valid = partners.fetch("langchain_tests.utils.stream_lifecycle", "assert_valid_event_stream")
    model = FakeChatModel(provider=provider)
    [response] = fields["responses"]
    if calls and isinstance(response, str):
        model.respond(response, tool_calls=calls, times=2)
    else:
        model.respond(response, times=2)

    async def read():
        stream = await model.astream_events("x", version="v3")
        return [event async for event in stream], await stream.output

    stream = model.stream_events("x", version="v3")
    events, output = list(stream), stream.output
    async_events, async_output = asyncio.run(read())

    assert_valid(events)
    assert_valid(async_events)
    assert [call["name"] for call in output.tool_calls] == [name for name, _ in calls if isinstance(response, str)]
    assert output.text == async_output.text == model.last_call.response.text


def test_events_of_version_2():
    """
    astream_events, version 2, gives the tokens of a stream, also of a model that is only invoked.
    """

    async def read():
        model = FakeChatModel(responses=["one two"])
        return [event["event"] async for event in model.astream_events("x", version="v2")]

    assert asyncio.run(read()) == [
        "on_chat_model_start",
        "on_chat_model_stream",
        "on_chat_model_stream",
        "on_chat_model_end",
    ]
