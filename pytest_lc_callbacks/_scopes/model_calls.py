"""The model calls that a handler heard, as they are recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pytest_lc_callbacks._model_calls import (
    ModelCall,
    answer_of_chunks,
    answer_of_error,
    answer_of_result,
    append_calls,
    as_chat,
    read_calls,
    request_of,
    request_of_text,
)
from pytest_lc_callbacks._redaction import clean_data
from pytest_lc_callbacks._words import error_text


def save_runs(runs: Iterable[Any], path: Any) -> int:
    """
    Add the calls of models among *runs* to the file at *path*, unless they stand there already.

    Returns:
        How many were added. Runs that are still open are left out.

    Raises:
        ModelCallsError: If the file cannot be written, or holds something else.
    """
    known = Counter(map(str, read_calls(path) if Path(path).exists() else ()))
    new = []
    for call in _calls(runs):
        text = str(call)
        if known[text]:
            known[text] -= 1
        else:
            new.append(call)
    if new:
        append_calls(path, new)
    return len(new)


def _calls(runs: Iterable[Any]) -> Iterator[ModelCall]:
    for run in runs:
        starts = [event for event in run.events if event.name in ("chat_model_start", "llm_start")]
        ends = [event for event in run.events if event.name in ("llm_end", "llm_error")]
        if starts and ends:
            yield _call(starts[0].payload, list(run.events), ends[0])


def _call(start: Any, events: list[Any], end: Any) -> ModelCall:
    params = dict(start.get("invocation_params") or {})
    options = dict(start.get("options") or {})
    given, stop = {**options, **params}, options.get("stop")
    if "messages" in start:
        request = request_of(start["messages"][0], given, stop)
    else:
        request = request_of_text(start["prompts"][0], given, stop)
    model = str(params.get("model") or params.get("model_name") or "")
    return ModelCall(
        request=clean_data(request),
        answer=clean_data(_answer(events, end)),
        type=str(params.get("_type", "")),
        model=model,
    )


def _answer(events: list[Any], end: Any) -> dict[str, Any]:
    chunks = [
        as_chat(event.payload["chunk"])
        for event in events
        if event.name == "llm_new_token" and event.payload.get("chunk")
    ]
    error = end.payload.get("error") if end.name == "llm_error" else None
    broken = None if error is None else answer_of_error(error, error_text(error))
    if chunks:
        return answer_of_chunks(chunks[:-1] if _is_langchains(chunks[-1]) else chunks, broken)
    if broken is not None:
        return broken
    response = end.payload["response"]
    return answer_of_result(as_chat(response.generations[0][0]), response.llm_output)


def _is_langchains(chunk: Any) -> bool:
    """Whether *chunk* is the one that LangChain adds where an integration does not say which is the last."""
    message = chunk.message
    given = (message.content, message.response_metadata, message.usage_metadata, message.tool_call_chunks)
    return message.chunk_position == "last" and not any(given) and chunk.generation_info is None
