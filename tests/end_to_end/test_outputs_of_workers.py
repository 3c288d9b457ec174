"""What a session writes of tests that pytest-xdist's workers run."""

from __future__ import annotations

import sys
import venv

import pytest
from output_suites import LIGHT, OUTCOMES, TREE, by_name


def without_times(line):
    """A test's line without what is different in each run of a suite."""
    line = {name: value for name, value in line.items() if name not in ("started", "duration")}
    line["phases"] = [{**phase, "duration": 0} for phase in line["phases"]]
    line["failures"] = [{**failure, "text": ""} for failure in line["failures"]]
    line["runs"] = [
        {**run, "start": 0, "duration": 0, "events": [[name, 0, times] for name, _, times in run["events"]]}
        for run in line["runs"]
    ]
    return line


def test_workers(suite):
    """
    pytest-xdist's workers give the same lines as a plain run, up to order and times, and the same trees.
    """
    plain = suite.runpytest("--lc-callbacks-json=plain.jsonl", "--lc-callbacks-tree")
    many = suite.runpytest(
        "--lc-callbacks-json=many.jsonl", "--lc-callbacks-tree", "-n", "2", "--dist", "loadgroup", *LIGHT
    )

    for done in (plain, many):
        done.stdout.fnmatch_lines(["*test_workers.py::test_passes", *TREE])
    plain, many = (by_name(suite.path / name) for name in ("plain.jsonl", "many.jsonl"))

    assert plain.keys() == many.keys()
    for name, line in plain.items():
        assert without_times(many[name]) == without_times(line)


@pytest.mark.once
def test_remote_workers(suite):
    """
    A worker that is another environment's interpreter sends its data on its reports.
    """
    venv.create(suite.path / "other", symlinks=True)
    [packages] = (suite.path / "other" / "lib").glob("python*/site-packages")
    (packages / "ours.pth").write_text("\n".join(path for path in sys.path if path))
    python = suite.path / "other" / "bin" / "python"

    done = suite.runpytest(
        "--lc-callbacks-json=a.jsonl",
        "-d",
        f"--tx=popen//python={python}",
        "-s",
        "test_remote_workers.py",
        *LIGHT,
    )

    tests = by_name(suite.path / "a.jsonl")
    assert tests["test_passes"]["runs"], done.stdout.str()
    assert {name: tests[name]["outcome"] for name in OUTCOMES} == OUTCOMES


def test_a_worker_that_crashes(suite):
    """
    A crashed worker leaves a line for the test that it was running, and the other tests have theirs.
    """
    suite.makepyfile(
        """
        import os

        def test_crashes(fake_chat_model):
            os._exit(3)

        def test_fine(fake_chat_model):
            fake_chat_model.invoke("x")
        """
    )
    suite.runpytest("--lc-callbacks-json=a.jsonl", "-n", "1", "--max-worker-restart=1", *LIGHT)

    tests = by_name(suite.path / "a.jsonl")
    assert tests["test_crashes"]["outcome"] == "failed"
    assert "crashed" in tests["test_crashes"]["failures"][0]["message"]
    assert len(tests["test_fine"]["runs"]) == 1
