"""What the source of the function that made a call shows of callbacks that reach nothing."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from pytest_lc_callbacks._source import nodes_around
from pytest_lc_callbacks._stack import render_place

# Arguments that people give to constructors, and that LangChain ignores.
_NO_ARGUMENTS = ("callback", "callback_manager", "callback_handler", "callback_handlers", "handlers")


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


def find_dropped_config(file: str | None, line: int) -> str | None:
    """
    A ``x.with_config(callbacks=...).bind_tools(...)``, or the same with structured output, in the function around.

    Returns:
        ``model.with_config(...) at test_chain.py:12``; None where there is none, or the source is not known.
    """
    for node in _nodes_around(file, line):
        if isinstance(node, ast.Call) and _method(node) in ("bind_tools", "with_structured_output"):
            inner = node.func.value if isinstance(node.func, ast.Attribute) else None
            if isinstance(inner, ast.Call) and _method(inner) == "with_config" and _has_callbacks(inner):
                return f"{_name(inner.func)}(...) at {render_place(str(file), inner.lineno)}"
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


def find_unknown_argument(file: str | None, line: int, classes: set[str]) -> str | None:
    """
    A call of one of the *classes* with an argument that LangChain has no more, or never had, for callbacks.

    Returns:
        ``FakeListChatModel(callback_manager=...) at test_chain.py:12``; None where there is none, or no source.
    """
    for node in _nodes_around(file, line):
        if isinstance(node, ast.Call) and (name := _name(node.func)).rpartition(".")[2] in classes:
            key = next((keyword.arg for keyword in node.keywords if keyword.arg in _NO_ARGUMENTS), None)
            if key is not None:
                return f"{name}({key}=...) at {render_place(str(file), node.lineno)}"
    return None


def find_call(file: str | None, line: int, methods: Collection[str], of: str | None = None) -> str | None:
    """
    A call of one of the *methods* of anything, or *of* the variable of this name, in the function around the line.

    Returns:
        ``store.similarity_search(...) at test_chain.py:12``; None where there is none, or the source is not known.
    """
    for node in _nodes_around(file, line):
        if (
            isinstance(node, ast.Call)
            and _name(node.func).rpartition(".")[2] in methods
            and of in (None, _name(node.func).rpartition(".")[0])
        ):
            return f"{_name(node.func)}(...) at {render_place(str(file), node.lineno)}"
    return None


def find_call_in(file: str, functions: Collection[str], methods: Collection[str]) -> str | None:
    """The first call of one of the *methods* inside one of these *functions* of the file, as `find_call` gives it."""
    for node in (each for module in nodes_around(file, 1, ast.Module) for each in ast.walk(module)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in functions:
            found = find_call(file, node.body[0].lineno, methods)
            if found is not None:
                return found
    return None


def _nodes_around(file: str | None, line: int) -> Iterator[ast.AST]:
    """Every node of the innermost function around the line; of the whole file where no function is."""
    for node in nodes_around(file, line, ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)[-1:]:
        yield from ast.walk(node)


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
