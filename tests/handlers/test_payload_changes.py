"""What a spied handler writes into what LangChain hands to all handlers."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import FakeChatModel
from pytest_lc_callbacks._handlers.spy import Spies


def _invocation(messages, kwargs):
    kwargs["invocation_params"]["temperature"] = 0


def _metadata(messages, kwargs):
    kwargs["metadata"].pop("user")


def _tags(messages, kwargs):
    kwargs["tags"].append("seen")


def _tag(messages, kwargs):
    kwargs["tags"][0] = "seen"


def _batch(messages, kwargs):
    messages[0].append(messages[0][0])


def _message(messages, kwargs):
    messages[0][0].content = "[redacted]"


def _nothing(messages, kwargs):
    kwargs["metadata"] = {**kwargs["metadata"], "more": 1}
    kwargs["tags"] = [*kwargs["tags"], "more"]
    kwargs["invocation_params"]["stop"] = kwargs["invocation_params"]["stop"]


class Plain(BaseCallbackHandler):
    """Does something with what it is handed."""

    def __init__(self, does):
        self.does = does

    def on_chat_model_start(self, serialized, messages, **kwargs):
        self.does(messages, kwargs)


class Coroutine(AsyncCallbackHandler):
    """Does it between two awaits."""

    def __init__(self, does, before=None, after=None):
        self.does, self.before, self.after = does, before, after

    async def on_chat_model_start(self, serialized, messages, **kwargs):
        if self.before is not None:
            await self.before.wait()
        await asyncio.sleep(0)
        self.does(messages, kwargs)
        if self.after is not None:
            self.after.set()
        await asyncio.sleep(0)


@pytest.fixture
def spies():
    """Spies that no test is judged by."""
    spies = Spies()
    yield spies
    spies.stop()


CONFIG = {"tags": ["tag"], "metadata": {"user": "ann"}}
PLACES = {
    _invocation: ["invocation_params['temperature']"],
    _metadata: ["metadata['user']"],
    _tags: ["tags"],
    _tag: ["tags[0]"],
    _batch: ["messages[0]"],
    _message: ["messages[0][0]['content']"],
    _nothing: [],
}


@pytest.mark.parametrize(("does", "places"), PLACES.items(), ids=[does.__name__ for does in PLACES])
@pytest.mark.parametrize("kind", [Plain, Coroutine])
def test_what_is_written(spies, kind, does, places):
    """
    Each place that a plain or an async handler writes into is noted, and what it copies and reads is not.
    """
    handler = kind(does)
    spies(handler)

    asyncio.run(FakeChatModel().ainvoke("hi", {"callbacks": [handler], **CONFIG}))

    assert [change.place for change in spies.changes] == places
    assert all((change.handler, change.event) == (handler, "on_chat_model_start") for change in spies.changes)


def test_who_waits_is_not_who_writes(spies):
    """
    Of two async handlers in progress at once, only the one that writes is named.
    """
    wrote = asyncio.Event()
    waiting, writing = Coroutine(_nothing, before=wrote), Coroutine(_tags, after=wrote)
    for handler in (waiting, writing):
        spies(handler)

    asyncio.run(FakeChatModel().ainvoke("hi", {"callbacks": [waiting, writing], **CONFIG}))

    assert [(change.handler, change.place) for change in spies.changes] == [(writing, "tags")]


def test_who_is_not_spied_is_not_looked_at(spies):
    """
    A handler that writes and is not spied on is noted nowhere.
    """
    spies(Plain(_nothing))

    FakeChatModel().invoke("hi", {"callbacks": [Plain(_tags)], **CONFIG})

    assert spies.changes == []


class Chain(BaseCallbackHandler):
    """Writes into the inputs of a chain, which are no messages, and into its metadata."""

    def on_chain_start(self, serialized, inputs, **kwargs):
        inputs.append(4)
        kwargs["metadata"][Unshowable()] = 1


class Unshowable:
    """A key that raises when it is shown."""

    def __repr__(self):
        raise ValueError("unshowable")


def test_what_cannot_be_shown(spies):
    """
    A key that raises in its repr is noted and raises nothing, and a chain's inputs are not called messages.
    """
    handler = Chain()
    spy = spies(handler)

    RunnableLambda(len).invoke([1, 2, 3], {"callbacks": [handler], **CONFIG})

    assert spy.raised == []
    (change,) = spies.changes
    assert change.place.startswith("metadata[<")
