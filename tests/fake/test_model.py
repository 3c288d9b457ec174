"""FakeChatModel: the same script in every call mode, with every callback that LangChain fires."""

from __future__ import annotations

import asyncio

import pytest
from call_modes import abatch, ainvoke, astream, batch, every_mode, invoke, stream
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.messages.tool import tool_call
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel

from pytest_lc_callbacks import FakeChatModel, FakeChatModelExhausted, RecordingHandler


class Answer(BaseModel):
    city: str


def search(query: str, limit: int = 3) -> str:
    """Search the web."""


@every_mode
def test_responses_in_order(ask):
    """
    A script gives the same responses in every call mode, one after the other.
    """
    model = FakeChatModel(responses=["one", AIMessage("two")]).respond("three")

    assert [ask(model).content for _ in range(3)] == ["one", "two", "three"]


@every_mode
def test_unscripted(ask):
    """
    Without a script a model answers with a fixed text, as often as it is asked.
    """
    model = FakeChatModel()

    assert ask(model).content == ask(model).content == "This is a fake answer."


@pytest.mark.parametrize(
    ("ask", "names"),
    [
        (invoke, ["chat_model_start", "llm_end"]),
        (ainvoke, ["chat_model_start", "llm_end"]),
        (stream, ["chat_model_start", "llm_new_token", "llm_new_token", "llm_end"]),
        (astream, ["chat_model_start", "llm_new_token", "llm_new_token", "llm_end"]),
    ],
)
def test_callbacks(ask, names):
    """
    LangChain fires the callbacks of a real chat model; each chunk of a stream is one token event.
    """
    handler = RecordingHandler()

    ask(FakeChatModel(responses=["Hello there"], callbacks=[handler]))

    assert handler.names == names


@every_mode
def test_tool_calls(ask):
    """
    Scripted tool calls arrive in every call mode, with ids.
    """
    model = FakeChatModel().respond(tool_calls=[("search", {"query": "x"}), ("search", {"query": "y"})])

    calls = ask(model.bind_tools([search])).tool_calls

    assert [(call["name"], call["args"]) for call in calls] == [("search", {"query": "x"}), ("search", {"query": "y"})]
    assert len({call["id"] for call in calls}) == 2


@every_mode
@pytest.mark.parametrize("error", [TimeoutError("slow"), TimeoutError], ids=["instance", "class"])
def test_errors(ask, error):
    """
    A scripted exception is raised as often as it is scripted: an instance itself, a new one of a class.
    """
    handler = RecordingHandler()
    model = FakeChatModel(callbacks=[handler]).respond(error, times=2).respond("ok")

    for _ in range(2):
        with pytest.raises(TimeoutError) as caught:
            ask(model)
        assert caught.value is error or isinstance(error, type)

    assert ask(model).content == "ok"
    assert handler.count("llm_error") == 2
    assert [type(call.error) for call in model.calls] == [TimeoutError, TimeoutError, type(None)]


@pytest.mark.parametrize("ask", [stream, astream])
def test_an_error_after_chunks(ask):
    """
    A stream may break: the chunks arrive, then the error, and the model goes on with the next response.
    """
    handler = RecordingHandler()
    model = FakeChatModel(callbacks=[handler]).respond(chunks=["Par", "is"], then_raise=TimeoutError()).respond("ok")

    with pytest.raises(TimeoutError):
        ask(model)

    assert handler.names == ["chat_model_start", "llm_new_token", "llm_new_token", "llm_error"]
    assert ask(model).content == "ok"


@pytest.mark.parametrize("ask", [invoke, ainvoke, batch, abatch])
def test_an_error_after_chunks_without_a_stream(ask):
    """
    `invoke` raises the error of a stream that breaks.
    """
    with pytest.raises(TimeoutError):
        ask(FakeChatModel().respond(chunks=["Par", "is"], then_raise=TimeoutError()))


@every_mode
def test_chunks(ask):
    """
    Scripted chunks are one response.
    """
    assert ask(FakeChatModel().respond(chunks=["Par", "is"])).content == "Paris"


def test_chunks_stream_as_scripted():
    """
    Scripted chunks stream in their pieces, and no others.
    """
    model = FakeChatModel().respond(chunks=["Par", "is is", " big"])

    assert [chunk.content for chunk in model.stream("x")] == ["Par", "is is", " big"]


