"""The finding ``duplicate_handler``: which two instances of a class are one too many."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    BaseCallbackManager,
    StdOutCallbackHandler,
    UsageMetadataCallbackHandler,
)
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.config import merge_configs

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, observe_callbacks
from pytest_lc_callbacks._findings.duplicate_handler import duplicate_handlers
from pytest_lc_callbacks._findings.handler_state import handler_state
from pytest_lc_callbacks._handlers.observer import frozen_runs


class Tracer(BaseCallbackHandler):
    """What a tracer is like: an id, a time, a lock, and what it has written."""

    def __init__(self, tenant=None, sink=None):
        self.id, self.text_id, self.began = uuid4(), uuid4().hex, time.time()
        self.lock, self.spans, self.calls = threading.Lock(), [], 0
        self.tenant, self.sink = tenant, sink

    def on_llm_end(self, response, **kwargs):
        self.calls += 1
        self.spans.append(response)


class AsyncTracer(AsyncCallbackHandler):
    """The same for async runs."""

    async def on_llm_end(self, response, **kwargs):
        pass


class CountingUsage(UsageMetadataCallbackHandler):
    """A collector of the user's own."""


class Slotted(BaseCallbackHandler):
    """Keeps what it was given in slots."""

    __slots__ = ("tenant",)

    def __init__(self, tenant):
        self.tenant = tenant

    def on_llm_end(self, response, **kwargs):
        pass


class Sink:
    """Where a tracer writes to."""

    def __init__(self, name):
        self.name = name


@pytest.fixture
def found(lists):
    """The findings about what runs in ``with found() as findings:``."""

    @contextmanager
    def found():
        findings = []
        with observe_callbacks() as observer:
            yield findings
            findings += duplicate_handlers(lists.doubled, frozen_runs(observer))

    return found


def call(mode, runnable, *callbacks):
    """Call *runnable* with these *callbacks*."""
    config = {"callbacks": list(callbacks)}
    return runnable.invoke("hi", config) if mode == "invoke" else asyncio.run(runnable.ainvoke("hi", config))


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
@pytest.mark.parametrize("kind", [Tracer, AsyncTracer])
def test_one_for_the_call_and_one_for_the_constructor(found, mode, kind):
    """
    An instance that the call has and one that the model has hear the same run.
    """
    with found() as findings:
        call(mode, RunnableLambda(str, name="shout") | FakeChatModel(callbacks=[kind()]), kind())

    [finding] = findings
    name = kind.__name__
    assert finding.summary == f"expected one {name} to hear each run, but 2 instances of it heard FakeChatModel"
    assert finding.details[0] == (
        "  one began with RunnableSequence, one with FakeChatModel, and nothing that they were made with tells them "
        "apart"
    )
    assert finding.details[-1].endswith("[two-instances]")


def test_one_that_an_integration_adds(found):
    """
    A tracer that code inside a run adds to those of the call hears what runs there once more.
    """

    def node(value, config):
        manager = config["callbacks"].copy()
        manager.add_handler(Tracer())
        (RunnableLambda(str) | FakeChatModel()).invoke(value, {**config, "callbacks": manager})
        return FakeChatModel(name="second").invoke(value, {**config, "callbacks": manager})

    with found() as findings:
        call("invoke", RunnableLambda(node), Tracer())

    [finding] = findings
    assert finding.summary.endswith("2 instances of it heard FakeChatModel")
    assert finding.details[0] == "  and second"
    assert finding.details[1].startswith("  one began with node, one with RunnableSequence, and")


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_three_at_three_places(found, mode):
    """
    An instance that has heard runs before is no other instance for that.
    """
    used = Tracer()
    with found() as findings:
        call(mode, FakeChatModel(), used)
        call(mode, RunnableLambda(str) | FakeChatModel(callbacks=[Tracer(), Tracer()]), used)

    [finding] = findings
    assert finding.summary.endswith("but 3 instances of it heard FakeChatModel")
    assert finding.details[0].startswith("  each began with FakeChatModel, and nothing")


