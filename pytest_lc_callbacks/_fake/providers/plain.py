"""The payloads of a plain fake model (LangChain's standard fields), and what the providers' payloads share."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from pytest_lc_callbacks._fake.messages import split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from langchain_core.messages import AIMessage


class StreamSettings(Protocol):
    """What the chunks of a stream depend on, beside the message."""

    model_name: str

    @property
    def stream_usage(self) -> bool:
        """Whether the streams report usage."""


class ModelSettings(StreamSettings, Protocol):
    """The fields of a `FakeChatModel` that payloads depend on."""

    name: str | None
    temperature: float | None
    max_tokens: int | None
    stop: list[str] | None
    timeout: float | None
    max_retries: int | None
    streaming: bool | None


class Payloads:
    """
    What handlers get from a model without a provider.

    `AnthropicPayloads` and `OpenAIPayloads` derive from it; tests compare them with the real integrations, key by key.
    """

    llm_type = "fake-chat-model"
    provider = "fake"
    default_model = "fake-chat-model"
    structured_output = "function_calling"
    structured_options: Mapping[str, Any] = MappingProxyType({})

    def identifying_params(self, model: ModelSettings) -> dict[str, Any]:
        """The parameters that LangChain puts into the invocation parameters and the key of its cache."""
        return {"model": model.model_name, "temperature": model.temperature, "max_tokens": model.max_tokens}

    def invocation_params(
        self, model: ModelSettings, params: dict[str, Any], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The `invocation_params` of a start event, made from *params*, which are LangChain's."""
        return params

    def ls_params(
        self, model: ModelSettings, defaults: dict[str, Any], params: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The `ls_*` metadata, from LangChain's *defaults* or from the invocation parameters, which *params* gives."""
        return {**defaults, "ls_provider": self.provider}

    def serialized(self, model: ModelSettings) -> dict[str, Any] | None:
        """The `serialized` of a start event; None for the one that LangChain makes."""
        return None

    def tool(self, tool: Any, strict: bool | None) -> dict[str, Any]:
        """*tool* in the provider's form; a tool that runs at the provider, such as a web search, as it is."""
        if isinstance(tool, dict) and is_builtin(tool):
            return tool
        return convert_to_openai_tool(tool, strict=strict)

    def choice(self, tool_choice: Any, parallel: bool | None, tools: Sequence[Any]) -> dict[str, Any]:
        """The options of the call that *tool_choice* and *parallel* tool calls become."""
        options = {"tool_choice": tool_choice, "parallel_tool_calls": parallel}
        return {key: value for key, value in options.items() if value is not None}

    def shape(self, message: AIMessage) -> AIMessage:
        """*message* as the provider's integration gives it."""
        return message

    def result(self, message: AIMessage, model_name: str) -> ChatResult:
        """The result of a call that gives *message*."""
        return ChatResult(generations=[ChatGeneration(message=self.shape(message))])

    def combine(self, outputs: Sequence[dict[str, Any] | None], model: ModelSettings) -> dict[str, Any]:
        """The `llm_output` of several prompts, made from the *outputs* of each."""
        return {}

    def chunks(
        self,
        message: AIMessage,
        texts: Sequence[str] | None,
        model: StreamSettings,
        *,
        tools: bool = False,
        broken: bool = False,
    ) -> Iterator[ChatGenerationChunk]:
        """
        The chunks of a stream that gives *message*.

        Args:
            message: The message.

            texts: The pieces of its text, as scripted; None to cut it by words.

            model: The model; its name and `stream_usage` matter.

            tools: Whether tools are bound; with Anthropic, content is a list of blocks then.

            broken: Whether the stream breaks before its end: there is no finish reason then, and no usage.
        """
        for piece in split(message, texts, broken=broken):
            yield ChatGenerationChunk(message=piece)

    def token_options(self, chunk: ChatGenerationChunk) -> dict[str, Any]:
        """What handlers get with the token of *chunk*, beside the chunk, where the integration itself tells them."""
        return {}


def secret(name: str) -> dict[str, Any]:
    """A secret as LangChain serializes one: by its name alone."""
    return {"lc": 1, "type": "secret", "id": [name]}


def constructor(path: list[str], name: str | None, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """An object as LangChain serializes one: the *path* of its class, and the arguments that are not None."""
    given = {key: value for key, value in kwargs.items() if value is not None}
    return {"lc": 1, "type": "constructor", "id": path, "kwargs": given, "name": name or path[-1]}


def langsmith_params(provider: str, params: Mapping[str, Any], max_tokens: int | None) -> dict[str, Any]:
    """The `ls_*` metadata that both providers' integrations make of the invocation *params*."""
    made = {
        "ls_provider": provider,
        "ls_model_name": params["model"],
        "ls_model_type": "chat",
        "ls_temperature": params.get("temperature"),
    }
    if max_tokens:
        made["ls_max_tokens"] = max_tokens
    return {**made, "ls_stop": params["stop"]} if params.get("stop") else made


def without_model(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """*metadata* without the keys that a provider's payloads set themselves."""
    return {key: value for key, value in metadata.items() if key not in {"model_name", "model_provider"}}


def usage_with_details(message: AIMessage, **zeros: Mapping[str, int]) -> Any:
    """
    The usage of *message*, with the details that the provider always reports.

    ``usage_with_details(message, input_token_details={"audio": 0})`` adds the number of audio tokens if it is missing.
    None if the message has no usage.
    """
    if message.usage_metadata is None:
        return None
    usage: dict[str, Any] = dict(copy.deepcopy(message.usage_metadata))
    return {**usage, **{kind: {**counts, **usage.get(kind, {})} for kind, counts in zeros.items()}}


def provider_chunk(
    provider: str, message: AIMessage, content: Any, metadata: Mapping[str, Any] | None = None, **fields: Any
) -> AIMessageChunk:
    """A chunk of *message* that names its *provider* in the response metadata; *fields* are those of the chunk."""
    metadata = {**(metadata or {}), "model_provider": provider}
    return AIMessageChunk(content=content, id=message.id, response_metadata=metadata, **fields)


def is_builtin(tool: Mapping[str, Any]) -> bool:
    """Whether *tool* runs at the provider, such as a web search, and has no function's form."""
    return tool.get("type", "function") not in {"function", "object"}
