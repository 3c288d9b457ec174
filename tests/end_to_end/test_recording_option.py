"""--lc-callbacks-record: real models are asked for what a recording lacks."""

from __future__ import annotations

import json

import partners
import pytest

partners.fetch("langchain_openai").ChatOpenAI(model="a", api_key="k")
partners.fetch("pytest_httpserver")

HEAD = """
    import asyncio
    import pytest
    from pathlib import Path
    from langchain_core.language_models import FakeListChatModel
    from pytest_lc_callbacks import FakeChatModel, RecordingHandler

    CALLS = Path(__file__).with_name("calls.jsonl")

    def model():
        return FakeChatModel.replay(CALLS, real=FakeListChatModel(responses=["Paris", "Oslo"]))
"""
WARN = "-Wdefault::pytest_lc_callbacks.CallbackFindingWarning"
ASK = """
    def test_a(recording_handler):
        assert model().invoke("France?", {"callbacks": [recording_handler]}).content == "Paris"
        assert recording_handler.names == ["chat_model_start", "llm_end"]
"""


@pytest.fixture
def run(pytester, monkeypatch):
    monkeypatch.delenv("CI", raising=False)

    def run(source, *args):
        pytester.makepyfile(HEAD + source)
        return pytester.runpytest_inprocess(WARN, *args)

    return run


def lines(pytester):
    return pytester.path.joinpath("calls.jsonl").read_text("utf-8").splitlines()


def test_recording(run, pytester):
    """
    The first run with the option asks the real model, the next ones replay, and each says at its end what it added.
    """
    result = run(ASK, "--lc-callbacks-record")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["calls.jsonl: 1 model call recorded"])
    before = lines(pytester)

    result = run(ASK, "--lc-callbacks-record")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["--lc-callbacks-record: no model call was missing"])
    result = run(ASK)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*recorded*")

    assert lines(pytester) == before
    assert json.loads(before[0])["request"]["messages"] == [{"type": "human", "data": {"content": "France?"}}]


def test_without_the_option(run, pytester):
    """
    Without the option nothing is asked and nothing is written: a file that is missing is an error.
    """
    result = run(ASK)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*calls.jsonl: cannot read recorded model calls:*"])
    assert not pytester.path.joinpath("calls.jsonl").exists()


def test_in_ci(run, pytester, monkeypatch):
    """
    In CI the option records nothing, and says so.
    """
    run(ASK, "--lc-callbacks-record").assert_outcomes(passed=1)
    monkeypatch.setenv("CI", "true")
    before = lines(pytester)
    result = run(ASK.replace("France", "Norway"), "--lc-callbacks-record")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FakeChatModelMiss*", "--lc-callbacks-record recorded nothing: CI is set"])
    assert lines(pytester) == before


@pytest.mark.parametrize(
    "ask",
    [
        "model().invoke('q')",
        "list(model().stream('q'))",
        "asyncio.run(model().ainvoke('q'))",
        "asyncio.run(all_of(model().astream('q')))",
        "model().invoke('q', stop=['#'])",
    ],
)
def test_every_mode(run, pytester, ask):
    """
    The real model is asked in the mode in which the fake was, and the handlers hear one run.
    """
    source = f"""
    async def all_of(chunks):
        return [chunk async for chunk in chunks]

    def test_a(callback_scopes):
        {ask}
        assert len(callback_scopes.runs) == 1
    """
    run(source, "--lc-callbacks-record").assert_outcomes(passed=1)
    run(source).assert_outcomes(passed=1)

    assert len(lines(pytester)) == 1


def test_errors_are_recorded(run):
    """
    An error of the real model is recorded too.
    """
    source = """
    class Broken(FakeListChatModel):
        def _call(self, *args, **kwargs):
            raise TimeoutError("down")

    def test_a():
        with pytest.raises(TimeoutError, match="down"):
            FakeChatModel.replay(CALLS, real=Broken(responses=[])).invoke("hi")
    """
    run(source, "--lc-callbacks-record").assert_outcomes(passed=1)
    run(source.replace("down", "up", 1)).assert_outcomes(passed=1)


