"""What ChatOpenAI itself adds where a fake model stands in for it: the parsed object of a JSON schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import BaseModel

from pytest_lc_callbacks._fake.providers.openai import OpenAIPayloads

if TYPE_CHECKING:
    from pytest_lc_callbacks._fake.providers.plain import StreamSettings


class RealOpenAIPayloads(OpenAIPayloads):
    """
    The payloads of one call of `ChatOpenAI`.

    Args:
        options: The options of the call.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._format: Any = options.get("response_format")

    def result(self, message: AIMessage, model_name: str) -> ChatResult:
        """The result of `ChatOpenAI`, with the object that its client parses."""
        return super().result(self._with_parsed(message), model_name)

    def chunks(
        self,
        message: AIMessage,
        texts: Sequence[str] | None,
        model: StreamSettings,
        *,
        tools: bool = False,
        broken: bool = False,
    ) -> Iterator[ChatGenerationChunk]:
        """The chunks of `ChatOpenAI`; with a response format, its client sends the usage with the whole completion."""
        if not self._format:
            yield from super().chunks(message, texts, model, tools=tools, broken=broken)
            return
        usage = message.usage_metadata if model.stream_usage else None
        unmetered = message.model_copy(update={"usage_metadata": None})
        for chunk in super().chunks(unmetered, texts, model, tools=tools, broken=broken):
            info = chunk.generation_info
            yield chunk.model_copy(update={"generation_info": {"finish_reason": info["finish_reason"]}} if info else {})
        if not broken:
            yield from self._completion(message.model_copy(update={"usage_metadata": usage}), model.model_name)

    def _completion(self, message: AIMessage, model_name: str) -> Iterator[ChatGenerationChunk]:
        """An empty chunk where the content is done, one for the usage if there is any, and the whole completion."""
        for _ in range(2 if message.usage_metadata else 1):
            yield ChatGenerationChunk(message=AIMessageChunk(content="", id=message.id), generation_info={})
        result = self.result(message, model_name)
        whole: Any = result.generations[0].message
        chunk = AIMessageChunk(
            content="",
            id=message.id,
            additional_kwargs=whole.additional_kwargs,
            usage_metadata=whole.usage_metadata,
        )
        yield ChatGenerationChunk(message=chunk, generation_info=result.llm_output)

    def _with_parsed(self, message: AIMessage) -> AIMessage:
        if not self._format:
            return message
        is_schema = isinstance(self._format, type) and issubclass(self._format, BaseModel)
        parses = is_schema and not message.tool_calls and isinstance(message.content, str) and message.content
        parsed = self._format.model_validate_json(message.content) if parses else None
        return message.model_copy(update={"additional_kwargs": {"parsed": parsed, **message.additional_kwargs}})
