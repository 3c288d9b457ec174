"""Rows: what a handler made of what it heard, and the trees they form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]
KEYS = ("name", "id", "parent", "trace", "text", "error")


class Rows:
    """Rows with the questions that checks ask; a row that lacks a key says that its handler does not know it."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)
        self._by_id = {_key(row["id"]): row for row in self.rows if row.get("id") is not None}

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def know(self, *keys: str) -> bool:
        """Whether the rows have all these *keys*."""
        return bool(self.rows) and all(any(key in row for row in self.rows) for key in keys)

    def named(self, name: str) -> list[Row]:
        """The rows of the run with this *name*: their own name contains it."""
        return [row for row in self.rows if name in str(row.get("name") or "")]

    def parent(self, row: Row) -> Row | None:
        """The row above."""
        parent = row.get("parent")
        return None if parent is None else self._by_id.get(_key(parent))

    def root(self, row: Row) -> Row:
        """The row at the top of the tree that *row* is in."""
        seen: list[Row] = []
        while (above := self.parent(row)) is not None and not any(above is one for one in seen):
            seen.append(row)
            row = above
        return row

    def trace(self, row: Row) -> Any:
        """What tells the tree that *row* is in from others."""
        if row.get("trace") is not None:
            return _key(row["trace"])
        root = self.root(row)
        return _key(root["id"]) if root.get("id") is not None else id(root)

    def traces(self) -> dict[Any, list[Row]]:
        """The rows by tree."""
        found: dict[Any, list[Row]] = {}
        for row in self.rows:
            found.setdefault(self.trace(row), []).append(row)
        return found

    def texts(self) -> str:
        """All there is of inputs and outputs."""
        return "\n".join(_text(row.get("text")) for row in self.rows)

    def shape(self) -> list[tuple[str, str | None]]:
        """Each row's name with its parent's, sorted."""
        return sorted(((_name(row), _name(self.parent(row))) for row in self.rows), key=str)


def has_error(row: Row) -> bool:
    """Whether *row* says that its run failed."""
    error = row.get("error")
    return error is not None and error is not False


def _name(row: Row | None) -> Any:
    return None if row is None else str(row.get("name"))


def _key(value: Any) -> Any:
    return value if isinstance(value, (str, int)) else str(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else repr(value)
