"""The observer hears every run in the process, whatever was passed as callbacks."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from textwrap import dedent
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator, RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langchain_core.tracers import context as tracing
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, observe_callbacks
from pytest_lc_callbacks._handlers.configure_hook import _Absent
from pytest_lc_callbacks._handlers.observer import Observer, begin_phase, observed_runs, switch_off, switch_on
from pytest_lc_callbacks._scopes.observed_runs import active_observer

PROMPT = ChatPromptTemplate.from_template("{q}")
MODEL = FakeListChatModel(responses=["x"])
CHAIN = PROMPT | MODEL
IDS_ASCEND = find_spec("langchain_core.utils.uuid") is not None
NAMES = ["RunnableSequence", "ChatPromptTemplate", "FakeListChatModel"]


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


def in_thread(work: Any, *, name: str = "worker") -> None:
    """Call *work* in a raw thread."""
    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join()


async def read(stream: Any) -> None:
    """Read an async stream to its end."""
    async for _ in stream:
        pass


def names(recording: Any) -> list[str]:
    """The names of its runs, in order."""
    return [run.label for run in recording.runs]


def agent() -> Any:
    """An agent that calls a tool once."""
    model = FakeChatModel()
    model.respond(tool_calls=[("search", {"q": "x"})]).respond("done")
    return create_agent(model, [search], name="clerk")


def pool() -> None:
    """Call a chain in a raw executor."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(CHAIN.invoke, {"q": 1}).result()


QUESTION: dict[str, Any] = {"q": 1}
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


def test_after_its_block_an_observer_hears_nothing():
    """
    After its block, an observer hears no run more, and its recording can be read.
    """
    with observe_callbacks() as observer:
        MODEL.invoke("inside")
    MODEL.invoke("outside")

    assert observer.count() == 2


def test_without_an_observer_a_run_has_no_handler_of_ours():
    """
    Without an observer, LangChain adds no handler of ours to a run.
    """
    with observe_callbacks():
        pass
    manager = CallbackManager.configure()

    assert not [handler for handler in manager.handlers if type(handler).__module__.startswith("pytest_lc_callbacks")]


def test_the_hook_is_registered_once():
    """
    LangChain's list of hooks grows with the observers that are on at once, and not with the tests.
    """
    with observe_callbacks(), observe_callbacks():
        pass
    before = len(tracing._configure_hooks)
    for _ in range(20):
        with observe_callbacks():
            pass
        switch_off(switch_on())

    assert len(tracing._configure_hooks) == before


def test_switching_off_between_langchains_two_looks_harms_nobody():
    """
    An observer may be switched off between the two calls of _ConfigureVar.get.
    """

    class Hook:
        """Gives an observer at the first call, and None at the second."""

        looks = 0

        def get(self):
            self.looks += 1
            return Observer() if self.looks == 1 else None

    hook = Hook()
    tracing.register_configure_hook(hook, True, _Absent)  # as the switchboard does
    try:
        assert MODEL.invoke("hi").content == "x"
    finally:
        tracing._configure_hooks[:] = [entry for entry in tracing._configure_hooks if entry[0] is not hook]
    assert hook.looks > 1


def test_switching_on_and_off_beside_running_chains_harms_nobody():
    """
    Observers may come and go while a background thread calls chains.
    """
    stop = threading.Event()

    def work():
        while not stop.is_set():
            CHAIN.invoke(QUESTION)

    with ThreadPoolExecutor(1) as executor:
        background = executor.submit(work)
        for _ in range(300):
            with observe_callbacks():
                MODEL.invoke("hi")
        stop.set()

        assert background.exception() is None


