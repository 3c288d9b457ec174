"""Where a text stands in what handlers could see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pytest_lc_callbacks._recording import Event, Run
from pytest_lc_callbacks._scopes.observed_runs import ObservedRuns
from pytest_lc_callbacks._values import ask, class_name, entries, is_a, items, text_of
from pytest_lc_callbacks._words import count, error_text, first_lines, repr_short, safe

# Ids that LangChain and langgraph make, and the addresses in the text of an object, hold any digits by chance.
_MADE = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\b[0-9a-f]{32}\b|\b0x[0-9a-f]+\b", re.IGNORECASE)
_DEPTH = 40
_SHOWN = 10


def find_text(observed: ObservedRuns, text: str) -> str | None:
    """
    The message that *text* stands in a payload of a run in scope, or that nothing ran; None if neither is so.

    Raises:
        TypeError: If *text* is no text.

        ValueError: If it is empty, and would be found anywhere.
    """
    if type(text) is not str:
        raise TypeError(f"assert_nowhere takes a text, not {repr_short(text)}")
    if not text:
        raise ValueError("assert_nowhere takes a text, and an empty one stands everywhere")
    if not observed.in_scope:
        return f"expected runs to look for {repr_short(text)} in, but none began {observed.limit}"
    places = list(dict.fromkeys(place for run in observed.in_scope for place in _places(run, text)))
    if not places:
        return None
    more = f" and {count(len(places) - 1, 'place')} more" if len(places) > 1 else ""
    first = f"expected {repr_short(text)} in nothing that handlers are sent, but it stands in {places[0]}{more}"
    return "\n".join([first, *first_lines([f"  {place}" for place in places], _SHOWN, "  ")])


def _places(run: Run, text: str) -> Iterator[str]:
    """``chat_model_start of FakeChatModel: messages[0][0].content``, for each place that has *text*."""
    label = safe(run.label)
    for event in run.events:
        for path, value in _texts(_sent(event), "", 0, set()):
            if _stands_in(value, text):
                yield f"{event.name} of {label}: {path}"


def _stands_in(value: str, text: str) -> bool:
    """Whether *text* stands in *value* elsewhere than as a part of an id; a whole id is what the test looks for."""
    if text not in value:
        return False
    ids = [found.span() for found in _MADE.finditer(value) if len(found[0]) > len(text)]
    places = (found.start() for found in re.finditer(f"(?={re.escape(text)})", value))
    return any(not any(start <= place and place + len(text) <= end for start, end in ids) for place in places)


def _sent(event: Event) -> dict[str, Any]:
    """All that a handler is sent with *event*, but for ids."""
    labels = {"name": event.run_name, "tags": list(event.tags), "metadata": dict(event.metadata)}
    return {**labels, **event.payload}


def _texts(value: Any, path: str, depth: int, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Every text in *value*, in any nesting, with the path to it; keys are texts too."""
    text = text_of(value)
    if text is not None:
        yield path, text
        return
    if value is None or is_a(value, int, float, type) or depth > _DEPTH or id(value) in seen:
        return
    seen.add(id(value))
    if is_a(value, bytes):
        yield path, bytes.decode(value, "utf-8", "replace")
    elif is_a(value, BaseException):
        yield path, f"{class_name(type(value))}: {error_text(value)}"
    for step, inner in _parts(value):
        yield from _texts(inner, f"{path}{step}" if path else step.lstrip("."), depth + 1, seen)


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    """What *value* holds, each with the step that leads there; a generator is left alone."""
    for key, inner in entries(value):
        name = text_of(key)
        yield (f".{name}" if name is not None and name.isidentifier() else f"[{repr_short(key, 40)}]"), inner
        yield ".(key)", key
    yield from ((f"[{index}]", inner) for index, inner in enumerate(items(value)))
    if not is_a(value, dict, list, tuple, set, frozenset):
        yield from ((f".{name}", inner) for name, inner in entries(ask(value, "__dict__")) if is_a(name, str))
        yield from ((f".{name}", inner) for name, inner in entries(ask(value, "__pydantic_extra__")))
