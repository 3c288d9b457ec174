"""The mistakes in a handler that LangChain invites: told where the facts prove them, and not where they do not."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.tools import tool

from pytest_lc_callbacks import FakeChatModel
from pytest_lc_callbacks._watching.watch import WatchedTest

# LangChain deprecates message histories since 1.6.4, and still has them.
DEPRECATED = pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")


@tool
def write(path: str) -> str:
    """Write a file."""
    return path


class Shared(BaseCallbackHandler):
    """Keeps its spans in the class."""

    spans: dict = {}  # noqa: RUF012 - that is the mistake

    def on_chat_model_start(self, serialized, messages, *, run_id, **kwargs):
        self.spans[run_id] = 1

    def on_llm_end(self, response, *, run_id, **kwargs):
        del self.spans[run_id]


class Forgetful(Shared):
    """Keeps its spans in the instance, and loses one."""

    def __init__(self):
        self.spans = {}

    def on_chat_model_start(self, serialized, messages, **kwargs):
        """Keep nothing."""


class Parents(BaseCallbackHandler):
    """Looks up the parents of its runs, which it forgets when they end."""

    def __init__(self):
        self.runs = {}

    def on_chain_start(self, serialized, inputs, *, run_id, parent_run_id=None, **kwargs):
        if parent_run_id is not None:
            str(self.runs[parent_run_id])
        self.runs[run_id] = 1

    on_chat_model_start = on_chain_start

    def on_chain_end(self, outputs, *, run_id, **kwargs):
        self.runs.pop(run_id)

    on_llm_end = on_chain_end


class Reads(BaseCallbackHandler):
    """Reads a tool's input as JSON."""

    def on_tool_start(self, serialized, input_str, **kwargs):
        json.loads(input_str)


class ReadsArguments(BaseCallbackHandler):
    """Reads something else as JSON."""

    def on_tool_start(self, serialized, input_str, *, inputs, **kwargs):
        json.loads(inputs["path"])


def told(program):
    """The findings about handlers in a watched test whose body runs *program*."""
    watch = WatchedTest()
    try:
        watch.begin("call")
        program()
        found = [finding for finding in watch.judge_body() if finding.name == "handler_error"]
    finally:
        watch.close()
    return "\n".join(map(str, found))


def ask(*handlers):
    return FakeChatModel().invoke("q", {"callbacks": list(handlers)})


def test_two_instances_that_share_a_container():
    """
    Where two instances heard the run and the line uses a container of the class, no lost start is the cause.
    """
    said = " ".join(told(lambda: ask(Shared(), Shared())).split())

    assert "hint: 2 instances of Shared heard this run, and Shared.spans is a dict of the class." in said
    assert "[shared-state]" in said
    assert "[unheard-start]" not in said


@pytest.mark.parametrize("handlers", [(Forgetful,), (Forgetful, Forgetful)], ids=["one", "two"])
def test_instances_that_share_nothing(handlers):
    """
    A handler that keeps its runs in the instance shares none of them, and misses no start that it was sent.
    """
    said = told(lambda: ask(*(handler() for handler in handlers)))

    assert "raised KeyError" in said
    assert "[unheard-start]" not in said
    assert "[shared-state]" not in said


class Popping(BaseCallbackHandler):
    """Forgets a run when a model inside it ends."""

    def __init__(self):
        self.runs = {}

    def on_chain_start(self, serialized, inputs, *, run_id, **kwargs):
        self.runs[run_id] = 1

    def on_llm_end(self, response, *, parent_run_id=None, **kwargs):
        self.runs.pop(parent_run_id)


@pytest.mark.parametrize("is_heard", [True, False], ids=["heard", "unheard"])
def test_a_parent_that_the_handler_forgot_itself(is_heard):
    """
    A handler that was sent the start of the parent run is not told that it hears one component alone.
    """
    handler = Popping()

    def twice(question):
        return [FakeChatModel().invoke(question), FakeChatModel().invoke(question)]

    heard = RunnableLambda(twice).with_config(callbacks=[handler])
    unheard = FakeChatModel(callbacks=[handler]) | RunnableLambda(str)
    said = told(lambda: (heard if is_heard else unheard).invoke("q"))

    assert "raised KeyError" in said
    assert ("[unheard-parent]" in said) is not is_heard


def test_a_start_that_the_handler_declines():
    """
    A handler that declines the start has not heard it, though it has a method for it.
    """
    declining = type("Declining", (Forgetful,), {"ignore_chat_model": True})

    assert "[unheard-start]" in told(lambda: ask(declining()))


async def _start_late(handler, *, is_awaited):
    """A step starts a task that asks a model, and waits for it or not."""
    tasks, go = [], asyncio.Event()

    async def later():
        await go.wait()
        await FakeChatModel().ainvoke("background")

    async def bot(question):
        tasks.append(asyncio.create_task(later()))
        if is_awaited:
            go.set()
            await tasks[0]
        return "1"

    await RunnableLambda(bot, name="bot").ainvoke("q", {"callbacks": [handler]})
    go.set()
    await tasks[0]


def test_a_run_that_begins_after_its_parent_ended():
    """
    A handler that forgets ended runs does not find the parent of a run that a background task begins later.
    """
    said = " ".join(told(lambda: asyncio.run(_start_late(Parents(), is_awaited=False))).split())

    assert "Parents looked up the parent run: bot had ended before FakeChatModel began." in said
    assert "[parent-ended]" in said
    assert "[unheard-parent]" not in said


