"""The plugin beside other ways to run tests: unittest, subtests, doctests, workers, reruns, timeouts, odd options."""

from __future__ import annotations

import subprocess
import sys

import pytest
from programs import ERRORS, HEAD, PROGRAMS, WARNINGS

BROKEN = PROGRAMS["handler_error"]


def test_unittest(run):
    """
    A `TestCase` that fails has its findings in the section, and one that passes fails with them.
    """
    result = run(
        """
import unittest

@pytest.mark.lc_callbacks
class TestIt(unittest.TestCase):
    def use(self):
        FakeChatModel().invoke("hi", {"callbacks": [Broken()]})

    def test_fails(self):
        self.use()
        self.assertEqual(1, 2)

    def test_finding(self):
        self.use()

    def test_skips(self):
        self.use()
        self.skipTest("enough")

    @unittest.expectedFailure
    def test_expected(self):
        self.use()
        assert False

    def test_subtests(self):
        self.use()
        for n in range(2):
            with self.subTest(n=n):
                assert n
"""
    )

    result.stdout.fnmatch_lines(
        ["FAILED *::test_fails - AssertionError: 1 != 2", "FAILED *::test_finding - Failed: exp*"]
    )
    assert "ERROR" not in result.stdout.str().partition("short test summary")[2]
    assert result.parseoutcomes()["skipped"] == result.parseoutcomes()["xfailed"] == 1


def test_subtests(run):
    """
    A subtest that fails is the failure of its test, and shows the runs so far.
    """
    pytest.importorskip("_pytest.subtests", reason="pytest 9 brought the fixture")
    result = run("""
def test_it(subtests, fake_chat_model):
    with subtests.test("first"):
        fake_chat_model.invoke("hi", {"callbacks": [Broken()]})
        assert False
    with subtests.test("second"):
        pass
""")

    result.stdout.fnmatch_lines(["SUBFAILED*test_it - assert False"])
    result.stdout.fnmatch_lines(["*- LangChain callbacks -*", "FakeChatModel *"])
    result.stdout.no_fnmatch_line("FAILED *Broken*")


def test_doctest(pytester):
    """
    Doctests are watched where all tests are watched.
    """
    pytester.makepyfile(
        module='''
        """
        >>> from langchain_core.callbacks import BaseCallbackHandler
        >>> from langchain_core.runnables import RunnableLambda
        >>> class Broken(BaseCallbackHandler):
        ...     def on_chain_end(self, outputs, **kwargs):
        ...         raise KeyError("model_name")
        >>> RunnableLambda(str).invoke(1, {"callbacks": [Broken()]})
        '1'
        """
        '''
    )

    result = pytester.runpytest_inprocess("--doctest-modules", "module.py", "-olc_callbacks_observe=all")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["expected Broken.on_chain_end to return, *"])


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_stopping_early(run, option):
    """
    A finding counts as a failure for `-x`.
    """
    run(BROKEN + BROKEN.replace("test_it", "test_that"), option).assert_outcomes(failed=1)


@pytest.mark.parametrize(
    "options",
    [
        ["-p", "no:logging"],
        ["--assert=plain"],
        ["-p", "no:cacheprovider"],
        ["-p", "no:warnings"],
        ["-p", "no:unraisableexception", "-p", "no:threadexception"],
        ["--import-mode=importlib"],
        ["--capture=no"],
        ["--tb=native"],
    ],
    ids=" ".join,
)
def test_options(run, options):
    """
    Findings are told whatever else pytest is told to do.
    """
    result = run(BROKEN + PROGRAMS["unused_response"].replace("test_it", "test_that"), *options)

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["expected Broken.on_llm_end *", "expected the script *"])


@pytest.mark.parametrize(
    "options", [["--co"], ["--fixtures"], ["--fixtures-per-test"], ["--setup-plan"], ["--markers"]], ids=str
)
def test_looking_around(run, options):
    """
    An option that only looks at tests runs none and finds nothing.
    """
    result = run(BROKEN, *options)

    assert result.ret == 0
    result.stdout.no_fnmatch_line("expected *")


