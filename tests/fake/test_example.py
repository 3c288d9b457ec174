"""Values that fit a JSON schema, and texts that match a regular expression."""

from __future__ import annotations

import re

import pytest
from everything import SCHEMA, Everything
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pytest_lc_callbacks._fake.example import example, matching_text
from pytest_lc_callbacks._fake.schema import Schema


def test_examples_fit():
    """
    A made value fits its schema, and pydantic accepts it.
    """
    made = example(Schema(SCHEMA))

    assert Schema(SCHEMA).problem(made) is None
    assert Everything.model_validate(made)
    assert "optional" not in made
    assert made == example(Schema(SCHEMA))


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
        ({"allOf": [{"type": "integer", "minimum": 2}]}, 2),
        ({}, "a"),
    ],
    ids=str,
)
def test_made_values(schema, made):
    """
    A made value is the default, the first choice, or the smallest there is.
    """
    assert example(Schema(schema)) == made
    assert Schema(schema).problem(made) is None


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
    The made value fits its schema, whatever the schema says.
    """
    assert Schema(schema).problem(example(Schema(schema))) is None


@pytest.mark.parametrize(
    ("part", "made"),
    [
        ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, None),
        ({"anyOf": [{"$ref": "#"}, {"type": "integer"}]}, 0),
        ({"type": "array", "items": {"$ref": "#"}}, []),
        ({"anyOf": [{"$ref": "#/$defs/Other"}, {"type": "null"}]}, {"back": None}),
    ],
    ids=["optional", "union", "list", "through another schema"],
)
def test_examples_of_recursive_schemas(part, made):
    """
    The example of a schema that contains itself takes a choice that ends, such as None.
    """
    other = {"properties": {"back": {"anyOf": [{"$ref": "#/$defs/Other"}, {"type": "null"}]}}, "required": ["back"]}
    schema = {"type": "object", "properties": {"a": part}, "required": ["a"], "$defs": {"Other": other}}
    inner = example(Schema(schema).part({"$ref": "#"}))

    assert inner == {"a": made}
    assert Schema(schema).problem(inner) is None


def test_the_example_of_a_model_inside_itself():
    """
    A pydantic model that holds a list of itself is made with none.
    """

    class Node(BaseModel):
        name: str
        children: list[Node]

    Node.model_rebuild(_types_namespace={"Node": Node})

    assert example(Schema(Node.model_json_schema())) == {"name": "a", "children": []}


def test_an_endless_schema():
    """
    A schema that demands itself without end has no example that fits.
    """
    schema = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}

    assert Schema(schema).problem(example(Schema(schema))) == "'a.a' is 'a' and not of type object"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^\d{4}-(0[1-9]|1[0-2])-\d{2}$", "0000-01-00"),
        (r"^#[0-9a-fA-F]{6}$", "#aaaaaa"),
        (r"^[^\s@]+@[^\s@]+\.[a-z]{2,}$", "a@a.aa"),
        (r"^(?:foo|bar)+?$", "foo"),
        (r"^[^a-z0]$", "A"),
        (r"^[\u4e00-\u9fa5].$", "\u4e00a"),
        (r"\bx*", None),
        (r"^(?!a)\w$", None),
        (r"^\p{L}$", None),
        (r"(", None),
        ("", ""),
    ],
    ids=str,
)
def test_matching_text(pattern, text):
    """
    The text has first choices and fewest repeats; it is None where that does not match, or Python cannot parse it.
    """
    assert matching_text(pattern) == text


PIECES = st.sampled_from(["a", "[b-d]", r"\d", r"[^\w]", "(x|y)", ".", r"\.", "(?:ab)", r"[\s-]", "[^a0A]"])
REPEATS = st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}", "+?"])


@given(st.lists(st.tuples(PIECES, REPEATS).map("".join)).map("".join))
def test_it_matches(pattern):
    """
    A pattern without anchors and lookarounds always gets a text, and the text matches.
    """
    assert re.fullmatch(pattern, str(matching_text(pattern)))
