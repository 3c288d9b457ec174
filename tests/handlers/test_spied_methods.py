"""The methods of a spied handler: they are called and raise as without the spy, whatever is set in their place."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import functools
import inspect
import pickle
import traceback
import types
import weakref
from unittest.mock import AsyncMock, MagicMock, Mock

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models import FakeListLLM
from spied_handlers import Base, Plain, Raising, chain

from pytest_lc_callbacks import FakeChatModel
from pytest_lc_callbacks._handlers.spy import Spies

# Handlers that raise are what many of these tests are about.
pytestmark = pytest.mark.lc_callbacks(handler_error="off")


class RaisingLater(AsyncCallbackHandler):
    """Raises in a coroutine."""

    def __init__(self, error):
        self.error = error

    async def on_llm_end(self, response, **kwargs):
        raise self.error


@pytest.mark.parametrize("kind", [Raising, RaisingLater])
@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_what_a_handler_raises(spy_on, kind, mode):
    """
    `.raised` has the exceptions themselves, whose tracebacks lead to the line, though LangChain swallowed them.
    """
    error = KeyError("model_name")
    handler = kind(error)
    spy = spy_on(handler)

    config = {"callbacks": [handler]}
    chain().invoke("hi", config) if mode == "invoke" else asyncio.run(chain().ainvoke("hi", config))

    assert spy.raised == [error]
    assert _functions(spy.raised[0])[-1] == "on_llm_end"


def _functions(error):
    """What an exception came through."""
    return [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]


def test_what_a_handler_means_to_raise(spy_on):
    """
    With `raise_error = True` an exception reaches the program as before, and is noted too.
    """
    handler = Raising(ValueError("stop"))
    handler.raise_error = True
    spy = spy_on(handler)

    with pytest.raises(ValueError, match="stop"):
        chain().invoke("hi", {"callbacks": [handler]})

    assert [str(error) for error in spy.raised] == ["stop"]


def test_a_wrong_signature_is_refused_as_before(spy_on):
    """
    Arguments that do not fit are refused when a coroutine method is called, so that `raise_error` works on them.
    """

    class Short(AsyncCallbackHandler):
        raise_error = True

        async def on_llm_end(self):
            pass

    handler = Short()
    spy = spy_on(handler)

    with pytest.raises(TypeError, match=r"on_llm_end\(\) (takes|got)"):
        chain().invoke("hi", {"callbacks": [handler]})
    assert [type(error) for error in spy.raised] == [TypeError]


def test_a_method_that_is_set_afterwards(spy_on, monkeypatch):
    """
    A method that a test sets on the instance is heard as well; when it is undone, the handler has its own again.
    """
    handler = Plain()
    spy = spy_on(handler)
    monkeypatch.setattr(handler, "on_llm_end", lambda response, **kwargs: handler.seen.append("patched"))

    FakeChatModel().invoke("hi", {"callbacks": [handler]})
    monkeypatch.undo()

    assert handler.seen == ["patched"]
    assert spy.names == ["llm_start", "llm_end"]
    FakeChatModel().invoke("hi", {"callbacks": [handler]})
    assert handler.seen == ["patched", "llm_end"]


def wrapped(method):
    """What an instrumentor puts in the place of a method: it looks like the method."""

    @functools.wraps(method)
    def wrapper(*args, **kwargs):
        wrapper.calls += 1
        return method(*args, **kwargs)

    wrapper.calls = 0
    return wrapper


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_a_wrapper_on_the_instance(spy_on, mode):
    """
    A wrapper made with `functools.wraps` of a spied method is called, and so is the method behind it, each once.
    """
    handler = Plain()
    spy = spy_on(handler)
    handler.on_llm_end = wrapped(handler.on_llm_end)

    config = {"callbacks": [handler]}
    FakeChatModel().invoke("hi", config) if mode == "invoke" else asyncio.run(FakeChatModel().ainvoke("hi", config))

    assert (handler.on_llm_end.calls, handler.seen) == (1, ["llm_end"])
    assert spy.names == ["llm_start", "llm_end"]


@pytest.mark.parametrize("kind", [Mock, MagicMock, AsyncMock])
@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_a_mock_on_the_instance(spy_on, kind, mode):
    """
    A mock in the place of a method is called and asked as without the spy, and the spy records the call.
    """
    handler = Plain()
    spy = spy_on(handler)
    handler.on_llm_end = mock = kind()
    handler.on_llm_end.side_effect = [None]

    config = {"callbacks": [handler]}
    FakeChatModel().invoke("hi", config) if mode == "invoke" else asyncio.run(FakeChatModel().ainvoke("hi", config))

    handler.on_llm_end.assert_called_once()
    assert isinstance(handler.on_llm_end, kind)
    assert handler.on_llm_end == mock
    assert inspect.iscoroutinefunction(handler.on_llm_end) is (kind is AsyncMock)
    assert handler.seen == []
    assert spy.names == ["llm_start", "llm_end"]
    del handler.on_llm_end.side_effect
    del handler.on_llm_end
    with pytest.raises(AttributeError):
        del handler.on_llm_end


def test_a_method_that_is_put_back(spy_on):
    """
    Whoever reads a spied method, sets another and puts the first back has the handler's own, also after the test.
    """
    handler, spies = Plain(), Spies()
    spy = spies(handler)
    before = handler.on_llm_end
    handler.on_llm_end = Mock()
    handler.on_llm_end = before

    FakeChatModel().invoke("hi", {"callbacks": [handler]})
    spies.stop()
    FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert handler.seen == ["llm_end", "llm_end"]
    assert spy.names == ["llm_start", "llm_end"]
    assert handler.on_llm_end == types.MethodType(Plain.on_llm_end, handler)


class LookingUp(BaseCallbackHandler):
    """Looks its attributes up itself."""

    def __getattribute__(self, name):
        return object.__getattribute__(self, name)


class LookingUpByItself(Base):
    """Does so without its parent class."""

    def __getattribute__(self, name):
        return object.__getattribute__(self, name)


@pytest.mark.parametrize(
    ("target", "kind"),
    [(None, LookingUp), (LookingUp, LookingUp), (Base, LookingUpByItself)],
    ids=["the handler", "its class", "its parent class"],
)
def test_a_handler_with_a_lookup_of_its_own(spy_on, target, kind):
    """
    The spy hears a handler whose class defines `__getattribute__`, without the help of a parent class's.
    """
    spy = spy_on(target) if target else None
    handler = kind()
    spy = spy or spy_on(handler)

    FakeListLLM(responses=["abc"]).invoke("hi", {"callbacks": [handler]})

    assert spy.names == ["llm_start", "llm_end"]


def test_a_handler_that_stores_its_method(spy_on):
    """
    A copy of a handler that keeps one of its methods in an attribute keeps its own method, and not the spied handler's.
    """
    spy = spy_on(Plain)
    handler = Plain()
    handler.report = handler.on_llm_end

    for copied in (copy.deepcopy(handler), pickle.loads(pickle.dumps(handler))):
        copied.report(None)
        assert copied.seen == ["llm_end"]

    assert handler.seen == []
    assert spy.raised == []


def test_what_is_shown_of_a_method(spy_on):
    """
    A spied method equals the handler's own, has its hash and its repr, and can be referred to weakly.
    """
    handler = Plain()
    own = handler.on_llm_end
    spy_on(handler)

    assert handler.on_llm_end == own
    assert own == handler.on_llm_end
    assert {own, handler.on_llm_end} == {own}
    assert repr(handler.on_llm_end) == repr(own)
    assert weakref.ref(shown := handler.on_llm_end)() is shown


def test_a_coroutine_that_is_cancelled(spy_on):
    """
    `.raised` has no exception that stopped a handler from outside.
    """

    class Slow(AsyncCallbackHandler):
        async def on_llm_end(self, response, **kwargs):
            await asyncio.Event().wait()

    handler = Slow()
    spy = spy_on(handler)

    async def program():
        task = asyncio.ensure_future(handler.on_llm_end(None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(program())
    assert (spy.names, spy.raised) == (["llm_end"], [])


def test_a_coroutine_that_is_dropped(spy_on):
    """
    A coroutine that waits and is then dropped is closed in whatever context is current, without an error.
    """

    class Slow(AsyncCallbackHandler):
        async def on_llm_end(self, response, **kwargs):
            await Forever()

    class Forever:
        def __await__(self):
            yield

    handler = Slow()
    spy = spy_on(handler)
    waiting = handler.on_llm_end(None)
    contextvars.copy_context().run(waiting.send, None)

    waiting.close()

    assert (spy.names, spy.raised) == (["llm_end"], [])
    assert waiting.__qualname__ == Slow.on_llm_end.__qualname__
