"""What the observer knows of the runs of a test."""

from __future__ import annotations

import asyncio
import threading
from copy import copy
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.runnables.fallbacks import RunnableWithFallbacks

from pytest_lc_callbacks import RecordingHandler, observe_callbacks
from pytest_lc_callbacks._handlers.observer import observed_runs
from pytest_lc_callbacks._scopes import ObservedRuns

MODEL = FakeListChatModel(responses=["x"])
CHAIN = ChatPromptTemplate.from_template("{q}") | MODEL
KNOWN = "began without a parent: langchain-ai/langchain#36072 [fallbacks-orphans]"
UNKNOWN = "began without a parent"


def boom(given: Any) -> Any:
    """Fail."""
    raise ValueError(given)


class Wrapper(Runnable[Any, Any]):
    """A Runnable of the project that passes its config on."""

    def invoke(self, given: Any, config: Any = None, **kwargs: Any) -> Any:
        return MODEL.invoke(given, config)


async def read(stream: Any) -> None:
    """Read an async stream to its end."""
    async for _ in stream:
        pass


def in_thread(work: Any) -> None:
    """Call it in a raw thread."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def own() -> Any:
    """A config with a handler of its own."""
    return {"callbacks": [RecordingHandler()]}


def watch(program: Any) -> ObservedRuns:
    """What the observer knows of a *program*."""
    with observe_callbacks() as observer:
        program()
    return observed_runs(observer)


def remarks(observed: ObservedRuns) -> list[str]:
    """What a run tree says of the runs that began without a parent in the context of another."""
    return [remark for run in observed.runs if (remark := observed.orphan_remark(run))]


MODES: dict[str, Any] = {
    "invoke": lambda runnable, given: runnable.invoke(given, own()),
    "ainvoke": lambda runnable, given: asyncio.run(runnable.ainvoke(given, own())),
    "invoke in a thread": lambda runnable, given: in_thread(lambda: runnable.invoke(given, own())),
    "invoke in a coroutine": lambda runnable, given: asyncio.run(_call(lambda: runnable.invoke(given, own()))),
}
WITH_PARENTS: dict[str, Any] = {
    "stream": lambda runnable, given: list(runnable.stream(given, own())),
    "astream": lambda runnable, given: asyncio.run(read(runnable.astream(given, own()))),
    "batch": lambda runnable, given: runnable.batch([given], own()),
    "abatch": lambda runnable, given: asyncio.run(runnable.abatch([given], own())),
}


async def _call(function: Any) -> None:
    function()


FALLBACKS: dict[str, Any] = {
    "model": (lambda: MODEL.with_fallbacks([MODEL]), "q", 1),
    "chain": (lambda: CHAIN.with_fallbacks([CHAIN]), {"q": 1}, 1),
    "failing": (lambda: RunnableLambda(boom).with_fallbacks([MODEL]), "q", 2),
    "list of messages": (lambda: RunnableLambda(boom).with_fallbacks([MODEL]), [("user", "q")], 2),
    "exception_key": (
        lambda: RunnableLambda(boom).with_fallbacks([RunnableLambda(len)], exception_key="error"),
        {"q": 1, "error": ValueError("of an earlier call")},
        2,
    ),
    "Runnable of one's own": (lambda: Wrapper().with_fallbacks([MODEL]), "q", 1),
}


@pytest.mark.parametrize("name", [None, "robust"], ids=["unnamed", "named"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", FALLBACKS)
def test_what_fallbacks_call_is_known_to_be_left_without_parent(kind, mode, name):
    """
    ``invoke`` and ``ainvoke`` of with_fallbacks leave what they call without a parent (langchain-ai/langchain#36072).
    """
    make, given, calls = FALLBACKS[kind]
    robust = make().with_config(run_name=name) if name else make()

    # With exception_key, with_fallbacks writes into the dict that it is given.
    assert remarks(watch(lambda: MODES[mode](robust, copy(given)))) == [KNOWN] * calls


@pytest.mark.parametrize("mode", WITH_PARENTS)
def test_the_other_ways_to_call_fallbacks_leave_no_orphans(mode):
    """
    ``stream``, ``astream``, ``batch`` and ``abatch`` of with_fallbacks are the parents of what they call.
    """
    observed = watch(lambda: WITH_PARENTS[mode](CHAIN.with_fallbacks([MODEL]), {"q": 1}))

    assert remarks(observed) == []
    assert len(observed.parents) == 3


def test_fallbacks_that_are_named_by_their_constructor_are_known_from_the_stack():
    """
    A sync call of with_fallbacks is on the stack, also where no name shows it.
    """
    robust = RunnableWithFallbacks(runnable=CHAIN, fallbacks=[MODEL], name="robust")

    assert remarks(watch(lambda: robust.invoke({"q": 1}, own()))) == [KNOWN]


def _replacing(given: Any) -> Any:
    return MODEL.invoke(given, own())


async def _areplacing(given: Any) -> Any:
    return await MODEL.ainvoke(given, own())


def _replacing_with_name(given: Any) -> Any:
    return MODEL.invoke(given, {**own(), "run_name": "robust"})


def _countdown(number: int) -> int:
    return COUNTDOWN.invoke(number - 1, own()) if number else 0


async def _acountdown(number: int) -> int:
    return await COUNTDOWN.ainvoke(number - 1, own()) if number else 0


COUNTDOWN = RunnableLambda(_countdown, afunc=_acountdown, name="countdown")


class Replacing(Runnable[Any, Any]):
    """A Runnable of the project that passes callbacks of its own."""

    def invoke(self, given: Any, config: Any = None, **kwargs: Any) -> Any:
        return MODEL.invoke(given, own())


@pytest.mark.parametrize(
    ("program", "calls"),
    [
        (lambda: RunnableLambda(_replacing).invoke("q", own()), 1),
        (lambda: asyncio.run(RunnableLambda(_areplacing).ainvoke("q", own())), 1),
        (lambda: RunnableLambda(_replacing_with_name, name="robust").invoke("q", own()), 1),
        (lambda: COUNTDOWN.invoke(2, own()), 2),
        (lambda: asyncio.run(COUNTDOWN.ainvoke(2, own())), 2),
        (lambda: list(Replacing().with_fallbacks([MODEL]).stream("q", own())), 1),
    ],
    ids=["sync", "async", "same name", "recursion", "async recursion", "in the stream of fallbacks"],
)
def test_replaced_callbacks_are_not_taken_for_fallbacks(program, calls):
    """
    Near miss: a call with callbacks of its own leaves a run without a parent too, by the program's own doing.
    """
    assert remarks(watch(program)) == [UNKNOWN] * calls


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_what_is_called_inside_a_fallback_is_the_users_own(mode):
    """
    The run that with_fallbacks calls is LangChain's doing, and a call with callbacks of its own inside it is not.
    """
    inside = RunnableLambda(_replacing, afunc=_areplacing, name="inside")
    observed = watch(lambda: MODES[mode](inside.with_fallbacks([MODEL]), "q"))

    assert [(run.label, observed.orphan_remark(run)) for run in observed.runs[1:]] == [
        ("inside", KNOWN),
        ("FakeListChatModel", UNKNOWN),
    ]


def test_a_snapshot_does_not_change():
    """
    A snapshot does not have the runs that begin after it was taken.
    """
    with observe_callbacks() as observer:
        MODEL.invoke("first")
        before = observed_runs(observer)
        MODEL.invoke("second")

    assert len(before.runs) == len(before.body_runs) == 1
    assert len(observed_runs(observer).body_runs) == 2


def test_runs_of_the_body_are_told_from_those_in_scope():
    """
    A section() limits what is in scope, and not what ran in the test's body.
    """
    with observe_callbacks() as observer:
        MODEL.invoke("before")
        with observer.section():
            MODEL.invoke("inside")
            observed = observed_runs(observer)

    assert observed.body_runs == observed.runs
    assert observed.in_scope == observed.runs[1:]
    assert observed.phase_of(observed.runs[0]) is None
