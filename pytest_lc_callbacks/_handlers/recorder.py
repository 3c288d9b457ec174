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
from pytest_lc_callbacks._recording import EVENT_NAMES, id_key, is_start, payload_fields
from pytest_lc_callbacks._scopes import ScopedRecording

if TYPE_CHECKING:
    _HandlerBase = BaseCallbackHandler
else:
    try:
        # langgraph sends interrupts to handlers of this class alone (langgraph 1.1 and later).
        from langgraph.callbacks import GraphCallbackHandler as _HandlerBase
    except ImportError:
        _HandlerBase = BaseCallbackHandler


class _Recorded:
    """What each method returns. An async caller may await it, and goes on at once."""

    __slots__ = ()

    def __await__(self) -> Iterator[Any]:
        return iter(())

    def __repr__(self) -> str:
        return "<recorded>"


_RECORDED = _Recorded()
# LangChain awaits a marked method, and would call a plain one in a thread. Python 3.11 cannot mark functions.
_mark: Callable[[Callable[..., Any]], Callable[..., Any]] = getattr(
    inspect, "markcoroutinefunction", lambda function: function
)


def _methods(base: type) -> dict[str, tuple[str, ...]]:
    """The callback methods of *base* with the names of their arguments, as installed."""
    found = {
        name: function for name, function in inspect.getmembers(base, inspect.isfunction) if name.startswith("on_")
    }
    return {name: tuple(inspect.signature(function).parameters)[1:] for name, function in found.items()}


def _copy(value: Any) -> Any:
    """A copy of a dict, list or set, one level deep, made without code of its class; any other value itself."""
    kind = type(value)
    # Most values first: the other questions cost as much as the rest of recording.
    if value is None or kind is str:
        return value
    if kind is dict or kind is list:
        return value.copy()
    if issubclass(kind, dict):
        return dict(dict.items(value))
    if issubclass(kind, list):
        return list.copy(value)
    return set.copy(value) if issubclass(kind, set) else value


def _copy_batches(messages: Any) -> Any:
    """Copies of the lists of messages that a chat model was sent."""
    return [_copy(batch) for batch in messages] if issubclass(type(messages), (list, tuple)) else messages


def _read_tags(tags: Any) -> tuple[Any, ...] | None:
    return tuple(tags) if type(tags) is list or issubclass(type(tags), (list, tuple, set, frozenset)) else None


def _read_metadata(metadata: Any) -> dict[Any, Any] | None:
    return (_copy(metadata) or None) if type(metadata) is dict or issubclass(type(metadata), dict) else None


def _recorder(event_name: str, arguments: tuple[str, ...]) -> Callable[..., Any]:
    """The method that records events of one name."""
    starts, is_of_langgraph = is_start(event_name), event_name in ("interrupt", "resume")
    ends_tool = event_name == "tool_end"
    # Events with the same entries share one tuple of names: each kept object costs time in the garbage collector.
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}

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
        args = args[: len(arguments)]
        names = arguments[: len(args)] + tuple(kwargs)
        values = [*map(_copy, args), *map(_copy, kwargs.values())]
        if "messages" in names:
            values[names.index("messages")] = _copy_batches(values[names.index("messages")])
        if starts:
            self._run_begins(run_id, parent_run_id)
        if ends_tool:
            self._tool_ends(run_id)
        if is_of_langgraph:
            # langgraph sends the id of the run inside the event.
            run_id = run_id or getattr(dict(zip(names, values, strict=True)).get("event"), "run_id", None)
        self._extend(
            (
                event_name,
                id_key(run_id),
                id_key(parent_run_id),
                _read_tags(tags),
                _read_metadata(metadata),
                perf_counter(),
                get_ident(),
                *payload_fields(shared.setdefault(names, names), values),
            )
        )
        return _RECORDED

    return on_event


# Most events of a recording are tokens, and starts and ends of chains. Their methods save what they can
# (benchmarks/recording.py), and leave arguments that LangChain rarely sends to the method that records anything.
_NOTHING: Any = object()


