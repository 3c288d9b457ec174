"""FakeLLM: a text LLM with the script of a fake chat model."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.prompts import PromptTemplate
from pydantic import BaseModel

from pytest_lc_callbacks import FakeChatModelExhausted, FakeLLM, RecordingHandler


def invoke(llm, prompt="x", config=None):
    return llm.invoke(prompt, config)


def ainvoke(llm, prompt="x", config=None):
    return asyncio.run(llm.ainvoke(prompt, config))


def stream(llm, prompt="x", config=None):
    return "".join(llm.stream(prompt, config))


def astream(llm, prompt="x", config=None):
    async def read():
        return [text async for text in llm.astream(prompt, config)]

    return "".join(asyncio.run(read()))


def batch(llm, prompt="x", config=None):
    [text] = llm.batch([prompt], config)
    return text


every_mode = pytest.mark.parametrize("ask", [invoke, ainvoke, stream, astream, batch])


@every_mode
def test_a_text(ask):
    """
    It says what is scripted in every mode, and its own code path sends the events of a text LLM.
    """
    handler = RecordingHandler()
    llm = FakeLLM(responses=["Paris is big."], callbacks=[handler])

    assert ask(llm) == "Paris is big."
    assert handler.without("llm_new_token").names == ["llm_start", "llm_end"]


@pytest.mark.parametrize("ask", [stream, astream])
def test_a_stream(ask):
    """
    A stream sends a token for each piece.
    """
    handler = RecordingHandler()
    ask(FakeLLM(callbacks=[handler]).respond(chunks=["Par", "is"]))

    assert [event.token for event in handler.where("llm_new_token").events] == ["Par", "is"]


@every_mode
def test_an_error(ask):
    """
    A scripted error is raised, and the next response follows.
    """
    handler = RecordingHandler()
    llm = FakeLLM(callbacks=[handler]).respond(TimeoutError("slow")).respond("Paris")

    with pytest.raises(TimeoutError, match="slow"):
        ask(llm)

    assert handler.names == ["llm_start", "llm_error"]
    assert ask(llm) == "Paris"


@pytest.mark.parametrize("ask", [stream, astream])
def test_a_stream_that_breaks(ask):
    """
    A stream may break behind its chunks.
    """
    handler = RecordingHandler()
    with pytest.raises(TimeoutError):
        ask(FakeLLM(callbacks=[handler]).respond(chunks=["a", "b"], then_raise=TimeoutError()))

    assert handler.names == ["llm_start", "llm_new_token", "llm_new_token", "llm_error"]


@every_mode
def test_rules_and_functions(ask):
    """
    Rules look at the text of the prompt, and functions are called with it.
    """
    llm = FakeLLM()
    llm.on("France").respond("Paris", always=True)
    llm.on(lambda prompt: prompt.startswith("shout")).respond(lambda prompt: prompt.upper(), always=True)

    assert [ask(llm, prompt) for prompt in ("France?", "shout hello")] == ["Paris", "SHOUT HELLO"]


@every_mode
def test_an_exhausted_script(ask):
    """
    A call that the script has nothing for raises, and the message shows the prompt.
    """
    llm = FakeLLM(responses=["a"])
    ask(llm)

    with pytest.raises(FakeChatModelExhausted, match="expected at most 1 call of the model, but this is call 2"):
        ask(llm)


def test_inspection():
    """
    `calls` has the prompt, the mode and the response of each call, and the model that was asked.
    """
    llm = FakeLLM(responses=["a", "b"], stop=["###"])
    chain = PromptTemplate.from_template("What is {what}?") | llm
    chain.invoke({"what": "love"})
    list(chain.stream({"what": "war"}))

    assert [(call.messages[-1].content, call.mode, call.response.content) for call in llm.calls] == [
        ("What is love?", "invoke", "a"),
        ("What is war?", "stream", "b"),
    ]
    assert llm.last_call.stop == ["###"]
    assert llm.last_call.model is llm
    assert repr(llm) == "<FakeLLM: 0 scripted left, 2 calls>"


@pytest.mark.parametrize("usage", [True, False])
def test_usage(usage):
    """
    `llm_output` has the token usage of all prompts, unless usage=False.
    """
    result = FakeLLM(usage=usage).respond("12345678", always=True).generate(["1234", "1234"])

    wanted = {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}
    assert [generation.text for [generation] in result.generations] == ["12345678", "12345678"]
    assert result.llm_output == {"model_name": "fake-llm", **({"token_usage": wanted} if usage else {})}


class City(BaseModel):
    """A city."""

    name: str


@pytest.mark.parametrize("response", [City(name="Oslo"), {"name": "Oslo"}], ids=["pydantic", "dict"])
def test_objects(response):
    """
    An object is given as JSON text.
    """
    assert FakeLLM(responses=[response]).invoke("x") == '{"name": "Oslo"}'


REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "message": ((AIMessage("a"),), {}, "a text LLM responds with a text, not with AIMessage; write .respond('a')"),
    "chunk": ((), {"chunks": [AIMessageChunk("a")]}, "responds with a text, not with AIMessageChunk"),
    "tool calls": ((), {"tool_calls": [("f", {})]}, "a text LLM calls no tools; write FakeChatModel()"),
    "number": ((3,), {}, "respond(...): 3 (int) is no response"),
}


@pytest.mark.parametrize(("responses", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_respond_refuses(responses, options, message):
    """
    What no text LLM could give is refused with what to write instead.
    """
    with pytest.raises(TypeError, match=re.escape(message)):
        FakeLLM().respond(*responses, **options)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sleep": 1}, "FakeLLM() takes no argument 'sleep'; write latency="),
        ({"respons": []}, "FakeLLM() takes no argument 'respons' (did you mean 'responses'?)"),
        ({"responses": [AIMessage("a")]}, "a text LLM responds with a text, not with AIMessage"),
    ],
    ids=["sleep", "misspelt", "message"],
)
def test_what_the_constructor_refuses(fields, message):
    """
    An unknown argument is refused with the word that replaces it, as a response that no text LLM could give.
    """
    with pytest.raises(TypeError, match=re.escape(message)):
        FakeLLM(**fields)


def test_tokens_are_counted_offline():
    """
    A token is four characters.
    """
    assert FakeLLM().get_num_tokens("12345678") == 2