@every_mode
def test_functions(ask):
    """
    A scripted function of the messages, sync or async, returns whatever may be scripted.
    """

    def shout(messages):
        return messages[-1].content.upper()

    async def call_a_tool(messages):
        return AIMessage("", tool_calls=[{"name": "search", "args": {"query": messages[-1].content}, "id": "1"}])

    model = FakeChatModel().respond(shout).respond(call_a_tool).respond(lambda messages: TimeoutError())

    assert ask(model, "hello").content == "HELLO"
    assert ask(model, "hello").tool_calls[0]["args"] == {"query": "hello"}
    with pytest.raises(TimeoutError):
        ask(model)


def test_an_async_function_under_a_running_loop():
    """
    An async function responds to a synchronous call too, also inside a running loop.
    """

    async def answer(messages):
        await asyncio.sleep(0)
        return "done"

    async def program():
        return FakeChatModel().respond(answer).invoke("x")

    assert asyncio.run(program()).content == "done"


@every_mode
def test_structured_output(ask):
    """
    A scripted object comes out of with_structured_output.
    """
    model = FakeChatModel().respond(Answer(city="Oslo"))
    chain = model.with_structured_output(Answer)

    assert chain.invoke("x") == Answer(city="Oslo")
    assert ask(model.respond(Answer(city="Rome"))).content == '{"city": "Rome"}'


@every_mode
def test_exhausted(ask):
    """
    A model whose responses are spent raises in every call mode, and the run ends with an error.
    """
    handler = RecordingHandler()
    model = FakeChatModel(responses=["one"], callbacks=[handler])
    ask(model)

    with pytest.raises(FakeChatModelExhausted, match="expected at most 1 call of the model, but this is call 2"):
        ask(model)

    assert handler.names[-1] == "llm_error"
    assert isinstance(model.last_call.error, FakeChatModelExhausted)


def test_an_empty_script():
    """
    A model with an empty list of responses refuses its first call.
    """
    with pytest.raises(FakeChatModelExhausted, match="expected no call of the model, but this is call 1"):
        FakeChatModel(responses=[]).invoke("x")


def test_a_stream_that_is_never_iterated():
    """
    A stream that nobody iterates uses no response; one that is closed early has used its own.
    """
    model = FakeChatModel(responses=["one two three", "four"])
    model.stream("x")

    chunks = model.stream("x")
    assert next(chunks).content == "one"
    chunks.close()

    assert model.invoke("x").content == "four"
    assert model.call_count == 2
    assert model.calls[0].response.content == "one two three"


def test_a_cancelled_call():
    """
    A call that is cancelled while it waits has used its response, and the model goes on.
    """
    model = FakeChatModel()

    async def program():
        waiting = asyncio.Event()

        async def never(messages):
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(model.respond(never).respond("ok").ainvoke("x"))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await model.ainvoke("x")

    assert asyncio.run(program()).content == "ok"
    assert isinstance(model.calls[0].error, asyncio.CancelledError)


def test_in_a_chain():
    """
    A model works in a chain, and what comes after it does not change its response.
    """
    model = FakeChatModel(responses=["Paris"])
    chain = ChatPromptTemplate.from_template("Capital of {country}?") | model | StrOutputParser()

    assert chain.invoke({"country": "France"}) == "Paris"
    assert model.calls[0].messages == [HumanMessage("Capital of France?")]


def test_a_scripted_message_is_not_shared():
    """
    A program that changes a message it got changes neither the script nor the scripted message.
    """
    message = AIMessage(
        [{"type": "text", "text": "a"}], tool_calls=[tool_call(name="search", args={"q": ["x"]}, id="call-0")]
    )
    model = FakeChatModel().respond(message, times=2)

    answer = model.invoke("x")
    answer.content[0]["text"] = "changed"
    answer.tool_calls[0]["args"]["q"].append("y")
    message.content.append("changed")

    again = model.invoke("x")
    assert again.content == [{"type": "text", "text": "a"}]
    assert again.tool_calls[0]["args"] == {"q": ["x"]}


def test_a_cached_message_uses_no_response():
    """
    A response from LangChain's cache uses no scripted response and is no call.
    """
    model = FakeChatModel(responses=["one", "two"], cache=InMemoryCache())

    assert [model.invoke(prompt).content for prompt in ("a", "a", "b")] == ["one", "one", "two"]
    assert model.call_count == 2


