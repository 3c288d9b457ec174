"""Threads that are not the test's: what they run is nobody's finding, and no test waits for them."""

from __future__ import annotations

import pytest

POLLER = """
import threading
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
import pytest

# Runs a chain again and again whose inner call begins without a parent.
class Poller(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True, name="poller")
        self.polled, self.stopped, self.polls = threading.Condition(), False, 0

    def run(self):
        inner = RunnableLambda(str, name="inner")
        chain = RunnableLambda(lambda value: inner.invoke(value, {"callbacks": [BaseCallbackHandler()]}), name="poll")
        while not self.stopped:
            chain.invoke(1)
            with self.polled:
                self.polls += 1
                self.polled.notify_all()

    def wait_for(self, polls):
        with self.polled:
            wanted = self.polls + polls
            self.polled.wait_for(lambda: self.polls >= wanted)

@pytest.fixture{scope}
def poller():
    poller = Poller()
    {start}
    yield poller
    poller.stopped = True
    poller.join()
"""
SESSION = POLLER.replace("{scope}", "(scope='session')").replace("{start}", "poller.start()")
OWN = POLLER.replace("{scope}", "").replace("{start}", "pass")
WARN = "-Walways::pytest_lc_callbacks.CallbackFindingWarning"


@pytest.fixture
def run(pytester):
    """Runs a test file beside a poller."""

    def run(source, *args):
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess("-p", "no:randomly", WARN, *args)

    return run


def test_a_poller_that_the_test_starts(run):
    """
    A test whose own thread never stops calling LangChain comes to an end, and is judged on what was there then.
    """
    result = run(
        OWN
        + """
def test_it(poller, recording_handler):
    poller.start()
    poller.wait_for(50)
"""
    )

    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*expected inner to be a run under poll, but it began with no parent (*"])


def test_it_is_judged_once(run, pytester):
    """
    What begins while a test is judged changes nothing of the verdict: a hook sees the runs of one moment.
    """
    pytester.makeconftest("""
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_core.runnables import RunnableLambda

        seen = []

        def pytest_lc_callbacks_finding(item, finding, level):
            late = RunnableLambda(str, name="late")
            for _ in range(3):
                RunnableLambda(lambda value: late.invoke(value, {"callbacks": [BaseCallbackHandler()]})).invoke(1)
            [run] = finding.runs
            seen.append((finding.name, run.label, len(run.events)))

        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line(f"seen: {seen}")
    """)
    result = run("""
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

def test_it(recording_handler):
    inner = RunnableLambda(str, name="inner")
    RunnableLambda(lambda value: inner.invoke(value, {"callbacks": [BaseCallbackHandler()]})).invoke(1)
    assert False
""")

    result.stdout.fnmatch_lines(["seen: [[]('orphan_run', 'inner', 2)]"])
    result.stdout.no_fnmatch_line("*late*")


def test_a_sessions_thread_is_nobodys(run):
    """
    What the thread of a session's fixture does wrong is told to no test, neither the first nor a later one.
    """
    result = run(
        SESSION
        + """
@pytest.mark.lc_callbacks(orphan_run="error")
class TestBoth:
    def test_first(self, poller, recording_handler):
        poller.wait_for(5)

    def test_second(self, poller, recording_handler):
        poller.wait_for(5)
"""
    )

    result.assert_outcomes(passed=2)


def test_what_the_test_itself_does_is_told_beside_it(run):
    """
    A thread that the test starts, and an older thread that has its context, are its own.
    """
    result = run(
        SESSION
        + """
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

POOL = ThreadPoolExecutor(1, "pool")
POOL.submit(str).result()

def orphan(name):
    inner = RunnableLambda(str, name=name)
    RunnableLambda(lambda value: inner.invoke(value, {"callbacks": [BaseCallbackHandler()]})).invoke(1)

def test_it(poller, recording_handler):
    poller.wait_for(5)
    thread = threading.Thread(target=orphan, args=("mine",))
    thread.start()
    thread.join()
    POOL.submit(copy_context().run, orphan, "mine too").result()
    POOL.submit(orphan, "not mine").result()
    POOL.shutdown()
"""
    )

    result.assert_outcomes(passed=1, warnings=2)
    result.stdout.fnmatch_lines(["*expected mine to be a run under*", "*expected mine too to be a run under*"])
    result.stdout.no_fnmatch_line("*not mine*")


def test_a_failing_test_shows_its_own_runs(run):
    """
    The section of a failing test has the test's runs alone, and says in a line which threads it leaves out.
    """
    result = run(
        SESSION
        + """
def test_it(poller, recording_handler):
    poller.wait_for(5)
    RunnableLambda(str, name="mine").invoke(1)
    raise ValueError
"""
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["mine *", "not shown, since these threads are older than the test: poller: * runs"])
    result.stdout.no_fnmatch_line("*inner*(began*")


BROKEN = """
import threading
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
import pytest

class Broken(BaseCallbackHandler):
    def on_chain_start(self, serialized, inputs, **kwargs):
        raise ValueError("broken")

def by_chain():
    RunnableLambda(str).invoke(1, {"callbacks": [Broken()]})

def by_hand():
    CallbackManager([Broken()]).on_chain_start({}, {})

@pytest.fixture(scope="module")
def worker():
    # A thread that does a thing each time it is asked, and says when it is done.
    asked, done = threading.Semaphore(0), threading.Semaphore(0)
    thread = threading.Thread(target=lambda: [(asked.acquire(), CALL(), done.release()) for _ in range(2)])
    thread.start()
    yield lambda: (asked.release(), done.acquire())
    thread.join()

@pytest.mark.parametrize("time", range(2))
def test_it(worker, time, recording_handler):
    worker()
"""


@pytest.mark.parametrize("call", ["by_chain", "by_hand"])
def test_a_handler_error_of_another_thread(run, call):
    """
    What a handler raised in a module's thread is told to no test, also where a callback manager was driven by hand.
    """
    run(BROKEN.replace("CALL", call)).assert_outcomes(passed=2)


@pytest.mark.parametrize("call", ["by_chain", "by_hand"])
def test_a_handler_error_of_the_tests_own_thread(run, call):
    """
    The same in a thread that the test's own fixture starts is told to the test.
    """
    source = BROKEN.replace("CALL", call).replace('(scope="module")', "").replace("range(2)", "range(1)")

    run(source).assert_outcomes(failed=1)
