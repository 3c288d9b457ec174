"""The payloads of langchain-anthropic."""

from __future__ import annotations

import copy
import re
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from pytest_lc_callbacks._fake.messages import argument_pieces, content_pieces, text_pieces
from pytest_lc_callbacks._fake.providers.plain import (
    ModelSettings,
    Payloads,
    StreamSettings,
    constructor,
    is_builtin,
    langsmith_params,
    provider_chunk,
    secret,
    usage_with_details,
    without_model,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from langchain_core.messages import AIMessage, AIMessageChunk


_LIMITS = {
    r"claude-\w+-4-5": 64000,
    r"claude-(fable|haiku|opus|sonnet)-(4-[6-9]|[5-9])": 128000,
}

_chunk = partial(provider_chunk, "anthropic")


class AnthropicPayloads(Payloads):
    """The payloads of `ChatAnthropic`."""

    llm_type = "anthropic-chat"
    provider = "anthropic"
    default_model = "claude-sonnet-4-6"

    def identifying_params(self, model: ModelSettings) -> dict[str, Any]:
        """The identifying parameters of `ChatAnthropic`."""
        return {
            "model": model.model_name,
            "max_tokens": _max_tokens(model),
            "temperature": model.temperature,
            "top_k": None,
            "top_p": None,
            "model_kwargs": {},
            "streaming": bool(model.streaming),
            "max_retries": _retries(model),
            "default_request_timeout": model.timeout,
            "thinking": None,
            "output_config": None,
        }

    def ls_params(
        self, model: ModelSettings, defaults: dict[str, Any], params: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The `ls_*` metadata of `ChatAnthropic`."""
        given = params()
        return langsmith_params(self.provider, given, given.get("max_tokens"))

    def serialized(self, model: ModelSettings) -> dict[str, Any]:
        """The `serialized` of `ChatAnthropic`."""
        kwargs = {
            "model": model.model_name,
            "max_tokens": _max_tokens(model),
            "max_retries": _retries(model),
            "anthropic_api_url": "https://api.anthropic.com",
            "anthropic_api_key": secret("ANTHROPIC_API_KEY"),
            "stream_usage": model.stream_usage,
            "temperature": model.temperature,
            "stop_sequences": model.stop or None,
            "default_request_timeout": model.timeout,
        }
        return constructor(["langchain", "chat_models", "anthropic", "ChatAnthropic"], model.name, kwargs)

    def tool(self, tool: Any, strict: bool | None) -> dict[str, Any]:
        """*tool* in Anthropic's form."""
        if isinstance(tool, dict) and ("input_schema" in tool or is_builtin(tool)):
            return tool
        function = convert_to_openai_tool(tool, strict=strict)["function"]
        formatted = {"name": function["name"], "input_schema": function["parameters"]}
        return {**formatted, **{key: function[key] for key in ("description", "strict") if key in function}}

    def choice(self, tool_choice: Any, parallel: bool | None, tools: Sequence[Any]) -> dict[str, Any]:
        """The options in Anthropic's form."""
        if isinstance(tool_choice, str):
            kind = tool_choice in {"any", "auto", "none"}
            tool_choice = {"type": tool_choice} if kind else {"type": "tool", "name": tool_choice}
        if parallel is not None:
            tool_choice = {**(tool_choice or {"type": "auto"}), "disable_parallel_tool_use": not parallel}
        return {"tool_choice": tool_choice} if tool_choice else {}

    def shape(self, message: AIMessage) -> AIMessage:
        """*message* as `ChatAnthropic` gives it: the content is a text, or a list of blocks if there are tool calls."""
        return message.model_copy(
            update={
                "content": _content(message),
                "response_metadata": {**without_model(message.response_metadata), "model_provider": "anthropic"},
                "usage_metadata": _invoke_usage(message),
            }
        )

    def result(self, message: AIMessage, model_name: str) -> ChatResult:
        """The result of `ChatAnthropic`, with its `llm_output`."""
        own = message.response_metadata
        shaped = self.shape(message)
        llm_output = {
            "id": f"msg_{message.id}",
            "container": None,
            "diagnostics": None,
            "model": model_name,
            "stop_details": None,
            "stop_reason": own.get("stop_reason", _stop_reason(message)),
            "stop_sequence": own.get("stop_sequence"),
            "usage": _api_usage(shaped.usage_metadata),
            "model_name": model_name,
        }
        return ChatResult(generations=[ChatGeneration(message=shaped)], llm_output=llm_output)

    def chunks(
        self,
        message: AIMessage,
        texts: Sequence[str] | None,
        model: StreamSettings,
        *,
        tools: bool = False,
        broken: bool = False,
    ) -> Iterator[ChatGenerationChunk]:
        """The chunks of `ChatAnthropic`: their content is a text if no tools are bound, else blocks with an index."""
        blocks = _content(message)
        is_text = isinstance(blocks, str) and not tools and not message.invalid_tool_calls
        own = message.response_metadata
        parts = _texts(message, texts) if is_text else _blocks(message, blocks, texts)
        empty: str | list[Any] = "" if is_text else []
        # ChatAnthropic opens a stream with the model's name only where it reports usage, and always closes it.
        opening = [_chunk(message, empty, {"model_name": own.get("model_name", model.model_name)})]
        closing = [] if broken else [_closing(message, empty, usage=model.stream_usage)]
        parts = chain(opening if model.stream_usage else (), parts, closing)
        for position, part in enumerate(parts):
            yield ChatGenerationChunk(message=part, generation_info=None if position else {})


def _max_tokens(model: ModelSettings) -> int:
    """The limit of tokens: the one of *model*, else the one that `ChatAnthropic` knows for its name, else 4096."""
    if model.max_tokens is not None:
        return model.max_tokens
    return next((limit for pattern, limit in _LIMITS.items() if re.match(pattern, model.model_name)), 4096)


def _retries(model: ModelSettings) -> int:
    return 2 if model.max_retries is None else model.max_retries


def _stop_reason(message: AIMessage) -> str:
    return "tool_use" if message.tool_calls else "end_turn"


def _content(message: AIMessage) -> Any:
    """The text, or the blocks with a `tool_use` for each tool call."""
    content = message.content
    if isinstance(content, str):
        if not message.tool_calls:
            return content
        content = [{"type": "text", "text": content}] if content else []
    # A `tool_call` block is LangChain's own form; Anthropic's is the `tool_use` block that is added below.
    blocks = [block for block in content if not (isinstance(block, dict) and block.get("type") == "tool_call")]
    known = {block.get("id") for block in blocks if isinstance(block, dict)}
    return blocks + [_tool_use(call) for call in message.tool_calls if call["id"] not in known]


def _tool_use(call: Any) -> dict[str, Any]:
    return {
        "type": "tool_use",
        "id": call["id"],
        "name": call["name"],
        "input": copy.deepcopy(call["args"]),
        "toolset_name": None,
    }


def _closing(message: AIMessage, empty: str | list[Any], *, usage: bool) -> AIMessageChunk:
    """The last chunk: the stop reason, and the usage unless `stream_usage` is False."""
    ending = {"stop_reason": _stop_reason(message), "stop_sequence": None, **without_model(message.response_metadata)}
    return _chunk(
        message, empty, ending, usage_metadata=_stream_usage(message) if usage else None, chunk_position="last"
    )


def _texts(message: AIMessage, texts: Sequence[str] | None) -> Iterator[AIMessageChunk]:
    return (_chunk(message, piece) for piece in content_pieces(message.content, texts))


def _blocks(message: AIMessage, blocks: Any, texts: Sequence[str] | None) -> Iterator[AIMessageChunk]:
    if isinstance(blocks, str):
        blocks = [{"type": "text", "text": blocks}] if blocks else []
    calls = {call["id"]: call for call in message.tool_calls}
    for index, block in enumerate(blocks):
        if isinstance(block, dict) and block.get("id") in calls:
            yield from _call(message, block, calls[block["id"]], index)
            continue
        for content in _deltas(block, texts if index == 0 else None):
            yield _chunk(message, [{**content, "index": index}])
    # The arguments of an invalid call stream as the text that they are.
    for index, broken in enumerate(message.invalid_tool_calls, len(blocks)):
        yield from _call(message, _tool_use({**broken, "args": {}}), broken, index)


def _call(message: AIMessage, block: Any, call: Any, index: int) -> Iterator[AIMessageChunk]:
    head = tool_call_chunk(name=call["name"], args="", id=call["id"], index=index)
    yield _chunk(message, [{**block, "input": {}, "index": index}], tool_call_chunks=[head])
    for piece in argument_pieces(call["args"]) if call["args"] else [""]:
        delta = {"type": "input_json_delta", "partial_json": piece, "index": index}
        yield _chunk(message, [delta], tool_call_chunks=[tool_call_chunk(args=piece, index=index)])


def _deltas(block: Any, texts: Sequence[str] | None) -> list[dict[str, Any]]:
    """The pieces of a content block, one for each event: text and thinking by words, any other block whole."""
    if isinstance(block, str):
        block = {"type": "text", "text": block}
    kind = block.get("type")
    if kind == "text" and set(block) == {"type", "text"}:
        return [{"type": "text", "text": piece} for piece in content_pieces(block["text"], texts)]
    if kind == "thinking":
        deltas = [{"type": "thinking", "thinking": piece} for piece in text_pieces(block.get("thinking", ""))]
        signed = {"type": "thinking", "thinking": "", "signature": block["signature"]} if "signature" in block else None
        return [*deltas, signed] if signed else deltas
    return [block]


def _invoke_usage(message: AIMessage) -> Any:
    zeros = {"cache_read": 0, "cache_creation": 0, "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
    return usage_with_details(message, input_token_details=zeros)


def _stream_usage(message: AIMessage) -> Any:
    return usage_with_details(message, input_token_details={"cache_creation": 0, "cache_read": 0})


def _api_usage(usage: Any) -> dict[str, Any] | None:
    """The `usage` that Anthropic's API reports, for *usage* in LangChain's form."""
    if usage is None:
        return None
    details = usage["input_token_details"]
    cached, created = details["cache_read"] or 0, details["cache_creation"] or 0
    return {
        "cache_creation": {key: details[key] for key in ("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens")},
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": cached,
        "inference_geo": None,
        "input_tokens": usage.get("input_tokens", 0) - cached - created,
        "output_tokens": usage.get("output_tokens", 0),
        "output_tokens_details": None,
        "server_tool_use": None,
        "service_tier": "standard",
        "speed": None,
    }
