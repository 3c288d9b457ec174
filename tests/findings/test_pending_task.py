"""The finding ``pending_task``: which tasks of a handler are lost when the event loop closes."""

from __future__ import annotations

import asyncio

import pytest
from healthy import Waiting, asked
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import FakeChatModel
from pytest_lc_callbacks._findings.pending_task import PendingTasks


@pytest.fixture
def pending():
    """Notes the tasks of handlers while the test runs."""
    pending = PendingTasks()
    pending.start()
    yield pending
    pending.stop()


class Writer(AsyncCallbackHandler):
    """Writes in the background."""

    def __init__(self, write):
        self.write, self.tasks, self.queue = write, [], asyncio.Queue()

    async def on_llm_end(self, response, **kwargs):
        self.tasks.append(asyncio.create_task(self.write(self)))


class InlineWriter(BaseCallbackHandler):
    """The same from a plain method that LangChain calls in the loop."""

    run_inline = True

    def __init__(self, write):
        self.write, self.tasks = write, []

    def on_llm_end(self, response, **kwargs):
        self.begin()

    def begin(self):
        self.tasks.append(asyncio.get_running_loop().create_task(self.write(self)))


async def never(writer):
    """Wait for what does not come."""
    await asyncio.Event().wait()


async def at_once(writer):
    """Write."""


async def soon(writer):
    """Write after a turn of the loop."""
    await asyncio.sleep(0)


async def from_a_queue(writer):
    """Write what comes, for ever."""
    while True:
        await writer.queue.get()


async def until_cancelled(writer):
    """Write what is left when the loop closes."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        writer.queue.put_nowait("flushed")


async def call(handler, times=1):
    """Call a model, and give the tasks a turn."""
    for _ in range(times):
        await FakeChatModel().ainvoke("hi", {"callbacks": [handler]})
    await asyncio.sleep(0)


@pytest.mark.parametrize("kind", [Writer, InlineWriter])
def test_a_task_that_nobody_awaits(pending, kind):
    """
    A task that waits when the loop closes is told with the line that began it and the line it had come to, once.
    """
    asyncio.run(call(kind(never)))

    [finding] = pending.findings()
    assert finding.summary == (
        f"expected the task that {kind.__name__}.on_llm_end began to be done, but the event loop closed first"
    )
    began, waited, hint = finding.details
    assert began.startswith("  begun at ")
    assert ".create_task(self.write(self))" in began
    assert waited.startswith("  its last line: ")
    assert waited.endswith(": await asyncio.Event().wait()")
    assert hint.endswith("[pending-task]")
    assert list(pending.findings()) == []


def test_many_tasks_are_one_finding(pending):
    """
    A method that leaves a task in each run makes one finding.
    """
    asyncio.run(call(Writer(never), times=3))

    [finding] = pending.findings()
    assert "the 3 tasks that Writer.on_llm_end began" in finding.summary
    assert len(finding.details) == 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_is_closed_at_once(pending):
    """
    A loop that is closed without a word to its tasks leaves them as they are.
    """
    loop, handler = asyncio.new_event_loop(), Writer(never)
    loop.run_until_complete(call(handler))
    assert list(pending.findings()) == []

    loop.close()
    [finding] = pending.findings()
    assert finding.details[0].startswith("  begun at ")
    # asyncio tells of a task that is destroyed while it is pending.
    handler.tasks[0]._log_destroy_pending = False


@pytest.mark.parametrize("write", [at_once, soon, from_a_queue, until_cancelled])
@pytest.mark.parametrize("kind", [Writer])
def test_what_is_written_is_not_lost(pending, kind, write):
    """
    A task that is done, waits for an empty queue, or writes the rest when it is cancelled has lost nothing.
    """
    asyncio.run(call(kind(write)))

    assert list(pending.findings()) == []


def test_a_worker_with_a_full_queue(pending):
    """
    A worker that is stopped while its queue holds something has something to lose.
    """

    async def one_by_one(writer):
        writer.queue.put_nowait("late")
        await asyncio.Event().wait()

    asyncio.run(call(Writer(one_by_one)))

    assert len(list(pending.findings())) == 1


def test_tasks_that_are_awaited(pending):
    """
    A program that awaits the handler's tasks before its loop closes loses nothing.
    """

    async def program():
        handler = Writer(soon)
        await call(handler)
        await asyncio.gather(*handler.tasks)

    asyncio.run(program())

    assert list(pending.findings()) == []


def test_tasks_that_the_handler_cancels(pending):
    """
    A task that somebody cancels before the loop closes was meant to end so.
    """

    async def program():
        handler = Writer(never)
        await call(handler)
        handler.tasks[0].cancel()
        await asyncio.sleep(0)

    asyncio.run(program())

    assert list(pending.findings()) == []


def test_a_method_that_waits_for_its_tasks(pending):
    """
    A method that is itself stopped when the loop closes was waiting for what it began: the run was left, not the task.
    """

    class Waits(AsyncCallbackHandler):
        async def on_llm_end(self, response, **kwargs):
            began.set()
            await asyncio.gather(never(self), never(self))

    async def program():
        background.append(asyncio.ensure_future(FakeChatModel().ainvoke("hi", {"callbacks": [Waits()]})))
        await began.wait()
        await asyncio.sleep(0)

    background, began = [], asyncio.Event()
    asyncio.run(program())

    assert list(pending.findings()) == []


def test_what_a_handler_asks_langchain_for(pending):
    """
    The tasks of a chain that a handler calls are LangChain's, and a cancelled program is no handler's doing.
    """

    class Judge(AsyncCallbackHandler):
        async def on_chain_end(self, outputs, **kwargs):
            await FakeChatModel().abatch(["good?", "sure?"], {"callbacks": []})

    async def program():
        await RunnableLambda(str).ainvoke("hi", {"callbacks": [Judge()]})
        asked.put(event := asyncio.Event())
        task = asyncio.ensure_future(Waiting().ainvoke("x", {"callbacks": [Judge()]}))
        await event.wait()
        task.cancel()

    asyncio.run(program())

    assert list(pending.findings()) == []
    assert asked.empty()


def test_the_programs_own_tasks(pending):
    """
    A task that the program leaves is the program's, whatever handlers hear of it.
    """

    async def program():
        left.append(asyncio.create_task(never(None)))
        await call(Writer(at_once))

    left = []
    asyncio.run(program())

    assert list(pending.findings()) == []


def test_threads_that_are_not_the_tests_own():
    """
    What a handler begins in a thread of somebody else is not noted.
    """
    pending = PendingTasks(lambda: False)
    pending.start()
    try:
        asyncio.run(call(Writer(never)))
    finally:
        pending.stop()

    assert list(pending.findings()) == []


def test_nothing_is_left(pending):
    """
    After `stop` the event loops have their own method again.
    """
    pending.stop()

    assert type(vars(asyncio.BaseEventLoop)["create_task"]) is type(never)
