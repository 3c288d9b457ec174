"""The finding ``not_a_handler``: what it says of classes, spies and other objects among the callbacks."""

from __future__ import annotations

import asyncio
import gc
import weakref
from unittest.mock import MagicMock

import pytest
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager, manager
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import FakeChatModel
from pytest_lc_callbacks._findings.handler_lists import HandlerLists
from pytest_lc_callbacks._findings.not_a_handler import is_of_stranger, not_handlers
from pytest_lc_callbacks._handlers.spy import Spies
from pytest_lc_callbacks._patches import Shown

# LangChain makes a coroutine for each handler before it asks for `run_inline`, and nobody awaits it then.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine 'ahandle_event' was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def collected():
    """No other test hears of these coroutines."""
    yield
    gc.collect()


class Audit(BaseCallbackHandler):
    """A handler, once an instance is made."""


class Duck:
    """Looks like a handler, and is none."""

    run_inline = True

    def on_chat_model_start(self, serialized, messages, **kwargs):
        pass


class Mannered(Duck):
    """Not derived from LangChain's class, and right all the same."""

    raise_error = ignore_llm = ignore_chain = ignore_chat_model = run_inline = False

    def __getattr__(self, name):
        if name.startswith("on_"):
            return lambda *args, **kwargs: None
        raise AttributeError(name)


def call(mode, callback, runnable=None):
    """Call *runnable*, or a chain of two, with *callback*."""
    runnable = runnable or RunnableLambda(str, name="shout") | FakeChatModel()
    config = {"callbacks": [callback]}
    if mode == "invoke":
        return runnable.invoke("hi", config)
    return asyncio.run(runnable.ainvoke("hi", config))


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_a_class(lists, mode):
    """
    A class is never called, in any run of the chain, and the finding says what to pass.
    """
    call(mode, Audit)

    [finding] = not_handlers(lists.strangers)
    assert finding.summary == (
        "expected every callback of RunnableSequence to be a handler, but Audit is a class and not an instance"
    )
    assert finding.details[:2] == ("  and of shout", "  and of FakeChatModel")
    assert any(line.startswith("  called at ") for line in finding.details) is (mode == "invoke")
    assert finding.details[-2] == "  LangChain asked Audit whether it declines the event, and never called it"
    assert " ".join(finding.details[-1].split()).startswith("hint: Pass Audit(). LangChain leaves out a handler")
    assert finding.details[-1].endswith("[class-as-handler]")


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_an_object_without_the_attributes(swallowed, lists, mode):
    """
    An object that is no handler makes LangChain's call fail; it is told once, and what LangChain logged of it is not.
    """
    with pytest.raises(AttributeError):
        call(mode, Duck(), FakeChatModel())

    [finding] = not_handlers(lists.strangers, swallowed.errors)
    assert finding.summary == (
        "expected every callback of FakeChatModel to be a handler, but a Duck has no ignore_chat_model"
    )
    assert "  LangChain's own call failed then with an AttributeError, and so did the program's" in finding.details
    assert finding.details[-1].endswith("[no-base-handler]")
    assert all(is_of_stranger(error, lists.strangers) for error in swallowed.errors)


def test_an_object_without_run_inline(lists):
    """
    An async run asks for `run_inline` first, and LangChain logs nothing of an object that has none.
    """
    with pytest.raises(AttributeError, match="run_inline"):
        asyncio.run(FakeChatModel().ainvoke("hi", {"callbacks": [object()]}))

    [finding] = not_handlers(lists.strangers)
    assert finding.summary.endswith("to be a handler, but an object has no run_inline")


def test_none_among_the_callbacks(lists):
    """
    None in a list, as an optional handler leaves it, is told by that word.
    """
    with pytest.raises(AttributeError):
        FakeChatModel().invoke("hi", {"callbacks": [None]})

    [finding] = not_handlers(lists.strangers)
    assert finding.summary == "expected every callback of FakeChatModel to be a handler, but one of them is None"


def test_an_object_that_is_asked_to_raise_no_error(lists):
    """
    Where the object says that it raises no error, LangChain logs that an attribute is missing, and goes on.
    """

    class Quiet(Duck):
        raise_error = False

    FakeChatModel().invoke("hi", {"callbacks": [Quiet()]})

    [finding] = not_handlers(lists.strangers)
    assert "  LangChain logged a warning and went on as if nothing had happened" in finding.details


