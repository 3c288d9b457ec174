"""What pytest shows of the traceback of an exception that the plugin raised inside a call of LangChain."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from pytest_lc_callbacks._values import traceback_of

if TYPE_CHECKING:
    import pytest

_PACKAGE = __name__.partition(".")[0]
LEFT_OUT = "the frames of LangChain are left out of the traceback; --full-trace shows them"


def without_langchain(excinfo: pytest.ExceptionInfo[BaseException]) -> pytest.ExceptionInfo[BaseException] | None:
    """
    The same exception without the frames of LangChain and the standard library; None where they are to be shown.

    They are left out where the plugin raised the exception: an exhausted script, a scripted error, a refused call. What
    happened then stands in its message, and the user's lines lead there.
    """
    frames = list(walk_tb(traceback_of(excinfo.value)))
    if not frames or _root(frames[-1][0]) != _PACKAGE:
        return None
    if not any(_is_langchains(_root(frame)) for frame, _ in frames):
        return None
    shown = [(frame, line) for frame, line in frames if _is_users(_root(frame))]
    return type(excinfo).from_exc_info((excinfo.type, excinfo.value, _chain(shown))) if shown else None


def _chain(frames: Sequence[tuple[FrameType, int]]) -> TracebackType:
    """A traceback of these *frames*, each with its line."""
    chain: TracebackType | None = None
    for frame, line in reversed(frames):
        chain = TracebackType(chain, frame, frame.f_lasti, line)
    assert chain is not None
    return chain


def _is_users(root: str) -> bool:
    return root != _PACKAGE and root not in sys.stdlib_module_names and not _is_langchains(root)


def _is_langchains(root: str) -> bool:
    return root in ("langgraph", "deepagents") or root.split("_")[0] == "langchain"


def _root(frame: FrameType) -> str:
    """The package that a frame is in, or its module where that is in none."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
