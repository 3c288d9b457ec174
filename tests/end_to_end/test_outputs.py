"""What a session writes when it is asked for trees, JSON, a page or a summary."""

from __future__ import annotations

import importlib.util

import pytest
from output_suites import LIGHT, OUTCOMES, TREE, by_name, lines_of

from pytest_lc_callbacks._report.schema import json_schema


def test_json(suite):
    """
    Each test is a line that the schema of the docs takes, with its outcome as pytest counts it.
    """
    suite.runpytest("--doctest-modules", "--lc-callbacks-json=made/for/it/a.jsonl", "-p", "no:randomly")

    path = suite.path / "made" / "for" / "it" / "a.jsonl"
    lines, tests = lines_of(path), by_name(path)
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema checks the lines")
    for line in lines:
        jsonschema.validate(line, json_schema())
    assert {name: tests[name]["outcome"] for name in OUTCOMES} == OUTCOMES
    assert lines[0]["kind"] == "session"
    assert lines[-1]["exit_status"] == 1
    assert lines[-1]["tests"] == len(tests)
    assert any("test_json.test_plain" in name for name in tests), "the doctest"


def test_what_a_line_says(suite):
    """
    A line has the runs, who heard them, the finding, the failure and the sums.
    """
    suite.runpytest("--lc-callbacks-json=a.jsonl")
    tests = by_name(suite.path / "a.jsonl")

    passed = tests["test_passes"]
    assert [(run["name"], run["parent"], run["heard"]) for run in passed["runs"]] == [
        ("RunnableSequence", None, ["missed"]),
        ("ChatPromptTemplate", 0, ["missed"]),
        ("FakeChatModel", 0, ["heard"]),
    ]
    assert passed["handlers"] == ["RecordingHandler"]
    assert passed["runs"][2]["inputs"] == [{"type": "human", "content": "What is 1 + 2?"}]
    assert passed["runs"][2]["outputs"]["content"] == "3"
    assert passed["totals"]["model_calls"] == 1
    assert passed["totals"]["total_tokens"] == passed["runs"][2]["usage"]["total_tokens"] > 0
    assert tests["test_fails"]["failures"][0]["message"] == "ZeroDivisionError: division by zero"
    assert tests["test_fails"]["runs"][-1]["error"]["type"] == "ZeroDivisionError"
    [finding] = tests["test_found"]["findings"]
    assert (finding["name"], finding["level"]) == ("duplicate_event", "error")
    assert tests["test_found"]["causes"] == ["heard-twice"]
    assert tests["test_expected"]["failures"][0]["message"] == "known"
    assert tests["test_skipped"]["failures"][0]["message"] == "Skipped: not now"
    assert tests["test_broken"]["failures"][0]["when"] == "setup"
    assert tests["test_broken_later"]["failures"][0]["when"] == "teardown"
    assert tests["test_plain"]["watched"] is False


@pytest.mark.parametrize("how", ["KeyboardInterrupt()", "pytest.exit('enough')"])
def test_an_interrupted_session(suite, how):
    """
    A session that is interrupted writes what it has, the runs of the interrupted test too.
    """
    suite.makepyfile(
        f"""
        import pytest

        def test_first(fake_chat_model):
            fake_chat_model.invoke("x")

        def test_second(fake_chat_model):
            fake_chat_model.invoke("y")
            error = {how.replace("pytest.exit", "pytest.exit.Exception")}
            raise error

        def test_third(fake_chat_model):
            pass
        """
    )
    outputs = ["--lc-callbacks-json=a.jsonl", "--lc-callbacks-report=a.html", "--lc-callbacks-summary=a.md"]
    suite.runpytest_inprocess(*outputs, no_reraise_ctrlc=True)

    tests = by_name(suite.path / "a.jsonl")
    assert {name: line["outcome"] for name, line in tests.items()} == {
        "test_first": "passed",
        "test_second": "interrupted",
    }
    assert len(tests["test_second"]["runs"]) == 1
    assert "1 failed of 2 tests" in (suite.path / "a.md").read_text()
    assert "interrupted: " in (suite.path / "a.html").read_text()


