"""Reports of calls that send nothing: a search of a vector store, and a text LLM that has its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import dispatch_custom_event
from langchain_core.language_models import FakeListLLM
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import VectorStore
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from report_programs import at, report

if TYPE_CHECKING:
    from langchain_core.documents import Document


class Store(VectorStore):
    """Finds nothing."""

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        return []

    @classmethod
    def from_texts(cls, texts: Any, embedding: Any, metadatas: Any = None, **kwargs: Any) -> Store:
        return cls()


def find(query: str) -> Any:
    """Search a vector store."""
    return Store().similarity_search(query)


def find_by_retriever(query: str) -> Any:
    """Search it with its retriever."""
    return Store().as_retriever().invoke(query)


report(
    name="a search in a function that ran",
    buggy=lambda h: RunnableLambda(find).invoke("q", at(h)),
    good=lambda h: RunnableLambda(find_by_retriever).invoke("q", at(h)),
    check=lambda heard: heard.assert_events([..., "retriever_start", "retriever_end", ...]),
    says=("similarity_search(...) at", "[no-callbacks]"),
    never=("Possible causes",),
)
report(
    name="a retriever that is not heard",
    buggy=lambda h: RunnableLambda(find_by_retriever).invoke("q"),
    good=lambda h: RunnableLambda(find_by_retriever).invoke("q", at(h)),
    check=lambda heard: heard.assert_events([..., "retriever_start", "retriever_end", ...]),
    says=("without callbacks",),
    never=("[no-callbacks]",),
)


def write(state: Any) -> Any:
    """Write to the stream of the graph."""
    get_stream_writer()({"done": 1})
    return {"x": "done"}


def dispatch(state: Any) -> Any:
    """Dispatch an event."""
    dispatch_custom_event("progress", {"done": 1})
    return {"x": "done"}


def _of_one_node(node: Any) -> Any:
    def program(h: Any) -> None:
        builder = StateGraph(dict)
        builder.add_node(node)
        builder.add_edge(START, node.__name__)
        list(builder.compile().stream({"x": ""}, at(h), stream_mode="custom"))

    return program


report(
    name="a stream writer",
    buggy=_of_one_node(write),
    good=_of_one_node(dispatch),
    check=lambda heard: heard.one("custom_event"),
    says=("get_stream_writer(...) at", "is the stream writer of a graph", "[stream-writer]"),
)
report(
    name="a custom event of another name",
    buggy=_of_one_node(dispatch),
    good=_of_one_node(dispatch),
    check=lambda heard: heard.one("custom_event", custom="other"),
    reads_good=lambda heard: heard.one("custom_event", custom="progress"),
    says=("there are",),
    never=("[stream-writer]",),
)


def _cached(*, caches: bool, heard_first: bool = True, times: int = 2) -> Any:
    def program(h: Any) -> None:
        llm = FakeListLLM(responses=["x"], cache=InMemoryCache() if caches else False)
        llm.invoke("q", at(h) if heard_first else None)
        llm.invoke("q", at(h))
        if heard_first:
            assert h.count("llm_end") == times
        else:
            h.assert_events(["llm_start", "llm_end"])

    return program


for _first in (True, False):
    report(
        name=f"a text LLM with a cache, heard {'twice' if _first else 'once'}",
        buggy=_cached(caches=True, heard_first=_first),
        good=_cached(caches=False, heard_first=_first),
        says=("llm has a cache, and sends nothing for an answer from there", "[cached-answer]"),
        never=("Possible causes",),
    )
report(
    name="a text LLM without a cache",
    buggy=_cached(caches=False, times=3),
    good=_cached(caches=False),
    says=(),
    never=("[cached-answer]",),
)
