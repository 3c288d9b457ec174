"""The spy: a user's handler stays what it is, and tells what it received and raised."""

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
from dataclasses import dataclass, field
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager
from langchain_core.language_models import FakeListLLM
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, Spy, _made, observe_callbacks
from pytest_lc_callbacks._handlers.spy import Spies

# Handlers that raise are what many of these tests are about.
pytestmark = pytest.mark.lc_callbacks(handler_error="off")


def chain():
    """Two runs under one."""
    return FakeChatModel() | StrOutputParser()


HEARD = ["chain_start", "llm_end", "chain_start", "chain_end", "chain_end"]


class Plain(BaseCallbackHandler):
    """What most handlers are like."""

    def __init__(self):
        self.seen = []

    def on_llm_end(self, response, **kwargs):
        self.seen.append("llm_end")


class Coroutine(AsyncCallbackHandler):
    """An async one."""

    def __init__(self):
        self.seen = []

    async def on_llm_end(self, response, **kwargs):
        self.seen.append("llm_end")


@dataclass(frozen=True)
class Frozen(BaseCallbackHandler):
    """Equal to others by value, and lets nobody write."""

    seen: list = field(default_factory=list, compare=False)

    def on_llm_end(self, response, **kwargs):
        self.seen.append("llm_end")


@dataclass
class Unhashable(BaseCallbackHandler):
    """What a dataclass is by default."""

    seen: list = field(default_factory=list)

    def on_llm_end(self, response, **kwargs):
        self.seen.append("llm_end")


class Guarded(BaseCallbackHandler):
    """Complains about every write."""

    def __init__(self):
        vars(self)["seen"] = []

    def __setattr__(self, name, value):
        raise AttributeError(name)

    def on_llm_end(self, response, **kwargs):
        self.seen.append("llm_end")


class Slotted:
    """No child of LangChain's class, and without a dict: LangChain calls it all the same."""

    __slots__ = ("seen",)
    raise_error = run_inline = False
    ignore_llm = ignore_chain = ignore_chat_model = False

    def __init__(self):
        self.seen = []

    def on_chain_start(self, *args, **kwargs):
        pass

    def on_chat_model_start(self, *args, **kwargs):
        raise NotImplementedError

    on_llm_start = on_chain_end = on_chain_start

    def on_llm_end(self, response, **kwargs):
        self.seen.append("llm_end")


class Odd(BaseCallbackHandler):
    """Methods of other kinds."""

    def __init__(self):
        self.seen = []
        self.on_llm_end = functools.partial(self.any_event, "llm_end")

    @staticmethod
    def on_chain_end(outputs, **kwargs):
        """Without self."""

    @classmethod
    def on_chain_start(cls, *args, **kwargs):
        """With the class."""

    def any_event(self, name, *args, **kwargs):
        """An instance's own attribute calls it."""
        self.seen.append(name)


KINDS = [Plain, Coroutine, Frozen, Unhashable, Guarded, Slotted, Odd]


