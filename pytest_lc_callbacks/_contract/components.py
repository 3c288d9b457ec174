"""Models, tools and retrievers that answer exactly what a program says, odd payloads included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.llms import BaseLLM
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    ChatResult,
    Generation,
    GenerationChunk,
    LLMResult,
)
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field, SecretStr

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import LanguageModelInput
    from langchain_core.runnables import Runnable

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


class Chat(BaseChatModel):
    """
    A chat model that answers with the text it was asked, behind ``re: ``, unless `result` or `chunks` say otherwise.

    It is serializable with a provider's id and constructor arguments, as the models of partner packages are.
    """

    model_name: str = "gpt-4.1-mini"
    temperature: float = 0.5
    openai_api_key: SecretStr | None = SecretStr("not-a-key")
    result: Any = None
    chunks: Any = None
    error: Any = None
    params: dict[str, Any] = Field(default_factory=dict)

    @property
    def lc_secrets(self) -> dict[str, str]:
        return {"openai_api_key": "OPENAI_API_KEY"}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        return ["langchain", "chat_models", "openai"]

    @property
    def _llm_type(self) -> str:
        return "openai-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model_name, "model_name": self.model_name, "temperature": self.temperature, **self.params}

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        return {**self._identifying_params, "_type": self._llm_type, "stop": stop, **kwargs}

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with the tools among its invocation parameters."""
        from langchain_core.utils.function_calling import convert_to_openai_tool

        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        if self.error is not None:
            raise self.error
        if self.result is not None:
            return self._scripted(messages)
        return _chat_result(echo(messages), self.model_name)

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield from self.chunks if self.chunks is not None else self._pieces(messages)
        if self.error is not None:
            raise self.error

    def _scripted(self, messages: list[BaseMessage]) -> ChatResult:
        result: ChatResult = self.result(messages) if callable(self.result) else self.result
        return result

    def _pieces(self, messages: list[BaseMessage]) -> list[ChatGenerationChunk]:
        """What it streams: the result in one chunk, where there is one."""
        if self.result is None:
            return _chunks(echo(messages))
        said: Any = self._scripted(messages).generations[0].message
        fields = {"tool_calls": said.tool_calls, "invalid_tool_calls": said.invalid_tool_calls}
        return [piece(said.content, usage_metadata=said.usage_metadata, **fields)]


class Text(BaseLLM):
    """A text LLM that answers with the prompt, behind ``re: ``, unless `result` says otherwise."""

    result: Any = None
    error: Any = None

    @property
    def _llm_type(self) -> str:
        return "text"

    def _generate(self, prompts: list[str], *args: Any, **kwargs: Any) -> LLMResult:
        if self.error is not None:
            raise self.error
        if self.result is not None:
            scripted: LLMResult = self.result
            return scripted
        output = {"token_usage": {"total_tokens": 2}, "model_name": "text"}
        return LLMResult(generations=[[_generation(prompt)] for prompt in prompts], llm_output=output)

    def _stream(
        self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[GenerationChunk]:
        if self.error is not None:
            raise self.error
        for text in ("re: ", prompt):
            chunk = GenerationChunk(text=text)
            if run_manager is not None:
                # Each integration does this for itself.
                run_manager.on_llm_new_token(text, chunk=chunk)
            yield chunk


class Shelf(BaseRetriever):
    """A retriever that finds one document, which holds the query, unless `documents` says otherwise."""

    error: Any = None
    documents: Any = None

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        if self.error is not None:
            raise self.error
        if self.documents is not None:
            return list(self.documents)
        return [Document(f"re: {query}", metadata={"source": "shelf"})]


class Slow(Chat):
    """Answers never: its coroutine waits until it is cancelled."""

    waiting: Any = None

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.waiting.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody sets this future")


class _Place(BaseModel):
    """What the tool is asked for. LangChain would make such a class for each tool, which takes longer than its runs."""

    city: Any


def tool(body: Callable[..., Any], **options: Any) -> BaseTool:
    """A tool of a function, sync and async."""

    async def abody(city: Any) -> Any:
        return body(city)

    def sync_body(city: Any) -> Any:
        return body(city)

    return StructuredTool.from_function(
        sync_body,
        coroutine=abody,
        name="weather",
        description="The weather of a city.",
        args_schema=_Place,
        **options,
    )


def echo(messages: Sequence[BaseMessage]) -> str:
    """What `Chat` answers: the last message's text."""
    content = messages[-1].content
    return f"re: {content if isinstance(content, str) else 'a list'}"


def answer(message: AIMessage, **generation: Any) -> ChatResult:
    """A chat model's result of one message; *generation* may hold ``generation_info`` and ``llm_output``."""
    output = generation.pop("llm_output", None)
    return ChatResult(generations=[ChatGeneration(message=message, **generation)], llm_output=output)


def piece(content: Any = "", **fields: Any) -> ChatGenerationChunk:
    """A chunk of a stream."""
    info = fields.pop("generation_info", None)
    return ChatGenerationChunk(message=AIMessageChunk(content=content, **fields), generation_info=info)


def _generation(prompt: str) -> Generation:
    return Generation(text=f"re: {prompt}", generation_info={"finish_reason": "stop"})


def _chat_result(text: str, model: str) -> ChatResult:
    message = AIMessage(text, usage_metadata=USAGE, response_metadata={"model_name": model, "finish_reason": "stop"})
    tokens = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return answer(
        message, generation_info={"finish_reason": "stop"}, llm_output={"token_usage": tokens, "model_name": model}
    )


def _chunks(text: str) -> list[ChatGenerationChunk]:
    first, _, rest = text.partition(" ")
    ending = {"finish_reason": "stop", "model_name": "gpt-4.1-mini"}
    return [piece(first), piece(f" {rest}"), piece(usage_metadata=USAGE, generation_info=ending)]
