"""FakeChatModel: a chat model that answers from a script, and fires every callback as LangChain does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from pytest_lc_callbacks._fake.arguments import read_count, read_flags, read_responses, read_seconds, refuse_unknown
from pytest_lc_callbacks._fake.messages import count_message, count_tokens
from pytest_lc_callbacks._fake.providers.anthropic import AnthropicPayloads
from pytest_lc_callbacks._fake.providers.openai import OpenAIPayloads
from pytest_lc_callbacks._fake.providers.plain import Payloads
from pytest_lc_callbacks._fake.reading import Response, read_reply
from pytest_lc_callbacks._fake.script import Answers, Call, Matcher, Script
from pytest_lc_callbacks._fake.structured_output import structured_output
from pytest_lc_callbacks._fake.turn import Answer, Turn

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.load.serializable import SerializedNotImplemented
    from langchain_core.runnables import Runnable
    from typing_extensions import Self

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

_PAYLOADS: dict[str | None, Payloads] = {
    None: Payloads(),
    "anthropic": AnthropicPayloads(),
    "openai": OpenAIPayloads(),
}


class Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Scripted: TypeAlias = (
    str
    | BaseMessage
    | BaseException
    | type[BaseException]
    | BaseModel
    | Dataclass
    | Mapping[str, Any]
    | Callable[[list[BaseMessage]], Any]
)
"""What a response may be."""


class FakeChatModel(BaseChatModel):
    """
    A chat model for tests: a real `BaseChatModel` that answers from a script, offline and at once.

    Unscripted it answers with a fixed text. Scripted it gives what the script says, and raises
    `FakeChatModelExhausted` when the script has nothing for a call. Copies, bindings and configured
    variants of a model share its script and its `calls`.

    Args:
        responses: The answers, one after the other; each is whatever `respond` takes.

        model: The name of the model it says it is.

        provider: ``"anthropic"`` or ``"openai"``: send handlers what that provider's integration sends.

        stream_usage: Whether a provider's streams report usage.

        latency: Seconds to wait before each answer.

        chunk_latency: Seconds to wait between the chunks of a stream.

        fields: Any field of `BaseChatModel`, such as `callbacks`, `tags` or `cache`, and what chat models
            commonly take: `temperature`, `max_tokens`, `stop`, `timeout`, `max_retries`, `api_key`, `streaming`.

    Raises:
        TypeError: If a response is nothing a model could answer with, or an argument is unknown.

        ValueError: If the provider is another one, or a latency is negative.

    Example:
        ```python
        model = FakeChatModel(responses=["Paris"], callbacks=[handler])
        assert model.invoke("The capital of France?").content == "Paris"
        ```
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        populate_by_name=True, protected_namespaces=(), arbitrary_types_allowed=True
    )

    model_name: str = Field(default="fake-chat-model", alias="model")
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    timeout: float | None = None
    max_retries: int | None = None
    api_key: SecretStr | None = Field(default=None, exclude=True)
    streaming: bool | None = None
    provider: Literal["anthropic", "openai"] | None = None
    stream_usage: bool = True
    latency: float = Field(default=0, ge=0)
    chunk_latency: float = Field(default=0, ge=0)
    # A field, since LangChain's configurable fields make a new model out of the fields of the old one.
    script: Script = Field(default_factory=Script, exclude=True, repr=False)

    _answers: Answers | None = PrivateAttr(default=None)

    def __init__(self, responses: Sequence[Scripted] | None = None, **fields: Any) -> None:
        refuse_unknown(type(self), fields)
        provider = fields.get("provider")
        if provider not in tuple(_PAYLOADS):
            raise ValueError(f"provider= is 'anthropic' or 'openai', not {provider!r}; leave it out for a plain model")
        for name in ("latency", "chunk_latency"):
            read_seconds(f"{type(self).__name__}()", name, fields.get(name))
        if provider and not {"model", "model_name"} & fields.keys():
            fields["model_name"] = _PAYLOADS[provider].default_model
        super().__init__(**fields)
        if responses is not None:
            listed = read_responses(responses)
            self.script.add([Response(reply=read_reply(r, w)) for r, w in listed], self.script.queue)

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
        Script the next answer, or several in a row. After `on` the answers are those of the rule.

        Args:
            responses: A text, an `AIMessage`, an exception to raise, an object for structured output, or a
                function of the messages that returns one of these (it may be async).

            tool_calls: The tools to call, as ``(name, arguments)``; alone, or with one text.

            chunks: The texts or `AIMessageChunk` to stream; added up they are the answer.

            then_raise: Raise this after the chunks.

            times: How often to give the answer.

            always: Give it from here on, without end.

            optional: Do not mind if it is never asked for.

            latency: Seconds to wait before it; that of the model if left out.

            chunk_latency: Seconds to wait between its chunks; that of the model if left out.

            check_tools: Refuse tool calls that the tools bound at the call do not allow.

        Raises:
            TypeError: If it is nothing a model could answer with.

            ValueError: If it contradicts itself or could never be given.
        """
        values: tuple[Any, ...] = responses or (...,)
        where = f"respond({'...' if responses else ''})"
        read_flags(where, always=always, optional=optional, check_tools=check_tools)
        count = read_count(where, times, always, len(values))
        if len(values) > 1 and (tool_calls is not None or chunks is not None):
            raise TypeError(f"{where} takes tool_calls= and chunks= for one answer, not for {len(values)}")
        self.script.add(
            [
                Response(
                    reply=read_reply(value, where, tool_calls=tool_calls, chunks=chunks, then_raise=then_raise),
                    times=count,
                    optional=optional,
                    latency=read_seconds(where, "latency", latency),
                    chunk_latency=read_seconds(where, "chunk_latency", chunk_latency),
                    check_tools=check_tools,
                )
                for value in values
            ],
            self.script.queue if self._answers is None else self._answers,
        )
        return self

    def on(self, matcher: Matcher) -> Self:
        """
        A rule: the answers scripted on what this returns are for the prompts that match, in whatever order they come.

        The result is this model again, with the same script and calls, but its `respond` adds to the rule.

        Args:
            matcher: A part of the last message's text (case-sensitive), a compiled regex that is searched in it,
                or a function of the messages that says whether they match.

        Raises:
            TypeError: If it is something else.
        """
        rule = self.script.add_rule(matcher)
        model = self.model_copy()
        model._answers = rule.answers
        return model

    def auto(self) -> Self:
        """
        Answer without a script, whatever is bound: call each bound tool once, one after the other, then say "Done."

        The arguments are made from the tools' schemas, always the same. Scripted answers go first.
        """
        self.script.is_automatic = True
        return self

    @property
    def model(self) -> str:
        """The name of the model, under the other name that integrations have for it."""
        return self.model_name

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
        The latest call.

        Raises:
            LookupError: If there was none.
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

            tool_choice: ``"any"``, ``"auto"``, ``"none"`` or the name of a tool, which the script then has to call.

            strict: Put into the tools' schemas.

            parallel_tool_calls: Whether several calls at once are welcome; only noted.

            kwargs: Sent with each call; they show up in `Call.options`.
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
        Give objects of *schema*: script ``.respond(Answer(...))``, or the dict.

        Args:
            schema: A pydantic class, a TypedDict or a JSON schema.

            include_raw: Give a dict of `raw`, `parsed` and `parsing_error`.

            method: ``"function_calling"`` lets the model call a tool, ``"json_schema"`` and ``"json_mode"`` let it
                answer with JSON text. Left out, it is what the provider's integration does, and a tool call
                for a plain model.

            strict: Put into the tool's schema.

            kwargs: Given to `bind_tools`, where a tool is bound.

        Raises:
            ValueError: If *method* is another one.
        """
        method = method or self._payloads.structured_output
        options = {"strict": strict, **self._payloads.structured_options, **kwargs}
        return structured_output(self, schema, method, include_raw=include_raw, **options)

    def get_token_ids(self, text: str) -> list[int]:
        """A token for every four characters begun, so that nothing is downloaded to count."""
        return list(range(count_tokens(text)))

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """The tokens that `usage_metadata` counts for *messages*."""
        return sum(map(count_message, messages))

    def to_json_not_implemented(self) -> SerializedNotImplemented:
        """The object by its name: without counts, so that it is the same on every call."""
        serialized = super().to_json_not_implemented()
        serialized["repr"] = f"{type(self).__name__}(model_name={self.model_name!r})"
        return serialized

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.script.summary}>"

    def __str__(self) -> str:
        return repr(self)

    @property
    def _script(self) -> Script:
        """The script, under the name by which the health checks ask for it."""
        return self.script

    @cached_property
    def _serialized(self) -> dict[str, Any]:
        """What handlers get as `serialized`."""
        return self._payloads.serialized(self) or dict(dumpd(self))

    @property
    def _payloads(self) -> Payloads:
        return _PAYLOADS[self.provider]

    @property
    def _llm_type(self) -> str:
        return self._payloads.llm_type

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return self._payloads.identifying_params(self)

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        params = super()._get_invocation_params(stop=stop, **kwargs)
        return self._payloads.invocation_params(self, params, kwargs)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        defaults = super()._get_ls_params(stop=stop or self.stop, **kwargs)
        # A TypedDict at LangChain's end, which tells no keys apart that providers leave out or set to None.
        return self._payloads.ls_params(  # type: ignore[return-value]
            self, dict(defaults), lambda: self._get_invocation_params(stop=stop, **kwargs)
        )

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None], /) -> dict[str, Any]:
        return self._payloads.combined(llm_outputs, self)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._turn("invoke", messages, stop, kwargs) as turn:
            answer = turn.answer(turn.reply())
            _pause(self._latency(turn))
            return self._result(turn, answer)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._turn("ainvoke", messages, stop, kwargs) as turn:
            answer = turn.answer(await turn.areply())
            await _apause(self._latency(turn))
            return self._result(turn, answer)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with self._turn("stream", messages, stop, kwargs) as turn:
            answer = turn.answer(turn.reply())
            wait, pause = self._latency(turn), self._chunk_latency(turn)
            for chunk in self._chunks(turn, answer):
                _pause(wait)
                wait = pause
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
            answer.finish()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with self._turn("astream", messages, stop, kwargs) as turn:
            answer = turn.answer(await turn.areply())
            wait, pause = self._latency(turn), self._chunk_latency(turn)
            for chunk in self._chunks(turn, answer):
                await _apause(wait)
                wait = pause
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
            answer.finish()

    def _turn(self, mode: str, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> Turn:
        call = Call(mode, messages, stop or self.stop or None, kwargs)
        self.script.note(call)
        return Turn(self.script, call, (self.name or "", str(kwargs.get("model") or self.model_name)))

    def _result(self, turn: Turn, answer: Answer) -> ChatResult:
        answer.finish()
        assert answer.message is not None
        result = self._payloads.result(answer.message, turn.model_name)
        turn.call.response = result.generations[0].message  # type: ignore[assignment]
        return result

    def _chunks(self, turn: Turn, answer: Answer) -> Iterator[ChatGenerationChunk]:
        if answer.message is None:
            return iter(())
        turn.call.response = self._payloads.shaped(answer.message)
        if (pieces := answer.pieces()) is not None:
            return (ChatGenerationChunk(message=piece) for piece in pieces)
        return self._payloads.chunks(answer.message, answer.texts, self, tools=bool(turn.call.tools))

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
