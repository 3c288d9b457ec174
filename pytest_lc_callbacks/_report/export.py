"""Payloads as builtins that may leave the process: redacted, neutral and cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any

from pytest_lc_callbacks._redaction import REDACTED, is_secret_name
from pytest_lc_callbacks._values import bases, class_name, is_empty, pass_by
from pytest_lc_callbacks._words import error_text, printable, repr_short

TEXT = 20_000
"""The characters that are kept of one text."""
TOTAL = 1_000_000
"""The characters that are kept of all payloads of one test."""

_ITEMS = 500
_DEPTH = 12
# A text is redacted before it is cut. Of a long one the beginning is enough, and what could be half a secret at the end
# of that is not shown.
_MARGIN = 5_000
_REMEMBERED = 2_000

# By name, since this room does not import LangChain or pydantic; looked up in the class's bases.
_MESSAGE = {"BaseMessage"}
_SECRETS = {"SecretStr", "SecretBytes", "_SecretBase", "Secret"}
_RECORDS = {"Document", "LLMResult", "Generation", "PromptValue", "Command", "Interrupt"}
_MESSAGE_FIELDS = ("content", "name", "tool_calls", "tool_call_id", "status", "usage_metadata")


class Exporter:
    """
    Turns the payloads of one test into builtins.

    Args:
        clean: Takes secrets out of a text.
    """

    def __init__(self, clean: Callable[[str], str]) -> None:
        self._clean = clean
        self._known: dict[str, str] = {}
        self.left = TOTAL

    def line(self, text: Any, limit: int = 300) -> str:
        """A name or another text of one line."""
        return self.text(" ".join(as_text(text).split()), limit)

    def text(self, text: str, limit: int = TEXT) -> str:
        """*text* as it may leave the process, and where it is cut, how much of it there is."""
        known = self._known.get(text) if len(text) < limit else None
        if known is not None:
            return known
        part = text[: limit + 2 * _MARGIN]
        clean = printable(self._clean(part).replace("\r\n", "\n"))
        if len(part) < len(text):
            clean = clean[: min(limit, max(0, len(clean) - _MARGIN))]
        if len(part) < len(text) or len(clean) > limit:
            return f"{clean[:limit]} [cut: {len(text):,} characters]"
        if len(self._known) < _REMEMBERED:
            self._known[text] = clean
        return clean

    def value(self, value: Any) -> Any:
        """*value* as None, bool, int, float, str, list and dict."""
        return self._value(value, _DEPTH)

    def _value(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int or kind is float:
            return _number(value)
        self.left -= 1
        if self.left <= 0:
            return f"[left out: the payloads of this test have more than {TOTAL:,} characters]"
        if issubclass(kind, str):
            return self._spent(self.text(str.__str__(value)))
        if depth == 0:
            return f"[left out: {class_name(kind)}, nested too deeply]"
        if issubclass(kind, dict):
            return self._mapping(dict.items(value), dict.__len__(value), depth)
        if issubclass(kind, (list, tuple, set, frozenset)):
            return self._list(kind, value, depth)
        return self._object(kind, value, depth)

    def _object(self, kind: type, value: Any, depth: int) -> Any:
        names = {class_name(base) for base in bases(kind)}
        if names & _SECRETS:
            return REDACTED
        if names & _MESSAGE:
            return self._message(value, depth)
        if names & _RECORDS:
            fields = _fields(value)
            if fields is not None:
                return self._mapping(fields.items(), len(fields), depth)
        if issubclass(kind, BaseException):
            return self._spent(self.text(f"{class_name(kind)}: {error_text(value)}"))
        return self._spent(self.text(_repr(value)))

    def _message(self, message: Any, depth: int) -> dict[str, Any]:
        fields = _fields(message) or {}
        kind = self.line(fields.get("type") or class_name(type(message)), 40).removesuffix("MessageChunk").lower()
        kept = {name: fields[name] for name in _MESSAGE_FIELDS if not is_empty(fields.get(name))}
        return {"type": kind, **self._mapping(kept.items(), len(kept), depth)}

    def _mapping(self, items: Iterable[tuple[Any, Any]], size: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for number, (key, value) in enumerate(items):
            if number == _ITEMS:
                found["[cut]"] = f"and {size - _ITEMS:,} more"
                break
            name = as_text(key)
            hidden = is_secret_name(name) and issubclass(type(value), (str, bytes)) and len(value) > 0
            found[self._spent(self.line(name))] = REDACTED if hidden else self._value(value, depth - 1)
        return found

    def _list(self, kind: Any, value: Any, depth: int) -> list[Any]:
        base = next(each for each in (list, tuple, set, frozenset) if issubclass(kind, each))
        size = base.__len__(value)
        found = []
        for number, item in enumerate(base.__iter__(value)):
            if number == _ITEMS:
                found.append(f"[cut: and {size - _ITEMS:,} more]")
                break
            found.append(self._value(item, depth - 1))
        return found

    def _spent(self, text: str) -> str:
        self.left -= len(text)
        return text


def as_text(value: Any) -> str:
    """A name as a string, whatever it is."""
    return str.__str__(value) if issubclass(type(value), str) else repr_short(value, 10_000)


def _repr(value: Any) -> str:
    """The ``repr`` of *value* as it is: it is cleaned once, with all other texts."""
    try:
        return repr(value)
    # A payload's own repr may do anything; what is written about it must not fail.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return f"<{class_name(type(value))} whose repr raised {class_name(type(error))}>"


def _number(value: float) -> Any:
    # JSON has neither these nor numbers that grow without end.
    if type(value) is float:
        return value if isfinite(value) else str(value)
    return value if abs(value) < 2**63 else f"[a number of {int(value).bit_length():,} bits]"


def _fields(value: Any) -> Mapping[str, Any] | None:
    """The attributes of an object, without running code of its class."""
    names = [*getattr(type(value), "__dataclass_fields__", ())]
    try:
        found = object.__getattribute__(value, "__dict__")
        return found or {name: object.__getattribute__(value, name) for name in names}
    except AttributeError:
        return None
