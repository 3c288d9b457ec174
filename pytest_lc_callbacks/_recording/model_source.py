"""What the source of a model's class shows of the tokens that it sends."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from pytest_lc_callbacks._recording.events import Run
from pytest_lc_callbacks._source import nodes_of
from pytest_lc_callbacks._values import bases, class_name, entry, items, module_name, text_of

_SENDS = "on_llm_new_token"


def find_token_without_await(run: Run, *methods: str) -> str | None:
    """
    Which of the coroutine *methods* of a model's class sends a token without ``await``, so that none is sent.

    Returns:
        ``Local._acall``; None where there is none, or the source is not known.
    """
    for kind, function in _functions(_class_of(run)):
        if function.__name__ in methods:
            nodes = nodes_of(function)
            dropped = [node.value for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
            if any(isinstance(call.func, ast.Attribute) and call.func.attr == _SENDS for call in dropped):
                return f"{class_name(kind)}.{function.__name__}"
    return None


def _functions(kind: type[Any] | None) -> Iterator[tuple[type[Any], FunctionType]]:
    """The methods of *kind*, and of those of its bases that are not LangChain's own."""
    for base in bases(kind) if kind is not None else ():
        if not module_name(base).startswith(("langchain_core", "pydantic")):
            yield from ((base, value) for value in list(vars(base).values()) if type(value) is FunctionType)


def _class_of(run: Run) -> type[Any] | None:
    """The class of the component that *run* is of, where LangChain's name of it leads there."""
    *module, name = [text_of(part) or "" for part in items(entry(run._start.payload.get("serialized"), "id"))] or [""]
    found = getattr(sys.modules.get(".".join(module)), name, None) if module and name else None
    return found if issubclass(type(found), type) else None
