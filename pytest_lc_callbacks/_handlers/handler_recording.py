"""What one spied handler received, what it declines, and what it does not handle."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

from pytest_lc_callbacks._handlers.recorder import RecordingHandler
from pytest_lc_callbacks._recording import Recording, Run, is_end, is_start
from pytest_lc_callbacks._values import ask, class_name, is_true
from pytest_lc_callbacks._words import count, first_lines, headline, hint, listing, shown

# The attribute with which a handler declines an event; the events that are missing here cannot be declined.
_DECLINED_BY = {
    "agent_action": "ignore_agent",
    "agent_finish": "ignore_agent",
    "chain_end": "ignore_chain",
    "chain_error": "ignore_chain",
    "chain_start": "ignore_chain",
    "chat_model_start": "ignore_chat_model",
    "custom_event": "ignore_custom_event",
    "llm_end": "ignore_llm",
    "llm_error": "ignore_llm",
    "llm_new_token": "ignore_llm",
    "llm_start": "ignore_llm",
    "retriever_end": "ignore_retriever",
    "retriever_error": "ignore_retriever",
    "retriever_start": "ignore_retriever",
    "retry": "ignore_retry",
    "stream_event": "ignore_llm",
    "tool_end": "ignore_agent",
    "tool_error": "ignore_agent",
    "tool_start": "ignore_agent",
}
# LangChain's own on_chat_model_start raises NotImplementedError, to be called with on_llm_start instead.
ASKS_FOR_LLM_START = (BaseCallbackHandler.on_chat_model_start, AsyncCallbackHandler.on_chat_model_start)
_SHOWN = 10


class HandlerRecording(RecordingHandler):
    """
    What one spied handler received.

    Args:
        handler: The spied handler.

        spy: The Recording that receives the same.
    """

    def __init__(self, handler: Any, spy: Recording) -> None:
        super().__init__()
        self._handler = handler
        self._spy = spy
        self._extend = self._extend_both

    def __repr__(self) -> str:
        return super().__repr__().replace("<HandlerRecording:", f"<Recording of {class_name(type(self._handler))}:")

    @property
    def handler(self) -> Any:
        """The handler itself."""
        return self._handler

    @property
    def _handler_class(self) -> type:
        return type(self._handler)

    @property
    def not_handled(self) -> list[str]:
        """The names of the events that came and that the handler has no method of its own for, each once, in order."""
        return [name for name in dict.fromkeys(self.names) if not handles(self._handler, name)]

    def clear(self) -> None:
        """Forget everything, and let go of the payloads."""
        super().clear()
        self._extend = self._extend_both

    def assert_finished(self) -> None:
        """
        Check that every run has ended, and that the handler handled the end or error of each start that it handled.

        Raises:
            AssertionError: With the runs; also if nothing was recorded.
        """
        __tracebackhide__ = True
        super().assert_finished()
        assert_ends_handled([self])

    def _extend_both(self, record: Iterable[Any]) -> None:
        self._log.extend(record)
        self._spy._log.extend(record)

    def _is_made(self) -> None:
        """Tell nobody: the spy knows its recordings."""

    @property
    def _handler_ids(self) -> frozenset[int]:
        return frozenset({id(self._handler)})

    def _declines(self, name: str) -> bool:
        return declines(self._handler, name)


def declines(handler: Any, name: str) -> bool:
    """Whether *handler* declines events of this *name*."""
    method = inspect.getattr_static(type(handler), f"on_{name}", None)
    ignore = _DECLINED_BY.get(name)
    return method in ASKS_FOR_LLM_START or (ignore is not None and is_true(ask(handler, ignore)))


def handles(handler: Any, name: str) -> bool:
    """Whether *handler* has a method of its own for events of this *name*, and not LangChain's empty one."""
    method = inspect.getattr_static(handler, f"on_{name}", None)
    empty = (inspect.getattr_static(base, f"on_{name}", None) for base in _bases())
    return method is not None and not any(method is each for each in empty)


def _bases() -> list[type]:
    """The classes whose methods are empty; langgraph's only where somebody has imported it."""
    graph = getattr(sys.modules.get("langgraph.callbacks"), "GraphCallbackHandler", None)
    return [BaseCallbackHandler, AsyncCallbackHandler, *([graph] if graph is not None else [])]


def assert_ends_handled(recordings: Iterable[HandlerRecording]) -> None:
    """
    Check that each handler handled the end or error of each start that it handled.

    Raises:
        AssertionError: With the methods that are missing, and the runs that ended without them.
    """
    __tracebackhide__ = True
    missing: dict[tuple[str, str, str], list[Run]] = {}
    for recording in recordings:
        for start, end, run in _unhandled(recording):
            missing.setdefault((class_name(type(recording.handler)), start, end), []).append(run)
    if not missing:
        return
    name, start, end = next(iter(missing))
    more = f", and {count(len(missing) - 1, 'more method')}" if len(missing) > 1 else ""
    first = f"expected {name} to handle the end of every start that it handles, but it has no on_{end}{more}"
    lines = [
        f"  {name} has on_{start} and no on_{end}: {listing(dict.fromkeys(run.label for run in runs), 3)} "
        f"ended so ({count(len(runs), 'run')})"
        for (name, start, end), runs in missing.items()
    ]
    mend = hint(f"LangChain calls its own empty method instead. Write on_{end}, which closes what on_{start} opened.")
    raise AssertionError(shown("\n".join([*headline(first), *first_lines(lines, _SHOWN, "  "), mend])))


def _unhandled(recording: HandlerRecording) -> Iterator[tuple[str, str, Run]]:
    """The start, the end and the run, where the handler has a method of its own for the start alone."""
    for run in recording.runs:
        start = next((name for name in run.names if is_start(name) and handles(recording.handler, name)), None)
        ends = [name for name in run.names if is_end(name)]
        if start is not None and ends and not any(handles(recording.handler, name) for name in ends):
            yield start, ends[0], run
