"""A tool fails on purpose, inside its own code path."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware

# LangChain reads these annotations of a tool.
from langchain_core.callbacks import CallbackManagerForToolRun  # noqa: TC002
from langchain_core.runnables import RunnableConfig  # noqa: TC002
from langchain_core.tools import BaseTool, StructuredTool, Tool, tool

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, observe_callbacks

SEEN: list[Any] = []


@tool
def search(query: str, config: RunnableConfig) -> str:
    """Search the web."""
    SEEN.append((query, type(config)))
    return f"found {query}"


@tool
async def asearch(query: str) -> str:
    """Search the web."""
    return f"found {query}"


class Search(BaseTool):
    """Search the web."""

    name: str = "search"
    description: str = "Search the web."

    def _run(self, query: str, run_manager: CallbackManagerForToolRun | None = None) -> str:
        assert run_manager is not None
        return f"found {query}"


class Derived(StructuredTool):
    """Calls what it is derived from."""

    def _run(self, *args: Any, config: RunnableConfig, run_manager: Any = None, **kwargs: Any) -> Any:
        return super()._run(*args, config=config, run_manager=run_manager, **kwargs)


def both_ways(query: str) -> str:
    return f"found {query}"


async def both_ways_async(query: str) -> str:
    return f"found {query}"


TOOLS = {
    "function": search,
    "class": Search(),
    "single input": Tool("search", lambda query: f"found {query}", "Search."),
    "derived": Derived.from_function(both_ways, name="search", description="Search."),
    "both": StructuredTool.from_function(both_ways, both_ways_async, name="search", description="Search."),
}


def invoke(tool, config=None):
    return tool.invoke({"query": "x"} if type(tool) is not Tool else "x", config)


def ainvoke(tool, config=None):
    return asyncio.run(tool.ainvoke({"query": "x"} if type(tool) is not Tool else "x", config))


@pytest.mark.parametrize("ask", [invoke, ainvoke])
@pytest.mark.parametrize("each", TOOLS.values(), ids=TOOLS)
def test_a_tool_that_fails(callback_scopes, ask, each):
    """
    Every kind of tool fails in the block, with its error event, and works again behind it.
    """
    handler = RecordingHandler()
    with callback_scopes.fail_tool("search", TimeoutError("down")) as fault, pytest.raises(TimeoutError, match="down"):
        ask(each, {"callbacks": [handler]})

    assert handler.names == ["tool_start", "tool_error"]
    assert fault.struck == 1
    assert ask(each) == "found x"


@pytest.mark.parametrize("ask", [invoke, ainvoke])
@pytest.mark.parametrize("each", TOOLS.values(), ids=TOOLS)
def test_calls_that_pass(callback_scopes, ask, each):
    """
    A call that does not fail runs as ever, config and run manager included, and counts once.
    """
    with callback_scopes.fail_tool("search", TimeoutError, on_call=2):
        assert ask(each) == "found x"
        with pytest.raises(TimeoutError):
            ask(each)
        assert ask(each) == "found x"


def test_a_tool_that_is_only_asynchronous(callback_scopes):
    """
    A coroutine fails when it is awaited.
    """
    with callback_scopes.fail_tool("asearch", TimeoutError, times=1):
        with pytest.raises(TimeoutError):
            ainvoke(asearch)
        assert ainvoke(asearch) == "found x"


OUTCOMES: list[tuple[dict[str, Any], str]] = [
    ({}, "xxxx"),
    ({"times": 1}, "x..."),
    ({"times": 2}, "xx.."),
    ({"on_call": 3}, "..x."),
    ({"on_call": 2, "times": 2}, ".xx."),
]


@pytest.mark.parametrize(("options", "wanted"), OUTCOMES, ids=str)
def test_which_calls_fail(callback_scopes, options, wanted):
    """
    `times` says how many calls fail, and `on_call` which is the first.
    """
    found = ""
    with callback_scopes.fail_tool("search", KeyError("x"), **options) as fault:
        for _ in range(4):
            try:
                invoke(search)
            except KeyError:
                found += "x"
            else:
                found += "."

    assert found == wanted
    assert fault.struck == wanted.count("x")


@pytest.mark.parametrize("ask", [invoke, ainvoke])
def test_a_function(callback_scopes, ask):
    """
    A function gets the tool's arguments and nothing of LangChain's; it raises, or returns the output.
    """
    SEEN.clear()
    with callback_scopes.fail_tool("search", lambda query: f"nothing for {query}"):
        assert ask(search) == "nothing for x"

    def fail(**given):
        raise ValueError(given)

    with callback_scopes.fail_tool("search", fail), pytest.raises(ValueError, match=re.escape("{'query': 'x'}")):
        ask(search)
    assert SEEN == []


def test_an_asynchronous_function(callback_scopes):
    """
    In an asynchronous tool the function may be asynchronous too.
    """

    async def answer(query):
        return f"nothing for {query}"

    with callback_scopes.fail_tool("asearch", answer):
        assert ainvoke(asearch) == "nothing for x"


@pytest.mark.parametrize("ask", [invoke, ainvoke])
def test_a_fault_that_takes_time(callback_scopes, ask):
    """
    With `after` a call fails after so many seconds, as a tool does that times out.
    """
    handler = RecordingHandler()
    with callback_scopes.fail_tool("search", TimeoutError, after=0.05), pytest.raises(TimeoutError):
        ask(search, {"callbacks": [handler]})

    assert handler.runs[0].duration >= 0.05


def test_tools_that_share_a_name(callback_scopes):
    """
    Tools that share a name fail together, and other tools do not fail.
    """
    with callback_scopes.fail_tool("search", TimeoutError):
        for each in TOOLS.values():
            with pytest.raises(TimeoutError):
                invoke(each)
        assert ainvoke(asearch) == "found x"


def test_a_tool_instead_of_its_name(callback_scopes):
    """
    A tool itself may be given.
    """
    with callback_scopes.fail_tool(search, TimeoutError), pytest.raises(TimeoutError):
        invoke(search)


def test_tools_that_are_made_later(callback_scopes):
    """
    A class of tools that is made inside the block fails too.
    """
    with callback_scopes.fail_tool("late", TimeoutError):

        class Late(BaseTool):
            name: str = "late"
            description: str = "Late."

            def _run(self, query: str) -> str:
                return query

        with pytest.raises(TimeoutError):
            invoke(Late())
    assert invoke(Late()) == "x"


def test_nested(callback_scopes):
    """
    The inner fault strikes first; what it lets pass, the outer one counts.
    """
    with callback_scopes.fail_tool("search", KeyError("outer"), on_call=2):
        with callback_scopes.fail_tool("search", KeyError("inner"), times=1):
            with pytest.raises(KeyError, match="inner"):
                invoke(search)
            assert invoke(search) == "found x"
        with pytest.raises(KeyError, match="outer"):
            invoke(search)


def test_threads(callback_scopes):
    """
    As many calls fail as were asked for, in whatever threads they run.
    """
    failed = []

    def ask():
        for _ in range(25):
            try:
                invoke(search)
            except TimeoutError:
                failed.append(1)

    with callback_scopes.fail_tool("search", TimeoutError, times=10):
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(failed) == 10


def test_it_is_undone_after_a_failure(callback_scopes):
    """
    A block that fails leaves the classes as they were.
    """
    before = [dict(vars(cls)) for cls in (BaseTool, StructuredTool, Tool, Search)]
    with callback_scopes.fail_tool("search", TimeoutError), pytest.raises(TimeoutError):
        invoke(search)
    with pytest.raises(TimeoutError), callback_scopes.fail_tool("search", TimeoutError):
        invoke(search)

    assert [dict(vars(cls)) for cls in (BaseTool, StructuredTool, Tool, Search)] == before


def test_ended_in_another_order(callback_scopes):
    """
    A fault whose wrapper is put back after its end lets every call pass.
    """
    before = vars(StructuredTool)["_run"]
    outer = callback_scopes.fail_tool("search", KeyError, times=1)
    with pytest.raises(KeyError):
        invoke(search)
    inner = callback_scopes.fail_tool("search", TimeoutError, times=1)
    with pytest.raises(TimeoutError):
        invoke(search)
    outer.stop()
    inner.stop()

    assert invoke(search) == "found x"
    assert vars(StructuredTool)["_run"] is before


def script():
    return FakeChatModel().respond(tool_calls=[("search", {"query": "x"})], times=1).respond("Done.")


def test_an_agent_whose_tool_fails(callback_scopes):
    """
    An agent's middleware meets the error where it would in production.
    """
    agent = create_agent(script(), [search], middleware=[ToolRetryMiddleware(initial_delay=0, jitter=False)])
    handler = RecordingHandler()
    with callback_scopes.fail_tool("search", TimeoutError("down"), times=1):
        state = agent.invoke({"messages": ["hi"]}, {"callbacks": [handler]})

    assert [message.content for message in state["messages"]][-2:] == ["found x", "Done."]
    assert handler.where(run="search").names == ["tool_start", "tool_error", "tool_start", "tool_end"]


def test_handle_tool_error(callback_scopes):
    """
    A tool that handles its errors handles this one.
    """
    from langchain_core.tools import ToolException

    careful = StructuredTool.from_function(both_ways, name="search", description="S.", handle_tool_error=str)
    with callback_scopes.fail_tool("search", ToolException("down")):
        assert careful.invoke({"query": "x"}) == "down"


def test_without_fixtures():
    """
    An observer of `observe_callbacks` has it too.
    """
    with observe_callbacks() as observer, observer.fail_tool("search", TimeoutError), pytest.raises(TimeoutError):
        invoke(search)


REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = {
    "no name": ((3, TimeoutError), {}, TypeError, "a tool is named by a text, not 3; write fail_tool('search', ...)"),
    "empty name": (("", TimeoutError), {}, TypeError, "a tool is named by a text, not ''"),
    "text": (("search", "down"), {}, TypeError, "'down' is no fault; write an exception, TimeoutError('down')"),
    "class": (("search", int), {}, TypeError, "int is no fault"),
    "exit": (("search", KeyboardInterrupt), {}, TypeError, "a tool raises an Exception, not KeyboardInterrupt"),
    "no times": (("search", TimeoutError), {"times": 0}, ValueError, "times=0 lets no call fail"),
    "times": (("search", TimeoutError), {"times": "1"}, TypeError, "times= is a number of calls, not '1'"),
    "on_call": (("search", TimeoutError), {"on_call": 0}, ValueError, "on_call=0 lets no call fail"),
    "after": (("search", TimeoutError), {"after": -1}, ValueError, "after= is a number of seconds from 0 on, not -1"),
}


@pytest.mark.parametrize(("args", "options", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(callback_scopes, args, options, kind, message):
    """
    What cannot strike is refused, and replaces nothing.
    """
    with pytest.raises(kind, match=re.escape(f"fail_tool(): {message}")):
        callback_scopes.fail_tool(*args, **options)

    assert invoke(search) == "found x"


def test_the_repr(callback_scopes):
    """
    A fault tells of which tool it is, and how often it struck.
    """
    with callback_scopes.fail_tool("search", TimeoutError("down")) as fault, pytest.raises(TimeoutError):
        invoke(search)

    assert repr(fault) == "<ToolFault of 'search': TimeoutError('down'), 1 call failed>"
