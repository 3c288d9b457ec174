"""Whether a call fits the bound tools."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pytest
from everything import SCHEMA, Point
from langchain_core.tools import BaseTool, InjectedToolArg, tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from typing_extensions import TypedDict

from pytest_lc_callbacks._fake.schema import Schema
from pytest_lc_callbacks._fake.tools import bound_schemas, call_problem, forced_tool


class Typed(TypedDict):
    """A typed dict."""

    city: Annotated[str, ..., "The city."]


@tool
def search(query: str, limit: int = 3, user: Annotated[str, InjectedToolArg] = "me") -> str:
    """Search the web."""
    return query


def plain(query: str) -> str:
    """Search the web."""
    return query


@pytest.mark.parametrize(
    ("bound", "names"),
    [
        ([convert_to_openai_tool(search)], {"search": ["query", "limit"]}),
        ([search, plain], {"search": ["query", "limit"], "plain": ["query"]}),
        ([Point, Typed], {"Point": ["x", "y"], "Typed": ["city"]}),
        ([{"name": "f", "input_schema": {"properties": {"x": {}}}}], {"f": ["x"]}),
        ([{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}], {"web_search": None}),
        ([{"type": "web_search_preview"}], {"web_search_preview": None}),
        ([], {}),
        (None, {}),
    ],
    ids=["openai", "tools", "classes", "anthropic", "built in", "built in, unnamed", "none", "not bound"],
)
def test_bound_schemas(bound, names):
    """
    Each bound tool has its name and the schema of what a model fills in, in every form of tool.
    """
    found = bound_schemas(bound)

    arguments = {name: schema and list(schema.keywords["properties"]) for name, schema in found.items()}
    assert arguments == names


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ("search", "search"),
        ({"type": "function", "function": {"name": "search"}}, "search"),
        ({"type": "tool", "name": "search"}, "search"),
        ({"type": "any"}, None),
        ("any", None),
        ("auto", None),
        ("none", None),
        ("required", None),
        (True, None),
        (None, None),
    ],
    ids=str,
)
def test_forced_tool(choice, name):
    """
    A tool choice demands a tool if it names one, in any provider's form.
    """
    assert forced_tool(choice) == name


def test_call_problems():
    """
    The message for a call that does not fit names the bound tools, the nearest one, and what the tool takes.
    """
    schemas = bound_schemas([search, plain])

    assert call_problem("search", {"query": "x"}, schemas) is None
    assert call_problem("serach", {}, schemas) == (
        "expected a call of a bound tool, but the script calls 'serach' (did you mean 'search'?)\n"
        "  bound tools: search, plain\n"
        "hint: to test how a program takes a call of an unknown tool, add check_tools=False to that response"
    )
    assert call_problem("search", {"query": "x", "limit": "3"}, schemas) == (
        "expected arguments that fit the tool 'search', but 'limit' is '3' and not of type integer\n"
        "  scripted: search(query='x', limit='3')\n"
        "  the tool takes: query: string, limit: integer (optional)\n"
        "hint: to test how a program takes such a call, add check_tools=False to that response"
    )


def test_what_a_tool_takes():
    """
    The line about what a tool takes names types, choices and optional arguments.
    """
    problem = call_problem("Everything", {}, {"Everything": Schema(SCHEMA)}) or ""

    assert "color: 'red' | 'blue', kind: 'a' | 'b', maybe: integer | null, either: integer | string" in problem
    assert "optional: string (optional)" in problem
    assert "  the tool takes: no arguments\n" in (call_problem("f", {"x": 1}, {"f": Schema({"properties": {}})}) or "")


def test_injected_arguments_are_not_the_models():
    """
    Arguments that LangChain injects are neither asked for nor taken.
    """

    def taken(args: dict[str, Any]) -> str | None:
        return call_problem("search", args, bound_schemas([search]))

    assert isinstance(search, BaseTool)
    assert taken({"query": "x"}) is None
    assert re.search("it takes no 'user'", taken({"query": "x", "user": "you"}) or "")