def _recorder_of_token(event_name: str, arguments: tuple[str, ...]) -> Callable[..., Any]:
    record_any, names = _recorder(event_name, arguments), ("token", "chunk")

    def on_token(
        self: RecordingHandler,
        token: Any = _NOTHING,
        *more: Any,
        chunk: Any = None,
        run_id: Any = None,
        parent_run_id: Any = None,
        tags: Any = None,
        **kwargs: Any,
    ) -> Any:
        if kwargs or more or chunk is None or type(token) is not str or type(run_id) is not UUID:
            args = () if token is _NOTHING else (token, *more)
            whole = kwargs if chunk is None else {"chunk": chunk, **kwargs}
            return record_any(self, *args, run_id=run_id, parent_run_id=parent_run_id, tags=tags, **whole)
        self._extend(
            (
                event_name,
                run_id.int,
                None if parent_run_id is None else id_key(parent_run_id),
                _read_tags(tags) if tags else None,
                None,
                perf_counter(),
                get_ident(),
                names,
                token,
                chunk,
                None,
            )
        )
        return _RECORDED

    return on_token


def _recorder_of_start(event_name: str, arguments: tuple[str, ...]) -> Callable[..., Any]:
    record_any, names = _recorder(event_name, arguments), ("serialized", "inputs", "name")

    def on_start(
        self: RecordingHandler,
        serialized: Any = _NOTHING,
        inputs: Any = _NOTHING,
        /,
        *more: Any,
        run_type: Any = _NOTHING,
        name: Any = _NOTHING,
        run_id: Any = None,
        parent_run_id: Any = None,
        tags: Any = None,
        metadata: Any = None,
        **kwargs: Any,
    ) -> Any:
        is_usual = not (kwargs or more or name is _NOTHING or inputs is _NOTHING)
        if not is_usual or type(run_id) is not UUID or type(metadata) is not dict:
            args = [value for value in (serialized, inputs, *more) if value is not _NOTHING]
            kwargs |= {key: value for key, value in (("run_type", run_type), ("name", name)) if value is not _NOTHING}
            ids = {"run_id": run_id, "parent_run_id": parent_run_id}
            return record_any(self, *args, **ids, tags=tags, metadata=metadata, **kwargs)
        self._run_begins(run_id, parent_run_id)
        serialized, inputs = _copy(serialized), _copy(inputs)
        payload: tuple[Any, ...]
        if run_type is _NOTHING:
            payload = (names, serialized, inputs, name)
        else:
            whole = {"serialized": serialized, "inputs": inputs, "run_type": run_type, "name": name}
            payload = (None, whole, None, None)
        self._extend(
            (
                event_name,
                run_id.int,
                None if parent_run_id is None else id_key(parent_run_id),
                _read_tags(tags),
                metadata.copy() if metadata else None,
                perf_counter(),
                get_ident(),
                *payload,
            )
        )
        return _RECORDED

    return on_start


def _recorder_of_end(event_name: str, arguments: tuple[str, ...]) -> Callable[..., Any]:
    record_any, names = _recorder(event_name, arguments), arguments[:1]

    def on_end(
        self: RecordingHandler,
        value: Any = _NOTHING,
        /,
        *more: Any,
        run_id: Any = None,
        parent_run_id: Any = None,
        tags: Any = None,
        **kwargs: Any,
    ) -> Any:
        if kwargs or more or value is _NOTHING or type(run_id) is not UUID:
            args = () if value is _NOTHING else (value, *more)
            return record_any(self, *args, run_id=run_id, parent_run_id=parent_run_id, tags=tags, **kwargs)
        self._extend(
            (
                event_name,
                run_id.int,
                None if parent_run_id is None else id_key(parent_run_id),
                _read_tags(tags),
                None,
                perf_counter(),
                get_ident(),
                names,
                _copy(value),
                None,
                None,
            )
        )
        return _RECORDED

    return on_end


_RECORDERS = {
    "llm_new_token": _recorder_of_token,
    "chain_start": _recorder_of_start,
    "chain_end": _recorder_of_end,
}


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

    def _run_begins(self, run_id: Any, parent_run_id: Any) -> None:
        """A run begins; the observer notes where."""

    def _tool_ends(self, run_id: Any) -> None:
        """The run of a tool ends well; the observer notes whether the tool answers an error of its own."""

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


def _as_method(record: Callable[..., Any], event_name: str) -> Callable[..., Any]:
    """*record* under the name that the method has on `RecordingHandler`."""
    record.__name__ = f"on_{event_name}"
    record.__qualname__ = f"RecordingHandler.on_{event_name}"
    record.__doc__ = f"Record ``{event_name!r}``."
    return _mark(record)


for _method, _arguments in _methods(_HandlerBase).items():
    _name = _method.removeprefix("on_")
    EVENT_NAMES.add(_name)
    _record = _RECORDERS.get(_name, _recorder)(_name, _arguments)
    setattr(RecordingHandler, _method, _as_method(_record, _name))
