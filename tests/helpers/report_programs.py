"""Public bug reports as small programs: what each does wrong, its mended twin, and the words it has to be told."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from pytest_lc_callbacks import RecordingHandler
from pytest_lc_callbacks._watching.watch import WatchedTest

REPORTS: list[Report] = []


@dataclass(frozen=True, kw_only=True)
class Report:
    """
    One report.

    A program takes a handler; it may be a coroutine function. *check* takes the handler that *spied* makes a spy of,
    or the recording handler, and is what a user would write below the program.
    """

    name: str
    buggy: Callable[[Any], Any]
    good: Callable[[Any], Any]
    says: tuple[str, ...]
    """What the message or the finding has to say of the buggy program."""

    never: tuple[str, ...] = ()
    """False causes: what it must not say."""

    check: Callable[[Any], None] = lambda heard: None
    spied: type | None = None
    """The handler class that a spy listens to; its Recording is what is checked."""

    reads_good: Callable[[Any], None] | None = None
    """The check of the mended program, where it is another one."""


def report(**fields: Any) -> None:
    """Add a report to `REPORTS`."""
    REPORTS.append(Report(**fields))


def told(program: Callable[[Any], Any], check: Callable[[Any], None], spied: type | None = None) -> str:
    """All that a test is told of *program* and *check*, in one line: what failed, the findings, and the section."""
    watched = WatchedTest()
    try:
        watched.begin("call")
        handler = RecordingHandler()
        heard = handler if spied is None else watched.spies(spied)
        watched.failure = _failure(program, check, handler, heard)
        found = [*watched.judge_body(), *watched.judge_rest(list)]
        words = [*map(str, [watched.failure] if watched.failure else []), *map(str, found)]
        section = watched.section(str, whole=True) if watched.failure else ""
        return " ".join(" ".join([*words, section]).split())
    finally:
        watched.close()


def _failure(
    program: Callable[[Any], Any], check: Callable[[Any], None], handler: Any, heard: Any
) -> BaseException | None:
    try:
        done = program(handler)
        if inspect.iscoroutine(done):
            asyncio.run(done)
        check(heard)
    except (Exception, pytest.fail.Exception) as failure:  # noqa: BLE001 - whatever it is, the test fails with it
        return failure
    return None


def model(**fields: Any) -> FakeListChatModel:
    """A chat model that always says x."""
    return FakeListChatModel(responses=["x"], **fields)


def at(handler: Any) -> Any:
    """A config with *handler*."""
    return {"callbacks": [handler]}


def hears_all(heard: Any) -> None:
    """The check that a handler heard every run."""
    heard.assert_runtime_scope()


@tool
async def dispatch(q: str) -> str:
    """Dispatch a subagent."""
    return str((await model().ainvoke(q)).content)


def _calls_tool(call: Callable[..., Any]) -> Callable[[Any], Any]:
    async def program(handler: Any) -> Any:
        async def evaluate(x: str, config: Any) -> Any:
            return await call({"q": x}, config=config)

        return await RunnableLambda(evaluate, name="eval").ainvoke("a", at(handler))

    return program


report(
    name="tool.arun(config=)",
    buggy=_calls_tool(dispatch.arun),
    good=_calls_tool(dispatch.ainvoke),
    check=hears_all,
    says=("arun() of a tool", "neither LangChain's context nor config="),
    never=("callbacks of its own", "replaces the inherited"),
)


class SharedState(BaseCallbackHandler):
    """Two instances share a dict."""

    spans: dict[Any, int] = {}  # noqa: RUF012  # the mistake

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.spans[run_id] = 1

    def on_llm_end(self, response: Any, *, run_id: Any, **kwargs: Any) -> None:
        del self.spans[run_id]


class OwnState(SharedState):
    """Each instance has its own."""

    def __init__(self) -> None:
        self.spans = {}


report(
    name="class-level state",
    buggy=lambda h: model().invoke("q", {"callbacks": [h, SharedState(), SharedState()]}),
    good=lambda h: model().invoke("q", {"callbacks": [h, OwnState()]}),
    says=("2 instances of SharedState heard this run", "[shared-state]"),
    never=(".get()", "start may be missed"),
)
