"""
LangChain's scope truth table, row by row: what a handler hears that is attached at each point.

The rows are measured facts about LangChain; here the table that the plugin prints and its two assertions are held
against them, so that a release of LangChain that changes a row is noticed, and a plugin that misreads one too.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, CallbackManager
from langchain_core.language_models import FakeListLLM
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField, RunnableLambda
from langchain_core.tracers import context as tracing
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from truth_programs import (
    HEARD,
    MISSED,
    MODEL,
    PROMPT,
    QUESTION,
    TWICE,
    Shelf,
    body,
    chain_of,
    lookup,
    model,
    runtime,
    statuses,
    step,
)

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, observe_callbacks

# A row: its name, a chain that is given {"q": "1"}, the config of the call, and what is heard of each run.
ROWS: dict[str, tuple[Any, Any, dict[str, str]]] = {
    "model constructor": (
        lambda h: chain_of(model(callbacks=[h])),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": HEARD},
    ),
    "LLM constructor": (
        lambda h: chain_of(FakeListLLM(responses=["x"], callbacks=[h])),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListLLM": HEARD},
    ),
    "tool constructor": (lambda h: lookup(callbacks=[h]), None, {"lookup": HEARD, "FakeListChatModel": MISSED}),
    "constructor, then bind_tools": (
        lambda h: chain_of(FakeChatModel(callbacks=[h]).bind_tools([lookup()])),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeChatModel": HEARD},
    ),
    "constructor, then with_fallbacks": (
        lambda h: chain_of(model(callbacks=[h]).with_fallbacks([MODEL])),
        None,
        {
            "RunnableSequence": MISSED,
            "ChatPromptTemplate": MISSED,
            "RunnableWithFallbacks": MISSED,
            "FakeListChatModel": HEARD,
        },
    ),
    "constructor, then configurable_fields": (
        lambda h: chain_of(model(callbacks=[h]).configurable_fields(responses=ConfigurableField(id="r"))),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": HEARD},
    ),
    "constructor, then model_copy": (
        lambda h: chain_of(model(callbacks=[h]).model_copy()),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": HEARD},
    ),
    "retriever constructor": (
        lambda h: RunnableLambda(str, name="query") | Shelf(callbacks=[h]),
        None,
        {"RunnableSequence": MISSED, "query": MISSED, "Shelf": MISSED},
    ),
    "prompt constructor": (
        lambda h: ChatPromptTemplate([("user", "{q}")], callbacks=[h]) | MODEL,
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": MISSED},
    ),
    "manager in a constructor, handlers": (
        lambda h: lookup(callbacks=CallbackManager(handlers=[h])),
        None,
        {"lookup": HEARD, "FakeListChatModel": MISSED},
    ),
    "manager in a constructor, inheritable_handlers": (
        lambda h: lookup(callbacks=CallbackManager(handlers=[], inheritable_handlers=[h])),
        None,
        {"lookup": MISSED, "FakeListChatModel": MISSED},
    ),
    "run time": (
        lambda h: chain_of(MODEL),
        runtime,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "with_config on a step": (
        lambda h: chain_of(step(callbacks=[h])),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "step": HEARD, "FakeListChatModel": HEARD},
    ),
    "with_config on a step, another at run time": (
        lambda h: chain_of(step(callbacks=[h])),
        lambda h: {"callbacks": [BaseCallbackHandler()]},
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "step": HEARD, "FakeListChatModel": HEARD},
    ),
    "with_config and run time on one object": (
        lambda h: chain_of(MODEL).with_config(callbacks=[BaseCallbackHandler()]),
        runtime,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "the first of two with_config": (
        lambda h: chain_of(MODEL).with_config(callbacks=[h]).with_config(callbacks=[BaseCallbackHandler()]),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": MISSED},
    ),
    "the second of two with_config": (
        lambda h: chain_of(MODEL).with_config(callbacks=[BaseCallbackHandler()]).with_config(callbacks=[h]),
        None,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "manager at run time, handlers": (
        lambda h: chain_of(MODEL),
        lambda h: {"callbacks": CallbackManager(handlers=[h])},
        {"RunnableSequence": HEARD, "ChatPromptTemplate": MISSED, "FakeListChatModel": MISSED},
    ),
    "manager at run time, inheritable_handlers": (
        lambda h: chain_of(MODEL),
        lambda h: {"callbacks": CallbackManager(handlers=[], inheritable_handlers=[h])},
        {"RunnableSequence": MISSED, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "async manager at run time": (
        lambda h: chain_of(MODEL),
        lambda h: {"callbacks": AsyncCallbackManager(handlers=[h])},
        {"RunnableSequence": HEARD, "ChatPromptTemplate": MISSED, "FakeListChatModel": MISSED},
    ),
    "model.callbacks after construction": (
        lambda h: chain_of(_changed(h)),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": HEARD},
    ),
    "the list that a constructor was given, changed": (
        lambda h: chain_of(_list_changed(h)),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": MISSED},
    ),
    "[h, h] at run time": (
        lambda h: chain_of(MODEL),
        lambda h: {"callbacks": [h, h]},
        {"RunnableSequence": TWICE, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "with_config and run time, one handler": (
        lambda h: chain_of(MODEL).with_config(callbacks=[h]),
        runtime,
        {"RunnableSequence": TWICE, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "constructor and run time, one handler": (
        lambda h: chain_of(model(callbacks=[h])),
        runtime,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "step and run time, one handler": (
        lambda h: chain_of(step(callbacks=[h])),
        runtime,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "step": HEARD, "FakeListChatModel": HEARD},
    ),
    "with_listeners beside it": (
        lambda h: chain_of(MODEL.with_listeners(on_start=lambda run: None)),
        runtime,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "run collector beside it": (
        lambda h: chain_of(MODEL),
        lambda h: {"callbacks": [RunCollectorCallbackHandler(), h]},
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
}


def _changed(handler: Any) -> Any:
    changed = model()
    changed.callbacks = [handler]
    return changed


def _list_changed(handler: Any) -> Any:
    callbacks: list[Any] = []
    changed = model(callbacks=callbacks)
    callbacks.append(handler)
    return changed


def invoke(chain: Any, config: Any) -> None:
    """Call it."""
    chain.invoke(QUESTION, config)


def ainvoke(chain: Any, config: Any) -> None:
    """Await it."""
    asyncio.run(chain.ainvoke(QUESTION, config))


def stream(chain: Any, config: Any) -> None:
    """Read it."""
    list(chain.stream(QUESTION, config))


MODES = [invoke, ainvoke, stream]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
@pytest.mark.parametrize("row", ROWS)
def test_attachment_points(row, mode):
    """
    In sync and async calls and in streams, a handler hears what the table says, run by run.
    """
    build, config, expected = ROWS[row]

    def program(handler: Any) -> None:
        mode(build(handler), config(handler) if config else None)

    assert statuses(program) == expected


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
@pytest.mark.parametrize("row", ROWS)
def test_the_assertions_agree_with_the_rows(row, mode):
    """
    Runtime scope holds if every run was heard once, and constructor scope if the runs of one component were.
    """
    build, config, expected = ROWS[row]
    heard = [name for name, status in expected.items() if status != MISSED]
    with observe_callbacks():
        handler = RecordingHandler()
        mode(build(handler), config(handler) if config else None)

        assert _holds(handler.assert_runtime_scope) is all(status == HEARD for status in expected.values())
        for name in expected:
            alone = heard == [name] and expected[name] == HEARD
            assert _holds(handler.assert_constructor_scope, name) is alone


def _holds(check: Any, *args: Any) -> bool:
    try:
        check(*args)
    except AssertionError:
        return False
    return True


def test_a_handler_at_each_of_two_places_hears_its_own():
    """
    Two handlers at two places hear what the row of each says.
    """
    handlers = {name: RecordingHandler() for name in ("constructor", "step", "runtime")}
    chain = PROMPT | model(callbacks=[handlers["constructor"]]).with_config(callbacks=[handlers["step"]])
    with observe_callbacks() as observer:
        chain.invoke(QUESTION, {"callbacks": [handlers["runtime"]]})

        assert observer.table(**handlers).rows == [
            ("RunnableSequence", MISSED, MISSED, HEARD),
            ("ChatPromptTemplate", MISSED, MISSED, HEARD),
            ("FakeListChatModel", HEARD, HEARD, HEARD),
        ]


def test_lambdas_take_no_constructor_callbacks():
    """
    A RunnableLambda refuses constructor callbacks with a TypeError, as any unknown argument.
    """
    with pytest.raises(TypeError, match="callbacks"):
        RunnableLambda(body, callbacks=[])  # type: ignore[call-arg]  # that is the row


@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
def test_callbacks_as_a_keyword_of_a_model_or_tool(call):
    """
    ``invoke(x, callbacks=[h])`` of a model or a tool raises a TypeError.
    """
    for runnable, given in ((MODEL, "q"), (lookup(), QUESTION)):
        with pytest.raises(TypeError, match="callbacks"):
            _called(runnable, call, given)


def _called(runnable: Any, call: str, given: Any) -> Any:
    if call == "ainvoke":
        return asyncio.run(runnable.ainvoke(given, callbacks=[]))
    return runnable.invoke(given, callbacks=[])


def test_callbacks_as_a_keyword_are_swallowed_elsewhere():
    """
    A model's stream, a sequence and a function with keywords ignore ``callbacks=``: the handler hears nothing.
    """
    taking = RunnableLambda(lambda q, **options: q, name="taking")

    assert set(statuses(lambda h: list(MODEL.bind(callbacks=[h]).stream("q"))).values()) == {MISSED}
    assert set(statuses(lambda h: taking.invoke("q", callbacks=[h])).values()) == {MISSED}
    assert set(statuses(lambda h: (taking | MODEL).invoke("q", callbacks=[h])).values()) == {MISSED}


@pytest.mark.parametrize("inheritable", [True, False])
def test_a_configure_hook_reaches_every_run(inheritable):
    """
    A configure hook of LangChain's reaches every run but those of raw threads, and is no double beside run time.
    """
    var: ContextVar[Any] = ContextVar("handler", default=None)
    tracing.register_configure_hook(var, inheritable)

    def hooked(handler: Any) -> None:
        token = var.set(handler)
        chain_of(step()).invoke(QUESTION, runtime(handler))
        thread = threading.Thread(target=RunnableLambda(len, name="raw").invoke, args=("q",))
        thread.start()
        thread.join()
        var.reset(token)

    try:
        found = statuses(hooked)
    finally:
        tracing._configure_hooks[:] = [entry for entry in tracing._configure_hooks if entry[0] is not var]

    assert found.pop("raw") == MISSED
    assert set(found.values()) == {HEARD}


@pytest.mark.parametrize("call", ["batch", "abatch"])
def test_a_batch_with_a_list_of_configs(call):
    """
    In a batch with a list of configs, each handler hears its own input's runs alone.
    """
    first, second = RecordingHandler(), RecordingHandler()
    configs: Any = [runtime(first), runtime(second)]
    with observe_callbacks() as observer:
        chain = chain_of(MODEL)
        asyncio.run(chain.abatch([QUESTION] * 2, configs)) if call == "abatch" else chain.batch([QUESTION] * 2, configs)

        heard = [row[1:] for row in observer.table(a=first, b=second).rows]
    assert heard == [(HEARD, MISSED)] * 3 + [(MISSED, HEARD)] * 3


# Legacy chains ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The class `LLMChain` was deprecated")
def test_a_legacy_chains_constructor():
    """
    An LLMChain's constructor handler hears the chain, its text included, and not the LLM.
    """
    chains = pytest.importorskip("langchain_classic.chains", reason="the legacy chains are in langchain-classic")

    def chain(**options: Any) -> Any:
        return chains.LLMChain(llm=FakeListLLM(responses=["x"]), prompt=PROMPT, **options)

    constructor = statuses(lambda h: chain(callbacks=[h]).invoke(QUESTION))
    at_run_time = statuses(lambda h: chain().invoke(QUESTION, runtime(h)))

    assert constructor == {"LLMChain": HEARD, "FakeListLLM": MISSED}
    assert at_run_time == {"LLMChain": HEARD, "FakeListLLM": HEARD}
