"""Which response a call gets, what an exhausted script says, and what it tells the health checks."""

from __future__ import annotations

import asyncio
import copy
import re
import threading
from contextlib import suppress
from textwrap import dedent
from unittest.mock import AsyncMock

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from pytest_lc_callbacks._fake.model import FakeChatModel, FakeChatModelExhausted


def answers(model, *prompts):
    return [model.invoke(prompt).content for prompt in prompts]


async def later(messages):
    return True


def explanation(model, prompt) -> str:
    """What the model says when its script has nothing for *prompt*."""
    with pytest.raises(FakeChatModelExhausted) as caught:
        model.invoke(prompt)
    return str(caught.value)


def text(block: str) -> str:
    return dedent(block).strip()


def test_times():
    """
    A response may be given a number of times before the next one.
    """
    model = FakeChatModel().respond("one", times=2).respond("two")

    assert answers(model, *"xxx") == ["one", "one", "two"]


def test_always():
    """
    A response may be given without end.
    """
    model = FakeChatModel().respond("one").respond("two", always=True)

    assert answers(model, *"xxxx") == ["one", "two", "two", "two"]


def test_nothing_comes_after_always():
    """
    What is scripted after a response without end could never be given, and is refused.
    """
    model = FakeChatModel().respond("one", always=True)

    with pytest.raises(ValueError, match=re.escape("respond('two') would never be given: the answer before it, 'one'")):
        model.respond("two")


def test_several_at_once():
    """
    Several responses in one call are given one after the other.
    """
    assert answers(FakeChatModel().respond("one", "two").respond("three"), *"xxx") == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("matcher", "prompt", "matches"),
    [
        ("refund", "a refund, please", True),
        ("Refund", "a refund, please", False),
        ("refund", [HumanMessage("refund"), AIMessage("Why?"), HumanMessage("Because.")], False),
        ("refund", [HumanMessage([{"type": "text", "text": "a refund"}, {"type": "image", "url": "x"}])], True),
        (re.compile(r"re\w+d$", re.IGNORECASE), "A REFUND", True),
        (re.compile(r"^refund"), "a refund", False),
        (lambda messages: len(messages) > 1, [SystemMessage("Be kind."), HumanMessage("hi")], True),
        (lambda messages: len(messages) > 1, "hi", False),
    ],
    ids=["text", "case", "not the last", "blocks", "regex", "anchored regex", "predicate", "false predicate"],
)
def test_matchers(matcher, prompt, matches):
    """
    A rule matches by a part of the last message's text, case-sensitive, by a regex searched in it, or by a function.
    """
    model = FakeChatModel().respond("no")
    model.on(matcher).respond("yes")

    assert model.invoke(prompt).content == ("yes" if matches else "no")


def test_rules_in_order():
    """
    Rules are tried in order, before the queue.
    """
    model = FakeChatModel(responses=["queue"])
    model.on("a").respond("first", always=True)
    model.on("ab").respond("second", always=True)
    model.on("b").respond("third", always=True)

    assert answers(model, "ab", "b", "c") == ["first", "third", "queue"]


def test_a_spent_rule_is_exhausted():
    """
    A rule whose answers are spent does not let later rules or the queue answer.
    """
    model = FakeChatModel(responses=["queue"])
    model.on("a").respond("once")
    answers(model, "a")

    assert explanation(model, "a").startswith(
        "expected at most 1 call for on('a'), but call 2 of the model is another one"
    )


def test_a_spent_rule_of_optional_answers_steps_aside():
    """
    A rule whose answers are all optional lets others answer when they are spent.
    """
    model = FakeChatModel(responses=["queue"])
    model.on("a").respond("once", optional=True)

    assert answers(model, "a", "a") == ["once", "queue"]


def test_a_predicate_may_call_a_model():
    """
    A rule's function runs without the script being locked.
    """
    judge = FakeChatModel().respond("yes", always=True)
    model = FakeChatModel(responses=["queue"])
    model.on(lambda messages: model.call_count and judge.invoke(messages).content == "yes").respond("judged")

    assert answers(model, "x") == ["judged"]


@pytest.mark.parametrize(
    ("matcher", "kind", "message"),
    [
        (
            "",
            ValueError,
            "on(''): every text has the empty text in it; for any prompt write .respond(..., always=True)",
        ),
        (3, TypeError, "on() takes a part of the last message's text, a compiled regex or a function"),
        (None, TypeError, "not None (NoneType)"),
        (str, TypeError, "on() takes a part of the last message's text"),
        (re.compile(b"x"), TypeError, "on(b'x'): prompts are text; write re.compile('x')"),
        (lambda: True, TypeError, "on(): the function <lambda> (function) is called with the list of messages"),
        (lambda messages: (yield), TypeError, "on(): the function <lambda> (function) yields"),
        (later, TypeError, "on(later): a rule's function says yes or no at once, and this one is asynchronous"),
        (AsyncMock(), TypeError, "on(AsyncMock): a rule's function says yes or no at once"),
    ],
    ids=["empty", "a number", "None", "a class", "bytes", "a function of nothing", "a generator", "async", "mock"],
)
def test_what_a_rule_refuses(matcher, kind, message):
    """
    A matcher that could not match, or would match everything, is refused when it is scripted.
    """
    with pytest.raises(kind, match=re.escape(message)):
        FakeChatModel().on(matcher)


