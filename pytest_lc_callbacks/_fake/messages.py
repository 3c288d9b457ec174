"""Messages: completed with id, usage and metadata, and cut into the chunks of a stream."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import reduce
from operator import add
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.messages.tool import tool_call_chunk

from pytest_lc_callbacks._values import ask, class_name
from pytest_lc_callbacks._values import text_of as plain_text
from pytest_lc_callbacks._words import string

# A word with the blanks before it, as tokenizers cut. Longer words come in pieces of 20: a Chinese text has no blanks.
_PIECES = re.compile(r"\s*\S{1,20}|\s+")
_ARGUMENT_PIECE = 16
# LangChain reads these on each chunk to understand its content.
_ON_EVERY_CHUNK = ("model_provider", "output_version")


def text_of(message: BaseMessage) -> str:
    """The text of a message, without its other content blocks."""
    content: str | None = plain_text(message.content)
    # Content that is no text and no list of blocks has none that LangChain could give.
    return string(ask(message, "text", "")) if content is None else content


def count_tokens(text: str) -> int:
    """A token for every four characters begun: 2 for ``"hello"``. No tokenizer is needed, and none differs."""
    return (len(text) + 3) // 4


def count_message(message: BaseMessage) -> int:
    """The tokens of a message: its text and its tool calls, and at least one."""
    text = text_of(message)
    if isinstance(message, AIMessage) and message.tool_calls:
        text += "".join(call["name"] + _as_json(call["args"], string) for call in message.tool_calls)
    return count_tokens(text) or 1


def usage_of(prompt: Iterable[BaseMessage], response: AIMessage) -> dict[str, int]:
    """Usage as `AIMessage.usage_metadata` has it, by `count_message`."""
    received, given = sum(map(count_message, prompt)), count_message(response)
    return {"input_tokens": received, "output_tokens": given, "total_tokens": received + given}


def fingerprint(*parts: str, prompt: Iterable[BaseMessage]) -> str:
    """
    Twelve hex digits that depend on *parts* and on what the *prompt* says alone: the same on any machine.

    Ids in the prompt do not count: applications make them at random.
    """
    whole = "\0".join([*parts, *(f"{message.type}\1{fingerprint_text(message)}" for message in prompt)])
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def fingerprint_text(message: BaseMessage) -> str:
    """The content of *message* and its tool calls, without ids, as a text for `fingerprint`."""
    content = message.content
    text = content if isinstance(content, str) else _as_json(content, _type_name)
    if isinstance(message, AIMessage) and message.tool_calls:
        text += _as_json([[call["name"], call["args"]] for call in message.tool_calls], _type_name)
    return text


def complete(
    template: AIMessage,
    *,
    identity: str,
    usage: Mapping[str, Any] | None,
    metadata: Mapping[str, Any],
    unique: Callable[[str], str],
) -> AIMessage:
    """
    A copy of *template* for one call, with the id, usage and metadata that a model adds.

    Args:
        template: The scripted message. What it says itself is kept, a `usage_metadata` of None too. It shares no list
            and no dict with the copy.

        identity: The id of the message. The ids of its tool calls are ``call_{identity}_0`` and so on.

        usage: Its `usage_metadata`; None if the model reports none.

        metadata: Its `response_metadata`.

        unique: Gives a scripted id back, or another one if it was given before; see `Script.unique`.
    """
    new_ids: dict[str, str] = {}
    calls = [_give_id(call, f"call_{identity}_{i}", unique, new_ids) for i, call in enumerate(template.tool_calls)]
    first = len(calls)
    invalid = [
        _give_id(call, f"call_{identity}_{first + i}", unique, new_ids)
        for i, call in enumerate(template.invalid_tool_calls)
    ]
    own_metadata = deepcopy(template.response_metadata) if template.response_metadata else {}
    return template.model_copy(
        update={
            "content": _copy_content(template.content, new_ids),
            "additional_kwargs": deepcopy(template.additional_kwargs) if template.additional_kwargs else {},
            "tool_calls": calls,
            "invalid_tool_calls": invalid,
            "response_metadata": {**metadata, **own_metadata},
            "usage_metadata": _usage(template, usage),
            "id": unique(template.id) if template.id else identity,
        }
    )


def merge(chunks: Sequence[AIMessageChunk]) -> AIMessage:
    """
    The message that *chunks* add up to.

    `langchain_core` sets every field of it. Fields that no chunk sets count as left out, as in `AIMessage("a")`.
    """
    message = message_chunk_to_message(reduce(add, chunks))
    assert isinstance(message, AIMessage)
    given = {name for chunk in chunks for name in chunk.model_fields_set}
    message.model_fields_set.intersection_update(given)
    return message


def split(message: AIMessage, texts: Sequence[str] | None = None, *, broken: bool = False) -> Iterator[AIMessageChunk]:
    """
    The chunks of *message*: text by words, other blocks one by one, tool-call arguments in pieces.

    The chunks add up to the message, but for what `langchain_core` loses when it merges them (see the guide).

    Args:
        message: The message.

        texts: The pieces of its text, as scripted; None to cut it by words.

        broken: Whether the stream breaks behind them, so that nothing of the ending is sent.
    """
    empty: str | list[Any] = "" if isinstance(message.content, str) else []
    parts: list[dict[str, Any]] = [{"content": piece} for piece in content_pieces(message.content, texts)]
    first_call = len(parts)
    parts += [{"content": empty, "tool_call_chunks": [piece]} for piece in call_pieces(message)]
    if not broken and (not parts or "tool_call_chunks" in parts[-1]):
        parts.append({"content": empty})
    if message.additional_kwargs:
        # They go into the chunk of the first tool call: in another one, langchain_core would read the calls once more.
        has_calls = message.tool_calls or message.invalid_tool_calls
        parts[first_call if has_calls else 0]["additional_kwargs"] = message.additional_kwargs
    return _chunks(message, parts, broken=broken)


def complete_chunks(
    pieces: Sequence[AIMessageChunk], template: AIMessage, message: AIMessage, *, broken: bool = False
) -> Iterator[AIMessageChunk]:
    """
    Copies of scripted chunks that add up to *message*.

    Args:
        pieces: The chunks as scripted.

        template: Their sum.

        message: What `complete` made of the sum.

        broken: Whether the stream breaks behind them, so that nothing of the ending is added to the last one.
    """
    ids = iter([call["id"] for call in (*message.tool_calls, *message.invalid_tool_calls)])
    last = len(pieces) - 1
    for position, piece in enumerate(pieces):
        chunk = piece.model_copy(deep=True, update={"id": message.id})
        for call in chunk.tool_call_chunks:
            if call["name"]:
                call["id"] = next(ids, None)
        if position == last and not broken:
            _complete_last(chunk, template, message)
        yield chunk


def call_pieces(message: AIMessage, start: int | None = None) -> Iterator[Any]:
    """
    The tool calls of *message* as a provider streams them: the name first, then the arguments in pieces.

    Args:
        message: The message.

        start: The index of the first call; the number of content blocks if left out.
    """
    if start is None:
        start = min(1, len(message.content)) if isinstance(message.content, str) else len(message.content)
    calls: list[Any] = [*message.tool_calls, *message.invalid_tool_calls]
    for index, call in enumerate(calls, start):
        yield tool_call_chunk(name=call["name"], args="", id=call["id"], index=index)
        # The arguments of an invalid call are a text that is no JSON, or None.
        for piece in argument_pieces(call["args"] or ("" if call["args"] is None else call["args"])):
            yield tool_call_chunk(args=piece, index=index)


def argument_pieces(args: Any) -> list[str]:
    """The arguments of a tool call as JSON, in the pieces in which they stream."""
    text = args if isinstance(args, str) else json.dumps(args, ensure_ascii=False)
    return [text[i : i + _ARGUMENT_PIECE] for i in range(0, len(text), _ARGUMENT_PIECE)]


def content_pieces(content: Any, texts: Sequence[str] | None) -> list[Any]:
    """The pieces in which a message's content streams: a text by words (or as *texts*), blocks one by one."""
    if isinstance(content, str):
        return text_pieces(content) if texts is None else list(texts)
    # In several chunks, langchain_core would merge blocks that have the same `index`.
    if any(isinstance(block, dict) and "index" in block for block in content):
        return [content]
    return [[block] for block in content]


