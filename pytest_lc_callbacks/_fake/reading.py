"""Scripted responses read from whatever the user wrote, or refused with what to write instead."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

from langchain_core.load.serializable import Serializable
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel

from pytest_lc_callbacks._fake.messages import call_pieces, merge
from pytest_lc_callbacks._fake.response import (
    SHOWN,
    Chunks,
    Data,
    Failure,
    FixedKind,
    Function,
    Message,
    ResponseKind,
    message_with_calls,
)
from pytest_lc_callbacks._fake.schema import json_problem
from pytest_lc_callbacks._words import repr_short, shown, truncate

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

# An address differs from run to run, and says nothing to a reader.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F.]+")
# Python ends generators with these: raised inside a coroutine, they turn into another error.
_ENDS_ITERATORS = (StopIteration, StopAsyncIteration, GeneratorExit)
# What can be raised in an asynchronous call: LangChain takes any other BaseException for a result, and fails on it.
_CAN_TRAVEL = (Exception, KeyboardInterrupt, SystemExit)


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
"""What a user may write as a response."""


def read_kind(
    value: Any,
    where: str,
    *,
    tool_calls: Any = None,
    chunks: Any = None,
    then_raise: Any = None,
    cut_off: bool = False,
) -> ResponseKind:
    """
    The kind of response that the user scripted.

    Args:
        value: The response; ``...`` if the other arguments say it alone.

        where: How a refusal names the place, such as ``respond()``.

        tool_calls: What `respond` was given as `tool_calls`.

        chunks: What `respond` was given as `chunks`.

        then_raise: What `respond` was given as `then_raise`.

        cut_off: What `respond` was given as `cut_off`.

    Raises:
        TypeError: If no model could respond with it; the message says what to write instead.

        ValueError: If it is of the right type but says nothing, such as ``chunks=[]``.
    """
    if chunks is not None:
        return _read_chunks(value, where, chunks, tool_calls, then_raise, cut_off=cut_off)
    if cut_off:
        raise TypeError(f"{where}: cut_off=True stops a stream after chunks=[...], which are missing")
    if then_raise is not None:
        raise TypeError(
            f"{where}: then_raise= comes after chunks=[...], which are missing; "
            "to raise at once, write .respond(TimeoutError())"
        )
    if tool_calls is not None:
        return _read_message_with_calls(value, where, tool_calls)
    return _read_value(value, where)


def read_returned(value: Any, function: Function) -> FixedKind:
    """
    The kind of response that a scripted *function* returned.

    Raises:
        TypeError: If no model could respond with it, or if it is another function.
    """
    where = f"the scripted {function}"
    if callable(value) and not isinstance(value, type):
        raise TypeError(
            f"{where} returned {_describe(value)}; it has to return the response itself: a text or a message"
        )
    if value is None:
        raise TypeError(f"{where} returned None; it has to return a response, such as a text or a message")
    if isinstance(value, list):
        value = _message_of_blocks(value, where)
    kind = _read_value(value, where)
    assert isinstance(kind, FixedKind)
    return kind


def read_function(function: Any, where: str) -> Any:
    """
    *function* itself, if it can be called with the list of messages.

    Raises:
        TypeError: If it takes other arguments, or yields instead of returning.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{where}: the function {_describe(function)} yields, and one response is asked for; let it return"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # Some callables that are written in C have no signature. The call will show whether they fit.
        return function
    try:
        signature.bind([])
    except TypeError as reason:
        raise TypeError(
            f"{where}: the function {_describe(function)} is called with the list of messages, and it does not "
            f"take that ({reason}); write def respond(messages): ..."
        ) from None
    return function


def _read_value(value: Any, where: str) -> ResponseKind:
    if isinstance(value, str):
        return Message(AIMessage(content=str(value)))
    if isinstance(value, BaseMessage):
        return Message(_read_message(value, where))
    if _is_error(value):
        return Failure(_read_error(value, where))
    # These are pydantic objects or callables too, and no responses.
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
        # Nobody awaits this coroutine, which Python would warn about at some later time.
        value.close()
    if value is ...:
        return TypeError(f"{where}: there is no response; {remedy}")
    return TypeError(f"{where}: {_describe(value)} is no response; {remedy}")


