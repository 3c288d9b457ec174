"""Reports of others: JUnit files, pytest-html, pytest-json-ctrf."""

from __future__ import annotations

import html
import json
from xml.etree import ElementTree

import pytest

SUITE = """
from langchain_core.runnables import RunnableLambda

def test_fails(fake_chat_model):
    chain = fake_chat_model | RunnableLambda(lambda message: 1 / 0, name="divide")
    chain.invoke("x")

def test_passes(fake_chat_model):
    fake_chat_model.invoke("sk-proj-abcdefghijklmnopqrstuvwx")

def test_plain():
    pass
"""
PROPERTIES = [f"lc_callbacks.{name}" for name in ("model_calls", "tool_calls", "total_tokens", "findings")]


@pytest.fixture
def suite(pytester):
    pytester.makepyfile(test_suite=SUITE)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def junit(suite, *options):
    suite.runpytest("--junitxml=junit.xml", *options)
    root = ElementTree.parse(suite.path / "junit.xml").getroot()
    cases = {case.get("name"): case for case in root.iter("testcase")}
    return root, cases


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["plain", "xdist"])
def test_the_tree_in_a_junit_file(suite, workers):
    """
    The text of a failure has the tree, once; there are no properties unless somebody asks.
    """
    root, cases = junit(suite, *workers)

    text = cases["test_fails"].find("failure").text
    assert text.count("└── divide") == 1
    assert "ZeroDivisionError" in text
    assert list(root.iter("property")) == []


@pytest.mark.parametrize("family", ["xunit1", "legacy"])
def test_properties_of_tests(suite, family):
    """
    On request, each test with runs has its numbers where the family has a place for a test's properties.
    """
    _, cases = junit(suite, "-o", "lc_callbacks_junit=true", "-o", f"junit_family={family}")

    found = {p.get("name"): p.get("value") for p in cases["test_passes"].iter("property")}
    assert list(found) == PROPERTIES
    assert (found["lc_callbacks.model_calls"], found["lc_callbacks.findings"]) == ("1", "0")
    assert int(found["lc_callbacks.total_tokens"]) > 0
    assert list(cases["test_plain"].iter("property")) == []


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["plain", "xdist"])
def test_properties_of_the_suite(suite, workers):
    """
    In the family xunit2, which knows no properties of a test, the suite has the sums.
    """
    root, cases = junit(suite, "-o", "lc_callbacks_junit=true", "-o", "junit_family=xunit2", *workers)

    [properties] = root.iter("properties")
    assert [p.get("name") for p in properties] == PROPERTIES
    assert properties[0].get("value") == "2"
    assert all(list(case.iter("property")) == [] for case in cases.values())


def test_no_properties_without_runs(suite):
    """
    A suite without runs has none.
    """
    root, _ = junit(suite, "-o", "lc_callbacks_junit=true", "-k", "plain")

    assert list(root.iter("property")) == []


def test_pytest_html(suite):
    """
    The row of a failing test in pytest-html has the tree.
    """
    pytest.importorskip("pytest_html", reason="pytest-html is a report of others")

    suite.runpytest("--html=report.html", "--self-contained-html")

    page = html.unescape((suite.path / "report.html").read_text(encoding="utf-8"))
    assert json.dumps("└── divide")[1:-1] in page


def test_pytest_json_ctrf(suite):
    """
    pytest-json-ctrf writes its file beside our outputs, with the failure of the test.
    """
    pytest.importorskip("ctrf", reason="pytest-json-ctrf is a report of others")

    suite.runpytest("--ctrf=report.json", "--lc-callbacks-json=a.jsonl")

    tests = json.loads((suite.path / "report.json").read_text())["results"]["tests"]
    assert {test["status"] for test in tests} == {"passed", "failed"}
