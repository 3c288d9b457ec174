"""assert_parity: what is the same in every call mode, and each kind of difference."""

from __future__ import annotations

import asyncio
import re

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import CommaSeparatedListOutputParser, JsonOutputParser, StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableBranch, RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.tools import tool
from pydantic import BaseModel

from pytest_lc_callbacks import FakeChatModel, aassert_parity, assert_parity

MODES = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch", "astream_events")
ANY_PROMPT = ChatPromptTemplate.from_template("{input}")


def answering(text="hello world", **options):
    return FakeChatModel(responses=[text], **options)


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sun in {city}"


class City(BaseModel):
    name: str


def agent():
    from langchain.agents import create_agent

    model = FakeChatModel().respond(tool_calls=[("weather", {"city": "Oslo"})]).respond("sun")
    return create_agent(model, tools=[weather])


def failing(value):
    raise ValueError(f"no luck with {value}")


SAME = {
    "a chain": (lambda: ANY_PROMPT | answering() | StrOutputParser(), {"input": "x"}),
    "a model": (answering, "x"),
    "OpenAI's shapes": (lambda: answering(provider="openai"), "x"),
    "Anthropic's shapes": (lambda: answering(provider="anthropic"), "x"),
    "tool calls": (lambda: FakeChatModel().respond(tool_calls=[("weather", {"city": "Oslo"})]), "x"),
    "a parser whose chunks replace each other": (lambda: answering('{"a": [1, 2]}') | JsonOutputParser(), "x"),
    "a parser whose chunks add up": (lambda: answering("a, b, c") | CommaSeparatedListOutputParser(), "x"),
    "structured output": (lambda: answering(City(name="Oslo")).with_structured_output(City), "x"),
    "branches side by side": (lambda: RunnableParallel(a=answering() | StrOutputParser(), b=RunnableLambda(len)), "x"),
    "assign": (lambda: RunnablePassthrough.assign(b=RunnableLambda(lambda given: 1)), {"input": "x"}),
    "a branch": (lambda: RunnableBranch((bool, RunnableLambda(str.upper)), RunnableLambda(str.lower)), "x"),
    "a model inside a function": (lambda: RunnableLambda(lambda text: answering().invoke(text)), "x"),
    "a chain that fails": (lambda: ANY_PROMPT | RunnableLambda(failing), {"input": "x"}),
    "an agent": (agent, {"messages": ["hi"]}),
    "an agent with a name and a tag": (lambda: agent().with_config(run_name="bot", tags=["x"]), {"messages": ["hi"]}),
    "a tool": (lambda: weather, {"city": "Oslo"}),
}


@pytest.mark.parametrize("name", SAME)
def test_what_is_the_same_passes(name):
    """
    What LangChain itself changes between modes is no difference: tokens, placeholders, chunks, the order of siblings.
    """
    build, given = SAME[name]

    assert_parity(build, given, modes=MODES)


def fallbacks():
    return FakeChatModel().respond(ValueError("overloaded")).with_fallbacks([answering()])


def test_fallbacks_whose_children_lose_their_parent_are_found():
    """
    What with_fallbacks calls in invoke has no parent (langchain-ai/langchain#36072), in stream it has one.
    """
    with pytest.raises(AssertionError, match=r"^expected stream to do") as failure:
        assert_parity(fallbacks, "x")

    lines = str(failure.value).splitlines()
    assert len(lines[0]) <= 120
    assert lines[1] == (
        "  in full: expected stream to do what invoke does, but FakeChatModel is a root in invoke "
        "and is under RunnableWithFallbacks in stream"
    )
    assert [line.split() for line in lines[2:4]] == [
        ["invoke", "stream"],
        ["FakeChatModel", "4", "tokens", "<", "RunnableWithFallbacks"],
    ]
    assert lines[-1].endswith("[fallbacks-orphans]")


class Uneven(BaseChatModel):
    """Its stream tells another usage than its invoke; other differences as its fields say."""

    usage: int = 5
    text: str = "hello"
    streamed: str = "hello"

    @property
    def _llm_type(self):
        return "uneven"

    def _generate(self, messages, *args, **kwargs):
        usage = {"input_tokens": 1, "output_tokens": 4, "total_tokens": 5}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.text, usage_metadata=usage))])

    def _stream(self, messages, *args, **kwargs):
        usage = {"input_tokens": 1, "output_tokens": self.usage - 1, "total_tokens": self.usage}
        yield ChatGenerationChunk(message=AIMessageChunk(self.streamed, usage_metadata=usage))


