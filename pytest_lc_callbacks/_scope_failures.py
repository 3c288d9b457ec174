"""What a failed scope check says: who heard what of what really ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_lc_callbacks._events import Run
from pytest_lc_callbacks._scope_reasons import Reasons, beyond_component
from pytest_lc_callbacks._scopes import Hearing, ScopeComparison, name_of, runs_of, some_names

_ROWS = 60


def runtime_failure(comparison: ScopeComparison, under: Any) -> str | None:
    """The message if the handler did not hear every run (under *under*) exactly once; else None."""
    where = "" if under is None else f" under {name_of('under', under)!r}"
    runs = comparison.in_scope if under is None else _with_those_inside(comparison, runs_of(comparison, "under", under))
    if not runs:
        return _nothing_ran(comparison, "under", under)
    hearings = [comparison.hearings[run] for run in runs]
    if all(hearing.complete for hearing in hearings):
        return None
    headline = f"expected the handler in runtime scope{where}, but it {_counted(hearings)}"
    reasons = Reasons(comparison, runs, under).paragraphs()
    return "\n".join([headline, *_rows(comparison, runs), *reasons, _narrower("assert_runtime_scope(under=...)")])


def constructor_failure(comparison: ScopeComparison, of: Any) -> str | None:
    """The message if the handler did not hear runs of *of*, exactly once, and no others; else None."""
    name = name_of("of", of)
    own = runs_of(comparison, "of", of)
    if not own:
        return _nothing_ran(comparison, "of", of)
    heard = comparison.heard(own)
    others = [run for run in comparison.heard(comparison.in_scope) if run not in own]
    strangers = [run for run in comparison.unobserved if run.time >= comparison.all_runs[0].time]
    flawed = [comparison.hearings[run] for run in heard if not comparison.hearings[run].complete]
    if heard and not others and not strangers and not flawed:
        return None
    shown = list(dict.fromkeys([*comparison.in_scope, *own]))
    reasons = Reasons(comparison, shown, of)
    if not heard:
        found = f"it heard none of {_these(len(own), 'its run')}" + (f", but {some_names(others)}" if others else "")
        why = reasons.paragraphs()
    elif others or strangers:
        found = f"it also heard {_these(len(others + strangers), 'other run')}: {some_names(others + strangers)}"
        why = [beyond_component(comparison, name, heard, others)]
    else:
        found = f"it {_counted(flawed)}"
        why = reasons.paragraphs()
    headline = f"expected the handler in constructor scope of {name!r}, but {found}"
    return "\n".join([headline, *_rows(comparison, shown), *why, _narrower("a Run as of=")])


def _with_those_inside(comparison: ScopeComparison, tops: list[Run]) -> list[Run]:
    """*tops* and the runs that began in them, those whose callbacks were replaced included."""
    inside = set(tops)
    for run in comparison.all_runs:
        if comparison.truth.parent_of(run) in inside:
            inside.add(run)
    return [run for run in comparison.all_runs if run in inside]


def _nothing_ran(comparison: ScopeComparison, argument: str, target: Any) -> str:
    """An assertion under which nothing ran fails."""
    wanted = "a run to check" if target is None else f"a run of {name_of(argument, target)!r} to check"
    names = list(dict.fromkeys(run.label for run in comparison.in_scope))
    if names:
        return f"expected {wanted}, but there was none among {_these(len(names), 'name')}: {', '.join(names)}"
    phases = [(run.label, comparison.truth.phase_of(run)) for run in comparison.all_runs]
    lines = [f"expected {wanted}, but nothing ran in the test's body, or since the section or clear() it is limited to"]
    lines += [f"  {label} began in {phase or 'the time before'}" for label, phase in dict.fromkeys(phases)]
    if phases:
        lines.append("hint: to check a run that began elsewhere, pass it: callback_scopes.runs[0] as of= or under=.")
    else:
        lines.append(
            "hint: possible causes: nothing was called, or a stream was never iterated; a class that overrides invoke()\n"
            "      itself, such as a retriever's or tool's, sends no callbacks."
        )
    return "\n".join(lines)


def _counted(hearings: Sequence[Hearing]) -> str:
    """``missed 2 of 3 runs and heard 1 of them twice``."""
    total = _these(len(hearings), "run")
    missed = sum(hearing.missed for hearing in hearings)
    partly = [h for h in hearings if h.missing and not h.missed]
    parts = [f"missed {missed} of {total}"] if missed else []
    if partly:
        events = ", ".join(dict.fromkeys(name for hearing in partly for name in hearing.missing))
        parts.append(f"missed events ({events}) of {len(partly)} of {total}")
    more = sum(bool(hearing.surplus) for hearing in hearings)
    parts += [f"heard {more} of {total} more than once"] if more else []
    return " and ".join(parts)


def _these(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _rows(comparison: ScopeComparison, runs: Sequence[Run]) -> list[str]:
    """The run tree, each run with what was heard of it; of a long one first what is not in order."""
    shown = set(runs)
    if len(runs) > _ROWS:
        flawed = [run for run in runs if not comparison.hearings[run].complete][: _ROWS // 2]
        shown = {around for run in flawed for around in [run, *run.ancestors()]} | set(runs[: _ROWS // 2])
    rows = [(str(comparison.hearings[run]), lead, run) for lead, run in comparison.tree(runs).walk() if run in shown]
    width = max(len(status) for status, _, _ in rows)
    lines = [f"  {status:<{width}}  {lead}{run.label}{_remark(comparison, run)}" for status, lead, run in rows]
    return lines if len(rows) == len(runs) else [*lines, f"  ... and {len(runs) - len(rows)} more runs"]


def _remark(comparison: ScopeComparison, run: Run) -> str:
    around = comparison.truth.parent_of(run)
    if run.parent_run_id is not None or around is None:
        return ""
    known = ": langchain-ai/langchain#36072" if around.label.startswith("RunnableWithFallbacks") else ""
    return f"  (began without a parent{known})"


def _narrower(argument: str) -> str:
    return f"to check less: {argument}, or `with callback_scopes.section():` around the calls that are meant."
