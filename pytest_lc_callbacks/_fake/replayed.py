"""A recorded answer, as the model that replays it gives it."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk

from pytest_lc_callbacks._fake.messages import text_of
from pytest_lc_callbacks._fake.response import Chunks, Failure, FixedKind, Message
from pytest_lc_callbacks._fake.turn import Result
from pytest_lc_callbacks._model_calls import ModelCall, chunks_of, error_of, result_of

PLAIN = "fake-chat-model"
"""The type of a fake model without a provider, which gives any answer as it was recorded."""

_CALL_BLOCKS = frozenset({"tool_use", "tool_call", "function_call"})


def recorded_result(call: ModelCall, kind: str, identity: str, *, streams: bool) -> Result | None:
    """
    The answer just as it was recorded; None if the model is of another type, or is asked in another mode.

    Args:
        call: The recorded call.

        kind: The type of the model that replays it.

        identity: The id of the message.

        streams: Whether it is asked for a stream.
    """
    if kind not in (PLAIN, call.type) or ("chunks" if streams else "message") not in call.answer:
        return None
    result = result_of(call.answer, identity)
    message: Any = result.generations[0].message
    recorded = chunks_of(call.answer, identity) if streams else result
    return Result(message, error_of(call.answer), recorded=recorded)


def as_response(call: ModelCall, kind: str, *, streams: bool) -> FixedKind:
    """The answer as a scripted response, for a model of another type or a call in another mode."""
    error = error_of(call.answer)
    if error is not None and not (streams and "chunks" in call.answer):
        return Failure(error)
    result = result_of(call.answer, "")
    whole: Any = result.generations[0].message
    # LangChain merges them into the message of a result.
    info = {**(result.llm_output or {}), **(result.generations[0].generation_info or {})}
    whole.response_metadata = {**info, **whole.response_metadata}
    message = _portable(whole, keeps_metadata=kind in (PLAIN, call.type))
    if error is None:
        return Message(message)
    texts = tuple(text_of(chunk.message) for chunk in chunks_of(call.answer, ""))
    return Chunks(tuple(AIMessageChunk(content=text) for text in texts), message, error, texts)


def _portable(message: AIMessage, *, keeps_metadata: bool) -> AIMessage:
    """*message* without what only its own provider's integration gives, and without ids."""
    content = message.content
    if not isinstance(content, str):
        blocks = [b for b in content if not (isinstance(b, dict) and b.get("type") in _CALL_BLOCKS)]
        is_text = all(isinstance(b, str) or b.get("type") == "text" for b in blocks)
        content = text_of(message) if is_text else blocks
    usage: Any = message.usage_metadata
    if usage and not keeps_metadata:
        usage = {key: usage[key] for key in ("input_tokens", "output_tokens", "total_tokens")}
    return AIMessage(
        content=content,
        tool_calls=[{**call, "id": None} for call in message.tool_calls],
        invalid_tool_calls=[{**call, "id": None} for call in message.invalid_tool_calls],
        usage_metadata=usage,
        response_metadata=dict(message.response_metadata) if keeps_metadata else {},
    )