def text_pieces(text: str) -> list[str]:
    """The pieces in which *text* streams: ``["one", " two"]``."""
    return _PIECES.findall(text)


def _type_name(value: Any) -> str:
    return class_name(type(value))


def _as_json(value: Any, default: Callable[[Any], str]) -> str:
    """JSON of *value*; where it holds itself, is nested too deep or has keys that are none, the name of its type."""
    try:
        return json.dumps(value, default=default)
    # A class that subclasses dict, list or str may do anything.
    except Exception:  # noqa: BLE001
        return _type_name(value)


def _usage(template: AIMessage, usage: Mapping[str, Any] | None) -> Any:
    if template.usage_metadata or "usage_metadata" in template.model_fields_set:
        return deepcopy(template.usage_metadata)
    return None if usage is None else dict(usage)


def _give_id(call: Any, identity: str, unique: Callable[[str], str], new_ids: dict[str, str]) -> dict[str, Any]:
    """A copy of *call* with an id; *new_ids* learns of a scripted id that was replaced."""
    own = call["id"]
    given = unique(own) if own else identity
    if own and own != given:
        new_ids[own] = given
    return {**deepcopy(call), "id": given}


def _copy_content(content: Any, new_ids: Mapping[str, str]) -> Any:
    if isinstance(content, str):
        return content
    blocks = deepcopy(content)
    for block in blocks:
        if isinstance(block, dict) and block.get("id") in new_ids:
            block["id"] = new_ids[block["id"]]
    return blocks


def _chunks(message: AIMessage, parts: list[dict[str, Any]], *, broken: bool) -> Iterator[AIMessageChunk]:
    shared = {key: message.response_metadata[key] for key in _ON_EVERY_CHUNK if key in message.response_metadata}
    if not broken:
        parts[-1].update(
            usage_metadata=message.usage_metadata,
            response_metadata=message.response_metadata,
            chunk_position="last",
        )
    for part in parts:
        yield AIMessageChunk(**{"id": message.id, "response_metadata": shared, **part})


def _complete_last(chunk: AIMessageChunk, template: AIMessage, message: AIMessage) -> None:
    chunk.chunk_position = "last"
    if template.usage_metadata is None:
        chunk.usage_metadata = message.usage_metadata
    missing = {k: v for k, v in message.response_metadata.items() if k not in template.response_metadata}
    chunk.response_metadata = {**chunk.response_metadata, **missing}