def test_the_model_of_the_application(run, pytester, httpserver):
    """
    With `stand_in_for`, the application's own model is asked and recorded, tools and streams included.
    """
    from provider_servers import openai_server

    server = openai_server(httpserver).text("Paris.").text("Paris.").tool_call("weather", {"city": "Oslo"})
    source = f"""
    from langchain_openai import ChatOpenAI

    def weather(city: str) -> str:
        "Look up the weather."

    def test_a(callback_scopes):
        for classes in ([], [ChatOpenAI]):
            with FakeChatModel.replay(CALLS).stand_in_for(*classes):
                model = ChatOpenAI(model="gpt-4.1-mini", base_url={server.url!r}, api_key="k", max_retries=0)
                if not classes:
                    assert model.invoke("France?").content == "Paris."
                    assert "".join(chunk.content for chunk in model.stream("France, streamed?")) == "Paris."
                else:
                    [call] = model.bind_tools([weather]).invoke("Oslo?").tool_calls
                    assert call["args"] == {{"city": "Oslo"}}
        assert len(callback_scopes.runs) == 3
    """
    run(source, "--lc-callbacks-record").assert_outcomes(passed=1)
    assert len(server.requests) == 3
    run(source).assert_outcomes(passed=1)

    assert len(server.requests) == 3
    assert len(lines(pytester)) == 3


def test_tools_of_another_provider(run, httpserver):
    """
    The real model binds the tools itself, in its own provider's form.
    """
    partners.fetch("langchain_anthropic")
    from provider_servers import anthropic_server

    server = anthropic_server(httpserver).tool_call("weather", {"city": "Oslo"})
    source = f"""
    from langchain_anthropic import ChatAnthropic

    def weather(city: str) -> str:
        "Look up the weather."

    def test_a():
        real = ChatAnthropic(model="claude-sonnet-4-6", base_url={server.url!r}, api_key="k", max_retries=0)
        model = FakeChatModel.replay(CALLS, real=real).bind_tools([weather], tool_choice="any")
        assert model.invoke("Oslo?").tool_calls[0]["args"] == {{"city": "Oslo"}}
    """
    run(source, "--lc-callbacks-record").assert_outcomes(passed=1)
    assert server.requests[0]["tools"][0]["input_schema"]["required"] == ["city"]
    assert server.requests[0]["tool_choice"] == {"type": "any"}

    run(source).assert_outcomes(passed=1)


def test_no_real_model(run):
    """
    A replay that has nobody to ask says so.
    """
    source = "\n    def test_a():\n        FakeChatModel.replay(CALLS).invoke('hi')\n"
    result = run(source, "--lc-callbacks-record")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TypeError: replay(): there is no real model to ask for what is missing; *"])


@pytest.mark.once
def test_workers(run, pytester, monkeypatch):
    """
    Workers of pytest-xdist add to one file, and the summary has the sum.
    """
    pytest.importorskip("xdist", reason="pytest-xdist is what runs workers")
    # Workers begin sooner without the other plugins of the environment.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    plugins = ["-p", "xdist", "-p", "pytest_lc_callbacks.plugin"]
    source = """
    @pytest.mark.parametrize("number", range(8))
    def test_a(number):
        assert model().invoke(f"question {number}").content == "Paris"
    """
    result = run(source, *plugins, "--lc-callbacks-record", "-n2")

    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(["calls.jsonl: 8 model calls recorded"])
    assert len(lines(pytester)) == 8
    run(source, *plugins).assert_outcomes(passed=8)


def test_calls_that_are_not_asked_for(run):
    """
    Recorded calls that no test asks for are reported only where the level of the finding is written down.
    """
    run(ASK, "--lc-callbacks-record").assert_outcomes(passed=1)
    source = "\n    def test_b(recording_handler):\n        model()\n"

    run(source).assert_outcomes(passed=1)
    run(source, "-olc_callbacks_observe=all").assert_outcomes(passed=1)
    result = run(source, "-olc_callbacks_unused_response=error")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "expected every recorded call to be asked for, but 1 call was not *[[]unused_response]",
            "  calls.jsonl, line 1: human: France?",
        ]
    )
    marked = source.replace("def test_b", "@pytest.mark.lc_callbacks(unused_response='warn')\n    def test_b")
    run(marked).assert_outcomes(passed=1, warnings=1)


def test_a_miss_that_the_program_hides(run):
    """
    A miss that somebody caught is the finding `exhausted_model`.
    """
    run(ASK, "--lc-callbacks-record").assert_outcomes(passed=1)
    result = run(
        """
    def test_b(recording_handler):
        with_fallback = model().with_fallbacks([FakeListChatModel(responses=["Oslo"])])
        assert with_fallback.invoke("Norway?").content == "Oslo"
    """
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*had none for a call *[[]exhausted_model]", "  FakeChatModelMiss was raised,*"])
