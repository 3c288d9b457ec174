"""FakeChatModel: a real chat model that answers from a script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr

from pytest_lc_callbacks._fake.answering import Answering
from pytest_lc_callbacks._fake.arguments import read_list, read_seconds, refuse_unknown
from pytest_lc_callbacks._fake.fields import ModelFields
from pytest_lc_callbacks._fake.providers import PAYLOADS
from pytest_lc_callbacks._fake.reading import Scripted
from pytest_lc_callbacks._fake.real_answers import read_real
from pytest_lc_callbacks._fake.replay import Replay
from pytest_lc_callbacks._fake.response import ResponseQueue
from pytest_lc_callbacks._fake.script import Script
from pytest_lc_callbacks._fake.scripted_model import ScriptedModel
from pytest_lc_callbacks._fake.structured_output import structured_output
from pytest_lc_callbacks._words import repr_short

if TYPE_CHECKING:
    import os
    from typing import Self

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import BaseChatModel, LanguageModelInput
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult
    from langchain_core.runnables import Runnable

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


class FakeChatModel(ScriptedModel, ModelFields):
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

        usage: Whether the model reports usage at all; a local server of OpenAI's API may report none.

        latency: Seconds to wait before each response.

        chunk_latency: Seconds to wait between the chunks of a stream.

        fields: Any field of `BaseChatModel`, such as `callbacks`, `tags` or `cache`, and what chat models
            commonly take: `temperature`, `max_tokens`, `stop`, `timeout`, `max_retries`, `api_key`, `streaming`.

    Raises:
        TypeError: If no model could give a response, or an argument is unknown.

        ValueError: If the provider is another one or always reports usage, or a latency is negative.

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
            remedy = "leave it out for a plain model"
            raise ValueError(f"provider= is 'anthropic' or 'openai', not {repr_short(provider)}; {remedy}")
        if provider == "anthropic" and fields.get("usage") is False:
            raise ValueError(
                "usage=False: Anthropic's API always reports usage; write it for a plain model or 'openai'"
            )
        for name in ("latency", "chunk_latency"):
            read_seconds(f"{type(self).__name__}()", name, fields.get(name))
        if provider and not {"model", "model_name"} & fields.keys():
            fields["model_name"] = PAYLOADS[provider].default_model
        super().__init__(**fields)
        if responses is not None:
            self.script.add(read_list(responses), self.script.queue)

    @classmethod
    def replay(cls, path: str | os.PathLike[str], *, real: BaseChatModel | None = None, **fields: Any) -> Self:
        """
        A model that answers each prompt as it was recorded: ``FakeChatModel.replay("calls.jsonl")``.

        A request is its messages, tools, tool choice, stop sequences and options. Equal requests are answered in the
        order of the file. What `respond` scripts goes first.

        Args:
            path: The file of recorded calls, as `open` takes it.

            real: The model to ask for what is missing, under ``--lc-callbacks-record``; its answers are added.

            fields: Any field of the model.

        Raises:
            TypeError: If *real* is no chat model.

            ValueError: If the file cannot be read, or a line is no recorded call.
        """
        model = cls(**fields)
        model.script.replay = Replay(path, read_real(real))
        return model

    def auto(self) -> Self:
        """
        Respond without a script: call each bound tool once, one after the other, then say "Done."

        The arguments are made from the tools' schemas, the same each time. Scripted responses go first.
        """
        self.script.is_automatic = True
        return self

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
        return self._answering.generate(messages, stop, kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await self._answering.agenerate(messages, stop, kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self._answering.stream(messages, stop, kwargs):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk, **self._payloads.token_options(chunk))
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        # A reader who leaves closes the inner generator too, rather than the garbage collector at some later time.
        async with aclosing(self._answering.astream(messages, stop, kwargs)) as chunks:
            async for chunk in chunks:
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk, **self._payloads.token_options(chunk))
                yield chunk

    @property
    def _answering(self) -> Answering:
        return Answering(self.script, self, self._payloads)
