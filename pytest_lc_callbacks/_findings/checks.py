"""The findings duplicate_event, orphan_run, lifecycle, exhausted_model and unused_response."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import get_ident
from typing import Any

from pytest_lc_callbacks import _causes, _words
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._recording import Recording, Run, is_end, is_start
from pytest_lc_callbacks._scopes import EMPTY, LIST, MANAGER, Given, ObservedRuns, ScopeComparison
from pytest_lc_callbacks._values import ask, class_name, items

_SHOWN = 5


def duplicate_events(recordings: Mapping[str, Recording], observed: ObservedRuns) -> Iterator[Finding]:
    """
    A finding for each recording that got an event more often than it happened.

    Args:
        recordings: The recordings by the names of their handlers, each with a number: ``"RecordingHandler#0"``.

        observed: What the recordings are compared with.
    """
    for name, recording in recordings.items():
        if not any(map(_may_be_doubled, recording.runs)):
            continue
        hearings = ScopeComparison(recording, observed).hearings
        doubled = {run: hearing for run, hearing in hearings.items() if hearing.surplus and _is_settled(run)}
        doubled = {run: hearing for run, hearing in doubled.items() if run not in observed.others_runs}
        if doubled:
            yield _duplicates(name.partition("#")[0], doubled)


def _may_be_doubled(run: Run) -> bool:
    """A first look that costs little: whoever stands twice among the handlers of a run gets its start twice."""
    kinds = Counter(name for name in run.names if is_start(name) or is_end(name))
    return any(count > 1 for count in kinds.values())


def _is_settled(run: Run) -> bool:
    """Whether no event of *run* can be on its way: another thread may have told one handler and not yet the next."""
    return run.ended or run.events[-1].thread == get_ident()


def _duplicates(name: str, doubled: Mapping[Run, Any]) -> Finding:
    first, hearing = next(iter(doubled.items()))
    events = ", ".join(hearing.surplus)
    times = "more than once" if hearing.missing else "twice" if hearing.times == 2 else f"{hearing.times:,} times"
    others = [f"  and {run.label}: {', '.join(heard.surplus)}" for run, heard in list(doubled.items())[1:]]
    return Finding(
        name="duplicate_event",
        summary=f"expected {name} to get each event once, but it got {events} of {first.label} {times}",
        details=(*_words.first_lines(others, _SHOWN, "  "), _causes.TWICE.hint()),
        runs=tuple(doubled),
    )


def orphan_runs(observed: ObservedRuns) -> Iterator[Finding]:
    """A finding for each call in the test's body whose run began with no parent although its context held one."""
    found: dict[tuple[str, str, str | None], list[Run]] = {}
    for run in observed.body_runs:
        origin, around, given = observed.origin(run), observed.parent_of(run), observed.given(run)
        if origin is None or origin.inside is None or around is None or observed.is_left_by_fallbacks(run):
            continue
        # callbacks=[] is a decision.
        if given is None or given.kind != EMPTY:
            found.setdefault((run.label, around.label, origin.place), []).append(run)
    for (label, outer, place), runs in found.items():
        times = f" ({_words.count(len(runs), 'time')})" if len(runs) > 1 else ""
        yield Finding(
            name="orphan_run",
            summary=f"expected {label} to be a run under {outer}, but it began with no parent{times}",
            details=(
                *([f"  called at {place}"] if place else []),
                *filter(None, [_why_orphaned(label, outer, observed.given(runs[0]))]),
            ),
            runs=tuple(runs),
        )


def _why_orphaned(label: str, outer: str, given: Given | None) -> str | None:
    if given is None or given.kind in (LIST, MANAGER):
        unheard = set() if given is None else given.outer - {handler for handler, _ in given.handlers}
        if given is not None and given.outer and not unheard:
            return _causes.HANDLERS_PASSED_ON.hint(f"{label} was called with the handlers of {outer}, in a list.")
        result = f", so that {_words.count(len(unheard), 'handler')} of {outer} did not hear it" if unheard else ""
        return _causes.REPLACED.hint(f"{label} was called with callbacks of its own{result}.")
    if given.entry is None:
        return None
    return _causes.UNREAD_CONTEXT.hint(f"{label} was called with {given.entry}, and without callbacks=.")


def lifecycle(observed: ObservedRuns) -> Iterator[Finding]:
    """A finding for each run that ended without a start or too often, or that began after its parent's end."""
    yield from _late_runs(observed)
    for run in observed.own_runs:
        starts, ends = sum(map(is_start, run.names)), [name for name in run.names if is_end(name)]
        if len(ends) <= starts or _is_flaw_of_langchain(run, ends):
            continue
        what = "no start" if not starts else f"{len(ends)} ends" if starts == 1 else f"{starts} starts"
        yield Finding(
            name="lifecycle",
            summary=f"expected {run.label} to start and end once, but it had {what}: {', '.join(run.names[:_SHOWN])}",
            details=(_causes.EXTRA_END.hint(),),
            runs=(run,),
        )


