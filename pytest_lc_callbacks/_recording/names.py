"""The names of events, and the names that LangChain does not have."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pytest_lc_callbacks._words import did_you_mean, near_words, repr_short

EventName = Literal[
    "agent_action",
    "agent_finish",
    "chain_end",
    "chain_error",
    "chain_start",
    "chat_model_start",
    "custom_event",
    "interrupt",
    "llm_end",
    "llm_error",
    "llm_new_token",
    "llm_start",
    "resume",
    "retriever_end",
    "retriever_error",
    "retriever_start",
    "retry",
    "stream_event",
    "text",
    "tool_end",
    "tool_error",
    "tool_start",
]

# Every question takes the names of the handler's methods as well.
MethodName = Literal[
    "on_agent_action",
    "on_agent_finish",
    "on_chain_end",
    "on_chain_error",
    "on_chain_start",
    "on_chat_model_start",
    "on_custom_event",
    "on_interrupt",
    "on_llm_end",
    "on_llm_error",
    "on_llm_new_token",
    "on_llm_start",
    "on_resume",
    "on_retriever_end",
    "on_retriever_error",
    "on_retriever_start",
    "on_retry",
    "on_stream_event",
    "on_text",
    "on_tool_end",
    "on_tool_error",
    "on_tool_start",
]

EVENT_NAMES: set[str] = set(get_args(EventName))
"""Every event's name; `_handlers.recorder` adds those that the installed LangChain has beyond `EventName`."""

TOKENS = ("llm_new_token", "stream_event")
"""The events that a model sends for each token."""

DECLINED_BY = {
    "agent": "ignore_agent",
    "chain": "ignore_chain",
    "custom": "ignore_custom_event",
    "llm": "ignore_llm",
    "retriever": "ignore_retriever",
    "retry": "ignore_retry",
    "stream": "ignore_llm",
    "tool": "ignore_agent",
}
"""By the first word of an event's name, the attribute with which a handler declines it; `chat_model_start` differs."""

# How alike a misspelt name is to the one that was meant.
_MISSPELT = 0.85
_ELSEWHERE = {
    "chat_model_end": "a chat model reports 'llm_end'",
    "chat_model_error": "a chat model reports 'llm_error'",
    "chat_model_stream": "a streaming model reports 'llm_new_token'",
    "chat_model_new_token": "a chat model reports 'llm_new_token'",
    "llm_stream": "a streaming model reports 'llm_new_token'",
    "new_token": "a streaming model reports 'llm_new_token'",
    "token": "a streaming model reports 'llm_new_token'",
    "prompt_start": "a prompt reports 'chain_start'",
    "prompt_end": "a prompt reports 'chain_end'",
    "parser_start": "an output parser reports 'chain_start'",
    "parser_end": "an output parser reports 'chain_end'",
    "agent_start": "an agent reports 'chain_start'",
    "agent_end": "an agent reports 'chain_end'",
    "graph_start": "a graph reports 'chain_start'",
    "graph_end": "a graph reports 'chain_end'",
    "chain_stream": "LangChain sends handlers no event for what a chain streams",
    "embeddings_start": "LangChain sends no callbacks for embeddings",
    "embedding_start": "LangChain sends no callbacks for embeddings",
}
"""Names that people try and LangChain does not have, with what it has instead."""


def said_of_name(name: str) -> tuple[str, str] | None:
    """
    What LangChain has instead of an event of this *name*, which it does not have.

    Returns:
        The words, ``"a chat model reports 'llm_end'"``, and the event in them; None where nothing is known.
    """
    said = _ELSEWHERE.get(name)
    if said is not None:
        return said, said.rpartition("'")[0].rpartition("'")[2]
    near = near_words(name, EVENT_NAMES, cutoff=_MISSPELT)
    return (f"the name is on_{near[0]}", near[0]) if near else None


def is_start(name: str) -> bool:
    """Whether an event of this *name* begins a run."""
    return name.endswith("_start")


def is_end(name: str) -> bool:
    """Whether an event of this *name* ends a run, well or badly."""
    return name.endswith(("_end", "_error"))


def event_name(name: Any) -> str:
    """
    The event's *name* without ``on_``.

    Raises:
        TypeError: If it is not a string.

        ValueError: If LangChain has no such event, with the reason or the nearest names.
    """
    __tracebackhide__ = True
    if not isinstance(name, str):
        raise TypeError(f"an event's name is a string such as 'llm_end', not {repr_short(name)}")
    bare = name.removeprefix("on_")
    if bare in EVENT_NAMES:
        return bare
    if bare in _ELSEWHERE:
        raise ValueError(f"{repr_short(name)} is not a callback event: {_ELSEWHERE[bare]}.")
    nearest = did_you_mean(bare.lower(), EVENT_NAMES, limit=2)
    every = f": the events are {', '.join(sorted(EVENT_NAMES))}."
    raise ValueError(f"{repr_short(name)} is not a callback event{nearest or every}")
