"""Uploads of traces that nobody asked for: the finding ``trace_upload``, and the setting that prevents them."""

from __future__ import annotations

import langsmith.run_trees
import langsmith.utils
import pytest

from pytest_lc_callbacks._findings.trace_upload import tracing_variable

PROGRAM = """
import pytest
from langchain_core.runnables import RunnableLambda

pytestmark = pytest.mark.lc_callbacks

def test_first(fake_chat_model):
    fake_chat_model.invoke("hi")

def test_second():
    RunnableLambda(str).invoke("hi")
"""
WARNING = "expected the runs of a test to stay here, but LangSmith's tracer sends them to https://traces.example"


class Client:
    """Takes what LangSmith would be sent."""

    api_url = "https://traces.example"

    def __init__(self):
        self.sent = []

    def create_run(self, *args, **kwargs):
        self.sent.append(kwargs)

    update_run = create_run


@pytest.fixture
def client(monkeypatch):
    """The process's own client, and an environment that traces nothing."""
    client = Client()
    monkeypatch.setattr(langsmith.run_trees, "_CLIENT", client)
    for name in ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING"):
        monkeypatch.delenv(name, raising=False)
    langsmith.utils.get_env_var.cache_clear()
    yield client
    langsmith.utils.get_env_var.cache_clear()


@pytest.fixture
def run(pytester, monkeypatch, client):
    """Runs a test file in an environment that traces every run."""

    def run(source=PROGRAM, *args, variable="LANGSMITH_TRACING"):
        if variable:
            monkeypatch.setenv(variable, "true")
        pytester.makepyfile(source)
        filters = "-Walways::pytest_lc_callbacks.CallbackFindingWarning"
        plugins = ("-p", "no:randomly", "-p", "no:langsmith_plugin")
        return pytester.runpytest_inprocess(*plugins, filters, "-omarkers=langsmith", *args)

    return run


def warned(result):
    """How many tests were warned; LangSmith's tracer has warnings of its own in some versions."""
    return sum("CallbackFindingWarning: expected the runs" in line for line in result.outlines)


@pytest.mark.parametrize("variable", ["LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"])
def test_it_is_told_once(run, client, variable):
    """
    The first test that is traced is warned, with the variable and the server, and no later one.
    """
    result = run(variable=variable)

    result.assert_outcomes(passed=2)
    assert warned(result) == 1
    result.stdout.fnmatch_lines([f"*CallbackFindingWarning: {WARNING}  [[]trace_upload]"])
    result.stdout.fnmatch_lines([f"*{variable}=true is set, *: FakeChatModel is the first of this test"])
    assert client.sent


def test_an_error_is_told_in_every_test(run):
    """
    At level error each test that is traced fails, whichever is first.
    """
    run(PROGRAM, "-olc_callbacks_trace_upload=error").assert_outcomes(failed=2)


@pytest.mark.parametrize("level", ["off", "warn"])
def test_it_can_be_allowed(run, level):
    """
    The marker and the setting that the finding ends with allow it.
    """
    assert warned(run(PROGRAM, f"-olc_callbacks_trace_upload={level}")) == (level == "warn")
    assert warned(run(PROGRAM.replace("lc_callbacks\n", f'lc_callbacks(trace_upload="{level}")\n'))) == (
        level == "warn"
    )


def test_the_block(run, client):
    """
    With `lc_callbacks_block_trace_uploads` no tracer is added, nothing is sent and nothing is told.
    """
    before = langsmith.utils.tracing_is_enabled

    assert warned(run(PROGRAM, "-olc_callbacks_block_trace_uploads=true")) == 0

    assert client.sent == []
    assert langsmith.utils.tracing_is_enabled is before


ASKS = {
    "marker": """
@pytest.mark.langsmith
def test_it(fake_chat_model):
    fake_chat_model.invoke("hi")
""",
    "own client": """
from langsmith import tracing_context

class Own:
    def create_run(self, *args, **kwargs): pass
    update_run = create_run

def test_it(fake_chat_model):
    with tracing_context(client=Own()):
        fake_chat_model.invoke("hi")
""",
    "nothing runs": """
def test_it(fake_chat_model):
    pass
""",
}
SETS_IT_ITSELF = """
@pytest.fixture
def traced(monkeypatch):
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    langsmith.utils.get_env_var.cache_clear()

def test_it(fake_chat_model, traced):
    fake_chat_model.invoke("hi")
"""


@pytest.mark.parametrize("source", ASKS.values(), ids=list(ASKS))
def test_who_asks_is_not_told(run, source):
    """
    A test with LangSmith's marker, or with a client of its own, means to be traced.
    """
    result = run(f"import pytest\n{source}")

    result.assert_outcomes(passed=1)
    assert warned(result) == 0


def test_a_fixture_that_sets_the_variable(run, client):
    """
    A test whose own fixture sets the variable means to be traced.
    """
    result = run(f"import pytest, langsmith.utils\n{SETS_IT_ITSELF}", variable=None)

    result.assert_outcomes(passed=1)
    assert warned(result) == 0
    assert client.sent


def test_an_environment_that_traces_nothing(run, client):
    """
    Where no variable is set, nothing is sent and nothing is told.
    """
    assert warned(run(variable=None)) == 0

    assert client.sent == []


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({}, None),
        ({"LANGSMITH_TRACING": "true"}, "LANGSMITH_TRACING=true"),
        ({"LANGSMITH_TRACING": "True"}, None),
        ({"LANGSMITH_TRACING_V2": "false", "LANGSMITH_TRACING": "true"}, None),
        ({"LANGSMITH_TRACING_V2": " ", "LANGCHAIN_TRACING": "true"}, "LANGCHAIN_TRACING=true"),
    ],
)
def test_the_variable_that_decides(environ, variable):
    """
    The first variable that is set decides, as in LangSmith, which takes no other word than ``true``.
    """
    assert tracing_variable(environ) == variable
