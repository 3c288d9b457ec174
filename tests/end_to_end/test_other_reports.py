"""Reports of others: JUnit files, pytest-html, pytest-json-ctrf, annotations of GitHub Actions."""

from __future__ import annotations

import html
import json
import re
from xml.etree import ElementTree

import pytest
from output_suites import LIGHT

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


def test_the_tree_in_a_junit_file(suite):
    """
    The text of a failure has the tree, once; there are no properties unless somebody asks.
    """
    root, cases = junit(suite)

    check_tree(cases)
    assert list(root.iter("property")) == []


def check_tree(cases):
    """The failure has the tree, once."""
    text = cases["test_fails"].find("failure").text
    assert text.count("└── divide") == 1
    assert "ZeroDivisionError" in text


FAILING_TEARDOWNS = """
import pytest

streams = []

@pytest.fixture
def breaks():
    yield
    raise OSError("in tear-down")

def test_left_open(fake_chat_model):
    streams.append(fake_chat_model.stream("x"))
    next(streams[0])

def test_fails_twice(breaks, fake_chat_model):
    fake_chat_model.invoke("x")
    assert 0

def test_the_end():
    streams[0].close()
"""


@pytest.mark.parametrize("workers", [[], ["-n", "1", *LIGHT]], ids=["plain", "xdist"])
def test_failing_teardowns_in_a_junit_file(suite, workers):
    """
    What is told after tear-down stands in the element of its test; no element is without a name, and none has
    properties that nobody asked for.
    """
    suite.makepyfile(test_suite=FAILING_TEARDOWNS)
    root, cases = junit(suite, "-o", "lc_callbacks_unfinished_run=error", *workers)

    names = [case.get("name") for case in root.iter("testcase")]
    assert names == ["test_left_open", "test_fails_twice", "test_fails_twice", "test_the_end"]
    assert cases["test_left_open"].find("error").text.count("FakeChatModel    open") == 1
    [failure] = root.iter("failure")
    assert failure.text.count("last prompt, of FakeChatModel") == 1
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


@pytest.mark.parametrize("workers", [[], ["-n", "2", *LIGHT]], ids=["plain", "xdist"])
def test_properties_of_the_suite(suite, workers):
    """
    In the family xunit2, which knows no properties of a test, the suite has the sums, and a failure its tree.
    """
    root, cases = junit(suite, "-o", "lc_callbacks_junit=true", "-o", "junit_family=xunit2", *workers)

    [properties] = root.iter("properties")
    assert [p.get("name") for p in properties] == PROPERTIES
    assert properties[0].get("value") == "2"
    assert all(list(case.iter("property")) == [] for case in cases.values())
    check_tree(cases)


def test_no_properties_without_runs(suite):
    """
    A suite without runs has none.
    """
    root, _ = junit(suite, "-o", "lc_callbacks_junit=true", "-k", "plain")

    assert list(root.iter("property")) == []


@pytest.mark.parametrize("workers", [[], ["-n", "2", *LIGHT]], ids=["plain", "xdist"])
def test_pytest_html(suite, workers):
    """
    The row of a failing test in pytest-html has the tree once, and the row of a test that passes has none.
    """
    pytest.importorskip("pytest_html", reason="needs pytest-html, which the nox session reports installs")

    suite.runpytest("--html=report.html", "--self-contained-html", *workers)

    page = html.unescape((suite.path / "report.html").read_text(encoding="utf-8"))
    assert page.count(json.dumps("└── divide")[1:-1]) == 1
    assert page.count("LangChain callbacks") == 1


@pytest.mark.parametrize("workers", [[], ["-n", "2", *LIGHT]], ids=["plain", "xdist"])
def test_pytest_json_ctrf(suite, workers):
    """
    The row of a failing test in pytest-json-ctrf's file has pytest's trace and below it the tree, once.
    """
    rows = rows_of_ctrf(suite, "--lc-callbacks-json=a.jsonl", *workers)

    assert {name: row["status"] for name, row in rows.items()} == {
        "test_fails": "failed",
        "test_passes": "passed",
        "test_plain": "passed",
    }
    trace = rows["test_fails"]["trace"]
    assert trace.index("ZeroDivisionError: division by zero") < trace.index("└── divide")
    assert trace.count("└── divide") == 1
    assert rows["test_fails"]["message"] == "ZeroDivisionError: division by zero"
    assert "trace" not in rows["test_passes"]


def test_attempts_in_pytest_json_ctrf(suite):
    """
    Each attempt of a test that is run again has the tree of its own.
    """
    suite.makepyfile(
        test_suite="""
        tries = []

        def test_shaky(fake_chat_model):
            tries.append(1)
            fake_chat_model.invoke("x", {"run_name": f"try {len(tries)}"})
            assert len(tries) == 3
        """
    )

    row = rows_of_ctrf(suite, "--reruns=2")["test_shaky"]

    assert row["status"] == "passed"
    assert "trace" not in row
    assert [[n for n in (1, 2, 3) if f"try {n} " in attempt["trace"]] for attempt in row["retryAttempts"]] == [[1], [2]]


PLACES = """
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

ECHO = RunnableLambda(lambda value: value)


class Audit(BaseCallbackHandler):
    def on_chain_start(self, *args, **kwargs):
        raise ValueError("x")


def check(handler):
    handler.assert_events(["chain_start", "llm_end"])


def test_assertion(recording_handler):
    ECHO.invoke(1, config={"callbacks": [recording_handler]})
    recording_handler.assert_events(["chain_start", "llm_end"])  # an assertion


def test_function(recording_handler):
    ECHO.invoke(1, config={"callbacks": [recording_handler]})
    check(recording_handler)


def test_script(fake_chat_model):
    fake_chat_model.respond("a")
    fake_chat_model.invoke("x")
    fake_chat_model.invoke("x")  # the second call


@pytest.mark.lc_callbacks(handler_error="error")
def test_finding(callback_scopes):
    ECHO.invoke(1, config={"callbacks": [Audit()]})
"""


def test_annotations_point_at_the_test(suite, monkeypatch):
    """
    pytest-github-actions-annotate-failures puts each failure beside the line of the test that failed.
    """
    name = "pytest_github_actions_annotate_failures"
    pytest.importorskip(name, reason=f"needs {name.replace('_', '-')}, which the nox session reports installs")
    suite.makepyfile(test_suite=PLACES)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    printed = suite.runpytest("-p", name).stderr.str()

    lines = PLACES.strip().splitlines()
    found = re.findall(r"::error file=test_suite\.py,line=(\d+)::(\w+)", printed)
    assert {test: lines[int(line) - 1].strip() for line, test in found} == {
        "test_assertion": 'recording_handler.assert_events(["chain_start", "llm_end"])  # an assertion',
        "test_function": "check(recording_handler)",
        "test_script": 'fake_chat_model.invoke("x")  # the second call',
        # It is about no single line: pytest gives the first of the test, with its decorators.
        "test_finding": '@pytest.mark.lc_callbacks(handler_error="error")',
    }


def rows_of_ctrf(suite, *options):
    pytest.importorskip("ctrf", reason="needs pytest-json-ctrf, which the nox session reports installs")
    suite.runpytest("--ctrf=report.json", *options)
    rows = json.loads((suite.path / "report.json").read_text())["results"]["tests"]
    return {row["name"].rpartition("::")[2]: row for row in rows}
