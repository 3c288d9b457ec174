"""What a handler raised, and why: the finding ``handler_error``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pytest_lc_callbacks import _words
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._findings.handler_exception import HandlerError, is_langchain, users_lines
from pytest_lc_callbacks._findings.handler_hints import hints
from pytest_lc_callbacks._findings.package_of import package_of
from pytest_lc_callbacks._recording import id_key
from pytest_lc_callbacks._stack import is_library, render_place
from pytest_lc_callbacks._values import cause_of

# How many further methods of a handler are listed that failed in the same way.
_SHOWN = 20


def handler_errors(
    errors: Iterable[HandlerError],
    run_names: Mapping[Any, str],
    called_at: Callable[[Any], str | None] = lambda _: None,
    test_thread: int = 0,
) -> Iterator[Finding]:
    """
    A finding for each way in which a handler failed, however often it did and in however many of its methods.

    Args:
        errors: What handlers raised.

        run_names: The names of the runs by their ids, as `id_key` gives them.

        called_at: Gives the user's line that led to the run of this id, where it is known.

        test_thread: The ``threading.get_ident()`` of the thread that runs the test.
    """
    alike: dict[Any, list[HandlerError]] = {}
    for error in errors:
        lines = users_lines(error.error)
        where = (lines[-1].frame.f_code, lines[-1].number) if lines else None
        alike.setdefault((error.name, error.event, id(type(error.error)), where), []).append(error)
    ways: dict[Any, list[list[HandlerError]]] = {}
    for (name, _, kind, _), same in alike.items():
        ways.setdefault((name, kind, *hints(same[0])), []).append(same)
    for way in ways.values():
        yield _finding(way, run_names, called_at, test_thread)


def _finding(
    way: list[list[HandlerError]],
    run_names: Mapping[Any, str],
    called_at: Callable[[Any], str | None],
    test_thread: int,
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
            *_describe_package(first),
            *_describe_thread(first, test_thread),
            *places(first.error),
            *_led_to(first, called_at),
            *_words.first_lines([_other(same) for same in others], _SHOWN, "    "),
            *hints(first),
        ),
        error=first.error,
        handler=first.handler,
    )


def _describe_package(failed: HandlerError) -> list[str]:
    package = None if failed.handler is None else package_of(type(failed.handler))
    return [f"  {failed.name} is from {package}"] if package else []


def _describe_thread(failed: HandlerError, test_thread: int) -> list[str]:
    """LangChain calls a plain handler of an async run, and those of an agent's tools, in threads of an executor."""
    if not test_thread or failed.thread_id in (0, test_thread):
        return []
    return [f"  LangChain called it in {failed.where}, not in the test's thread"]


def _and_others(first: HandlerError, others: list[list[HandlerError]]) -> str:
    methods = {same[0].event for same in others} - {first.event}
    if methods:
        return f", and so did {_words.count(len(methods), 'more method')}"
    return f", also at {_words.count(len(others), 'more line')}" if others else ""


def _summary(failed: HandlerError) -> str:
    return f"expected {failed.name}.{failed.event} to return, but it raised {_words.error_line(failed.error)}"


def _consequence(failed: HandlerError, times: int) -> str:
    if failed.hangs:
        return "the run now waits for ever: asyncio cannot hand a StopIteration back from the handler's thread"
    often = f" ({_words.count(times, 'time')})" if times > 1 else ""
    return f"LangChain logged a warning and went on as if nothing had happened{often}"


def _other(same: list[HandlerError]) -> str:
    """A line about another method that failed in the same way."""
    lines = users_lines(same[0].error)
    place = f"{render_place(lines[-1].file, lines[-1].number)}: in " if lines else ""
    often = f" ({_words.count(len(same), 'time')})" if len(same) > 1 else ""
    return f"    {place}{same[0].event}: {_words.error_line(same[0].error)}{often}"


def _led_to(failed: HandlerError, called_at: Callable[[Any], str | None]) -> list[str]:
    """The user's line that led to the run, where no line of the user's raised."""
    if not all(is_library(line.file) for line in users_lines(failed.error)):
        return []
    place = called_at(failed.run_id)
    return [f"    in a run that was called at {place}"] if place else []


def places(error: BaseException) -> list[str]:
    """The handler's line, and the line that raised if that is another; LangChain's lines are nobody's to mend."""
    found = users_lines(error)
    outside = [line for line in found[1:] if not is_langchain(line)]
    text = []
    for line in [*found[:1], *outside[-1:]]:
        text.append(f"    {render_place(line.file, line.number)}: in {line.frame.f_code.co_name}")
        if line.source:
            text.append(f"      {_words.safe(line.source)}")
    cause = cause_of(error)
    return [*text, f"    after {_words.error_line(cause)}"] if cause is not None else text
