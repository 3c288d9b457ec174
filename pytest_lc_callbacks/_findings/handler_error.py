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
from pytest_lc_callbacks._stack import render_place

# Frames of these packages, and of ours, stand between LangChain's call of a handler and the user's code.
_LIBRARIES = ("langchain_core", "langsmith", "asyncio", "concurrent", "threading", "contextvars", "functools")
_OURS = __name__.partition(".")[0]
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

    @property
    def run_id(self) -> Any:
        """The run it happened in, where LangChain leaves that in reach."""
        return self.kwargs.get("run_id")

    @property
    def first(self) -> Any:
        """The first argument by position: of ``on_llm_end`` the response; None where there is none."""
        return self.args[0] if self.args else None


def handler_errors(errors: Iterable[HandlerError], run_names: Mapping[Any, str]) -> Iterator[Finding]:
    """
    A finding for each way in which a handler failed, however often it did.

    Args:
        errors: What handlers raised.

        run_names: The names of the runs by their ids.
    """
    alike: dict[Any, list[HandlerError]] = {}
    for error in errors:
        lines = _users_lines(error.error)
        where = (lines[-1].frame.f_code, lines[-1].number) if lines else None
        alike.setdefault((error.name, error.event, type(error.error), where), []).append(error)
    for same in alike.values():
        yield _finding(same, run_names)


def _finding(same: list[HandlerError], run_names: Mapping[Any, str]) -> Finding:
    first = same[0]
    names = list(dict.fromkeys(run_names[e.run_id] for e in same if e.run_id in run_names))
    runs = f" in the run{'s' if len(names) > 1 else ''} of {_words.listing(names, 3)}" if names else ""
    raised = _words.error_line(first.error)
    hints = [hint for explain in _HINTS if (hint := explain(first))]
    return Finding(
        name="handler_error",
        summary=f"expected {first.name}.{first.event} to return, but it raised {raised}{runs}",
        details=(f"  {_consequence(first, len(same))}", *_places(first.error), *hints),
        error=first.error,
        handler=first.handler,
    )


def _consequence(failed: HandlerError, times: int) -> str:
    if failed.hangs:
        return "the run now waits for ever: asyncio cannot hand a StopIteration back from the handler's thread"
    often = f" ({_words.count(times, 'time')})" if times > 1 else ""
    return f"LangChain logged a warning and went on as if nothing had happened{often}"


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
    lines = [_Line(frame, number) for frame, number in walk_tb(error.__traceback__)]
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
            text.append(f"      {_words.truncate(line.source)}")
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [*text, f"    after {_words.error_line(cause)}"] if cause is not None else text


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
        lambda failed: failed.event == "on_llm_end" and getattr(failed.first, "llm_output", ...) is None,
    ),
    (
        "inputs",
        _causes.INPUTS_NONE,
        lambda failed: failed.event == "on_tool_start" and failed.kwargs.get("inputs", ...) is None,
    ),
)


def _explain_lookup(failed: HandlerError) -> str | None:
    """A lookup with the id of a run that the handler has not heard."""
    missing = failed.error.args[0] if isinstance(failed.error, KeyError) and failed.error.args else None
    if missing is None:
        return None
    if _is_id(missing, failed.kwargs.get("parent_run_id")):
        return _causes.UNHEARD_PARENT.hint(f"{failed.name} looked up the parent run, which it has not heard.")
    if _is_id(missing, failed.run_id):
        return _causes.UNHEARD_START.hint(f"{failed.name} looked up a run whose start it has not kept.")
    return None


def _is_id(missing: Any, run_id: Any) -> bool:
    return run_id is not None and missing in (run_id, str(run_id))


def _explain_assertion(failed: HandlerError) -> str | None:
    return _causes.ASSERT_IN_HANDLER.hint() if isinstance(failed.error, AssertionError) else None


def _explain_stop_iteration(failed: HandlerError) -> str | None:
    # In a coroutine a StopIteration becomes a RuntimeError that names it.
    is_one = isinstance(failed.error, StopIteration) or "StopIteration" in _words.error_text(failed.error)
    return _causes.STOP_ITERATION.hint() if is_one else None


def _explain_signature(failed: HandlerError) -> str | None:
    # Arguments that do not fit are refused before any line of the handler runs.
    is_refused = "argument" in _words.error_text(failed.error) and not _users_lines(failed.error)
    if not isinstance(failed.error, TypeError) or not is_refused:
        return None
    return _causes.SIGNATURE.hint(f"{failed.name}.{failed.event} does not take what LangChain sends.")


def _explain_token(failed: HandlerError) -> str | None:
    by_keyword = failed.event == "on_llm_new_token" and not failed.args
    return _causes.TOKEN_BY_KEYWORD.hint() if isinstance(failed.error, IndexError) and by_keyword else None


def _explain_loop(failed: HandlerError) -> str | None:
    text = _words.error_text(failed.error)
    return _causes.LOOP_PER_CALL.hint() if "different" in text and "loop" in text else None


def _explain_raise_error(failed: HandlerError) -> str | None:
    means_to_raise = failed.in_coroutine and getattr(failed.handler, "raise_error", False)
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
)
