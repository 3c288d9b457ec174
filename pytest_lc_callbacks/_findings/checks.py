"""Is what happened in a test healthy? What a check has to say is a finding."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pytest_lc_callbacks._recording import Recording, Run, is_end, is_start
from pytest_lc_callbacks._scopes import ObservedRuns, ScopeComparison
from pytest_lc_callbacks._words import repr_short, truncate

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a test did not ask about but should know."""

    name: str
    """Which finding it is, as in the settings: ``"handler_error"``."""

    summary: str
    """What was expected and what happened instead, in a line."""

    details: tuple[str, ...] = ()
    """The evidence and, where there is one, a hint."""

    error: BaseException | None = field(default=None, compare=False)
    """The exception it is about, if it is about one."""

    handler: Any = field(default=None, compare=False)
    """The handler it is about, if it is about one and LangChain leaves it in reach."""

    runs: tuple[Run, ...] = field(default=(), compare=False)
    """The runs it is about."""

    def __repr__(self) -> str:
        return f"<Finding {self.name}: {self.summary}>"

    def __str__(self) -> str:
        mark, setting = f'@pytest.mark.lc_callbacks({self.name}="off")', f"lc_callbacks_{self.name} = off"
        relax = f"to allow this: {mark}, or {setting} for the project"
        return "\n".join([f"{self.summary}  [{self.name}]", *self.details, relax])


class FakeScript(Protocol):
    """What a fake model's script knows; see `Script`, which is one."""

    @property
    def unused(self) -> list[str]: ...

    @property
    def calls(self) -> list[Any]: ...

    exhausted: list[Any]


class ForgottenRun(Protocol):
    """A run that nobody will end; see `OpenRun`, which is one."""

    @property
    def run(self) -> Run: ...

    @property
    def reason(self) -> str: ...


def hint(text: str) -> str:
    """A paragraph that begins with ``hint:``."""
    return textwrap.fill(
        f"hint: {text}", 116, subsequent_indent="      ", break_long_words=False, break_on_hyphens=False
    )


def duplicate_events(recordings: Mapping[str, Recording], observed: ObservedRuns) -> Iterator[Finding]:
    """Recordings, by what to call them, that got an event more often than it happened."""
    for name, recording in recordings.items():
        if not any(_may_be_doubled(run) for run in recording.runs):
            continue
        hearings = ScopeComparison(recording, observed).hearings
        doubled = {run: hearing for run, hearing in hearings.items() if hearing.surplus}
        if doubled:
            yield _duplicates(name.split("#")[0], doubled)


def _may_be_doubled(run: Run) -> bool:
    """A first look that costs little: whoever stands twice among the handlers of a run gets its start twice."""
    kinds = Counter(name for name in run.names if is_start(name) or is_end(name))
    return any(count > 1 for count in kinds.values())


def _duplicates(name: str, doubled: Mapping[Run, Any]) -> Finding:
    first, hearing = next(iter(doubled.items()))
    events = ", ".join(hearing.surplus)
    times = str(hearing).removeprefix("heard ") if not hearing.missing else "more than once"
    others = [f"  and {run.label}: {', '.join(heard.surplus)}" for run, heard in list(doubled.items())[1:]]
    return Finding(
        name="duplicate_event",
        summary=f"expected {name} to get each event once, but it got {events} of {first.label} {times}",
        details=(
            *cut(others),
            hint(
                "LangChain joins lists of callbacks without removing doubles: the handler stands twice in one list "
                "([h, h]), or came with with_config and again at run time. Give it to the call, or to with_config, but "
                "not to both."
            ),
        ),
        runs=tuple(doubled),
    )


def orphan_runs(observed: ObservedRuns) -> Iterator[Finding]:
    """Runs of the test's body that began with no parent although their context held one."""
    found: dict[tuple[str, str, str | None], list[Run]] = {}
    for run in observed.body_runs:
        origin, around = observed.origin(run), observed.parent_of(run)
        if origin is None or origin.inside is None or around is None or observed.is_left_by_fallbacks(run):
            continue
        found.setdefault((run.label, around.label, origin.call.place), []).append(run)
    for (label, outer, line), runs in found.items():
        yield Finding(
            name="orphan_run",
            summary=f"expected {label} to be a run under {outer}, but it began with no parent{_times(len(runs))}",
            details=(
                *([f"  called at {line}"] if line else []),
                hint(
                    "it was called with callbacks of its own, and inside a function those replace the inherited ones: "
                    f"the handlers of {outer} do not hear it. To add to them, take the config as an argument and "
                    'pass merge_configs(config, {"callbacks": [...]}), from langchain_core.runnables.config.'
                ),
            ),
            runs=tuple(runs),
        )