def test_interrupted(pytester):
    """
    A test that is interrupted leaves nothing on, although its tear-down never runs.
    """
    from pytest_lc_callbacks._handlers.observer import Observer
    from pytest_lc_callbacks._scopes import ACTIVE_OBSERVERS

    before = ACTIVE_OBSERVERS.observers

    pytester.makepyfile("def test_it(fake_chat_model):\n    raise KeyboardInterrupt")
    result = pytester.inline_run(no_reraise_ctrlc=True)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert ACTIVE_OBSERVERS.observers == before
    assert all(isinstance(observer, Observer) for observer in before)


def test_exit(run):
    """
    `pytest.exit` ends the session with its own message.
    """
    result = run(BROKEN + "    pytest.exit('enough')")

    result.stdout.fnmatch_lines(["*enough*"])
    result.stdout.no_fnmatch_line("expected *")


def test_pytest_inside_pytest(run, recording_handler, fake_chat_model):
    """
    A watched test may run pytest, and what is found inside stays inside.
    """
    fake_chat_model.respond("outer")
    run(BROKEN + PROGRAMS["unused_response"].replace("test_it", "test_that")).assert_outcomes(failed=2)

    fake_chat_model.invoke("hi", {"callbacks": [recording_handler]})
    assert recording_handler.names == ["chat_model_start", "llm_end"]


LANGSMITHS_IMPORT = "ignore:'asyncio.iscoroutinefunction' is deprecated:DeprecationWarning"


def test_workers(xdist_pytester):
    """
    Failures, sections and warnings arrive as they are under pytest-xdist.
    """
    xdist_pytester.makepyfile(HEAD + BROKEN + PROGRAMS["orphan_run"].replace("test_it", "test_that"))

    # langsmith's import warns on Python 3.14 and later, in whichever process it is imported.
    result = xdist_pytester.runpytest_inprocess("-n1", "-W", LANGSMITHS_IMPORT)

    result.assert_outcomes(failed=1, passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "expected Broken.on_llm_end *",
            "*- LangChain callbacks -*",
            "FakeChatModel *",
            "*CallbackFindingWarning: expected *",
        ]
    )


def test_reruns(run):
    """
    pytest-rerunfailures runs a test with a finding again, and each run is judged by itself.
    """
    pytest.importorskip("pytest_rerunfailures", reason="pytest-rerunfailures runs a test again")
    result = run(
        """
def test_it(fake_chat_model):
    KEPT.append(1)
    fake_chat_model.respond("once")
    if len(KEPT) > 2:
        fake_chat_model.invoke("hi")
""",
        "--reruns=3",
    )

    result.assert_outcomes(passed=1)
    assert result.parseoutcomes()["rerun"] == 2


def test_timeouts(run):
    """
    A test that pytest-timeout stops shows what was running.
    """
    pytest.importorskip("pytest_timeout", reason="pytest-timeout ends a test")
    result = run(
        """
@pytest.mark.timeout(0.2, method="signal")
def test_it(callback_scopes):
    RunnableLambda(lambda text: threading.Event().wait(), name="endless").invoke("hi")
""",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Timeout*", "*- LangChain callbacks -*", "endless*failed: Failed: Timeout*"])


@pytest.mark.once
@pytest.mark.parametrize("flags", [["-O"], ["-X", "dev"]], ids=" ".join)
def test_other_pythons(pytester, monkeypatch, flags):
    """
    Python without assertions (`-O`), and Python with its checks on (`-X dev`), find the same.
    """
    # What other plugins import takes longer than the tests.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        HEAD + "".join(program.replace("test_it", f"test_{name}") for name, program in PROGRAMS.items())
    )
    done = subprocess.run(
        [sys.executable, *flags, "-m", "pytest", "-p", "pytest_lc_callbacks.plugin", "--no-header"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"{len(ERRORS)} failed, {len(WARNINGS)} passed" in done.stdout, done.stdout
    assert done.stdout.count("CallbackFindingWarning: expected") == len(WARNINGS)
