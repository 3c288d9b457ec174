"""What the call that began a run was given, as far as LangChain's own frames show it."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from pytest_lc_callbacks._stack import render_place

# Since this version of langgraph a compiled graph adds a call's callbacks to the inherited handlers (langgraph#7926).
_ADDS_SINCE = (1, 2, 3)

NONE, EMPTY, LIST, MANAGER, INHERITED = "none", "empty", "list", "manager", "inherited"
"""The kinds of callbacks that reach a run: none at all, ``[]``, a list, a callback manager, those of its parent."""


class Given(NamedTuple):
    """
    What LangChain was handed when it made the callback manager of a run.

    It holds names and ids, and none of the user's objects: what it tells of lives on as long as the test wants.
    """

    kind: str
    """The callbacks of the call's config: `NONE`, `EMPTY`, `LIST`, `MANAGER`; `INHERITED` where it has a parent."""

    handlers: tuple[tuple[int, str], ...] = ()
    """The ``id()`` and class name of each handler of the run, constructor callbacks included, the observers not."""

    listed: frozenset[int] = frozenset()
    """The ids of the handlers in the list that the call was handed, constructor callbacks not included."""

    outer: frozenset[int] = frozenset()
    """The ids of the handlers of the run that LangChain's context held."""

    classes: tuple[str, ...] = ()
    """The names of the handlers' classes that stand in the list in place of instances."""

    file: str | None = None
    """The file of the call; an async call shows it where no task stands between."""

    line: int = 0

    entry: str | None = None
    """LangChain's method that was called there: ``arun() of a tool``; None where that is not known."""

    options: tuple[tuple[str, frozenset[int]], ...] = ()
    """The keywords of the call, or of bind(), that hold callbacks, with the ids of these: ``callbacks``."""

    unknown_keys: tuple[tuple[str, frozenset[int]], ...] = ()
    """The keys of the config that hold callbacks and that LangChain does not know, likewise: ``callback``."""

    bound: bool = False
    """Whether callbacks came with ``with_config``, at least some."""

    from_binding: frozenset[int] = frozenset()
    """The ids of the handlers that came with ``with_config``."""

    component: Any = None
    """The id, as `id_key` gives it, of the run of the retriever or model whose own code made the call, if it shows."""

    in_reach: frozenset[int] = frozenset()
    """The ids of the handlers in the configs that the calling code has in variables, or in attributes of ``self``."""

    told_apart: frozenset[int] = frozenset()
    """The ids of the handlers of one class that the calling code has in variables, and reads after the call."""

    @property
    def place(self) -> str | None:
        """The line that made the call: ``test_chain.py:12``."""
        return None if self.file is None else render_place(self.file, self.line)


@cache
def graphs_replace() -> bool:
    """Whether a call's callbacks replace a compiled graph's inherited ones, as they do on any other runnable."""
    try:
        installed = version("langgraph")
    except PackageNotFoundError:
        return False
    return tuple(map(int, re.findall(r"\d+", installed)[:3])) < _ADDS_SINCE
