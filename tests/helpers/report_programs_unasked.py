"""Tests and handlers with a flaw that fail for another reason: the flaw is told where the failure is of it alone."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from report_programs import model, report
from report_programs_payloads import CALL
from report_programs_values import beside, reading

from pytest_lc_callbacks import FakeChatModel

SPAN = ContextVar("SPAN", default="")


class Current(BaseCallbackHandler):
    """Keeps one current run, and counts answers."""

    def __init__(self) -> None:
        self.current, self.ended, self.answers = "", list[str](), 0

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.current = kwargs["name"]

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.ended.append(self.current)

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.answers += 1


class Context(Current):
    """Keeps it in a ContextVar."""

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        SPAN.set(kwargs["name"])

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.ended.append(SPAN.get())


class Saving(AsyncCallbackHandler):
    """Saves what ended, without await, and counts answers."""

    def __init__(self) -> None:
        self.ended, self.answers = list[Any](), 0

    async def save(self, outputs: Any) -> None:
        self.ended.append(outputs)

    async def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.save(outputs)  # type: ignore[unused-coroutine]  # the mistake

    async def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.answers += 1


def _answer(q: str) -> Any:
    return model().invoke(q)


def _three(q: str) -> Any:
    yield from (q, q, q)


def _overlap(config: Any) -> None:
    first = RunnableLambda(_three, name="first").stream("q", config)
    next(first)
    RunnableLambda(_answer, name="second").invoke("q", config)
    list(first)


def _in_loop(config: Any) -> None:
    asyncio.run(RunnableLambda(_answer, name="chain").ainvoke("q", config))


def _counts(kind: Any, call: Any, answers: int) -> Any:
    def program(h: Any) -> None:
        kept = kind()
        call({"callbacks": [h, kept]})
        assert kept.answers == answers

    return program


def _ends(kind: Any, call: Any, ended: Any) -> Any:
    def program(h: Any) -> None:
        kept = kind()
        call({"callbacks": [h, kept]})
        assert kept.ended == ended

    return program


for _kind, _run, _cause in (
    (Current, _overlap, "[mixed-runs]"),
    (Context, _in_loop, "[context-per-event]"),
    (Saving, _in_loop, "[handler-not-awaited]"),
):
    report(
        name=f"asked for: {_kind.__name__}",
        buggy=_ends(_kind, _run, ["chain", "first"]),
        good=_counts(_kind, _run, 1),
        says=(_cause,),
    )
    report(
        name=f"not asked for: {_kind.__name__}",
        buggy=_counts(_kind, _run, 2),
        good=_counts(_kind, _run, 1),
        says=("FakeListChatModel",),
        never=("hint:",),
    )


class Failures(BaseCallbackHandler):
    """Collects what failed."""

    def __init__(self) -> None:
        self.failures = list[BaseException]()

    def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        self.failures.append(error)


def _result(kind: Any, wanted: Any) -> Any:
    """The program whose fallback answers, and which asserts what it answers."""

    def fail(q: str) -> Any:
        raise ValueError(q)

    def program(h: Any) -> None:
        kept = kind()
        chain = RunnableLambda(fail).with_fallbacks([RunnableLambda(len)])
        answer = chain.invoke("q", {"callbacks": [h, kept]})
        assert answer == wanted

    return program


def _failures(wanted: int) -> Any:
    def program(h: Any) -> None:
        kept = Failures()
        chain = RunnableLambda(_answer, name="first").with_fallbacks([RunnableLambda(len)])
        answer = chain.invoke("q", {"callbacks": [h, kept]})
        assert answer
        assert len(kept.failures) == wanted

    return program


for _kind, _cause in ((Failures, "[recovered-error]"), (Current, "[no-error-method]")):
    report(
        name=f"the answer beside {_kind.__name__}",
        buggy=_result(_kind, 2),
        good=_result(_kind, 1),
        says=("failed: ValueError",),
        never=("hint:",),
    )


def _asked_in_one_line(h: Any) -> None:
    kept = Failures()
    assert RunnableLambda(len, name="length").invoke("q") + len(kept.failures) == 2


report(
    name="an answer and a handler in one line",
    buggy=_asked_in_one_line,
    good=_failures(0),
    says=("Failures is not among the callbacks of length", "[not-passed]"),
)


def _calls(number: int) -> Any:
    def program(h: Any) -> None:
        scripted = FakeChatModel().respond(tool_calls=[(CALL["name"], CALL["args"])])
        answer: Any = scripted.invoke("q", {"callbacks": [h]})
        assert len(answer.tool_calls) == number

    return program


report(
    name="the tool calls of an answer",
    buggy=_calls(2),
    good=_calls(1),
    says=("FakeChatModel",),
    never=("[tool-not-run]",),
)


reading(
    "usage that the model does not report",
    "no-usage",
    model().invoke,
    "q",
    "on_llm_end",
    lambda response, **kwargs: response.generations[0][0].message.usage_metadata["input_tokens"],
    lambda response, **kwargs: (response.generations[0][0].message.usage_metadata or {}).get("input_tokens"),
    lambda response, usage=None, **kwargs: usage["input_tokens"],
)


def _reads(method: str, does: Any) -> Any:
    return beside(model().invoke, "q", method, does)


for _name, _method, _does, _never in (
    (
        "the usage, and no metadata",
        "on_llm_end",
        lambda response, **kwargs: response.generations[0][0].message.usage_metadata["input_tokens"],
        "[metadata-at-start]",
    ),
    (
        "the name of nothing",
        "on_chat_model_start",
        lambda serialized, messages, client=None, **kwargs: client.name.upper(),
        "[name-none]",
    ),
    (
        "what is beside the output",
        "on_llm_end",
        lambda response, sent=None, **kwargs: (response.llm_output, sent["answers"]),
        "[llm-output-none]",
    ),
):
    report(
        name=f"None is {_name}",
        buggy=_reads(_method, _does),
        good=_reads(_method, lambda *args, **kwargs: None),
        says=("[handler_error]", "NoneType"),
        never=(_never,),
    )