def _remedy(value: Any) -> str:
    if value is ... or value is None:
        return "write what the model says, .respond('Paris'), or .respond('') for an empty response"
    if isinstance(value, (Serializable, Runnable)):
        return "write the message in it, or a function of the messages that asks it, lambda messages: chain.invoke(...)"
    if isinstance(value, type):
        return f"write an instance of it, .respond({value.__name__}(...))"
    if isinstance(value, Mapping):
        return "a dict is an object for structured output; for a message write its text, or AIMessage(...)"
    if inspect.isawaitable(value):
        return "that is a coroutine; write the async function itself, without calling it"
    if isinstance(value, tuple):
        return (
            "write .respond(tool_calls=[('search', {'q': 'x'})]) for a tool call, .respond('a', 'b') for two responses"
        )
    if isinstance(value, (list, set, frozenset)) or hasattr(value, "__next__"):
        return (
            "write .respond('a', 'b') or responses=['a', 'b'] for one response after the other, "
            "chunks=['a', 'b'] for one streamed response, AIMessage(content=[...]) for content blocks"
        )
    return "write a text, an AIMessage, an exception, an object for structured output, or a function of the messages"


def _read_message(message: BaseMessage, where: str) -> AIMessage:
    if isinstance(message, AIMessageChunk):
        message = merge([message])
    if not isinstance(message, AIMessage):
        raise TypeError(
            f"{where}: a {type(message).__name__} is no response; "
            f"a model responds with an AIMessage; write .respond({repr_short(message.content, SHOWN)})"
        )
    for i, call in enumerate(message.tool_calls):
        _refuse_what_is_not_json(call["name"], call["args"], f"{where}: tool_calls[{i}]")
    return message.model_copy(deep=True)


def _is_error(value: Any) -> bool:
    return isinstance(value, BaseException) or (isinstance(value, type) and issubclass(value, BaseException))


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
        # The call would make the exception too, and fail with the same reason.
        except Exception as reason:  # noqa: BLE001
            raise TypeError(
                f"{where} cannot raise {kind.__name__}: it cannot be made without arguments ({reason}); "
                f"write an instance, {kind.__name__}(...)"
            ) from None
    return error


def _fields_of_object(value: Any, where: str) -> Mapping[str, Any] | None:
    """The fields of a pydantic object, of either version, or of a dataclass; None for anything else."""
    if isinstance(value, type):
        return None
    if isinstance(value, BaseModel):
        return _dump(value, where)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    is_pydantic_v1 = hasattr(value, "__fields__") and callable(getattr(value, "json", None))
    return json.loads(value.json()) if is_pydantic_v1 else None


def _dump(value: BaseModel, where: str) -> Mapping[str, Any]:
    try:
        # Computed fields are not in the schema, so that no model would write them.
        return value.model_dump(mode="json", by_alias=True, round_trip=True)
    except ValueError as reason:
        raise TypeError(f"{where}: {_describe(value)} is no response; a model writes JSON, and {reason}") from reason


