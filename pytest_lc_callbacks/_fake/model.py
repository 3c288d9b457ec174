"""FakeChatModel: a real chat model that answers from a script."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field, PrivateAttr

from pytest_lc_callbacks._fake.arguments import read_list, read_respond, read_seconds, refuse_unknown
from pytest_lc_callbacks._fake.call import Call
from pytest_lc_callbacks._fake.fields import ModelFields
from pytest_lc_callbacks._fake.providers import PAYLOADS
from pytest_lc_callbacks._fake.reading import Scripted
from pytest_lc_callbacks._fake.response import ResponseQueue
from pytest_lc_callbacks._fake.rule import Matcher
from pytest_lc_callbacks._fake.script import Script
from pytest_lc_callbacks._fake.structured_output import structured_output
from pytest_lc_callbacks._fake.turn import Result, Turn

if TYPE_CHECKING:
    from typing import Self

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.runnables import Runnable

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


class FakeChatModel(ModelFields):
    """
    A chat model for tests: a real `BaseChatModel` that answers from a script, offline and at once.

    Unscripted it answers with a fixed text. Scripted it gives the responses of the script, and raises
    `FakeChatModelExhausted` for a call that the script has no response for. Copies, bindings and configured
    variants of a model share its script and its `calls`.

    Args:
        responses: The responses, one after the other; each is whatever `respond` takes.

        model: The name of the model.

        provider: ``"anthropic"`` or ``"openai"``: send handlers what that provider's integration sends.

        stream_usage: Whether the streams of a model with a provider report usage.

        latency: Seconds to wait before each response.

        chunk_latency: Seconds to wait between the chunks of a stream.

        fields: Any field of `BaseChatModel`, such as `callbacks`, `tags` or `cache`, and what chat models
            commonly take: `temperature`, `max_tokens`, `stop`, `timeout`, `max_retries`, `api_key`, `streaming`.

    Raises:
        TypeError: If no model could give a response, or an argument is unknown.

        ValueError: If the provider is another one, or a latency is negative.

    Example:
        ```python
        model = FakeChatModel(responses=["Paris"], callbacks=[handler])
        assert model.invoke("The capital of France?").content == "Paris"
        ```
    """

    # A field, since LangChain's configurable fields make a new model out of the fields of the old one.
    script: Script = Field(default_factory=Script, exclude=True, repr=False)

    # The queue that `respond` adds to: that of a rule after `on`; None for the script's own.
    _queue: ResponseQueue | None = PrivateAttr(default=None)

    def __init__(self, responses: Sequence[Scripted] | None = None, **fields: Any) -> None:
        refuse_unknown(type(self), fields)
        provider = fields.get("provider")
        if provider not in tuple(PAYLOADS):
            raise ValueError(f"provider= is 'anthropic' or 'openai', not {provider!r}; leave it out for a plain model")
        for name in ("latency", "chunk_latency"):
            read_seconds(f"{type(self).__name__}()", name, fields.get(name))
        if provider and not {"model", "model_name"} & fields.keys():
            fields["model_name"] = PAYLOADS[provider].default_model
        super().__init__(**fields)
        if responses is not None:
            self.script.add(read_list(responses), self.script.queue)

    def respond(
        self,
        *responses: Scripted,
        tool_calls: Sequence[tuple[str, Mapping[str, Any]]] | None = None,
        chunks: Sequence[Any] | None = None,
        then_raise: BaseException | type[BaseException] | None = None,
        times: int = 1,
        always: bool = False,
        optional: bool = False,
        latency: float | None = None,
        chunk_latency: float | None = None,
        check_tools: bool = True,
    ) -> Self:
        """
        Script the next response, or several in a row; after `on` those of the rule.

        Args:
            responses: A text, an `AIMessage`, an exception to raise, an object for structured output, or a
                function of the messages that returns one of these (it may be async).

            tool_calls: The tools to call, as ``(name, arguments)``; alone, or with one text.

            chunks: The texts or `AIMessageChunk` to stream; their sum is the response.

            then_raise: Raise this after the chunks.

            times: How often to give the response.

            always: Give the response to every later call.

            optional: Do not report the response if no call takes it.

            latency: Seconds to wait before the response; the model's `latency` if left out.

            chunk_latency: Seconds to wait between its chunks; the model's `chunk_latency` if left out.

            check_tools: Refuse tool calls that the tools bound at the call do not allow.

        Raises:
            TypeError: If no model could give such a response.

            ValueError: If the arguments contradict each other, or the response could never be given.
        """
        scripted = read_respond(
            responses,
            tool_calls=tool_calls,
            chunks=chunks,
            then_raise=then_raise,
            times=times,
            always=always,
            optional=optional,
            latency=latency,
            chunk_latency=chunk_latency,
            check_tools=check_tools,
        )
        self.script.add(scripted, self._queue or self.script.queue)
        return self

    def on(self, matcher: Matcher) -> Self:
        """
        Script responses for matching prompts: ``model.on("refund").respond("Certainly.")``.

        Rules are tried in their order, before the queue, and do not depend on the order of the calls. The result is
        this model again, with the same script and calls, but its `respond` adds to the rule.

        Args:
            matcher: A part of the last message's text (case-sensitive), a compiled regex that is searched in it,
                or a function of the messages that returns whether they match.

        Raises:
            TypeError: If *matcher* is something else.

            ValueError: If *matcher* is the empty text.
        """
        rule = self.script.add_rule(matcher)
        model = self.model_copy()
        model._queue = rule.queue
        return model

    def auto(self) -> Self:
        """
        Respond without a script: call each bound tool once, one after the other, then say "Done."

        The arguments are made from the tools' schemas, the same each time. Scripted responses go first.
        """
        self.script.is_automatic = True
        return self

    @property
    def calls(self) -> list[Call]:
        """The calls that reached the model or one of its copies, in the order in which they arrived."""
        return self.script.calls

    @property
    def call_count(self) -> int:
        """How many calls reached the model or one of its copies."""
        return len(self.script.calls)

    @property
    def last_call(self) -> Call:
        """
        The latest of the `calls`.

        Raises:
            LookupError: If the model was not called.
        """
        calls = self.script.calls
        if not calls:
            raise LookupError("last_call: the model has not been called; .call_count is 0")
        return calls[-1]

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | Any],
        *,
        tool_choice: Any = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """
        Bind *tools* in the provider's form; scripted tool calls are checked against them at the call.

        Args:
            tools: Tools, functions, pydantic classes, TypedDicts or schemas.

            tool_choice: ``"any"``, ``"auto"``, ``"none"``, or the name of a tool: the script has to call that one.

            strict: What the tools' schemas say as ``strict``.

            parallel_tool_calls: Whether the model may call several tools at once. It is passed on, and not enforced.

            kwargs: More options of each call; they are in `Call.options`.
        """
        payloads = self._payloads
        formatted = [payloads.tool(tool, strict) for tool in tools]
        return super().bind(tools=formatted, **payloads.choice(tool_choice, parallel_tool_calls, formatted), **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: str | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """
        Give objects of *schema*: script ``.respond(City(...))``, or the dict.

        Args:
            schema: A pydantic class, a TypedDict or a JSON schema.

            include_raw: Give a dict of `raw`, `parsed` and `parsing_error`.

            method: ``"function_calling"``: the model calls a tool. ``"json_schema"`` or ``"json_mode"``: it writes JSON
                text. Left out, it is the default of the provider's integration, and a tool call for a plain model.

            strict: What the tool's schema says as ``strict``.

            kwargs: More arguments for `bind_tools`, where a tool is bound.

        Raises:
            ValueError: If *method* is another one.
        """
        method = method or self._payloads.structured_output
        options = {"strict": strict, **self._payloads.structured_options, **kwargs}
        return structured_output(self, schema, method, include_raw=include_raw, **options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.script.summary}>"

    def __str__(self) -> str:
        return repr(self)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._turn("invoke", messages, stop, kwargs) as turn:
            result = turn.result(turn.take())
            _pause(self._latency(turn))
            return self._chat_result(turn, result)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._turn("ainvoke", messages, stop, kwargs) as turn:
            result = turn.result(await turn.atake())
            await _apause(self._latency(turn))
            return self._chat_result(turn, result)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with self._turn("stream", messages, stop, kwargs) as turn:
            result = turn.result(turn.take())
            wait, pause = self._latency(turn), self._chunk_latency(turn)
            for chunk in self._chunks(turn, result):
                _pause(wait)
                wait = pause
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
            result.raise_error()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with self._turn("astream", messages, stop, kwargs) as turn:
            result = turn.result(await turn.atake())
            wait, pause = self._latency(turn), self._chunk_latency(turn)
            for chunk in self._chunks(turn, result):
                await _apause(wait)
                wait = pause
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
            result.raise_error()

    def _turn(self, mode: str, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> Turn:
        call = Call(mode, messages, stop or self.stop or None, kwargs)
        self.script.note(call)
        return Turn(self.script, call, (self.name or "", str(kwargs.get("model") or self.model_name)))

    def _chat_result(self, turn: Turn, result: Result) -> ChatResult:
        result.raise_error()
        assert result.message is not None
        chat_result = self._payloads.result(result.message, turn.model_name)
        turn.call.response = chat_result.generations[0].message  # type: ignore[assignment]
        return chat_result

    def _chunks(self, turn: Turn, result: Result) -> Iterator[ChatGenerationChunk]:
        if result.message is None:
            return iter(())
        turn.call.response = self._payloads.shape(result.message)
        if (pieces := result.pieces()) is not None:
            return (ChatGenerationChunk(message=piece) for piece in pieces)
        return self._payloads.chunks(result.message, result.texts, self, tools=bool(turn.call.tools))

    def _latency(self, turn: Turn) -> float:
        response = turn.response
        return self.latency if response is None or response.latency is None else response.latency

    def _chunk_latency(self, turn: Turn) -> float:
        response = turn.response
        return self.chunk_latency if response is None or response.chunk_latency is None else response.chunk_latency


def _pause(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


async def _apause(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)
