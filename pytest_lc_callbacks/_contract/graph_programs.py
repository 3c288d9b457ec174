"""Programs with langgraph: nodes, interrupts and resumes. They are there where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, TypedDict

from pytest_lc_callbacks._contract.components import Chat
from pytest_lc_callbacks._contract.program import PROGRAMS, Stage

HAS_LANGGRAPH = find_spec("langgraph") is not None


class _State(TypedDict, total=False):
    text: str


def _graph(node: Any, **compiled: Any) -> Any:
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(_State)
    graph.add_node("the_node", node)
    graph.add_edge(START, "the_node")
    graph.add_edge("the_node", END)
    return graph.compile(**compiled)


def _asking(state: _State) -> _State:
    return {"text": Chat().invoke(state["text"]).text}


def _interrupted() -> Any:
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.types import interrupt

    def node(state: _State) -> _State:
        return {"text": str(interrupt("may I?"))}

    return _graph(node, checkpointer=InMemorySaver())


def _resume() -> Any:
    from langgraph.types import Command

    return Command(resume="yes")


def _thread(stage: Stage) -> Any:
    return {**stage.config, "configurable": {"thread_id": "1"}}


if HAS_LANGGRAPH:
    program = PROGRAMS.add

    @program("graphs", "graph.invoke({'text': 'hi'}, config), a node that asks a model", needs="langgraph chat_model")
    def graph_invoke(stage: Stage) -> Any:
        return _graph(_asking).invoke({"text": "hi"}, stage.config)

    @program("graphs", "await graph.ainvoke({'text': 'hi'}, config)", needs="langgraph chat_model")
    async def graph_ainvoke(stage: Stage) -> Any:
        return await _graph(_asking).ainvoke({"text": "hi"}, stage.config)

    @program("interrupts", "interrupt() in a node, then Command(resume=...)", needs="langgraph")
    def graph_interrupt(stage: Stage) -> Any:
        graph, config = _interrupted(), _thread(stage)
        return [graph.invoke({"text": "hi"}, config), graph.invoke(_resume(), config)]

    @program("interrupts", "the same, awaited", needs="langgraph")
    async def graph_ainterrupt(stage: Stage) -> Any:
        graph, config = _interrupted(), _thread(stage)
        return [await graph.ainvoke({"text": "hi"}, config), await graph.ainvoke(_resume(), config)]

    @program("control_flow", "a node that raises ParentCommand, which is no error", needs="langgraph")
    def parent_command(stage: Stage) -> Any:
        from langgraph.types import Command

        def node(state: _State) -> Any:
            return Command(graph=Command.PARENT, goto="after", update={"text": "up"})

        from langgraph.graph import END, START, StateGraph

        graph = StateGraph(_State)
        graph.add_node("sub", _graph(node), destinations=("after",))
        graph.add_node("after", lambda state: {"text": "after"})
        graph.add_edge(START, "sub")
        graph.add_edge("after", END)
        compiled: Any = graph.compile()
        return compiled.invoke({"text": "hi"}, stage.config)
