"""The summary in Markdown, and annotations for GitHub Actions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lines_made import a_model, a_run, a_test

from pytest_lc_callbacks._report.annotations import commands
from pytest_lc_callbacks._report.lines import made
from pytest_lc_callbacks._report.summary import summary
from pytest_lc_callbacks._report.tree_text import tree_text

SESSION = [made("session", started=1.7e9, versions={}), made("end", exit_status=0, tests=1)]
FINDING = {
    "name": "orphan_run",
    "level": "warn",
    "summary": "expected a parent, but there is none",
    "details": ["at x:1"],
}


def test_nothing_wrong():
    """
    Without failures and findings there are the sums and the models.
    """
    text = summary([*SESSION, a_test("t.py::test_a", runs=[a_run(0, "chain"), a_model(1, parent=0, tokens=1200)])])

    assert text == (
        "## LangChain callbacks: 1 test, none failed\n"
        "\n"
        "| tests | failed | errors | findings | runs | model calls | tool calls | tokens |\n"
        "|-------|--------|--------|----------|------|-------------|------------|--------|\n"
        "| 1     | 0      | 0      | 0        | 2    | 1           | 0          | 1,200  |\n"
        "\n"
        "### Models\n"
        "\n"
        "| model  | calls | input tokens | output tokens |\n"
        "|--------|-------|--------------|---------------|\n"
        "| `fake` | 1     | 1,199        | 1             |\n"
    )


def test_failures_come_first():
    """
    Failures come first, each with its message, its tree and its cause; then tests with findings.
    """
    found = a_test("t.py::test_found", findings=[FINDING])
    failed = a_test("t.py::test_failed", runs=[a_run(0, "chain")], outcome="failed", causes=["not-inherited"])

    text = summary([*SESSION, found, a_test("t.py::test_fine"), failed])

    assert text.startswith("## LangChain callbacks: 1 failed of 3 tests, 1 finding\n")
    assert text.index("### failed: `t.py::test_failed`") < text.index("### passed: `t.py::test_found`")
    assert "```text\nE  assert 1 == 2\n```" in text
    assert "```text\nchain  1.0 ms\n```" in text
    assert "Explained by `python -m pytest_lc_callbacks explain` with `not-inherited`." in text
    assert "Finding `orphan_run` at level `warn`:\n\n```text\nexpected a parent, but there is none\nat x:1\n```" in text
    assert "test_fine" not in text


def test_an_attempt_that_was_run_again():
    """
    A test that passed at its second attempt is one test, and none that failed.
    """
    attempts = [a_test("t.py::t", outcome="rerun"), a_test("t.py::t", attempt=2)]

    assert summary([*SESSION, *attempts]).startswith("## LangChain callbacks: 1 test, none failed\n")


@pytest.mark.parametrize("first", ["failed", "passed"])
def test_the_limit(first):
    """
    The summary stays below GitHub's limit, keeps failures before findings whichever came first, and says what it lacks.
    """
    failed = [
        a_test(f"t.py::failed_{n}", outcome="failed", failures=[{"when": "call", "message": "m", "text": "x" * 5000}])
        for n in range(150)
    ]
    details = [{**FINDING, "details": ["y" * 5000]}]
    found = [a_test(f"t.py::found_{n}", findings=details) for n in range(150)]

    text = summary([*SESSION, *(failed + found if first == "failed" else found + failed)])

    assert len(text.encode()) < 1_000_000
    assert text.count("### failed: ") == 150
    shown = text.count("### passed: ")
    assert 0 < shown < 150
    assert f"Left out here, since a summary may not be longer: {150 - shown} tests with findings." in text


def test_a_session_that_did_not_end():
    """
    A session without its last line says that tests may be missing.
    """
    assert "The session did not end: tests may be missing." in summary([SESSION[0], a_test("t")])


@pytest.mark.parametrize("text", ["``` \n# big\n```", "<script>", "a|b `c` [x](javascript:1)", "````"])
def test_text_from_tests_is_no_markup(text):
    """
    What comes from a test stands in fences and backticks that it cannot close.
    """
    failure = {"when": "call", "message": text, "text": text}
    shown = summary([*SESSION, a_test(text, outcome="failed", failures=[failure], runs=[a_run(0, text)])])

    fence = None
    for line in shown.splitlines():
        if fence is None and line.startswith("```"):
            fence = line.removesuffix("text")
        elif line == fence:
            fence = None
        elif fence is None:
            assert "<script>" not in re.sub(r"(`+).*?\1(?!`)", "", line)
            assert not line.startswith("# big")
    assert fence is None


def test_annotations(monkeypatch):
    """
    Each finding is an annotation at its test's line; nine of a kind at most, and one that counts the rest.
    """
    monkeypatch.setenv("GITHUB_WORKSPACE", "/checkout")
    many = [a_test(f"tests/t.py::test_{n}", findings=[FINDING]) for n in range(12)]
    error = {**FINDING, "level": "error", "summary": "100% of it,\nwith: a line"}

    told = commands([*SESSION, *many, a_test("tests/t.py::e", findings=[error])], Path("/checkout/sub"))

    warnings = [text for text in told if text.startswith("::warning")]
    assert warnings[0] == (
        "::warning file=sub/tests/t.py,line=3,title=orphan_run in tests/t.py%3A%3Atest_0"
        "::expected a parent, but there is none"
    )
    assert len(warnings) == 10
    assert warnings[-1] == "::warning::and 3 more findings, in the summary"
    assert [text for text in told if text.startswith("::error")] == [
        "::error file=sub/tests/t.py,line=3,title=orphan_run in tests/t.py%3A%3Ae::100%25 of it,%0Awith: a line"
    ]


@pytest.mark.parametrize("name", ["::set-output name=x::y", "##[error]x"])
def test_a_run_is_no_command(name):
    """
    A run whose name is a command to GitHub Actions is none when its tree is printed.
    """
    assert tree_text(a_test("t", runs=[a_run(0, name)])).startswith("\\")


@pytest.mark.parametrize(
    ("runs", "drawn"),
    [
        ([], "no LangChain run began in this test"),
        (
            [
                a_run(0, "graph", status="failed", error={"type": "ValueError", "message": "a\nb", "inside": True}),
                a_run(
                    1,
                    "node",
                    parent=0,
                    status="failed",
                    error={"type": "ValueError", "message": "a\nb", "inside": False},
                ),
                a_run(2, "late", parent=0, status="open", duration=None),
                {**a_model(3, parent=0), "tool_calls": [{"name": "search", "args": {}}], "replaced": True},
                a_run(4, "slow", duration=2500.0),
                a_run(5, "asks", status="interrupted"),
            ],
            "graph              1.0 ms  failed with it\n"
            "├── node           1.0 ms  failed: ValueError: a b\n"
            "├── late                   open\n"
            "└── FakeChatModel  1.0 ms  calls search  (callbacks replaced)\n"
            "slow               2.50 s\n"
            "asks               1.0 ms  interrupted",
        ),
    ],
)
def test_trees(runs, drawn):
    """
    A tree shows durations and how each run ended; a failure is told once, where it began.
    """
    assert tree_text(a_test("t", runs=runs)) == drawn


def test_a_long_tree():
    """
    A tree that is cut says how many runs it lacks.
    """
    text = tree_text(a_test("t", runs=[a_run(n, "chain") for n in range(50)]), limit=40)

    assert text.splitlines()[-1] == "... and 10 more runs"
