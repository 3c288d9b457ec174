"""The spy: a user's handler stays what it is, and tells what it received and raised."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
from dataclasses import dataclass, field

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models import FakeListLLM
from langchain_core.runnables import RunnableLambda
from spied_handlers import Base, Child, Plain, Raising, chain

from pytest_lc_callbacks import FakeChatModel, Spy

# Handlers that raise are what many of these tests are about.
pytestmark = pytest.mark.lc_callbacks(handler_error="off")


HEARD = ["chain_start", "llm_end", "chain_start", "chain_end", "chain_end"]


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