def test_stopping_at_the_first_failure(suite):
    """
    With -x there are lines for the tests that ran.
    """
    suite.runpytest("--lc-callbacks-json=a.jsonl", "-x")

    assert [line["kind"] for line in lines_of(suite.path / "a.jsonl")] == ["session", "test", "test", "end"]


@pytest.mark.parametrize("option", ["json", "report", "summary"])
@pytest.mark.parametrize("place", ["folder", "file/below"])
def test_a_path_that_cannot_be_written(suite, option, place):
    """
    A path that cannot be written is a usage error before the first test runs.
    """
    (suite.path / "folder").mkdir()
    (suite.path / "file").write_text("")

    done = suite.runpytest(f"--lc-callbacks-{option}={place}")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"ERROR: --lc-callbacks-{option}=*{place}: cannot be written: *"])
    done.stdout.no_fnmatch_line("*passed*")


def test_a_page_without_jinja(suite, monkeypatch):
    """
    Without the extra, the page is refused with what to install.
    """
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "jinja2" else find_spec(name, *more)
    )
    monkeypatch.setattr("pytest_lc_callbacks._report.commands.find_spec", lambda name: None)

    done = suite.runpytest("--lc-callbacks-report=a.html")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(['ERROR: *jinja2; install it with: pip install "pytest-lc-callbacks[[]report]"'])


def test_trees(suite):
    """
    --lc-callbacks-tree prints the tree of every test that ran anything.
    """
    done = suite.runpytest("--lc-callbacks-tree")

    done.stdout.fnmatch_lines(["*test_trees.py::test_passes", *TREE])


def test_attempts(suite):
    """
    Each attempt of a test that is run again has its line, with its own runs.
    """
    suite.makepyfile(
        """
        seen = []

        def test_shaky(fake_chat_model):
            seen.append(1)
            fake_chat_model.invoke(f"attempt {len(seen)}")
            assert len(seen) == 3
        """
    )
    suite.runpytest("--lc-callbacks-json=a.jsonl", "--reruns", "3")

    tests = [line for line in lines_of(suite.path / "a.jsonl") if line["kind"] == "test"]
    assert [(line["attempt"], line["outcome"]) for line in tests] == [(1, "rerun"), (2, "rerun"), (3, "passed")]
    said = [line["runs"][0]["inputs"][0]["content"] for line in tests]
    assert said == ["attempt 1", "attempt 2", "attempt 3"]


def test_all_at_once(suite, monkeypatch):
    """
    The options combine, and GitHub gets annotations beside the summary.
    """
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = suite.runpytest(
        "--lc-callbacks-json=a.jsonl",
        "--lc-callbacks-report=a.html",
        "--lc-callbacks-summary=a.md",
        "--lc-callbacks-tree",
    )

    assert (suite.path / "a.md").read_text().startswith("## LangChain callbacks: ")
    assert "<!doctype html>" in (suite.path / "a.html").read_text()
    done.stdout.fnmatch_lines(["::error file=test_all_at_once.py,line=*,title=duplicate_event in *::expected *"])


def test_github_appends(suite, monkeypatch):
    """
    GitHub's own file is appended to, since other tools of the step write there too.
    """
    path = suite.path / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))

    suite.runpytest(f"--lc-callbacks-summary={path}")

    assert path.read_text().startswith("before\n## LangChain callbacks: ")


def test_nothing_is_loaded_without_an_option(suite):
    """
    Without these options nothing that writes them is imported.
    """
    suite.makepyfile(
        """
        import sys

        def test_a(fake_chat_model):
            fake_chat_model.invoke("x")
            assert not [name for name in sys.modules if "pytest_lc_callbacks._report" in name]
        """
    )

    suite.runpytest_subprocess(*LIGHT).assert_outcomes(passed=1)
