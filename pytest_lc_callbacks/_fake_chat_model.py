"""FakeChatModel: a chat model that answers from a script, and fires every callback as LangChain does."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from pytest_lc_callbacks._fake_messages import count_message, count_tokens
from pytest_lc_callbacks._fake_replies import Response, read_reply
from pytest_lc_callbacks._fake_script import (
    Answers,
    Call,
    FakeChatModelExhausted,
    Matcher,
    Script,
    _on_script_created,
)
from pytest_lc_callbacks._fake_tools import did_you_mean
from pytest_lc_callbacks._fake_turn import Turn

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.load.serializable import SerializedNotImplemented
    from typing_extensions import Self

__all__ = ["Call", "FakeChatModel", "FakeChatModelExhausted", "Script", "_on_script_created"]

Scripted: TypeAlias = (
    str
    | BaseMessage
    | BaseException
    | type[BaseException]
    | BaseModel
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

        latency: Seconds to wait before each answer.

        chunk_latency: Seconds to wait between the chunks of a stream.

        fields: Any field of `BaseChatModel`, such as `callbacks`, `tags` or `cache`, and what chat models
            commonly take: `temperature`, `max_tokens`, `stop`, `timeout`, `max_retries`, `api_key`, `streaming`.

    Raises:
        TypeError: If a response is nothing a model could answer with, or an argument is unknown.

    Example:
        ```python
        model = FakeChatModel(responses=["Paris"], callbacks=[handler])
        assert model.invoke("The capital of France?").content == "Paris"
        ```
    """

    model_config = ConfigDict(populate_by_name=True, protected_namespaces=(), arbitrary_types_allowed=True)

    model_name: str = Field(default="fake-chat-model", alias="model")
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    timeout: float | None = None
    max_retries: int | None = None
    api_key: SecretStr | None = None
    streaming: bool | None = None
    latency: float = Field(default=0, ge=0)
    chunk_latency: float = Field(default=0, ge=0)
    # A field, since LangChain's configurable fields make a new model out of the fields of the old one.
    script: Script = Field(default_factory=Script, exclude=True, repr=False)

    _answers: Answers | None = PrivateAttr(default=None)

    def __init__(self, *, responses: Iterable[Scripted] | None = None, **fields: Any) -> None:
        _refuse_unknown(type(self), fields)
        super().__init__(**fields)
        if responses is not None:
            listed = _read_responses(responses)
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
        count = _read_count(where, times, always, len(values))
        if len(values) > 1 and (tool_calls is not None or chunks is not None):
            raise TypeError(f"{where} takes tool_calls= and chunks= for one answer, not for {len(values)}")
        self.script.add(
            [
                Response(
                    reply=read_reply(value, where, tool_calls=tool_calls, chunks=chunks, then_raise=then_raise),
                    times=count,
                    optional=optional,
                    latency=_read_seconds(where, "latency", latency),
                    chunk_latency=_read_seconds(where, "chunk_latency", chunk_latency),
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
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """
        Bind *tools*, in OpenAI's form: scripted tool calls are checked against them at the call.

        Args:
            tools: Tools, functions, pydantic classes, TypedDicts or schemas.

            tool_choice: ``"any"``, ``"auto"``, ``"none"`` or the name of a tool, which the script then has to call.

            strict: Put into the tools' schemas.

            kwargs: Sent with each call; they show up in `Call.options`.
        """
        if tool_choice is not None:
            kwargs["tool_choice"] = tool_choice
        return super().bind(tools=[_formatted(tool, strict) for tool in tools], **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: Literal["function_calling", "json_schema", "json_mode"] = "function_calling",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """
        Give objects of *schema*: script ``.respond(Answer(...))``, or the dict.

        Args:
            schema: A pydantic class, a TypedDict or a JSON schema.

            include_raw: Give a dict of `raw`, `parsed` and `parsing_error`.

            method: Let the model call a tool, or answer with JSON text.

            strict: Put into the tool's schema.

        Raises:
            ValueError: If *method* is another one.
        """
        methods = {"function_calling", "json_schema", "json_mode"}
        if method not in methods:
            raise ValueError(f"with_structured_output: method= is one of {', '.join(sorted(methods))}, not {method!r}")
        noted = {"kwargs": {"method": method}, "schema": schema}
        if method == "function_calling":
            name = convert_to_openai_tool(schema)["function"]["name"]
            bound = self.bind_tools(
                [schema], tool_choice=name, strict=strict, ls_structured_output_format=noted, **kwargs
            )
            parser = _tool_parser(schema, name)
        else:
            wanted = _response_format(schema, method)
            bound = super().bind(response_format=wanted, ls_structured_output_format=noted, **kwargs)
            parser = _text_parser(schema)
        return _with_raw(bound, parser) if include_raw else bound | parser

    def get_token_ids(self, text: str) -> list[int]:
        """A token for every four characters begun, so that nothing is downloaded to count."""
        return list(range(count_tokens(text)))

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """The tokens that `usage_metadata` counts for *messages*."""
        return sum(map(count_message, messages))

    def to_json_not_implemented(self) -> SerializedNotImplemented:
        """What handlers get as `serialized`: without counts, so that it is the same on every call."""
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

    @property
    def _llm_type(self) -> str:
        return "fake-chat-model"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model_name, "temperature": self.temperature, "max_tokens": self.max_tokens}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop or self.stop, **kwargs)
        params["ls_provider"] = "fake"
        return params

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
            return _result(answer.whole())

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
            return _result(answer.whole())

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
            for piece in answer.chunks():
                _pause(wait)
                wait, chunk = pause, ChatGenerationChunk(message=piece)
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
            for piece in answer.chunks():
                await _apause(wait)
                wait, chunk = pause, ChatGenerationChunk(message=piece)
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
            answer.finish()

    def _turn(self, mode: str, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]) -> Turn:
        options = {key: value for key, value in kwargs.items() if key not in {"tools", "tool_choice"}}
        call = self.script.open_call(
            mode,
            [_kept(message) for message in messages],
            tools=list(kwargs.get("tools") or ()),
            tool_choice=kwargs.get("tool_choice"),
            stop=stop or self.stop or None,
            options=options,
        )
        return Turn(self.script, call, (self.name or "", str(kwargs.get("model") or self.model_name)))

    def _latency(self, turn: Turn) -> float:
        response = turn.response
        return self.latency if response is None or response.latency is None else response.latency

    def _chunk_latency(self, turn: Turn) -> float:
        response = turn.response
        return self.chunk_latency if response is None or response.chunk_latency is None else response.chunk_latency


def _refuse_unknown(kind: type[BaseModel], given: Mapping[str, Any]) -> None:
    known = {"responses", *kind.model_fields}
    known |= {field.alias for field in kind.model_fields.values() if field.alias}
    for name in given:
        if name not in known:
            raise TypeError(f"{kind.__name__}() takes no argument {name!r}{did_you_mean(name, known)}")


def _read_responses(responses: Any) -> list[tuple[Any, str]]:
    if isinstance(responses, (str, Mapping, BaseMessage)) or not isinstance(responses, Sequence):
        raise TypeError(
            f"responses= is a list of answers, not {type(responses).__name__}; write responses=['Paris', 'Rome']"
        )
    return [(response, f"responses[{i}]") for i, response in enumerate(responses)]


def _read_count(where: str, times: Any, always: Any, responses: int) -> int | None:
    if isinstance(times, bool) or not isinstance(times, int):
        raise TypeError(f"{where}: times= is a number of calls, not {times!r}")
    if times < 1:
        raise ValueError(f"{where}: times={times} would never give the answer; leave the line out")
    if always and times != 1:
        raise ValueError(f"{where}: always=True gives the answer without end, so times={times} says nothing")
    if responses > 1 and (always or times != 1):
        option = "always=True" if always else f"times={times}"
        raise TypeError(f"{where}: {option} is for one answer, not for {responses}; write one .respond(...) for each")
    return None if always else times


def _read_seconds(where: str, name: str, seconds: Any) -> float | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < float("inf"):
        raise ValueError(f"{where}: {name}= is a number of seconds from 0 on, not {seconds!r}")
    return float(seconds)


def _formatted(tool: Any, strict: bool | None) -> dict[str, Any]:
    """*tool* in OpenAI's form; a provider's built-in tool stays what it is."""
    if isinstance(tool, dict) and "type" in tool and tool["type"] not in {"function", "object"}:
        return tool
    return convert_to_openai_tool(tool, strict=strict)


def _response_format(schema: Any, method: str) -> dict[str, Any]:
    if method == "json_mode":
        return {"type": "json_object"}
    converted = convert_to_json_schema(schema)
    return {"type": "json_schema", "json_schema": {"name": converted.get("title", "answer"), "schema": converted}}


def _tool_parser(schema: Any, name: str) -> Runnable[Any, Any]:
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticToolsParser(tools=[schema], first_tool_only=True)
    return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def _text_parser(schema: Any) -> Runnable[Any, Any]:
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()


def _with_raw(bound: Runnable[Any, Any], parser: Runnable[Any, Any]) -> Runnable[Any, Any]:
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([failed], exception_key="parsing_error")


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])


def _kept(message: BaseMessage) -> BaseMessage:
    """A copy that later changes of the message do not reach."""
    kept = message.model_copy()
    if not isinstance(kept.content, str):
        kept.content = copy.deepcopy(kept.content)
    if isinstance(kept, AIMessage) and kept.tool_calls:
        kept.tool_calls = copy.deepcopy(kept.tool_calls)
    return kept


def _pause(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


async def _apause(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)
