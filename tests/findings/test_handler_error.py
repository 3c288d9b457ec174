"""The finding ``handler_error``: a hint where the facts prove a cause, and none where they do not."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import FakeChatModel
from pytest_lc_callbacks._findings.handler_error import handler_errors
from pytest_lc_callbacks._findings.handler_exception import HandlerError
from pytest_lc_callbacks._recording import id_key


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


class Raising(BaseCallbackHandler):
    """Raises for a reason of its own."""

    def on_llm_end(self, response, **kwargs):
        raise ValueError("x")


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
        (Parent, "Parent looked up the parent run, and does not know it. .* [unheard-parent]"),
        (Unheard, "Unheard looked up a run whose start it has not kept. .* [unheard-start]"),
        (Asserting, "LangChain swallows an AssertionError like any other exception: .* [assert-in-handler]"),
        (
            Short,
            "Short.on_llm_end does not take what LangChain calls it with: on_llm_end(response, .* [handler-signature]",
        ),
        (Stopping, "A bare next() raises StopIteration when nothing is left. .* [stop-iteration]"),
        (LoopBound, "In a sync run LangChain gives every call of a coroutine handler an event loop .* [loop-per-call]"),
    ],
)
def test_known_causes(swallowed, handler, explained):
    """
    A hint names the cause where the exception, the arguments and the line prove it.
    """
    broken = handler()
    list((RunnableLambda(str) | FakeChatModel(callbacks=[broken])).stream("hi"))
    RunnableLambda(str).invoke("hi", {"callbacks": [broken]})

    text = " ".join(str(next(handler_errors(swallowed.errors, {}))).split())
    pattern = ".*".join(map(re.escape, explained.split(".*")))
    assert re.search(f"hint: {pattern}", text), text


def test_an_unknown_cause_has_no_hint(swallowed):
    """
    A finding shows the line, and has no hint, where the same exception has another reason.
    """

    class Other(BaseCallbackHandler):
        def on_llm_end(self, response, **kwargs):
            nothing = None
            str(nothing["llm"])

        def on_chain_start(self, serialized, inputs, **kwargs):
            str({}["elsewhere"])

    (RunnableLambda(str) | FakeChatModel()).invoke("hi", {"callbacks": [Other()]})

    findings = list(handler_errors(swallowed.errors, {}))
    assert len(findings) == 2
    assert all("hint:" not in str(finding) for finding in findings)
    assert 'str(nothing["llm"])' in str(findings[1])


@pytest.mark.parametrize(
    ("module", "file", "has_hint"),
    [
        ("langchain_core.tracers.event_stream", "event_stream.py", False),
        ("acme.handlers", str(Path(pytest.__file__).with_name("acme_handlers.py")), False),
        ("my_project.handlers", "handlers.py", True),
    ],
    ids=["LangChain's", "a library's", "the user's"],
)
def test_whose_assert_it_is(module, file, has_hint):
    """
    An assert that fails inside a handler of LangChain's or of an installed package is none of the user's.
    """
    with pytest.raises(AssertionError, match="as expected") as raised:
        exec(compile("assert False, 'as expected'", file, "exec"), {"__name__": module})
    # The first frame is this test's.
    error = raised.value.with_traceback(raised.value.__traceback__.tb_next)

    [finding] = handler_errors([HandlerError(error=error, name="H", event="on_llm_end")], {})
    assert ("[assert-in-handler]" in str(finding)) is has_hint


def test_a_missing_key_that_is_no_run_id(swallowed):
    """
    A lookup of the text "None" is not taken for a lookup of a parent run that does not exist.
    """

    class Other(BaseCallbackHandler):
        def on_llm_end(self, response, **kwargs):
            str({}["None"])

    FakeChatModel().invoke("hi", {"callbacks": [Other()]})

    [finding] = handler_errors(swallowed.errors, {})
    assert "hint:" not in str(finding)


def test_a_handler_that_fails_in_many_runs():
    """
    A finding names the first runs in which a handler failed, and how many more there are.
    """
    names = {number: f"run {number}" for number in range(5)}
    errors = [HandlerError(error=ValueError(), name="H", event="on_llm_end", kwargs={"run_id": n}) for n in names]

    [finding] = handler_errors(errors, {id_key(number): name for number, name in names.items()})

    assert finding.summary.endswith("raised ValueError() in the runs of run 0, run 1, run 2 and 2 more")


def test_the_same_error_is_told_once(swallowed):
    """
    A line that fails often makes one finding, with the number of times and the runs.
    """
    for _ in range(3):
        FakeChatModel().invoke("hi", {"callbacks": [Raising()]})

    names = {id_key(seen.run_id): "FakeChatModel" for seen in swallowed.errors}
    [finding] = handler_errors(swallowed.errors, names)
    assert finding.summary.endswith("but it raised ValueError('x') in the run of FakeChatModel")
    assert finding.details[0].endswith("(3 times)")


def test_a_run_that_waits_for_ever():
    """
    The finding of a StopIteration that no future can carry says that the run waits for ever.
    """
    [finding] = handler_errors([HandlerError(error=StopIteration(), name="H", event="on_llm_end", hangs=True)], {})

    assert "the run now waits for ever" in finding.details[0]


class Everywhere(BaseCallbackHandler):
    """Raises in every method that a chain of a function and a model calls."""

    def _fail(self, *args, **kwargs):
        raise RuntimeError("no connection")

    on_chain_start = on_chain_end = on_chat_model_start = on_llm_end = _fail


def test_a_handler_that_fails_in_every_method_is_one_finding(swallowed):
    """
    A handler that fails in the same way in several methods makes one finding, which lists them.
    """
    (RunnableLambda(str) | FakeChatModel()).invoke("hi", {"callbacks": [Everywhere()]})

    [finding] = handler_errors(swallowed.errors, {})
    assert finding.summary == (
        "expected Everywhere.on_chain_start to return, but it raised RuntimeError('no connection'), "
        "and so did 3 more methods"
    )
    others = [line.strip().partition(": in ")[2] for line in finding.details if ": RuntimeError" in line]
    assert others == [
        "on_chain_end: RuntimeError('no connection') (2 times)",
        "on_chat_model_start: RuntimeError('no connection')",
        "on_llm_end: RuntimeError('no connection')",
    ]


def test_two_handlers_are_two_findings(swallowed):
    """
    Two classes of handlers that fail alike make a finding each.
    """

    class Other(Raising):
        pass

    FakeChatModel().invoke("hi", {"callbacks": [Raising(), Other()]})

    assert len(list(handler_errors(swallowed.errors, {}))) == 2


def test_a_handler_that_means_to_raise_is_no_finding(swallowed):
    """
    A handler with ``raise_error = True`` tells the program itself.
    """

    class Guard(Raising):
        raise_error = True

    with pytest.raises(ValueError, match="x"):
        FakeChatModel().invoke("hi", {"callbacks": [Guard()]})

    assert swallowed.errors == []


class Injected(BaseCallbackHandler):
    """What an instrumentor may add to every manager."""


INJECTED = Injected()


@pytest.mark.parametrize(
    ("event", "missing", "of", "is_told"),
    [
        ("on_interrupt", "on_interrupt", INJECTED, True),
        ("on_resume", "on_resume", INJECTED, True),
        ("on_interrupt", "spans", INJECTED, False),
        ("on_interrupt", "on_interrupt", Injected(), False),
        ("on_event", "on_event", INJECTED, False),
    ],
    ids=["interrupt", "resume", "another attribute", "another object", "another event"],
)
def test_a_handler_that_langgraph_did_not_choose(event, missing, of, is_told):
    """
    A handler without the method that langgraph calls was put into langgraph's manager by somebody else.
    """
    error = AttributeError(missing, name=missing, obj=of)
    sent = SimpleNamespace(run_id=7)
    failed = HandlerError(error=error, handler=INJECTED, name="Injected", event=event, args=(sent,))

    [finding] = handler_errors([failed], {id_key(7): "LangGraph"}, lambda run_id: f"test_it.py:{run_id}")

    assert ("[added-to-every-manager]" in str(finding)) is is_told
    is_graphs = event != "on_event"
    assert ("in the run of LangGraph" in str(finding), "called at test_it.py:7" in str(finding)) == (
        is_graphs,
        is_graphs,
    )