def lifecycle(observed: ObservedRuns) -> Iterator[Finding]:
    """Runs that ended without a start, or more often than they started."""
    for run in observed.runs:
        starts, ends = sum(map(is_start, run.names)), [name for name in run.names if is_end(name)]
        if len(ends) <= starts or _ends_by_langchains_own_doing(run, ends):
            continue
        what = "no start" if not starts else f"{len(ends)} ends" if starts == 1 else f"{starts} starts"
        yield Finding(
            name="lifecycle",
            summary=f"expected {run.label} to start and end once, but it had {what}: {', '.join(run.names[:_SHOWN])}",
            details=(
                hint(
                    "who drives LangChain's callback manager by hand, as a class does that overrides invoke() or calls "
                    "run_manager.on_..._end() itself, has to report each start and each end once. LangChain's own "
                    "components report theirs: _generate, _call and _run need not."
                ),
            ),
            runs=(run,),
        )


def _ends_by_langchains_own_doing(run: Run, ends: list[str]) -> bool:
    """Whether the doubled end or the lost start is a known flaw of LangChain that no user can mend."""
    if not run.started:
        # In the ainvoke of a text LLM an inline handler, such as LangChain's tracer, makes all others lose the start
        # (langchain-ai/langchain#39633).
        return all(name.startswith("llm_") for name in run.names) and not any(map(_of_a_chat_model, run.events))
    # Chat models' astream_events v3 in a loop that closes at once, beside an inline handler.
    cancelled = any(type(event.error).__name__ == "CancelledError" for event in run.events)
    return sorted(ends) == ["llm_end", "llm_error"] and cancelled


def _of_a_chat_model(event: Any) -> bool:
    chunk, response = event.payload.get("chunk"), event.payload.get("response")
    generations = [generation for batch in getattr(response, "generations", None) or () for generation in batch]
    return any(hasattr(generation, "message") for generation in [chunk, *generations])


def exhausted_models(scripts: Iterable[FakeScript], expected: Callable[[BaseException], bool]) -> Iterator[Finding]:
    """Scripts that were asked for more than they have, unless an error was *expected*."""
    for script in scripts:
        errors = list(script.exhausted)
        if not errors or any(map(expected, errors)):
            continue
        calls = "a call" if len(errors) == 1 else f"{len(errors)} calls"
        yield Finding(
            name="exhausted_model",
            summary=f"expected the script to have an answer for every call, but it had none for {calls}",
            details=(
                f"  {type(errors[0]).__name__} was raised, and somebody caught it: a fallback, a retry, an agent's "
                "middleware or an `except Exception`",
                *(f"    {line}" for line in str(errors[0]).splitlines()),
            ),
            error=errors[0],
        )


def unused_responses(scripts: Iterable[FakeScript]) -> Iterator[Finding]:
    """Scripts that were not used up."""
    for script in scripts:
        unused, calls = script.unused, len(script.calls)
        if not unused:
            continue
        count = "1 response was" if len(unused) == 1 else f"{len(unused)} responses were"
        called = "was never called" if not calls else f"was called {'once' if calls == 1 else f'{calls} times'}"
        yield Finding(
            name="unused_response",
            summary=f"expected the script of the fake model to be used up, but {count} never given",
            details=(
                *cut([f"  {line}" for line in unused]),
                f"  the model {called}",
                "hint: script what is asked for, or say .respond(..., optional=True).",
            ),
        )


def unfinished_runs(forgotten: Collection[ForgottenRun]) -> Iterator[Finding]:
    """Runs that nobody will end; one finding for all."""
    if not forgotten:
        return
    runs = [open_run.run for open_run in forgotten]
    # What is open inside an open run has the same cause.
    tops = [open_run for open_run in forgotten if not set(open_run.run.ancestors()) & set(runs)]
    names = ", ".join(dict.fromkeys(run.label for run in runs))
    count = "1 is" if len(runs) == 1 else f"{len(runs)} are"
    yield Finding(
        name="unfinished_run",
        summary=f"expected every run to have ended with its test, but {count} still open: {truncate(names)}",
        details=(*cut([f"  {open_run.run.label}: {open_run.reason}" for open_run in tops]), hint(_UNFINISHED)),
        runs=tuple(runs),
    )


_UNFINISHED = (
    "handlers never get the end of such a run: nothing is billed, closed or exported. Read a stream to its end or "
    "close it (contextlib.closing, aclosing), await what was begun, and join threads."
)


def cut(lines: Collection[str], limit: int = _SHOWN) -> list[str]:
    """The first of *lines*, and how many more there are."""
    shown = list(lines)
    return shown if len(shown) <= limit else [*shown[:limit], f"  ... and {len(shown) - limit} more"]


def _times(count: int) -> str:
    return "" if count == 1 else f" ({count} times)"


def text_of(error: BaseException) -> str:
    """What an exception says of itself."""
    try:
        return str(error)
    # An exception's own words may be broken code; a message about it must not fail.
    except Exception:  # noqa: BLE001
        return ""


def described(error: BaseException) -> str:
    """An exception in a line."""
    return " ".join(repr_short(error, 160).split())
