"""Which runs are meant by ``of=`` and ``under=``."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any
from uuid import uuid4

import pytest
from langchain.agents import create_agent
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import (
    ConfigurableField,
    RouterRunnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    chain,
)
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, observe_callbacks
from pytest_lc_callbacks._scopes.target import Target

PROMPT = ChatPromptTemplate.from_template("{q}")


class City(TypedDict):
    """The schema of a city."""

    name: str


class Shelf(BaseRetriever):
    """A retriever with one document."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(query)]


class History(BaseChatMessageHistory):
    """A chat history that keeps nothing."""

    def __init__(self) -> None:
        self.messages = []

    def add_messages(self, messages: Any) -> None:
        self.messages.extend(messages)

    def clear(self) -> None:
        self.messages.clear()


class State(TypedDict):
    """A graph's state."""

    q: str


@tool
def search(q: str) -> str:
    """Search."""
    return q


@chain
def shout(q: Any) -> str:
    """Shout."""
    return str(q).upper()


def model() -> FakeListChatModel:
    """A model that answers as often as it is asked."""
    return FakeListChatModel(responses=["x"])


def graph(**options: Any) -> Any:
    """A graph of one node."""
    builder = StateGraph(State)
    builder.add_node("node", lambda state: state)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(**options)


def structured() -> Any:
    """A model that answers with a city."""
    fake = FakeChatModel()
    fake.respond({"name": "Oslo"}, always=True)
    return fake.with_structured_output(City)


def history() -> Any:
    """A model that remembers."""
    with warnings.catch_warnings():
        # Newer langchain-core would rather see a graph's memory here.
        warnings.simplefilter("ignore")
        return RunnableWithMessageHistory(model(), lambda session_id: History())


def alternatives() -> Any:
    """A chat model that a call's config may swap for a text LLM."""
    return model().configurable_alternatives(ConfigurableField(id="which"), llm=FakeListLLM(responses=["y"]))


def upper(q: Any) -> Any:
    """Make it upper case."""
    return str(q).upper()


async def aupper(parts: Any) -> Any:
    """Make it upper case, piece by piece."""
    async for part in parts:
        yield str(part).upper()


def each_upper(parts: Any) -> Any:
    """Make it upper case, piece by piece."""
    for part in parts:
        yield str(part).upper()


QUESTION: dict[str, Any] = {"q": "hi"}
KINDS: dict[str, tuple[Any, Any, str]] = {
    "chat model": (model, "hi", "FakeListChatModel"),
    "chat model with a name": (lambda: FakeListChatModel(responses=["x"], name="Ada"), "hi", "Ada"),
    "chat model with run_name": (lambda: model().with_config(run_name="Ada"), "hi", "Ada"),
    "fake chat model": (FakeChatModel, "hi", "FakeChatModel"),
    "text LLM": (lambda: FakeListLLM(responses=["x"]), "hi", "FakeListLLM"),
    "tool": (lambda: search, QUESTION, "search"),
    "retriever": (Shelf, "hi", "Shelf"),
    "retriever with a name": (lambda: Shelf(name="books"), "hi", "books"),
    "prompt": (lambda: PROMPT, QUESTION, "ChatPromptTemplate"),
    "parser": (StrOutputParser, AIMessage("x"), "StrOutputParser"),
    "lambda": (lambda: RunnableLambda(upper), "hi", "upper"),
    "lambda with a name": (lambda: RunnableLambda(upper, name="loud"), "hi", "loud"),
    "@chain": (lambda: shout, "hi", "shout"),
    "generator": (lambda: RunnableGenerator(each_upper, aupper), "hi", "each_upper"),
    "sequence": (lambda: PROMPT | model(), QUESTION, "RunnableSequence"),
    "sequence, renamed twice": (
        lambda: (PROMPT | model()).with_config(run_name="a").with_config(run_name="b"),
        QUESTION,
        "b",
    ),
    "parallel": (lambda: RunnableParallel(a=upper, b=upper), "hi", "RunnableParallel<a,b>"),
    "assign": (lambda: RunnablePassthrough.assign(a=upper), QUESTION, "RunnableAssign<a>"),
    "branch": (lambda: RunnableBranch((lambda q: True, upper), upper), "hi", "RunnableBranch"),
    "router": (lambda: RouterRunnable({"up": RunnableLambda(upper)}), {"key": "up", "input": "hi"}, "upper"),
    "each": (lambda: RunnableLambda(upper).map(), ["hi"], "RunnableEach<upper>"),
    "fallbacks": (lambda: RunnableLambda(upper).with_fallbacks([shout]), "hi", "RunnableWithFallbacks"),
    "fallbacks with run_name": (
        lambda: RunnableLambda(upper).with_fallbacks([shout]).with_config(run_name="safe"),
        "hi",
        "safe",
    ),
    "retry": (lambda: RunnableLambda(upper).with_retry(), "hi", "upper"),
    "model with retry": (lambda: model().with_retry(), "hi", "FakeListChatModel"),
    "with_config": (lambda: RunnableLambda(upper).with_config(tags=["loud"]), "hi", "upper"),
    "bind": (lambda: model().bind(stop=["."]), "hi", "FakeListChatModel"),
    "bind_tools": (lambda: FakeChatModel().bind_tools([search]), "hi", "FakeChatModel"),
    "with_structured_output": (structured, "hi", "RunnableSequence"),
    "configurable fields": (
        lambda: model().configurable_fields(responses=ConfigurableField(id="responses")),
        "hi",
        "FakeListChatModel",
    ),
    "configurable fields with run_name": (
        lambda: model().configurable_fields(responses=ConfigurableField(id="r")).with_config(run_name="Ada"),
        "hi",
        "Ada",
    ),
    "alternatives to one with run_name": (
        lambda: (
            model()
            .configurable_fields(responses=ConfigurableField(id="r"))
            .with_config(run_name="Ada")
            .configurable_alternatives(ConfigurableField(id="which"), llm=FakeListLLM(responses=["y"]))
        ),
        "hi",
        "Ada",
    ),
    "alternatives": (alternatives, "hi", "FakeListChatModel"),
    "other alternative": (
        lambda: alternatives().with_config(configurable={"which": "llm"}),
        "hi",
        "FakeListLLM",
    ),
    "history": (
        lambda: history().with_config(configurable={"session_id": "1"}),
        "hi",
        "RunnableWithMessageHistory",
    ),
    "graph": (graph, QUESTION, "LangGraph"),
    "graph with a name": (lambda: graph(name="agent"), QUESTION, "agent"),
    "graph with run_name": (lambda: graph().with_config(run_name="agent"), QUESTION, "agent"),
    "agent": (lambda: create_agent(FakeChatModel(), [search]), {"messages": [("user", "hi")]}, "LangGraph"),
    "agent with a name": (
        lambda: create_agent(FakeChatModel(), [search], name="clerk"),
        {"messages": [("user", "hi")]},
        "clerk",
    ),
}


