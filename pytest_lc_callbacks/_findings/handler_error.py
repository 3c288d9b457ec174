"""What a handler raised, and why: the finding ``handler_error``."""

from __future__ import annotations

import asyncio
import linecache
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from traceback import walk_tb
from types import FrameType
from typing import Any

from pytest_lc_callbacks._findings.checks import Finding, described, hint, text_of
from pytest_lc_callbacks._stack import shown_place

# Frames of these stand between LangChain's call of a handler and the user's code.
_LIBRARIES = ("langchain_core", "langsmith", "asyncio", "concurrent", "threading", "contextvars", "functools")
_OURS = __name__.partition(".")[0]
_EARLY_STARTS = ("on_chain_start", "on_retriever_start", "on_llm_start", "on_chat_model_start", "on_tool_start")


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


def handler_errors(errors: Iterable[HandlerError], run_names: Mapping[Any, str]) -> Iterator[Finding]:
    """A finding for each way in which a handler failed, however often it did."""
    alike: dict[Any, list[HandlerError]] = {}
    for error in errors:
        place = _innermost(error.error)
        where = (place.f_code, place.f_lineno) if place else None
        alike.setdefault((error.name, error.event, type(error.error), where), []).append(error)
    for same in alike.values():
        yield _finding(same, run_names)


def _finding(same: list[HandlerError], run_names: Mapping[Any, str]) -> Finding:
    first = same[0]
    names = list(dict.fromkeys(run_names[e.run_id] for e in same if e.run_id in run_names))
    runs = f" in the run{'s' if len(names) > 1 else ''} of {', '.join(names[:3])}" if names else ""
    times = f" ({len(same)} times)" if len(same) > 1 else ""
    did = (
        "the run now waits for ever: asyncio cannot hand a StopIteration back from the handler's thread"
        if first.hangs
        else f"LangChain logged a warning and went on as if nothing had happened{times}"
    )
    return Finding(
        name="handler_error",
        summary=f"expected {first.name}.{first.event} to return, but it raised {described(first.error)}{runs}",
        details=(f"  {did}", *_places(first.error), *(hint(text) for text in _hints(first))),
        error=first.error,
        handler=first.handler,
    )


def _innermost(error: BaseException) -> Any:
    found = [_Place(frame, line) for frame, line in _user_entries(error)]
    return found[-1] if found else None


class _Place:
    """A frame at the line it was left at; the frame itself may have gone on."""

    def __init__(self, frame: FrameType, line: int) -> None:
        self.f_code, self.f_lineno = frame.f_code, line


def _user_entries(error: BaseException) -> list[tuple[FrameType, int]]:
    return [(frame, line) for frame, line in walk_tb(error.__traceback__) if _is_of_user(frame)]


def _is_of_user(frame: FrameType) -> bool:
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package not in _LIBRARIES and package != _OURS


def _places(error: BaseException) -> list[str]:
    """The handler's line, and the line that raised if that is another."""
    entries = _user_entries(error)
    lines = []
    for frame, number in [*entries[:1], *entries[-1:]] if len(entries) > 1 else entries:
        path = frame.f_code.co_filename
        lines.append(f"    {shown_place(path, number)}: in {frame.f_code.co_name}")
        source = linecache.getline(path, number, frame.f_globals).strip()
        if source:
            lines.append(f"      {source[:120]}")
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [*lines, f"    after {described(cause)}"] if cause is not None else lines


def _hints(failed: HandlerError) -> list[str]:
    """What the facts prove of the causes that LangChain is known for."""
    error, text = failed.error, text_of(failed.error)
    found = [_none_hint(failed) if "NoneType" in text else None, _lookup_hint(failed)]
    if isinstance(error, AssertionError):
        found.append(
            "LangChain swallows an AssertionError like any other exception: an assert inside a handler checks nothing. "
            "Record what it gets (recording_handler, or spy_on(handler)), and assert after the run."
        )
    if isinstance(error, StopIteration) or "StopIteration" in text:
        found.append(
            "a bare next() raises StopIteration when nothing is left. In an async run LangChain calls a plain handler "
            "in a thread, and asyncio cannot hand a StopIteration back from there: on Python 3.10 to 3.12 the run "
            "never goes on. Write next(..., default)."
        )
    if isinstance(error, TypeError) and "argument" in text and not _user_entries(error):
        found.append(
            "it does not take what LangChain sends. Let it accept more than it needs: "
            f"def {failed.event}(self, ..., **kwargs)."
        )
    if isinstance(error, IndexError) and failed.event == "on_llm_new_token" and not failed.args:
        found.append(
            "in sync runs LangChain passes the token by keyword (token=...), in async runs by position: name it in the "
            "signature, def on_llm_new_token(self, token, **kwargs)."
        )
    if "different" in text and "loop" in text:
        found.append(
            "in a sync run LangChain gives every call of a coroutine handler an event loop of its own: it must not "
            "keep locks, events, queues or clients that belong to another loop."
        )
    if failed.in_coroutine and getattr(failed.handler, "raise_error", False):
        found.append(
            "raise_error = True does not help a coroutine handler in a sync run: LangChain swallows what it raises."
        )
    return [text for text in found if text]


def _none_hint(failed: HandlerError) -> str | None:
    """Values that LangChain leaves None, if the line that raised uses one of them."""
    place = _innermost(failed.error)
    source = linecache.getline(place.f_code.co_filename, place.f_lineno) if place else ""
    first = failed.args[0] if failed.args else None
    if failed.event in _EARLY_STARTS and failed.args and first is None and "serialized" in source:
        return (
            "LangChain sends serialized=None for almost every chain and retriever. The name of the run is in "
            'kwargs["name"].'
        )
    if failed.event in _EARLY_STARTS and failed.kwargs.get("name", ...) is None and "name" in source:
        return (
            "LangChain sends name=None for models and tools unless the call has a run_name; theirs is in "
            'serialized["name"], or the last entry of serialized["id"].'
        )
    if failed.event == "on_llm_end" and getattr(first, "llm_output", ...) is None and "llm_output" in source:
        return (
            "response.llm_output is None in streams and in most models. What was used is in "
            "response.generations[0][0].message.usage_metadata."
        )
    if failed.event == "on_tool_start" and failed.kwargs.get("inputs", ...) is None and "inputs" in source:
        return "LangChain sends inputs=None for a tool that is called with a plain string: it is in input_str."
    return None


def _lookup_hint(failed: HandlerError) -> str | None:
    """A lookup by the id of a run that the handler has not heard."""
    missing = failed.error.args[:1] if isinstance(failed.error, KeyError) else ()
    if not missing or missing[0] is None:
        return None
    if missing[0] in (failed.kwargs.get("parent_run_id"), str(failed.kwargs.get("parent_run_id"))):
        return (
            "it looked up the parent run, which it has not heard: a handler that was given to one component "
            "(its constructor, or with_config on a step) hears that component alone, and still gets the parent's id."
        )
    if missing[0] in (failed.run_id, str(failed.run_id)):
        return (
            "it looked up a run whose start it has not kept: a start may be missed (ignore_..., an inline handler "
            "beside a text LLM), and a run may end twice. Use .get() or .pop(run_id, None)."
        )
    return None


def hangs_asyncio(error: BaseException) -> bool:
    """Whether a future of the running Python refuses *error*, so that who waits for it waits for ever."""
    if not isinstance(error, StopIteration):
        return False
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    try:
        future.set_exception(error)
        # Later releases of 3.12, and 3.13, make a RuntimeError of it. Nobody else will ask for it.
        future.exception()
    except TypeError:
        return True
    finally:
        loop.close()
    return False
