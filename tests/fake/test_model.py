"""FakeChatModel: the same script in every call mode, shared by all copies, with every callback that LangChain fires."""

from __future__ import annotations

import asyncio
import copy
import functools
import operator
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel

from pytest_lc_callbacks import FakeChatModel, FakeChatModelExhausted, RecordingHandler, _made


def total(chunks):
    return functools.reduce(operator.add, chunks)


def invoke(model, prompt="x", config=None):
    return model.invoke(prompt, config)


def ainvoke(model, prompt="x", config=None):
    return asyncio.run(model.ainvoke(prompt, config))


def stream(model, prompt="x", config=None):
    return total(model.stream(prompt, config))


def astream(model, prompt="x", config=None):
    async def read():
        return total([chunk async for chunk in model.astream(prompt, config)])

    return asyncio.run(read())


def batch(model, prompt="x", config=None):
    [answer] = model.batch([prompt], config)
    return answer


def abatch(model, prompt="x", config=None):
    [answer] = asyncio.run(model.abatch([prompt], config))
    return answer


def astream_events(model, prompt="x", config=None):
    async def read():
        return [event async for event in model.astream_events(prompt, config, version="v2")][-1]["data"]["output"]

    return asyncio.run(read())


MODES = [invoke, ainvoke, stream, astream, batch, abatch, astream_events]
every_mode = pytest.mark.parametrize("ask", MODES)


class Answer(BaseModel):
    city: str


def search(query: str, limit: int = 3) -> str:
    """Search the web."""


@every_mode
def test_answers_in_order(ask):
    """
    A script gives the same answers in every call mode, one after the other.
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
    A scripted exception is raised, as often as it is scripted; an instance is raised itself, a class anew.
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
    A stream may break after some chunks: these arrive, then the error, and the model goes on with the next answer.
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
    A stream that breaks is an error where nobody streams.
    """
    with pytest.raises(TimeoutError):
        ask(FakeChatModel().respond(chunks=["Par", "is"], then_raise=TimeoutError()))


@every_mode
def test_chunks(ask):
    """
    Scripted chunks are one answer.
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
    A function of the messages answers, sync or async, with whatever may be scripted.
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
    An async function also answers a synchronous call from inside a running loop.
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
    Out of answers, a scripted model raises in every call mode, and the run ends with an error.
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
    A model with an empty list of responses is never to be called.
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
    A model works in a chain, and its response is not changed by what comes after it.
    """
    model = FakeChatModel(responses=["Paris"])
    chain = ChatPromptTemplate.from_template("Capital of {country}?") | model | StrOutputParser()

    assert chain.invoke({"country": "France"}) == "Paris"
    assert model.calls[0].messages == [HumanMessage("Capital of France?")]


def test_calls():
    """
    A call tells what the model was asked, how, and what it answered.
    """
    model = FakeChatModel(responses=["a", "b"], stop=["END"])
    bound = model.bind_tools([search], tool_choice="auto", seed=7)

    bound.invoke([SystemMessage("Be kind."), HumanMessage("hi")], stop=["###"])
    list(bound.stream("hello"))
    first, second = model.calls

    assert (first.number, first.mode, first.stop, first.options) == (1, "invoke", ["###"], {"seed": 7})
    assert [message.content for message in first.messages] == ["Be kind.", "hi"]
    assert [tool["function"]["name"] for tool in first.tools] == ["search"]
    assert first.tool_choice == "auto"
    assert first.response.content == "a"
    assert (second.mode, second.stop, second.response.content) == ("stream", ["END"], "b")
    assert model.last_call is second
    assert model.call_count == 2


@pytest.mark.parametrize(
    ("ask", "mode"),
    [(invoke, "invoke"), (ainvoke, "ainvoke"), (stream, "stream"), (astream, "astream"), (batch, "invoke")],
)
def test_the_mode_of_a_call(ask, mode):
    """
    A call knows how LangChain asked.
    """
    model = FakeChatModel()
    ask(model)

    assert model.last_call.mode == mode


