"""How a text LLM answers: the answers of a chat model as texts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import Generation, GenerationChunk, LLMResult

from pytest_lc_callbacks._fake.answering import Answering, AnswerSettings
from pytest_lc_callbacks._fake.call import Call, TextCall
from pytest_lc_callbacks._fake.messages import text_of
from pytest_lc_callbacks._fake.providers.plain import Payloads

if TYPE_CHECKING:
    from pytest_lc_callbacks._fake.script import Script

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

_PLAIN = Payloads()


class TextAnswering:
    """
    Answers prompts of one text LLM.

    Args:
        script: Where the responses come from.

        settings: The model's settings.

        model: The model that `Call.model` names; *settings* if left out.

        call: The class of the calls.

        original: Gives a method of the real model that is stood in for; see `Answering`.
    """

    def __init__(
        self,
        script: Script,
        settings: AnswerSettings,
        model: Any = None,
        call: type[Call] = TextCall,
        original: Callable[[str], Any] | None = None,
    ) -> None:
        self._answering = Answering(script, settings, _PLAIN, model, call, original)
        self._model_name = settings.model_name

    def generate(self, prompts: Sequence[str], stop: list[str] | None, options: Mapping[str, Any]) -> LLMResult:
        """A generation for each of the *prompts*, with the tokens of all."""
        results = [self._answering.generate([HumanMessage(prompt)], stop, options) for prompt in prompts]
        return self._result([result.generations[0].message for result in results])

    async def agenerate(self, prompts: Sequence[str], stop: list[str] | None, options: Mapping[str, Any]) -> LLMResult:
        """Like `generate`; scripted functions and latencies are awaited."""
        results = [await self._answering.agenerate([HumanMessage(prompt)], stop, options) for prompt in prompts]
        return self._result([result.generations[0].message for result in results])

    def stream(self, prompt: str, stop: list[str] | None, options: Mapping[str, Any]) -> Iterator[GenerationChunk]:
        """The chunks of the answer to *prompt*."""
        for chunk in self._answering.stream([HumanMessage(prompt)], stop, options):
            yield GenerationChunk(text=chunk.text)

    async def astream(
        self, prompt: str, stop: list[str] | None, options: Mapping[str, Any]
    ) -> AsyncGenerator[GenerationChunk, None]:
        """Like `stream`; scripted functions and latencies are awaited."""
        async with aclosing(self._answering.astream([HumanMessage(prompt)], stop, options)) as chunks:
            async for chunk in chunks:
                yield GenerationChunk(text=chunk.text)

    def _result(self, messages: Iterable[Any]) -> LLMResult:
        given: list[AIMessage] = list(messages)
        output: dict[str, Any] = {"model_name": self._model_name}
        usages = [message.usage_metadata for message in given if message.usage_metadata]
        if usages:
            output["token_usage"] = {
                "prompt_tokens": sum(usage["input_tokens"] for usage in usages),
                "completion_tokens": sum(usage["output_tokens"] for usage in usages),
                "total_tokens": sum(usage["total_tokens"] for usage in usages),
            }
        return LLMResult(generations=[[Generation(text=text_of(message))] for message in given], llm_output=output)
