"""Scripted responses: the five kinds, how often one is given, and a queue of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

from pytest_lc_callbacks._model_calls import ModelCall
from pytest_lc_callbacks._values import ask, class_name, is_empty
from pytest_lc_callbacks._words import raw_repr, repr_short, safe, string

SHOWN = 80
"""How many characters a message shows of a response."""


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """The model responds with this message."""

    message: AIMessage

    def __str__(self) -> str:
        said = repr_short(self.message.content, SHOWN)
        calls = ", ".join(call_text(call["name"], call["args"]) for call in self.message.tool_calls)
        if not calls:
            return said
        return safe(f"tool call {calls}" if is_empty(self.message.content) else f"{said} with tool call {calls}", SHOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Chunks:
    """
    The model streams these chunks, then raises `error` if there is one.

    Attributes:
        pieces: The chunks.

        message: Their sum, which `invoke` gives.

        error: The exception, or its class.

        texts: The chunks as the user wrote them, if all of them are texts.

        cut_off: Whether the stream stops after the chunks, without its ending.
    """

    pieces: tuple[AIMessageChunk, ...]
    message: AIMessage
    error: BaseException | type[BaseException] | None
    texts: tuple[str, ...] | None
    cut_off: bool = False

    def __str__(self) -> str:
        said = ", ".join(raw_repr(piece.content) for piece in self.pieces if not is_empty(piece.content))
        ending = f", then {Failure(self.error)}" if self.error is not None else ", cut off" if self.cut_off else ""
        return safe(f"chunks {said}", SHOWN) + ending


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """The model raises this exception."""

    error: BaseException | type[BaseException]

    def __str__(self) -> str:
        return f"raises {repr_short(self.error, SHOWN)}"


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """The model responds with this object: with a call of the tool it belongs to, or with JSON text."""

    fields: dict[str, Any]
    name: str | None = None

    def __str__(self) -> str:
        return safe(call_text(self.name, self.fields) if self.name else raw_repr(self.fields), SHOWN)

    def as_text(self) -> Message:
        """The object as JSON text."""
        return Message(AIMessage(content=json.dumps(self.fields, ensure_ascii=False)))

    def as_call(self, tool: str) -> Message:
        """The object as the arguments of a call of *tool*."""
        return Message(message_with_calls("", [(tool, self.fields)]))


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """The model calls this function with the list of messages, sync or async, and responds with what it returns."""

    function: Callable[[list[BaseMessage]], Any]

    def __str__(self) -> str:
        name = string(ask(self.function, "__name__", class_name(type(self.function))))
        return safe(f"function {name}", SHOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """The model responds with what was recorded."""

    call: ModelCall

    def __str__(self) -> str:
        return f"the answer recorded in line {self.call.line}"


@dataclass(frozen=True, slots=True, eq=False)
class Unrecorded:
    """A real model is asked, and `keep` called with what it answers."""

    keep: Callable[[dict[str, Any]], None]

    def __str__(self) -> str:
        return "what a real model answers"


FixedKind = Message | Chunks | Failure | Data
ResponseKind = FixedKind | Function | Replayed | Unrecorded


@dataclass(slots=True, kw_only=True, eq=False)
class Response:
    """One scripted response; `times` is None where it is given always."""

    kind: ResponseKind
    times: int | None = 1
    optional: bool = False
    latency: float | None = None
    chunk_latency: float | None = None
    check_tools: bool = True
    used: int = field(default=0, compare=False)

    @property
    def is_spent(self) -> bool:
        """Whether it was given as often as it may be."""
        return self.times is not None and self.used >= self.times

    @property
    def is_unused(self) -> bool:
        """Whether it was given less often than it has to be."""
        return not self.optional and self.times is not None and self.used < self.times

    def __str__(self) -> str:
        often = {None: " (always)", 1: ""}.get(self.times, f" ({self.times} times)")
        return f"{self.kind}{often}"


class ResponseQueue:
    """Responses that are given one after the other."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self._next: int = 0

    def add(self, responses: Iterable[Response]) -> None:
        """
        Add *responses* at the end.

        Raises:
            ValueError: If the last response so far is given always: the new ones would never be.
        """
        for response in responses:
            if self.responses and self.responses[-1].times is None:
                raise ValueError(
                    f"respond({response}) would never be given: the response before it, {self.responses[-1]}, "
                    "has no end; script this one first, or give it a rule with .on(...)"
                )
            self.responses.append(response)

    def take(self) -> Response | None:
        """The next response, counted as used; None if all are spent."""
        while self._next < len(self.responses):
            response = self.responses[self._next]
            if not response.is_spent:
                response.used += 1
                return response
            self._next += 1
        return None

    @property
    def may_be_skipped(self) -> bool:
        """Whether every response is optional, so that a spent queue lets other rules respond."""
        return bool(self.responses) and all(response.optional for response in self.responses)

    @property
    def limit(self) -> int:
        """How many calls the responses are enough for, those without end left out."""
        return sum(response.times or 0 for response in self.responses)


def call_text(name: str, args: Mapping[str, Any]) -> str:
    """A tool call as people write one, to be shown by `safe`: ``search(q='weather')``."""
    return f"{name}({', '.join(f'{key}={raw_repr(value)}' for key, value in args.items())})"


def message_with_calls(text: str, calls: Sequence[Any]) -> AIMessage:
    """A message that says *text* and calls tools; each call is ``(name, arguments)`` or ``(name, arguments, id)``."""
    made = [
        {"name": name, "args": args, "id": identity[0] if identity else None, "type": "tool_call"}
        for name, args, *identity in calls
    ]
    return AIMessage(content=text, tool_calls=made)


def make_error(error: BaseException | type[BaseException]) -> BaseException:
    """The exception to raise: a new one of a class, an instance itself without its last traceback."""
    return error() if isinstance(error, type) else error.with_traceback(None)
