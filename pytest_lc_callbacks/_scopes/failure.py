"""What a failed scope check says: who heard what of what really ran."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._scopes.comparison import Hearing, ScopeComparison
from pytest_lc_callbacks._scopes.evidence import Evidence
from pytest_lc_callbacks._scopes.excess import beyond_component, beyond_step
from pytest_lc_callbacks._scopes.reasons import overrides_invoke, reasons
from pytest_lc_callbacks._scopes.target import Target
from pytest_lc_callbacks._scopes.words import counted, names_of, some_names

_ROWS = 60
_NAMES = 30
_NOTHING = """\
hint: possible causes: nothing was called, or a stream was never iterated; a class that overrides invoke()
      itself, such as a retriever's or tool's, sends no callbacks."""


def runtime_failure(comparison: ScopeComparison, under: Any, *, only: bool) -> str | None:
    """The message if the handler did not hear every run (under *under*) exactly once; else None."""
    target = None if under is None else Target.of("under", under)
    runs = list(comparison.in_scope) if target is None else _with_those_inside(comparison, target.runs(comparison))
    if not runs:
        return _nothing_ran(comparison, target)
    others = _others(comparison, runs) if only else []
    flawed = [run for run in runs if not comparison.hearings[run].complete]
    if not flawed and not others:
        return None
    where = "" if target is None else f" under {target}{' only' if only else ''}"
    if flawed:
        found = _counted([comparison.hearings[run] for run in runs])
        why = reasons(Evidence(comparison, runs, target))
    else:
        found = _also(others)
        why = [beyond_step(comparison, str(target), runs, others)]
    rows = _rows(comparison, _in_order(comparison, {*runs, *others}))
    headline = f"expected the handler in runtime scope{where}, but it {found}"
    return "\n".join([headline, *rows, *why, _narrower(comparison, "assert_runtime_scope(under=...)")])


def constructor_failure(comparison: ScopeComparison, of: Any) -> str | None:
    """The message if the handler did not hear runs of *of*, exactly once, and no others; else None."""
    target = Target.of("of", of)
    own = target.runs(comparison)
    if not own:
        return _nothing_ran(comparison, target)
    heard = comparison.heard(own)
    others = _others(comparison, own)
    others += [run for run in comparison.unobserved if run.label not in target.names]
    flawed = [comparison.hearings[run] for run in heard if not comparison.hearings[run].complete]
    if heard and not others and not flawed:
        return None
    shown = _in_order(comparison, {*comparison.in_scope, *own})
    if not heard:
        found = f"it heard {_none_of(own)}" + (f", but {some_names(others)}" if others else "")
        why = reasons(Evidence(comparison, own, target, constructor=True))
    elif others:
        found, why = f"it {_also(others)}", [beyond_component(comparison, str(target), heard, others)]
    else:
        found, why = f"it {_counted(flawed)}", reasons(Evidence(comparison, heard, target))
    headline = f"expected the handler in constructor scope of {target}, but {found}"
    return "\n".join([headline, *_rows(comparison, shown), *why, _narrower(comparison, "a Run as of=")])


def _others(comparison: ScopeComparison, runs: Sequence[Run]) -> list[Run]:
    """The runs that were heard, beside *runs*."""
    own = set(runs)
    return [run for run in comparison.heard(comparison.in_scope) if run not in own]


def _in_order(comparison: ScopeComparison, runs: set[Run]) -> list[Run]:
    return [run for run in comparison.ran.runs if run in runs]


def _with_those_inside(comparison: ScopeComparison, tops: list[Run]) -> list[Run]:
    """*tops* and the runs that began in them, those whose callbacks were replaced included."""
    inside = set(tops)
    for run in comparison.ran.runs:
        if comparison.ran.parent_of(run) in inside:
            inside.add(run)
    return [run for run in comparison.ran.runs if run in inside]


def _nothing_ran(comparison: ScopeComparison, target: Target | None) -> str:
    """An assertion under which nothing ran fails, and says what it was limited to."""
    limit = comparison.ran.limit
    if len(comparison.in_scope) < len(comparison.ran.in_scope):
        limit += " since the handler was made or cleared"
    if target is not None and isinstance(target.given, Run):
        return f"expected a run to check, but the observer did not hear this one: {target.given!r}"
    if target is None or not comparison.in_scope:
        wanted = "a run" if target is None else f"a run of {target}"
        lines = [f"expected {wanted} to check, but none began {limit}"]
    else:
        names = names_of(comparison.in_scope)
        lines = [f"expected a run of {target} to check, but no run that began {limit} has that name"]
        lines += [f"  the names there were: {_listed(names)}", *_nearest(target, names)]
    return "\n".join([*lines, *_elsewhere(comparison, target), *_why_nothing(comparison, target)])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _nearest(target: Target, names: list[str]) -> list[str]:
    near = [name for wanted in target.names for name in get_close_matches(wanted, names, 1)]
    return [f"  the nearest is {near[0]!r}"] if near else []


def _elsewhere(comparison: ScopeComparison, target: Target | None) -> list[str]:
    """The runs, of the wanted name if one was, that are not in scope, and where they began."""
    lines, in_scope = [], set(comparison.in_scope)
    for run in comparison.ran.runs:
        if run in in_scope or not (target is None or run.label in target.names):
            continue
        place = comparison.ran.places.get(run) or "before the handler was made or cleared"
        lines.append(f"  {run.label} began {place}")
    lines = list(dict.fromkeys(lines))
    more = [f"  ... and {len(lines) - 10} more"] if len(lines) > 10 else []
    return [*lines[:10], *more]


def _why_nothing(comparison: ScopeComparison, target: Target | None) -> list[str]:
    if target is not None and (overridden := overrides_invoke(target)):
        return [overridden]
    if comparison.unobserved:
        return [
            f"hint: the handler heard {some_names(comparison.unobserved)}, which the observer did not: it does not "
            "see\n      a callback manager that is driven by hand. Ask the handler itself: assert_events([...])."
        ]
    if len(comparison.in_scope) < len(comparison.ran.in_scope):
        return ["hint: what ran before a handler was made, or cleared with clear(), cannot be asked of it."]
    if _elsewhere(comparison, target):
        return [
            "hint: to check a run that began elsewhere, pass the Run itself as of= or under=; the observer has it in\n"
            f"      {comparison.ran.observer}.runs."
        ]
    if any(not run.started for run in comparison.in_scope):
        return [
            "hint: one run's start was not heard, so its name is not known: beside an inline handler, LangChain sends\n"
            "      no llm_start in ainvoke of a text LLM (langchain-ai/langchain#39633). Pass the Run itself."
        ]
    return [] if comparison.in_scope else [_NOTHING]


def _counted(hearings: Sequence[Hearing]) -> str:
    """``missed 2 of 3 runs and heard 1 of 3 runs more than once``."""
    total = counted(len(hearings), "run")
    missed = sum(hearing.missed for hearing in hearings)
    partly = [h for h in hearings if h.missing and not h.missed]
    parts = [f"missed {missed:,} of {total}"] if missed else []
    if partly:
        events = ", ".join(dict.fromkeys(name for hearing in partly for name in hearing.missing))
        parts.append(f"missed events ({events}) of {len(partly)} of {total}")
    more = sum(bool(hearing.surplus) for hearing in hearings)
    parts += [f"heard {more:,} of {total} more than once"] if more else []
    return " and ".join(parts)


def _also(others: Sequence[Run]) -> str:
    return f"also heard {counted(len(others), 'other run')}: {some_names(others)}"


def _none_of(own: Sequence[Run]) -> str:
    return "nothing of its run" if len(own) == 1 else f"none of its {len(own)} runs"


def _rows(comparison: ScopeComparison, runs: Sequence[Run]) -> list[str]:
    """The run tree, each run with what was heard of it; of a long one first what is not in order."""
    shown = set(runs)
    if len(runs) > _ROWS:
        flawed = [run for run in runs if not comparison.hearings[run].complete][: _ROWS // 2]
        shown = {around for run in flawed for around in _upwards(comparison, run)} | set(runs[: _ROWS // 2])
    rows = [(str(comparison.hearings[run]), lead, run) for lead, run in comparison.tree(runs).walk() if run in shown]
    width = max(len(status) for status, _, _ in rows)
    lines = [f"  {status:<{width}}  {lead}{run.label}{_remark(comparison, run)}" for status, lead, run in rows]
    return lines if len(rows) == len(runs) else [*lines, f"  ... and {len(runs) - len(rows)} more runs"]


def _upwards(comparison: ScopeComparison, run: Run | None) -> Sequence[Run]:
    path = []
    while run is not None:
        path.append(run)
        run = comparison.ran.parent_of(run)
    return path


def _remark(comparison: ScopeComparison, run: Run) -> str:
    hearing = comparison.hearings[run]
    remarks = [f"not {', '.join(hearing.missing)}"] if hearing.missing and not hearing.missed else []
    if orphaned := comparison.ran.orphan_remark(run):
        remarks.append(orphaned)
    return f"  ({'; '.join(remarks)})" if remarks else ""


def _narrower(comparison: ScopeComparison, argument: str) -> str:
    return f"to check less: {argument}, or `with {comparison.ran.observer}.section():` around the calls."
