"""From trials to one message per cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

import pytest

from pytest_lc_callbacks._causes import STOP_ITERATION
from pytest_lc_callbacks._contract.program import PROGRAMS, Program
from pytest_lc_callbacks._contract.raised import Raised
from pytest_lc_callbacks._contract.suite import Suite
from pytest_lc_callbacks._contract.trial import Trial
from pytest_lc_callbacks._words import count, hint, listing

# What a handler raises is told by the first check, in this order, whose programs show it.
ORDER = (
    "models",
    "text_llms",
    "tools",
    "retrievers",
    "chains",
    "custom_events",
    "texts",
    "agents",
    "no_generation_info",
    "threads",
    "async_runs",
    "llm_output_none",
    "usage_none",
    "streams",
    "stream_inputs",
    "forced_streams",
    "usage_in_streams",
    "stream_events",
    "batches",
    "errors",
    "async_errors",
    "stream_errors",
    "closed_streams",
    "bare_errors",
    "list_content",
    "tool_calls",
    "tool_messages",
    "tool_inputs",
    "parameters",
    "providers",
    "decisions",
    "values",
    "generators",
    "fallbacks",
    "retries",
    "parallel",
    "other_contexts",
    "constructors",
    "same_run_ids",
    "unended",
    "late_runs",
    "concurrent",
    "graphs",
    "control_flow",
    "interrupts",
)
Rule = Callable[[Raised], bool]
RULES: dict[str, Rule] = {
    "interrupts_reach_a_method": lambda r: r.event in ("on_interrupt", "on_resume"),
    "needs_no_running_loop": lambda r: (
        r.kind == "RuntimeError" and _has(r, "no running event loop", "no current event")
    ),
    "keeps_no_loop": lambda r: (
        r.kind == "RuntimeError" and _has(r, "different event loop", "different loop", "loop is closed")
    ),
    "leaves_the_context": lambda r: r.kind == "ValueError" and _has(r, "created in a different Context"),
    "takes_tokens_both_ways": lambda r: (
        r.event == "on_llm_new_token" and _is_signature(r) and "later_version" not in r.error
    ),
    "takes_every_argument": lambda r: _is_signature(r) and bool(r.error),
    "takes_serialized_none": lambda r: r.no_serialized and _has(r, "NoneType") and "serialized" in r.source,
}
"""What is recognised wherever it is raised, by the check that tells it; the first rule that holds."""


def raises_nothing(suite: Suite, *groups: str, what: str, mend: str) -> None:
    """Fail with each cause that the programs of *groups* are the first to show."""
    __tracebackhide__ = True
    if suite.expects_to_raise:
        pytest.skip("expects_to_raise: it raises on purpose")
    found = _causes(suite._trials_of(*groups))
    if not found:
        return
    earlier = [group for group in ORDER[: ORDER.index(groups[0])] if PROGRAMS.of(group)]
    told = _causes([suite._trial(p) for group in earlier for p in suite._supported(PROGRAMS.of(group))])
    new = {cause: seen for cause, seen in found.items() if cause not in told}
    if not new:
        pytest.skip(f"nothing new: it raises in simpler programs too, in {_first_program(told, found)}")
    fail_with_raised(new, what, mend)


def raised_by_rule(suite: Suite, check: str, what: str, mend: str) -> None:
    """Fail with each cause, in any program, that is told by the rule of *check*."""
    __tracebackhide__ = True
    if suite.expects_to_raise:
        pytest.skip("expects_to_raise: it raises on purpose")
    found = _causes(suite._trials_of(), check)
    if found:
        fail_with_raised(found, what, mend)


def fail_with_raised(found: dict[tuple[str, ...], tuple[Raised, list[Program]]], what: str, mend: str) -> NoReturn:
    """One message for all causes, one paragraph for each."""
    __tracebackhide__ = True
    paragraphs = []
    for raised, programs in found.values():
        lines = [f"{raised.event} raised {raised.error}", *raised.lines(), *where(programs)]
        paragraphs.append("\n".join(lines))
    first, *more = paragraphs
    fault = f"expected the handler to take {what}, but {first}"
    others = [f"another cause: {text}" for text in more]
    stops = any(raised.kind == "StopIteration" for raised, _ in found.values())
    raise AssertionError("\n".join([fault, *others, STOP_ITERATION.hint() if stops else hint(mend)]))


def owner(raised: Raised) -> str | None:
    """The check that a rule gives *raised* to."""
    return next((check for check, rule in RULES.items() if rule(raised)), None)


def where(programs: Sequence[Program]) -> list[str]:
    """The programs that show something, the first as a line to paste."""
    first = programs[0]
    lines = [f"  in {first.line}", f'  to see it: pytest_lc_callbacks.contract.run_program("{first.name}", handler)']
    others = list(dict.fromkeys(program.name for program in programs[1:]))
    return [*lines, f"  also in {listing(others)}"] if others else lines


def fault(first: str, programs: Sequence[Program], mend: str, evidence: Iterable[str] = ()) -> NoReturn:
    """Fail with *first*, the evidence, the programs and what to change."""
    __tracebackhide__ = True
    raise AssertionError("\n".join([first, *evidence, *where(programs), hint(mend)]))


def left(trials: Iterable[Trial], found: Callable[[Trial], Iterable[str]]) -> dict[str, list[Program]]:
    """What is found after each trial, with the programs that show it."""
    all_found: dict[str, list[Program]] = {}
    for trial in trials:
        for one in found(trial):
            all_found.setdefault(one, []).append(trial.program)
    return all_found


def fail_with_left(found: dict[str, list[Program]], expected: str, verb: str, mend: str) -> NoReturn:
    """Fail with what was left behind, and with the programs that show the first of it."""
    __tracebackhide__ = True
    names = list(found)
    evidence = [f"  {name}: {count(len(programs), 'program')}" for name, programs in list(found.items())[1:6]]
    fault(f"expected the handler to {expected}, but it {verb} {names[0]}", found[names[0]], mend, evidence)


def _causes(trials: Iterable[Trial], check: str | None = None) -> dict[tuple[str, ...], tuple[Raised, list[Program]]]:
    found: dict[tuple[str, ...], tuple[Raised, list[Program]]] = {}
    for trial in trials:
        for raised in trial.raised:
            if owner(raised) == check:
                _, programs = found.setdefault(raised.cause, (raised, []))
                if trial.program not in programs:
                    programs.append(trial.program)
    return found


def _first_program(told: dict[tuple[str, ...], tuple[Raised, list[Program]]], found: Iterable[tuple[str, ...]]) -> str:
    return next(told[cause][1][0].line for cause in found if cause in told)


def _is_signature(raised: Raised) -> bool:
    words = (
        "unexpected keyword argument",
        "required positional argument",
        "required keyword-only",
        "positional argument",
    )
    return raised.kind == "TypeError" and not raised.place and _has(raised, *words)


def _has(raised: Raised, *texts: str) -> bool:
    return any(text in raised.error for text in texts)
