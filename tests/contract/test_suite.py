"""What a user writes, and what pytest prints: set-up, instrumentors, expected failures, the report, other plugins."""

from __future__ import annotations

import json

import pytest
from output_suites import LIGHT

from pytest_lc_callbacks import RecordingHandler
from pytest_lc_callbacks._contract import edge_programs
from pytest_lc_callbacks._contract.record_checks import RecordChecks
from pytest_lc_callbacks._report.schema import problem
from pytest_lc_callbacks.contract import CallbackHandlerTests, run_program

# langgraph 1.1 and later send them.
HAS_INTERRUPTS = hasattr(RecordingHandler, "on_interrupt")

HANDLER = """
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from pytest_lc_callbacks.contract import CallbackHandlerTests

class Usage(BaseCallbackHandler):
    def on_llm_end(self, response, **kwargs):
        (response.llm_output or {}).get("token_usage", {}).get("total_tokens")

class TestUsage(CallbackHandlerTests):
    def make_handler(self):
        return Usage()
"""


@pytest.fixture(autouse=True)
def few_tasks(monkeypatch):
    """Fifty tasks at once take a third of the time of all programs; one session below runs them."""
    monkeypatch.setattr(edge_programs, "_TASKS", 8)


def test_a_class_alone_is_all_there_is_to_write(pytester, monkeypatch):
    """
    A class with make_handler is collected and run, also where every test is watched, and the report is printed; the
    JSON has a line of it with every check, and the page shows it.
    """
    pytest.importorskip("jinja2", reason="the page needs jinja2 (it is in the extra `report`)")
    monkeypatch.setattr(edge_programs, "_TASKS", 50)
    pytester.makepyfile(HANDLER)

    result = pytester.runpytest("-o", "lc_callbacks_observe=all", "-W", "error", *OUTPUTS)

    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(
        [
            "E*expected the handler to take token_usage=None, but on_llm_end raised*",
            "*= callback handler capabilities =*",
            "*::TestUsage: * checks: * passed, 1 failed, 1 advice, 18 declined",
            "  FAILED    takes_usage_of_none: expected the handler to take token_usage=None*",
            "  advice    can_be_deep_copied: *",
            "  declined  18 checks: needs records(handler)",
        ]
    )
    check_outputs(pytester.path)


def test_the_outputs_of_workers_have_the_report(pytester):
    """
    Terminal, JSON and page have one report of the handler where the results come from pytest-xdist's workers.
    """
    pytest.importorskip("jinja2", reason="the page needs jinja2 (it is in the extra `report`)")
    pytest.importorskip("xdist", reason="pytest-xdist is what runs workers")
    pytester.makepyfile(HANDLER)

    # Those that need few programs: each worker runs them all.
    checks = ["takes_usage_of_none", "takes_tool_calls", "can_be_deep_copied", *vars(RecordChecks)]
    names = [name for name in checks if not name.startswith("_")]
    result = pytester.runpytest(*OUTPUTS, "-n", "2", *LIGHT, "-k", " or ".join(names))

    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(["*::TestUsage: * checks: * passed, 1 failed, 1 advice, 18 declined"])
    check_outputs(pytester.path)


OUTPUTS = ["--lc-callbacks-json=a.jsonl", "--lc-callbacks-report=a.html"]


