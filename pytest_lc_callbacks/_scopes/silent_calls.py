"""Calls that send no callbacks, as the frames of a test and the source show them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from pytest_lc_callbacks._causes import CACHED_ANSWER, NO_CALLBACKS, STREAM_WRITER, Proof
from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._scopes.source import find_call, find_call_in
from pytest_lc_callbacks._values import ask, bases, class_name, is_true

# What the invoke() of LangChain's base classes calls.
_INNER = {
    "BaseTool": ["func", "coroutine", "_run", "_arun"],
    "BaseChatModel": ["_generate", "_agenerate", "_stream", "_astream"],
    "BaseLLM": ["_generate", "_agenerate", "_call", "_acall", "_stream", "_astream"],
    "BaseRetriever": ["_get_relevant_documents", "_aget_relevant_documents"],
    "BasePromptTemplate": ["format", "format_messages", "format_prompt"],
    "BaseOutputParser": ["parse", "parse_result"],
}


def _in_both(*names: str) -> list[str]:
    """The methods of these *names*, and their async ones."""
    return [f"{a}{name}" for a in ("", "a") for name in names]


# Methods of LangChain's Embeddings and VectorStore.
_EMBEDDING = _in_both("embed_documents", "embed_query")
_SILENT = [
    *_EMBEDDING,
    *_in_both(
        "max_marginal_relevance_search",
        "similarity_search",
        "similarity_search_with_score",
        "similarity_search_with_relevance_scores",
    ),
]
_RUNNING = _in_both("invoke", "stream", "batch")
# What begins a run.
_BEGINNING = [*_RUNNING, *_in_both("run", "call", "predict")]
# Methods of langgraph's graphs that run nothing.
_OF_STATE = _in_both("get_state", "get_state_history", "update_state")


def prove_silent_calls(frame: FrameType, number: int) -> Iterator[Proof]:
    """The calls in the function of *frame*, around its line, that begin no run."""
    file = frame.f_code.co_filename
    yield from _of_search(find_call(file, number, _SILENT))
    state = find_call(file, number, _OF_STATE)
    if state is not None and find_call(file, number, _RUNNING) is None:
        yield Proof(NO_CALLBACKS, f"{state} reads or writes the state of a graph, and runs no node.")
    for name, value in [*frame.f_locals.items(), *frame.f_globals.items()]:
        inner = _inner_methods(value)
        found = find_call(file, number, inner, of=name) if inner else None
        if found is not None:
            yield Proof(NO_CALLBACKS, f"{found} calls what {class_name(type(value))}.invoke() would call.")


def prove_silent_search(frames: Iterable[tuple[FrameType, int]], runs: Iterable[Run]) -> Iterator[Proof]:
    """A call of a vector store in these *frames*, or in their files in the function that one of the *runs* names."""
    labels = {run.label for run in runs}
    for frame, number in frames:
        yield from _of_search(find_call(frame.f_code.co_filename, number, _SILENT))
        yield from _of_search(find_call_in(frame.f_code.co_filename, labels, _SILENT))


def prove_silent_embedding(frames: Iterable[tuple[FrameType, int]], runs: Iterable[Run]) -> Iterator[Proof]:
    """One of the *runs* is of a function that embeds, and calls nothing that begins a run."""
    labels = {run.label for run in runs}
    for method in labels.intersection(_EMBEDDING):
        yield Proof(NO_CALLBACKS, f"{method}(...) of an embedding model ran as a function.")
    for frame, _ in frames:
        file = frame.f_code.co_filename
        if find_call_in(file, labels, _BEGINNING) is None:
            yield from _of_search(find_call_in(file, labels, _EMBEDDING))


def prove_stream_writer(frames: Iterable[tuple[FrameType, int]], runs: Iterable[Run]) -> Iterator[Proof]:
    """One of the *runs* is of a function in the files of these *frames* that asks for the stream writer of a graph."""
    labels = {run.label for run in runs}
    for frame, _ in frames:
        found = find_call_in(frame.f_code.co_filename, labels, ("get_stream_writer",))
        if found is not None:
            yield Proof(STREAM_WRITER, f"{found} is the stream writer of a graph.")


def prove_cached(frames: Iterable[tuple[FrameType, int]]) -> Iterator[Proof]:
    """A text LLM among the variables of these *frames* has a cache."""
    everywhere = ask(sys.modules.get("langchain_core.globals"), "_llm_cache")
    for frame, _ in frames:
        for name, value in list(frame.f_locals.items()):
            own = ask(value, "cache") if _is_llm(value) else False
            if own is not False and (is_true(own) or own is not None or everywhere is not None):
                yield Proof(CACHED_ANSWER, f"{name} has a cache, and sends nothing for an answer from there.")


def _is_llm(value: Any) -> bool:
    return any(class_name(base) == "BaseLLM" for base in bases(type(value)))


def _of_search(found: str | None) -> Iterator[Proof]:
    if found is not None:
        yield Proof(NO_CALLBACKS, f"{found} is a call of an embedding model or a vector store.")


def _inner_methods(value: Any) -> list[str]:
    """The methods of a component that its invoke() calls, and that send nothing themselves."""
    names = {class_name(base) for base in bases(type(value))}
    return [method for base, methods in _INNER.items() if base in names for method in methods]
