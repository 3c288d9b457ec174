"""Whether a value fits a JSON schema."""

from __future__ import annotations

from typing import Any

import pytest
from everything import SCHEMA, Everything
from pydantic import BaseModel

from pytest_lc_callbacks._fake.schema import Schema, json_problem

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
    A value that pydantic accepts fits the schema that pydantic writes.
    """
    assert Everything.model_validate(FITTING)
    assert Schema(SCHEMA).problem(FITTING) is None


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
    A problem names the first part that does not fit, by its path.
    """
    assert (Schema(SCHEMA).problem({**FITTING, **changed}) or "").startswith(problem)


def test_missing_arguments():
    """
    A required argument that is missing is named.
    """
    assert Schema(SCHEMA).problem({}) == "'name' is missing"


@pytest.mark.parametrize(
    "value",
    [{"maybe": 3}, {"either": 3}, {"count": 3.0}, {"ratio": 1}, {"pair": (1, "x")}, {"anything": None}],
    ids=str,
)
def test_what_fits_too(value):
    """
    One of several types, whole numbers and tuples fit as JSON schema says.
    """
    assert Schema(SCHEMA).problem({**FITTING, **value}) is None


def test_unknown_keywords_fit():
    """
    Keywords that are not checked count as fitting, and an empty schema takes anything.
    """
    assert Schema({"properties": {"x": {"type": "string", "pattern": "^b"}}}).problem({"x": "a"}) is None
    assert Schema({"type": "object"}).problem({"x": 1}) is None
    assert Schema({}).problem({"x": 1}) is None
    assert Schema({}).problem(3) is None
    assert Schema({"properties": {"x": True}}).problem({"x": 1}) is None


def test_folded_schemas():
    """
    A single allOf, in which older pydantic wraps a reference, counts as its content.
    """
    schema = {
        "properties": {"p": {"allOf": [{"$ref": "#/$defs/P"}], "title": "P"}},
        "$defs": {"P": {"type": "integer"}},
    }

    assert Schema(schema).problem({"p": 1}) is None
    assert Schema(schema).problem({"p": "x"}) == "'p' is 'x' and not of type integer"


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
    A problem names the part that no model could have written, by its path.
    """
    assert json_problem(value, "x") == problem


def test_recursive_schemas():
    """
    A schema that refers to itself is checked as deep as the value goes.
    """

    class Node(BaseModel):
        name: str
        children: list[Node] = []

    Node.model_rebuild(_types_namespace={"Node": Node})
    schema = Node.model_json_schema()

    assert Schema(schema).problem({"name": "a", "children": [{"name": "b", "children": [{}]}]}) == (
        "'children[0].children[0].name' is missing"
    )
