"""What a model answered, as plain data and back: a message, the chunks of a stream, or an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, GenerationChunk

from pytest_lc_callbacks._model_calls.request import number_ids, plain

# Metadata of one answer that no other has: an id stays as a mark that there is one, a time goes.
_TIMES = re.compile(r"(?:^|_)(?:created(?:_at)?|time|duration|date)$|^headers$")
_MARK = "recorded"
# Blocks of content with an id that nothing else refers to: OpenAI's Responses API makes them.
_WITH_IDS = frozenset(["text", "reasoning", "function_call"])


def answer_of_result(generation: ChatGeneration, llm_output: Mapping[str, Any] | None) -> dict[str, Any]:
    """The answer of a call that did not stream."""
    answer = {
        "generation_info": _metadata(generation.generation_info),
        "llm_output": _metadata(llm_output),
        "message": _message(generation.message, llm_output, generation.generation_info),
    }
    return _numbered(answer)


def answer_of_chunks(chunks: Iterable[ChatGenerationChunk], error: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The answer of a stream, and the *error* that broke it, as `answer_of_error` gives it."""
    pieces = [
        {"generation_info": _metadata(c.generation_info), "message": _message(c.message, c.generation_info)}
        for c in chunks
    ]
    return _numbered({"chunks": pieces, **(error or {})})


def answer_of_error(error: BaseException, text: str) -> dict[str, Any]:
    """The answer of a call that failed with *error*, whose own words are *text*."""
    cls = type(error)
    return {"error": {"type": f"{cls.__module__}.{cls.__qualname__}", "text": text}}


def as_chat(generation: Any) -> Any:
    """What a text LLM gave, or a chunk of it, as a chat model would have given it; a chat model's own is returned."""
    if hasattr(generation, "message"):
        return generation
    if isinstance(generation, GenerationChunk):
        return ChatGenerationChunk(
            message=AIMessageChunk(content=generation.text), generation_info=generation.generation_info
        )
    return ChatGeneration(message=AIMessage(content=generation.text), generation_info=generation.generation_info)


def result_of(answer: Mapping[str, Any], identity: str) -> ChatResult:
    """
    The result of a call that gives *answer*; the sum of the chunks, if it was streamed.

    Args:
        answer: The answer, as it was recorded.

        identity: The id of the message; those of tool calls begin with it too.
    """
    if "message" not in answer:
        return ChatResult(generations=[ChatGeneration(message=_sum(chunks_of(answer, identity)))])
    answer = _with_ids(answer, identity)
    message = AIMessage(**{**answer["message"]["data"], "id": identity})
    generation = ChatGeneration(message=message, generation_info=answer.get("generation_info"))
    return ChatResult(generations=[generation], llm_output=answer.get("llm_output"))


def chunks_of(answer: Mapping[str, Any], identity: str) -> list[ChatGenerationChunk]:
    """The chunks of a stream that gives *answer*, which was streamed; see `result_of`."""
    return [
        ChatGenerationChunk(
            message=AIMessageChunk(**{**piece["message"]["data"], "id": identity}),
            generation_info=piece.get("generation_info"),
        )
        for piece in _with_ids(answer, identity)["chunks"]
    ]


def error_of(answer: Mapping[str, Any]) -> BaseException | None:
    """The error that *answer* ends with: of the recorded type where that can be found, with the recorded text."""
    error = answer.get("error")
    if error is None:
        return None
    cls = _error_class(error["type"])
    made = cls.__new__(cls)
    made.args = (error["text"],)
    # Clients' exceptions keep their text here too.
    if not hasattr(made, "message"):
        made.__dict__["message"] = error["text"]
    return made


def _numbered(answer: dict[str, Any]) -> dict[str, Any]:
    """*answer* as JSON has it, with the ids of its tool calls as in a request."""
    parts = answer.get("chunks") or [answer]
    ids: dict[str, str] = {}
    number_ids([part["message"] for part in parts], ids)
    replaced = _replace({key: _drop_empty(value) for key, value in answer.items() if value is not None}, ids)
    return dict(plain(replaced))


def _drop_empty(value: Any) -> Any:
    if isinstance(value, list):
        return [{key: item for key, item in piece.items() if item is not None} for piece in value]
    return value


def _message(message: BaseMessage, *merged: Mapping[str, Any] | None) -> dict[str, Any]:
    """*message*, without the metadata that LangChain has *merged* into it, and merges into it again."""
    empty: tuple[Any, ...] = (None, [], {}, "")
    data = {
        key: value
        for key, value in message.model_dump().items()
        if key == "content" or (key not in ("id", "type", "example") and value not in empty)
    }
    if isinstance(data["content"], list):
        data["content"] = [_block(block) for block in data["content"]]
    if isinstance(message, AIMessageChunk):
        # They are made from the pieces of calls again.
        data = {key: value for key, value in data.items() if key not in ("tool_calls", "invalid_tool_calls")}
    if "response_metadata" in data:
        again = {key: value for part in merged for key, value in (part or {}).items()}
        own = {k: v for k, v in data["response_metadata"].items() if k not in again or again[k] != v}
        data["response_metadata"] = _metadata(own)
    return {"type": message.type, "data": data}


def _block(block: Any) -> Any:
    has_id = isinstance(block, Mapping) and block.get("type") in _WITH_IDS and isinstance(block.get("id"), str)
    return {**block, "id": _MARK} if has_id else block


def _metadata(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    kept = {key: item for key, item in value.items() if not _TIMES.search(str(key))}
    return {key: _MARK if key == "id" and isinstance(item, str) else _metadata(item) for key, item in kept.items()}


def _error_class(path: str) -> type[BaseException]:
    module, _, name = path.rpartition(".")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    # The package may be another version, or not installed where the recording is replayed.
    except (ImportError, AttributeError, ValueError):
        found = None
    if isinstance(found, type) and issubclass(found, Exception):
        return found
    return type(name or "RecordedError", (Exception,), {"__module__": module})


def _with_ids(answer: Mapping[str, Any], identity: str) -> Any:
    """*answer* with ids of its own for its tool calls: ``call_fake-0123_0``."""
    ids: dict[str, str] = {}
    parts: Sequence[Any] = answer.get("chunks") or [answer]
    number_ids([part["message"] for part in parts], ids)
    return _replace(answer, {own: f"call_{identity}_{number}" for number, own in enumerate(ids)})


def _replace(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _replace(item, ids) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace(item, ids) for item in value]
    return ids.get(value, value) if isinstance(value, str) else value


def _sum(chunks: Sequence[ChatGenerationChunk]) -> AIMessage:
    from langchain_core.messages import message_chunk_to_message

    whole: Any = chunks[0].message
    for chunk in chunks[1:]:
        whole = whole + chunk.message
    # The messages of a model's chunks are those of an AI, and LangChain types what it makes of them as any message.
    return message_chunk_to_message(whole)  # type: ignore[return-value]
