"""When an observer is on: blocks, tests inside tests, threads, phases and sections; and what is left afterwards."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langchain_core.tracers import context as tracing
from observed_programs import CHAIN, MODEL, PROMPT, QUESTION, in_thread, names

from pytest_lc_callbacks import RecordingHandler, observe_callbacks
from pytest_lc_callbacks._handlers.configure_hook import _Absent
from pytest_lc_callbacks._handlers.observer import Observer, begin_phase, observed_runs, switch_off, switch_on
from pytest_lc_callbacks._scopes.observed_runs import active_observer

IDS_ASCEND = find_spec("langchain_core.utils.uuid") is not None


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