def facts(handler):
    """What LangChain and users can see of a handler."""
    methods = {name: getattr(handler, name) for name in dir(type(handler)) if name.startswith("on_")}
    return {
        "type": type(handler),
        "dict": dict(getattr(handler, "__dict__", {})),
        "hash": type(handler).__hash__,
        "flags": {
            name: getattr(handler, name) for name in dir(handler) if name.startswith(("ignore_", "run_", "raise_"))
        },
        "coroutines": {name for name, method in methods.items() if inspect.iscoroutinefunction(method)},
        "signatures": {name: str(inspect.signature(method)) for name, method in methods.items()},
        "functions": {name: getattr(type(handler), name) for name in methods},
        # A partial has no name; what is shown in its place has one.
        "names": {name: methods[name].__name__ for name in methods.keys() - getattr(handler, "__dict__", {}).keys()},
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by_class", [False, True], ids=["the handler", "its class"])
def test_every_kind_of_handler(spy_on, kind, by_class):
    """
    A handler hears what it heard before, and the spy hears it too: frozen, unhashable, guarded or without a dict.
    """
    if by_class:
        spy, handler = spy_on(kind), kind()
    else:
        handler = kind()
        spy = spy_on(handler)

    chain().invoke("hi", {"callbacks": [handler]})
    asyncio.run(chain().ainvoke("hi", {"callbacks": [handler]}))

    assert handler.seen == ["llm_end", "llm_end"]
    # Before langchain-core 1.4 a coroutine handler of a sync run was not told that a chat model starts.
    assert spy.without("chat_model_start", "llm_start").names == HEARD * 2
    assert spy.handler is handler
    assert spy.raised == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_stays_itself(spy_on, kind):
    """
    A spied handler looks as before: identity, type, attributes, flags, signatures, coroutine functions.
    """
    handler, twin = kind(), kind()
    before, equal = facts(handler), handler == twin

    spy_on(handler)

    assert facts(handler) == before
    assert (handler == twin) is equal
    assert handler.on_llm_end == handler.on_llm_end
    assert isinstance(handler, kind)


def test_a_copy_is_not_spied_on(spy_on):
    """
    A deep copy behaves as an unspied copy, and pickling knows nothing of the spy.
    """
    handler = Plain()
    spy = spy_on(handler)
    for copied in (copy.copy(handler), copy.deepcopy(handler), pickle.loads(pickle.dumps(handler))):
        copied.seen = []
        chain().invoke("hi", {"callbacks": [copied]})
        assert copied.seen == ["llm_end"]

    assert spy.names == []
    assert handler.seen == []


def test_a_model_that_is_copied_with_its_handler(spy_on):
    """
    A model that is copied together with a spied handler works as before.
    """
    handler = Plain()
    spy = spy_on(handler)

    FakeChatModel(callbacks=[handler]).model_copy(deep=True).invoke("hi")
    FakeChatModel(callbacks=[handler]).invoke("hi")

    assert spy.names == ["llm_start", "llm_end"]


class Raising(BaseCallbackHandler):
    """Raises in one place."""

    def __init__(self, error):
        self.error = error

    def on_llm_end(self, response, **kwargs):
        raise self.error


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


class Base(BaseCallbackHandler):
    """Has methods to inherit and to extend."""

    def on_chat_model_start(self, serialized, messages, **kwargs):
        self.on_llm_start(serialized, ["text"], **kwargs)

    def on_llm_end(self, response, **kwargs):
        pass


class Child(Base):
    """Extends them."""

    def on_llm_end(self, response, **kwargs):
        super().on_llm_end(response, **kwargs)


@pytest.mark.parametrize("target", [None, Child, Base], ids=["the handler", "its class", "its parent class"])
def test_one_event_is_one_event(spy_on, target):
    """
    A handler that calls its own methods, or those of its parent class, receives an event once.
    """
    spy = spy_on(target) if target else None
    handler = Child()
    spy = spy or spy_on(handler)

    FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert spy.names == ["chat_model_start", "llm_end"]


def test_a_handler_that_runs_a_chain(spy_on):
    """
    A run that a handler begins is another run, and its events are received.
    """

    class Nesting(BaseCallbackHandler):
        def on_llm_end(self, response, **kwargs):
            RunnableLambda(str).invoke(1, {"callbacks": [self]})

    handler = Nesting()
    spy = spy_on(handler)

    FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert spy.names == ["llm_start", "llm_end", "chain_start", "chain_end"]


def test_a_class_is_every_instance_from_then_on(spy_on):
    """
    A spied class records every later instance, also of subclasses, each for itself; earlier instances are left alone.
    """
    before = Base()
    spy = spy_on(Base)
    first, second = Base(), Child()
    for handler in (before, first, second):
        FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert spy.handlers == [first, second]
    assert spy.names == ["chat_model_start", "llm_end"] * 2
    with pytest.raises(LookupError, match=r"2 instances of Base received something; see \.handlers"):
        _ = spy.handler


def test_two_spies_hear_the_same(spy_on):
    """
    A handler may be spied on by itself and by its class; asking twice gives the same Recording.
    """
    of_class = spy_on(Child)
    handler = Child()
    of_handler = spy_on(handler)

    FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert of_class.names == of_handler.names == ["chat_model_start", "llm_end"]
    assert spy_on(handler) is of_handler
    assert repr(of_handler) == "<Spy on Child: 2 events, 1 run>"


def test_a_spy_is_a_recording(spy_on, callback_scopes):
    """
    A spy has a Recording's assertions, stands in tables, and is not asked for events that its handler declines.
    """

    class ModelsOnly(BaseCallbackHandler):
        ignore_chain = True

        def on_llm_end(self, response, **kwargs):
            pass

    handler = ModelsOnly()
    spy = spy_on(handler)
    assert isinstance(spy, Spy)

    with callback_scopes.section():
        FakeChatModel().invoke("hi", {"callbacks": [handler]})
        spy.assert_runtime_scope()
        assert callback_scopes.table(spied=spy).rows == [("FakeChatModel", "heard")]
    spy.assert_events(["llm_start", "llm_end"])

    with callback_scopes.section():
        chain().invoke("hi")
        with pytest.raises(AssertionError, match="missed"):
            spy.assert_runtime_scope()


def test_only_what_a_test_makes_is_told(spy_on):
    """
    A listener is told of a recording handler that a test makes, and of no recording that an observer or a spy makes.
    """
    handler, told = Plain(), []

    def listener(kind, made):
        told.append((kind, made))

    _made.listen(listener)
    try:
        spy = spy_on(handler)
        with observe_callbacks():
            RunnableLambda(str).invoke(1, {"callbacks": [handler]})
        recorder = RecordingHandler()
    finally:
        _made.stop(listener)

    assert spy.names == ["chain_start", "chain_end"]
    assert told == [("handler", recorder)]


def test_clearing_forgets(spy_on):
    """
    `clear()` empties the Recording and `.raised`, and the spy goes on.
    """
    handler = Raising(ValueError())
    spy = spy_on(handler)
    chain().invoke("hi", {"callbacks": [handler]})

    spy.clear()
    assert (spy.names, spy.raised) == ([], [])

    chain().invoke("hi", {"callbacks": [handler]})
    assert (spy.without("llm_start").names, len(spy.raised)) == (HEARD, 1)


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


def test_a_text_llm_and_a_retriever(spy_on):
    """
    A spy hears all kinds of runs, and tokens that are passed by keyword.
    """
    handler = BaseCallbackHandler()
    spy = spy_on(handler)

    FakeListLLM(responses=["abc"]).invoke("hi", {"callbacks": [handler]})
    list(FakeChatModel().stream("hi", {"callbacks": [handler]}))

    assert spy.names[:3] == ["llm_start", "llm_end", "llm_start"]
    assert "".join(event.token for event in spy.where("llm_new_token").events) == "This is a fake answer."


def test_a_subclass_that_is_made_later(spy_on):
    """
    A subclass of a spied class is spied on too, also if it is defined in the middle of a test.
    """
    spy = spy_on(Base)

    class Later(Base):
        def on_llm_end(self, response, **kwargs):
            """Not the method of the base."""

    class LookingUpLater(Base):
        def __getattribute__(self, name):
            return object.__getattribute__(self, name)

    for handler in (Later(), LookingUpLater()):
        FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert spy.names == ["chat_model_start", "llm_end"] * 2


def test_nothing_is_left():
    """
    After the test a spied class has what it had, inherited methods included, and the Recording stays.
    """

    def content():
        # Python before 3.14 gives a class an empty __annotations__ as soon as somebody asks for it.
        return {cls: {k: v for k, v in vars(cls).items() if k != "__annotations__"} for cls in (Base, Child)}

    spies, before = Spies(), content()
    spy, handler = spies(Base), Child()
    FakeChatModel().invoke("hi", {"callbacks": [handler]})

    spies.stop()
    FakeChatModel().invoke("hi", {"callbacks": [handler]})

    assert content() == before
    assert spy.names == ["chat_model_start", "llm_end"]


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


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (RecordingHandler(), "a RecordingHandler records what it receives: ask it directly"),
        (RecordingHandler, "a RecordingHandler records what it receives: ask it directly"),
        (Spy(Plain()), "this is a Recording, not a handler: ask it directly"),
        (MagicMock(spec=BaseCallbackHandler), "a mock keeps its calls itself"),
        (create_autospec(BaseCallbackHandler, instance=True), "a mock keeps its calls itself"),
        ([Plain()], "it takes one handler, or a class of them: call it for each"),
        (CallbackManager([]), "a callback manager is no handler: pass each of its .handlers"),
        (BaseCallbackHandler, "this would be every handler there is"),
        (AsyncCallbackHandler, "this would be every handler there is"),
        (print, "expected a callback handler or a class of them"),
        ("on_llm_end", "expected a callback handler or a class of them"),
        (dict, "expected a callback handler or a class of them"),
        (None, "expected a callback handler or a class of them"),
    ],
    ids=[
        "recorder", "recorders", "spy", "mock", "autospec", "list", "manager", "base", "async base", "function", "text",
        "class", "nothing",
    ],
)  # fmt: skip
def test_what_cannot_be_spied_on(spy_on, target, reason):
    """
    `spy_on` refuses whatever is no handler of the user's, and says why.
    """
    with pytest.raises(TypeError, match=r"spy_on\(.*\): " + reason.replace("(", r"\(")):
        spy_on(target)