def check_outputs(folder):
    """The JSON has one line of the report, with every check, and the page shows it."""
    lines = [json.loads(line) for line in (folder / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    (told,) = [line for line in lines if line["kind"] == "capabilities"]
    assert [problem(line) for line in lines] == [None] * len(lines)
    assert told["handler"].endswith("::TestUsage")
    checks = {check["name"]: check for check in told["checks"]}
    outcomes = [check["outcome"] for check in told["checks"]]
    assert len(checks) == len(told["checks"]) == sum(line["kind"] == "test" for line in lines)
    assert [outcomes.count(outcome) for outcome in ("failed", "advice", "declined")] == [1, 1, 18]
    failed = checks["takes_usage_of_none"]
    assert failed["outcome"] == "failed"
    assert failed["says"].startswith("expected the handler to take token_usage=None, but on_llm_end raised")
    assert checks["takes_tool_calls"] == {"name": "takes_tool_calls", "outcome": "passed", "says": ""}
    assert f'<td>{failed["name"]}</td><td class="worse">failed</td>' in (folder / "a.html").read_text("utf-8")


SHAKY = """
from langchain_core.callbacks import BaseCallbackHandler
from pytest_lc_callbacks._contract.check import check
from pytest_lc_callbacks.contract import CallbackHandlerTests

class TestShaky(CallbackHandlerTests):
    tries = []

    def make_handler(self):
        return BaseCallbackHandler()

    @check()
    def test_third_time(self):
        self.tries.append(1)
        assert len(self.tries) == 3, f"try {len(self.tries)}"

    @check()
    def test_falls_short(self):
        raise AssertionError("for the key sk-proj-abcdefghijklmnopqrstuvwx")
"""


@pytest.mark.parametrize("workers", [[], ["-n", "1", *LIGHT]], ids=["alone", "xdist"])
def test_a_check_that_is_run_again_stands_once(pytester, workers):
    """
    With pytest-rerunfailures, the terminal's report and the line of JSON have a check once, with its last outcome, and
    without the secret in its message.
    """
    pytest.importorskip("pytest_rerunfailures", reason="pytest-rerunfailures runs a test again")
    if workers:
        pytest.importorskip("xdist", reason="pytest-xdist is what runs workers")
    pytester.makepyfile(SHAKY)

    result = pytester.runpytest(
        "--reruns=2", "--lc-callbacks-json=a.jsonl", "-k", "third_time or falls_short", "--tb=no", *workers
    )

    result.stdout.fnmatch_lines(
        ["*::TestShaky: 2 checks: 1 passed, 1 failed", "  FAILED    falls_short: for the key [[]redacted]"]
    )
    lines = [json.loads(line) for line in (pytester.path / "a.jsonl").read_text("utf-8").splitlines()]
    (told,) = [line for line in lines if line["kind"] == "capabilities"]
    assert sorted((check["name"], check["outcome"]) for check in told["checks"]) == [
        ("falls_short", "failed"),
        ("third_time", "passed"),
    ]


def test_no_line_of_the_report_without_a_suite(pytester):
    """
    A session with no such class has no line of capabilities.
    """
    pytester.makepyfile("def test_a(): pass")

    pytester.runpytest("--lc-callbacks-json=a.jsonl")

    kinds = [json.loads(line)["kind"] for line in (pytester.path / "a.jsonl").read_text("utf-8").splitlines()]
    assert kinds == ["session", "test", "end"]


def test_without_set_up_the_first_check_says_what_to_write(pytester):
    """
    A class with neither make_handler nor instrumented fails once, with the lines to write; the rest is skipped.
    """
    pytester.makepyfile(
        """
        from pytest_lc_callbacks.contract import CallbackHandlerTests

        class TestMine(CallbackHandlerTests):
            pass
        """
    )

    result = pytester.runpytest("-rs")

    assert result.parseoutcomes().keys() == {"failed", "skipped"}
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(
        [
            "expected TestMine to say how its handler is made, but it has neither make_handler nor instrumented",
            "*def make_handler(self):",
            "*return MyHandler()",
            "SKIPPED*expected TestMine to say how its handler is made*",
        ]
    )


def test_an_instrumentor_needs_no_handler_object(pytester):
    """
    With a fixture `instrumented` the handler that it installs is tested, interrupts included.
    """
    pytester.makepyfile(
        """
        import pytest
        from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
        from pytest_lc_callbacks.contract import CallbackHandlerTests

        class Injected(BaseCallbackHandler):
            def on_tool_start(self, serialized, input_str, **kwargs):
                kwargs["tool_call_id"].upper()

        class TestInstrumented(CallbackHandlerTests):
            @pytest.fixture
            def instrumented(self, monkeypatch):
                original, handler = BaseCallbackManager.__init__, Injected()

                def init(manager, *args, **kwargs):
                    original(manager, *args, **kwargs)
                    if handler not in manager.inheritable_handlers:
                        manager.add_handler(handler, True)

                monkeypatch.setattr(BaseCallbackManager, "__init__", init)
        """
    )

    result = pytester.runpytest()

    expected = ["E*expected the handler to take a tool's run, but on_tool_start raised *"]
    if HAS_INTERRUPTS:
        expected += ["E*expected the handler to take on_interrupt and on_resume, but on_interrupt raised *"]
    result.stdout.fnmatch_lines_random(expected)
    assert result.parseoutcomes()["failed"] == len(expected)


def test_an_expected_failure_is_reported_with_its_reason(pytester):
    """
    A check in `expected` that fails is an expected failure; one that passes after all fails.
    """
    pytester.makepyfile(
        HANDLER
        + """
    expected = {"takes_usage_of_none": "issue 12", "takes_models": "issue 13", "can_be_deep_copied": "a lock"}
"""
    )

    result = pytester.runpytest("-k", "takes_usage_of_none or takes_models or can_be_deep_copied")

    assert (result.parseoutcomes()["failed"], result.parseoutcomes()["xfailed"]) == (1, 1)
    result.stdout.fnmatch_lines(
        [
            "expected the check takes_models to fail (issue 13), but it passed",
            "  FAILED    takes_models: it is expected to fail, and it passed",
            "  expected  takes_usage_of_none: issue 12",
            "  advice    can_be_deep_copied: a lock (*",
        ]
    )


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"takes_model": "why"}, r"there is no check 'takes_model' \(did you mean 'takes_models'\?\)"),
        ({"takes_models": " "}, "has to say why"),
    ],
    ids=["unknown", "no reason"],
)
def test_expected_is_read_when_the_class_is_made(expected, message):
    """
    A misspelt check, or one without a reason, is a TypeError that names it.
    """
    with pytest.raises(TypeError, match=message):
        type("TestIt", (CallbackHandlerTests,), {"expected": expected})