def test_calls_keep_the_prompt_as_it_was():
    """
    A prompt that is changed after the call does not change the record of the call.
    """
    model = FakeChatModel()
    prompt = [HumanMessage([{"type": "text", "text": "hi"}]), AIMessage("", tool_calls=[_call("search", {"q": "x"})])]
    model.invoke(prompt)

    prompt[0].content[0]["text"] = "changed"
    prompt[0].content = "changed"
    prompt[1].tool_calls[0]["args"]["q"] = "changed"
    prompt.append(HumanMessage("more"))

    assert model.calls[0].messages[0].content == [{"type": "text", "text": "hi"}]
    assert model.calls[0].messages[1].tool_calls[0]["args"] == {"q": "x"}
    assert len(model.calls[0].messages) == 2


def test_a_scripted_message_is_not_shared():
    """
    Changing an answer changes neither the script nor the message that was scripted.
    """
    message = AIMessage([{"type": "text", "text": "a"}], tool_calls=[_call("search", {"q": ["x"]})])
    model = FakeChatModel().respond(message, times=2)

    answer = model.invoke("x")
    answer.content[0]["text"] = "changed"
    answer.tool_calls[0]["args"]["q"].append("y")
    message.content.append("changed")

    again = model.invoke("x")
    assert again.content == [{"type": "text", "text": "a"}]
    assert again.tool_calls[0]["args"] == {"q": ["x"]}


def test_no_call_yet():
    """
    last_call of a model that was not called says so.
    """
    with pytest.raises(LookupError, match="has not been called"):
        _ = FakeChatModel().last_call


def configured(model):
    return model.configurable_fields(temperature=ConfigurableField("temperature")).with_config(
        configurable={"temperature": 0.5}
    )


def alternative(model):
    return model.configurable_alternatives(ConfigurableField("which"), default_key="one", other=FakeChatModel())


VARIANTS = {
    "bind": lambda model: model.bind(seed=1),
    "bind_tools": lambda model: model.bind_tools([search]),
    "with_config": lambda model: model.with_config(tags=["x"]),
    "model_copy": lambda model: model.model_copy(),
    "deep model_copy": lambda model: model.model_copy(deep=True, update={"temperature": 0.5}),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "configurable_fields": configured,
    "configurable_alternatives": alternative,
    "with_retry": lambda model: model.with_retry(),
    "with_fallbacks": lambda model: model.with_fallbacks([FakeChatModel()]),
}


@pytest.mark.parametrize("vary", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("ask", [invoke, stream])
def test_copies_share_script_and_calls(vary, ask):
    """
    Whatever is made of a model has the same script and calls; it streams where the model streams.
    """
    model = FakeChatModel(responses=["one two", "three", "four"])
    variant = vary(model)

    assert ask(variant).content == "one two"
    assert model.invoke("x").content == "three"
    model.respond("five")
    assert [ask(variant).content for _ in range(2)] == ["four", "five"]
    assert model.call_count == 4


def test_a_configured_model_streams():
    """
    A model with configurable fields is made anew from its fields for each call, and still streams in chunks.
    """
    assert len(list(configured(FakeChatModel(responses=["one two three"])).stream("x"))) == 3


def test_two_models_do_not_share():
    """
    Two models made apart have a script and calls each.
    """
    one, other = FakeChatModel(responses=["one"]), FakeChatModel(responses=["other"])
    one.invoke("x")

    assert other.call_count == 0
    assert other.invoke("x").content == "other"


def test_the_script_shows_nowhere():
    """
    Script and calls show neither in repr nor in what LangChain serializes, dumps or keys a cache with.
    """
    handler = RecordingHandler()
    model = FakeChatModel(responses=["a secret answer", "b"], api_key="sk-secret", callbacks=[handler])
    model.invoke("a secret prompt")
    key = model._get_llm_string()

    shown = [repr(model), str(model), str(model.model_dump()), model.model_dump_json(), dumps(model), key]
    shown.append(str(handler.one("chat_model_start").payload["serialized"]))

    assert not [text for text in shown if "secret" in text]
    model.invoke("x")
    assert model._get_llm_string() == key == FakeChatModel(responses=["other"])._get_llm_string()


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (FakeChatModel(), "<FakeChatModel: unscripted, 0 calls>"),
        (FakeChatModel().auto(), "<FakeChatModel: auto, 0 calls>"),
        (FakeChatModel(responses=["a", "b"]), "<FakeChatModel: 2 scripted left, 0 calls>"),
        (
            FakeChatModel(responses=["a"]).respond("b", always=True),
            "<FakeChatModel: 1 scripted left, one without end, 0 calls>",
        ),
    ],
    ids=["unscripted", "auto", "scripted", "always"],
)
def test_repr(model, text):
    """
    A repr answers how much is in there.
    """
    assert repr(model) == str(model) == text


