"""Replay: the calls of real runs once more, with other keywords, through LangChain's own dispatch."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from contextvars import Context
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.callbacks.manager import handle_event

from pytest_lc_callbacks._contract.program import PROGRAMS, Program, Stage
from pytest_lc_callbacks._contract.raised import Listener, Raised
from pytest_lc_callbacks._contract.suite import Suite
from pytest_lc_callbacks._stack import frame_above

Call = tuple[str, str | None, tuple[Any, ...], dict[str, Any]]
"""Method, the attribute that declines it, arguments by position and by name."""

_PROGRAMS = (
    "chain_invoke",
    "chat_stream",
    "text_invoke",
    "text_error",
    "tool_invoke",
    "tool_error",
    "retriever_invoke",
    "retriever_error",
    "lambda_error",
    "custom_event",
    "agent_events",
    "text_and_retry",
    "stream_events",
)


class Tape(BaseCallbackHandler):
    """Keeps the calls that it gets from a sync run."""

    def __init__(self) -> None:
        self.calls: list[Call] = []


def _taped(event: str) -> Any:
    def on_event(self: Tape, *args: Any, **kwargs: Any) -> None:
        declined_by = frame_above(1).f_locals.get("ignore_condition_name")
        self.calls.append((event, declined_by, args, kwargs))

    return on_event


for _name in dir(BaseCallbackHandler):
    if _name.startswith("on_"):
        setattr(Tape, _name, _taped(_name))


def replayed(
    suite: Suite, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[tuple[str, ...], tuple[Raised, list[Program]]]:
    """What a fresh handler raises at the changed keywords and not at the real ones, by cause."""
    if suite._is_instrumented:
        pytest.skip("needs make_handler: an instrumentor keeps its handler to itself")
    if suite.expects_to_raise:
        pytest.skip("expects_to_raise: it raises on purpose")
    found: dict[tuple[str, ...], tuple[Raised, list[Program]]] = {}
    for program in (PROGRAMS[name] for name in _PROGRAMS):
        if not suite._supports(program):
            continue
        calls = _calls_of(program)
        known = {raised.cause for raised in _raised(suite, calls, lambda kwargs: kwargs)}
        for raised in _raised(suite, calls, change):
            if raised.cause not in known:
                found.setdefault(raised.cause, (raised, []))[1].append(program)
    return found


def _calls_of(program: Program) -> list[Call]:
    tape = Tape()
    try:
        Context().run(program.run, Stage([tape]))
    # Programs that fail are among them.
    except Exception:  # noqa: BLE001
        assert program.fails is not None
    return tape.calls


def _raised(suite: Suite, calls: list[Call], change: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Raised]:
    handler, context = suite._new_handler(), Context()
    with Listener() as listener, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for event, declined_by, args, kwargs in calls:
            # With raise_error = True it raises on; the listener has it then.
            with contextlib.suppress(Exception):
                context.run(handle_event, [handler], event, declined_by, *args, **change(kwargs))
    return listener.raised