def _late_runs(observed: ObservedRuns) -> Iterator[Finding]:
    """
    A finding for the runs that began after their parent had ended.

    Where the parent failed, or its stream was closed, LangChain itself lets the branches beside the failure go on.
    """
    found: dict[str, list[Run]] = {}
    for run in observed.own_runs:
        remark = observed.late_remark(run)
        if remark is not None and run.parent is not None and run.parent.status == "ended":
            found.setdefault(remark, []).append(run)
    for remark, runs in found.items():
        times = f" ({_words.count(len(runs), 'time')})" if len(runs) > 1 else ""
        yield Finding(
            name="lifecycle",
            summary=f"expected {runs[0].label} to begin before its parent ended, but {remark}{times}",
            details=(_causes.PARENT_ENDED.hint(),),
            runs=tuple(runs),
        )


def _is_flaw_of_langchain(run: Run, ends: list[str]) -> bool:
    """Whether LangChain itself lost the start or sent the second end."""
    if not run.started:
        # See _causes.INLINE_HANDLER.
        return all(name.startswith("llm_") for name in run.names) and not any(map(_is_of_chat_model, run.events))
    # Chat models' astream_events v3 in a loop that closes at once, beside an inline handler.
    cancelled = any(class_name(type(event.error)) == "CancelledError" for event in run.events)
    return sorted(ends) == ["llm_end", "llm_error"] and cancelled


def _is_of_chat_model(event: Any) -> bool:
    chunk, response = event.payload.get("chunk"), event.payload.get("response")
    generations = [generation for batch in items(ask(response, "generations")) for generation in items(batch)]
    return any(ask(generation, "message") is not None for generation in [chunk, *generations])


def exhausted_models(
    exhausted: Iterable[Sequence[BaseException]], is_expected: Callable[[BaseException], bool]
) -> Iterator[Finding]:
    """
    A finding for each fake model whose script was asked for more than it has.

    Args:
        exhausted: For each fake model what its script raised.

        is_expected: Whether the test knows of an exception; one that it knows of speaks for the whole script.
    """
    for errors in exhausted:
        if not errors or any(map(is_expected, errors)):
            continue
        calls = "a call" if len(errors) == 1 else _words.count(len(errors), "call")
        yield Finding(
            name="exhausted_model",
            summary=f"expected the script to have a response for every call, but it had none for {calls}",
            details=(
                f"  {type(errors[0]).__name__} was raised, and somebody caught it: a fallback, a retry, an agent's "
                "middleware or an `except Exception`",
                *(f"    {line}" for line in str(errors[0]).splitlines()),
            ),
            error=errors[0],
        )


def unused_responses(scripts: Iterable[tuple[Sequence[str], int, Iterable[str]]]) -> Iterator[Finding]:
    """
    A finding for each script that was not used up.

    Args:
        scripts: For each fake model the responses that it never gave, in words, how often it was called, and which
            methods of models that it stands in for ran without asking it.
    """
    for unused, calls, passed_by in scripts:
        if not unused:
            continue
        responses = f"{_words.count(len(unused), 'response')} {'was' if len(unused) == 1 else 'were'}"
        called = "was never called" if not calls else f"was called {'once' if calls == 1 else f'{calls:,} times'}"
        yield Finding(
            name="unused_response",
            summary=f"expected the script of the fake model to be used up, but {responses} never given",
            details=(
                *_words.first_lines([f"  {line}" for line in unused], _SHOWN, "  "),
                f"  the model {called}",
                *(f"  {method} ran without asking it" for method in passed_by),
                _words.hint(_left_over(passed_by)),
            ),
        )


def _left_over(passed_by: Iterable[str]) -> str:
    own = [method.partition(".")[0] for method in passed_by]
    if own:
        return f"where the fake model is to answer for such a class, name it: stand_in_for({_words.listing(own)})."
    return "script what is asked for, or say .respond(..., optional=True)."


def unused_faults(faults: Iterable[str]) -> Iterator[Finding]:
    """A finding for each of *faults* that never struck: what was to happen, and how often the tool was called."""
    for fault in faults:
        yield Finding(
            name="unused_fault",
            summary=f"expected {fault}",
            details=(_words.hint("name the tool that the program calls in the block, and a call that there is."),),
        )


def unused_recordings(recordings: Iterable[Sequence[str]]) -> Iterator[Finding]:
    """A quiet finding for each replayed file with calls that were not asked for again, given as a line for each."""
    for unused in recordings:
        if unused:
            yield Finding(
                name="unused_response",
                summary=f"expected every recorded call to be asked for, but {_words.count(len(unused), 'call')} "
                f"{'was' if len(unused) == 1 else 'were'} not",
                details=tuple(_words.first_lines([f"  {line}" for line in unused], _SHOWN, "  ")),
                is_quiet=True,
            )