def by_mode(in_stream, otherwise):
    """A step that streams as one runnable and is invoked as another."""

    class Step(RunnableLambda):
        def stream(self, input, config=None, **kwargs):  # noqa: A002  # LangChain's name of the parameter
            yield in_stream.invoke(input, config)

        def invoke(self, input, config=None, **kwargs):  # noqa: A002  # LangChain's name of the parameter
            return otherwise.invoke(input, config)

    return Step(str)


UPPER = RunnableLambda(str.upper, name="step")
DIFFERENT = {
    "usage": (
        lambda: Uneven(usage=9),
        "the usage of Uneven is {'output_tokens': 8, 'total_tokens': 9} instead of "
        "{'output_tokens': 4, 'total_tokens': 5}",
    ),
    "output": (lambda: Uneven(streamed="hullo"), "it returned "),
    "another run": (
        lambda: by_mode(UPPER, UPPER | UPPER),
        "step is under RunnableSequence in invoke and is a root in stream",
    ),
    "a further run": (lambda: by_mode(UPPER | UPPER, UPPER | UPPER | UPPER), "step ran in invoke and not in stream"),
    "tags": (
        lambda: by_mode(UPPER.with_config(tags=["fast"]), UPPER),
        "the tags of step are ['fast'] instead of []",
    ),
    "metadata": (
        lambda: by_mode(UPPER.with_config(metadata={"user": "a"}), UPPER.with_config(metadata={"user": "b"})),
        "the metadata of step is {'user': 'a'} instead of {'user': 'b'}",
    ),
    "outcome": (
        lambda: by_mode(RunnableLambda(failing, name="step"), UPPER),
        "the outcome of step is 'failed' instead of 'ended'",
    ),
    "error": (
        lambda: by_mode(RunnableLambda(failing, name="step"), RunnableLambda(lambda text: 1 / 0, name="step")),
        "the error of step is 'ValueError: no luck with x' instead of 'ZeroDivisionError: division by zero'",
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_fails(name):
    """
    Usage, output, runs, tags, metadata, outcome and error are compared; a first line that was cut stands below in full.
    """
    build, difference = DIFFERENT[name]

    with pytest.raises(AssertionError, match=r"^expected stream to do what invoke does, but ") as failure:
        assert_parity(build, "x", modes=("invoke", "stream"))

    first, second, *_ = str(failure.value).splitlines()
    assert difference in (second if second.startswith("  in full: ") else first)
    assert len(first) <= 120


def test_the_first_mode_is_what_the_others_are_compared_with():
    """
    With stream first, invoke is the one that does otherwise.
    """
    with pytest.raises(AssertionError, match=r"^expected invoke to do what stream does, but the usage of Uneven is "):
        assert_parity(lambda: Uneven(usage=9), "x", modes=("stream", "invoke"))


def test_a_scenario_in_which_nothing_runs_fails():
    """
    Where nothing ran there is nothing to compare, and the message says in which mode.
    """

    class Idle:
        def invoke(self, given, config):
            return given

    with pytest.raises(AssertionError, match=r"^expected runs to compare, but nothing ran in invoke$"):
        assert_parity(Idle, "x")


def test_each_mode_gets_its_own_input():
    """
    A scenario that changes its input does not change the next mode's.
    """

    def body(given):
        return given.pop("input")

    assert_parity(lambda: RunnableLambda(body), {"input": "x"})


@pytest.mark.parametrize(
    ("modes", "message"),
    [
        (("invoke", "strem"), "there is no call mode 'strem' (did you mean 'stream'?)"),
        (("invoke",), "modes= needs two modes to compare, not ['invoke']"),
        ("invoke", "modes= needs two modes to compare, not ['invoke']"),
    ],
    ids=["unknown", "one", "a text"],
)
def test_modes_are_read(modes, message):
    """
    An unknown mode, and fewer than two, are refused.
    """
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        assert_parity(answering, "x", modes=modes)


def test_in_a_running_loop_the_other_function_is_named():
    """
    assert_parity in a running loop names aassert_parity.
    """

    async def main():
        assert_parity(answering, "x")

    with pytest.raises(RuntimeError, match=r"await aassert_parity\("):
        asyncio.run(main())


def test_it_can_be_awaited():
    """
    aassert_parity compares the same modes inside a running loop.
    """
    asyncio.run(aassert_parity(SAME["a chain"][0], {"input": "x"}, modes=MODES))
    with pytest.raises(AssertionError, match="FakeChatModel is a root in invoke"):
        asyncio.run(aassert_parity(fallbacks, "x"))


def test_it_works_in_a_watched_test(callback_scopes):
    """
    The observer of the test around it hears what it heard before, and is no difference.
    """
    assert_parity(SAME["a chain"][0], {"input": "x"})
