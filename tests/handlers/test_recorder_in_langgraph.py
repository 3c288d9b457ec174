"""What the recording handler hears of langgraph."""

from __future__ import annotations

from typing import Any

import pytest
from recordings import failure

from pytest_lc_callbacks import RecordingHandler, event


@pytest.fixture
def handler() -> RecordingHandler:
    """A handler that no observer stands beside."""
    return RecordingHandler()


def graph_with_interrupt() -> Any:
    """A graph whose only node asks a person."""
    pytest.importorskip("langgraph.callbacks", reason="interrupt and resume are events since langgraph 1.1")
    from typing import TypedDict

    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import interrupt

    class State(TypedDict):
        answer: str

    def ask(state: State) -> State:
        return {"answer": interrupt("approve?")}

    graph = StateGraph(State)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=InMemorySaver())


def test_interrupt_and_resume(handler: RecordingHandler) -> None:
    """
    langgraph's interrupt and resume are recorded in the graph's run, and an interrupt is no error.
    """
    graph = graph_with_interrupt()
    from langgraph.types import Command

    config: Any = {"configurable": {"thread_id": "1"}, "callbacks": [handler]}
    graph.invoke({"answer": ""}, config)
    handler.assert_events(
        [event("chain_start", run="LangGraph"), ..., "interrupt", ..., event("chain_end", run="LangGraph")]
    )
    assert handler.one("interrupt").run_name == "LangGraph"
    assert handler.one("interrupt").payload["event"].interrupts[0].value == "approve?"
    handler.assert_no_errors()
    handler.clear()
    assert graph.invoke(Command(resume="yes"), config) == {"answer": "yes"}
    assert handler.one("resume").run_name == "LangGraph"
    handler.assert_no_errors()
    handler.assert_finished()


def test_an_error_in_a_graph_is_an_error(handler: RecordingHandler) -> None:
    """
    ``assert_no_errors`` counts what a node of a graph raises by mistake.
    """
    from langgraph.graph import START, StateGraph

    def fail(state: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("missing")

    graph = StateGraph(dict)
    graph.add_node("fail", fail)
    graph.add_edge(START, "fail")
    with pytest.raises(KeyError):
        graph.compile().invoke({}, {"callbacks": [handler]})
    assert "raised KeyError('missing')" in failure(handler.assert_no_errors)