def test_a_run_that_an_earlier_test_left_open_is_not_carried_over():
    """
    What a run begins after its test is over belongs to no later test: neither children nor calls with callbacks of
    their own.
    """
    left, go = threading.Event(), threading.Event()

    def slow(x):
        left.set()
        go.wait(30)
        MODEL.invoke("child")
        return MODEL.invoke("replaced", {"callbacks": []})

    thread = threading.Thread(target=RunnableLambda(slow).invoke, args=("x",))
    first = switch_on()
    thread.start()
    left.wait(30)
    switch_off(first)
    second = switch_on()
    go.set()
    thread.join()
    PROMPT.invoke(QUESTION)
    handler = RecordingHandler()
    switch_off(second)

    assert names(first) == ["slow"]
    assert [run.label for run in observed_runs(second).runs] == ["ChatPromptTemplate"]
    assert [run.label for run in observed_runs(second).in_scope] == ["ChatPromptTemplate"]
    assert handler.events == []


def test_what_an_unwatched_test_left_open_is_not_carried_over():
    """
    LangChain's run ids ascend, so that a parent from before the observer is known as an earlier run.
    """
    if not IDS_ASCEND:
        pytest.skip("langchain-core before 1.1.2: run ids are random")
    left, go = threading.Event(), threading.Event()

    def slow(x):
        left.set()
        go.wait(30)
        return MODEL.invoke("child")

    thread = threading.Thread(target=RunnableLambda(slow).invoke, args=("x",))
    thread.start()
    left.wait(30)
    with observe_callbacks() as observer:
        go.set()
        thread.join()

    assert names(observer) == ["FakeListChatModel"]
    assert observed_runs(observer).runs == []


def test_runs_that_go_on_after_an_inner_block_stay_the_outer_blocks():
    """
    A stream that began in an inner block and is read after it belongs to the outer block.
    """

    def twice(parts):
        for part in parts:
            yield part
            yield MODEL.invoke("inside").content

    with observe_callbacks() as outer:
        with observe_callbacks() as inner:
            stream = RunnableGenerator(twice).stream("x")
            next(stream)
        list(stream)

    assert names(inner) == ["twice"]
    assert [run.label for run in observed_runs(outer).runs] == ["twice", "FakeListChatModel"]


def test_an_observer_is_let_go_with_the_runs_that_hold_it():
    """
    Nothing but its open runs keeps an observer alive.
    """
    with observe_callbacks() as observer:
        stream = MODEL.stream("hi")
        next(stream)
    gone = weakref.ref(observer)
    del observer, stream
    gc.collect()

    assert gone() is None


def test_blocks_hear_what_runs_in_them():
    """
    Of nested blocks, the inner one hears its part and the outer one all.
    """
    with observe_callbacks() as outer:
        PROMPT.invoke(QUESTION)
        with observe_callbacks() as inner:
            MODEL.invoke("hi")
            assert active_observer() is inner
        assert active_observer() is outer

    assert names(inner) == ["FakeListChatModel"]
    assert names(outer) == ["ChatPromptTemplate", "FakeListChatModel"]


def test_a_test_inside_a_test_is_the_inner_ones_alone():
    """
    A test's own observer replaces the outer test's until it is over.
    """
    with observe_callbacks() as outer:
        inner = switch_on()
        MODEL.invoke("inner")
        switch_off(inner)
        PROMPT.invoke(QUESTION)

    assert names(inner) == ["FakeListChatModel"]
    assert names(outer) == ["ChatPromptTemplate"]


def test_pytest_inside_pytest_does_not_reach_the_outer_test(pytester):
    """
    An in-process pytest has an observer for each of its tests, and gives the outer test's observer back.
    """
    pytester.makepyfile(
        """
        from langchain_core.language_models import FakeListChatModel

        def test_first(recording_handler, callback_scopes):
            FakeListChatModel(responses=["x"]).invoke("hi", {"callbacks": [recording_handler]})
            recording_handler.assert_runtime_scope()
            assert len(callback_scopes.runs) == 1

        def test_second(callback_scopes):
            assert callback_scopes.runs == []
        """
    )
    with observe_callbacks() as observer:
        pytester.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=2)
        MODEL.invoke("hi")

        assert active_observer() is observer

    assert len(observer.runs) == 1


