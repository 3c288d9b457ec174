"""How a model answers a call: from a script, in the shapes of its payloads, after the latencies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core.outputs import ChatGenerationChunk, ChatResult

from pytest_lc_callbacks._fake.call import Call
from pytest_lc_callbacks._fake.providers.plain import Payloads, StreamSettings
from pytest_lc_callbacks._fake.turn import Result, Turn

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from pytest_lc_callbacks._fake.script import Script

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


class AnswerSettings(StreamSettings, Protocol):
    """The fields of a model that its answers depend on."""

    name: str | None
    stop: list[str] | None
    usage: bool
    latency: float
    chunk_latency: float


class Answering:
    """
    Answers calls of one model.

    Args:
        script: Where the responses come from.

        settings: The model's settings.

        payloads: The shapes of the results.

        model: The model that `Call.model` names; *settings* if left out.

        call: The class of the calls.
    """

    def __init__(
        self,
        script: Script,
        settings: AnswerSettings,
        payloads: Payloads,
        model: Any = None,
        call: type[Call] = Call,
    ) -> None:
        self._script = script
        self._settings = settings
        self._payloads = payloads
        self._model = settings if model is None else model
        self._call = call

    def generate(self, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]) -> ChatResult:
        """The result of a call with these *messages*, stop sequences and *options*."""
        with self._turn("invoke", messages, stop, options) as turn:
            result = turn.result(turn.take())
            _pause(self._latency(turn))
            return self._chat_result(turn, result)

    async def agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]
    ) -> ChatResult:
        """Like `generate`; scripted functions and latencies are awaited."""
        with self._turn("ainvoke", messages, stop, options) as turn:
            result = turn.result(await turn.atake())
            await _apause(self._latency(turn))
            return self._chat_result(turn, result)

    def stream(
        self, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]
    ) -> Iterator[ChatGenerationChunk]:
        """The chunks of a call; the response is taken from the script when the first one is asked for."""
        with self._turn("stream", messages, stop, options) as turn:
            result = turn.result(turn.take())
            wait, pause = self._latency(turn), self._chunk_latency(turn)
            for chunk in self._chunks(turn, result):
                _pause(wait)
                wait = pause
                yield chunk
            result.raise_error()

    async def astream(
        self, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        """Like `stream`; scripted functions and latencies are awaited."""
        with self._turn("astream", messages, stop, options) as turn:
            result = turn.result(await turn.atake())
            wait, pause = self._latency(turn), self._chunk_latency(turn)
            for chunk in self._chunks(turn, result):
                await _apause(wait)
                wait = pause
                yield chunk
            result.raise_error()

    def token_options(self, chunk: ChatGenerationChunk) -> dict[str, Any]:
        """What handlers get with the token of *chunk*, beside the chunk."""
        return self._payloads.token_options(chunk)

    def _turn(self, mode: str, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]) -> Turn:
        settings = self._settings
        call = self._call(mode, messages, stop or settings.stop or None, options, self._model)
        self._script.note(call)
        names = (settings.name or "", str(options.get("model") or settings.model_name))
        return Turn(self._script, call, names, usage=settings.usage)

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
        tools, broken = bool(turn.call.tools), result.is_broken
        return self._payloads.chunks(result.message, result.texts, self._settings, tools=tools, broken=broken)

    def _latency(self, turn: Turn) -> float:
        response = turn.response
        return self._settings.latency if response is None or response.latency is None else response.latency

    def _chunk_latency(self, turn: Turn) -> float:
        response = turn.response
        own = None if response is None else response.chunk_latency
        return self._settings.chunk_latency if own is None else own


def _pause(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


async def _apause(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)
