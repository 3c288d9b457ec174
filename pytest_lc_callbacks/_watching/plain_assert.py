"""What the facts prove after a plain ``assert``, which asks no recording: from the names in the line that failed."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from itertools import dropwhile
from traceback import walk_tb
from types import FrameType
from typing import Any, NamedTuple

from langchain_core.callbacks import BaseCallbackHandler

from pytest_lc_callbacks._fake import FakeChatModel, FakeLLM
from pytest_lc_callbacks._findings.handler_lists import Sent
from pytest_lc_callbacks._recording import EVENT_NAMES, Recording, find_remarks
from pytest_lc_callbacks._scopes import ObservedRuns, ScopeComparison, prove_cached, report, users
from pytest_lc_callbacks._source import lines_of, nodes_around
from pytest_lc_callbacks._stack import is_library, read_locals
from pytest_lc_callbacks._values import ask, entries, is_a, traceback_of
from pytest_lc_callbacks._watching.asked_handlers import about_handler
from pytest_lc_callbacks._watching.asserted import is_about_result
from pytest_lc_callbacks._words import hint

_PACKAGE = __name__.partition(".")[0]
_LANGCHAINS = ("langchain", "langgraph", _PACKAGE)
_WORD = re.compile(r"[A-Za-z_]\w*")
_MOST = 3


def remarks(
    failure: BaseException | None,
    recordings: Mapping[str, Recording],
    observed: Callable[[], ObservedRuns],
    sent_to: Callable[[Any], Collection[Sent]] = lambda _: (),
) -> list[str]:
    """
    Hints for a test that failed with a plain assertion; none where the *failure* has its own, or is the program's.

    Args:
        failure: What the test failed with.

        recordings: What the handlers of the test heard.

        observed: Gives what the observer knows.

        sent_to: Gives the starts of runs that LangChain sent to a handler.
    """
    words = None if failure is None else _words_of(failure)
    if words is None:
        return []
    found: dict[str, None] = {}
    for recording in recordings.values():
        found |= dict.fromkeys(_about(recording, words, observed()))
    if not words.line.isdisjoint(("llm_start", "llm_end")) and any(run.run_type == "llm" for run in observed().runs):
        frames = users(walk_tb(traceback_of(failure))) if failure is not None else []
        found |= dict.fromkeys(hint(proof.remark) for proof in prove_cached(frames))
    for handler in words.handlers:
        if not is_a(handler, Recording):
            found |= dict.fromkeys(about_handler(handler, sent_to(handler), observed(), words.line))
    return list(found)[:_MOST]


class _Words(NamedTuple):
    """The names that a test speaks of."""

    line: Set[str]
    """In the statement that failed."""

    around: Set[str]
    """In the function around it."""

    handlers: Sequence[Any]
    """The handlers that the statement names, or else those that the function does."""


def _words_of(failure: BaseException) -> _Words | None:
    """The words of the test, where it failed by itself: an exception out of LangChain says what it is."""
    if not is_a(failure, AssertionError, LookupError, AttributeError, TypeError):
        return None
    # pytest's frames, and ours among them, come before the test's.
    lines = list(dropwhile(lambda line: not _is_users(line[0]), walk_tb(traceback_of(failure))))
    if not lines or any(_module(frame).startswith(_LANGCHAINS) for frame, _ in lines):
        return None
    frame, number = next(line for line in reversed(lines) if _is_users(line[0]))
    file, module = frame.f_code.co_filename, frame.f_globals
    around = nodes_around(file, number, ast.stmt, module=module)
    if not around:
        return None
    functions = [node for node in around if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    source = lines_of(file, module)
    statement, function = around[-1], (functions or around)[-1]
    line, words = _read(source, statement), _read(source, function)
    local = {**module, **read_locals(frame)}
    heard = {name for name, value in local.items() if is_a(value, BaseCallbackHandler, Recording)}
    models = {name for name, value in local.items() if is_a(value, FakeChatModel, FakeLLM)}
    if is_about_result(statement, function, heard, models):
        return _Words(line, frozenset(), [])
    return _Words(line, words, _handlers(local, line) or _handlers(local, words))


def _handlers(local: Mapping[str, Any], words: Set[str]) -> list[Any]:
    """The handlers that these *words* name: variables among *local*, and attributes of such variables."""
    named = [local[word] for word in sorted(words) if word in local]
    held = [value for each in named for name, value in entries(ask(each, "__dict__")) if name in words]
    return list({id(each): each for each in (*named, *held) if is_a(each, BaseCallbackHandler)}.values())


def _is_users(frame: FrameType) -> bool:
    return not is_library(frame.f_code.co_filename) and not _module(frame).startswith(_PACKAGE)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _read(source: list[str], node: ast.stmt) -> Set[str]:
    found = _WORD.findall("".join(source[node.lineno - 1 : node.end_lineno]))
    return {word.removeprefix("on_") for word in found} | set(found)


def _about(recording: Recording, words: _Words, observed: ObservedRuns) -> Iterator[str]:
    """What is proven about a *recording* of which a test speaks in these words."""
    known = report(ScopeComparison(recording, observed), None)
    wanted = words.line if _events_in(words.line) else words.around
    yield from (hint(proof.remark) for proof in find_remarks(wanted, recording, known))
    # A run that the handler missed explains the failure where it sent what the test asks for.
    lacking = [name for name in _events_in(wanted) if name in words.line or name not in recording]
    is_meant = any(id(handler) in recording._handler_ids for handler in words.handlers)
    if not lacking and is_meant and known.missed and not _events_in(wanted):
        lacking = list(EVENT_NAMES)
    if lacking and known.missed:
        yield from report(ScopeComparison(recording, observed), lacking).hints


def _events_in(words: Iterable[str]) -> list[str]:
    """The names of events among *words*."""
    return [word for word in words if word in EVENT_NAMES]