@pytest.mark.parametrize("ask", ["invoke", "stream", "ainvoke", "batch"])
@pytest.mark.parametrize(
    ("predicate", "kind", "message"),
    [
        (lambda _: later([]), TypeError, "on(<lambda>): a rule's function says yes or no at once"),
        (lambda messages: next(iter(())), RuntimeError, "the function of on(<lambda>) raised StopIteration for call 1"),
        (lambda messages: {}["x"], KeyError, "x"),
    ],
    ids=["a coroutine", "StopIteration", "another error"],
)
def test_a_rule_that_cannot_say(ask, predicate, kind, message):
    """
    What a rule's function raises is raised by the call, in every mode alike, and a coroutine is no yes.
    """
    model = FakeChatModel()
    model.on(predicate).respond("x")
    call = {
        "invoke": lambda: model.invoke("x"),
        "stream": lambda: list(model.stream("x")),
        "ainvoke": lambda: asyncio.run(model.ainvoke("x")),
        "batch": lambda: model.batch(["x"]),
    }[ask]

    with pytest.raises(kind, match=re.escape(message)):
        call()


def test_an_exhausted_queue():
    """
    An exhausted model names the call, its script, the prompt and the way out.
    """
    model = FakeChatModel(responses=["one"]).respond(tool_calls=[("search", {"q": "x"})], times=2)
    answers(model, "a", "b", "c")

    assert explanation(model, [SystemMessage("Be kind."), HumanMessage("And now?")]) == text("""
        expected at most 3 calls of the model, but this is call 4
        script:
          'one' - used
          tool call search(q='x') (2 times) - used
        prompt of call 4:
          system: 'Be kind.'
          human: 'And now?'
        hint: if it is meant, add .respond(...) for it, or always=True on the last answer
    """)


def test_a_prompt_that_comes_again():
    """
    An exhausted model says when the same prompt came before, as it does with a retry or a fallback.
    """
    model = FakeChatModel(responses=["one", "two"])
    answers(model, "same", "other")

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
    answers(model, "bye")

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
    A rule by a function is shown by the function's name.
    """

    def is_short(messages):
        return len(messages[-1].content) < 2

    model = FakeChatModel()
    model.on(is_short).respond("Short.")

    assert "  on(is_short): 'Short.'" in explanation(model, "a long prompt")


def test_rules_beside_an_exhausted_queue():
    """
    Where there are rules too, an exhausted queue says that they do not count.
    """
    model = FakeChatModel(responses=["one"])
    model.on("refund").respond("Certainly.")
    answers(model, "a")

    assert explanation(model, "b").startswith(
        "expected at most 1 call of the model besides those that a rule matches, but this is call 2"
    )


def test_a_rule_without_answers():
    """
    A rule that was never given an answer says so when it matches.
    """
    model = FakeChatModel()
    model.on("refund")

    assert explanation(model, "refund").startswith(
        "expected on('refund') to have an answer for call 1, but it was scripted without one"
    )


def test_long_scripts_and_prompts_are_cut():
    """
    Of a long script the last ten lines are shown, of a long prompt the last four messages.
    """
    model = FakeChatModel(responses=[str(number) for number in range(30)])
    answers(model, *("x" for _ in range(30)))

    shown = explanation(model, [HumanMessage(f"message {number}") for number in range(9)] + [AIMessage("y" * 500)])

    assert "  ... 20 before\n  '20' - used" in shown
    assert "  ... 6 before\n  human: 'message 6'" in shown
    assert max(map(len, shown.splitlines())) < 220


def test_unused_responses():
    """
    A script tells what is left over: each response that was to be given, but those that are optional or without end.
    """
    model = FakeChatModel(responses=["one", "two"]).respond("three", times=3).respond("four", optional=True)
    model.on("refund").respond("Certainly.").respond("Again?")
    model.on("bye").respond("Goodbye.", always=True)
    answers(model, "a", "b", "c", "refund")

    assert model.script.unused == ["'three' (1 of 3 times used)", "on('refund'): 'Again?'"]


def test_nothing_is_left_over():
    """
    A script that was used up, or never written, leaves nothing over.
    """
    model = FakeChatModel(responses=["one"]).respond("two", times=2)
    answers(model, *"xxx")

    assert model.script.unused == FakeChatModel().script.unused == FakeChatModel().auto().script.unused == []


def test_exhausted_calls_are_kept():
    """
    A script keeps the exceptions it raised, whoever caught them.
    """
    model = FakeChatModel(responses=["one"])
    chain = model.with_fallbacks([FakeChatModel(responses=["fallback"])])

    assert answers(chain, "a", "b") == ["one", "fallback"]
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


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (FakeChatModel(responses=["Hello!"]), "<Call 1: invoke 'Hi.' -> 'Hello!'>"),
        (FakeChatModel().respond(tool_calls=[("f", {"x": 1})]), "<Call 1: invoke 'Hi.' -> tool call f(x=1)>"),
        (FakeChatModel().respond(TimeoutError()), "<Call 1: invoke 'Hi.' -> raised TimeoutError>"),
    ],
    ids=["text", "tool call", "error"],
)
def test_the_repr_of_a_call(model, shown):
    """
    A call prints as what was asked and what came of it.
    """
    with suppress(TimeoutError):
        model.invoke("Hi.")

    assert repr(model.calls[0]) == shown


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
