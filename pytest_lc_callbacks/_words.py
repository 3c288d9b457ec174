"""How messages write values, counts, names, lists and hints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

WIDTH = 100
"""The columns that a hint fills."""


def truncate(text: str, limit: int = 120) -> str:
    """*text*, cut at its end to *limit* characters."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def truncate_middle(text: str, limit: int = 160) -> str:
    """*text*, cut in its middle: a prompt begins with instructions and ends with the question."""
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-(limit // 2) :]}"


def one_line(text: str) -> str:
    """*text* with each run of white space, line ends included, as one blank."""
    return " ".join(text.split())


def repr_short(value: Any, limit: int = 120) -> str:
    """The ``repr`` of *value*, cut to *limit* characters; of a class its name."""
    # Not isinstance: a payload may lie about its class, or raise when it is asked.
    if issubclass(type(value), type):
        return str(value.__name__)
    try:
        text = repr(value)
    # A payload's own repr may do anything; a message about it must not fail.
    except Exception as error:  # noqa: BLE001
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    return truncate(text, limit)


def error_text(error: BaseException) -> str:
    """``str(error)``; an empty text where the exception's own ``__str__`` raises."""
    try:
        return str(error)
    # An exception's own words may be broken code; a message about it must not fail.
    except Exception:  # noqa: BLE001
        return ""


def error_line(error: BaseException, limit: int = 160) -> str:
    """The ``repr`` of *error* in one line."""
    return one_line(repr_short(error, limit))


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 run``, ``2 runs``, ``1,000 runs``; ``count(2, "branch", "branches")``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


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
    """The first of *lines*, and a line that says how many more there are."""
    left = len(lines) - limit
    return list(lines) if left <= 0 else [*lines[:limit], f"{indent}{more(left, noun)}"]


def last_lines(lines: Sequence[str], limit: int, indent: str = "") -> list[str]:
    """The last of *lines*, under a line that says how many come before: ``... and 3 more before``."""
    left = len(lines) - limit
    return list(lines) if left <= 0 else [f"{indent}{more(left)} before", *lines[-limit:]]


def did_you_mean(word: Any, known: Iterable[str], limit: int = 1) -> str:
    """The nearest of the *known* words as the end of a clause, `` (did you mean 'x'?)``; empty where none is near."""
    near = get_close_matches(str(word), list(known), n=limit)
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""


def hint(text: str) -> str:
    """A paragraph that begins with ``hint:``."""
    return _filled(f"hint: {text}", "      ")


def possible(text: str, causes: Iterable[str]) -> str:
    """A hint that lists several *causes* and does not decide between them."""
    lines = [_filled(f"      - {cause}", "        ") for cause in causes]
    return "\n".join([hint(f"{text} Possible causes:".lstrip()), *lines])


def _filled(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
