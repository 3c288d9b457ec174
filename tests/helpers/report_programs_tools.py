"""Reports of tool calls for which no tool ran: an agent's, a middleware's, and those of a model without an agent."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import ToolCallLimitMiddleware, wrap_tool_call
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, ToolMessage
from pydantic import BaseModel
from report_programs import at, report
from report_programs_asked import tells
from report_programs_payloads import ASK, CALL, NEW, add

from pytest_lc_callbacks import FakeChatModel

_BROKEN = {"name": "add", "args": "{", "id": "c1", "error": None, "type": "invalid_tool_call"}
_SUM = {"a": 1, "b": 2}


class Sum(BaseModel):
    """A sum."""

    total: int


@wrap_tool_call
def answer(request: Any, handler: Any) -> Any:
    """Answer a tool call without the tool."""
    return ToolMessage("3", tool_call_id=request.tool_call["id"])


@wrap_tool_call
def ask_the_tool(request: Any, handler: Any) -> Any:
    """Answer it with the tool."""
    return handler(request)


def agent(*answers: Any, **options: Any) -> Any:
    """The program of an agent whose model gives these *answers*, and then the last one."""
    scripted = FakeChatModel()
    for each in answers:
        scripted.respond(each, check_tools=False)
    scripted.respond("3")
    return create_agent(scripted, [add], **options)


def _invoke(*answers: Any, **options: Any) -> Any:
    return lambda h: agent(*answers, **options).invoke(ASK, at(h))


def _calls(name: str = "add") -> Any:
    return AIMessage("", tool_calls=[{**CALL, "name": name, "args": _SUM}])


def _one_runs(heard: Any) -> None:
    heard.one("tool_start")


def _two_run(heard: Any) -> None:
    heard.assert_tool_calls([("add", _SUM), ("add", _SUM)])


def _is_answered(config: Any) -> Any:
    return agent(_calls(), middleware=[answer]).invoke(ASK, config)


def _is_run(config: Any) -> Any:
    return agent(_calls(), middleware=[ask_the_tool]).invoke(ASK, config)


def _has_tools(tracer: Any) -> None:
    assert tracer.calls


_ROWS: list[tuple[str, Any, Any, Any, str]] = [
    (
        "a structured output",
        lambda h: create_agent(
            FakeChatModel().respond(tool_calls=[("Sum", {"total": 3})]), [add], response_format=ToolStrategy(Sum)
        ).invoke(ASK, at(h)),
        _invoke(_calls()),
        _one_runs,
        "called Sum, and no run of a tool began for that call",
    ),
    ("an unknown tool", _invoke(_calls("ad")), _invoke(_calls()), _one_runs, "called ad, and no run of a tool began"),
    (
        "arguments that are no JSON",
        _invoke(AIMessage("", invalid_tool_calls=[_BROKEN])),
        _invoke(_calls()),
        _one_runs,
        "Its arguments are no JSON (invalid_tool_calls)",
    ),
    (
        "a middleware that answers",
        _invoke(_calls(), middleware=[answer]),
        _invoke(_calls(), middleware=[ask_the_tool]),
        lambda heard: heard.assert_events([..., "tool_start", "tool_end", ...]),
        "It was answered with '3'",
    ),
    (
        "a model without an agent",
        lambda h: FakeChatModel().respond(_calls()).bind_tools([add]).invoke("q", at(h)),
        _invoke(_calls()),
        lambda heard: heard.one("tool_start", run="add"),
        "called add, and no run of a tool began",
    ),
    (
        "counted after a plain assert",
        tells(_is_answered, _has_tools),
        tells(_is_run, _has_tools),
        lambda heard: None,
        "It was answered with '3'",
    ),
]
if NEW:
    # Before langchain-core 1.1 a tool's start does not say which call it answers.
    _ROWS += [
        (
            "a limit of calls",
            _invoke(_calls(), _calls(), middleware=[ToolCallLimitMiddleware(run_limit=1)]),
            _invoke(_calls(), _calls()),
            _two_run,
            "It was answered with 'Tool call limit exceeded",
        ),
    ]
for _name, _buggy, _good, _check, _says in _ROWS:
    report(name=f"no tool ran: {_name}", buggy=_buggy, good=_good, check=_check, says=(_says, "[tool-not-run]"))


def _inside(call: Any) -> Any:
    """The program of a node that runs the tool of a call itself."""

    def program(h: Any) -> None:
        message = FakeChatModel().respond(_calls()).bind_tools([add]).invoke("q", at(h))
        call(message.tool_calls[0], h)

    return program


for _name, _call, _check in (
    ("with its arguments", lambda call, h: add.invoke(call["args"], at(h)), lambda heard: heard.one("tool_error")),
    ("unheard", lambda call, h: add.invoke(call), _one_runs),
    ("of another name", lambda call, h: add.invoke(call, at(h)), lambda heard: heard.one("tool_start", run="other")),
):
    report(
        name=f"a tool ran: {_name}",
        buggy=_inside(_call),
        good=_inside(lambda call, h: add.invoke(call, at(h))),
        check=_check,
        reads_good=_one_runs,
        says=(),
        never=("[tool-not-run]",),
    )
