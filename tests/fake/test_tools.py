"""Whether a call fits a tool's schema, and what a fitting call looks like."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import BaseTool, InjectedToolArg, tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from pytest_lc_callbacks._fake.tools import (
    bound_schemas,
    call_problem,
    call_text,
    did_you_mean,
    example,
    forced_tool,
    json_problem,
    schema_problem,
)


class Color(str, Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    x: float
    y: float = 0.0


class Everything(BaseModel):
    """All that pydantic writes into a schema."""

    name: str
    short: str = Field(min_length=2, max_length=4)
    count: int = Field(ge=1, lt=10)
    odd: int = Field(gt=0, multiple_of=3)
    ratio: float = Field(gt=0, le=1)
    flag: bool
    color: Color
    kind: Literal["a", "b"]
    maybe: int | None
    either: Union[int, str]  # noqa: UP007  # the old form is in real schemas
    point: Point
    points: list[Point] = Field(min_length=1, max_length=2)
    pair: tuple[int, str]
    table: dict[str, int]
    anything: Any
    fixed: Literal["a"]
    optional: str = "x"


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


SCHEMA = Everything.model_json_schema()
FITTING: dict[str, Any] = {
    "name": "n",
    "short": "abc",
    "count": 3,
    "odd": 3,
    "ratio": 0.5,
    "flag": True,
    "color": "red",
    "kind": "a",
    "fixed": "a",
    "maybe": None,
    "either": "x",
    "point": {"x": 1.0},
    "points": [{"x": 1, "y": 2}],
    "pair": [1, "x"],
    "table": {"a": 1},
    "anything": {"b": [None]},
}


def test_a_fitting_value():
    """
    What pydantic accepts for a model fits the schema that pydantic writes for it.
    """
    assert Everything.model_validate(FITTING)
    assert schema_problem(FITTING, SCHEMA) is None


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"name": 3}, "'name' is 3 and not of type string"),
        ({"name": None}, "'name' is None and not of type string"),
        ({"short": "a"}, """'short' is 'a', outside {"minLength": 2, "maxLength": 4}"""),
        ({"short": "abcde"}, "'short' is 'abcde', outside"),
        ({"count": "3"}, "'count' is '3' and not of type integer"),
        ({"count": 1.5}, "'count' is 1.5 and not of type integer"),
        ({"count": True}, "'count' is True and not of type integer"),
        ({"count": 0}, """'count' is 0, outside {"minimum": 1, "exclusiveMaximum": 10}"""),
        ({"count": 10}, "'count' is 10, outside"),
        ({"ratio": 0}, "'ratio' is 0, outside"),
        ({"flag": "yes"}, "'flag' is 'yes' and not of type boolean"),
        ({"color": "green"}, "'color' is 'green' and not one of 'red', 'blue'"),
        ({"fixed": "c"}, "'fixed' is 'c' and not 'a'"),
        ({"kind": "c"}, "'kind' is 'c' and not one of 'a', 'b'"),
        ({"maybe": "x"}, "'maybe' is 'x' and not of type integer"),
        ({"either": []}, "'either' is [] and not of type integer"),
        ({"point": {"y": 1.0}}, "'point.x' is missing"),
        ({"point": {"x": 1.0, "z": 1}}, "it takes no 'point.z'"),
        ({"points": []}, "'points' is [], outside"),
        ({"points": [{"x": 1}, {"x": "1"}]}, "'points[1].x' is '1' and not of type number"),
        ({"pair": ["x", "x"]}, "'pair[0]' is 'x' and not of type integer"),
        ({"table": {"a": "b"}}, "'table.a' is 'b' and not of type integer"),
        ({"nmae": "x"}, "it takes no 'nmae' (did you mean 'name'?)"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_problems(changed, problem):
    """
    The first thing that does not fit is named by its path.
    """
    assert (schema_problem({**FITTING, **changed}, SCHEMA) or "").startswith(problem)


def test_missing_arguments():
    """
    A required argument that is missing is named.
    """
    assert schema_problem({}, SCHEMA) == "'name' is missing"


@pytest.mark.parametrize(
    "value",
    [{"maybe": 3}, {"either": 3}, {"count": 3.0}, {"ratio": 1}, {"pair": (1, "x")}, {"anything": None}],
    ids=str,
)
def test_what_fits_too(value):
    """
    One of several types, whole numbers and tuples fit as JSON schema says.
    """
    assert schema_problem({**FITTING, **value}, SCHEMA) is None


def test_unknown_keywords_fit():
    """
    What is not checked counts as fitting, and a schema that says nothing takes anything.
    """
    assert schema_problem({"x": "a"}, {"properties": {"x": {"type": "string", "pattern": "^b"}}}) is None
    assert schema_problem({"x": 1}, {"type": "object"}) is None
    assert schema_problem({"x": 1}, {}) is None
    assert schema_problem(3, {}) is None
    assert schema_problem({"x": 1}, {"properties": {"x": True}}) is None


def test_folded_schemas():
    """
    A single allOf, in which older pydantic wraps a reference, counts as what it wraps.
    """
    schema = {
        "properties": {"p": {"allOf": [{"$ref": "#/$defs/P"}], "title": "P"}},
        "$defs": {"P": {"type": "integer"}},
    }

    assert schema_problem({"p": 1}, schema) is None
    assert schema_problem({"p": "x"}, schema) == "'p' is 'x' and not of type integer"
    assert example({"allOf": [{"type": "integer", "minimum": 2}]}) == 2


def test_examples_fit():
    """
    A made value fits its schema, and pydantic accepts it.
    """
    made = example(SCHEMA)

    assert schema_problem(made, SCHEMA) is None
    assert Everything.model_validate(made)
    assert "optional" not in made
    assert made == example(SCHEMA)


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "string"}, "a"),
        ({"type": "string", "minLength": 3}, "aaa"),
        ({"type": "string", "maxLength": 0}, ""),
        ({"type": "string", "format": "date"}, "2024-01-01"),
        ({"type": "string", "format": "email"}, "someone@example.com"),
        ({"type": "string", "format": "unheard-of"}, "a"),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "maximum": -5}, -5),
        ({"type": "integer", "exclusiveMinimum": 0}, 1),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}, 0.5),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "integer", "minimum": 4, "multipleOf": 3}, 6),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["null", "integer"]}, 0),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        ({"type": "object"}, {}),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"type": "integer", "default": 4}, 4),
        ({"type": "integer", "default": None}, 0),
        ({"type": "string", "examples": ["Oslo"]}, "Oslo"),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 0),
        ({"anyOf": [{"type": "null"}]}, None),
        ({"anyOf": [{}, {"type": "null"}]}, None),
        ({"anyOf": [{}, {"type": "integer"}]}, 0),
        ({"type": "number", "multipleOf": 0.1, "exclusiveMinimum": 0.25}, 0.3),
        ({"type": "string", "format": "uuid4"}, "00000000-0000-4000-8000-000000000000"),
        ({"type": "string", "format": "ipvanyaddress"}, "192.0.2.1"),
        ({"type": "string", "pattern": r"^\d{3}-\d{4}$"}, "000-0000"),
        ({"type": "string", "pattern": r"^\p{L}$"}, "a"),
        ({"type": "string", "contentMediaType": "application/json", "contentSchema": {"type": "integer"}}, "0"),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "minItems": 2}, [0, 1]),
        ({"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 2}, ["a", "aa"]),
        ({"type": "array", "items": {"enum": ["b", "c"]}, "uniqueItems": True, "minItems": 2}, ["b", "c"]),
        ({"type": "array", "items": {"type": "null"}, "uniqueItems": True, "minItems": 1}, [None]),
        ({"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}}, {"a": 0, "aa": 0}),
        ({}, "a"),
    ],
    ids=str,
)
def test_made_values(schema, made):
    """
    A made value is the default, the first choice, or the smallest there is.
    """
    assert example(schema) == made
    assert schema_problem(made, schema) is None


bounds = st.integers(-20, 20)
numbers = st.builds(
    lambda low, size, open_low, open_high: {
        "type": "integer",
        ("exclusiveMinimum" if open_low else "minimum"): low,
        ("exclusiveMaximum" if open_high else "maximum"): low + size + open_low + open_high,
    },
    bounds,
    st.integers(0, 20),
    st.booleans(),
    st.booleans(),
)
lengths = st.builds(lambda low, size: (low, low + size), st.integers(0, 5), st.integers(0, 5))
schemas = st.recursive(
    numbers
    | st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"enum": ["a", 1]}, {"const": None}, {}])
    | lengths.map(lambda pair: {"type": "string", "minLength": pair[0], "maxLength": pair[1]}),
    lambda inner: st.one_of(
        st.builds(lambda item, n: {"type": "array", "items": item, "minItems": n}, inner, st.integers(0, 2)),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda parts: {"type": "object", "properties": parts, "required": sorted(parts)},
            st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
        ),
    ),
    max_leaves=8,
)


@given(schemas)
def test_examples_always_fit(schema):
    """
    Whatever the schema, the made value fits it.
    """
    assert schema_problem(example(schema), schema) is None


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
    Bound tools are known by their names, with the schema of what a model fills in, in each form they are bound in.
    """
    found = bound_schemas(bound)

    assert {name: None if schema is None else list(schema["properties"]) for name, schema in found.items()} == names


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
    A tool choice demands one tool where it names it, in any provider's form.
    """
    assert forced_tool(choice) == name


def test_call_problems():
    """
    A call that does not fit is told with the tools there are, the nearest one, and what the tool takes.
    """
    schemas = bound_schemas([search, plain])

    assert call_problem("search", {"query": "x"}, schemas) is None
    assert call_problem("serach", {}, schemas) == (
        "expected a call of a bound tool, but the script calls 'serach' (did you mean 'search'?)\n"
        "  bound tools: search, plain\n"
        "hint: to test how the program takes a call of an unknown tool, add check_tools=False to that answer"
    )
    assert call_problem("search", {"query": "x", "limit": "3"}, schemas) == (
        "expected arguments that fit the tool 'search', but 'limit' is '3' and not of type integer\n"
        "  scripted: search(query='x', limit='3')\n"
        "  the tool takes: query: string, limit: integer (optional)\n"
        "hint: to test how the program takes such a call, add check_tools=False to that answer"
    )


def test_what_a_tool_takes():
    """
    The line about what a tool takes names types, choices and what may be left out.
    """
    problem = call_problem("Everything", {}, {"Everything": SCHEMA}) or ""

    assert "color: 'red' | 'blue', kind: 'a' | 'b', maybe: integer | null, either: integer | string" in problem
    assert "optional: string (optional)" in problem
    assert "  the tool takes: no arguments\n" in (call_problem("f", {"x": 1}, {"f": {"properties": {}}}) or "")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"a": [1, 2.5, "x", None, True, {"b": []}]}, None),
        ({"a": (1, 2)}, None),
        ({"a": {1: 2}}, "the key 1 in x['a'] is not a string"),
        ({"a": [{"b": {1}}]}, "x['a'][0]['b'] is {1} (set), and a model writes JSON"),
        (float("inf"), "x is inf (float), and a model writes JSON"),
    ],
    ids=str,
)
def test_json_problem(value, problem):
    """
    What a model could not have written is named by its path.
    """
    assert json_problem(value, "x") == problem


def test_texts():
    """
    Calls print as people write them, and near names are offered.
    """
    assert call_text("f", {"x": 1, "y": "a"}) == "f(x=1, y='a')"
    assert did_you_mean("serch", ["search", "book"]) == " (did you mean 'search'?)"
    assert did_you_mean("xyz", ["search", "book"]) == ""


def test_recursive_schemas():
    """
    A schema that refers to itself is checked as deep as the value goes, and made as small as can be.
    """

    class Node(BaseModel):
        name: str
        children: list[Node] = []

    Node.model_rebuild(_types_namespace={"Node": Node})
    schema = Node.model_json_schema()

    assert schema_problem({"name": "a", "children": [{"name": "b", "children": [{}]}]}, schema) == (
        "'children[0].children[0].name' is missing"
    )
    assert example(schema) == {"name": "a"}


@pytest.mark.parametrize(
    ("part", "made"),
    [
        ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, None),
        ({"anyOf": [{"$ref": "#"}, {"type": "integer"}]}, 0),
        ({"type": "array", "items": {"$ref": "#"}}, []),
        ({"anyOf": [{"$ref": "#/$defs/Other"}, {"type": "null"}]}, {"back": None}),
    ],
    ids=["optional", "union", "list", "around a corner"],
)
def test_examples_of_recursive_schemas(part, made):
    """
    Of a schema inside itself the choice is made that ends.
    """
    other = {"properties": {"back": {"anyOf": [{"$ref": "#/$defs/Other"}, {"type": "null"}]}}, "required": ["back"]}
    schema = {"type": "object", "properties": {"a": part}, "required": ["a"], "$defs": {"Other": other}}
    inner = example({"$ref": "#"}, schema)

    assert inner == {"a": made}
    assert schema_problem(inner, schema) is None


def test_an_endless_schema():
    """
    Where a schema demands itself without end, nothing fits, and the example says so by not fitting.
    """
    schema = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}

    assert schema_problem(example(schema), schema) == "'a.a' is 'a' and not of type object"


def test_injected_arguments_are_not_the_models():
    """
    Arguments that LangChain injects are neither asked for nor taken.
    """
    taken: Callable[[dict[str, Any]], str | None] = lambda args: call_problem("search", args, bound_schemas([search]))  # noqa: E731

    assert isinstance(search, BaseTool)
    assert taken({"query": "x"}) is None
    assert re.search("it takes no 'user'", taken({"query": "x", "user": "you"}) or "")
