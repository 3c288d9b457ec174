"""The observer hears every run in the process, whatever was passed as callbacks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from observed_programs import CHAIN, MODEL, NAMES, PROMPT, QUESTION, in_thread, names
from strange_values import RaisingKey
from typing_extensions import TypedDict

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, observe_callbacks
from pytest_lc_callbacks._handlers.observer import Observer, observed_runs


class State(TypedDict):
    """A graph's state."""

    q: str


@tool
def search(q: str) -> str:
    """Search."""
    return q


def graph(node: Any, name: str) -> Any:
    """A graph of one node."""
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(name=name)


async def read(stream: Any) -> None:
    """Read an async stream to its end."""
    async for _ in stream:
        pass


def agent() -> Any:
    """An agent that calls a tool once."""
    model = FakeChatModel()
    model.respond(tool_calls=[("search", {"q": "x"})]).respond("done")
    return create_agent(model, [search], name="clerk")


def pool() -> None:
    """Call a chain in a raw executor."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(CHAIN.invoke, {"q": 1}).result()


PROGRAMS = {
    "invoke": lambda: CHAIN.invoke(QUESTION),
    "callbacks=[]": lambda: CHAIN.invoke(QUESTION, {"callbacks": []}),
    "own callbacks": lambda: CHAIN.invoke(QUESTION, {"callbacks": [BaseCallbackHandler()]}),
    "own manager": lambda: CHAIN.invoke(QUESTION, {"callbacks": CallbackManager(handlers=[])}),
    "stream": lambda: list(CHAIN.stream(QUESTION)),
    "ainvoke": lambda: asyncio.run(CHAIN.ainvoke(QUESTION)),
    "astream": lambda: asyncio.run(read(CHAIN.astream(QUESTION))),
    "abatch": lambda: asyncio.run(CHAIN.abatch([QUESTION])),
    "raw thread": lambda: in_thread(lambda: CHAIN.invoke(QUESTION)),
    "raw thread with a loop": lambda: in_thread(lambda: asyncio.run(CHAIN.ainvoke(QUESTION))),
    "raw executor": pool,
    "asyncio.to_thread": lambda: asyncio.run(asyncio.to_thread(CHAIN.invoke, QUESTION)),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_run_is_heard(program):
    """
    Whatever was passed as callbacks, in whatever thread or loop, a run that begins is heard, with its events.
    """
    with observe_callbacks() as observer:
        PROGRAMS[program]()

    assert names(observer) == NAMES
    observer.assert_finished()
    observer.assert_no_errors()


def test_batches_parallels_and_retries_are_heard():
    """
    The observer hears runs in LangChain's own worker threads.
    """
    with observe_callbacks() as observer:
        RunnableParallel(a=CHAIN, b=PROMPT | MODEL).invoke(QUESTION)
        MODEL.batch(["a", "b", "c"])

    assert names(observer).count("FakeListChatModel") == 5


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_graphs_and_subgraphs_are_heard(mode):
    """
    The observer hears graphs, subgraphs as nodes, and subgraphs that a node calls with callbacks of its own.
    """
    inner = graph(lambda state: {"q": MODEL.invoke("hi").content}, "inner")
    outer = graph(lambda state: inner.invoke(state, {"callbacks": []}), "outer")

    with observe_callbacks() as observer:
        given: Any = {"q": "x"}
        asyncio.run(outer.ainvoke(given)) if mode == "ainvoke" else outer.invoke(given)

    assert names(observer) == ["outer", "node", "inner", "node", "FakeListChatModel"]


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_agents_are_heard(mode):
    """
    The observer hears an agent's models, nodes and tools.
    """
    given: Any = {"messages": [("user", "hi")]}
    with observe_callbacks() as observer:
        asyncio.run(agent().ainvoke(given)) if mode == "ainvoke" else agent().invoke(given)

    heard = names(observer)
    assert heard[0] == "clerk"
    assert heard.count("FakeChatModel") == 2
    assert heard.count("search") == 1


def test_tokens_and_custom_events_are_heard():
    """
    The observer hears every event that a handler of the run would hear.
    """
    from langchain_core.callbacks import dispatch_custom_event

    with observe_callbacks() as observer:
        list(FakeListChatModel(responses=["abc"]).stream("hi"))
        RunnableLambda(lambda x: dispatch_custom_event("half", x)).invoke(1)

    assert observer.count("llm_new_token") >= 3
    assert observer.one("custom_event").data == 1


@pytest.mark.asyncio
async def test_a_test_of_pytest_asyncio_is_watched():
    """
    The observer hears the body of an async test, its tasks and its threads.
    """
    with observe_callbacks() as observer:
        await CHAIN.ainvoke(QUESTION)
        await asyncio.gather(MODEL.ainvoke("a"), asyncio.create_task(MODEL.ainvoke("b")))
        await asyncio.get_running_loop().run_in_executor(None, MODEL.invoke, "c")

    assert names(observer) == [*NAMES, *["FakeListChatModel"] * 3]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_a_test_of_anyio_is_watched(anyio_backend):
    """
    The observer hears the body of a test that anyio runs, and its worker threads.
    """
    from anyio import create_task_group, to_thread

    with observe_callbacks() as observer:
        async with create_task_group() as group:
            group.start_soon(MODEL.ainvoke, "a")
        await to_thread.run_sync(MODEL.invoke, "b")

    assert names(observer) == ["FakeListChatModel"] * 2


def test_a_run_whose_callbacks_were_replaced_is_placed_where_it_began():
    """
    A run whose callbacks were replaced has no parent, and is placed under the run that its context held.
    """
    with observe_callbacks() as observer:
        RunnableLambda(lambda x: MODEL.invoke(x, {"callbacks": []}), name="outer").invoke("hi")
        outer, model = observer.runs

        assert model.parent is None
        assert observed_runs(observer).parent_of(model) is outer
        assert observed_runs(observer).origin(outer) is not None
        assert observed_runs(observer).origin(model).inside == outer.run_id


def test_an_id_that_comes_back_is_told_apart():
    """
    ``with_config(run_id=...)`` gives every call the same id, and each call an origin of its own.
    """
    from uuid import uuid4

    named = MODEL.with_config(run_id=uuid4())
    with observe_callbacks() as observer:
        named.invoke("a")
        in_thread(lambda: named.invoke("b"), name="elsewhere")
        first, second = observer.runs

    assert first.run_id == second.run_id
    assert (observed_runs(observer).origin(first).thread, observed_runs(observer).origin(second).thread) == (
        None,
        "elsewhere",
    )


def test_a_repeated_question_is_answered_from_what_is_known():
    """
    What ran is computed once for each state of the recording, however many checks ask.
    """
    with observe_callbacks() as observer:
        CHAIN.invoke(QUESTION)
        known = observed_runs(observer)

        assert observed_runs(observer) is known
        MODEL.invoke("hi")
        assert observed_runs(observer) is not known


def test_an_observer_changes_nothing_for_the_handlers_of_a_run():
    """
    The handlers of a chain hear the same events, in the same order, with the observer and without.
    """

    def heard() -> list[str]:
        handler = RecordingHandler()
        CHAIN.invoke(QUESTION, {"callbacks": [handler]})
        asyncio.run(CHAIN.ainvoke(QUESTION, {"callbacks": [handler]}))
        return handler.names

    alone = heard()
    with observe_callbacks():
        watched = heard()

    assert watched == alone


UNITTEST = """
    import unittest
    from langchain_core.language_models import FakeListChatModel
    from langchain_core.prompts import ChatPromptTemplate
    from pytest_lc_callbacks import RecordingHandler, observe_callbacks

    PROMPT = ChatPromptTemplate.from_template("{q}")

    class TestScopes(unittest.TestCase):
        def setUp(self):
            self.scopes = self.enterContext(observe_callbacks()) if hasattr(self, "enterContext") else None
            if self.scopes is None:
                block = observe_callbacks()
                self.scopes = block.__enter__()
                self.addCleanup(block.__exit__, None, None, None)
            self.handler = RecordingHandler()

        def test_runtime(self):
            chain = PROMPT | FakeListChatModel(responses=["x"])
            chain.invoke({"q": 1}, {"callbacks": [self.handler]})
            self.handler.assert_runtime_scope()

        def test_constructor(self):
            chain = PROMPT | FakeListChatModel(responses=["x"], callbacks=[self.handler])
            chain.invoke({"q": 1})
            self.handler.assert_constructor_scope("FakeListChatModel")
            self.assertEqual([row[1] for row in self.scopes.table(h=self.handler).rows], ["missed", "missed", "heard"])

        def test_wrong(self):
            chain = PROMPT | FakeListChatModel(responses=["x"], callbacks=[self.handler])
            chain.invoke({"q": 1})
            with self.assertRaisesRegex(AssertionError, "to check less: .* `with observer.section"):
                self.handler.assert_runtime_scope()