def _read_fields(fields: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(fields, Mapping):
        raise TypeError(
            f"{where}: {_describe(value)} is no response; an object for structured output is a dict in JSON, and this "
            f"is a {type(fields).__name__}; write its JSON as a text, or wrap it into a field"
        )
    if problem := json_problem(fields, "it"):
        raise TypeError(f"{where}: {_describe(value)} is no response; {problem}")
    read: dict[str, Any] = json.loads(json.dumps(dict(fields)))
    return read


def _message_of_blocks(blocks: list[Any], where: str) -> AIMessage:
    if not all(isinstance(block, (str, dict)) for block in blocks):
        raise TypeError(f"{where} returned {_describe(blocks)}; a list has to be one of content blocks")
    return AIMessage(content=blocks)


def _read_message_with_calls(value: Any, where: str, tool_calls: Any) -> Message:
    if value is not ... and not isinstance(value, str):
        raise TypeError(
            f"{where} takes tool_calls= alone or with a text, not with {_describe(value)}; "
            "a message brings its own: AIMessage('', tool_calls=[...])"
        )
    calls = _read_calls(tool_calls, where)
    if not calls and value is ...:
        raise ValueError(f"{where}: tool_calls=[] calls nothing; write .respond('') for an empty response")
    return Message(message_with_calls("" if value is ... else value, calls))


def _read_calls(tool_calls: Any, where: str) -> list[tuple[str, dict[str, Any]]]:
    wanted = "write tool_calls=[('search', {'q': 'x'})]"
    if isinstance(tool_calls, (str, Mapping)) or not isinstance(tool_calls, Iterable):
        raise TypeError(f"{where}: tool_calls= is a list of (name, arguments), not {_describe(tool_calls)}; {wanted}")
    calls = list(tool_calls)
    if isinstance(tool_calls, tuple) and calls and isinstance(calls[0], str):
        raise TypeError(f"{where}: tool_calls= is a list, also for one call, not {_describe(tool_calls)}; {wanted}")
    return [_read_call(call, f"{where}: tool_calls[{i}]") for i, call in enumerate(calls)]


def _read_call(call: Any, where: str) -> tuple[str, dict[str, Any]]:
    if isinstance(call, Mapping) and set(call) <= {"name", "args", "id", "type"} and {"name", "args"} <= set(call):
        call = (call["name"], call["args"], *([call["id"]] if call.get("id") else []))
    if not isinstance(call, (tuple, list)) or not 2 <= len(call) <= 3:
        raise TypeError(f"{where} is {_describe(call)} and not (name, arguments); write ('search', {{'q': 'x'}})")
    name, args, *identity = call
    if not isinstance(name, str) or not name:
        raise TypeError(f"{where}: the name of a tool is a text, not {_describe(name)}; write ('search', {{'q': 'x'}})")
    if identity and not isinstance(identity[0], str):
        raise TypeError(f"{where}: the id of a call is a text, not {_describe(identity[0])}; leave it out to get one")
    if not isinstance(args, Mapping):
        raise TypeError(
            f"{where}: the arguments of {repr_short(name)} are a dict, not {_describe(args)}; "
            f"write ({repr_short(name)}, {{'q': 'x'}})"
        )
    _refuse_what_is_not_json(name, args, where)
    return (name, json.loads(json.dumps(dict(args))), *identity)


def _refuse_what_is_not_json(name: str, args: Mapping[str, Any], where: str) -> None:
    if problem := json_problem(args, "args"):
        remedy = "write it as the model would, such as a text"
        raise TypeError(shown(f"{where}: cannot call {name!r}: {problem}; {remedy}"))


def _read_chunks(value: Any, where: str, chunks: Any, tool_calls: Any, then_raise: Any, *, cut_off: bool) -> Chunks:
    if cut_off and then_raise is not None:
        raise ValueError(f"{where}: a stream that is cut off raises nothing; leave out cut_off= or then_raise=")
    if value is not ...:
        raise TypeError(f"{where} takes either a response or chunks=[...], not both: {_describe(value)} and chunks=")
    if isinstance(chunks, (str, Mapping)) or not isinstance(chunks, Iterable):
        raise TypeError(f"{where}: chunks= is a list of texts, not {_describe(chunks)}; write chunks=['Par', 'is']")
    chunks = list(chunks)
    texts = tuple(chunks) if all(isinstance(chunk, str) for chunk in chunks) else None
    pieces = [_read_chunk(chunk, f"{where}: chunks[{i}]") for i, chunk in enumerate(chunks)]
    if not pieces:
        raise ValueError(f"{where}: chunks=[] streams nothing; write chunks=['']")
    empty: Any = "" if isinstance(pieces[-1].content, str) else []
    if tool_calls is not None:
        message = message_with_calls(" ", _read_calls(tool_calls, where))
        pieces += [AIMessageChunk(content=empty, tool_call_chunks=[piece]) for piece in call_pieces(message)]
    if pieces[-1].tool_call_chunks and then_raise is None and not cut_off:
        pieces.append(AIMessageChunk(content=empty))
    error = None if then_raise is None else _read_then_raise(then_raise, where)
    return Chunks(tuple(pieces), _merge(pieces, where), error, texts, cut_off)


def _read_chunk(chunk: Any, where: str) -> AIMessageChunk:
    if isinstance(chunk, str):
        return AIMessageChunk(content=chunk)
    if isinstance(chunk, AIMessageChunk):
        return chunk.model_copy(deep=True)
    if _is_error(chunk):
        kind = chunk if isinstance(chunk, type) else type(chunk)
        raise TypeError(f"{where} is {_describe(chunk)}; write chunks=[...], then_raise={kind.__name__}(...)")
    raise TypeError(
        f"{where} is {_describe(chunk)} and not a text or an AIMessageChunk; "
        "write chunks=['Par', 'is'] or chunks=[AIMessageChunk(...)]"
    )


def _read_then_raise(error: Any, where: str) -> Any:
    if _is_error(error):
        return _read_error(error, f"{where}: then_raise=")
    raise TypeError(f"{where}: then_raise= is an exception, not {_describe(error)}; write then_raise=TimeoutError()")


def _merge(pieces: Sequence[AIMessageChunk], where: str) -> AIMessage:
    try:
        return merge(pieces)
    except (TypeError, ValueError) as reason:
        raise ValueError(f"{where}: langchain_core cannot add up these chunks: {reason}") from reason


def _describe(value: Any) -> str:
    """*value* with its type, as a refusal names it: ``3 (int)``, ``the class Answer``."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = getattr(value, "__name__", None)
    # The address is taken out before the text is cut, which could leave half of it.
    said = name if isinstance(name, str) else truncate(_ADDRESS.sub("", repr_short(value, 10 * SHOWN)), SHOWN)
    return f"{said} ({type(value).__name__})"