def test_blocks_in_threads_are_each_threads_own():
    """
    A scope assertion asks the block of its own thread, though every block hears the whole process.
    """
    both = threading.Barrier(2, timeout=30)
    failures: list[str] = []

    def work(name):
        handler = RecordingHandler()
        with observe_callbacks() as observer:
            both.wait()
            MODEL.with_config(run_name=name).invoke("hi", {"callbacks": [handler]})
            both.wait()
            try:
                assert active_observer() is observer
                handler.assert_runtime_scope(under=name, only=True)
                assert sorted(names(observer)) == ["one", "two"]
            except AssertionError as error:
                failures.append(str(error))
            both.wait()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_a_thread_without_a_block_asks_the_innermost():
    """
    A thread without a block asks the innermost observer that is on.
    """
    found = []
    with observe_callbacks() as observer:
        in_thread(lambda: found.append(active_observer()))

    assert found == [observer]


def test_phases_are_told_apart():
    """
    A check is about the runs of the test's body, and not about those of its fixtures.
    """
    observer = switch_on()
    for phase in ("setup", "call", "teardown"):
        begin_phase(observer, phase)
        RunnableLambda(len, name=phase).invoke("hi")
    switch_off(observer)

    assert [observed_runs(observer).phase_of(run) for run in observer.runs] == ["setup", "call", "teardown"]
    assert [run.label for run in observed_runs(observer).in_scope] == ["call"]
    assert set(observed_runs(observer).places.values()) == {"in the test's set-up", "in the test's tear-down"}


def test_phases_of_a_real_test(pytester):
    """
    A check does not ask for a fixture's runs before and after the test.
    """
    pytester.makepyfile(
        """
        import pytest
        from langchain_core.language_models import FakeListChatModel

        model = FakeListChatModel(responses=["x"])

        @pytest.fixture
        def app():
            model.with_config(run_name="before").invoke("hi")
            yield model
            model.with_config(run_name="after").invoke("hi")

        def test_body(app, recording_handler, callback_scopes):
            app.invoke("hi", {"callbacks": [recording_handler]})
            table = recording_handler.assert_runtime_scope()
            assert table.rows == [("FakeListChatModel", "heard")]
            assert [run.label for run in callback_scopes.runs] == ["before", "FakeListChatModel"]

        @pytest.mark.parametrize("mode", ["strict"])
        @pytest.mark.asyncio
        async def test_async_body(app, recording_handler, mode):
            await app.ainvoke("hi", {"callbacks": [recording_handler]})
            recording_handler.assert_runtime_scope()
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_a_section_is_a_recording_of_its_own():
    """
    A section has the runs that begin in it, and no others.
    """
    with observe_callbacks() as observer:
        stream = MODEL.with_config(run_name="early").stream("hi")
        next(stream)
        with observer.section() as section:
            list(stream)
            MODEL.invoke("hi")
            with observer.section() as inner:
                PROMPT.invoke(QUESTION)
        MODEL.invoke("late")

    assert names(section) == ["FakeListChatModel", "ChatPromptTemplate"]
    assert names(inner) == ["ChatPromptTemplate"]
    assert inner.names == ["chain_start", "chain_end"]
    assert str(section.tree) == "FakeListChatModel\nChatPromptTemplate"


def test_a_section_goes_on_after_clear():
    """
    clear() empties the observer, and the sections that are open begin again.
    """
    with observe_callbacks() as observer, observer.section() as section:
        MODEL.invoke("forgotten")
        observer.clear()
        PROMPT.invoke(QUESTION)

        assert names(section) == ["ChatPromptTemplate"]
        assert [run.label for run in observed_runs(observer).in_scope] == ["ChatPromptTemplate"]

    assert names(observer) == names(section)


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
