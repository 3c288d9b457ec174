"""What LangChain swallows is caught whatever the project's logging does."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import threading
from unittest.mock import Mock
from uuid import UUID

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager, manager
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers import ConsoleCallbackHandler

from pytest_lc_callbacks import FakeChatModel
from pytest_lc_callbacks._findings.handler_error import handler_errors
from pytest_lc_callbacks._findings.swallowed import Swallowed


def handler_that(event, body, base=BaseCallbackHandler, **attributes):
    """A handler with one method."""
    return type("Handler", (base,), {f"on_{event}": body, **attributes})()


def raising(error):
    """A plain method that raises."""

    def on_event(self, *args, **kwargs):
        raise error

    return on_event


def raising_later(error):
    """A coroutine method that raises."""

    async def on_event(self, *args, **kwargs):
        raise error

    return on_event


def invoke(handler):
    """A sync run of a chat model in a chain."""
    (RunnableLambda(str) | FakeChatModel()).invoke("hi", {"callbacks": [handler]})


def ainvoke(handler):
    """An async one."""
    asyncio.run((RunnableLambda(str) | FakeChatModel()).ainvoke("hi", {"callbacks": [handler]}))


def invoke_in_a_loop(handler):
    """A sync one where a loop is running."""

    async def program():
        invoke(handler)

    asyncio.run(program())


def invoke_in_a_thread(handler):
    """A sync one in a raw thread."""
    thread = threading.Thread(target=invoke, args=(handler,))
    thread.start()
    thread.join()


def by_hand(handler):
    """A callback manager that somebody drives."""
    CallbackManager([handler]).on_chat_model_start({}, [[]])[0].on_llm_end(None)


MODES = [invoke, ainvoke, invoke_in_a_loop, invoke_in_a_thread, by_hand]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "kind", [(BaseCallbackHandler, raising), (AsyncCallbackHandler, raising_later)], ids=["plain", "coroutine"]
)
def test_who_raised_what_where(swallowed, mode, kind):
    """
    `Swallowed` knows the exception itself, its handler and its method, in every mode and thread.
    """
    base, body = kind
    error = KeyError("model_name")
    handler = handler_that("llm_end", body(error), base)

    mode(handler)

    [seen] = swallowed.errors
    assert seen.error is error
    assert seen.handler is handler
    assert seen.name == "Handler"
    assert error.__traceback__ is not None
    # A coroutine's method is known by the function that raised.
    assert seen.event in ("on_llm_end", "on_event")


@pytest.mark.parametrize(
    "silence",
    [
        lambda logger: logging.disable(logging.CRITICAL),
        lambda logger: setattr(logger, "disabled", True),
        lambda logger: logger.setLevel(logging.CRITICAL),
        lambda logger: logger.addFilter(lambda record: False),
        lambda logger: logging.config.dictConfig({"version": 1, "disable_existing_loggers": True}),
    ],
    ids=["disable", "disabled", "level", "filter", "dictConfig"],
)
def test_logging_that_is_switched_off(swallowed, silence):
    """
    `Swallowed` hears an exception whatever the project does to its loggers.
    """
    logger = manager.logger
    before = (logger.level, list(logger.filters), logger.disabled, logging.root.manager.disable)
    try:
        silence(logger)
        invoke(handler_that("llm_end", raising(ValueError())))
    finally:
        logger.level, logger.filters, logger.disabled = before[:3]
        logging.disable(before[3])

    assert len(swallowed.errors) == 1


def test_langchain_still_logs(swallowed, caplog):
    """
    LangChain's warning is logged as before, and its record names LangChain's own line.
    """
    invoke(handler_that("llm_end", raising(ValueError("x"))))

    [record] = caplog.records
    assert record.getMessage() == "Error in Handler.on_llm_end callback: ValueError('x')"
    assert (record.filename, record.funcName) == ("manager.py", "handle_event")


def test_a_logger_that_is_a_mock(monkeypatch):
    """
    A project that replaces the logger's method gets the calls that it expects.
    """
    mock = Mock()
    monkeypatch.setattr(manager.logger, "warning", mock)
    swallowed = Swallowed(lambda run_id, handlers: False)
    swallowed.start()

    invoke(handler_that("llm_end", raising(ValueError("x"))))
    swallowed.stop()

    mock.assert_called_once_with("Error in %s.%s callback: %s", "Handler", "on_llm_end", "ValueError('x')")
    assert manager.logger.warning is mock
    assert len(swallowed.errors) == 1


def test_the_innermost_hears(swallowed):
    """
    A watched test inside a watched test keeps its errors to itself; when it is over, the outer one hears again.
    """
    inner = Swallowed(lambda run_id, handlers: False)
    inner.start()
    invoke(handler_that("llm_end", raising(ValueError())))
    inner.stop()
    invoke(handler_that("llm_end", raising(KeyError())))

    assert [type(seen.error) for seen in inner.errors] == [ValueError]
    assert [type(seen.error) for seen in swallowed.errors] == [KeyError]


def test_nothing_is_left():
    """
    After `stop` the logger has the method of its class again.
    """
    before = dict(vars(manager.logger))
    swallowed = Swallowed(lambda run_id, handlers: False)
    swallowed.start()
    # It is equal to the method that it stands for, which the monkeypatch of another test may have set there.
    assert vars(manager.logger)["warning"] is not before.get("warning")

    swallowed.stop()

    assert vars(manager.logger) == before
    assert vars(manager.logger).get("warning") is before.get("warning")


def test_what_is_not_swallowed(swallowed):
    """
    With `raise_error = True` an exception reaches the program, and only the id of its run is noted.
    """
    with pytest.raises(ValueError, match="stop"):
        invoke(handler_that("llm_end", raising(ValueError("stop")), raise_error=True))

    assert swallowed.errors == []
    assert len(swallowed.propagated) == 1


def test_raise_error_does_not_help_coroutines(swallowed):
    """
    LangChain swallows what a coroutine handler raises in a sync run, and the finding says that `raise_error` is no
    help.
    """
    invoke(handler_that("llm_end", raising_later(ValueError("stop")), AsyncCallbackHandler, raise_error=True))

    [finding] = handler_errors(swallowed.errors, {})
    assert "raise_error = True does not help a coroutine handler in a sync run" in " ".join(str(finding).split())


def test_asking_for_another_event_is_no_error(swallowed):
    """
    A NotImplementedError from `on_chat_model_start` asks for `on_llm_start`; from any other method it is an error.
    """
    for mode in MODES[:3]:
        mode(BaseCallbackHandler())
        mode(AsyncCallbackHandler())
        mode(handler_that("chat_model_start", raising(NotImplementedError())))
        mode(handler_that("chat_model_start", raising_later(NotImplementedError()), AsyncCallbackHandler))
    assert [seen for seen in swallowed.errors if seen.event != "on_event"] == []

    invoke(handler_that("llm_end", raising(NotImplementedError())))
    assert swallowed.errors


def test_a_listener_that_fails(swallowed):
    """
    An exception of LangChain's own tracers is no error; an exception of a user's function that a tracer calls is one.
    """

    def listen(run):
        raise ValueError("listener")

    RunnableLambda(str).with_listeners(on_end=listen).invoke(1)

    [finding] = handler_errors(swallowed.errors, {})
    assert "RootListenersTracer.on_chain_end" in finding.summary
    assert "in listen" in str(finding)


def test_a_spied_tracer_of_langchains(swallowed, spy_on):
    """
    What LangChain's own tracer raises is no error where it is spied on either: a spy's frames are not the user's.
    """
    console = ConsoleCallbackHandler()
    spy = spy_on(console)
    # A tracer that does not know the run raises, as the one of `set_debug(True)` does at a tool.
    console.on_chain_start(None, {}, run_id=UUID(int=1), name="run")
    console.run_map.clear()
    manager.handle_event([console], "on_chain_end", None, {}, run_id=UUID(int=1))

    assert [type(error).__name__ for error in spy.raised] == ["TracerException"]
    assert swallowed.errors == []
