"""What LangChain swallows: caught whatever the project's logging does, and explained where the facts prove a cause."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import re
import threading
from unittest.mock import Mock

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager, manager
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import FakeChatModel
from pytest_lc_callbacks._findings.handler_error import HandlerError, handler_errors
from pytest_lc_callbacks._findings.stop_iteration import hangs_asyncio
from pytest_lc_callbacks._findings.swallowed import Swallowed


@pytest.fixture
def swallowed():
    """Listens while the test runs."""
    swallowed = Swallowed(lambda run_id, handlers: False)
    swallowed.start()
    yield swallowed
    swallowed.stop()


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
    The exception itself, the handler and the method are known, in every mode and thread.
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
    What the project does to its loggers makes no difference.
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
    The warning is logged as before, from LangChain's own line.
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
    A watched test inside a watched test keeps its errors to itself, and hands back when it is over.
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
    Afterwards the logger has its method from its class again.
    """
    before = dict(vars(manager.logger))
    swallowed = Swallowed(lambda run_id, handlers: False)
    swallowed.start()
    assert vars(manager.logger) != before

    swallowed.stop()

    assert vars(manager.logger) == before


def test_what_is_not_swallowed(swallowed):
    """
    An exception that reaches the program, by `raise_error = True`, is only noted with its run.
    """
    with pytest.raises(ValueError, match="stop"):
        invoke(handler_that("llm_end", raising(ValueError("stop")), raise_error=True))

    assert swallowed.errors == []
    assert len(swallowed.propagated) == 1


def test_raise_error_does_not_help_coroutines(swallowed):
    """
    What a coroutine handler raises in a sync run is swallowed always, and it says so.
    """
    invoke(handler_that("llm_end", raising_later(ValueError("stop")), AsyncCallbackHandler, raise_error=True))

    [finding] = handler_errors(swallowed.errors, {})
    assert "raise_error = True does not help a coroutine handler in a sync run" in " ".join(str(finding).split())


def test_asking_for_another_event_is_no_error(swallowed):
    """
    NotImplementedError from `on_chat_model_start` asks for `on_llm_start`; from elsewhere it is an error.
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
    What LangChain's own tracers do wrong is not the user's; a function of the user's that one of them calls is.
    """

    def listen(run):
        raise ValueError("listener")

    RunnableLambda(str).with_listeners(on_end=listen).invoke(1)

    [finding] = handler_errors(swallowed.errors, {})
    assert "RootListenersTracer.on_chain_end" in finding.summary
    assert "in listen" in str(finding)


# What handlers do in practice, and what it says of each.
class Serialized(BaseCallbackHandler):
    """Written for an older LangChain."""

    def on_chain_start(self, serialized, inputs, **kwargs):
        str(serialized["name"])


class Named(BaseCallbackHandler):
    """Counts on a name."""

    def on_chat_model_start(self, serialized, messages, *, name, **kwargs):
        str(name.upper())


class Output(BaseCallbackHandler):
    """Counts on OpenAI's answers."""

    def on_llm_end(self, response, **kwargs):
        str(response.llm_output["token_usage"])


class Positional(BaseCallbackHandler):
    """Takes whatever comes."""

    def on_llm_new_token(self, *args, **kwargs):
        str(args[0])


class Parent(BaseCallbackHandler):
    """Looks its parents up."""

    def on_llm_end(self, response, *, run_id, parent_run_id, **kwargs):
        str({}[parent_run_id])


class Unheard(BaseCallbackHandler):
    """Looks its runs up."""

    def on_llm_end(self, response, *, run_id, **kwargs):
        str({}[str(run_id)])


class Asserting(BaseCallbackHandler):
    """Asserts where nobody hears it."""

    def on_llm_end(self, response, **kwargs):
        assert response is None


class Short(BaseCallbackHandler):
    """Takes too little."""

    def on_llm_end(self, response):
        pass


