"""FakeChatModel.replay: what was recorded once is answered again, and anything else is a miss."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel

from pytest_lc_callbacks import FakeChatModel, FakeChatModelMiss, RecordingHandler
from pytest_lc_callbacks._fake.schema import Schema

SCHEMA = Schema(json.loads(Path(__file__).parents[2].joinpath("docs", "model-calls.schema.json").read_text("utf-8")))
# Recordings and misses are made on purpose, and not all of a script is asked for.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_lc_callbacks.CallbackFindingWarning")


def weather(city: str) -> str:
    """Look up the weather."""
    return f"sunny in {city}"


def forecast(city: str, days: int) -> str:
    """Look up the forecast."""


class City(BaseModel):
    """A city."""

    name: str


@pytest.fixture
def path(tmp_path):
    return tmp_path / "calls.jsonl"


def record(path, act, model=None):
    """Record what *act* asks of a scripted model."""
    handler = RecordingHandler()
    model = model or FakeChatModel().respond("Paris", always=True)
    try:
        act(model.model_copy(update={"callbacks": [handler]}))
    except TimeoutError:
        assert handler.count("llm_error") == 1
    assert handler.save_model_calls(path) > 0
    for line in path.read_text("utf-8").splitlines():
        assert SCHEMA.problem(json.loads(line)) is None


def invoke(model, prompt="The capital of France?"):
    return model.invoke(prompt)


def ainvoke(model, prompt="The capital of France?"):
    return asyncio.run(model.ainvoke(prompt))


def stream(model, prompt="The capital of France?"):
    chunks = list(model.stream(prompt))
    return sum(chunks[1:], start=chunks[0])


def astream(model, prompt="The capital of France?"):
    async def read():
        return [chunk async for chunk in model.astream(prompt)]

    chunks = asyncio.run(read())
    return sum(chunks[1:], start=chunks[0])


MODES = [invoke, ainvoke, stream, astream]


@pytest.mark.parametrize("ask", MODES)
@pytest.mark.parametrize("recorded", MODES)
def test_every_mode(path, recorded, ask):
    """
    What was recorded in one mode is answered in any other.
    """
    record(path, recorded)

    answer = ask(FakeChatModel.replay(path))

    assert answer.content == "Paris"
    assert answer.usage_metadata == {"input_tokens": 6, "output_tokens": 2, "total_tokens": 8}
    assert answer.response_metadata["model_name"] == "fake-chat-model"


@pytest.mark.parametrize("provider", [None, "openai", "anthropic"])
@pytest.mark.parametrize("recorded", [None, "openai", "anthropic"])
@pytest.mark.parametrize("ask", [invoke, stream])
def test_between_providers(path, ask, recorded, provider):
    """
    What was recorded with one provider is replayed as another, with its tools and in its shapes.
    """
    source = FakeChatModel(provider=recorded)
    source.respond("Let me see.", tool_calls=[("weather", {"city": "Oslo"})]).respond("Sunny.")

    def act(model):
        first = ask(model.bind_tools([weather], tool_choice="any"))
        [call] = first.tool_calls
        prompt = [
            HumanMessage("hi"),
            AIMessage(first.content, tool_calls=[call]),
            ToolMessage("x", tool_call_id=call["id"]),
        ]
        return first, ask(model.bind_tools([weather]), prompt)

    handler = RecordingHandler()
    act(source.model_copy(update={"callbacks": [handler]}))
    handler.save_model_calls(path)
    first, second = act(FakeChatModel.replay(path, provider=provider))

    assert (first.text, second.text) == ("Let me see.", "Sunny.")
    assert [(call["name"], call["args"]) for call in first.tool_calls] == [("weather", {"city": "Oslo"})]
    assert first.usage_metadata["total_tokens"] > 0
    if provider is not None:
        assert first.response_metadata["model_provider"] == provider


def test_equal_prompts(path):
    """
    Equal prompts are answered in the order in which they were recorded; one more is a miss that says so.
    """
    source = FakeChatModel(responses=["one", "two"])
    record(path, lambda model: [model.invoke("hi") for _ in range(2)], source)
    model = FakeChatModel.replay(path)

    assert [model.invoke("hi").content for _ in range(2)] == ["one", "two"]
    with pytest.raises(FakeChatModelMiss, match=r"at most 2 calls with this prompt, as .* has it 2 times, but"):
        model.invoke("hi")


def test_the_order_of_other_prompts_does_not_matter(path):
    """
    Each prompt finds its own answer.
    """
    source = FakeChatModel()
    source.on("France").respond("Paris")
    source.on("Norway").respond("Oslo")
    record(path, lambda model: model.batch(["France", "Norway"], {"max_concurrency": 1}), source)

    answers = FakeChatModel.replay(path).batch(["Norway", "France"])
    assert [answer.content for answer in answers] == ["Oslo", "Paris"]


BASE: dict[str, Any] = {"prompt": "hi", "bind": {}, "tools": [], "tool_options": {}}
MISSES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "message": ({"prompt": [SystemMessage("Be brief."), HumanMessage("hi")]}, ["+system: Be brief."]),
    "text": ({"prompt": "ho"}, ["-human: hi", "+human: ho"]),
    "name": ({"prompt": [HumanMessage("hi", name="ann")]}, ['+  name: "ann"']),
    "stop": ({"bind": {"stop": ["#"]}}, ['+stop: ["#"]']),
    "tool": ({"tools": [weather]}, ["+tool weather: {"]),
    "response format": ({"bind": {"response_format": {"type": "json_object"}}}, ['+response_format: "json"']),
}


def ask(model, prompt, bind, tools, tool_options):
    bound = model.bind_tools(tools, **tool_options) if tools else model
    return bound.bind(**bind).invoke(prompt)


@pytest.mark.parametrize(("change", "lines"), MISSES.values(), ids=MISSES)
def test_a_miss(path, change, lines):
    """
    A call with another message, tool or option is a miss, and the message shows what differs from the nearest.
    """
    record(path, lambda model: [model.invoke("something else, before"), model.invoke("hi")])

    with pytest.raises(FakeChatModelMiss) as caught:
        ask(FakeChatModel.replay(path), **{**BASE, **change})

    text = str(caught.value)
    assert "nearest is line 2; - recorded, + asked:" in text
    for line in lines:
        assert f"  {line}" in text.splitlines()
    assert "--lc-callbacks-record" in text


TOOL_MISSES: dict[str, tuple[dict[str, Any], str]] = {
    "schema": ({"tools": [forecast]}, '"days"'),
    "choice": ({"tool_options": {"tool_choice": "any"}}, '+tool_choice: "any"'),
    "none": ({"tools": []}, "-tool weather: {"),
}


@pytest.mark.parametrize(("change", "line"), TOOL_MISSES.values(), ids=TOOL_MISSES)
def test_a_miss_of_tools(path, change, line):
    """
    So is one whose tools or tool choice differ.
    """
    record(path, lambda model: model.bind_tools([weather]).invoke("hi"), FakeChatModel(responses=["hm"]))

    with pytest.raises(FakeChatModelMiss, match=re.escape(line)):
        ask(FakeChatModel.replay(path), **{**BASE, "tools": [weather], **change})


def test_options(path):
    """
    An option counts where both sides have it: the recording has those of the real model's constructor.
    """
    record(path, invoke, FakeChatModel(temperature=0.5, responses=["Paris"]))

    for fields in ({}, {"temperature": 0.5}, {"max_tokens": 5}):
        assert invoke(FakeChatModel.replay(path, **fields)).content == "Paris"
    with pytest.raises(FakeChatModelMiss, match=r"(?s)-option temperature: 0.5\n.*option temperature: 0.9"):
        invoke(FakeChatModel.replay(path, temperature=0.9))


def test_structured_output(path):
    """
    Structured output is asked for and parsed as with the recorded model.
    """

    def act(model):
        return model.with_structured_output(City).invoke("hi")

    handler = RecordingHandler()
    FakeChatModel(responses=[City(name="Oslo")]).with_structured_output(City).invoke("hi", {"callbacks": [handler]})
    handler.save_model_calls(path)

    assert act(FakeChatModel.replay(path)) == City(name="Oslo")
    with pytest.raises(FakeChatModelMiss):
        invoke(FakeChatModel.replay(path), "hi")


def test_an_agent(path):
    """
    An agent runs on a recording, although the ids of its tool calls are others.
    """
    source = FakeChatModel(name="a").respond(tool_calls=[("weather", {"city": "Oslo"})]).respond("Sunny.")

    def act(model, **config):
        return create_agent(model, [weather]).invoke({"messages": ["How is it?"]}, config)["messages"]

    handler = RecordingHandler()
    before = act(source, callbacks=[handler])
    handler.save_model_calls(path)
    after = act(FakeChatModel.replay(path, name="b"))

    assert [message.text for message in after] == [message.text for message in before]
    assert after[1].tool_calls[0]["id"] != before[1].tool_calls[0]["id"]
    assert after[2].tool_call_id == after[1].tool_calls[0]["id"]


@pytest.mark.parametrize("ask", MODES)
def test_errors(path, ask):
    """
    A recorded error is raised with its type and text.
    """
    record(path, invoke, FakeChatModel(responses=[TimeoutError("slow")]))

    with pytest.raises(TimeoutError, match=r"^slow$"):
        ask(FakeChatModel.replay(path))


@pytest.mark.parametrize("provider", [None, "openai"])
def test_a_stream_that_broke(path, provider):
    """
    A stream that broke breaks again behind its chunks; asked for at once, it raises.
    """
    record(path, stream, FakeChatModel().respond(chunks=["Par", "is"], then_raise=TimeoutError("slow")))
    handler = RecordingHandler()

    with pytest.raises(TimeoutError, match="slow"):
        list(FakeChatModel.replay(path, provider=provider).stream("The capital of France?", {"callbacks": [handler]}))
    with pytest.raises(TimeoutError, match="slow"):
        invoke(FakeChatModel.replay(path))

    assert "".join(event.token for event in handler.where("llm_new_token").events) == "Paris"
    assert handler.names[-1] == "llm_error"


def test_an_error_of_a_package_that_is_not_there(path):
    """
    An error whose class cannot be found is one of the same name.
    """
    record(path, invoke, FakeChatModel(responses=[TimeoutError("slow")]))
    path.write_text(path.read_text("utf-8").replace("builtins.TimeoutError", "no_such_package.SlowError"), "utf-8")

    with pytest.raises(Exception, match=r"^slow$") as caught:
        invoke(FakeChatModel.replay(path))
    assert (type(caught.value).__module__, type(caught.value).__name__) == ("no_such_package", "SlowError")


def test_secrets(path):
    """
    No secret is in the file, and a prompt with the same secret finds its recording.
    """
    secret = "sk-abcdefghijklmnopqrstuvwxyz"
    record(path, lambda model: model.invoke(f"My key is {secret}"), FakeChatModel(responses=[f"{secret} it is"]))

    assert secret not in path.read_text("utf-8")
    assert invoke(FakeChatModel.replay(path), f"My key is {secret}").content == "[redacted] it is"


def test_scripted_responses_go_first(path):
    """
    What is scripted beside a replay goes first.
    """
    record(path, invoke)
    model = FakeChatModel.replay(path)
    model.on("Norway").respond("Oslo")

    assert [invoke(model, prompt).content for prompt in ("Norway", "The capital of France?")] == ["Oslo", "Paris"]
    assert repr(FakeChatModel.replay(path)).startswith("<FakeChatModel: replays ")


def test_saving_again_adds_nothing(path):
    """
    A call that stands in the file is not added again, and what stands there stays.
    """
    handler = RecordingHandler()
    FakeChatModel(responses=["a", "b"]).batch(["x", "y"], {"callbacks": [handler], "max_concurrency": 1})

    assert [handler.save_model_calls(path) for _ in range(2)] == [2, 0]
    before = path.read_text("utf-8")
    FakeChatModel(responses=["c"]).invoke("z", {"callbacks": [handler]})
    assert handler.save_model_calls(path) == 1
    assert path.read_text("utf-8").startswith(before)


def test_who_saves(path, callback_scopes, spy_on):
    """
    A recording handler, a spy and the observer write the same.
    """

    class Heard(BaseCallbackHandler):
        def on_chat_model_start(self, *args, **kwargs): ...

    own, handler = RecordingHandler(), Heard()
    spy = spy_on(handler)
    invoke(FakeChatModel(responses=["Paris"], callbacks=[own, handler]))
    for number, recording in enumerate((own, spy, callback_scopes)):
        assert recording.save_model_calls(path.with_suffix(f".{number}")) == 1

    assert len({path.with_suffix(f".{number}").read_text("utf-8") for number in range(3)}) == 1


def test_the_file_is_the_same_each_time(path):
    """
    Two recordings of the same calls are the same text: no id and no time is in it.
    """
    texts = []
    for _ in range(2):
        record(path, stream, FakeChatModel(responses=["Paris is big."]))
        texts.append(path.read_text("utf-8"))
        path.unlink()

    assert texts[0] == texts[1]


def test_what_is_no_real_model(path):
    """
    `real` is a chat model.
    """
    record(path, invoke)
    with pytest.raises(TypeError, match=re.escape("replay(): real= is the chat model to ask")):
        FakeChatModel.replay(path, real=FakeListChatModel(responses=[]).bind(stop=["a"]))


def test_a_miss_is_shown_with_the_last_message_alone_where_nothing_is_recorded(path):
    """
    An empty file says that it is empty, with the request.
    """
    path.touch()
    with pytest.raises(FakeChatModelMiss, match=r"(?s)but it has no recorded calls\n  human: The capital of France?"):
        invoke(FakeChatModel.replay(path))


def test_a_miss_in_ci(path, monkeypatch):
    """
    In CI the message does not offer to record.
    """
    record(path, invoke)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(FakeChatModelMiss, match="record it where CI is not set"):
        invoke(FakeChatModel.replay(path), "another")


def test_many_calls(path):
    """
    A prompt among three hundred is found, and a miss finds the nearest of them.
    """
    source = FakeChatModel().respond(lambda messages: messages[-1].content, always=True)
    record(path, lambda model: model.batch([f"question {i}" for i in range(300)], {"max_concurrency": 1}), source)
    model = FakeChatModel.replay(path)

    assert invoke(model, "question 277").content == "question 277"
    with pytest.raises(FakeChatModelMiss, match="nearest is line 278"):
        invoke(model, "question 277?")
