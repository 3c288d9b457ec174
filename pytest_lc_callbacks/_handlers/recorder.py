"""RecordingHandler: a LangChain callback handler that records what it receives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler

from pytest_lc_callbacks import _made
from pytest_lc_callbacks._recording import EVENT_NAMES, id_key, is_start
from pytest_lc_callbacks._scopes import ScopedRecording

if TYPE_CHECKING:
    _HandlerBase = BaseCallbackHandler
else:
    try:
        # langgraph sends interrupts to handlers of this class alone (langgraph 1.1 and later).
        from langgraph.callbacks import GraphCallbackHandler as _HandlerBase
    except ImportError:
        _HandlerBase = BaseCallbackHandler


class _Done:
    """What an async call of a method may wait for: nothing."""

    __slots__ = ()

    def __await__(self) -> Iterator[Any]:
        return iter(())

    def __repr__(self) -> str:
        return "<recorded>"


_DONE = _Done()
# Lets LangChain await the methods where it would hop to a thread for a plain function; since Python 3.12.
_mark: Callable[[Any], Any] = getattr(inspect, "markcoroutinefunction", lambda function: function)


def _methods(base: type) -> dict[str, tuple[str, ...]]:
    """The callback methods of *base* with the names of their arguments, as installed."""
    found = {
        name: function for name, function in inspect.getmembers(base, inspect.isfunction) if name.startswith("on_")
    }
    return {name: tuple(inspect.signature(function).parameters)[1:] for name, function in found.items()}


def _copied(value: Any) -> Any:
    """A container one level deep, without running code of its class; anything else, generators too, as it is."""
    kind = type(value)
    if kind is dict or kind is list:
        return value.copy()
    if issubclass(kind, dict):
        return dict(dict.items(value))
    if issubclass(kind, list):
        return list.copy(value)
    return set.copy(value) if issubclass(kind, set) else value


def _batches(messages: Any) -> Any:
    """The lists of messages that a chat model was sent; the caller owns the inner ones."""
    return [_copied(batch) for batch in messages] if issubclass(type(messages), (list, tuple)) else messages


def _tagged(tags: Any) -> tuple[Any, ...] | None:
    return tuple(tags) if issubclass(type(tags), (list, tuple, set, frozenset)) else None


def _recorder(event_name: str, arguments: tuple[str, ...]) -> Callable[..., Any]:
    """The method that records one kind of event."""
    starts = is_start(event_name)

    def on_event(
        self: RecordingHandler,
        /,
        *args: Any,
        run_id: Any = None,
        parent_run_id: Any = None,
        tags: Any = None,
        metadata: Any = None,
        **kwargs: Any,
    ) -> Any:
        payload = {name: _copied(value) for name, value in (*zip(arguments, args, strict=False), *kwargs.items())}
        if "messages" in payload:
            payload["messages"] = _batches(payload["messages"])
        if starts and parent_run_id is None:
            self._root_begins(run_id)
        if event_name in ("interrupt", "resume"):
            # langgraph sends their run's id inside.
            run_id = run_id or getattr(payload.get("event"), "run_id", None)
        ids = id_key(run_id), id_key(parent_run_id)
        described = (_copied(metadata) or None) if issubclass(type(metadata), dict) else None
        found = _tagged(tags), described, perf_counter(), get_ident()
        self._extend((event_name, *ids, *found, None, payload, None, None))
        return _DONE

    on_event.__name__ = f"on_{event_name}"
    on_event.__qualname__ = f"RecordingHandler.on_{event_name}"
    on_event.__doc__ = f"Record ``{event_name!r}``."
    return on_event


# The events that are most of any recording have methods of their own, since each allocation and each call counts there
# (benchmarks/recording.py). They leave what LangChain rarely sends to the method that keeps anything.
_any_chain_start = _recorder("chain_start", ("serialized", "inputs"))
_any_chain_end = _recorder("chain_end", ("outputs",))
_any_token = _recorder("llm_new_token", ("token",))
_STARTED, _ENDED, _TOKEN = ("serialized", "inputs", "name"), ("outputs",), ("token", "chunk")


def _on_chain_start(
    self: RecordingHandler,
    serialized: Any = None,
    inputs: Any = None,
    *more: Any,
    name: Any = None,
    run_id: Any = None,
    parent_run_id: Any = None,
    tags: Any = None,
    metadata: Any = None,
    **kwargs: Any,
) -> Any:
    """Record ``'chain_start'``."""
    if kwargs or more or name is None or type(run_id) is not UUID or type(metadata) is not dict:
        named = kwargs if name is None else {"name": name, **kwargs}
        ids = {"run_id": run_id, "parent_run_id": parent_run_id}
        return _any_chain_start(self, serialized, inputs, *more, **ids, tags=tags, metadata=metadata, **named)
    if parent_run_id is None:
        self._root_begins(run_id)
    self._extend(
        (
            "chain_start",
            run_id.int,
            None if parent_run_id is None else id_key(parent_run_id),
            _tagged(tags) if tags else None,
            metadata.copy() if metadata else None,
            perf_counter(),
            get_ident(),
            _STARTED,
            None if serialized is None else _copied(serialized),
            _copied(inputs),
            name,
        )
    )
    return _DONE


def _on_chain_end(
    self: RecordingHandler,
    outputs: Any = None,
    *more: Any,
    run_id: Any = None,
    parent_run_id: Any = None,
    tags: Any = None,
    **kwargs: Any,
) -> Any:
    """Record ``'chain_end'``."""
    if kwargs or more or type(run_id) is not UUID:
        return _any_chain_end(self, outputs, *more, run_id=run_id, parent_run_id=parent_run_id, tags=tags, **kwargs)
    self._extend(
        (
            "chain_end",
            run_id.int,
            None if parent_run_id is None else id_key(parent_run_id),
            _tagged(tags) if tags else None,
            None,
            perf_counter(),
            get_ident(),
            _ENDED,
            _copied(outputs),
            None,
            None,
        )
    )
    return _DONE


def _on_llm_new_token(
    self: RecordingHandler,
    token: Any = "",
    *more: Any,
    chunk: Any = None,
    run_id: Any = None,
    parent_run_id: Any = None,
    tags: Any = None,
    **kwargs: Any,
) -> Any:
    """Record ``'llm_new_token'``."""
    if kwargs or more or chunk is None or type(token) is not str or type(run_id) is not UUID:
        whole = kwargs if chunk is None else {"chunk": chunk, **kwargs}
        return _any_token(self, token, *more, run_id=run_id, parent_run_id=parent_run_id, tags=tags, **whole)
    self._extend(
        (
            "llm_new_token",
            run_id.int,
            None if parent_run_id is None else id_key(parent_run_id),
            _tagged(tags) if tags else None,
            None,
            perf_counter(),
            get_ident(),
            _TOKEN,
            token,
            chunk,
            None,
        )
    )
    return _DONE


class RecordingHandler(ScopedRecording, _HandlerBase):
    """
    Records every event it receives; pass it wherever LangChain takes callbacks.

    It never changes the program under test: it raises nothing, is never inline (that makes other handlers lose
    ``on_llm_start``, langchain-ai/langchain#39633), touches no generator, takes no ``repr``, and a copy of a model that
    holds it holds the same handler. Any number of threads may record at once. Containers are copied one level deep.
    """

    raise_error = False
    run_inline = False

    def __init__(self) -> None:
        super().__init__()
        self._extend = self._log.extend
        self._is_made()

    def clear(self) -> None:
        """Forget everything, and let go of the payloads; runs that are open go on in the empty recording."""
        super().clear()
        self._extend = self._log.extend

    def _is_made(self) -> None:
        """Tell whoever listens. The observer and the spy's recordings do not: no test made them."""
        _made.tell("handler", self)

    def _root_begins(self, run_id: Any) -> None:
        """A run without parent begins; the observer notes where."""

    def __copy__(self) -> RecordingHandler:
        """Itself: LangChain and pydantic copy models together with their handlers."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> RecordingHandler:
        """Itself, as for a shallow copy."""
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a RecordingHandler cannot be pickled, since the copy would record where no test looks; "
            "keep recording.snapshot() instead"
        )


for _method, _arguments in _methods(_HandlerBase).items():
    _name = _method.removeprefix("on_")
    EVENT_NAMES.add(_name)
    setattr(RecordingHandler, _method, _mark(_recorder(_name, _arguments)))
for _quick in (_on_chain_start, _on_chain_end, _on_llm_new_token):
    _quick.__name__ = _quick.__name__.removeprefix("_")
    _quick.__qualname__ = f"RecordingHandler.{_quick.__name__}"
    setattr(RecordingHandler, _quick.__name__, _mark(_quick))
