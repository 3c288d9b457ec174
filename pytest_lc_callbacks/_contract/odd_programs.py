"""Programs whose payloads break handlers: each was seen in a real program."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from typing import Any

from langchain_core.callbacks import CallbackManager
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import Generation, LLMResult
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from pydantic import BaseModel

from pytest_lc_callbacks._contract.components import USAGE, Chat, Text, answer, piece, tool
from pytest_lc_callbacks._contract.plain_programs import chain
from pytest_lc_callbacks._contract.program import PROGRAMS, Program, Stage

program = PROGRAMS.add


# What stands in the end of a model's run.


@program(
    "usage_none", "a model whose server reports no usage: llm_output={'token_usage': None, ...}", needs="chat_model"
)
def chat_usage_none(stage: Stage) -> Any:
    output = {"token_usage": None, "model_name": "gpt-4.1-mini", "system_fingerprint": None}
    return Chat(result=answer(AIMessage("hello"), llm_output=output)).invoke("hi", stage.config)


@program("usage_none", "the same of a text LLM", needs="llm")
def text_usage_none(stage: Stage) -> Any:
    result = LLMResult(generations=[[Generation(text="hello")]], llm_output={"token_usage": None, "model_name": "text"})
    return Text(result=result).invoke("hi", stage.config)


@program(
    "llm_output_none",
    "a model that gives no llm_output: LLMResult.llm_output is None in streams too",
    needs="chat_model",
)
def chat_no_output(stage: Stage) -> Any:
    return Chat(result=answer(AIMessage("hello"))).generate([[HumanMessage("hi")]], callbacks=list(stage.callbacks))


@program("llm_output_none", "list(model.stream('hi', config)): llm_output is None", needs="chat_model streaming")
def chat_stream_no_output(stage: Stage) -> Any:
    return list(Chat(chunks=[piece("hello")]).stream("hi", stage.config))


@program("llm_output_none", "llm_output={}, and an empty usage", needs="chat_model")
def chat_empty_output(stage: Stage) -> Any:
    message = AIMessage("hello", response_metadata={})
    return Chat(result=answer(message, llm_output={})).invoke("hi", stage.config)


@program("no_generation_info", "llm.invoke('hi', config), and generation_info is None", needs="llm")
def text_no_info(stage: Stage) -> Any:
    output = {"token_usage": {"total_tokens": 2}, "model_name": "text"}
    return Text(result=LLMResult(generations=[[Generation(text="hello")]], llm_output=output)).invoke(
        "hi", stage.config
    )


@program("usage_in_streams", "usage on the last chunk alone", needs="chat_model streaming")
def usage_at_the_end(stage: Stage) -> Any:
    return list(Chat(chunks=[piece("a"), piece("b"), piece("", usage_metadata=USAGE)]).stream("hi", stage.config))


@program("usage_in_streams", "usage on every chunk", needs="chat_model streaming")
def usage_on_each(stage: Stage) -> Any:
    part = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return list(Chat(chunks=[piece(text, usage_metadata=part) for text in "abc"]).stream("hi", stage.config))


# Messages.


@program("list_content", "messages with a list as content: text, images, reasoning", needs="chat_model")
def list_content(stage: Stage) -> Any:
    asked = HumanMessage([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:,"}}])
    said = AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "hello"}])
    return Chat(result=answer(said)).invoke([asked], stage.config)


@program("tool_calls", "an answer that is tool calls and no text", needs="chat_model")
def tool_call_answer(stage: Stage) -> Any:
    call = {"name": "weather", "args": {"city": "Oslo"}, "id": "call_1", "type": "tool_call"}
    asked = [HumanMessage("hi"), AIMessage("", tool_calls=[call]), ToolMessage("sun", tool_call_id="call_1")]
    return Chat(result=answer(AIMessage("", tool_calls=[call, {**call, "id": None}]))).invoke(asked, stage.config)


@program("tool_calls", "streamed tool calls: chunks with empty text", needs="chat_model streaming")
def tool_call_chunks(stage: Stage) -> Any:
    chunks = [
        piece(tool_call_chunks=[{"name": "weather", "args": "", "id": "call_1", "index": 0}]),
        piece(tool_call_chunks=[{"name": None, "args": '{"city": ', "id": None, "index": 0}]),
        piece(tool_call_chunks=[{"name": None, "args": '"Oslo"}', "id": None, "index": 0}]),
    ]
    return list(Chat(chunks=chunks).stream("hi", stage.config))


@program("tool_calls", "a call whose arguments are no JSON: invalid_tool_calls", needs="chat_model")
def invalid_tool_call(stage: Stage) -> Any:
    broken = {"name": "weather", "args": '{"city": ', "id": "call_1", "error": None, "type": "invalid_tool_call"}
    return Chat(result=answer(AIMessage("", invalid_tool_calls=[broken]))).invoke("hi", stage.config)


# Tools.


@program(
    "tool_messages", "tool.invoke(tool call): on_tool_end gets a ToolMessage, here with status='error'", needs="tools"
)
def failed_tool_message(stage: Stage) -> Any:
    from langchain_core.tools import ToolException

    def body(city: str) -> str:
        raise ToolException("the_failure_in_words")

    handled = tool(body, handle_tool_error=True).with_config(run_name="the_tool")
    return handled.invoke(
        {"name": "weather", "args": {"city": "Oslo"}, "id": "call_1", "type": "tool_call"}, stage.config
    )


@program("tool_inputs", "input_str is str(dict), which is no JSON", needs="tools")
def tool_input_no_json(stage: Stage) -> Any:
    return tool(lambda city: "sun").invoke({"city": "Oslo's 'centre'"}, stage.config)


@program("tool_inputs", "tool.run('Oslo', callbacks=...): inputs is None", needs="tools")
def tool_input_text(stage: Stage) -> Any:
    from langchain_core.tools import Tool

    return Tool("weather", lambda city: "sun", "The weather.").run("Oslo", callbacks=list(stage.callbacks))


# Values of every kind, as inputs, outputs and tools' results.


class Cloudy:
    """A value without a truth value, as an array or a data frame is."""

    def __bool__(self) -> bool:
        raise ValueError("the truth value of a Cloudy is ambiguous")

    def __eq__(self, other: object) -> Any:
        return Cloudy()

    def __hash__(self) -> int:
        return 1


def _circular() -> dict[str, Any]:
    value: dict[str, Any] = {"name": "loop"}
    value["self"] = value
    return value


VALUES: dict[str, Any] = {
    "a tuple as a key": lambda: {("row", 1): "cell"},
    "an int as a key": lambda: {1: "one", None: "none"},
    "itself inside": _circular,
    "no truth value": Cloudy,
    "a date": lambda: {"day": date(2026, 1, 2)},
    "a lone surrogate": lambda: "\ud83d",
    "bytes and a set": lambda: {"bytes": b"\xff\x00", "set": {1, 2}},
    "a class": lambda: Cloudy,
    "an exception": lambda: ValueError("a value, not a failure"),
    "a text of a megabyte": lambda: "x" * 1_000_000,
    "None": lambda: None,
    "an empty list": list,
}
"""Ways to make values that handlers fail on, by what is odd about them."""


def _value_programs() -> Iterator[Program]:
    for label, make in VALUES.items():
        name = label.replace(" ", "_")

        def as_inputs(stage: Stage, make: Any = make) -> Any:
            return RunnableLambda(_unchanged).with_config(run_name="outer").invoke(make(), stage.config)

        def as_tool_output(stage: Stage, make: Any = make) -> Any:
            asked = tool(lambda city: make()).with_config(run_name="the_tool")
            return asked.invoke({"city": "Oslo"}, stage.config)

        yield Program(
            f"values_{name}", f"RunnableLambda(lambda x: x).invoke(value, config): {label}", as_inputs, "values"
        )
        if label == "a lone surrogate":
            # No file and no request can hold it, which is a tool's own affair.
            continue
        yield Program(
            f"tool_output_{name}", f"a tool that returns a value: {label}", as_tool_output, "values", needs=("tools",)
        )


def _unchanged(value: Any) -> Any:
    return value


for _each in _value_programs():
    PROGRAMS.put(_each)


@program("values", "a date in the arguments of a tool call", needs="chat_model")
def date_in_tool_call(stage: Stage) -> Any:
    call = {"name": "weather", "args": {"day": date(2026, 1, 2)}, "id": "call_1", "type": "tool_call"}
    return Chat().invoke([AIMessage("", tool_calls=[call]), ToolMessage("sun", tool_call_id="call_1")], stage.config)


@program("values", "tags and metadata of every kind", needs="chat_model")
def odd_metadata(stage: Stage) -> Any:
    metadata = {"day": date(2026, 1, 2), "none": None, "nested": {"a": [1]}, "object": Cloudy()}
    return Chat().invoke("hi", {**stage.config, "metadata": metadata, "tags": ["prod", "prod", ""]})


@program("generators", "chain.transform(generator): inputs and outputs that can be read once")
def generator_input(stage: Stage) -> Any:
    def upper(items: Iterator[str]) -> Iterator[str]:
        for item in items:
            yield item.upper()

    return list(RunnableGenerator(upper).with_config(run_name="outer").transform(iter(["a", "b", "c"]), stage.config))


@program("generators", "RunnableLambda(lambda x: x).invoke(generator, config)")
def generator_value(stage: Stage) -> Any:
    letters: Any = (item for item in "abc")
    return list(RunnableLambda(list).invoke(letters, stage.config))


class Schema(BaseModel):
    """What a structured answer looks like."""

    city: str


@program("parameters", "a class as response_format, tools and secrets in invocation_params", needs="chat_model")
def invocation_params(stage: Stage) -> Any:
    model = Chat(params={"response_format": Schema, "tools": [{"type": "function", "function": {"name": "f"}}]})
    return model.invoke("hi", stage.config, stop=["end"])


@program("parameters", "chat.bind_tools([tool]).invoke('hi', config)", needs="chat_model tools")
def bound_tools(stage: Stage) -> Any:
    return Chat().bind_tools([tool(lambda city: "sun")]).invoke("hi", stage.config)


@program("providers", "OpenAI's payloads: invoke, and a stream with usage", needs="chat_model streaming")
def openai_payloads(stage: Stage) -> Any:
    return _provider("openai", stage)


@program(
    "providers", "Anthropic's payloads: invoke, and a stream with usage on two chunks", needs="chat_model streaming"
)
def anthropic_payloads(stage: Stage) -> Any:
    return _provider("anthropic", stage)


def _provider(name: Any, stage: Stage) -> Any:
    from pytest_lc_callbacks._fake import FakeChatModel

    model = FakeChatModel(provider=name)
    model.respond("hello", always=True)
    return [model.invoke("hi", stage.config), list(model.stream("hi", stage.config))]


@program("decisions", "a decision model: a chain with run_type='llm' (langchain-core 1.8)")
def decision_model(stage: Stage) -> Any:
    # Driven by hand, with the arguments that BaseDecisionModel sends: the class is there from langchain-core 1.8 on.
    metadata = {"ls_provider": "acme", "ls_model_name": "judge", "ls_model_type": "decision"}
    manager = CallbackManager.configure(list(stage.callbacks), local_metadata=metadata)
    inputs = {"state": {"messages": []}, "questions": ["is it safe?"]}
    run = manager.on_chain_start(None, inputs, name="Judge", run_type="llm")
    run.on_chain_end({"answers": [True]})


# Exceptions of every base.


def _raising(error: Any, stage: Stage) -> Any:
    def body(value: Any) -> Any:
        raise error

    return RunnableLambda(body).with_config(run_name="outer").invoke("hi", stage.config)


@program("bare_errors", "TimeoutError(): an exception without words", fails=TimeoutError)
def error_without_words(stage: Stage) -> Any:
    return _raising(TimeoutError(), stage)


@program("bare_errors", "asyncio.CancelledError(): no Exception, and no words", fails=asyncio.CancelledError)
def cancelled_error(stage: Stage) -> Any:
    return _raising(asyncio.CancelledError(), stage)


@program("bare_errors", "KeyboardInterrupt(): no Exception, and no words", fails=KeyboardInterrupt)
def keyboard_interrupt(stage: Stage) -> Any:
    return _raising(KeyboardInterrupt(), stage)


@program("bare_errors", "GeneratorExit(): how a closed stream ends", fails=GeneratorExit)
def generator_exit(stage: Stage) -> Any:
    return _raising(GeneratorExit(), stage)


@program("bare_errors", "an exception whose arguments are no texts", fails=KeyError)
def odd_arguments(stage: Stage) -> Any:
    return _raising(KeyError(("row", 1), {1: 2}), stage)


@program("stream_events", "chat.stream_events(..., version='v3')", needs="chat_model streaming")
def stream_events(stage: Stage) -> Any:
    streamed = getattr(Chat(), "stream_events", None)
    # langchain-core 1.4 and later.
    return [] if streamed is None else list(streamed("hi", config=stage.config, version="v3"))


@program("forced_streams", "[... async for ... in chain.astream_events(...)]", needs="chat_model streaming")
async def stream_all_events(stage: Stage) -> Any:
    events: Any = chain().astream_events({"input": "hi"}, stage.config, version="v2")
    return [event["event"] async for event in events]
