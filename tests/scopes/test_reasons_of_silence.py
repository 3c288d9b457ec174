"""Why a handler heard nothing, or not a call by itself: for each cause a program that has it, and near misses."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from reason_programs import MODEL, PROMPT, QUESTION, City, Shelf, at, lookup, model, own, words_of

from pytest_lc_callbacks import FakeChatModel

SWALLOWED = "FakeListChatModel was called with callbacks= among its options."


def test_swallowed_keywords():
    """
    ``bind(callbacks=...)`` shows among the options of a streaming model's call, and proves itself.
    """
    assert SWALLOWED in words_of(lambda h: list(MODEL.bind(callbacks=[h]).stream("q")))
    assert SWALLOWED not in words_of(lambda h: list(MODEL.bind(stop=["."]).stream("q")))


NOTHING = "the handler heard nothing. "
BEFORE_TOOLS = "with_config(callbacks=...) before bind_tools or with_structured_output"
REPLACED_CONFIG = "a second with_config(callbacks=...), which replaces the first"


def shelf_with(handler: Any) -> Any:
    """A retriever with constructor callbacks, made elsewhere."""
    return Shelf(callbacks=[handler])


def threaded(call: Any) -> None:
    """Call it in a thread."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def structured(handler: Any) -> Any:
    """A model with a schema, and with_config before it."""
    fake = FakeChatModel()
    fake.respond({"name": "Oslo"})
    return fake.with_config(callbacks=[handler]).with_structured_output(City)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            lambda h: (PROMPT | MODEL).invoke(QUESTION),
            "RunnableSequence was called at tests/scopes/test_reasons_of_silence.py:",
        ),
        (lambda h: (PROMPT | MODEL).ainvoke(QUESTION), "the handler was not passed to what ran: pass it at run time"),
        (
            lambda h: threaded(lambda: (PROMPT | MODEL).invoke(QUESTION)),
            "code between (a Runnable's invoke(), a wrapper) took the config",
        ),
        (lambda h: MODEL.with_config(at(h)).with_config(own()).invoke("q"), REPLACED_CONFIG),
        (lambda h: FakeChatModel().with_config(at(h)).bind_tools([lookup()]).invoke("q"), BEFORE_TOOLS),
        (lambda h: structured(h).invoke("q"), BEFORE_TOOLS),
        (
            lambda h: create_agent(FakeChatModel().with_config(at(h)), [lookup()]).invoke(
                {"messages": [("user", "q")]}
            ),
            BEFORE_TOOLS,
        ),
        (
            lambda h: shelf_with(h).invoke("q"),
            "the constructor of a prompt or a retriever, which ignores callbacks",
        ),
    ],
    ids=[
        *[
            "never attached",
            "never attached, async",
            "config dropped",
            "replaced config",
            "before tools",
            "before schema",
        ],
        *["agent", "retriever"],
    ],
)
def test_heard_nothing(program, words):
    """
    Where a handler heard nothing, nothing is proven: the message lists the possible causes that fit what ran.
    """
    said = words_of(program)

    assert NOTHING in said
    assert "Possible causes: - " in said
    assert words in said


def test_causes_that_do_not_fit_are_not_listed():
    """
    Near miss: tools, prompts, retrievers and graphs are no possible causes where none ran.
    """
    said = words_of(lambda h: MODEL.invoke("q"))

    assert NOTHING in said
    assert BEFORE_TOOLS not in said
    assert "prompt" not in said
    assert "langgraph" not in said


def test_a_proven_cause_leaves_out_the_possible_ones():
    """
    A proven cause stands alone, without a list of possible ones.
    """
    assert "Possible causes" not in words_of(lambda h: (PROMPT | model(callbacks=[h])).invoke(QUESTION))


@pytest.mark.parametrize(
    "program",
    [
        lambda h: (MODEL.with_config(run_name="other").invoke("q"), MODEL.invoke("q", at(h))),
        lambda h: [MODEL.with_config(run_name="other").invoke("q") for _ in (PROMPT | MODEL).stream(QUESTION, at(h))],
    ],
    ids=["before", "while a stream is read"],
)
def test_a_call_by_itself(program):
    """
    A run that code outside LangChain called has no handler but those of that call.
    """
    said = words_of(program)

    assert re.search(
        r"other was called by itself at \S+_of_silence.py:\d+, and the handler was not passed to it\. A call outside",
        said,
    )


@pytest.mark.parametrize("chain", [PROMPT | MODEL, PROMPT, lookup()], ids=["sequence", "prompt", "tool"])
def test_a_batch_with_a_list_of_configs(chain):
    """
    In a batch with a list of configs, each input has the callbacks of its own config alone.
    """
    # One after the other, since calls at the same time may have other causes as well.
    said = words_of(lambda h: chain.batch([QUESTION] * 2, [{**at(h), "max_concurrency": 1}, {}]))

    assert " was called by itself" in said
    assert "a batch with a list of configs, where each input has the callbacks of its own config alone" in said


def test_an_async_batch_with_a_list_of_configs():
    """
    In an async batch with a list of configs, that list is one of the possible causes.
    """
    said = words_of(lambda h: (PROMPT | MODEL).abatch([QUESTION] * 2, [at(h), {}]))

    assert "a batch with a list of configs, where each input has the callbacks of its own config alone" in said


@pytest.mark.parametrize("kind", [BaseRetriever, FakeListChatModel, StructuredTool])
def test_a_class_that_overrides_invoke(kind):
    """
    LangChain sends callbacks from its own invoke(): a class that overrides it sends none, and the message names the
    class.
    """

    class Silent(kind):
        """A component whose invoke() sends no callbacks."""

        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> Any:
            return []

        def invoke(self, question: Any, config: Any = None, **kwargs: Any) -> Any:
            return None

    options = {
        BaseRetriever: {},
        FakeListChatModel: {"responses": ["x"]},
        StructuredTool: {"name": "s", "description": "d", "args_schema": {}, "func": len},
    }
    silent = Silent(**options[kind])
    said = words_of(lambda h: silent.invoke("q", at(h)), lambda h: h.assert_runtime_scope(under=silent))

    assert re.search(r"Silent overrides invoke\(\) of Base\w+\. LangChain sends callbacks from invoke\(\)", said)
    assert "overrides invoke() of" not in words_of(lambda h: None, lambda h: h.assert_runtime_scope(under=MODEL))


@pytest.mark.parametrize("equal", [True, False], ids=["equal", "different"])
def test_a_handler_that_equals_another(spy_on, equal):
    """
    LangChain drops a handler that equals another, which is possible only where the class defines __eq__.
    """

    class Tagged(BaseCallbackHandler):
        def __init__(self, tag):
            self.tag = tag

        def __hash__(self):
            return hash(self.tag)

    if equal:
        Tagged.__eq__ = lambda self, other: isinstance(other, Tagged) and self.tag == other.tag
    around, inside = Tagged("audit"), Tagged("audit")
    spy = spy_on(inside)
    model = FakeChatModel().with_config(callbacks=[inside])

    (RunnableLambda(str) | model).invoke("x", {"callbacks": [around]})

    if not equal:
        spy.assert_constructor_scope("FakeChatModel")
        return
    with pytest.raises(AssertionError, match=r"(?s)heard nothing.*drops a handler that equals\s+another"):
        spy.assert_constructor_scope("FakeChatModel")
