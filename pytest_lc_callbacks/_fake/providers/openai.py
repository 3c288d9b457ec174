"""The payloads of langchain-openai, for chat completions."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from pytest_lc_callbacks._fake.messages import call_pieces, content_pieces
from pytest_lc_callbacks._fake.providers.plain import (
    ModelSettings,
    Payloads,
    StreamSettings,
    constructor,
    langsmith_params,
    provider_chunk,
    secret,
    usage_with_details,
    without_model,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class OpenAIPayloads(Payloads):
    """The payloads of `ChatOpenAI`, for chat completions."""

    llm_type = "openai-chat"
    provider = "openai"
    default_model = "gpt-4.1-mini"
    structured_output = "json_schema"
    structured_options = MappingProxyType({"parallel_tool_calls": False})

    def identifying_params(self, model: ModelSettings) -> dict[str, Any]:
        """The identifying parameters of `ChatOpenAI`."""
        chosen = {
            "stop": model.stop or None,
            "max_completion_tokens": model.max_tokens,
            "temperature": model.temperature,
        }
        given = {key: value for key, value in chosen.items() if value is not None}
        return {"model_name": model.model_name, "model": model.model_name, "stream": bool(model.streaming), **given}

    def invocation_params(
        self, model: ModelSettings, params: dict[str, Any], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The invocation parameters of `ChatOpenAI`: the stop sequences of the model win over those of the call."""
        return {**params, **self.identifying_params(model), **options}

    def ls_params(
        self, model: ModelSettings, defaults: dict[str, Any], params: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The `ls_*` metadata of `ChatOpenAI`."""
        given = params()
        limit = given.get("max_tokens", model.max_tokens) or given.get("max_completion_tokens")
        return langsmith_params(self.provider, given, limit)

    def serialized(self, model: ModelSettings) -> dict[str, Any]:
        """The `serialized` of `ChatOpenAI`."""
        kwargs = {
            "model_name": model.model_name,
            "temperature": model.temperature,
            "max_tokens": model.max_tokens,
            "max_retries": model.max_retries,
            "request_timeout": model.timeout,
            "stop": model.stop or None,
            "openai_api_key": secret("OPENAI_API_KEY"),
            "stream_usage": model.stream_usage,
        }
        return constructor(["langchain", "chat_models", "openai", "ChatOpenAI"], model.name, kwargs)

    def choice(self, tool_choice: Any, parallel: bool | None, tools: Sequence[Any]) -> dict[str, Any]:
        """The options in OpenAI's form."""
        names = {tool.get("function", tool).get("name") for tool in tools}
        if tool_choice in ("any", True):
            tool_choice = "required"
        elif isinstance(tool_choice, str) and tool_choice in names:
            tool_choice = {"type": "function", "function": {"name": tool_choice}}
        return super().choice(tool_choice or None, parallel, tools)

    def shape(self, message: AIMessage) -> AIMessage:
        """*message* as `ChatOpenAI` gives it."""
        return message.model_copy(
            update={
                "additional_kwargs": {"refusal": None, **message.additional_kwargs},
                "response_metadata": without_model(message.response_metadata),
                "usage_metadata": _detailed_usage(message),
            }
        )

    def result(self, message: AIMessage, model_name: str) -> ChatResult:
        """The result of `ChatOpenAI`, with its `llm_output`."""
        own = message.response_metadata
        shaped = self.shape(message)
        info = {"finish_reason": own.get("finish_reason", _finish_reason(message)), "logprobs": own.get("logprobs")}
        llm_output = {
            "token_usage": _token_usage(shaped.usage_metadata),
            "model_provider": "openai",
            "model_name": model_name,
            "system_fingerprint": "fp_fake",
            "id": f"chatcmpl-{message.id}",
            "service_tier": "default",
        }
        return ChatResult(generations=[ChatGeneration(message=shaped, generation_info=info)], llm_output=llm_output)

    def combine(self, outputs: Sequence[dict[str, Any] | None], model: ModelSettings) -> dict[str, Any]:
        """The `llm_output` of `ChatOpenAI` for several prompts, with the sum of their tokens."""
        given = [output for output in outputs if output is not None]
        usage: dict[str, Any] = {}
        for output in given:
            usage = _add_up(usage, output["token_usage"] or {})
        combined = {"token_usage": usage, "model_name": model.model_name}
        return {**combined, "system_fingerprint": given[0]["system_fingerprint"]} if given else combined

    def chunks(
        self,
        message: AIMessage,
        texts: Sequence[str] | None,
        model: StreamSettings,
        *,
        tools: bool = False,
        broken: bool = False,
    ) -> Iterator[ChatGenerationChunk]:
        """The chunks of `ChatOpenAI`: the usage comes in a chunk of its own, behind the one with the finish reason."""
        own = message.response_metadata
        yield _generation_chunk(message, "")
        for piece in content_pieces(message.content, texts):
            yield _generation_chunk(message, piece)
        for call in call_pieces(message, start=0):
            yield _generation_chunk(message, "", [call])
        if broken:
            return
        yield _generation_chunk(
            message,
            "",
            generation_info={
                "finish_reason": _finish_reason(message),
                "model_name": own.get("model_name", model.model_name),
                "system_fingerprint": "fp_fake",
                "service_tier": "default",
                **without_model(own),
            },
        )
        if model.stream_usage and message.usage_metadata is not None:
            usage = AIMessageChunk(content="", id=message.id, usage_metadata=_detailed_usage(message))
            yield ChatGenerationChunk(message=usage, generation_info={})

    def token_options(self, chunk: ChatGenerationChunk) -> dict[str, Any]:
        """The log probabilities, which are None unless they were asked for."""
        return {"logprobs": (chunk.generation_info or {}).get("logprobs")}


def _finish_reason(message: AIMessage) -> str:
    return "tool_calls" if message.tool_calls else "stop"


def _generation_chunk(
    message: AIMessage, content: Any, calls: Sequence[Any] = (), generation_info: dict[str, Any] | None = None
) -> ChatGenerationChunk:
    chunk = provider_chunk("openai", message, content, tool_call_chunks=list(calls))
    return ChatGenerationChunk(message=chunk, generation_info=generation_info)


def _add_up(total: Any, count: Any) -> Any:
    """*total* and *count* added: numbers of tokens, or dicts of such numbers; None counts as nothing."""
    if isinstance(count, dict):
        return {key: _add_up((total or {}).get(key), value) for key, value in count.items()}
    return count if total is None or count is None else total + count


def _detailed_usage(message: AIMessage) -> Any:
    return usage_with_details(
        message,
        input_token_details={"audio": 0, "cache_read": 0},
        output_token_details={"audio": 0, "reasoning": 0},
    )


def _token_usage(usage: Any) -> dict[str, Any] | None:
    """The `token_usage` that OpenAI's API reports, for *usage* in LangChain's form."""
    if usage is None:
        return None
    received, given = usage["input_token_details"], usage["output_token_details"]
    return {
        "completion_tokens": usage.get("output_tokens", 0),
        "prompt_tokens": usage.get("input_tokens", 0),
        "total_tokens": usage.get("total_tokens", 0),
        "completion_tokens_details": {
            "accepted_prediction_tokens": 0,
            "audio_tokens": given["audio"],
            "reasoning_tokens": given["reasoning"],
            "rejected_prediction_tokens": 0,
            "text_tokens": None,
        },
        "prompt_tokens_details": {
            "audio_tokens": received["audio"],
            "cache_write_tokens": received.get("cache_creation"),
            "cached_tokens": received["cache_read"],
            "image_tokens": None,
            "text_tokens": None,
        },
    }
