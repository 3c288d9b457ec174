"""JSON Lines: what a session writes, a line for each test, and what commands read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from pytest_lc_callbacks._report.schema import FORMAT, VERSION, problem
from pytest_lc_callbacks._words import printable, truncate

Line = dict[str, Any]


def made(kind: str, **fields: Any) -> Line:
    """A line of this *kind*."""
    return {"format": FORMAT, "version": VERSION, "kind": kind, **fields}


def write_line(file: IO[str], line: Line) -> None:
    """Append *line*, at once: what follows may never come."""
    # ASCII alone, so that the file reads the same on every machine.
    file.write(json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n")
    file.flush()


def read_lines(paths: Iterable[Path | str], complain: Callable[[str], None]) -> Iterator[Line]:
    """
    Every usable line of the files at *paths*, in order.

    Args:
        paths: Files that ``--lc-callbacks-json`` wrote.

        complain: Is told of each line that is none, with its file and number.

    Raises:
        OSError: If a file cannot be read.
    """
    for path in paths:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            yield from read_file(file, str(path), complain)


def read_file(file: IO[str], name: str, complain: Callable[[str], None]) -> Iterator[Line]:
    """Every usable line of one open *file*; see `read_lines`."""
    for number, text in enumerate(file, 1):
        if not text.strip():
            continue
        line, wrong = _read(text)
        if wrong is None:
            yield line
        else:
            complain(truncate(printable(f"{name}:{number}: {wrong}; the line is left out"), 300))


def _read(text: str) -> tuple[Any, str | None]:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        return None, f"expected a line of JSON, but {error}"
    return line, problem(line)


def open_for_writing(path: Path, *, append: bool = False) -> IO[str]:
    """
    *path* opened, its folders made.

    Raises:
        OSError: If that is not possible.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a" if append else "w", encoding="utf-8", newline="\n")