def test_usage_is_counted():
    """
    LangChain's own usage callback counts a fake model's tokens, in streams too.
    """
    counter = UsageMetadataCallbackHandler()
    model = FakeChatModel(responses=["12345678", "1234"], model="fake-1", callbacks=[counter])
    model.invoke("1234")
    list(model.stream("1234"))

    assert counter.usage_metadata["fake-1"]["output_tokens"] == 3
    assert counter.usage_metadata["fake-1"]["input_tokens"] == 2


def test_what_a_message_brings_is_kept():
    """
    A scripted message keeps its own usage and metadata.
    """
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "output_token_details": {"reasoning": 1}}
    message = AIMessage("x", usage_metadata=usage, response_metadata={"model_name": "other", "finish_reason": "length"})

    answer = FakeChatModel(responses=[message]).invoke("x")

    assert answer.usage_metadata == usage
    assert answer.response_metadata == {"model_name": "other", "finish_reason": "length"}


NO_USAGE = [
    pytest.param({}, AIMessage("Paris", usage_metadata=None), id="message"),
    pytest.param({}, AIMessageChunk("Paris", usage_metadata=None), id="chunk"),
    pytest.param({"usage": False}, "Paris", id="model"),
]


@every_mode
@pytest.mark.parametrize(("fields", "response"), NO_USAGE)
def test_no_usage(ask, fields, response):
    """
    A message whose usage is scripted as None has none, and neither has any of a model with usage=False.
    """
    assert ask(FakeChatModel(**fields).respond(response)).usage_metadata is None


@every_mode
@pytest.mark.parametrize("response", ["Paris", AIMessage("Paris"), AIMessageChunk("Paris")], ids=str)
def test_usage_by_default(ask, response):
    """
    A message that says nothing of usage gets it, also if it was scripted as a chunk.
    """
    assert ask(FakeChatModel().respond(response)).usage_metadata is not None


def test_chunks_without_usage():
    """
    Scripted chunks of which one says that there is no usage have none; other chunks get it with the last one.
    """
    silent = [AIMessageChunk("a"), AIMessageChunk("b", usage_metadata=None)]
    model = FakeChatModel().respond(chunks=silent).respond(chunks=[AIMessageChunk("a"), AIMessageChunk("b")])

    assert [[bool(chunk.usage_metadata) for chunk in model.stream("x")] for _ in range(2)] == [
        [False, False],
        [False, True],
    ]


def test_a_model_that_is_not_named():
    """
    A model name of None in scripted metadata is kept.
    """
    message = AIMessage("x", response_metadata={"model_name": None})

    assert FakeChatModel(responses=[message]).invoke("x").response_metadata == {"model_name": None}


def test_streaming_models_stream():
    """
    streaming=True makes invoke stream, and disable_streaming=True makes stream invoke, as on any chat model.
    """
    handler = RecordingHandler()
    FakeChatModel(responses=["a b"], streaming=True, callbacks=[handler]).invoke("x")
    model = FakeChatModel(responses=["a b"], disable_streaming=True)

    assert handler.count("llm_new_token") == 2
    assert [chunk.content for chunk in model.stream("x")] == ["a b"]
    assert model.last_call.mode == "invoke"


@pytest.mark.parametrize("text", ["", "Hm."])
@pytest.mark.parametrize("provider", [None, "openai", "anthropic"])
def test_invalid_tool_calls_stream(provider, text):
    """
    The arguments of an invalid tool call stream like those of any other.
    """
    call = {"name": "search", "args": "nonsense", "id": "call_1", "error": None, "type": "invalid_tool_call"}
    chunks = list(FakeChatModel(provider=provider, responses=[AIMessage(text, invalid_tool_calls=[call])]).stream("x"))
    whole = sum(chunks[1:], start=chunks[0])

    assert whole.invalid_tool_calls == [call]
    assert whole.text == text


def test_chunk_type():
    """
    A stream gives AIMessageChunks, and the last one says that it is the last.
    """
    chunks = list(FakeChatModel(responses=["a b"]).stream("x"))

    assert all(type(chunk) is AIMessageChunk for chunk in chunks)
    assert [chunk.chunk_position for chunk in chunks] == [None, "last"]