def invoke(runnable: Any, given: Any, config: Any) -> None:
    """Call it once."""
    runnable.invoke(given, config)


def stream(runnable: Any, given: Any, config: Any) -> None:
    """Read its stream."""
    list(runnable.stream(given, config))


def batch(runnable: Any, given: Any, config: Any) -> None:
    """Call it with a list."""
    runnable.batch([given], config)


def ainvoke(runnable: Any, given: Any, config: Any) -> None:
    """Await it once."""
    asyncio.run(runnable.ainvoke(given, config))


def astream(runnable: Any, given: Any, config: Any) -> None:
    """Read its async stream."""

    async def read() -> None:
        async for _ in runnable.astream(given, config):
            pass

    asyncio.run(read())


def abatch(runnable: Any, given: Any, config: Any) -> None:
    """Await it with a list."""
    asyncio.run(runnable.abatch([given], config))


MODES = [invoke, ainvoke, stream, astream, batch, abatch]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_runnable_stands_for_its_runs(kind, mode):
    """
    A runnable that is passed as ``under=`` stands for its runs, in every call mode.
    """
    make, given, name = KINDS[kind]
    runnable, handler = make(), RecordingHandler()

    with observe_callbacks() as observer:
        mode(runnable, given, {"callbacks": [handler]})
        handler.assert_runtime_scope()
        handler.assert_runtime_scope(under=runnable)
        handler.assert_runtime_scope(under=name)
        handler.assert_runtime_scope(under=observer.runs[0], only=True)

    assert observer.runs[0].name == name
    assert name in Target.of("under", runnable).names


def test_alternatives_stand_for_each_of_them():
    """
    A runnable with alternatives stands for each of them; a function that would make one is not called.
    """
    runnable = model().configurable_alternatives(
        ConfigurableField(id="which"),
        llm=FakeListLLM(responses=["y"]),
        late=FakeChatModel,
    )

    assert Target.of("of", runnable).names == ("FakeListChatModel", "FakeListLLM")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "not None"),
        (FakeListChatModel, "write the name of its runs, 'FakeListChatModel'"),
        (upper, "write the name of its runs, 'upper'"),
        (DeterministicFakeEmbedding(size=3), "LangChain has no callbacks on embeddings and vector stores"),
        (["FakeListChatModel"], r"not \['FakeListChatModel'\]"),
    ],
    ids=["None", "class", "function", "embeddings", "list"],
)
def test_what_has_no_runs_is_refused(given, words):
    """
    What is no name, Run or runnable is refused with a TypeError that says what to write.
    """
    with observe_callbacks():
        model().invoke("hi")
        with pytest.raises(TypeError, match=f"of= takes a run's name, a Run, or the runnable itself, .*{words}"):
            RecordingHandler().assert_constructor_scope(given)


def test_a_run_may_come_from_any_recording():
    """
    A Run of the handler and a Run of the observer stand for the same run, also where another run has its id.
    """
    handler = RecordingHandler()
    named = model().with_config(run_id=uuid4(), callbacks=[handler])

    with observe_callbacks() as observer:
        for _ in range(2):
            named.invoke("hi")
        first, second = observer.runs

        assert Target.of("of", handler.runs[1]).given is handler.runs[1]
        assert handler.assert_runtime_scope(under=handler.runs[1]).rows == [("FakeListChatModel", "heard")] * 2
        assert (first.run_id, first) != (second.run_id, second)


def test_a_run_that_nobody_observed_is_said_to_be_one():
    """
    A Run that the observer did not hear is not mistaken for a run of the same name.
    """
    handler = RecordingHandler()
    with observe_callbacks():
        model().invoke("hi", {"callbacks": [handler]})
    with observe_callbacks():
        model().invoke("hi")
        with pytest.raises(AssertionError, match="expected a run to check, but the observer did not hear this one"):
            RecordingHandler().assert_constructor_scope(handler.runs[0])
