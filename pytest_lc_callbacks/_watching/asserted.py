"""What a plain ``assert`` is about: what handlers kept, or the result of the program that they listened to."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set

# The methods of LangChain's components that run them.
_RUNS = {f"{a}{name}" for a in ("", "a") for name in ("invoke", "batch", "batch_as_completed", "stream", "transform")}
_RUNS |= {"astream_events", "stream_events", "generate", "agenerate"}


def is_about_result(statement: ast.stmt, function: ast.stmt, handlers: Set[str], models: Set[str]) -> bool:
    """
    Whether a *statement* asks what the program returned or asked a model, and nothing of a handler.

    Args:
        statement: The one that failed.

        function: The function around it, whose assignments lead from the names in the statement to what they hold.

        handlers: The names of variables that hold handlers.

        models: The names of variables that hold fake models.
    """
    followed: set[str] = set()
    pending: list[ast.AST] = [statement]
    is_result = False
    while pending:
        for node in _parts(pending.pop(), handlers):
            if _is_run(node, handlers):
                is_result = True
            elif isinstance(node, ast.Name) and node.id in handlers:
                return False
            elif isinstance(node, ast.Name) and node.id not in followed:
                followed.add(node.id)
                is_result |= node.id in models
                pending += _assigned(function, node.id)
    return is_result


def _parts(node: ast.AST, handlers: Set[str]) -> Iterator[ast.AST]:
    """The *node* and what is in it, but for what a call is given that runs the program."""
    yield node
    if not _is_run(node, handlers):
        for child in ast.iter_child_nodes(node):
            yield from _parts(child, handlers)


def _is_run(node: ast.AST, handlers: Set[str]) -> bool:
    """Whether *node* is a call of a component, or one that is given callbacks."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute) and node.func.attr in _RUNS:
        return True
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    held = (part for each in given if isinstance(each, (ast.List, ast.Dict)) for part in ast.walk(each))
    return any(isinstance(part, ast.Name) and part.id in handlers for part in held)


def _assigned(function: ast.stmt, name: str) -> Iterator[ast.AST]:
    """What a *function* assigns to a variable of this *name*, and the functions of that name in it."""
    for node in ast.walk(function):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if node is not function and node.name == name:
                yield from node.body
            continue
        if isinstance(node, ast.Assign):
            targets: list[ast.expr | None] = [*node.targets]
            value: ast.expr | None = node.value
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
            targets, value = [node.target], node.value
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            targets, value = [node.target], node.iter
        elif isinstance(node, ast.withitem):
            targets, value = [node.optional_vars], node.context_expr
        else:
            continue
        names = {part.id for each in targets if each for part in ast.walk(each) if isinstance(part, ast.Name)}
        if value is not None and name in names:
            yield value
