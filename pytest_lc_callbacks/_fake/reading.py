"""What one scripted response is: read from whatever the user wrote, or refused with what to write instead."""

from __future__ import annotations

import inspect
import json
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import reduce
from operator import add
from typing import Any

from langchain_core.load.serializable import Serializable
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.runnables import Runnable
from pydantic import BaseModel

from pytest_lc_callbacks._fake.tools import call_text, json_problem

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

_LENGTH = 80
_REPR = reprlib.Repr()
_REPR.maxother = 10 * _LENGTH
# Where an object lies in memory says nothing to a reader, and is another place each time.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F.]+")
# Generators use these for themselves: thrown through a coroutine they turn into something else.
_ENDS_ITERATORS = (StopIteration, StopAsyncIteration, GeneratorExit)
# What else is no Exception, LangChain's asynchronous code takes for an answer, and fails on it.
_CAN_TRAVEL = (Exception, KeyboardInterrupt, SystemExit)


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """Answer with this message."""

    message: AIMessage

    def __str__(self) -> str:
        calls = [call_text(call["name"], call["args"]) for call in self.message.tool_calls]
        if not calls:
            return _cut(repr(self.message.content))
        said = [_cut(repr(self.message.content))] if self.message.content else []
        return _cut(" with ".join([*said, f"tool call {', '.join(calls)}"]))


@dataclass(frozen=True, slots=True, eq=False)
class Chunks:
    """Stream these chunks, then raise if an error is set."""

    pieces: tuple[AIMessageChunk, ...]
    message: AIMessage
    error: BaseException | type[BaseException] | None
    texts: tuple[str, ...] | None

    def __str__(self) -> str:
        said = ", ".join(repr(piece.content) for piece in self.pieces if piece.content)
        ending = "" if self.error is None else f", then raises {_error_text(self.error)}"
        return _cut(f"chunks {said}") + ending


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """Raise this."""

    error: BaseException | type[BaseException]

    def __str__(self) -> str:
        return f"raises {_error_text(self.error)}"


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Answer with this object: as a call of the tool it belongs to, or as JSON text."""

    fields: dict[str, Any]
    name: str | None = None

    def __str__(self) -> str:
        return _cut(call_text(self.name, self.fields) if self.name else repr(self.fields))

    def as_text(self) -> Message:
        """The object as JSON text."""
        return Message(AIMessage(content=json.dumps(self.fields, ensure_ascii=False)))

    def as_call(self, tool: str) -> Message:
        """The object as the arguments of a call of *tool*."""
        return Message(_with_calls("", [(tool, self.fields)]))


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """Ask this function of the messages, sync or async."""

    function: Callable[[list[BaseMessage]], Any]

    def __str__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"function {name}"


Fixed = Message | Chunks | Failure | Data
Reply = Fixed | Function


@dataclass(slots=True, kw_only=True, eq=False)
class Response:
    """One scripted response, and how often it may be given."""

    reply: Reply
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
    def is_left_over(self) -> bool:
        """Whether the script is not used up because of it."""
        return not self.optional and self.times is not None and self.used < self.times

    def __str__(self) -> str:
        count = {None: " (always)", 1: ""}.get(self.times, f" ({self.times} times)")
        return f"{self.reply}{count}"


def read_reply(
    value: Any,
    where: str,
    *,
    tool_calls: Any = None,
    chunks: Any = None,
    then_raise: Any = None,
) -> Reply:
    """
    What the user scripted, as one of the five kinds of reply.

    Args:
        value: The response itself; ``...`` if there is none besides the other arguments.

        where: How to name it in a refusal, such as ``respond()``.

    Raises:
        TypeError: If it is nothing a model could answer with, naming it and what to write instead.

        ValueError: If it is of the right kind but cannot be.
    """
    if chunks is not None:
        return _read_chunks(value, where, chunks, tool_calls, then_raise)
    if then_raise is not None:
        raise TypeError(
            f"{where}: then_raise= comes after chunks=[...], which are missing; "
            "to raise at once, write .respond(TimeoutError())"
        )
    if tool_calls is not None:
        return _read_tool_calls(value, where, tool_calls)
    return _read_value(value, where)


def read_answer(value: Any, function: Function) -> Fixed:
    """
    What a scripted function returned, read like a scripted response.

    Raises:
        TypeError: If it returned nothing a model could answer with.
    """
    where = f"the scripted {function}"
    if callable(value) and not isinstance(value, type):
        raise TypeError(f"{where} returned {_shown(value)}; it has to return the answer itself: a text or a message")
    if value is None:
        raise TypeError(f"{where} returned None; it has to return an answer, such as a text or a message")
    if isinstance(value, list):
        value = _message_of_blocks(value, where)
    reply = _read_value(value, where)
    assert not isinstance(reply, Function)
    return reply


def read_function(function: Any, where: str) -> Any:
    """
    *function*, which is to be called with the list of messages.

    Raises:
        TypeError: If it does not take that, or gives one thing after the other instead of an answer.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{where}: the function {_shown(function)} yields, and one answer is asked for; let it return")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # Some do not tell: callables written in C, and mocks of async functions on Python 3.10. The call will show.
        return function
    try:
        signature.bind([])
    except TypeError as reason:
        raise TypeError(
            f"{where}: the function {_shown(function)} is called with the list of messages, and it does not "
            f"take that ({reason}); write def answer(messages): ..."
        ) from None
    return function


