"""What a handler raised, and why: the finding ``handler_error``."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from traceback import walk_tb
from types import FrameType
from typing import Any, NamedTuple

from pytest_lc_callbacks import _causes, _words
from pytest_lc_callbacks._causes import Cause
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._recording import id_key
from pytest_lc_callbacks._stack import is_library, render_place
from pytest_lc_callbacks._values import ask, cause_of, equal, is_a, is_true, traceback_of
from pytest_lc_callbacks._words import string

# Frames of these packages, and of ours, stand between LangChain's call of a handler and the user's code.
_LIBRARIES = ("langchain_core", "langsmith", "asyncio", "concurrent", "threading", "contextvars", "functools")
_OURS = __name__.partition(".")[0]
# How many further methods of a handler are listed that failed in the same way.
_SHOWN = 20
_STARTS = ("on_chain_start", "on_retriever_start", "on_llm_start", "on_chat_model_start", "on_tool_start")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerError:
    """One exception that left a handler and did not reach the program."""

    error: BaseException
    handler: Any = None
    """The handler, where LangChain leaves it in reach."""

    name: str = "a handler"
    """The name of its class."""

    event: str = "a callback"
    """The method that raised: ``on_llm_end``."""

    args: tuple[Any, ...] = ()
    """What the method was given by position."""

    kwargs: Mapping[str, Any] = field(default_factory=dict)
    """What the method was given by name."""

    in_coroutine: bool = False
    """Whether it was a coroutine handler in a sync run, of which LangChain swallows everything."""

    hangs: bool = False
    """Whether the run waits for the handler for ever."""

    breaks: bool = False
    """Whether LangChain's own call fails: it asks the handler for ``raise_error``, and the handler has none."""

    @property
    def run_id(self) -> Any:
        """The run it happened in, where LangChain leaves that in reach."""
        return self.kwargs.get("run_id")

    @property
    def first(self) -> Any:
        """The first argument by position: of ``on_llm_end`` the response; None where there is none."""
        return self.args[0] if self.args else None


def handler_errors(
    errors: Iterable[HandlerError],
    run_names: Mapping[Any, str],
    called_at: Callable[[Any], str | None] = lambda _: None,
) -> Iterator[Finding]:
    """
    A finding for each way in which a handler failed, however often it did and in however many of its methods.

    Args:
        errors: What handlers raised.

        run_names: The names of the runs by their ids, as `id_key` gives them.

        called_at: Gives the user's line that led to the run of this id, where it is known.
    """
    alike: dict[Any, list[HandlerError]] = {}
    for error in errors:
        lines = _users_lines(error.error)
        where = (lines[-1].frame.f_code, lines[-1].number) if lines else None
        alike.setdefault((error.name, error.event, id(type(error.error)), where), []).append(error)
    ways: dict[Any, list[list[HandlerError]]] = {}
    for (name, _, kind, _), same in alike.items():
        ways.setdefault((name, kind, *_hints(same[0])), []).append(same)
    for way in ways.values():
        yield _finding(way, run_names, called_at)


def _finding(
    way: list[list[HandlerError]], run_names: Mapping[Any, str], called_at: Callable[[Any], str | None]
) -> Finding:
    first, others = way[0][0], way[1:]
    failed = [error for same in way for error in same]
    names = list(dict.fromkeys(run_names[key] for key in (id_key(e.run_id) for e in failed) if key in run_names))
    runs = f" in the run{'s' if len(names) > 1 else ''} of {_words.listing(names, 3)}" if names else ""
    return Finding(
        name="handler_error",
        summary=f"{_summary(first)}{runs}{_and_others(first, others)}",
        details=(
            f"  {_consequence(first, len(failed))}",
            *_places(first.error),
            *_led_to(first, called_at),
            *_words.first_lines([_other(same) for same in others], _SHOWN, "    "),
            *_hints(first),
        ),
        error=first.error,
        handler=first.handler,
    )


def _and_others(first: HandlerError, others: list[list[HandlerError]]) -> str:
    methods = {same[0].event for same in others} - {first.event}
    if methods:
        return f", and so did {_words.count(len(methods), 'more method')}"
    return f", also at {_words.count(len(others), 'more line')}" if others else ""


def _summary(failed: HandlerError) -> str:
    asked = _missing_attribute(failed)
    if asked is not None:
        return f"expected {failed.name} to be a callback handler, but it has no {asked}"
    return f"expected {failed.name}.{failed.event} to return, but it raised {_words.error_line(failed.error)}"


def _missing_attribute(failed: HandlerError) -> str | None:
    """What LangChain asked the handler for in vain before it called a method."""
    error = failed.error
    is_asked = failed.breaks and is_a(error, AttributeError) and not _users_lines(error)
    return ask(error, "name") if is_asked else None


def _consequence(failed: HandlerError, times: int) -> str:
    if failed.hangs:
        return "the run now waits for ever: asyncio cannot hand a StopIteration back from the handler's thread"
    often = f" ({_words.count(times, 'time')})" if times > 1 else ""
    if failed.breaks:
        return f"LangChain's own call failed then with an AttributeError, and so did the program's{often}"
    return f"LangChain logged a warning and went on as if nothing had happened{often}"


def _other(same: list[HandlerError]) -> str:
    """A line about another method that failed in the same way."""
    lines = _users_lines(same[0].error)
    place = f"{render_place(lines[-1].file, lines[-1].number)}: in " if lines else ""
    often = f" ({_words.count(len(same), 'time')})" if len(same) > 1 else ""
    return f"    {place}{same[0].event}: {_words.error_line(same[0].error)}{often}"


