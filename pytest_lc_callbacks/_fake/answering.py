"""How a model answers a call: from a script, in the shapes of its payloads, after the latencies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core.outputs import ChatGenerationChunk, ChatResult

from pytest_lc_callbacks._fake.call import Call
from pytest_lc_callbacks._fake.providers.plain import Payloads, StreamSettings
from pytest_lc_callbacks._fake.real_answers import RealAnswers, real_method
from pytest_lc_callbacks._fake.replayed import as_response, recorded_result
from pytest_lc_callbacks._fake.response import FixedKind, Replayed, Unrecorded
from pytest_lc_callbacks._fake.turn import Result, Turn
from pytest_lc_callbacks._model_calls import canonical

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

        original: Gives a method of the real model that is stood in for, by its name; None if there is none.
    """

    def __init__(
        self,
        script: Script,
        settings: AnswerSettings,
        payloads: Payloads,
        model: Any = None,
        call: type[Call] = Call,
        original: Callable[[str], Any] | None = None,
    ) -> None:
        self._script = script
        self._settings = settings
        self._payloads = payloads
        self._model = settings if model is None else model
        self._call = call
        self._original = original

    def generate(self, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]) -> ChatResult:
        """The result of a call with these *messages*, stop sequences and *options*."""
        with self._turn("invoke", messages, stop, options) as turn:
            kind = turn.take()
            if isinstance(kind, Unrecorded):
                return self._noted(turn, self._real("_generate", turn, kind, options).result())
            result = self._result(turn, kind, streams=False)
            _pause(self._latency(turn))
            return self._chat_result(turn, result)

    async def agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]
    ) -> ChatResult:
        """Like `generate`; scripted functions and latencies are awaited."""
        with self._turn("ainvoke", messages, stop, options) as turn:
            kind = await turn.atake()
            if isinstance(kind, Unrecorded):
                return self._noted(turn, await self._real("_agenerate", turn, kind, options).aresult())
            result = self._result(turn, kind, streams=False)
            await _apause(self._latency(turn))
            return self._chat_result(turn, result)

    def stream(
        self, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]
    ) -> Iterator[ChatGenerationChunk]:
        """The chunks of a call; the response is taken from the script when the first one is asked for."""
        with self._turn("stream", messages, stop, options) as turn:
            kind = turn.take()
            if isinstance(kind, Unrecorded):
                yield from self._real("_stream", turn, kind, options).chunks()
                return
            result = self._result(turn, kind, streams=True)
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
            kind = await turn.atake()
            if isinstance(kind, Unrecorded):
                async for chunk in self._real("_astream", turn, kind, options).achunks():
                    yield chunk
                return
            result = self._result(turn, kind, streams=True)
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

    def _result(self, turn: Turn, kind: FixedKind | Replayed, *, streams: bool) -> Result:
        if not isinstance(kind, Replayed):
            return turn.result(kind)
        model_type = str(getattr(self._model, "_llm_type", ""))
        identity = turn.identity(canonical(kind.call.answer))
        recorded = recorded_result(kind.call, model_type, identity, streams=streams)
        return recorded or turn.result(as_response(kind.call, model_type, streams=streams))

    def _real(self, name: str, turn: Turn, kind: Unrecorded, options: Mapping[str, Any]) -> RealAnswers:
        """The real model's method *name*, ready to be asked: that of the application's own model, or of `real`."""
        replay = self._script.replay
        given: Any = dict(options)
        if replay is not None and replay.real is not None:
            method, given = real_method(replay.real, name, options)
        elif self._original is not None:
            method = self._original(name)
        else:
            raise TypeError("replay(): there is no real model to ask for what is missing; write replay(path, real=...)")
        return RealAnswers(method, list(turn.call.prompt), turn.call.stop, given, kind.keep)

    def _noted(self, turn: Turn, chat_result: ChatResult) -> ChatResult:
        turn.call.response = chat_result.generations[0].message
        return chat_result

    def _chat_result(self, turn: Turn, result: Result) -> ChatResult:
        result.raise_error()
        if result.recorded is not None:
            return self._noted(turn, result.recorded)
        assert result.message is not None
        return self._noted(turn, self._payloads.result(result.message, turn.model_name))

    def _chunks(self, turn: Turn, result: Result) -> Iterator[ChatGenerationChunk]:
        if result.message is None:
            return iter(())
        if result.recorded is not None:
            turn.call.response = result.message
            return iter(result.recorded)
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
