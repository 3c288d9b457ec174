"""Keeps LangSmith's tracer out of every run: the setting ``lc_callbacks_block_trace_uploads``."""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lc_callbacks._patches import Patches, Shown, own

if TYPE_CHECKING:
    from collections.abc import Callable

SETTING = "lc_callbacks_block_trace_uploads"
_patches_key: pytest.StashKey[Patches] = pytest.StashKey()


def begin(config: pytest.Config) -> None:
    """Let LangSmith say from now on that it traces nothing, if the project is set to that."""
    if not config.getini(SETTING) or _patches_key in config.stash:
        return
    # langchain-core brings langsmith, and asks it whether a tracer is to be added to a run.
    utils = importlib.import_module("langsmith.utils")
    is_enabled = own(utils.tracing_is_enabled)
    patches = config.stash[_patches_key] = Patches()
    patches.replace(utils, "tracing_is_enabled", Shown(is_enabled, partial(_say_no, is_enabled)))


def stop(config: pytest.Config) -> None:
    """Let LangSmith decide again."""
    if _patches_key in config.stash:
        config.stash[_patches_key].undo()
        del config.stash[_patches_key]


def _say_no(is_enabled: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """What LangSmith says of itself, but for a yes: runs that it keeps in this process ('local') go nowhere."""
    said = is_enabled(*args, **kwargs)
    return said if said == "local" else False
