"""The file of recorded model calls: JSON Lines, one call a line, made for a diff in a pull request."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

VERSION = 1
"""The version of the format, which each line carries."""

_KEYS = {"answer": dict, "model": str, "request": dict, "type": str, "version": int}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One recorded call."""

    request: dict[str, Any]
    """What was asked; see `request_of`."""

    answer: dict[str, Any]
    """What was answered: a message, chunks, an error."""

    type: str
    """The type of the model, as `_llm_type` says it: ``"openai-chat"``."""

    model: str
    """The name of the model."""

    line: int = field(default=0, compare=False)
    """Where it stands in the file, from 1; 0 if it stands nowhere yet."""

    def __str__(self) -> str:
        fields = {name: getattr(self, name) for name in ("answer", "model", "request", "type")}
        return json.dumps({**fields, "version": VERSION}, sort_keys=True, ensure_ascii=False, allow_nan=False)


class ModelCallsError(ValueError):
    """A file of recorded model calls that cannot be used; the message names the line and the reason."""


def read_calls(path: Any) -> list[ModelCall]:
    """
    The calls in the file at *path*, in their order.

    Raises:
        ModelCallsError: If the file cannot be read, or a line is no recorded call.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelCallsError(f"{shown(path)}: cannot read recorded model calls: {error}") from error
    return list(_parse(path, text))


def append_calls(path: Any, calls: Iterable[ModelCall]) -> None:
    """
    Add *calls* at the end of the file at *path*; what stands there stays, and no other process adds meanwhile.

    Raises:
        ModelCallsError: If the file cannot be written, or holds something else.
    """
    try:
        with Path(path).open("a+b") as file, _locked(file):
            file.seek(0)
            before = file.read()
            list(_parse(path, before.decode("utf-8")))
            lines = "".join(f"{call}\n" for call in calls)
            file.seek(0, os.SEEK_END)
            file.write(
                (lines if not before or before.endswith(b"\n") else f"\n{lines}").encode("utf-8", "backslashreplace")
            )
    except (OSError, UnicodeDecodeError) as error:
        raise ModelCallsError(f"{shown(path)}: cannot write recorded model calls: {error}") from error


def shown(path: Any) -> str:
    """*path* as messages show it: from the working directory, where it lies in that."""
    full = Path(path)
    try:
        return full.resolve().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return str(full)


def _parse(path: Any, text: str) -> Iterator[ModelCall]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError as error:
            raise ModelCallsError(f"{shown(path)}, line {number}: expected a line of JSON, but {error}") from None
        if problem := _problem(data):
            raise ModelCallsError(f"{shown(path)}, line {number}: expected a recorded model call, but {problem}")
        yield ModelCall(
            request=data["request"], answer=data["answer"], type=data["type"], model=data["model"], line=number
        )


def _problem(data: Any) -> str | None:
    if not isinstance(data, dict):
        return f"it is a {type(data).__name__}"
    if data.get("version") != VERSION:
        return f"its version is {data.get('version')!r}, and {VERSION} is understood"
    for key, kind in _KEYS.items():
        if not isinstance(data.get(key), kind):
            return f"{key!r} is {'missing' if key not in data else 'no ' + kind.__name__}"
    if not isinstance(data["request"].get("messages"), list):
        return "its request has no messages"
    return (
        None if {"message", "chunks", "error"} & data["answer"].keys() else "its answer has no message, chunks or error"
    )


@contextmanager
def _locked(file: IO[bytes]) -> Iterator[None]:
    """Hold *file* alone: workers of pytest-xdist may record into it at the same time."""
    try:
        import fcntl
    except ImportError:
        with _locked_on_windows(file):
            yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        file.flush()
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def _locked_on_windows(file: IO[bytes]) -> Iterator[None]:
    # A byte far behind the end, so that what is read and written is not locked itself.
    # mypy knows the module on Windows alone.
    import msvcrt  # type: ignore[import-not-found,unused-ignore]

    lock: Any = msvcrt
    file.seek(1 << 40)
    lock.locking(file.fileno(), lock.LK_LOCK, 1)
    try:
        yield
    finally:
        file.flush()
        file.seek(1 << 40)
        lock.locking(file.fileno(), lock.LK_UNLCK, 1)
