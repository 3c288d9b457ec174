"""Text from tests in Markdown: it is shown as it is, and cannot become a link, a heading or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_lc_callbacks._words import one_line

_BACKTICKS = re.compile(r"`+")


def code(text: str) -> str:
    """*text* in one line between backticks."""
    line = one_line(text).replace("|", "¦")
    ticks = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(line)), default=0))
    blank = " " if line.startswith("`") or line.endswith("`") or len(ticks) > 1 else ""
    return f"{ticks}{blank}{line}{blank}{ticks}" if line else ""


def block(text: str) -> list[str]:
    """*text* as a block of lines, with fences that it does not have."""
    fence = "`" * (1 + max(2, *(len(run) for run in _BACKTICKS.findall(text)), 2))
    return [f"{fence}text", *text.rstrip().splitlines(), fence]


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table that reads well as plain text too."""
    cells = [list(heads), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = ["| " + " | ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
