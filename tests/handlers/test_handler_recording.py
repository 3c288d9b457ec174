"""What a spied handler does not handle."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import FakeChatModel


class Counter(BaseCallbackHandler):
    """Handles ends alone."""

    def on_llm_end(self, response, **kwargs):
        pass


class Spans(BaseCallbackHandler):
    """Opens what it closes only where all went well."""

    def on_chain_start(self, serialized, inputs, **kwargs):
        pass

    def on_chain_end(self, outputs, **kwargs):
        pass


class AsyncSpans(AsyncCallbackHandler):
    """An async one, without any end."""

    async def on_chat_model_start(self, serialized, messages, **kwargs):
        pass


def fail(handler):
    """A chain with an error."""
    with pytest.raises(ZeroDivisionError):
        RunnableLambda(lambda x: 1 / x, name="divide").invoke(0, {"callbacks": [handler]})


@pytest.mark.parametrize("handler", [Counter(), Spans()], ids=lambda handler: type(handler).__name__)
def test_what_a_handler_handles_is_finished(spy_on, handler):
    """
    A handler that has a method for each end of what it starts is finished, and so is one that starts nothing.
    """
    spy = spy_on(handler)

    (FakeChatModel() | RunnableLambda(str)).invoke("hi", {"callbacks": [handler]})

    spy.assert_finished()
    spy.handlers[0].assert_finished()


def test_an_error_that_is_not_handled(spy_on):
    """
    An error that falls through to LangChain's empty method is named, with the run and the start that it leaves open.
    """
    handler = Spans()
    spy = spy_on(handler)
    fail(handler)

    with pytest.raises(AssertionError, match="has no on_chain_error") as told:
        spy.assert_finished()

    first, line, *_ = str(told.value).splitlines()
    assert first == "expected Spans to handle the end of every start that it handles, but it has no on_chain_error"
    assert line == "  Spans has on_chain_start and no on_chain_error: divide ended so (1 run)"
    with pytest.raises(AssertionError, match="no on_chain_error"):
        spy.handlers[0].assert_finished()


def test_an_end_of_an_async_handler(spy_on):
    """
    The empty methods of AsyncCallbackHandler are no handling either, of a spied class as of an instance.
    """
    spy = spy_on(AsyncSpans)
    asyncio.run(FakeChatModel().ainvoke("hi", {"callbacks": [AsyncSpans()]}))

    with pytest.raises(AssertionError, match=r"AsyncSpans to handle .* but it has no on_llm_end"):
        spy.assert_finished()


def test_a_method_that_is_set_on_the_instance(spy_on):
    """
    A method that the instance itself has is handling.
    """
    handler = Spans()
    handler.on_chain_error = lambda error, **kwargs: None
    spy = spy_on(handler)
    fail(handler)

    spy.assert_finished()


def test_nothing_recorded_is_not_finished(spy_on):
    """
    A spy that heard nothing says so, as every Recording does.
    """
    with pytest.raises(AssertionError, match="expected runs that have ended"):
        spy_on(Spans()).assert_finished()


def test_what_is_not_handled_is_listed(spy_on):
    """
    `.not_handled` names each event that came and for which the handler has no method of its own, once and in order.
    """
    handler = Spans()
    spy = spy_on(handler)

    (FakeChatModel() | RunnableLambda(str)).invoke("hi", {"callbacks": [handler]})
    fail(handler)

    assert spy.not_handled == spy.handlers[0].not_handled == ["llm_start", "llm_end", "chain_error"]


def test_what_is_not_handled_of_several_handlers(spy_on):
    """
    A spy on a class lists what any of its instances does not handle, also of an async class; nothing before an event.
    """
    spy = spy_on(AsyncSpans)
    assert spy.not_handled == []

    asyncio.run(FakeChatModel().ainvoke("hi", {"callbacks": [AsyncSpans()]}))
    asyncio.run(RunnableLambda(str).ainvoke("hi", {"callbacks": [AsyncSpans()]}))

    assert [each.not_handled for each in spy.handlers] == [["llm_end"], ["chain_start", "chain_end"]]
    assert spy.not_handled == ["llm_end", "chain_start", "chain_end"]


@pytest.mark.parametrize("defines", [True, False], ids=["own", "langgraphs"])
def test_an_interrupt_that_langgraph_s_empty_method_got(spy_on, defines):
    """
    The empty methods of langgraph's GraphCallbackHandler are no handling either.
    """
    callbacks = pytest.importorskip("langgraph.callbacks", reason="langgraph has graph callbacks from 1.1 on")
    body = {"on_interrupt": lambda self, event: None} if defines else {}
    handler = type("Waits", (callbacks.GraphCallbackHandler,), body)()
    spy = spy_on(handler)

    handler.on_interrupt(callbacks.GraphInterruptEvent("run", "interrupted", "id", (), ()))

    assert spy.not_handled == ([] if defines else ["interrupt"])
