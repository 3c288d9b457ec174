"""Whether a test expected an exception: ``with pytest.raises(...)`` has seen it."""

from __future__ import annotations

import ast
from itertools import starmap
from traceback import walk_tb
from types import FrameType

from pytest_lc_callbacks._source import lines_of, nodes_around
from pytest_lc_callbacks._values import cause_of, traceback_of


def is_expected(error: BaseException) -> bool:
    """
    Whether *error* passed through ``with pytest.raises(...)``, ``self.assertRaises(...)`` or another call named so.

    The traceback says which lines *error* came through, and the source says what stands around each of them.
    """
    # unittest's assertRaises takes the traceback away, and hardly anybody else does.
    traceback = traceback_of(error)
    return traceback is None or any(starmap(_is_inside_raises, walk_tb(traceback)))


def is_known(error: BaseException, failure: BaseException | None) -> bool:
    """Whether a test knows of *error*: the *failure* of the test came of it, or the test expected it."""
    cause = failure
    # An exception may be its own cause.
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        if cause is error:
            return True
        seen.add(id(cause))
        cause = cause_of(cause, also_suppressed=True)
    return is_expected(error)


def _is_inside_raises(frame: FrameType, line: int) -> bool:
    if "raises" in frame.f_code.co_name.lower():
        # pytest.raises(ValueError, function) calls the function itself.
        return True
    lines = lines_of(frame.f_code.co_filename, frame.f_globals)
    # A first look that costs little.
    if not any("aises" in text for text in lines[frame.f_code.co_firstlineno - 1 : line]):
        return False
    return any(map(_raises, nodes_around(frame.f_code.co_filename, line, ast.stmt, module=frame.f_globals)))


def _raises(node: ast.stmt) -> bool:
    """Whether *node* is ``with pytest.raises(...)``, or the statement ``pytest.raises(ValueError, function)``."""
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return any(_is_call_of_raises(item.context_expr) for item in node.items)
    return isinstance(node, (ast.Expr, ast.Assign)) and _is_call_of_raises(node.value)


def _is_call_of_raises(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return "raises" in str(name).lower()