class Stopping(BaseCallbackHandler):
    """A bare next()."""

    def on_llm_end(self, response, **kwargs):
        next(iter(()))


class LoopBound(AsyncCallbackHandler):
    """Keeps something of a loop."""

    def __init__(self):
        self.future = asyncio.new_event_loop().create_future()

    async def on_llm_end(self, response, **kwargs):
        try:
            await self.future
        finally:
            self.future.get_loop().close()


@pytest.mark.parametrize(
    ("handler", "explained"),
    [
        (
            Serialized,
            'LangChain sends serialized=None for almost every chain .* kwargs["name"]. [serialized-none]',
        ),
        (Named, "LangChain sends name=None for models and tools unless the call has a run_name. .* [name-none]"),
        (Output, "response.llm_output is None in streams and in most models. .* [llm-output-none]"),
        (Positional, "In sync runs LangChain passes the token by keyword .* [token-by-keyword]"),
        (Parent, "Parent looked up the parent run, which it has not heard. .* [unheard-parent]"),
        (Unheard, "Unheard looked up a run whose start it has not kept. .* [unheard-start]"),
        (Asserting, "LangChain swallows an AssertionError like any other exception: .* [assert-in-handler]"),
        (Short, "Short.on_llm_end does not take what LangChain sends. .* **kwargs). [handler-signature]"),
        (Stopping, "A bare next() raises StopIteration when nothing is left. .* [stop-iteration]"),
        (LoopBound, "In a sync run LangChain gives every call of a coroutine handler an event loop .* [loop-per-call]"),
    ],
)
def test_known_causes(swallowed, handler, explained):
    """
    Where the exception, the arguments and the line prove a cause that LangChain is known for, it is named.
    """
    broken = handler()
    list((RunnableLambda(str) | FakeChatModel(callbacks=[broken])).stream("hi"))
    RunnableLambda(str).invoke("hi", {"callbacks": [broken]})

    text = " ".join(str(next(handler_errors(swallowed.errors, {}))).split())
    pattern = ".*".join(map(re.escape, explained.split(".*")))
    assert re.search(f"hint: {pattern}", text), text


def test_an_unknown_cause_has_no_hint(swallowed):
    """
    The same exceptions for other reasons are shown with their line, and nothing is guessed.
    """

    class Other(BaseCallbackHandler):
        def on_llm_end(self, response, **kwargs):
            nothing = None
            str(nothing["llm"])

        def on_chain_start(self, serialized, inputs, **kwargs):
            str({}["elsewhere"])

    invoke(Other())

    findings = list(handler_errors(swallowed.errors, {}))
    assert len(findings) == 2
    assert all("hint:" not in str(finding) for finding in findings)
    assert 'str(nothing["llm"])' in str(findings[1])


def test_the_same_error_is_told_once(swallowed):
    """
    However often one line fails, it is one finding, with the number and the runs.
    """
    for _ in range(3):
        invoke(handler_that("llm_end", raising(ValueError("x"))))

    names = {seen.run_id: "FakeChatModel" for seen in swallowed.errors}
    [finding] = handler_errors(swallowed.errors, names)
    assert finding.summary.endswith("but it raised ValueError('x') in the run of FakeChatModel")
    assert finding.details[0].endswith("(3 times)")


def test_a_run_that_waits_for_ever():
    """
    A StopIteration that no future can carry is told for what it does.
    """
    [finding] = handler_errors([HandlerError(error=StopIteration(), name="H", event="on_llm_end", hangs=True)], {})

    assert "the run now waits for ever" in finding.details[0]


def test_which_exceptions_hang():
    """
    Only a StopIteration does, and only where futures of the running Python refuse it.
    """

    async def refuses():
        try:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(StopIteration())
            future.exception()
        except TypeError:
            return True
        return False

    assert hangs_asyncio(StopIteration()) is asyncio.run(refuses())
    assert not hangs_asyncio(ValueError())