def make_error(error: BaseException | type[BaseException]) -> BaseException:
    """The exception to raise: a class gives a new one each time, an instance is itself, without its last traceback."""
    return error() if isinstance(error, type) else error.with_traceback(None)


def _read_value(value: Any, where: str) -> Reply:
    if isinstance(value, str):
        return Message(AIMessage(content=str(value)))
    if isinstance(value, BaseMessage):
        return Message(_read_message(value, where))
    if isinstance(value, BaseException) or (isinstance(value, type) and issubclass(value, BaseException)):
        return Failure(_read_error(value, where))
    # LangChain's own objects are pydantic's too, or can be called, and are no answers.
    if isinstance(value, (Serializable, Runnable)):
        raise _refusal(value, where)
    if isinstance(value, Mapping):
        if set(value) == {"role", "content"} and value["role"] in {"assistant", "ai"}:
            raise _refusal(value, where)
        return Data(_read_fields(value, value, where))
    if (fields := _fields_of_object(value, where)) is not None:
        return Data(_read_fields(fields, value, where), type(value).__name__)
    if callable(value) and not isinstance(value, type):
        return Function(read_function(value, where))
    raise _refusal(value, where)


def _refusal(value: Any, where: str) -> TypeError:
    remedy = _remedy(value)
    if inspect.iscoroutine(value):
        # Nobody will await it now, which Python would warn about at some later time.
        value.close()
    return TypeError(f"{where} cannot answer with {_shown(value)}: {remedy}")


def _remedy(value: Any) -> str:
    if value is ... or value is None:
        return "write what the model says, .respond('Paris'), or .respond('') for an empty answer"
    if isinstance(value, (Serializable, Runnable)):
        return "write the message in it, or a function of the messages that asks it, lambda messages: chain.invoke(...)"
    if isinstance(value, type):
        return f"write an instance of it, .respond({value.__name__}(...))"
    if isinstance(value, Mapping):
        return "a dict is an object for structured output; for a message write its text, or AIMessage(...)"
    if inspect.isawaitable(value):
        return "that is a coroutine; write the async function itself, without calling it"
    if isinstance(value, tuple):
        return "write .respond(tool_calls=[('search', {'q': 'x'})]) for a tool call, .respond('a', 'b') for two answers"
    if isinstance(value, (list, set, frozenset)) or hasattr(value, "__next__"):
        return (
            "write .respond('a', 'b') or responses=['a', 'b'] for one answer after the other, "
            "chunks=['a', 'b'] for one streamed answer, AIMessage(content=[...]) for content blocks"
        )
    return "write a text, an AIMessage, an exception, an object for structured output, or a function of the messages"


def _read_message(message: BaseMessage, where: str) -> AIMessage:
    if isinstance(message, AIMessageChunk):
        message = message_chunk_to_message(message)
    if not isinstance(message, AIMessage):
        raise TypeError(
            f"{where} cannot answer with a {type(message).__name__}: "
            f"a model answers with an AIMessage; write .respond({_cut(repr(message.content))})"
        )
    for i, call in enumerate(message.tool_calls):
        _refuse_what_is_not_json(call["name"], call["args"], f"{where}: tool_calls[{i}]")
    return message.model_copy(deep=True)


