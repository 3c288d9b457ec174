"""Which response a call gets, and what a script tells the health checks."""

from __future__ import annotations

import copy
import re
import threading

import pytest

from pytest_lc_callbacks import FakeChatModel, FakeChatModelExhausted


def responses(model, *prompts):
    """What the model says to the prompts."""
    return [model.invoke(prompt).content for prompt in prompts]


def test_times():
    """
    A response may be given a number of times before the next one.
    """
    model = FakeChatModel().respond("one", times=2).respond("two")

    assert responses(model, *"xxx") == ["one", "one", "two"]


def test_always():
    """
    A response may be given without end.
    """
    model = FakeChatModel().respond("one").respond("two", always=True)

    assert responses(model, *"xxxx") == ["one", "two", "two", "two"]


def test_nothing_comes_after_always():
    """
    What is scripted after a response without end could never be given, and is refused.
    """
    model = FakeChatModel().respond("one", always=True)

    with pytest.raises(ValueError, match=re.escape("respond('two') would never be given: the response before it, 'o")):
        model.respond("two")


def test_several_at_once():
    """
    Several responses in one call are given one after the other.
    """
    assert responses(FakeChatModel().respond("one", "two").respond("three"), *"xxx") == ["one", "two", "three"]


def test_rules_in_order():
    """
    Rules are tried in order, before the queue.
    """
    model = FakeChatModel(responses=["queue"])
    model.on("a").respond("first", always=True)
    model.on("ab").respond("second", always=True)
    model.on("b").respond("third", always=True)

    assert responses(model, "ab", "b", "c") == ["first", "third", "queue"]


def test_a_spent_rule_of_optional_answers_steps_aside():
    """
    A rule whose answers are all optional lets others answer when they are spent.
    """
    model = FakeChatModel(responses=["queue"])
    model.on("a").respond("once", optional=True)

    assert responses(model, "a", "a") == ["once", "queue"]


def test_unused_responses():
    """
    A script tells what is left over: each response that was to be given, but those that are optional or without end.
    """
    model = FakeChatModel(responses=["one", "two"]).respond("three", times=3).respond("four", optional=True)
    model.on("refund").respond("Certainly.").respond("Again?")
    model.on("bye").respond("Goodbye.", always=True)
    responses(model, "a", "b", "c", "refund")

    assert model.script.unused == ["'three' (1 of 3 times used)", "on('refund'): 'Again?'"]


def test_nothing_is_left_over():
    """
    A script that was used up, or never written, leaves nothing over.
    """
    model = FakeChatModel(responses=["one"]).respond("two", times=2)
    responses(model, *"xxx")

    assert model.script.unused == FakeChatModel().script.unused == FakeChatModel().auto().script.unused == []


def test_exhausted_calls_are_kept():
    """
    A script keeps the exceptions it raised, whoever caught them.
    """
    model = FakeChatModel(responses=["one"])
    chain = model.with_fallbacks([FakeChatModel(responses=["fallback"])])

    assert responses(chain, "a", "b") == ["one", "fallback"]
    assert [type(error) for error in model.script.exhausted] == [FakeChatModelExhausted]
    assert str(model.script.exhausted[0]).startswith("expected at most 1 call of the model, but this is call 2")
    assert FakeChatModel().script.exhausted == []


def test_scripting_under_threads():
    """
    Responses scripted from many threads are all there.
    """
    model = FakeChatModel()
    threads = [threading.Thread(target=lambda: [model.respond("x") for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(model.script.unused) == 1600


def test_a_script_is_not_copied():
    """
    A copy of a script is the script.
    """
    script = FakeChatModel().script

    assert copy.copy(script) is copy.deepcopy(script) is script


def test_the_repr_of_a_script():
    """
    A script prints as how much is left.
    """
    assert repr(FakeChatModel(responses=["a"]).script) == "<Script: 1 scripted left, 0 calls>"