"""


def test_unittest_needs_no_pytest(tmp_path):
    """
    ``python -m unittest`` has the observer with observe_callbacks(), and never imports pytest.
    """
    tmp_path.joinpath("test_with_unittest.py").write_text(
        dedent(UNITTEST) + "\n\nimport sys\nassert 'pytest' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "-q", "test_with_unittest"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    assert "Ran 3 tests" in done.stderr


class ComparedByName(BaseCallbackHandler):
    """A handler that can only be compared with its own kind."""

    name = "audit"

    def __eq__(self, other):
        return self.name == other.name

    __hash__ = None


class EqualToAll(BaseCallbackHandler):
    """A handler that says that it is whatever it is asked about."""

    def __eq__(self, other):
        return True

    __hash__ = None


@pytest.mark.parametrize("handler", [ComparedByName, EqualToAll])
@pytest.mark.parametrize("in_loop", [False, True], ids=["sync", "async"])
def test_handlers_are_not_asked_whether_they_are_the_observer(handler, in_loop):
    """
    Beside a handler with an ``__eq__`` of its own the program runs as it does without the observer, which hears each
    event once.
    """
    config = {"callbacks": [handler()]}
    inner = RunnableLambda(lambda x: x, name="inner")
    chain = RunnableLambda(inner.invoke, name="outer") | inner

    with observe_callbacks() as observer:
        assert (asyncio.run(chain.ainvoke(1, config)) if in_loop else chain.invoke(1, config)) == 1

    assert Counter(observer.names) == {"chain_start": 4, "chain_end": 4}


def test_a_test_may_replace_what_shows_the_stack(monkeypatch):
    """
    A program runs, and is heard, while ``sys._getframe`` raises.
    """
    with observe_callbacks() as observer, monkeypatch.context() as patch:
        patch.setattr(sys, "_getframe", lambda *_: (_ for _ in ()).throw(ValueError("no stack")))
        assert RunnableLambda(str, name="text").invoke(1) == "1"

    assert names(observer) == ["text"]


def test_no_key_of_a_variable_is_compared():
    """
    A dict among the variables of the code that calls a run may have a key that raises when it is compared.
    """
    config = {RaisingKey(): 1}

    with observe_callbacks() as observer:
        RunnableLambda(lambda x: x).invoke(1)

    assert len(config) == 1
    assert observer.names == ["chain_start", "chain_end"]


def test_the_observer_is_a_recording_with_every_question():
    """
    The observer answers every question that a handler answers.
    """
    with observe_callbacks() as observer:
        CHAIN.invoke(QUESTION)

        assert isinstance(observer, Observer)
        observer.assert_run_tree("RunnableSequence\n  ChatPromptTemplate\n  FakeListChatModel")
        observer.assert_runtime_scope()
        assert observer.where(run="FakeListChatModel").names == ["chat_model_start", "llm_end"]
