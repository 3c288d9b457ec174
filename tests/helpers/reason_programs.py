"""Programs whose handler hears too little or too much, and the message of the check that finds it."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from pytest_lc_callbacks import RecordingHandler, observe_callbacks

PROMPT = ChatPromptTemplate.from_template("{q}")
QUESTION: dict[str, Any] = {"q": "1"}


class State(TypedDict):
    """A graph's state."""

    q: str


class City(TypedDict):
    """The schema of a city."""

    name: str


def model(**options: Any) -> FakeListChatModel:
    """A model that answers as often as it is asked."""
    return FakeListChatModel(responses=["x"], **options)


MODEL = model()


def own() -> dict[str, Any]:
    """A config with another handler."""
    return {"callbacks": [BaseCallbackHandler()]}


def at(handler: Any) -> Any:
    """A config with *handler*."""
    return {"callbacks": [handler]}


def outer(body: Any) -> RunnableLambda[Any, Any]:
    """A chain named outer that calls *body*."""
    return RunnableLambda(body, name="outer")


def graph(node: Any, name: str = "top") -> Any:
    """A graph of one node."""
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(name=name)


def sync_node(state: Any) -> Any:
    """A node that asks a model."""
    MODEL.invoke("q")
    return state


def lookup(**options: Any) -> StructuredTool:
    """A tool that asks a model."""

    def ask(q: str) -> str:
        return str(MODEL.invoke(q).content)

    return StructuredTool.from_function(ask, name="lookup", description="look it up", **options)


class Shelf(BaseRetriever):
    """A retriever that asks a model."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(str(MODEL.invoke(query).content))]

    async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(str((await MODEL.ainvoke(query)).content))]


class PassingShelf(BaseRetriever):
    """A retriever that passes its callbacks on."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(str(MODEL.invoke(query, {"callbacks": run_manager.get_child()}).content))]


class Router(FakeListChatModel):
    """A model that asks another."""

    def _call(self, *args: Any, **kwargs: Any) -> str:
        MODEL.invoke("inside")
        return super()._call(*args, **kwargs)


def words_of(program: Any, check: Any = lambda handler: handler.assert_runtime_scope()) -> str:
    """The message of the failing check in one line; empty if it passes."""
    with observe_callbacks():
        handler = RecordingHandler()
        done = program(handler)
        if inspect.iscoroutine(done):
            asyncio.run(done)
        try:
            check(handler)
        except AssertionError as failure:
            return " ".join(str(failure).split())
    return ""
