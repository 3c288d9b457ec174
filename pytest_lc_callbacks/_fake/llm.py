"""FakeLLM: a real text LLM that answers from a script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.language_models.llms import BaseLLM
from langchain_core.messages import BaseMessage
from pydantic import ConfigDict, Field, PrivateAttr

from pytest_lc_callbacks._fake.arguments import read_list, refuse_unknown
from pytest_lc_callbacks._fake.messages import count_tokens
from pytest_lc_callbacks._fake.reading import Scripted
from pytest_lc_callbacks._fake.response import ResponseQueue
from pytest_lc_callbacks._fake.script import Script
from pytest_lc_callbacks._fake.scripted_model import ScriptedModel
from pytest_lc_callbacks._fake.text import TextAnswering
from pytest_lc_callbacks._words import repr_short

if TYPE_CHECKING:
    from typing import Self

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.outputs import GenerationChunk, LLMResult

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


class FakeLLM(ScriptedModel, BaseLLM):
    """
    A text LLM for tests: a real `BaseLLM` that answers from a script, offline and at once.

    It is scripted as a `FakeChatModel` is, with texts, and calls functions with the text of the prompt.

    Args:
        responses: The responses, one after the other; each is whatever `respond` takes.

        model: The name of the model.

        usage: Whether `llm_output` has the token usage.

        latency: Seconds to wait before each response.

        chunk_latency: Seconds to wait between the chunks of a stream.

        fields: Any field of `BaseLLM`, such as `callbacks`, `tags` or `cache`, and `temperature`, `max_tokens`, `stop`.

    Raises:
        TypeError: If no text LLM could give a response, or an argument is unknown.

    Example:
        ```python
        llm = FakeLLM(responses=["Paris"], callbacks=[handler])
        assert llm.invoke("The capital of France?") == "Paris"
        ```
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        populate_by_name=True, protected_namespaces=(), arbitrary_types_allowed=True
    )

    model_name: str = Field(default="fake-llm", alias="model")
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    usage: bool = True
    latency: float = Field(default=0, ge=0)
    chunk_latency: float = Field(default=0, ge=0)
    script: Script = Field(default_factory=Script, exclude=True, repr=False)

    stream_usage: ClassVar[bool] = False
    _queue: ResponseQueue | None = PrivateAttr(default=None)

    def __init__(self, responses: Sequence[Scripted] | None = None, **fields: Any) -> None:
        refuse_unknown(type(self), fields)
        super().__init__(**fields)
        if responses is not None:
            _refuse_messages(responses if isinstance(responses, (list, tuple)) else ())
            self.script.add(read_list(responses), self.script.queue)

    def respond(
        self,
        *responses: Scripted,
        chunks: Sequence[str] | None = None,
        **options: Any,
    ) -> Self:
        """
        Script the next response, or several in a row; after `on` those of the rule.

        Args:
            responses: A text, an exception to raise, an object to give as JSON, or a function of the prompt's text
                that returns one of these (it may be async).

            chunks: The texts to stream; their sum is the response.

            options: `then_raise`, `cut_off`, `times`, `always`, `optional`, `latency` and `chunk_latency`, as
                `FakeChatModel.respond` takes them.

        Raises:
            TypeError: If no text LLM could give such a response.

            ValueError: If the arguments contradict each other, or the response could never be given.
        """
        if "tool_calls" in options:
            raise TypeError("respond(): a text LLM calls no tools; write FakeChatModel().respond(tool_calls=[...])")
        _refuse_messages([*responses, *(chunks if isinstance(chunks, (list, tuple)) else ())])
        return super().respond(*responses, chunks=chunks, **options)

    def get_token_ids(self, text: str) -> list[int]:
        """A token for every four characters begun; no tokenizer is downloaded."""
        return list(range(count_tokens(text)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.script.summary}>"

    def __str__(self) -> str:
        return repr(self)

    @property
    def _llm_type(self) -> str:
        return "fake-llm"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model_name, "temperature": self.temperature, "max_tokens": self.max_tokens}

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        return self._answering.generate(prompts, stop, kwargs)

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        return await self._answering.agenerate(prompts, stop, kwargs)

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        for chunk in self._answering.stream(prompt, stop, kwargs):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        async with aclosing(self._answering.astream(prompt, stop, kwargs)) as chunks:
            async for chunk in chunks:
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    @property
    def _answering(self) -> TextAnswering:
        return TextAnswering(self.script, self)


def _refuse_messages(values: Sequence[Any]) -> None:
    for value in values:
        if isinstance(value, BaseMessage):
            raise TypeError(
                f"a text LLM responds with a text, not with {type(value).__name__}; "
                f"write .respond({repr_short(value.content)})"
            )
