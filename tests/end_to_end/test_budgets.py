"""Budgets on the marker: how many model calls and tokens a test may spend."""

from __future__ import annotations

import pytest
from programs import HEAD

BODY = """
def test_it(fake_chat_model):
    chain = RunnableLambda(lambda text: fake_chat_model.invoke(text), name="ask")
    for _ in range(3):
        chain.invoke("hi")
"""


@pytest.fixture
def run(pytester):
    """Runs a test with this marker."""

    def run(budgets, source=BODY, *args):
        marker = f"@pytest.mark.lc_callbacks({budgets})\ndef test_it"
        pytester.makepyfile(HEAD + source.replace("def test_it", marker))
        return pytester.runpytest_inprocess("-p", "no:randomly", *args)

    return run


def test_too_many_calls(run):
    """
    A failure says how many calls there were, and lists each of them with its line and its tokens.
    """
    result = run("max_model_calls=2")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "expected at most 2 model calls, but there were 3  [[]over_budget]",
            "  call 1: FakeChatModel in ask, called at test_too_many_calls.py:*: * tokens",
            "  call 2: *",
            "  call 3: *",
            "to allow this: @pytest.mark.lc_callbacks(max_model_calls=3)",
        ]
    )
    result.stdout.no_fnmatch_line("*plugin.py*")


def test_too_many_tokens(run):
    """
    Tokens are added up over all calls, as the models report them.
    """
    result = run("max_total_tokens=3, max_model_calls=3")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["expected at most 3 tokens, but there were *  [[]over_budget]", "  call 1: * tokens"])


def test_a_model_that_reports_no_usage(run):
    """
    A call whose model reports no usage counts as no token, and its line says why.
    """
    source = """
from langchain_core.language_models import FakeListChatModel

def test_it(fake_chat_model):
    FakeListChatModel(responses=["a"]).invoke("hi")
    fake_chat_model.invoke("hi")
"""
    result = run("max_total_tokens=0", source)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  call 1: FakeListChatModel, called at *: no usage reported", "  call 2: * tokens"])


@pytest.mark.parametrize(
    "budgets",
    ["max_model_calls=3", "max_model_calls=3, max_total_tokens=4000", "max_total_tokens=4000"],
)
def test_what_is_within_its_budget(run, budgets):
    """
    A test that spends what it may passes.
    """
    run(budgets).assert_outcomes(passed=1)


def test_what_a_fixture_spends(run):
    """
    The budget is the body's: what a fixture asks a model before and after is not counted.
    """
    source = """
@pytest.fixture
def asked(fake_chat_model):
    fake_chat_model.invoke("before")
    yield fake_chat_model
    fake_chat_model.invoke("after")

def test_it(asked):
    pass
"""
    run("max_model_calls=0", source).assert_outcomes(passed=1)


def test_every_call_counts(run):
    """
    Calls in threads of the test's own, async ones, streams, retries and fallbacks count; a chain is no call.
    """
    source = """
def test_it(fake_chat_model):
    fake_chat_model.respond(ValueError("no"), optional=True)
    worker = threading.Thread(target=FakeChatModel().invoke, args=("hi",))
    worker.start()
    worker.join()
    asyncio.run(FakeChatModel().ainvoke("hi"))
    list(FakeChatModel().stream("hi"))
    fake_chat_model.with_fallbacks([FakeChatModel()]).invoke("hi")
"""
    result = run("max_model_calls=0", source)

    result.stdout.fnmatch_lines(["expected at most 0 model calls, but there were 5  [[]over_budget]"])


def test_a_test_that_failed_already(run):
    """
    A test that failed keeps its failure, and its report says that it was over its budget.
    """
    result = run("max_model_calls=2", BODY + "    assert not 'mine'\n")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: assert not 'mine'", "*over_budget*"])


@pytest.mark.parametrize(
    ("budgets", "said"),
    [
        ("max_model_calls=-1", "lc_callbacks(max_model_calls=-1): expected a number from 0 on"),
        ("max_total_tokens=True", "lc_callbacks(max_total_tokens=True): expected a number from 0 on"),
        ("max_model_call=1", "*did you mean 'max_model_calls'?*"),
    ],
)
def test_a_wrong_budget(run, budgets, said):
    """
    A budget that is no number, or is misspelt, is an error of the marker.
    """
    result = run(budgets)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{said}*"])


def test_a_budget_without_an_observer(run):
    """
    A budget cannot be held where the project has switched the observer off, and is refused instead of ignored.
    """
    result = run("max_model_calls=1", BODY, "-olc_callbacks_observe=off")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*lc_callbacks(max_model_calls=...) needs the observer, and *"])
