"""Rules of a script: what matches a prompt, and what is refused."""

from __future__ import annotations

import asyncio
import re
from unittest.mock import AsyncMock

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from pytest_lc_callbacks import FakeChatModel

# These tests leave scripts over on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_lc_callbacks.CallbackFindingWarning")


async def later(messages):
    return True


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


def test_a_predicate_may_call_a_model():
    """
    The script is not locked while a rule's function runs.
    """
    judge = FakeChatModel().respond("yes", always=True)
    model = FakeChatModel(responses=["queue"])
    model.on(lambda messages: model.call_count and judge.invoke(messages).content == "yes").respond("judged")

    assert model.invoke("x").content == "judged"


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
    An error of a rule's function is raised by the call, in every mode; a coroutine is refused.
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
