"""Redacted: how a report writes what a program was given and gave, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_lc_callbacks._words import error_text, one_line, repr_short, truncate, truncate_middle

# A repr is cut here before it is cleaned, so that a huge value costs no more than a large one.
_LONGEST = 10_000


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
        return truncate(one_line(self._clean(repr_short(value, _LONGEST))), limit)

    def quoted(self, value: Any) -> str:
        """A text, or the ``repr`` of anything else, in quotation marks and cut in the middle."""
        text = value if isinstance(value, str) else repr_short(value, _LONGEST)
        return f'"{truncate_middle(one_line(self._clean(text)))}"'

    def error(self, error: BaseException) -> str:
        """The class of *error* and the first line of what it says: ``ValueError: no network``."""
        first = next(iter(error_text(error).strip().splitlines()), "")
        return truncate(f"{type(error).__name__}{': ' if first else ''}{self._clean(first)}", 160)

    def arguments(self, named: Mapping[str, Any]) -> str:
        """The first of the *named* values: ``q='weather', api_key='[redacted]'``; a name may tell of a secret."""
        given = [self._clean(f"{name}={repr_short(value, 1000)}") for name, value in list(named.items())[:5]]
        return ", ".join(truncate(one_line(text), 40) for text in given)

    def tool_call(self, call: Mapping[str, Any]) -> str:
        """A call that a model asks for: ``search(q='weather')``."""
        args = call.get("args")
        return truncate(f"{call.get('name')}({self.arguments(args) if isinstance(args, Mapping) else ''})", 80)

    def message(self, message: Any) -> str:
        """A message with who it is from: ``human: "The capital of France?"``."""
        content = getattr(message, "content", message)
        calls = getattr(message, "tool_calls", None) or ()
        text = self.quoted(content) if content or not calls else ""
        parts = [text, *(f"calls {self.tool_call(call)}" for call in calls)]
        # A stream's answer is a chunk, all of them added up.
        kind = str(getattr(message, "type", "message")).removesuffix("MessageChunk").lower()
        return f"{kind}: {'  '.join(filter(None, parts))}"