def test_a_task_that_is_awaited():
    """
    A run that ends before its parent finds it.
    """
    assert told(lambda: asyncio.run(_start_late(Parents(), is_awaited=True))) == ""


def test_input_str_is_no_json():
    """
    LangChain sends ``str()`` of a tool's arguments, and the second place of the traceback, inside json, is not shown.
    """
    said = told(lambda: write.invoke({"path": "it's"}, {"callbacks": [Reads()]}))

    assert "[input-str]" in said
    assert "json.loads(input_str)" in said
    assert "decoder.py" not in said


def test_other_texts_that_are_no_json():
    """
    What is wrong in an argument of a tool is not what LangChain makes of it.
    """
    said = told(lambda: write.invoke({"path": "x"}, {"callbacks": [ReadsArguments()]}))

    assert "JSONDecodeError" in said
    assert "[input-str]" not in said


def _talk(key):
    store = InMemoryChatMessageHistory()
    prompt = ChatPromptTemplate.from_messages([("placeholder", "{history}"), ("human", "{input}")])
    RunnableWithMessageHistory(
        RunnableParallel(output=prompt | FakeChatModel()),
        lambda: store,
        input_messages_key="input",
        history_messages_key="history",
        output_messages_key=key,
    ).invoke({"input": "q"})
    return store.messages


@DEPRECATED
def test_a_message_history_that_is_not_saved():
    """
    LangChain saves a turn in a handler of its own, and swallows what that raises: it is the user's all the same.
    """
    said = told(lambda: _talk("answer"))

    assert "KeyError('answer')" in said
    assert "hint: the turn was not saved: output_messages_key='answer' names no key of the output, which has" in said
    assert "[history-key]" in said


@DEPRECATED
def test_a_message_history_that_is_saved():
    """
    With the right key nothing is said.
    """
    assert told(lambda: _talk("output")) == ""


def test_the_thread_of_a_handler():
    """
    A finding says in which thread LangChain called the handler, where that is not the test's.
    """

    def in_a_thread():
        thread = threading.Thread(target=ask, args=[Forgetful()], name="worker-7")
        thread.start()
        thread.join()

    assert "  LangChain called it in the thread worker-7, not in the test's thread" in told(in_a_thread)
    assert "LangChain called it in the thread" not in told(lambda: ask(Forgetful()))


PAGE = threading.local()
CONNECTION: list[sqlite3.Connection] = []


class Draws(BaseCallbackHandler):
    """Draws on what the test's thread has."""

    def on_llm_end(self, response, **kwargs):
        PAGE.lines.append(1)


class Stores(BaseCallbackHandler):
    """Stores in a connection of the test's thread."""

    def on_llm_end(self, response, **kwargs):
        CONNECTION[0].execute("select 1")


class Schedules(BaseCallbackHandler):
    """Needs a running loop."""

    def on_llm_end(self, response, **kwargs):
        asyncio.get_running_loop()


def awaited(handler):
    asyncio.run(FakeChatModel().ainvoke("q", {"callbacks": [handler]}))


def threaded(handler):
    thread = threading.Thread(target=ask, args=[handler], name="worker-7")
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("run", "where"), [(awaited, "a thread of the event loop's executor"), (threaded, "the thread worker-7")]
)
@pytest.mark.parametrize("handler", [Draws, Stores, Schedules])
def test_what_belongs_to_the_thread_of_the_test(handler, run, where):
    """
    A handler that needs what the test's thread has is told in which thread it was called.
    """
    PAGE.lines = []
    CONNECTION[:] = [sqlite3.connect(":memory:")]
    try:
        said = " ".join(told(lambda: run(handler())).split())
    finally:
        CONNECTION.pop().close()

    assert f"hint: {handler.__name__}.on_llm_end was called in {where}, not in the test's thread." in said
    assert "[handler-thread]" in said


@pytest.mark.parametrize("run", [ask, awaited])
def test_what_no_thread_has(run):
    """
    What the test's thread has not either, the thread of the handler does not explain.
    """
    PAGE.__dict__.clear()

    assert "[handler-thread]" not in told(lambda: run(Draws()))
    assert "[handler-thread]" not in told(lambda: ask(Schedules()))


class Short(BaseCallbackHandler):
    """Takes less than LangChain sends."""

    def on_chat_model_start(self, serialized, messages):
        """Never called."""


def test_the_arguments_that_langchain_sends():
    """
    Where the arguments do not fit, the hint shows the call as LangChain made it.
    """
    said = " ".join(told(lambda: ask(Short())).split())

    assert "does not take what LangChain calls it with: on_chat_model_start(serialized, messages, run_id=," in said


def test_a_second_place_in_langchain():
    """
    A line of LangChain's, in which what the handler called raised, is not shown.
    """

    class Prompts(BaseCallbackHandler):
        def on_llm_end(self, response, **kwargs):
            ChatPromptTemplate.from_template("{x}").invoke({})

    said = told(lambda: ask(Prompts()))

    assert "in on_llm_end" in said
    assert "langchain_core" not in said.replace("langchain_core.callbacks", "")
