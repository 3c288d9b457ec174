"""stand_in_for in a test run: how long it lasts, and what it goes together with."""

from __future__ import annotations

import partners
import pytest

# Making one imports what its client needs: pytest inside pytest would forget that, and its exceptions would be twins.
partners.fetch("langchain_openai").ChatOpenAI(model="a", api_key="k")

WARN = "-Wdefault::pytest_lc_callbacks.CallbackFindingWarning"
HEAD = """
    import pytest
    from langchain_openai import ChatOpenAI
    from pytest_lc_callbacks import FakeChatModel

    def ask():
        model = ChatOpenAI(model="a", api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)
        return model.invoke("hi").content

    def is_real():
        return "_generate" not in vars(ChatOpenAI) and "__init__" not in vars(ChatOpenAI)
"""


@pytest.fixture
def run(pytester):
    def run(source, *args):
        pytester.makepyfile(HEAD + source)
        return pytester.runpytest_inprocess(WARN, *args)

    return run


@pytest.mark.parametrize("observe", ["auto", "all", "off"])
@pytest.mark.parametrize("make", ["fake_chat_model", "FakeChatModel()"], ids=["fixture", "constructor"])
def test_it_ends_with_the_test(run, make, observe):
    """
    It lasts until the end of the test, the tear-down of its fixtures included, whatever the outcome.
    """
    argument = make if "(" not in make else ""
    source = f"""
    @pytest.fixture
    def late():
        yield
        assert ask() == "This is a fake answer."

    def test_passes(late, {argument}):
        {make}.stand_in_for(ChatOpenAI)
        assert ask() == "This is a fake answer."

    def test_after_one_that_passed():
        assert is_real()

    def test_fails({argument}):
        {make}.stand_in_for(ChatOpenAI)
        assert ask() == "Something else."

    def test_after_one_that_failed():
        assert is_real()
    """

    run(source, f"-olc_callbacks_observe={observe}").assert_outcomes(passed=3, failed=1)


def test_in_a_test_case(run):
    """
    It ends with a test of unittest's too.
    """
    source = """
    import unittest

    class TestIt(unittest.TestCase):
        def test_a(self):
            FakeChatModel(["Paris"]).stand_in_for(ChatOpenAI)
            assert ask() == "Paris"

        def test_b(self):
            assert is_real()
    """

    run(source).assert_outcomes(passed=2)


@pytest.mark.parametrize("scope", ["module", "session", "class"])
def test_a_wider_fixture(run, scope):
    """
    In the fixture of a module it lasts for the tests of the module, and ends with the fixture.
    """
    source = f"""
    @pytest.fixture(scope={scope!r})
    def answers():
        FakeChatModel().respond("Paris", always=True).stand_in_for(ChatOpenAI)

    class TestIt:
        def test_first(self, answers):
            assert ask() == "Paris"

        def test_second(self, answers):
            assert ask() == "Paris"

    if {scope!r} == "class":
        def test_after():
            assert is_real()
    """
    result = run(source)

    result.assert_outcomes(passed=3 if scope == "class" else 2)
    from langchain_openai import ChatOpenAI

    assert "_generate" not in vars(ChatOpenAI)


@pytest.mark.parametrize(
    "source",
    [
        """
    def test_a(fake_chat_model):
        fake_chat_model.respond("Paris").stand_in_for(ChatOpenAI)
        assert ask() == "Paris"
    """,
        """
    def test_a(fake_chat_model):
        with fake_chat_model.respond("Paris").stand_in_for():
            assert ask() == "Paris"
    """,
        """
    @pytest.fixture(scope="session")
    def answers():
        with FakeChatModel().respond("Paris", always=True).stand_in_for():
            yield

    @pytest.fixture(scope="session", autouse=True)
    def early(answers): ...

    def test_a():
        assert ask() == "Paris"

    def test_b():
        assert ask() == "Paris"
    """,
    ],
    ids=["one", "all", "session"],
)
def test_beside_the_block_of_real_models(run, source):
    """
    `block_real_models` lets through what a fake answers, also where it stands in since an earlier test.
    """
    result = run(source, "-olc_callbacks_block_real_models=true")

    assert set(result.parseoutcomes()) == {"passed"}


def test_the_block_comes_back(run):
    """
    After the block of a stand-in the real model is refused again.
    """
    source = """
    def test_a(fake_chat_model):
        with fake_chat_model.respond("Paris").stand_in_for(ChatOpenAI):
            assert ask() == "Paris"
        ask()
    """
    result = run(source, "-olc_callbacks_block_real_models=true")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expected no call of a real model, but ChatOpenAI (langchain_openai) was called*"])


def test_decision_models_are_blocked(pytester, run):
    """
    A provider's decision model is refused as its chat models are, with what to give the code instead.
    """
    pytest.importorskip("langchain_core.decisions", reason="langchain-core has decision models since 1.8")
    pytester.makepyfile(
        langchain_decider="""
        from langchain_core.decisions import BaseDecisionModel, ClassifierResponse

        class Decider(BaseDecisionModel):
            model: str = "decider"

            @property
            def _provider(self):
                return "decider"

            def _classify(self, state, questions):
                return ClassifierResponse(model="decider", answers={})
        """
    )
    source = """
    import asyncio
    from langchain_decider import Decider

    REQUEST = {"state": "x", "questions": {}}

    class Mine(Decider):
        def _classify(self, state, questions):
            return "mine"

    def test_invoke():
        Decider().invoke(REQUEST)

    def test_ainvoke():
        asyncio.run(Decider().ainvoke(REQUEST))

    def test_mine():
        Mine()._classify("x", {})

    @pytest.mark.lc_callbacks(block_real_models=False)
    def test_allowed():
        Decider().invoke(REQUEST)
    """
    result = run(source, "-olc_callbacks_block_real_models=true")

    result.assert_outcomes(failed=2, passed=2)
    result.stdout.fnmatch_lines(
        [
            "*expected no call of a real model, but Decider (langchain_decider) was called*",
            "*hint: give the code under test a subclass of BaseDecisionModel whose _classify decides.*",
        ]
    )


def test_findings(run):
    """
    A class that is never asked is no finding; a response that is left over is one.
    """
    source = """
    def test_never_asked(fake_chat_model):
        fake_chat_model.stand_in_for(ChatOpenAI)

    def test_left_over(fake_chat_model):
        fake_chat_model.respond("Paris", "Oslo").stand_in_for(ChatOpenAI)
        ask()
    """
    result = run(source)

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*but 1 response was never given*unused_response*", "  'Oslo'"])


def test_the_frames_of_a_refusal(run):
    """
    A call that the script has nothing for is shown at the user's line.
    """
    source = """
    def test_a(fake_chat_model):
        fake_chat_model.respond("Paris").stand_in_for(ChatOpenAI)
        ask()
        ask()
    """
    result = run(source)

    result.stdout.fnmatch_lines(["*FakeChatModelExhausted: expected at most 1 call of the model, but this is call 2"])
    result.stdout.no_fnmatch_line("*_fake/*")