def test_serialized_is_the_same_on_every_call():
    """
    What handlers get as `serialized` does not count calls.
    """
    handler = RecordingHandler()
    model = FakeChatModel(callbacks=[handler])
    model.invoke("x")
    FakeChatModel(callbacks=[handler]).invoke("x")
    first, second = (event.payload["serialized"] for event in handler.where("chat_model_start").events)

    assert first == second
    assert first["repr"] == "FakeChatModel(model_name='fake-chat-model')"


def test_a_cached_answer_uses_no_response():
    """
    LangChain's cache answers before the model is asked.
    """
    model = FakeChatModel(responses=["one", "two"], cache=InMemoryCache())

    assert [model.invoke(prompt).content for prompt in ("a", "a", "b")] == ["one", "one", "two"]
    assert model.call_count == 2


def test_ids_are_unique_per_call():
    """
    The same answer to the same prompt is another message each time, also if the script gives ids.
    """
    model = FakeChatModel().respond("ok", times=3)
    model.respond(AIMessage("ok", id="mine", tool_calls=[_call("search", {}, "call-1")]), times=2)

    answers = [model.invoke("x") for _ in range(5)]

    assert len({answer.id for answer in answers}) == 5
    assert [answer.id for answer in answers[3:]] == ["mine", "mine-2"]
    assert [answer.tool_calls[0]["id"] for answer in answers[3:]] == ["call-1", "call-1-2"]


def test_repeated_ids_stay_together():
    """
    Where a tool call gets another id on its second use, so does the block that repeats it.
    """
    block = {"type": "tool_use", "id": "call-1", "name": "search", "input": {}}
    model = FakeChatModel().respond(AIMessage([block], tool_calls=[_call("search", {}, "call-1")]), times=2)
    model.invoke("x")

    answer = model.invoke("x")

    assert answer.content[0]["id"] == answer.tool_calls[0]["id"] == "call-1-2"


def test_models_of_the_same_script_give_the_same_ids():
    """
    Ids follow from the model's names, the prompt and the answer: twice the same program, twice the same ids.
    """
    one, other = ([FakeChatModel(responses=["a", "a"]).invoke("x").id for _ in range(2)] for _ in range(2))

    assert one == other
    assert FakeChatModel(responses=["a"], name="other").invoke("x").id not in one


def test_ids_are_the_same_everywhere():
    """
    Ids and usage are these, on every platform and in every version of Python and LangChain.
    """
    model = FakeChatModel().respond("Grüße", tool_calls=[("f", {"x": 1.5, "y": ["ä", None]})])

    answer = model.invoke([SystemMessage("Be kind."), HumanMessage("Hello!", id="random")])

    assert answer.id == "fake-e97a71bcd866"
    assert answer.tool_calls[0]["id"] == "call_fake-e97a71bcd866_0"
    assert answer.usage_metadata == {"input_tokens": 4, "output_tokens": 10, "total_tokens": 14}