def test_an_object_that_raised_itself(swallowed, lists):
    """
    An object that lacks `raise_error` alone is told when its method raises, with the method's line.
    """

    class Half(Duck):
        ignore_chat_model = False

        def on_chat_model_start(self, serialized, messages, **kwargs):
            raise ValueError("mine")

    with pytest.raises(AttributeError, match="raise_error"):
        asyncio.run(FakeChatModel().ainvoke("hi", {"callbacks": [Half()]}))

    [finding] = not_handlers(lists.strangers, swallowed.errors)
    assert finding.summary == "expected every callback to be a handler, but a Half has no raise_error"
    assert finding.details[0] == "  LangChain asked for it when Half.on_chat_model_start raised ValueError('mine')"
    assert 'raise ValueError("mine")' in str(finding)
    assert "LangChain's own call failed" in str(finding)


def test_a_spy_instead_of_its_handler(lists):
    """
    A spy among the callbacks is told what to pass.
    """
    spies = Spies()
    try:
        spy = spies(Audit())
        with pytest.raises(AttributeError):
            FakeChatModel().invoke("hi", {"callbacks": [spy]})
    finally:
        spies.stop()

    [finding] = not_handlers(lists.strangers)
    assert "a Spy has no ignore_chat_model" in finding.summary
    assert "Pass the handler that it spies on" in " ".join(finding.details[-1].split())


@pytest.mark.parametrize(
    "callback",
    [Audit(), Mannered(), MagicMock(spec=BaseCallbackHandler), MagicMock(), type("Duck", (Mannered,), {})()],
    ids=["handler", "duck", "mock of a handler", "mock", "derived duck"],
)
@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_what_can_be_called_is_no_finding(lists, mode, callback):
    """
    A handler, whatever has a handler's attributes, and a mock, which has any, are left in peace.
    """
    call(mode, callback)

    assert list(not_handlers(lists.strangers)) == []


def test_a_class_that_is_a_handler_itself(lists):
    """
    A class whose own attributes say what it declines, and whose methods are class methods, is called.
    """
    heard = []

    class Singleton:
        raise_error = run_inline = ignore_chat_model = ignore_llm = False

        @classmethod
        def on_chat_model_start(cls, *args, **kwargs):
            heard.append("start")

        @classmethod
        def on_llm_end(cls, *args, **kwargs):
            heard.append("end")

    FakeChatModel().invoke("hi", {"callbacks": [Singleton]})

    assert heard == ["start", "end"]
    assert list(not_handlers(lists.strangers)) == []


def test_what_is_not_the_tests_own():
    """
    What stands in the callbacks of another test, or of a thread that is not the test's own, is not noted.
    """
    for lists in (
        HandlerLists(lambda run_id, handlers: True),
        HandlerLists(lambda run_id, handlers: False, lambda: False),
    ):
        lists.start()
        try:
            call("invoke", Audit)
        finally:
            lists.stop()
        assert lists.strangers == []


def test_a_manager_driven_by_hand(lists):
    """
    A class in a manager that the program drives itself is found as well.
    """
    CallbackManager([Audit]).on_chain_start(None, {}, name="mine")

    [finding] = not_handlers(lists.strangers)
    assert finding.summary.startswith("expected every callback of mine to be a handler")


def test_nothing_is_left():
    """
    After `stop` LangChain's functions are its own again, and what somebody has kept of ours passes on.
    """
    before = manager.handle_event, manager.ahandle_event
    lists = HandlerLists(lambda run_id, handlers: False)
    lists.start()
    kept = manager.handle_event
    assert type(kept) is Shown
    lists.stop()

    assert (manager.handle_event, manager.ahandle_event) == before
    assert type(manager.handle_event) is not Shown
    kept([Audit], "on_chain_start", "ignore_chain", None, {}, run_id=1)
    assert lists.strangers == []


def test_a_handler_is_not_kept_alive(lists):
    """
    Nothing that is noted of a handler keeps it alive.
    """
    handler = Audit()
    FakeChatModel().invoke("hi", {"callbacks": [handler]})
    gone = weakref.ref(handler)

    del handler
    gc.collect()
    assert gone() is None
