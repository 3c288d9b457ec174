"""What a test called and never awaited or read, where nothing ran: as the frames of the test show it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from types import CoroutineType, FrameType, GeneratorType

from pytest_lc_callbacks._causes import NEVER_AWAITED, NOTHING_RAN, OVERRIDES_INVOKE, Proof
from pytest_lc_callbacks._scopes.silent_calls import prove_silent_calls
from pytest_lc_callbacks._source import nodes_around
from pytest_lc_callbacks._stack import frame_above, is_library, render_place
from pytest_lc_callbacks._words import possible

_PACKAGE = __name__.partition(".")[0]
# Methods of LangChain's that are coroutines.
_COROUTINES = {"abatch", "agenerate", "agenerate_prompt", "ainvoke", "arun", "aupdate_state"}


def explain_that_nothing_ran(said: str = "") -> str:
    """The hint why nothing ran, behind what is *said* of that: the reason where the callers' frames show it."""
    proof = find_unawaited(callers(frame_above(1)))
    if proof is not None:
        return proof.cause.hint(f"{said} {proof.facts}".lstrip())
    return possible(said, map(str, (NOTHING_RAN, OVERRIDES_INVOKE)))


def find_unawaited(frames: Iterable[tuple[FrameType, int]]) -> Proof | None:
    """Why nothing ran in these *frames*, each with the line that it is at; None where they do not show it."""
    return next((proof for frame, number in users(frames) for proof in _prove(frame, number)), None)


def users(frames: Iterable[tuple[FrameType, int]]) -> list[tuple[FrameType, int]]:
    """Those of *frames* that are the user's own."""
    return [line for line in frames if _is_users(line[0])]


def callers(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """*frame* and its callers, each with its line."""
    while frame is not None:
        yield frame, frame.f_lineno
        frame = frame.f_back


def _is_users(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return not is_library(frame.f_code.co_filename) and module.partition(".")[0] != _PACKAGE


def _prove(frame: FrameType, number: int) -> Iterator[Proof]:
    for name, value in list(frame.f_locals.items()):
        if type(value) is CoroutineType and inspect.getcoroutinestate(value) == inspect.CORO_CREATED:
            yield Proof(NEVER_AWAITED, f"{name} is a coroutine of {value.__qualname__}() that nobody has awaited.")
        if type(value) is GeneratorType and inspect.getgeneratorstate(value) == inspect.GEN_CREATED:
            yield Proof(NOTHING_RAN, f"{name} is a stream of {value.__qualname__}() that nobody has read.")
    for call in _calls_without_await(frame, number):
        place = render_place(frame.f_code.co_filename, call.lineno)
        yield Proof(NEVER_AWAITED, f"{ast.unparse(call.func)}(...) is called without await at {place}.")
    yield from prove_silent_calls(frame, number)


def _calls_without_await(frame: FrameType, number: int) -> Iterator[ast.Call]:
    """The calls of LangChain's coroutines whose result is dropped, in the function of *frame* above its line."""
    file, module = frame.f_code.co_filename, frame.f_globals
    around = nodes_around(file, number, ast.FunctionDef, ast.AsyncFunctionDef, module=module)
    for node in ast.walk(around[-1]) if around else ():
        if isinstance(node, ast.Expr) and node.lineno < number and isinstance(node.value, ast.Call):
            function = node.value.func
            if isinstance(function, ast.Attribute) and function.attr in _COROUTINES:
                yield node.value
