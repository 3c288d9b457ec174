"""Reports of calls that send nothing: a search, an embedding, a model inside another one, an answer that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import CallbackManager, dispatch_custom_event
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel, FakeListLLM
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_core.vectorstores import VectorStore
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from report_programs import at, model, report
from report_programs_scopes import expects

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


class Letters(Embeddings):
    """Embeds a text as its length."""

    def embed_query(self, text: str) -> list[float]:
        return [float(len(text))]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def embed(text: str) -> Any:
    """Embed a text."""
    return Letters().embed_query(text)


def ask_llm(text: str) -> Any:
    """Ask a text LLM."""
    return FakeListLLM(responses=["x"]).invoke(text)


def embed_and_ask(text: str) -> Any:
    """Embed a text, and ask a model that no handler reaches."""
    embed(text)
    return model().invoke(text, {"callbacks": []})


def embed_or_ask(text: str) -> Any:
    """Ask a model, where there is a text."""
    return model().invoke(text) if text else Letters().embed_query(text)


for _function in (embed, Letters().embed_query):
    report(
        name=f"an embedding in a chain, {_function.__qualname__}",
        buggy=lambda h, function=_function: RunnableLambda(function).invoke("q", at(h)),
        good=lambda h: RunnableLambda(ask_llm).invoke("q", at(h)),
        check=lambda heard: heard.assert_events(["chain_start", "llm_start", "llm_end", "chain_end"]),
        says=("embed_query(...)", "embedding model", "[no-callbacks]"),
        never=("Possible causes",),
    )
for _function, _text in ((embed_and_ask, "q"), (embed_or_ask, "")):
    report(
        name=f"an embedding beside a model, {_function.__name__}",
        buggy=lambda h, function=_function, text=_text: RunnableLambda(function).invoke(text, at(h)),
        good=lambda h: RunnableLambda(embed_or_ask).invoke("q", at(h)),
        check=lambda heard: heard.assert_events(["chain_start", "chat_model_start", "llm_end", "chain_end"]),
        says=("expected 'chat_model_start' as event 2",),
        never=("[no-callbacks]",),
    )
for _said, _check in (
    ("a run", lambda heard: heard.one("chain_start", run="Letters")),
    ("a tree", lambda heard: heard.assert_run_tree("embed\n  Letters")),
    ("the scope", lambda heard: heard.assert_runtime_scope(under="Letters")),
):
    report(
        name=f"{_said} of an embedding model",
        buggy=lambda h: RunnableLambda(embed).invoke("q", at(h)),
        good=lambda h: RunnableLambda(embed).invoke("q", at(h)),
        check=_check,
        reads_good=lambda heard: heard.assert_run_tree("embed"),
        says=("Letters is an embedding model.", "[no-callbacks]"),
    )
report(
    name="a run that has the name of an embedding model, and that is not heard",
    buggy=lambda h: RunnableLambda(lambda x: RunnableLambda(embed, name="Letters").invoke(x, {"callbacks": []})).invoke(
        "q", at(h)
    ),
    good=lambda h: RunnableLambda(lambda x: RunnableLambda(embed, name="Letters").invoke(x)).invoke("q", at(h)),
    check=lambda heard: heard.one("chain_start", run="Letters"),
    says=("there are", "Letters", "(began without a parent)"),
    never=("[no-callbacks]",),
)

report(
    name="a run that has the name of an embedding model, and that is heard",
    buggy=lambda h: RunnableLambda(embed, name="Letters").invoke("q", at(h)),
    good=lambda h: RunnableLambda(embed, name="Letters").invoke("q", at(h)),
    check=lambda heard: heard.one("tool_start", run="Letters"),
    reads_good=lambda heard: heard.one("chain_start", run="Letters"),
    says=("there is none",),
    never=("[no-callbacks]",),
)


class Around(BaseChatModel):
    """A chat model around another one."""

    inner: Any

    @property
    def _llm_type(self) -> str:
        return "around"


class AsksInside(Around):
    """Asks the other one by the method that begins no run."""

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return self.inner._generate(messages, stop, run_manager, **kwargs)


class AsksInRun(Around):
    """Asks it with a run of its own."""

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        answer = self.inner.invoke(messages, {"callbacks": self.reach(run_manager)})
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def reach(self, run_manager: Any) -> Any:
        """What the other model is given."""
        return CallbackManager(run_manager.handlers, run_manager.handlers, parent_run_id=run_manager.run_id)


class Detached(AsksInRun):
    """Asks it with no callbacks at all."""

    def reach(self, run_manager: Any) -> Any:
        return []


_TREE = "{}\n  FakeListChatModel"
for _said, _check in (
    ("in a tree", lambda heard: heard.assert_run_tree(_TREE.format(heard.runs[0].name))),
    ("by its events", expects("chat_model_start", "chat_model_start", "llm_end", "llm_end")),
    ("by its name", lambda heard: heard.one("chat_model_start", run="FakeListChatModel")),
    ("in the scope", lambda heard: heard.assert_runtime_scope(under="FakeListChatModel")),
):
    report(
        name=f"a model that another one asks inside, {_said}",
        buggy=lambda h: AsksInside(inner=model()).invoke("q", at(h)),
        good=lambda h: AsksInRun(inner=model()).invoke("q", at(h)),
        check=_check,
        says=("AsksInside._generate calls self.inner._generate(...)", "[no-callbacks]"),
    )
    report(
        name=f"a model that another one asks without callbacks, {_said}",
        buggy=lambda h: Detached(inner=model()).invoke("q", at(h)),
        good=lambda h: AsksInRun(inner=model()).invoke("q", at(h)),
        check=_check,
        says=("expected",),
        never=("[no-callbacks]",),
    )
report(
    name="a model that another one does not have",
    buggy=lambda h: AsksInside(inner=model()).invoke("q", at(h)),
    good=lambda h: AsksInside(inner=model()).invoke("q", at(h)),
    check=lambda heard: heard.one("chat_model_start", run="GenericFakeChatModel"),
    reads_good=lambda heard: heard.one("chat_model_start", run="AsksInside"),
    says=("there are",),
    never=("[no-callbacks]",),
)
