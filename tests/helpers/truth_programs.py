"""Runs for the rows of LangChain's scope truth table, and how a handler heard each."""

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from pytest_lc_callbacks import RecordingHandler, observe_callbacks

PROMPT = ChatPromptTemplate.from_template("{q}")
QUESTION: dict[str, Any] = {"q": "1"}
HEARD, MISSED, TWICE = "heard", "missed", "heard twice"


class State(TypedDict):
    """A graph's state."""

    q: str


def model(**options: Any) -> FakeListChatModel:
    """A model that answers as often as it is asked."""
    return FakeListChatModel(responses=["x"], **options)


MODEL = model()


def body(q: Any) -> Any:
    """A function with a run inside."""
    return MODEL.invoke("q").content


def passing(q: Any, config: RunnableConfig) -> Any:
    """A function that passes its config on."""
    return MODEL.invoke("q", config).content


def step(**config: Any) -> Any:
    """A step with a run inside."""
    return RunnableLambda(passing, name="step").with_config(**config)


def lookup(**options: Any) -> StructuredTool:
    """A tool with a run inside."""

    def look(q: str) -> str:
        return str(body(q))

    return StructuredTool.from_function(look, name="lookup", description="look", **options)


class Shelf(BaseRetriever):
    """A retriever."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(query)]


def graph(node: Any, name: str = "graph") -> Any:
    """A graph of one node."""
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(name=name)


def sync_node(state: Any) -> Any:
    """A node with a run inside."""
    return {"q": body("q")}


async def async_node(state: Any) -> Any:
    """An async node with a run inside."""
    return {"q": (await MODEL.ainvoke("q")).content}


async def passing_node(state: Any, config: RunnableConfig) -> Any:
    """A node that passes its config on."""
    return {"q": (await MODEL.ainvoke("q", config)).content}


def statuses(program: Any) -> dict[str, str]:
    """For each name how the handler heard its run; the last of several with one name."""
    with observe_callbacks() as observer:
        handler = RecordingHandler()
        program(handler)
        return dict(observer.table(handler=handler).rows)  # type: ignore[arg-type]  # rows of two


def runtime(handler: Any) -> Any:
    """A config with *handler*."""
    return {"callbacks": [handler]}


def chain_of(last: Any) -> Any:
    """A prompt and *step*."""
    return PROMPT | last
