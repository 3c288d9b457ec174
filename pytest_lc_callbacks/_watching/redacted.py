"""Redacted: how a report writes what a program was given and gave, without secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_lc_callbacks._values import ask, class_name, entries, entry, is_empty, items, text_of
from pytest_lc_callbacks._words import error_text, one_line, raw_repr, string, truncate, truncate_middle


class Redacted:
    """
    Writes values, each in one line and cut.

    Secrets are taken out before a text is cut: half a secret would not be found.

    Args:
        clean: Takes secrets out of a text.
    """

    def __init__(self, clean: Callable[[str], str]) -> None:
        self._clean = clean

    def value(self, value: Any, limit: int) -> str:
        """The ``repr`` of *value*: ``'no network'``."""
        return self._text(raw_repr(value), limit)

    def name(self, name: Any, limit: int = 80) -> str:
        """A name that somebody gave to a run, a tool or an argument."""
        return self._text(string(name), limit)

    def quoted(self, value: Any) -> str:
        """A text, or the ``repr`` of anything else, in quotation marks and cut in the middle."""
        text = text_of(value)
        text = raw_repr(value) if text is None else text
        return f'"{truncate_middle(one_line(self._clean(text)))}"'

    def error(self, error: BaseException) -> str:
        """The class of *error* and the first line of what it says: ``ValueError: no network``."""
        first = next(iter(error_text(error).strip().splitlines()), "")
        return self._text(f"{class_name(type(error))}{': ' if first else ''}{first}", 160)

    def arguments(self, named: Any) -> str:
        """The first of the *named* values: ``q='weather', api_key='[redacted]'``; a name may tell of a secret."""
        return ", ".join(self._text(f"{string(name)}={raw_repr(value)}", 40) for name, value in entries(named)[:5])

    def tool_call(self, call: Any) -> str:
        """A call that a model asks for: ``search(q='weather')``."""
        return truncate(f"{self.name(entry(call, 'name'))}({self.arguments(entry(call, 'args'))})", 80)

    def message(self, message: Any) -> str:
        """A message with who it is from: ``human: "The capital of France?"``."""
        content = ask(message, "content", message)
        calls = items(ask(message, "tool_calls"))
        text = "" if calls and is_empty(content) else self.quoted(content)
        parts = [text, *(f"calls {self.tool_call(call)}" for call in calls)]
        # A stream's answer is a chunk, all of them added up.
        kind = (text_of(ask(message, "type")) or "message").removesuffix("MessageChunk").lower()
        return f"{self.name(kind, 40)}: {'  '.join(filter(None, parts))}"

    def _text(self, text: str, limit: int) -> str:
        return truncate(one_line(self._clean(text)), limit)
