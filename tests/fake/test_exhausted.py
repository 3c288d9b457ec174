"""What a model says when its script has no response for a call."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from pytest_lc_callbacks import FakeChatModel, FakeChatModelExhausted

# These tests leave scripts over on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_lc_callbacks.CallbackFindingWarning")


def responses(model, *prompts):
    """What the model says to the prompts."""
    return [model.invoke(prompt).content for prompt in prompts]


def explanation(model, prompt) -> str:
    """What the model says when its script has nothing for *prompt*."""
    with pytest.raises(FakeChatModelExhausted) as caught:
        model.invoke(prompt)
    return str(caught.value)


def text(block: str) -> str:
    return dedent(block).strip()


def test_a_spent_rule_is_exhausted():
    """
    A rule whose responses are spent does not let later rules or the queue respond.
    """
    model = FakeChatModel(responses=["queue"])
    model.on("a").respond("once")
    responses(model, "a")

    assert explanation(model, "a").startswith(
        "expected at most 1 call for on('a'), but call 2 of the model is another one"
    )


def test_an_exhausted_queue():
    """
    An exhausted model names the call, its script, the prompt and the way out.
    """
    model = FakeChatModel(responses=["one"]).respond(tool_calls=[("search", {"q": "x"})], times=2)
    responses(model, "a", "b", "c")

    assert explanation(model, [SystemMessage("Be kind."), HumanMessage("And now?")]) == text("""
        expected at most 3 calls of the model, but this is call 4
        script:
          'one' - used
          tool call search(q='x') (2 times) - used
        prompt of call 4:
          system: 'Be kind.'
          human: 'And now?'
        hint: if it is meant, add .respond(...) for it, or always=True on the last response
    """)


def test_a_prompt_that_comes_again():
    """
    An exhausted model says when the same prompt came before, as it does with a retry or a fallback.
    """
    model = FakeChatModel(responses=["one", "two"])
    responses(model, "same", "other")

    again = "(the same prompt as call 1: a retry, a fallback or a loop asks again)"
    assert again in explanation(model, "same")
    assert "same prompt" not in explanation(model, "new")


def test_a_prompt_that_no_rule_matches():
    """
    A model of rules that match nothing does not fall back to the fixed text.
    """
    model = FakeChatModel()
    model.on("refund").respond("Certainly.", always=True)
    model.on(re.compile("b.e")).respond("Goodbye.", times=2)
    responses(model, "bye")

    assert explanation(model, "Hello?") == text("""
        expected a prompt that a rule matches, but none of them matches the prompt of call 2
        script:
          on('refund'): 'Certainly.' (always)
          on(re.compile('b.e')): 'Goodbye.' (2 times) - used 1 of 2 times
        prompt of call 2:
          human: 'Hello?'
        hint: if it is meant, add a rule .on(...).respond(...), or .respond(..., always=True) for the rest
    """)


def test_a_predicate_is_shown_by_its_name():
    """
    The message shows a rule with a function by the function's name.
    """

    def is_short(messages):
        return len(messages[-1].content) < 2

    model = FakeChatModel()
    model.on(is_short).respond("Short.")

    assert "  on(is_short): 'Short.'" in explanation(model, "a long prompt")


def test_rules_beside_an_exhausted_queue():
    """
    The message of an exhausted queue says that the responses of rules do not count.
    """
    model = FakeChatModel(responses=["one"])
    model.on("refund").respond("Certainly.")
    responses(model, "a")

    assert explanation(model, "b").startswith(
        "expected at most 1 call of the model besides those that a rule matches, but this is call 2"
    )


def test_a_rule_without_responses():
    """
    A rule without responses says so when it matches.
    """
    model = FakeChatModel()
    model.on("refund")

    assert explanation(model, "refund").startswith(
        "expected on('refund') to have a response for call 1, but it was scripted without one"
    )


def test_long_scripts_and_prompts_are_cut():
    """
    The message shows the last ten lines of a script and the last four messages of a prompt.
    """
    model = FakeChatModel(responses=[str(number) for number in range(30)])
    responses(model, *("x" for _ in range(30)))

    shown = explanation(model, [HumanMessage(f"message {number}") for number in range(9)] + [AIMessage("y" * 500)])

    assert "  ... and 20 more before\n  '20' - used" in shown
    assert "  ... and 6 more before\n  human: 'message 6'" in shown
    assert max(map(len, shown.splitlines())) < 220
