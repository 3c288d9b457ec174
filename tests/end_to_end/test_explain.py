"""``python -m pytest_lc_callbacks explain``: the guide's paragraph about a cause, in the terminal."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from pytest_lc_callbacks import __main__ as command
from pytest_lc_callbacks._causes import CAUSES


@pytest.fixture
def run(capsys):
    """Runs the command in this process; answers with its exit status and what it printed."""

    def run(*arguments):
        try:
            status = command.main(arguments)
        except SystemExit as exit_:
            status = exit_.code
        return status, *capsys.readouterr()

    return run


def test_a_cause_is_explained(run):
    """
    The paragraph is printed as it stands in the page, with its example, and without the page's comments.
    """
    status, out, err = run("explain", "replaced-callbacks")

    assert (status, err) == (0, "")
    assert out.startswith("replaced-callbacks\n\nInside a function, a list of callbacks replaces the inherited")
    assert "```python\nfrom langchain_core.runnables import RunnableLambda\n" in out
    assert "merge_configs" in out
    assert "<!--" not in out
    assert "other-thread" not in out


def test_a_name_may_stand_in_brackets(run):
    """
    What a hint ends with can be pasted as it is.
    """
    assert run("explain", "[other-thread]") == run("explain", "other-thread")


@pytest.mark.parametrize("name", CAUSES)
def test_every_cause_can_be_explained(run, name):
    """
    Each name that stands in a hint has its paragraph.
    """
    status, out, _ = run("explain", name)

    assert status == 0
    assert out.startswith(f"{name}\n\n")


def test_without_a_name_all_are_listed(run):
    """
    `explain` alone prints each name with the first line of its paragraph, in lines of at most 100 columns.
    """
    status, out, _ = run("explain")

    lines = out.splitlines()
    assert status == 0
    assert [line.split()[0] for line in lines] == list(CAUSES)
    other_thread = "other-thread LangChain's context does not follow into a thread that the program makes."
    assert other_thread in [" ".join(line.split()) for line in lines]
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("replaced", "'replaced' is none (did you mean 'replaced-callbacks'?)"),
        ("inline_handlers", "(did you mean 'inline-handler' or"),
        ("weather", "'weather' is none; without a name"),
    ],
    ids=["one is near", "several are near", "none is near"],
)
def test_an_unknown_name_gets_the_nearest_ones(run, name, said):
    """
    An unknown name is a wrong use: the nearest names are told, and the exit status is 2.
    """
    status, out, err = run("explain", name)

    assert (status, out) == (2, "")
    assert f"expected the name of a cause, but {name!r} is none" in err
    assert said in err


def test_no_command_prints_the_usage(run):
    """
    `python -m pytest_lc_callbacks` alone says which commands there are.
    """
    status, out, err = run()

    assert (status, err) == (0, "")
    assert out.startswith("usage: python -m pytest_lc_callbacks ")
    assert "explain" in out


def test_an_unknown_command_is_a_wrong_use(run):
    """
    What is no command is refused with the names of those that are.
    """
    status, _, err = run("explian")

    assert status == 2
    assert "explain" in err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_cannot_show_a_tree(monkeypatch, encoding):
    """
    Characters that standard output cannot encode become question marks, and nothing fails.
    """
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stdout)

    status = command.main(["explain", "one-component"])

    stdout.flush()
    said = stdout.buffer.getvalue().decode(encoding)
    assert status == 0
    assert "heard   ??? FakeChatModel" in said


def test_a_reader_that_has_seen_enough(monkeypatch):
    """
    `explain | head` ends without a traceback when `head` has closed the pipe.
    """
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)

        status = command.main(["explain"])

    assert status == 0


# Runs the command as `python -m` does and then tells what it imported, on the last line.
PROBE = """
import json, runpy, sys
before = set(sys.modules)
sys.argv = ["pytest_lc_callbacks", "explain", "one-component"]
try:
    runpy.run_module("pytest_lc_callbacks", run_name="__main__")
except SystemExit as exit_:
    print()
    print(json.dumps([exit_.code, sorted({name.split(".")[0] for name in set(sys.modules) - before})]))
"""


def test_the_command_in_a_process_of_its_own(tmp_path):
    """
    It runs in any folder and locale, and imports neither pytest nor LangChain.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "LC_", "LANG", "PYTHONIO"))}
    env |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )

    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert (status, done.stderr) == (0, "")
    assert "Callbacks of one component do not reach the chain around it." in done.stdout
    # CPython lists not all of its own private modules.
    foreign = {name for name in modules if not name.startswith("_")} - sys.stdlib_module_names
    assert foreign == {"pytest_lc_callbacks"}
