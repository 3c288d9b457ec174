"""A pydantic model with everything that pydantic writes into a schema."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal, Union

from pydantic import BaseModel, Field


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    x: float
    y: float = 0.0


class Everything(BaseModel):
    """All that pydantic writes into a schema."""

    name: str
    short: str = Field(min_length=2, max_length=4)
    count: int = Field(ge=1, lt=10)
    odd: int = Field(gt=0, multiple_of=3)
    ratio: float = Field(gt=0, le=1)
    flag: bool
    color: Color
    kind: Literal["a", "b"]
    maybe: int | None
    either: Union[int, str]  # noqa: UP007  # the old form is in real schemas
    point: Point
    points: list[Point] = Field(min_length=1, max_length=2)
    pair: tuple[int, str]
    table: dict[str, int]
    anything: Any
    fixed: Literal["a"]
    optional: str = "x"


SCHEMA = Everything.model_json_schema()
"""The JSON schema of `Everything`."""
