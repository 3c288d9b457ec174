"""What the source of a model's class shows of the tokens that it sends, and of the models that it asks."""

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
# What a model's invoke and stream call: a model that is asked by one of these has no run.
_INNER = frozenset(("_generate", "_agenerate", "_stream", "_astream", "_call", "_acall"))


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


def find_inner_call(run: Run) -> str | None:
    """
    Where the class of a model asks another model by one of the methods that begin no run.

    Returns:
        ``Wrapper._generate calls self.inner._generate(...)``; None where it does not, or the source is not known.
    """
    for kind, function in _functions(_class_of(run)):
        if function.__name__ in _INNER:
            calls = (node.func for node in nodes_of(function) if isinstance(node, ast.Call))
            inner = (each for each in calls if isinstance(each, ast.Attribute) and each.attr in _INNER)
            other = next((ast.unparse(each) for each in inner if not _is_own(each.value)), None)
            if other is not None:
                return f"{class_name(kind)}.{function.__name__} calls {other}(...)"
    return None


def _is_own(called: ast.expr) -> bool:
    """Whether a method of ``self`` or of ``super()`` is called."""
    named = called.func if isinstance(called, ast.Call) else called
    return isinstance(named, ast.Name) and named.id in ("self", "super", "cls")


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
