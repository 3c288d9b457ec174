"""A real model, asked for what a recording lacks, without any callbacks of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatResult

from pytest_lc_callbacks._model_calls import answer_of_chunks, answer_of_error, answer_of_result, as_chat
from pytest_lc_callbacks._redaction import clean_data
from pytest_lc_callbacks._words import error_text

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, LLMResult

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

is_asking: ContextVar[bool] = ContextVar("lc_callbacks_asking", default=False)
"""Whether a real model is asked now: no stand-in answers for it then."""

_END: Any = object()


class RealAnswers:
    """
    Asks a real model once.

    Args:
        method: The model's method, such as its `_generate`.

        messages: The prompt.

        stop: The stop sequences.

        options: The options of the call.

        keep: Called with the answer, as it is recorded.
    """

    def __init__(
        self,
        method: Callable[..., Any],
        messages: list[BaseMessage],
        stop: list[str] | None,
        options: Mapping[str, Any],
        keep: Callable[[dict[str, Any]], None],
    ) -> None:
        self._method = method
        self._messages = messages
        self._arguments = {"stop": stop, **options}
        self._keep = keep
        self._context = copy_context()
        self._context.run(is_asking.set, True)

    def result(self) -> ChatResult:
        """The result of a call that does not stream."""
        try:
            result: ChatResult = self._context.run(self._method, self._messages, **self._arguments)
        except Exception as error:
            self._keep(_broken([], error))
            raise
        self._keep(clean_data(answer_of_result(result.generations[0], result.llm_output)))
        return result

    async def aresult(self) -> ChatResult:
        """Like `result`, in this loop."""
        try:
            call = self._method(self._messages, **self._arguments)
            result: ChatResult = await asyncio.create_task(call, context=self._context)
        except Exception as error:
            self._keep(_broken([], error))
            raise
        self._keep(clean_data(answer_of_result(result.generations[0], result.llm_output)))
        return result

    def chunks(self) -> Iterator[ChatGenerationChunk]:
        """The chunks of a stream, as they come; one that its reader leaves is not recorded."""
        seen: list[ChatGenerationChunk] = []
        try:
            chunks = self._context.run(self._method, self._messages, **self._arguments)
            while (chunk := self._context.run(next, chunks, _END)) is not _END:
                # LangChain writes into a chunk later.
                seen.append(chunk.model_copy(deep=True))
                yield chunk
        except Exception as error:
            self._keep(_broken(seen, error))
            raise
        self._keep(clean_data(answer_of_chunks(seen)))

    async def achunks(self) -> AsyncIterator[ChatGenerationChunk]:
        """Like `chunks`, in this loop."""
        seen: list[ChatGenerationChunk] = []
        try:
            chunks = self._method(self._messages, **self._arguments)
            while (chunk := await asyncio.create_task(_next(chunks), context=self._context)) is not _END:
                seen.append(chunk.model_copy(deep=True))
                yield chunk
        except Exception as error:
            self._keep(_broken(seen, error))
            raise
        self._keep(clean_data(answer_of_chunks(seen)))


def text_method(model: Any, name: str) -> Any:
    """The method *name* of the real text LLM *model*, as that of a chat model."""

    def generate(messages: list[BaseMessage], **arguments: Any) -> ChatResult:
        return _chat_result(model._generate([messages[0].content], **arguments))

    async def agenerate(messages: list[BaseMessage], **arguments: Any) -> ChatResult:
        return _chat_result(await model._agenerate([messages[0].content], **arguments))

    def stream(messages: list[BaseMessage], **arguments: Any) -> Iterator[ChatGenerationChunk]:
        yield from map(as_chat, model._stream(messages[0].content, **arguments))

    async def astream(messages: list[BaseMessage], **arguments: Any) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in model._astream(messages[0].content, **arguments):
            yield as_chat(chunk)

    return {"_generate": generate, "_agenerate": agenerate, "_stream": stream, "_astream": astream}[name]


def _chat_result(result: LLMResult) -> ChatResult:
    return ChatResult(generations=[as_chat(result.generations[0][0])], llm_output=result.llm_output)


def real_method(real: Any, name: str, options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """
    The method *name* of the model *real*, and the *options* of the call as *real* takes them.

    Tools are bound by *real* itself, since a fake model may have bound them in another provider's form.
    """
    left = {key: value for key, value in options.items() if not key.startswith("ls_")}
    if tools := left.pop("tools", None):
        choice = left.pop("tool_choice", None)
        bound: Any = real.bind_tools(tools, **({} if choice is None else {"tool_choice": choice}))
        left = {**bound.kwargs, **left}
    return getattr(real, name), {key: value for key, value in left.items() if not key.startswith("ls_")}


def read_real(real: Any) -> Any:
    """
    The model that was given as `real`.

    Raises:
        TypeError: If it is no chat model.
    """
    if real is None or isinstance(real, BaseChatModel):
        return real
    raise TypeError(
        f"replay(): real= is the chat model to ask for what is missing, not {type(real).__name__}; "
        "write real=ChatOpenAI(...), without .bind(...)"
    )


def _broken(seen: list[ChatGenerationChunk], error: Exception) -> dict[str, Any]:
    broken = answer_of_error(error, error_text(error))
    answer: dict[str, Any] = clean_data(answer_of_chunks(seen, broken) if seen else broken)
    return answer


async def _next(chunks: Any) -> Any:
    return await anext(chunks, _END)
