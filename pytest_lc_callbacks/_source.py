"""The source of the user's code: what stands around a line of it."""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from itertools import islice
from types import FunctionType
from typing import Any, TypeVar

_Node = TypeVar("_Node", bound="ast.stmt | ast.expr | ast.Module")


def nodes_around(file: str | None, line: int, *kinds: type[_Node], module: dict[str, Any] | None = None) -> list[_Node]:
    """
    The nodes of these *kinds* that hold the line, the outermost first.

    Args:
        file: The name of the file, as a code object has it.

        line: The number of the line, from 1.

        kinds: Statements, ``ast.Lambda`` or ``ast.Module``, which holds every line.

        module: The global names of the module, which lead to the source of one that was imported from an archive.

    Returns:
        None of them where the source is not known, or is no Python.
    """
    if file is None:
        return []
    held = _read("".join(lines_of(file, module)))
    return [node for node in held if isinstance(node, kinds) and _holds(node, line)]


def nodes_of(function: FunctionType) -> list[ast.AST]:
    """Every node of the source of a *function*, its definition first; none where the source is not known."""
    code = function.__code__
    held = _read("".join(lines_of(code.co_filename, function.__globals__)))
    found = [node for node in held if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    own = (node for node in found if node.name == code.co_name and _first_line(node) == code.co_firstlineno)
    return [each for node in islice(own, 1) for each in ast.walk(node)]


def lines_of(file: str, module: dict[str, Any] | None = None) -> list[str]:
    """
    The lines of a file; none where they are not known.

    Args:
        file: The name of the file, as a code object has it.

        module: The global names of the module, as for `nodes_around`.
    """
    # A module without a spec has no archive either, and linecache warns of it in Python 3.15.
    known = module if module is not None and module.get("__spec__") is not None else None
    return linecache.getlines(file, known)


def line_of(file: str, number: int | None, module: dict[str, Any] | None = None) -> str:
    """The line of this *number* of a file, without white space around it; empty where it is not known."""
    return "".join(lines_of(file, module)[number - 1 : number] if number else []).strip()


@lru_cache(maxsize=8)
def _read(source: str) -> list[ast.stmt | ast.Lambda | ast.Module]:
    """What `nodes_around` may be asked for. A test that fails asks for the same file again and again."""
    try:
        tree = ast.parse(source)
    # Source that is nested too deep for Python's own parser ends in one of the last two.
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    # ast.walk gives a node before those inside it.
    return [node for node in ast.walk(tree) if isinstance(node, (ast.stmt, ast.Lambda, ast.Module))]


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The line that a code object has as its first: that of the first decorator, if there is one."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _holds(node: ast.stmt | ast.expr | ast.Module, line: int) -> bool:
    return isinstance(node, ast.Module) or node.lineno <= line <= (node.end_lineno or node.lineno)
