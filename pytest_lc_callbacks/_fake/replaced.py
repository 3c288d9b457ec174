"""The methods of real models that a stand-in replaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from pytest_lc_callbacks._fake.answering import Answering
from pytest_lc_callbacks._fake.call import Call, TextCall
from pytest_lc_callbacks._fake.messages import count_message, count_tokens
from pytest_lc_callbacks._fake.real_answers import is_asking, text_method
from pytest_lc_callbacks._fake.real_models import RealModel, payloads_of
from pytest_lc_callbacks._fake.text import TextAnswering

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult, GenerationChunk, LLMResult

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


ANSWERS: Counter[str] = Counter()
"""How often stand-ins have answered in this process."""


class ModelStandIn(Protocol):
    """What replaced methods ask a stand-in."""

    fake: Any
    _is_on: bool


class Replaced:
    """
    One method of one class that a stand-in replaces.

    Args:
        stand_in: The stand-in.

        cls: The class.

        name: The name of the method.
    """

    def __init__(self, stand_in: ModelStandIn, cls: type, name: str) -> None:
        self.stand_in = stand_in
        self.cls = cls
        self._name = name
        self._own: Any = vars(cls).get(name)

    @property
    def words(self) -> str:
        """``SupportChat._generate (app.models)``."""
        return f"{self.cls.__name__}.{self._name} ({self.cls.__module__})"

    @property
    def is_on(self) -> bool:
        """Whether the stand-in answers; another one that was there before may be put back after its own end."""
        return self.stand_in._is_on and not is_asking.get()

    def original(self, model: Any) -> Any:
        """The method as it was before, bound to *model*."""
        return getattr(super(self.cls, model), self._name) if self._own is None else self._own.__get__(model)

    def answering(self, model: Any, options: Mapping[str, Any]) -> Answering:
        """What answers the calls of a chat model."""
        ANSWERS["chat"] += 1
        fake = self.stand_in.fake
        settings, payloads = RealModel(model, options, fake), payloads_of(model, options)
        return Answering(fake.script, settings, payloads, model, original=lambda name: getattr(model, name))

    def texts(self, model: Any, options: Mapping[str, Any]) -> TextAnswering:
        """What answers the prompts of a text LLM."""
        ANSWERS["text"] += 1
        fake = self.stand_in.fake
        # The functions of a script get what the fake model is made for: messages, or a text.
        call = Call if hasattr(fake, "bind_tools") else TextCall
        settings = RealModel(model, options, fake)
        return TextAnswering(fake.script, settings, model, call, lambda name: text_method(model, name))


def _generate(replaced: Replaced) -> Any:
    def _generate(
        self: Any, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        __tracebackhide__ = True
        if not replaced.is_on:
            own: ChatResult = replaced.original(self)(messages, stop, run_manager, **kwargs)
            return own
        return replaced.answering(self, kwargs).generate(messages, stop, kwargs)

    return _generate


def _agenerate(replaced: Replaced) -> Any:
    async def _agenerate(
        self: Any, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        __tracebackhide__ = True
        if not replaced.is_on:
            own: ChatResult = await replaced.original(self)(messages, stop, run_manager, **kwargs)
            return own
        return await replaced.answering(self, kwargs).agenerate(messages, stop, kwargs)

    return _agenerate


def _stream(replaced: Replaced) -> Any:
    def _stream(
        self: Any, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        __tracebackhide__ = True
        if not replaced.is_on:
            yield from replaced.original(self)(messages, stop, run_manager, **kwargs)
            return
        answering = replaced.answering(self, kwargs)
        for chunk in answering.stream(messages, stop, kwargs):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk, **answering.token_options(chunk))
            yield chunk

    return _stream


def _astream(replaced: Replaced) -> Any:
    async def _astream(
        self: Any, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        __tracebackhide__ = True
        if not replaced.is_on:
            async for chunk in replaced.original(self)(messages, stop, run_manager, **kwargs):
                yield chunk
            return
        answering = replaced.answering(self, kwargs)
        async with aclosing(answering.astream(messages, stop, kwargs)) as chunks:
            async for chunk in chunks:
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk, **answering.token_options(chunk))
                yield chunk

    return _astream


def _generate_texts(replaced: Replaced) -> Any:
    def _generate(self: Any, prompts: list[str], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> LLMResult:
        __tracebackhide__ = True
        if not replaced.is_on:
            own: LLMResult = replaced.original(self)(prompts, stop, run_manager, **kwargs)
            return own
        return replaced.texts(self, kwargs).generate(prompts, stop, kwargs)

    return _generate


def _agenerate_texts(replaced: Replaced) -> Any:
    async def _agenerate(
        self: Any, prompts: list[str], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> LLMResult:
        __tracebackhide__ = True
        if not replaced.is_on:
            own: LLMResult = await replaced.original(self)(prompts, stop, run_manager, **kwargs)
            return own
        return await replaced.texts(self, kwargs).agenerate(prompts, stop, kwargs)

    return _agenerate


def _stream_text(replaced: Replaced) -> Any:
    def _stream(
        self: Any, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[GenerationChunk]:
        __tracebackhide__ = True
        if not replaced.is_on:
            yield from replaced.original(self)(prompt, stop, run_manager, **kwargs)
            return
        for chunk in replaced.texts(self, kwargs).stream(prompt, stop, kwargs):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    return _stream


def _astream_text(replaced: Replaced) -> Any:
    async def _astream(
        self: Any, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[GenerationChunk]:
        __tracebackhide__ = True
        if not replaced.is_on:
            async for chunk in replaced.original(self)(prompt, stop, run_manager, **kwargs):
                yield chunk
            return
        async with aclosing(replaced.texts(self, kwargs).astream(prompt, stop, kwargs)) as chunks:
            async for chunk in chunks:
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    return _astream


def _token_ids(replaced: Replaced) -> Any:
    def get_token_ids(self: Any, text: str) -> list[int]:
        """A token for every four characters begun; no tokenizer is downloaded."""
        if not replaced.is_on:
            own: list[int] = replaced.original(self)(text)
            return own
        return list(range(count_tokens(text)))

    return get_token_ids


def _count_tokens(replaced: Replaced) -> Any:
    def get_num_tokens_from_messages(self: Any, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> int:
        """The tokens that `usage_metadata` counts for *messages*; no server is asked."""
        if not replaced.is_on:
            own: int = replaced.original(self)(messages, *args, **kwargs)
            return own
        return sum(map(count_message, messages))

    return get_num_tokens_from_messages


class HiddenMethod:
    """In the place of a method that LangChain does without where a model has none: None while a stand-in answers."""

    def __init__(self, replaced: Replaced) -> None:
        self._replaced = replaced

    def __get__(self, model: Any, cls: type) -> Any:
        return None if self._replaced.is_on else self._replaced.original(cls if model is None else model)


CHAT_METHODS: Mapping[str, Callable[[Replaced], Any]] = {
    "_generate": _generate,
    "_agenerate": _agenerate,
    "_stream": _stream,
    "_astream": _astream,
    "get_token_ids": _token_ids,
    "get_num_tokens_from_messages": _count_tokens,
}
"""What makes the methods that replace those of a chat model."""

EVENT_METHODS = {"_stream_chat_model_events": "_stream", "_astream_chat_model_events": "_astream"}
"""The methods with which a chat model makes protocol events itself, and those of whose chunks LangChain makes them."""

TEXT_METHODS: Mapping[str, Callable[[Replaced], Any]] = {
    "_generate": _generate_texts,
    "_agenerate": _agenerate_texts,
    "_stream": _stream_text,
    "_astream": _astream_text,
    "get_token_ids": _token_ids,
}
"""What makes the methods that replace those of a text LLM."""