def test_one_that_every_manager_gets(found, monkeypatch):
    """
    A tracer that an instrumentor puts into every manager hears what the tracer of the call hears.
    """
    make, installed = BaseCallbackManager.__init__, Tracer()

    def instrumented(manager, *args, **kwargs):
        make(manager, *args, **kwargs)
        manager.add_handler(installed)

    monkeypatch.setattr(BaseCallbackManager, "__init__", instrumented)
    with found() as findings:
        call("invoke", RunnableLambda(str) | FakeChatModel(), Tracer())

    [finding] = findings
    assert finding.summary.endswith("but 2 instances of it heard FakeChatModel")
    assert finding.details[0].startswith("  each began with RunnableSequence, and nothing")


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_two_in_one_list(found, mode):
    """
    Two instances side by side in one list are two on purpose, in every run inside, in a batch and in a merged config.
    """
    used, chain = Tracer(), RunnableLambda(str) | FakeChatModel()

    def inside(value, config):
        return FakeChatModel().invoke(value, merge_configs(config, {"callbacks": [Tracer(), Tracer()]}))

    with found() as findings:
        call(mode, FakeChatModel(), used)
        call(mode, chain, used, Tracer())
        chain.batch(["a", "b"], {"callbacks": [Tracer(), Tracer()]})
        call(mode, chain.with_config(callbacks=[Tracer(), Tracer()]))
        call("invoke", RunnableLambda(inside))

    assert findings == []


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_two_that_a_test_looks_at(found, mode):
    """
    A test that counts what the constructor's handler heard, and what the call's heard, has made two on purpose.
    """

    async def ask():
        outer, inner = Tracer(), Tracer()
        await (RunnableLambda(str) | FakeChatModel(callbacks=[inner])).ainvoke("hi", {"callbacks": [outer]})
        return outer.calls, inner.calls

    with found() as findings:
        if mode == "ainvoke":
            assert asyncio.run(ask()) == (1, 1)
        else:
            outer, inner = Tracer(), Tracer()
            (RunnableLambda(str) | FakeChatModel(callbacks=[inner])).invoke("hi", {"callbacks": [outer]})
            assert (outer.calls, inner.calls) == (1, 1)

    assert findings == []


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_two_that_nobody_looks_at(found, mode):
    """
    Two that stand in variables and are not looked at after the call are one too many, also where one of them is.
    """

    async def ask():
        outer, inner = Tracer(), Tracer()
        await (RunnableLambda(str) | FakeChatModel(callbacks=[inner])).ainvoke("hi", {"callbacks": [outer]})
        return outer.calls

    with found() as findings:
        if mode == "ainvoke":
            assert asyncio.run(ask()) == 1
        else:
            outer, inner = Tracer(), Tracer()
            (RunnableLambda(str) | FakeChatModel(callbacks=[inner])).invoke("hi", {"callbacks": [outer]})

    assert len(findings) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Tracer("acme"), Tracer("globex")),
        (Tracer(1), Tracer(2)),
        (Tracer(0.5), Tracer(0.75)),
        (Tracer(Path("a.log")), Tracer(Path("b.log"))),
        (Tracer({"name": "acme"}), Tracer({"name": "globex"})),
        (Tracer(["acme"]), Tracer(["globex"])),
        (Tracer(sink=Sink("a")), Tracer(sink=Sink("b"))),
        (Tracer(sink=logging.getLogger("a")), Tracer(sink=logging.getLogger("b"))),
        (Tracer(sink=lambda text: None), Tracer(sink=lambda text: text)),
        (Tracer(sink=Sink), Tracer(sink=Tracer)),
        (Slotted("acme"), Slotted("globex")),
    ],
    ids=["text", "number", "share", "path", "dict", "list", "object", "logger", "function", "class", "slots"],
)
@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_two_that_differ_on_purpose(found, mode, one, other):
    """
    A handler for each tenant, or for each sink, is no mistake: what they were made with tells them apart.
    """
    with found() as findings:
        call(mode, FakeChatModel(callbacks=[one]), other)

    assert findings == []


def test_functions_that_close_over_different_values():
    """
    Two functions of one line differ by what they close over, and methods by what they are bound to.
    """

    def writer(name):
        return lambda text: (name, text)

    assert handler_state(writer("a")) != handler_state(writer("b"))
    assert handler_state(writer("a")) == handler_state(writer("a"))
    assert handler_state(Slotted("a").on_llm_end) != handler_state(Slotted("b").on_llm_end)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Tracer(), type("Tracer", (Tracer,), {})()),
        (RecordingHandler(), RecordingHandler()),
        (UsageMetadataCallbackHandler(), UsageMetadataCallbackHandler()),
        (CountingUsage(), CountingUsage()),
        (StdOutCallbackHandler(), StdOutCallbackHandler()),
    ],
    ids=["derived", "recording", "usage", "derived from usage", "LangChain's own"],
)
@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_what_there_may_be_two_of(found, mode, one, other):
    """
    Two classes are two handlers, and recording handlers, collectors and LangChain's own may hear a run in any number.
    """
    with found() as findings:
        call(mode, RunnableLambda(lambda text: FakeChatModel(callbacks=[other]).invoke(text)), one)
        call(mode, FakeChatModel(), one, other)

    assert findings == []


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_an_instance_for_each_call(found, mode):
    """
    An instance for each call hears that call alone, in sequence, at once, and with a run id that is used again.
    """
    runnable = FakeChatModel().with_config(run_id=uuid4())
    with found() as findings:
        for _ in range(2):
            call(mode, FakeChatModel(), Tracer())
            call(mode, runnable, Tracer())
        FakeChatModel().batch(["a", "b"], [{"callbacks": [Tracer()]}, {"callbacks": [Tracer()]}])

    assert findings == []


def test_two_that_have_nothing_to_say_of_the_run(found):
    """
    Two instances that handle models alone write nothing twice of a chain that both hear.
    """
    with found() as findings:
        call("invoke", RunnableLambda(str).with_config(callbacks=[Tracer()]) | RunnableLambda(str), Tracer())

    assert findings == []


def test_one_that_declines(found):
    """
    An instance that declines the events of a run does not hear it.
    """
    declining = Tracer()
    type(declining).ignore_chat_model = property(lambda self: self is declining)
    try:
        with found() as findings:
            call("invoke", FakeChatModel(callbacks=[Tracer()]), declining)
    finally:
        del type(declining).ignore_chat_model

    assert findings == []


def test_a_handler_that_is_in_two_places(found):
    """
    One instance in two places is LangChain's to sort out, or is `duplicate_event`.
    """
    tracer = Tracer()
    with found() as findings:
        call("invoke", FakeChatModel(callbacks=[tracer]), tracer, tracer)

    assert findings == []


@pytest.mark.parametrize("make", [object, partial(Tracer, float("nan")), lambda: Tracer(Tracer(Tracer([[[[[1]]]]])))])
def test_any_value_has_a_state(make):
    """
    Whatever a handler holds, its state is made of builtins and says no more than a few levels.
    """
    assert repr(handler_state(make()))