def test_what_is_not_supported_is_declined(pytester):
    """
    supports_... = False declines the checks whose programs need it, expects_to_raise those of exceptions.
    """
    pytester.makepyfile(
        HANDLER
        + """
    supports_chat_model = supports_llm = supports_streaming = False

class Guard(BaseCallbackHandler):
    raise_error = True

    def on_tool_start(self, *args, **kwargs):
        raise PermissionError("no tools here")

class TestGuard(CallbackHandlerTests):
    expects_to_raise = True
    def make_handler(self):
        return Guard()
"""
    )

    result = pytester.runpytest("-rs")

    result.stdout.fnmatch_lines_random(
        [
            "SKIPPED*not supported, or not installed: models",
            "SKIPPED*expects_to_raise: it raises on purpose",
        ]
    )
    assert "failed" not in result.parseoutcomes()


def test_it_works_beside_plugins_for_async_tests(pytester):
    """
    pytest-asyncio's mode `auto` changes nothing; the other sessions here have its mode `strict`.
    """
    pytester.makepyfile(HANDLER)

    result = pytester.runpytest("-o", "asyncio_mode=auto", "-W", "error")

    assert result.parseoutcomes()["failed"] == 1


def test_it_works_beside_tests_of_anyio(pytester):
    """
    Where anyio runs the async tests of the same file, the checks find the same, and both run in anyio's loop too.
    """
    pytester.makepyfile(
        f"""{HANDLER}
from pytest_lc_callbacks import FakeChatModel, aassert_parity
from pytest_lc_callbacks.contract import run_program

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_the_modes_agree():
    await aassert_parity(lambda: FakeChatModel(responses=["Yes."]), "May I?", modes=("invoke", "ainvoke"))

@pytest.mark.anyio
async def test_a_program_runs(recording_handler):
    run_program("chain_ainvoke", recording_handler)
    recording_handler.assert_finished()
"""
    )

    result = pytester.runpytest("-v", "-o", "asyncio_mode=strict", "-W", "error")

    result.stdout.fnmatch_lines_random(["*::test_the_modes_agree PASSED*", "*::test_a_program_runs PASSED*"])
    result.stdout.fnmatch_lines(["E*expected the handler to take token_usage=None*"])
    assert result.parseoutcomes()["failed"] == 1


def test_a_program_can_be_run_by_itself(recording_handler):
    """
    The line that a failure prints runs the program with the handler, so that a debugger can stop in it.
    """
    run_program("chain_invoke", recording_handler)

    recording_handler.assert_run_tree("""
        outer
          the_prompt
          the_model
          the_parser
    """)


def test_an_unknown_program_is_refused():
    """
    run_program names the nearest program there is.
    """
    with pytest.raises(ValueError, match=r"no program 'chain_invok' \(did you mean 'chain_invoke'\?\)"):
        run_program("chain_invok")
