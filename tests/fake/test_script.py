"""Which response a call gets, and what a script tells the health checks."""

from __future__ import annotations

import copy
import re
import threading

import pytest

from pytest_lc_callbacks import FakeChatModel, FakeChatModelExhausted

# These tests leave scripts over on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_lc_callbacks.CallbackFindingWarning")


def responses(model, *prompts):
    """What the model says to the prompts."""
    return [model.invoke(prompt).content for prompt in prompts]


def test_times():
    """
    A response may be given several times before the next one.
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
    A response behind one without end is refused: it could never be given.
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


def test_a_spent_rule_of_optional_responses_steps_aside():
    """
    A rule whose responses are all optional lets others respond when they are spent.
    """
    model = FakeChatModel(responses=["queue"])
    model.on("a").respond("once", optional=True)

    assert responses(model, "a", "a") == ["once", "queue"]


def test_unused_responses():
    """
    `unused` lists each response that had to be given and was not; optional and endless ones do not count.
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
    A script keeps the exceptions that it raised, also if the program caught them.
    """
    model = FakeChatModel(responses=["one"])
    chain = model.with_fallbacks([FakeChatModel(responses=["fallback"])])

    assert responses(chain, "a", "b") == ["one", "fallback"]
    assert [type(error) for error in model.script.exhausted] == [FakeChatModelExhausted]
    assert str(model.script.exhausted[0]).startswith("expected at most 1 call of the model, but this is call 2")
    assert FakeChatModel().script.exhausted == []


def test_scripting_under_threads():
    """
    Responses that many threads script are all in the script.
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
    The repr of a script says how much is left.
    """
    assert repr(FakeChatModel(responses=["a"]).script) == "<Script: 1 scripted left, 0 calls>"