def _led_to(failed: HandlerError, called_at: Callable[[Any], str | None]) -> list[str]:
    """The user's line that led to the run, where no line of the user's raised."""
    if not all(is_library(line.file) for line in _users_lines(failed.error)):
        return []
    place = called_at(failed.run_id)
    return [f"    in a run that was called at {place}"] if place else []


class _Line(NamedTuple):
    """A line that an exception came through."""

    frame: FrameType
    number: int
    """The frame itself may have gone on to another line."""

    @property
    def file(self) -> str:
        return self.frame.f_code.co_filename

    @property
    def source(self) -> str:
        return linecache.getline(self.file, self.number, self.frame.f_globals).strip()


def _users_lines(error: BaseException) -> list[_Line]:
    """The lines of the user's code that *error* came through, the innermost last."""
    lines = [_Line(frame, number) for frame, number in walk_tb(traceback_of(error))]
    return [line for line in lines if _package(line.frame) not in (_OURS, *_LIBRARIES)]


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _places(error: BaseException) -> list[str]:
    """The handler's line, and the line that raised if that is another."""
    found = _users_lines(error)
    text = []
    for line in [found[0], found[-1]] if len(found) > 1 else found:
        text.append(f"    {render_place(line.file, line.number)}: in {line.frame.f_code.co_name}")
        if line.source:
            text.append(f"      {_words.safe(line.source)}")
    cause = cause_of(error)
    return [*text, f"    after {_words.error_line(cause)}"] if cause is not None else text


def _hints(failed: HandlerError) -> tuple[str, ...]:
    return tuple(hint for explain in _HINTS if (hint := explain(failed)))


# The functions in _HINTS: each looks for one mistake that LangChain invites, and gives its hint if the facts prove it.


def _explain_none(failed: HandlerError) -> str | None:
    """The line that raised uses a value that LangChain leaves None."""
    lines = _users_lines(failed.error)
    if not lines or "NoneType" not in _words.error_text(failed.error):
        return None
    source = lines[-1].source
    return next((cause.hint() for word, cause, is_none in _LEFT_NONE if word in source and is_none(failed)), None)


_LEFT_NONE: tuple[tuple[str, Cause, Callable[[HandlerError], bool]], ...] = (
    (
        "serialized",
        _causes.SERIALIZED_NONE,
        lambda failed: failed.event in _STARTS and bool(failed.args) and failed.first is None,
    ),
    (
        "name",
        _causes.NAME_NONE,
        lambda failed: failed.event in _STARTS and failed.kwargs.get("name", ...) is None,
    ),
    (
        "llm_output",
        _causes.LLM_OUTPUT_NONE,
        lambda failed: failed.event == "on_llm_end" and ask(failed.first, "llm_output", ...) is None,
    ),
    (
        "inputs",
        _causes.INPUTS_NONE,
        lambda failed: failed.event == "on_tool_start" and failed.kwargs.get("inputs", ...) is None,
    ),
)


def _explain_lookup(failed: HandlerError) -> str | None:
    """A lookup with the id of a run that the handler has not heard."""
    missing = failed.error.args[0] if is_a(failed.error, KeyError) and failed.error.args else None
    if missing is None:
        return None
    if _is_id(missing, failed.kwargs.get("parent_run_id")):
        return _causes.UNHEARD_PARENT.hint(f"{failed.name} looked up the parent run, which it has not heard.")
    if _is_id(missing, failed.run_id):
        return _causes.UNHEARD_START.hint(f"{failed.name} looked up a run whose start it has not kept.")
    return None


def _is_id(missing: Any, run_id: Any) -> bool:
    return run_id is not None and (equal(missing, run_id) or equal(missing, string(run_id)))


def _explain_assertion(failed: HandlerError) -> str | None:
    return _causes.ASSERT_IN_HANDLER.hint() if is_a(failed.error, AssertionError) else None


def _explain_stop_iteration(failed: HandlerError) -> str | None:
    # In a coroutine a StopIteration becomes a RuntimeError that names it.
    is_one = is_a(failed.error, StopIteration) or "StopIteration" in _words.error_text(failed.error)
    return _causes.STOP_ITERATION.hint() if is_one else None


def _explain_signature(failed: HandlerError) -> str | None:
    # Arguments that do not fit are refused before any line of the handler runs.
    is_refused = "argument" in _words.error_text(failed.error) and not _users_lines(failed.error)
    if not is_a(failed.error, TypeError) or not is_refused:
        return None
    return _causes.SIGNATURE.hint(f"{failed.name}.{failed.event} does not take what LangChain sends.")


def _explain_token(failed: HandlerError) -> str | None:
    by_keyword = failed.event == "on_llm_new_token" and not failed.args
    return _causes.TOKEN_BY_KEYWORD.hint() if is_a(failed.error, IndexError) and by_keyword else None


def _explain_loop(failed: HandlerError) -> str | None:
    text = _words.error_text(failed.error)
    return _causes.LOOP_PER_CALL.hint() if "different" in text and "loop" in text else None


def _explain_base(failed: HandlerError) -> str | None:
    facts = f"{failed.name} has no raise_error."
    return _causes.NO_BASE_HANDLER.hint(facts) if failed.breaks else None


def _explain_raise_error(failed: HandlerError) -> str | None:
    means_to_raise = failed.in_coroutine and is_true(ask(failed.handler, "raise_error"))
    return _causes.RAISE_ERROR_IN_COROUTINE.hint() if means_to_raise else None


_HINTS: tuple[Callable[[HandlerError], str | None], ...] = (
    _explain_none,
    _explain_lookup,
    _explain_assertion,
    _explain_stop_iteration,
    _explain_signature,
    _explain_token,
    _explain_loop,
    _explain_raise_error,
    _explain_base,
)
