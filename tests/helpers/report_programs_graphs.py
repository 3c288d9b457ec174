"""Reports of graphs and agents: their state, their tasks, and a middleware that tries again."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import wrap_model_call
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.types import Command, interrupt
from report_programs import at, report
from report_programs_components import graph_of
from report_programs_payloads import ASK, add

from pytest_lc_callbacks import FakeChatModel


@wrap_model_call
def try_again(request: Any, handler: Any) -> Any:
    """Ask the model once more where it fails."""
    try:
        return handler(request)
    except TimeoutError:
        return handler(request)


def _asks(*answers: Any) -> Any:
    def program(h: Any) -> None:
        scripted = FakeChatModel()
        for each in answers:
            scripted.respond(each)
        create_agent(scripted, [add], middleware=[try_again]).invoke(ASK, at(h))

    return program


report(
    name="a middleware that tries again sends no retry",
    buggy=_asks(TimeoutError("busy"), "3"),
    good=_asks(TimeoutError("busy"), "3"),
    check=lambda heard: heard.one("retry"),
    reads_good=lambda heard: heard.one("llm_error"),
    says=("FakeChatModel was tried again, in a run of its own", "[retry-is-a-run]"),
)
report(
    name="a model that does not fail",
    buggy=_asks("3"),
    good=_asks("3"),
    check=lambda heard: heard.one("retry"),
    reads_good=lambda heard: heard.one("llm_end"),
    says=("expected one 'retry'",),
    never=("[retry-is-a-run]",),
)


def _reads_state(*, runs: bool) -> Any:
    def program(h: Any) -> None:
        graph = graph_of(lambda state: {"x": "done"})
        config = {"configurable": {"thread_id": "1"}, **at(h)}
        if runs:
            graph.invoke({"x": ""}, config)
        graph.get_state(config)
        h.assert_events(["chain_start", ..., "chain_end"])

    return program


def _only_reads(h: Any) -> None:
    graph = graph_of(lambda state: {"x": "done"})
    graph.get_state({"configurable": {"thread_id": "1"}, **at(h)})
    h.assert_events(["chain_start", ..., "chain_end"])


report(
    name="the state of a graph",
    buggy=_only_reads,
    good=_reads_state(runs=True),
    says=("graph.get_state(...) at", "reads or writes the state of a graph, and runs no node", "[no-callbacks]"),
)
report(
    name="the state of a graph, in a function that would run it",
    buggy=_reads_state(runs=False),
    good=_reads_state(runs=True),
    says=("expected 'chain_start'",),
    never=("[no-callbacks]",),
)


@task
def work(x: int) -> int:
    """Work."""
    return x


def _resumes(*, tasks: int, nodes: int = 2) -> Any:
    def program(h: Any) -> None:
        @entrypoint(checkpointer=InMemorySaver())
        def flow(x: int) -> Any:
            return interrupt(work(x).result())

        config: Any = {"configurable": {"thread_id": "1"}, **at(h)}
        flow.invoke(1, config)
        flow.invoke(Command(resume=1), config)
        assert h.count("chain_start", run="work") == tasks
        assert h.count("chain_start", run="flow") == nodes

    return program


report(
    name="a task of a node that was resumed",
    buggy=_resumes(tasks=2),
    good=_resumes(tasks=1),
    says=("work",),
    never=("[resumed-node]",),
)
report(
    name="a node that was resumed, beside its task",
    buggy=_resumes(tasks=1, nodes=1),
    good=_resumes(tasks=1),
    says=("flow was interrupted, and ran again", "[resumed-node]"),
)
