"""How messages write values, counts, names, lists and hints: the one door for what is printed."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from pytest_lc_callbacks._redaction import clean
from pytest_lc_callbacks._values import class_name, has_more_entries, pass_by, text_of

WIDTH = 100
"""The columns that a hint fills."""

_COLUMNS = 120


def truncate(text: str, limit: int = 120) -> str:
    """*text*, cut at its end to *limit* characters."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def truncate_middle(text: str, limit: int = 160) -> str:
    """*text*, cut in its middle: a prompt begins with instructions and ends with the question."""
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-(limit // 2) :]}"


# A text is cut here before secrets are taken out of it, so that a huge value costs no more than a large one.
_LONGEST = 10_000

# What steers a terminal, hides or reorders text, or cannot be encoded: control characters but for the line end and the
# tabulator, invisible and bidirectional format characters, line separators, lone surrogates. A joiner between two
# characters of an emoji or of a script that needs it stays.
_STEERING = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)


@cache
def _steering() -> re.Pattern[str]:
    # Made when it is needed: a suite that merely has the plugin installed prints nothing of ours.
    return re.compile(_STEERING)


def printable(text: str) -> str:
    r"""*text* with what steers a terminal, or cannot be encoded, escaped as in ``\x1b``; it keeps its lines."""
    return _steering().sub(lambda found: ascii(found[0])[1:-1], text)


def shown(text: str) -> str:
    """A text of several lines without secrets, and printable: what a whole message passes through at its end."""
    return printable(clean(text))


def one_line(text: str) -> str:
    """*text*, printable, with each run of white space, line ends included, as one blank."""
    return printable(" ".join(text.split()))


def label(name: str) -> str:
    """The *name* of a run as people read and compare it: in one line, and cut where it is no name any more."""
    return truncate(one_line(name[:_LONGEST]), 1_000)


def safe(text: str, limit: int = 120) -> str:
    """*text* without secrets, in one line and cut: half a secret would not be found."""
    return truncate(_line(clean(text[:_LONGEST])), limit)


def raw_repr(value: Any) -> str:
    """The ``repr`` of *value* for `safe`, cut only where it is huge; of a class its name, and never an exception."""
    if issubclass(type(value), type):
        return class_name(value)
    try:
        return repr(_beginning(value) if _is_huge(value) else value)[:_LONGEST]
    # A payload's own repr may do anything; a message about it must not fail.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return f"<{class_name(type(value))} whose repr raised {class_name(type(error))}>"


def repr_short(value: Any, limit: int = 120) -> str:
    """The ``repr`` of *value* without secrets, in one line and cut to *limit* characters; of a class its name."""
    return safe(raw_repr(value), limit)


def _is_huge(value: Any) -> bool:
    return len(value) > _LONGEST if type(value) is str else has_more_entries(value, _LONGEST)


class _Written(str):
    """A text that stands as it is in the ``repr`` of what holds it."""

    __slots__ = ()
    __repr__ = str.__str__


def _beginning(value: Any, inside: tuple[int, ...] = (), left: Iterator[int] | None = None) -> Any:
    """
    What is shown of a huge container or text: the ``repr`` of the rest would be made and thrown away.

    Args:
        value: Anything.

        inside: The identities of the containers around it.

        left: Gives a number for each entry that is still shown.
    """
    kind = type(value)
    if kind is str:
        return value[:_LONGEST]
    if not any(kind is each for each in (list, tuple, dict, set, frozenset)):
        return value
    if id(value) in inside:
        return _Written("{...}" if kind is dict else "[...]" if kind is list else "(...)")
    inside, left = (*inside, id(value)), iter(range(_LONGEST)) if left is None else left
    if kind is dict:
        return {key: _beginning(each, inside, left) for _, (key, each) in zip(left, value.items(), strict=False)}
    first = [_beginning(each, inside, left) for _, each in zip(left, value, strict=False)]
    if kind is list or kind is tuple:
        return kind(first)
    # In the order in which Python would show it.
    shown = f"{{{', '.join(map(repr, first))}}}"
    return _Written(shown if kind is set else f"frozenset({shown})")


def string(value: Any) -> str:
    """``str(value)``, as it is; where that raises, the name of its type: ``<Broken>``."""
    try:
        return text_of(value) or str.__str__(str(value))
    # Its own words may be broken code.
    except BaseException as raised:  # noqa: BLE001
        pass_by(raised)
        return f"<{class_name(type(value))}>"


