"""What a spied handler writes into what LangChain hands to all handlers: the same objects go to each of them."""

from __future__ import annotations

import types
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage

from pytest_lc_callbacks._words import repr_short

_SHARED = ("invocation_params", "metadata", "tags")
# Of a long history the last messages are the ones that are new.
_MESSAGES = 200
_PLAIN = (str, int, float, bool)
_GONE = object()


class PayloadChange(NamedTuple):
    """One place that was written into while a handler's method ran."""

    handler: Any
    event: str
    """The method: ``on_chat_model_start``."""
    place: str
    """``invocation_params['temperature']``."""
    run_id: Any


class PayloadWatch:
    """
    Compares what a method is handed, shallowly, before and after each stretch of it: that is what ``with`` is around.

    Args:
        event: The method: ``on_chat_model_start``.

        args: What the method is given by position.

        kwargs: What it is given by name.

        note: Called with each place that was written into.
    """

    def __init__(
        self, event: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], note: Callable[[str], None]
    ) -> None:
        self._handed = (event, args, kwargs)
        self._note = note
        self._before: list[tuple[str, Any, Any]] = []

    def __enter__(self) -> None:
        self._before = [(name, value, value.copy()) for name, value in _containers(*self._handed)]

    def __exit__(self, *exc: object) -> None:
        for name, value, before in self._before:
            place = _changed(before, value)
            if place is not None:
                self._note(f"{name}{place}")
        self._before = []

    @types.coroutine
    def around(self, coroutine: Any) -> Generator[Any, Any, Any]:
        """Go through *coroutine*, and look at each of its stretches: between them other handlers run."""
        __tracebackhide__ = True
        go_on, value = coroutine.send, None
        while True:
            try:
                with self:
                    waits_for = go_on(value)
            except StopIteration as end:
                return end.value
            try:
                go_on, value = coroutine.send, (yield waits_for)
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001  # it is the coroutine's to handle
                go_on, value = coroutine.throw, error


def _containers(event: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The dicts and lists that every handler is handed, with their names."""
    for name in _SHARED:
        if type(kwargs.get(name)) in (dict, list):
            yield name, kwargs[name]
    messages = kwargs.get("messages", args[1] if len(args) > 1 else None) if event == "on_chat_model_start" else None
    if type(messages) is not list:
        return
    yield "messages", messages
    for i, batch in enumerate(messages[:_MESSAGES]):
        if type(batch) is not list:
            continue
        yield f"messages[{i}]", batch
        first = max(0, len(batch) - _MESSAGES)
        for j, message in enumerate(batch[first:], first):
            if issubclass(type(message), BaseMessage):
                yield from _fields(f"messages[{i}][{j}]", object.__getattribute__(message, "__dict__"))


def _fields(name: str, fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield name, fields
    for field in ("additional_kwargs", "response_metadata", "content"):
        if type(fields.get(field)) in (dict, list):
            yield f"{name}[{field!r}]", fields[field]


def _changed(before: Any, after: Any) -> str | None:
    """Where *after* is not what it was: ``['temperature']``, an empty text for a list's length; None if nowhere."""
    if type(before) is list:
        if len(before) != len(after):
            return ""
        pairs = zip(before, list(after), strict=False)
        return next((f"[{i}]" for i, (old, new) in enumerate(pairs) if not _is_same(old, new)), None)
    after = after.copy()
    keys = [*before, *(key for key in after if key not in before)]
    return next(
        (f"[{repr_short(key, 60)}]" for key in keys if not _is_same(before.get(key, _GONE), after.get(key, _GONE))),
        None,
    )


def _is_same(old: Any, new: Any) -> bool:
    return old is new or (type(old) is type(new) and type(old) in _PLAIN and bool(old == new))
