"""The section *LangChain callbacks*: what ran, as somebody reads it below a failure."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import ToolException, tool
from langgraph.errors import GraphInterrupt
from langgraph.types import Interrupt

from pytest_lc_callbacks import FakeChatModel, observe_callbacks
from pytest_lc_callbacks._handlers.observer import observed_runs
from pytest_lc_callbacks._redaction import redact
from pytest_lc_callbacks._watching.section import section


@tool
def search(q: str, api_key: str = "") -> str:
    """Search."""
    raise ToolException("no network")


def section_of(program, remarks=None):
    """The section of what *program* runs, with all times the same."""
    with observe_callbacks() as observer:
        program()
    observed = observed_runs(observer)
    noted = {run: remark for run in observed.runs for name, remark in (remarks or {}).items() if run.label == name}
    text = section(observed.runs, observed.parent_of, clean=redact, remarks=noted)
    return re.sub(r" *\d+\.\d+ m?s", " 1 ms", text)


def lines(text):
    """Without the ends of lines."""
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def test_a_chain():
    """
    The section shows the run tree with durations, and the last prompt with its answer.
    """
    chain = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")]) | FakeChatModel(
        responses=["Paris"]
    )

    text = section_of(lambda: chain.invoke({"question": "The capital of France?"}))

    assert lines(text) == lines("""
RunnableSequence 1 ms
├── ChatPromptTemplate 1 ms
└── FakeChatModel 1 ms

last prompt, of FakeChatModel:
  system: "Be brief."
  human: "The capital of France?"
its answer:
  ai: "Paris"
""")


def test_an_agent():
    """
    The section shows what a tool was called with and what it answered, without secrets.
    """
    llm = FakeChatModel()
    llm.respond(tool_calls=[("search", {"q": "weather", "api_key": "sk-abcdefghijklmnopqrstuv"})]).respond("Sunny.")
    handled = search.model_copy(update={"handle_tool_error": True})

    text = section_of(lambda: create_agent(llm, [handled]).invoke({"messages": ["Bearer abcdefghijk"]}))

    assert "FakeChatModel 1 ms  calls search(q='weather', api_key='[redacted]')" in text
    assert "search(q='weather', api_key='[redacted]') 1 ms  answered with an error: 'no network'" in text
    assert 'human: "Bearer [redacted]"' in text
    assert "ai: calls search(q='weather', api_key='[redacted]')" in text
    assert text.endswith('its answer:\n  ai: "Sunny."')


def test_a_failure():
    """
    The run that raised shows the first line of its exception, and the runs around it show that they failed.
    """

    def boom(value):
        raise ValueError("first line\nsecond line")

    def program():
        with pytest.raises(ValueError, match="first"):
            (RunnableLambda(str) | RunnableLambda(boom)).invoke("x")

    assert lines(section_of(program)) == lines("""
RunnableSequence 1 ms  failed
├── str 1 ms
└── boom 1 ms  failed: ValueError: first line
""")


def test_what_is_open():
    """
    A run without an end is shown as open, with its remark and with the tokens that it has streamed so far.
    """
    streams = []

    def program():
        streams.append(FakeChatModel(responses=["one two three"]).stream("hi"))
        next(streams[0])

    text = section_of(program, remarks={"FakeChatModel": "nobody reads it"})
    streams[0].close()

    assert "FakeChatModel    open  (nobody reads it)" in text
    assert text.endswith('its answer:\n  "one" (cut off)')


def test_long_texts_are_cut():
    """
    A long prompt keeps its beginning and its end, and only the last messages are shown.
    """
    text = section_of(lambda: FakeChatModel().invoke([HumanMessage(str(n) * 1000) for n in range(10)]))

    assert "  ... 7 messages before\n" in text
    assert max(map(len, text.splitlines())) < 200
    assert re.search(r'human: "9{80} \.\.\. 9{80}"', text)


def test_secrets_are_taken_out_before_texts_are_cut():
    """
    A secret is taken out before a text is cut, so that no half of it stays.
    """
    key = "sk-abcdefghijklmnopqrstuvwxyz"
    text = section_of(
        lambda: FakeChatModel(responses=["y" * 70 + f" {key} " + "z" * 200]).invoke("x" * 75 + f" {key} " + "x" * 200)
    )

    assert "sk-abc" not in text
    assert "xyz" not in text


def test_many_runs_are_cut():
    """
    A long tree ends with the number of runs that are left out, and with those among them that went wrong.
    """

    def sometimes(value):
        if value == 70:
            raise ValueError("seventy")

    runs = RunnableLambda(lambda value: RunnableLambda(sometimes).invoke(value), name="outer")

    text = section_of(lambda: runs.batch(list(range(80)), {"max_concurrency": 1}, return_exceptions=True))

    assert "... and 120 more runs, 2 of them failed or open:\n    outer  failed\n    sometimes  failed: " in text
    assert len(text.splitlines()) == 43


def test_runs_that_are_alike_are_folded():
    """
    The first run of a batch stands for those that look like it, and a run that differs has its own line.
    """

    def sometimes(value):
        if value == 7:
            raise ValueError("seven")

    def outer(value):
        RunnableLambda(sometimes).batch(list(range(15)), {"max_concurrency": 1}, return_exceptions=True)

    text = section_of(lambda: RunnableLambda(outer).invoke(1))

    assert lines(text) == lines("""
outer 1 ms
├── sometimes 1 ms
├── ... and 6 more like it
├── sometimes 1 ms  failed: ValueError: seven
├── sometimes 1 ms
└── ... and 6 more like it
""")


def test_a_text_llm():
    """
    The prompt and the answer of a text LLM are shown as plain text.
    """
    text = section_of(lambda: FakeListLLM(responses=["Paris"]).invoke("France?"))

    assert text.endswith('last prompt, of FakeListLLM:\n  "France?"\nits answer:\n  "Paris"')


def test_hostile_payloads():
    """
    A value whose repr fails, breaks lines or is endless does no harm.
    """

    class Hostile:
        armed = False

        def __repr__(self):
            # LangChain itself takes a repr of what a tool is called with.
            if self.armed:
                raise RuntimeError("no")
            return "hostile"

    @tool
    def take(value: object) -> str:
        """Take."""
        Hostile.armed = True
        return "ok"

    text = section_of(lambda: take.invoke({"value": Hostile()}))
    assert "take(value=<Hostile whose repr raised Runt" in text

    text = section_of(lambda: take.invoke({"value": "a\n├── b"}))
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Book it?", "interrupted: 'Book it?'"),
        ({"action_requests": [{"name": "book", "args": {"hotel": "Ritz"}}]}, "interrupted: book(hotel='Ritz')"),
    ],
    ids=["a question", "tools"],
)
def test_an_interrupt(value, shown):
    """
    A node that interrupts its graph is interrupted, with what it asks; one that raises has failed.
    """

    def stop(_):
        raise GraphInterrupt([Interrupt(value=value)])

    def fail(_):
        raise ValueError(value)

    for body, expected in ((stop, shown), (fail, "failed: ValueError: ")):
        assert expected in section_of(lambda body=body: quietly(RunnableLambda(body, name="book")))


def quietly(runnable):
    """Invoke *runnable*, whatever it raises."""
    with suppress(GraphInterrupt, ValueError):
        runnable.invoke("x")