def error_text(error: BaseException) -> str:
    """``str(error)``, as it is; an empty text where the exception's own ``__str__`` raises."""
    try:
        return str.__str__(str(error))
    # An exception's own words may be broken code; a message about it must not fail.
    except BaseException as raised:  # noqa: BLE001
        pass_by(raised)
        return ""


def error_words(error: BaseException, limit: int = 160) -> str:
    """The class of *error* and the first line of what it says: ``ValueError: no network``."""
    lines = error_text(error).strip().splitlines()
    return safe(f"{class_name(type(error))}{': ' + lines[0] if lines else ''}", limit)


def error_line(error: BaseException, limit: int = 160) -> str:
    """The ``repr`` of *error* in one line."""
    return repr_short(error, limit)


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 run``, ``2 runs``, ``1,000 runs``; ``count(2, "branch", "branches")``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def with_article(name: str) -> str:
    """``a ToolMessage``, ``an AIMessage``, ``a UUID``."""
    return f"{'an' if name[:1] in 'AEIOUaeiou' and name != 'UUID' else 'a'} {name}"


def more(number: int, noun: str = "") -> str:
    """The line for what a list leaves out: ``... and 3 more``, ``... and 1 more run``."""
    return f"... and {number:,} more{f' {count(number, noun).split()[1]}' if noun else ''}"


def listing(words: Iterable[str], limit: int = 5) -> str:
    """*words* in one line, each once: ``a, b, c, d, e and 3 more``."""
    each = list(dict.fromkeys(words))
    return ", ".join(each[:limit]) + and_more(len(each) - limit)


def and_more(left: int) -> str:
    """The end of a line that leaves some out: `` and 3 more``; empty where none are left."""
    return f" and {left:,} more" if left > 0 else ""


def first_lines(lines: Sequence[str], limit: int, indent: str = "", noun: str = "") -> list[str]:
    """The first of *lines*, and a line that says how many more there are; one more line is shown itself."""
    left = len(lines) - limit
    return list(lines) if left <= 1 else [*lines[:limit], f"{indent}{more(left, noun)}"]


def last_lines(lines: Sequence[str], limit: int, indent: str = "") -> list[str]:
    """The last of *lines*, under a line that says how many come before: ``... and 3 more before``."""
    left = len(lines) - limit
    return list(lines) if left <= 0 else [f"{indent}{more(left)} before", *lines[-limit:]]


def did_you_mean(word: Any, known: Iterable[str], limit: int = 1) -> str:
    """The nearest of the *known* words as the end of a clause, `` (did you mean 'x'?)``; empty where none is near."""
    near = near_words(str(word), known, limit)
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""


def near_words(word: str, known: Iterable[str], limit: int = 1, cutoff: float = 0.6) -> list[str]:
    """The nearest of the *known* words, the nearest first; of 1.0 as *cutoff* the word itself alone."""
    # Only a message needs it, and every session would pay for it.
    from difflib import get_close_matches

    return get_close_matches(word, list(known), n=limit, cutoff=cutoff)


def headline(sentence: str) -> list[str]:
    """``expected ..., but ...`` as a message begins: a line that fits a terminal, and a whole one if it was cut."""
    first, *rest = sentence.split("\n")
    if len(first) <= _COLUMNS:
        return [first, *rest]
    wanted, but, found = first.partition(", but ")
    wanted = truncate(wanted, max(_COLUMNS // 2, _COLUMNS - len(but + found)))
    return [truncate(f"{wanted}{but}{found}", _COLUMNS), f"  in full: {first}", *rest]


def hint(text: str) -> str:
    """A paragraph that begins with ``hint:``."""
    return _filled(f"hint: {text}", "      ")


def possible(text: str, causes: Iterable[str]) -> str:
    """A hint that lists several *causes* and does not decide between them."""
    lines = [_filled(f"      - {cause}", "        ") for cause in causes]
    return "\n".join([hint(f"{text} Possible causes:".lstrip()), *lines])


def _line(text: str) -> str:
    """*text* in one line; the blanks of a line are its own, those around a line's end are indentation."""
    return one_line(text) if "\n" in text or "\r" in text else printable(text)


def _filled(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
