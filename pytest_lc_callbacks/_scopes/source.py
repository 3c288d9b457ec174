"""What the source of the function that made a call shows of callbacks that reach nothing."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator

from pytest_lc_callbacks._stack import render_place

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def find_unused_with_config(file: str | None, line: int) -> str | None:
    """
    A statement that is nothing but ``x.with_config(callbacks=...)``, in the function around the line.

    Returns:
        ``agent.with_config(...) at test_chain.py:12``; None where there is none, or the source is not known.
    """
    for node in _nodes_around(file, line):
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and _method(call) == "with_config" and _has_callbacks(call):
            return f"{_name(call.func)}(...) at {render_place(str(file), call.lineno)}"
    return None


def find_ignored_constructor(file: str | None, line: int, classes: set[str]) -> str | None:
    """
    A call with ``callbacks=`` of one of the *classes*, or of a method of theirs, in the function around the line.

    Returns:
        ``Shelf(...) at test_chain.py:12``; None where there is none, or the source is not known.
    """
    for node in _nodes_around(file, line):
        if isinstance(node, ast.Call) and any(keyword.arg == "callbacks" for keyword in node.keywords):
            name = _name(node.func)
            if not classes.isdisjoint(name.split(".")):
                return f"{name}(...) at {render_place(str(file), node.lineno)}"
    return None


def _nodes_around(file: str | None, line: int) -> Iterator[ast.AST]:
    """Every node of the innermost function around the line; of the whole file where no function is."""
    try:
        tree = ast.parse("".join(linecache.getlines(file))) if file else None
    except (SyntaxError, ValueError, RecursionError):
        return
    if tree is None:
        return
    around = [node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS) and _spans(node, line)]
    yield from ast.walk(max(around, key=lambda node: node.lineno) if around else tree)


def _spans(node: ast.stmt | ast.expr, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _method(call: ast.Call) -> str | None:
    return call.func.attr if isinstance(call.func, ast.Attribute) else None


def _has_callbacks(call: ast.Call) -> bool:
    """Whether *call* has ``callbacks=``, or a dict with such a key among its arguments."""
    dicts = [value for value in (*call.args, *(k.value for k in call.keywords)) if isinstance(value, ast.Dict)]
    keys = [key.value for value in dicts for key in value.keys if isinstance(key, ast.Constant)]
    return any(keyword.arg == "callbacks" for keyword in call.keywords) or "callbacks" in keys


def _name(node: ast.expr) -> str:
    """``agent.with_config``; of anything but names and attributes the last name alone."""
    if isinstance(node, ast.Attribute):
        before = _name(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return node.id if isinstance(node, ast.Name) else ""