def test_rules_do_not_depend_on_order():
    """
    With rules and functions, answers and their ids are the same in whatever order calls arrive.
    """

    def answers(prompts):
        model = FakeChatModel().on("even").respond("yes", always=True)
        model.on("odd").respond(lambda messages: f"no: {messages[-1].content}", always=True)
        return dict(zip(prompts, model.batch(prompts, {"max_concurrency": 8}), strict=True))

    prompts = [f"{'odd' if number % 2 else 'even'} {number}" for number in range(40)]

    assert answers(prompts) == answers(prompts[::-1])


def test_a_queue_under_threads():
    """
    A queue is handed out under threads each response exactly once.
    """
    model = FakeChatModel(responses=[str(number) for number in range(400)])

    with ThreadPoolExecutor(8) as executor:
        contents = list(executor.map(lambda _: model.invoke("x").content, range(400)))

    assert sorted(contents, key=int) == [str(number) for number in range(400)]
    assert len({call.response.id for call in model.calls}) == 400
    assert [call.number for call in model.calls] == list(range(1, 401))


def test_a_queue_under_gather():
    """
    A queue is handed out under asyncio.gather each response exactly once.
    """
    model = FakeChatModel(responses=[str(number) for number in range(50)])

    async def program():
        return await asyncio.gather(*(model.ainvoke("x") for _ in range(50)))

    assert {answer.content for answer in asyncio.run(program())} == {str(number) for number in range(50)}


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
    Usage and metadata of a scripted message are its own.
    """
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "output_token_details": {"reasoning": 1}}
    message = AIMessage("x", usage_metadata=usage, response_metadata={"model_name": "other", "finish_reason": "length"})

    answer = FakeChatModel(responses=[message]).invoke("x")

    assert answer.usage_metadata == usage
    assert answer.response_metadata == {"model_name": "other", "finish_reason": "length"}


def test_model_override():
    """
    A model named at the call is the one that answers.
    """
    handler = RecordingHandler()
    answer = FakeChatModel(callbacks=[handler]).invoke("x", model="fake-2")

    assert answer.response_metadata["model_name"] == "fake-2"
    assert handler.one("chat_model_start").metadata["ls_model_name"] == "fake-2"


def test_langsmith_metadata():
    """
    The run's metadata names the provider, the model and its settings.
    """
    handler = RecordingHandler()
    FakeChatModel(callbacks=[handler], model="m", temperature=0.5, max_tokens=7, stop=["END"]).invoke("x")
    metadata = handler.one("chat_model_start").metadata

    assert {key: metadata[key] for key in metadata if key.startswith("ls_") and key != "ls_integration"} == {
        "ls_provider": "fake",
        "ls_model_type": "chat",
        "ls_model_name": "m",
        "ls_temperature": 0.5,
        "ls_max_tokens": 7,
        "ls_stop": ["END"],
    }


@pytest.fixture
def waits(monkeypatch):
    """
    The seconds that would have been waited.
    """
    waited = []

    async def no_sleep(seconds):
        waited.append(seconds)

    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    return waited


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (invoke, [0.5]),
        (ainvoke, [0.5]),
        (stream, [0.5, 0.1, 0.1]),
        (astream, [0.5, 0.1, 0.1]),
    ],
)
@pytest.mark.parametrize("on_response", [True, False], ids=["of the response", "of the model"])
def test_latency(ask, expected, on_response, waits):
    """
    A latency is waited for before an answer, and a chunk latency between its chunks.
    """
    latency = {"latency": 0.5, "chunk_latency": 0.1}
    model = FakeChatModel(**({} if on_response else latency))
    model.respond("one two three", **(latency if on_response else {}))

    ask(model)

    assert waits == expected


@every_mode
def test_nothing_waits_by_itself(ask, waits):
    """
    Without a latency nothing waits, and a latency of zero overrules that of the model.
    """
    ask(FakeChatModel(responses=["one two three"]))
    ask(FakeChatModel(latency=1).respond("one", latency=0))

    assert waits == []


def test_an_error_waits_too(waits):
    """
    The latency of a scripted error, such as a timeout, is waited for.
    """
    with pytest.raises(TimeoutError):
        FakeChatModel().respond(TimeoutError(), latency=30).invoke("x")

    assert waits == [30]


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


def test_counting_tokens_is_local():
    """
    Tokens are counted without a tokenizer, which would have to be downloaded.
    """
    model = FakeChatModel()

    assert model.get_num_tokens("12345678") == 2
    assert model.get_num_tokens_from_messages([HumanMessage("12345678"), ToolMessage("1", tool_call_id="1")]) == 3


def test_on_gives_the_model():
    """
    What on() returns is the model with the same script and calls; respond() on it answers the rule.
    """
    model = FakeChatModel().on("refund").respond("Certainly.").respond("Again?").on("bye").respond("Goodbye.")

    assert isinstance(model, BaseChatModel)
    assert model.invoke("bye!").content == "Goodbye."
    assert [model.invoke("a refund, please").content for _ in range(2)] == ["Certainly.", "Again?"]


def test_the_queue_beside_a_rule():
    """
    Answers scripted on the model itself stay a queue beside the rules.
    """
    model = FakeChatModel(responses=["one"])
    model.on("refund").respond("Certainly.")
    model.respond("two")

    assert [model.invoke(prompt).content for prompt in ("a", "refund", "b")] == ["one", "Certainly.", "two"]


def test_scripts_are_announced():
    """
    Whoever listens learns of each script that is made, and of no copy.
    """
    scripts = []

    def listener(kind, made):
        scripts.append((kind, made))

    _made.listen(listener)
    try:
        model = FakeChatModel(responses=["a"])
        model.model_copy(deep=True).bind(x=1)
        model.on("y")
        invoke(configured(model))
    finally:
        _made.stop(listener)
    FakeChatModel()

    assert scripts == [("script", model.script)]


def test_pickling():
    """
    A model is not pickled, which would part it from its script.
    """
    with pytest.raises(TypeError, match="a FakeChatModel cannot be pickled: its script is shared"):
        pickle.dumps(FakeChatModel())


def test_drop_in_arguments():
    """
    The arguments that chat models commonly take are taken.
    """
    model = FakeChatModel(model="gpt-x", temperature=0, max_tokens=5, timeout=3, max_retries=2, api_key="k", stop=["a"])

    assert (model.model_name, model.temperature, model.api_key.get_secret_value()) == ("gpt-x", 0, "k")
    assert model.model == "gpt-x"


def test_subclasses():
    """
    A subclass may add fields, and is still refused what it does not know.
    """

    class Mine(FakeChatModel):
        team: str = "none"

    assert Mine(team="blue", responses=["a"]).invoke("x").content == "a"
    with pytest.raises(TypeError, match=r"Mine\(\) takes no argument 'teem' \(did you mean 'team'\?\)"):
        Mine(teem="blue")


@pytest.mark.parametrize("text", ["", "Hm."])
@pytest.mark.parametrize("provider", [None, "openai", "anthropic"])
def test_invalid_tool_calls_stream(provider, text):
    """
    What a model wrote instead of JSON streams like the arguments of any tool call.
    """
    call = {"name": "search", "args": "nonsense", "id": "call_1", "error": None, "type": "invalid_tool_call"}
    chunks = list(FakeChatModel(provider=provider, responses=[AIMessage(text, invalid_tool_calls=[call])]).stream("x"))
    whole = sum(chunks[1:], start=chunks[0])

    assert whole.invalid_tool_calls == [call]
    assert whole.text == text


def test_chunk_type():
    """
    A stream gives AIMessageChunks, the last of which says that it is the last.
    """
    chunks = list(FakeChatModel(responses=["a b"]).stream("x"))

    assert all(type(chunk) is AIMessageChunk for chunk in chunks)
    assert [chunk.chunk_position for chunk in chunks] == [None, "last"]


def _call(name, args, identity="call-0"):
    return {"name": name, "args": args, "id": identity, "type": "tool_call"}
