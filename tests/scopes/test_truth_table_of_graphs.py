"""LangChain's scope truth table: graphs and agents, at run time and with callbacks of their own."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.runnables import RunnableLambda
from truth_programs import HEARD, MISSED, async_node, graph, lookup, model, passing_node, runtime, statuses, sync_node

from pytest_lc_callbacks import FakeChatModel

LANGGRAPH = tuple(int(part) for part in version("langgraph").split(".")[:2])


@pytest.mark.parametrize(
    ("node", "call", "expected"),
    [
        (sync_node, "invoke", HEARD),
        (sync_node, "ainvoke", HEARD),
        (async_node, "ainvoke", HEARD),
        (passing_node, "ainvoke", HEARD),
        (RunnableLambda(sync_node), "ainvoke", HEARD),
    ],
    ids=["sync", "sync under ainvoke", "async", "async, config passed on", "runnable"],
)
def test_graphs_at_run_time(node, call, expected):
    """
    A runtime handler hears the graph, its nodes and what they call.
    """

    def program(handler: Any) -> None:
        given: Any = {"q": "1"}
        if call == "ainvoke":
            asyncio.run(graph(node).ainvoke(given, runtime(handler)))
        else:
            graph(node).invoke(given, runtime(handler))

    found = statuses(program)

    assert found.pop("FakeListChatModel") == expected
    assert set(found.values()) == {HEARD}


def test_graphs_with_config():
    """
    with_config on a graph is run time for it: the handler hears graph, nodes and what they call.
    """
    found = statuses(lambda h: graph(sync_node).with_config(callbacks=[h]).invoke({"q": "1"}))

    assert found == {"graph": HEARD, "node": HEARD, "FakeListChatModel": HEARD}


def test_a_models_constructor_callbacks_in_a_graph():
    """
    In a graph, a model's constructor callbacks hear the model's own runs alone.
    """

    def program(handler: Any) -> None:
        own = model(callbacks=[handler])
        graph(lambda state: {"q": own.invoke("q").content}).invoke({"q": "1"})

    assert statuses(program) == {"graph": MISSED, "node": MISSED, "FakeListChatModel": HEARD}


@pytest.mark.skipif(LANGGRAPH < (1, 2), reason="langgraph before 1.2 replaces with_config's callbacks")
def test_a_subgraph_as_a_node_with_callbacks_of_its_own():
    """
    The handler of a subgraph hears the subgraph and the runs inside, and not the graph around it.
    """
    inner = graph(sync_node, "inner")
    found = statuses(lambda h: graph(inner.with_config(callbacks=[h]), "top").invoke({"q": "1"}))

    assert found["top"] == MISSED
    assert found["inner"] == found["FakeListChatModel"] == HEARD


@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
def test_agents(call):
    """
    A runtime handler hears all of an agent, which is a graph.
    """

    def program(handler: Any) -> None:
        fake = FakeChatModel()
        fake.respond(tool_calls=[("lookup", {"q": "x"})]).respond("done")
        agent = create_agent(fake, [lookup()], name="clerk")
        given: Any = {"messages": [("user", "hi")]}
        if call == "ainvoke":
            asyncio.run(agent.ainvoke(given, runtime(handler)))
        else:
            agent.invoke(given, runtime(handler))

    found = statuses(program)

    assert found["clerk"] == found["FakeChatModel"] == found["model"] == found["tools"] == found["lookup"] == HEARD
