"""RecordingHandler: a LangChain callback handler that records what it receives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from threading import get_ident
from time import perf_counter
from typing import Any, NoReturn

from langchain_core.callbacks import BaseCallbackHandler

from pytest_lc_callbacks._events import EVENT_NAMES, Log
from pytest_lc_callbacks._recording import Recording

try:
    # langgraph sends interrupts to handlers of this class alone (langgraph 1.1 and later).
    from langgraph.callbacks import GraphCallbackHandler as _HandlerBase
except ImportError:
    _HandlerBase = BaseCallbackHandler  # type: ignore[assignment,misc]  # langgraph is not installed, or has no events


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
    if isinstance(value, dict):
        return dict.copy(value)
    if isinstance(value, list):
        return list.copy(value)
    return set.copy(value) if isinstance(value, set) else value


def _recorder(event_name: str, arguments: tuple[str, ...]) -> Callable[..., Any]:
    """The method that records one kind of event."""

    def on_event(
        self: RecordingHandler,
        *args: Any,
        run_id: Any = None,
        parent_run_id: Any = None,
        tags: Any = None,
        metadata: Any = None,
        **kwargs: Any,
    ) -> Any:
        for name, value in zip(arguments, args, strict=False):
            kwargs[name] = value
        for name, value in kwargs.items():
            if isinstance(value, (dict, list, set)):
                kwargs[name] = _copied(value)
        if event_name == "chat_model_start":
            kwargs["messages"] = [_copied(batch) for batch in kwargs.get("messages") or ()]
        if run_id is None:
            # langgraph's interrupt and resume carry the id of their run inside.
            run_id = getattr(kwargs.get("event"), "run_id", None)
        tags = tuple(tags) if tags else None
        metadata = dict(metadata) if metadata else None
        self._extend((event_name, run_id, parent_run_id, tags, metadata, perf_counter(), get_ident(), None, kwargs))
        return _DONE

    on_event.__name__ = f"on_{event_name}"
    on_event.__qualname__ = f"RecordingHandler.on_{event_name}"
    on_event.__doc__ = f"Record ``{event_name!r}``."
    return on_event


def _on_llm_new_token(
    self: RecordingHandler,
    token: Any = "",
    *,
    chunk: Any = None,
    run_id: Any = None,
    parent_run_id: Any = None,
    tags: Any = None,
    **kwargs: Any,
) -> Any:
    """Record ``'llm_new_token'``; on its own, since there are thousands of them."""
    if kwargs or token.__class__ is not str:
        return _on_odd_token(self, token, chunk=chunk, run_id=run_id, parent_run_id=parent_run_id, tags=tags, **kwargs)
    self._extend(
        (
            "llm_new_token",
            run_id,
            parent_run_id,
            tuple(tags) if tags else None,
            None,
            perf_counter(),
            get_ident(),
            token,
            chunk,
        )
    )
    return _DONE


_on_odd_token = _recorder("llm_new_token", ("token",))


class RecordingHandler(Recording, _HandlerBase):
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
        self._extend = self._log.flat.extend

    def clear(self) -> None:
        """Forget everything, and let go of the payloads; runs that are open go on in the empty recording."""
        super().clear()
        self._extend = self._log.flat.extend

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
RecordingHandler.on_llm_new_token = _mark(_on_llm_new_token)  # type: ignore[method-assign]  # the quick way