def _read_error(error: Any, where: str) -> Any:
    kind = error if isinstance(error, type) else type(error)
    if issubclass(kind, _ENDS_ITERATORS) or not issubclass(kind, _CAN_TRAVEL):
        reason = "Python uses it to end iterators" if issubclass(kind, _ENDS_ITERATORS) else "it is no Exception"
        raise TypeError(
            f"{where} cannot raise {kind.__name__}: {reason}, and asynchronous code "
            "would turn it into another error; write the error that a provider's client raises"
        )
    if isinstance(error, type):
        try:
            error()
        # Whatever its constructor says, it would say it in the call.
        except Exception as reason:  # noqa: BLE001
            raise TypeError(
                f"{where} cannot raise {kind.__name__}: it cannot be made without arguments ({reason}); "
                f"write an instance, {kind.__name__}(...)"
            ) from None
    return error


def _fields_of_object(value: Any, where: str) -> Mapping[str, Any] | None:
    """The fields of an object for structured output: pydantic's, of either version, or a dataclass."""
    if isinstance(value, type):
        return None
    if isinstance(value, BaseModel):
        return _dumped(value, where)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return json.loads(value.json()) if _is_pydantic_v1(value) else None


def _dumped(value: BaseModel, where: str) -> Mapping[str, Any]:
    try:
        # What pydantic computes from the fields is not in the schema, so that no model would write it.
        return value.model_dump(mode="json", by_alias=True, round_trip=True)
    except ValueError as reason:
        raise TypeError(f"{where} cannot answer with {_shown(value)}: a model writes JSON, and {reason}") from reason


