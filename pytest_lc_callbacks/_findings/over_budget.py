"""Model calls and tokens beyond what ``@pytest.mark.lc_callbacks(max_model_calls=3)`` allows a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_lc_callbacks import _words
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._scopes import ObservedRuns
from pytest_lc_callbacks._values import entry, tokens

NAME = "over_budget"
_SHOWN = 20


def over_budget(observed: ObservedRuns, budgets: Mapping[str, int]) -> Iterator[Finding]:
    """
    A finding for each of *budgets* that the model calls of the test's body exceed.

    Args:
        observed: The runs.

        budgets: The most that is allowed: ``{"max_model_calls": 3, "max_total_tokens": 4000}``.
    """
    if not budgets:
        return
    calls = [run for run in observed.body_runs if run.run_type in ("chat_model", "llm")]
    used = [_total_tokens(run) for run in calls]
    spent = {
        "max_model_calls": (len(calls), "model call"),
        "max_total_tokens": (sum(number or 0 for number in used), "token"),
    }
    for budget, most in budgets.items():
        number, noun = spent[budget]
        if number <= most:
            continue
        there_are = f"there {'was' if number == 1 else 'were'} {number:,}"
        yield Finding(
            name=NAME,
            summary=f"expected at most {_words.count(most, noun)}, but {there_are}",
            details=tuple(_words.first_lines(list(_lines(observed, calls, used)), _SHOWN, "  ", "call")),
            runs=tuple(calls),
            allowed_by=f"@pytest.mark.lc_callbacks({budget}={number})",
        )


def _lines(observed: ObservedRuns, calls: Sequence[Run], used: Sequence[int | None]) -> Iterator[str]:
    """A line for each call: the model, the run around it, the line that led to it, and its tokens."""
    for index, (run, number) in enumerate(zip(calls, used, strict=True), 1):
        around = observed.parent_of(run)
        inside = f" in {_words.safe(around.label)}" if around is not None else ""
        place = _called_at(observed, run)
        said = "no usage reported" if number is None else _words.count(number, "token")
        yield f"  call {index}: {_words.safe(run.label)}{inside}{f', called at {place}' if place else ''}: {said}"


def _called_at(observed: ObservedRuns, run: Run) -> str | None:
    """The line that called the outermost run around *run*, where the observer saw it."""
    while (around := observed.parent_of(run)) is not None:
        run = around
    origin = observed.origin(run)
    return None if origin is None else origin.call.place


def _total_tokens(run: Run) -> int | None:
    """What the model says that the call used; None where it says nothing."""
    ends = [event for event in run.events if event.name == "llm_end"]
    return tokens(entry(ends[-1].usage, "total_tokens")) if ends else None
