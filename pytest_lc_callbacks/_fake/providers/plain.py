"""What handlers get from a fake model, plainly: LangChain's standard fields and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from pytest_lc_callbacks._fake.messages import split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from langchain_core.messages import AIMessage


Params = Mapping[str, Any]


class Settings(Protocol):
    """What the payloads read from the model."""

    name: str | None
    model_name: str
    temperature: float | None
    max_tokens: int | None
    stop: list[str] | None
    timeout: float | None
    max_retries: int | None
    streaming: bool | None
    stream_usage: bool


class Payloads:
    """
    The shapes of a model that is nobody's: LangChain's standard fields and nothing else.

    The providers' shapes derive from it; what they send was compared, key by key, with the real integrations.
    """

    llm_type = "fake-chat-model"
    provider = "fake"
    default_model = "fake-chat-model"
    structured_output = "function_calling"
    structured_options: Mapping[str, Any] = MappingProxyType({})

    def identifying_params(self, model: Settings) -> dict[str, Any]:
        """What LangChain counts as the identity of the model; part of the invocation parameters and the cache key."""
        return {"model": model.model_name, "temperature": model.temperature, "max_tokens": model.max_tokens}

    def invocation_params(self, model: Settings, params: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """The `invocation_params` of a start event, from those that LangChain makes."""
        return params

    def ls_params(
        self, model: Settings, defaults: dict[str, Any], params: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The `ls_*` metadata, from the *defaults* that LangChain makes, or from the invocation *params*."""
        return {**defaults, "ls_provider": self.provider}

    def serialized(self, model: Settings) -> dict[str, Any] | None:
        """The `serialized` of a start event; None for what LangChain makes of the object itself."""
        return None

    def tool(self, tool: Any, strict: bool | None) -> dict[str, Any]:
        """*tool* as the provider gets it; a provider's built-in tool stays what it is."""
        if isinstance(tool, dict) and is_builtin(tool):
            return tool
        return convert_to_openai_tool(tool, strict=strict)

    def choice(self, tool_choice: Any, parallel: bool | None, tools: Sequence[Any]) -> dict[str, Any]:
        """The options that *tool_choice* and *parallel* tool calls become."""
        options = {"tool_choice": tool_choice, "parallel_tool_calls": parallel}
        return {key: value for key, value in options.items() if value is not None}

    def shaped(self, message: AIMessage) -> AIMessage:
        """The finished *message* as the provider's integration gives it."""
        return message

    def result(self, message: AIMessage, model_name: str) -> ChatResult:
        """What a call gives for the finished *message*."""
        return ChatResult(generations=[ChatGeneration(message=self.shaped(message))])

    def combined(self, outputs: Sequence[dict[str, Any] | None], model: Settings) -> dict[str, Any]:
        """The `llm_output` of several prompts at once, from those of each."""
        return {}

    def chunks(
        self, message: AIMessage, texts: Sequence[str] | None, model: Settings, *, tools: bool
    ) -> Iterator[ChatGenerationChunk]:
        """
        What a stream gives for the finished *message*.

        Args:
            message: The message.

            texts: Its text in the pieces in which it was scripted; None to cut it as usual.

            model: The model, for its name and whether it reports usage.

            tools: Whether tools are bound; some providers shape the content after that.
        """
        for piece in split(message, texts):
            yield ChatGenerationChunk(message=piece)


def secret(name: str) -> dict[str, Any]:
    """A secret as LangChain serializes one: by its name alone."""
    return {"lc": 1, "type": "secret", "id": [name]}


def constructor(path: list[str], name: str | None, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """An object as LangChain serializes one: its class, and what it was made with."""
    given = {key: value for key, value in kwargs.items() if value is not None}
    return {"lc": 1, "type": "constructor", "id": path, "kwargs": given, "name": name or path[-1]}


def langsmith_params(provider: str, params: Mapping[str, Any], max_tokens: int | None) -> dict[str, Any]:
    """The `ls_*` metadata as both providers' integrations make it of the invocation *params*."""
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
    """*metadata* without what a provider's shape says itself."""
    return {key: value for key, value in metadata.items() if key not in {"model_name", "model_provider"}}


def is_builtin(tool: Mapping[str, Any]) -> bool:
    """Whether *tool* is one that runs at the provider, such as a web search, and has no function's form."""
    return tool.get("type", "function") not in {"function", "object"}