def _read_fields(fields: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(fields, Mapping):
        raise TypeError(
            f"{where} cannot answer with {_shown(value)}: an object for structured output is a dict in JSON, and this "
            f"is a {type(fields).__name__}; write its JSON as a text, or wrap it into a field"
        )
    if problem := json_problem(fields, "it"):
        raise TypeError(f"{where} cannot answer with {_shown(value)}: {problem}")
    return json.loads(json.dumps(dict(fields)))  # type: ignore[no-any-return]


def _message_of_blocks(blocks: list[Any], where: str) -> AIMessage:
    if not all(isinstance(block, (str, dict)) for block in blocks):
        raise TypeError(f"{where} returned {_shown(blocks)}; a list has to be one of content blocks")
    return AIMessage(content=blocks)


def _read_tool_calls(value: Any, where: str, tool_calls: Any) -> Message:
    if value is not ... and not isinstance(value, str):
        raise TypeError(
            f"{where} takes tool_calls= alone or with a text, not with {_shown(value)}; "
            "a message brings its own: AIMessage('', tool_calls=[...])"
        )
    calls = _read_calls(tool_calls, where)
    if not calls and value is ...:
        raise ValueError(f"{where}: tool_calls=[] calls nothing; write .respond('') for an empty answer")
    return Message(_with_calls("" if value is ... else value, calls))


def _read_calls(tool_calls: Any, where: str) -> list[tuple[str, dict[str, Any]]]:
    wanted = "write tool_calls=[('search', {'q': 'x'})]"
    if isinstance(tool_calls, (str, Mapping)) or not isinstance(tool_calls, Iterable):
        raise TypeError(f"{where}: tool_calls= is a list of (name, arguments), not {_shown(tool_calls)}; {wanted}")
    calls = list(tool_calls)
    if isinstance(tool_calls, tuple) and calls and isinstance(calls[0], str):
        raise TypeError(f"{where}: tool_calls= is a list, also for one call, not {_shown(tool_calls)}; {wanted}")
    return [_read_call(call, f"{where}: tool_calls[{i}]") for i, call in enumerate(calls)]


def _read_call(call: Any, where: str) -> tuple[str, dict[str, Any]]:
    if isinstance(call, Mapping) and set(call) <= {"name", "args", "id", "type"} and {"name", "args"} <= set(call):
        call = (call["name"], call["args"], *([call["id"]] if call.get("id") else []))
    if not isinstance(call, (tuple, list)) or not 2 <= len(call) <= 3:
        raise TypeError(f"{where} is {_shown(call)} and not (name, arguments); write ('search', {{'q': 'x'}})")
    name, args, *identity = call
    if not isinstance(name, str) or not name:
        raise TypeError(f"{where}: the name of a tool is a text, not {_shown(name)}; write ('search', {{'q': 'x'}})")
    if identity and not isinstance(identity[0], str):
        raise TypeError(f"{where}: the id of a call is a text, not {_shown(identity[0])}; leave it out to get one")
    if not isinstance(args, Mapping):
        raise TypeError(
            f"{where}: the arguments of {name!r} are a dict, not {_shown(args)}; write ({name!r}, {{'q': 'x'}})"
        )
    _refuse_what_is_not_json(name, args, where)
    return (name, json.loads(json.dumps(dict(args))), *identity)


def _refuse_what_is_not_json(name: str, args: Mapping[str, Any], where: str) -> None:
    if problem := json_problem(args, "args"):
        raise TypeError(f"{where}: cannot call {name!r}: {problem}; write it as the model would, such as a text")


def _with_calls(text: str, calls: Sequence[Any]) -> AIMessage:
    made = [
        {"name": name, "args": args, "id": identity[0] if identity else None, "type": "tool_call"}
        for name, args, *identity in calls
    ]
    return AIMessage(content=text, tool_calls=made)


def _read_chunks(value: Any, where: str, chunks: Any, tool_calls: Any, then_raise: Any) -> Chunks:
    if value is not ...:
        raise TypeError(f"{where} takes either a response or chunks=[...], not both: {_shown(value)} and chunks=")
    if isinstance(chunks, (str, Mapping)) or not isinstance(chunks, Iterable):
        raise TypeError(f"{where}: chunks= is a list of texts, not {_shown(chunks)}; write chunks=['Par', 'is']")
    chunks = list(chunks)
    texts = tuple(chunks) if all(isinstance(chunk, str) for chunk in chunks) else None
    pieces = [_read_chunk(chunk, f"{where}: chunks[{i}]") for i, chunk in enumerate(chunks)]
    if not pieces:
        raise ValueError(f"{where}: chunks=[] streams nothing; write chunks=['']")
    if tool_calls is not None:
        pieces += _call_chunks(_read_calls(tool_calls, where), pieces[-1].content)
    if pieces[-1].tool_call_chunks:
        pieces.append(AIMessageChunk(content=_nothing_like(pieces[-1].content)))
    error = None if then_raise is None else _read_then_raise(then_raise, where)
    return Chunks(tuple(pieces), _sum(pieces, where), error, texts)


def _read_chunk(chunk: Any, where: str) -> AIMessageChunk:
    if isinstance(chunk, str):
        return AIMessageChunk(content=chunk)
    if isinstance(chunk, AIMessageChunk):
        return chunk.model_copy(deep=True)
    kind = chunk if isinstance(chunk, type) else type(chunk)
    if issubclass(kind, BaseException):
        raise TypeError(f"{where} is {_shown(chunk)}; write chunks=[...], then_raise={kind.__name__}(...)")
    raise TypeError(
        f"{where} is {_shown(chunk)} and not a text or an AIMessageChunk; "
        "write chunks=['Par', 'is'] or chunks=[AIMessageChunk(...)]"
    )


def _call_chunks(calls: Sequence[Any], content: Any) -> list[AIMessageChunk]:
    from pytest_lc_callbacks._fake.messages import call_pieces

    nothing = _nothing_like(content)
    message = _with_calls(" ", calls)
    return [AIMessageChunk(content=nothing, tool_call_chunks=[piece]) for piece in call_pieces(message)]


def _nothing_like(content: Any) -> Any:
    return "" if isinstance(content, str) else []


def _read_then_raise(error: Any, where: str) -> Any:
    if isinstance(error, BaseException) or (isinstance(error, type) and issubclass(error, BaseException)):
        return _read_error(error, f"{where}: then_raise=")
    raise TypeError(f"{where}: then_raise= is an exception, not {_shown(error)}; write then_raise=TimeoutError()")


def _sum(pieces: Sequence[AIMessageChunk], where: str) -> AIMessage:
    try:
        message = message_chunk_to_message(reduce(add, pieces))
    except (TypeError, ValueError) as reason:
        raise ValueError(f"{where}: langchain_core cannot add up these chunks: {reason}") from reason
    assert isinstance(message, AIMessage)
    return message


def _is_pydantic_v1(value: Any) -> bool:
    return not isinstance(value, type) and hasattr(value, "__fields__") and callable(getattr(value, "json", None))


def _error_text(error: BaseException | type[BaseException]) -> str:
    return _cut(error.__name__ if isinstance(error, type) else repr(error))


def _shown(value: Any) -> str:
    if value is ...:
        return "nothing"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = getattr(value, "__name__", None)
    # An address is cut out before it could be cut in two.
    shown = name if isinstance(name, str) else _cut(_ADDRESS.sub("", _REPR.repr(value)))
    return f"{shown} ({type(value).__name__})"


def _cut(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 3]}..."
