"""Which runs began before an observer was switched on."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from uuid import UUID, uuid4

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import observe_callbacks
from pytest_lc_callbacks._handlers.earlier_runs import EarlierRuns
from pytest_lc_callbacks._handlers.observer import is_of_earlier_test, observed_runs

MODEL = FakeListChatModel(responses=["x"])
ascending = pytest.mark.skipif(
    find_spec("langchain_core.utils.uuid") is None, reason="langchain-core before 1.1.2: run ids are random"
)


def run_id() -> UUID:
    """The id that LangChain gives a run."""
    with observe_callbacks() as observer:
        MODEL.invoke("hi")
    return observer.runs[0].run_id


@ascending
def test_the_ids_of_runs_ascend():
    """
    A run that began before is told from one that began after, also within a millisecond.
    """
    before = run_id()
    earlier = EarlierRuns()
    after = run_id()

    assert earlier.began_before(before)
    assert not earlier.began_before(after)


@ascending
def test_the_ids_of_runs_ascend_over_threads():
    """
    In whatever thread a run begins, its id is larger than those of all runs that began before.
    """
    with observe_callbacks() as observer, ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            earlier = EarlierRuns()
            list(pool.map(MODEL.invoke, ["hi"] * 8))
            assert not any(earlier.began_before(run.run_id) for run in observer.runs[-8:])
        assert all(EarlierRuns().began_before(run.run_id) for run in observer.runs)


@ascending
@pytest.mark.parametrize("frozen_at", [0.0, 4e9], ids=["1970", "2096"])
def test_a_frozen_clock_changes_nothing(monkeypatch, frozen_at):
    """
    A test may freeze the clock, and runs of earlier tests are told from its own nevertheless.
    """
    before = run_id()
    monkeypatch.setattr(time, "time", lambda: frozen_at)
    monkeypatch.setattr(time, "time_ns", lambda: int(frozen_at * 1e9))
    earlier = EarlierRuns()

    assert earlier.began_before(before)
    assert not earlier.began_before(run_id())


@pytest.mark.parametrize("other", [None, 7, "7", uuid4()], ids=["None", "number", "text", "random"])
def test_other_ids_do_not_say_when_they_were_made(other):
    """
    People drive callback managers with ids of their own, which prove nothing.
    """
    assert not EarlierRuns().began_before(other)


def test_the_observers_among_the_handlers_decide():
    """
    A run with an id that its user made before the test is the test's own, since the test's observer hears it.
    """
    mine = run_id()
    with observe_callbacks() as before:
        pass
    with observe_callbacks() as observer:
        MODEL.with_config(run_id=mine).invoke("hi")

        assert not is_of_earlier_test(observer, mine, [before, observer])
        assert is_of_earlier_test(observer, mine, [before])
        assert len(observed_runs(observer).runs) == 1


def test_replaced_callbacks_in_a_run_of_the_outer_block_are_the_outer_blocks():
    """
    A run inside one that began before the inner block belongs to the outer block, whatever the ids say.
    """

    def inside(x):
        with observe_callbacks() as inner:
            MODEL.invoke(x, {"callbacks": []})
        return observed_runs(inner)

    with observe_callbacks() as outer:
        found = RunnableLambda(inside, name="outer").invoke("hi")

    assert list(found.runs) == []
    assert len(found.earlier_run_ids) == 1
    assert [run.label for run in observed_runs(outer).runs] == ["outer", "FakeListChatModel"]


def test_a_frozen_clock_hides_no_handler_error(pytester):
    """
    An exception in a handler is reported also where a fixture of a wider scope froze the clock at a later year.
    """
    pytester.makepyfile(
        """
        import time
        import pytest
        from langchain_core.callbacks import BaseCallbackHandler

        class Broken(BaseCallbackHandler):
            def on_llm_end(self, response, **kwargs):
                raise ValueError("broken")

        @pytest.fixture(scope="module", autouse=True)
        def frozen():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(time, "time", lambda: 4e9)
                yield

        def test_it(fake_chat_model):
            fake_chat_model.invoke("hi", {"callbacks": [Broken()]})
        """
    )
    result = pytester.runpytest_inprocess()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Broken.on_llm_end*ValueError*broken*"])
