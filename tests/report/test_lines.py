"""JSON Lines: what is written is read again, and what is none is named with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lines_made import a_run, a_test

from pytest_lc_callbacks._report.lines import made, read_lines, write_line
from pytest_lc_callbacks._report.schema import KINDS, json_schema, problem

HERE = Path(__file__).resolve().parent


def written(path, *lines):
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            write_line(file, line) if isinstance(line, dict) else file.write(f"{line}\n")
    return path


def test_lines_come_back(tmp_path):
    """
    What was written is read again, with any character, and no line is complained about.
    """
    line = a_test("test_x.py::test_é[日本 \\x1b]", runs=[a_run(0, "chain"), a_run(1, "model", parent=0)])
    told = []

    found = list(read_lines([written(tmp_path / "a.jsonl", line)], told.append))

    assert found == [line]
    assert told == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "expected a line of JSON"),
        ("[" * 100_000, "expected a line of JSON"),
        ("[]", "expected a line with the format 'pytest-lc-callbacks'"),
        ('{"nodeid": "x"}', "expected a line with the format 'pytest-lc-callbacks'"),
        (json.dumps({**a_test("t"), "version": 2}), "expected version 1, but it is 2"),
        (json.dumps(made("other")), "expected one of the kinds session, test, capabilities, end, but it is 'other'"),
        (json.dumps({**a_test("t"), "runs": None}), "runs: expected array, but it is NoneType"),
        (json.dumps({**a_test("t"), "outcome": "great"}), "outcome: expected one of passed, failed,"),
        (json.dumps(a_test("t", runs=[{**a_run(0, "x"), "parent": 5}])), "runs[0]: expected its number, and a parent"),
        (json.dumps(a_test("t", runs=[{**a_run(0, "x"), "heard": ["heard"]}])), "runs[0].heard: expected an entry"),
        (json.dumps(a_test("t", runs=[{**a_run(0, "x"), "events": [["a"]]}])), "runs[0].events[0]: expected 3 entries"),
    ],
    ids=range(11),
)
def test_a_line_that_is_none(tmp_path, text, wrong):
    """
    A broken or foreign line is named with its file and number, and the rest is used.
    """
    path = written(tmp_path / "a.jsonl", a_test("one"), text, a_test("two"))
    told = []

    found = [line["test"] for line in read_lines([path], told.append)]

    assert found == ["one", "two"]
    assert len(told) == 1
    assert told[0].startswith(f"{path}:2: {wrong}")
    assert told[0].endswith("the line is left out") or len(told[0]) == 300


def test_bytes_that_are_no_text(tmp_path):
    """
    A file that is not text at all is complained about, line by line.
    """
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xff\xfe\x00\x01\n\x80\n")
    told = []

    assert list(read_lines([path], told.append)) == []
    assert len(told) == 2


def test_the_schema_of_the_docs():
    """
    The schema in the docs is the one that lines are read by.
    """
    docs = HERE.parents[1] / "docs" / "report-schema.json"

    assert json.loads(docs.read_text(encoding="utf-8")) == json_schema()


def test_made_lines_fit_the_schema():
    """
    The lines that other tests of this folder use are lines as they are written.
    """
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema checks the schema itself")
    line = a_test("t", runs=[a_run(0, "x"), a_run(1, "y", parent=0)])

    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(line, json_schema())
    assert problem(line) is None


def test_every_field_is_documented():
    """
    Each field of each kind of line says what it is.
    """

    def walk(schema, path):
        assert schema.get("description") or "prefixItems" in schema or schema == {"type": "array"}, path
        for name, field in schema.get("properties", {}).items():
            walk(field, f"{path}.{name}")
        if "items" in schema:
            walk(schema["items"], f"{path}[]")

    for kind, schema in KINDS.items():
        walk(schema, kind)
