"""Open runs that somebody will end: a local variable, a fixture, a thread or a loop owns them, and nothing is found."""

from __future__ import annotations

import asyncio
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

import pytest
from healthy import Waiting, asked, boom, chain, model
from langchain_core.runnables import RunnableLambda

pytestmark = pytest.mark.lc_callbacks


def test_a_stream_that_is_left_early():
    """
    A stream that is left with `break` is closed, since nothing holds its generator any more.
    """
    for _ in chain().stream({"x": 1}):
        break
    for _ in model().stream("x"):
        break


def test_a_stream_in_a_local_variable():
    """
    A stream in a local variable of the test is closed when the test returns.
    """
    stream = model().stream("x")
    next(stream)


def test_a_stream_in_a_cycle():
    """
    A stream that only refers to itself is garbage, and is collected.
    """
    stream = model().stream("x")
    next(stream)
    cycle = [stream]
    cycle.append(cycle)


def test_a_stream_beside_a_recorded_exception(recording_handler):
    """
    A stream is not reported because a recording keeps an exception, and thereby the locals of the test.
    """
    stream = model().stream("x")
    next(stream)
    with pytest.raises(ValueError, match="1"):
        RunnableLambda(boom).invoke(1, {"callbacks": [recording_handler]})


@pytest.fixture
def stream_with_owner():
    """A stream that its fixture closes."""
    stream = model().stream("x")
    yield stream
    stream.close()


@pytest.fixture
def stream_as_value():
    """A stream that pytest drops a moment after the test."""
    return model().stream("x")


@pytest.fixture
def shelf():
    """Where a test puts something down."""
    return []


@pytest.fixture(scope="module")
def stream_of_module():
    """A stream that goes on after the test."""
    stream = model().stream("x")
    yield stream
    stream.close()


@pytest.fixture(scope="session")
def shelf_of_session():
    """Where a test puts something down for others."""
    return {}


@pytest.mark.parametrize("name", ["stream_with_owner", "stream_as_value", "stream_of_module"])
def test_a_stream_of_a_fixture(request, name):
    """
    A stream that a fixture closes is not reported, whatever the fixture's scope.
    """
    next(request.getfixturevalue(name))


@pytest.mark.parametrize("name", ["shelf", "shelf_of_session"])
def test_a_stream_on_a_fixture(request, name):
    """
    A stream on the value of a fixture lives as long as the fixture.
    """
    stream = model().stream("x")
    next(stream)
    place = request.getfixturevalue(name)
    place.append(stream) if isinstance(place, list) else place.update(stream=stream)


@pytest.fixture
def joined():
    """Threads that are let go and waited for."""
    go, threads = threading.Event(), []
    yield go, threads
    go.set()
    for thread in threads:
        thread.join()


def test_a_thread_that_a_fixture_joins(joined):
    """
    A run in a thread may end as late as the tear-down of the fixtures.
    """
    go, threads = joined
    begun = threading.Event()

    def work(value):
        begun.set()
        go.wait()

    threads.append(threading.Thread(target=RunnableLambda(work).invoke, args=(1,)))
    threads[0].start()
    begun.wait()


@pytest.fixture(scope="session")
def pool():
    """Threads that outlive a test."""
    go = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        yield executor, go
        go.set()


def test_a_thread_of_a_session(pool):
    """
    A run in a thread pool of the session may go on after the test.
    """
    executor, go = pool
    begun = threading.Event()

    def work(value):
        begun.set()
        go.wait()

    executor.submit(RunnableLambda(work).invoke, 1)
    begun.wait()


async def leave_a_stream():
    """Let go of an async stream: the loop closes it."""
    async for _ in chain().astream({"x": 1}):
        break


async def begin_in_the_background():
    """Begin what nobody awaits: the loop cancels it."""
    event = asyncio.Event()
    asked.put(event)
    tasks = [asyncio.ensure_future(call) for call in (Waiting().ainvoke("x"), chain().ainvoke({"x": 1}))]
    await event.wait()
    return tasks


PROGRAMS = [leave_a_stream, begin_in_the_background]


@pytest.mark.parametrize("program", PROGRAMS)
def test_asyncio_run(program):
    """
    A loop closes its generators and cancels its tasks when it shuts down, so that nothing stays open.
    """
    asyncio.run(program())


@pytest.mark.asyncio
@pytest.mark.parametrize("program", PROGRAMS)
async def test_pytest_asyncio(program):
    """
    The loop that pytest-asyncio gives each test shuts down in the same way.
    """
    await program()


@pytest.mark.asyncio(loop_scope="class")
class TestClassLoop:
    """A loop that outlives a test."""

    @pytest.mark.parametrize("program", PROGRAMS)
    async def test_class_loop(self, program):
        """
        A run that is left to the loop of a class is not reported while the loop is open.
        """
        await program()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("program", PROGRAMS)
async def test_module_loop(program):
    """
    A run that is left to the loop of a module is not reported while the loop is open.
    """
    await program()


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("program", PROGRAMS)
async def test_session_loop(program):
    """
    A run that is left to the loop of the session is not reported while the loop is open.
    """
    await program()


@pytest.fixture
def anyio_backend():
    """The one that LangChain can use."""
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize("program", PROGRAMS)
async def test_anyio(program):
    """
    anyio's plugin closes its loop, so that nothing stays open.
    """
    await program()


class TestUnittest(unittest.TestCase):
    """A stream from setUp to tearDown."""

    def setUp(self):
        self.stream = model().stream("x")
        next(self.stream)

    def tearDown(self):
        self.stream.close()

    def test_stream(self):
        """
        A stream that `tearDown` closes is not reported, since `tearDown` is part of the test.
        """
        next(self.stream)


class TestAsyncUnittest(unittest.IsolatedAsyncioTestCase):
    """unittest's own loop."""

    async def test_stream(self):
        """
        The loop of unittest closes its generators when it shuts down.
        """
        await leave_a_stream()
