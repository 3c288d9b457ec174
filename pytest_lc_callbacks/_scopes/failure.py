"""The message of a failed scope check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._recording import Run, explain_unheard_name
from pytest_lc_callbacks._scopes.comparison import Hearing, ScopeComparison
from pytest_lc_callbacks._scopes.evidence import Evidence
from pytest_lc_callbacks._scopes.payloads import render_hearings
from pytest_lc_callbacks._scopes.reasons import (
    explain_missed_runs,
    explain_overridden_invoke,
    explain_runs_beside_component,
    explain_runs_beside_step,
    names,
)
from pytest_lc_callbacks._scopes.target import Target
from pytest_lc_callbacks._scopes.unawaited import explain_that_nothing_ran
from pytest_lc_callbacks._words import count, did_you_mean, first_lines, headline, hint, more, repr_short, safe, shown

_ROWS = 60
_NAMES = 30
_PLACES = 10


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What a failed check says; ``str()`` of it is the message."""

    headline: str
    """``expected ..., but ...``"""

    rows: Sequence[str] = ()
    """The evidence: the run tree with what the handler heard of each run."""

    why: Sequence[str] = ()
    """The hints."""

    narrower: str = ""
    """How to check less."""

    def __str__(self) -> str:
        return shown("\n".join(filter(None, [*headline(self.headline), *self.rows, *self.why, self.narrower])))


def find_runtime_failure(comparison: ScopeComparison, under: Any, *, only: bool) -> Failure | None:
    """The failure if the handler did not hear every run (under *under*) exactly once; else None."""
    __tracebackhide__ = True
    target = None if under is None else Target.of("under", under)
    runs = list(comparison.in_scope) if target is None else _subtrees(comparison, target.runs(comparison))
    if not runs:
        return _explain_nothing(comparison, target)
    others = _heard_beside(comparison, runs) if only else []
    flawed = [run for run in runs if not comparison.hearings[run].complete]
    if not flawed and not others:
        return None
    if flawed:
        found = _count_flaws([comparison.hearings[run] for run in runs])
        why = explain_missed_runs(Evidence(comparison, runs, target))
    else:
        found = _count_others(others)
        why = [explain_runs_beside_step(comparison, str(target), runs, others)]
    where = "" if target is None else f" under {target}{' only' if only else ''}"
    return Failure(
        headline=f"expected the handler in runtime scope{where}, but it {found}",
        rows=_draw_rows(comparison, {*runs, *others}),
        why=why,
        narrower=_narrow(comparison, "assert_runtime_scope(under=...)"),
    )


def find_constructor_failure(comparison: ScopeComparison, of: Any) -> Failure | None:
    """The failure if the handler did not hear runs of *of*, exactly once, and no others; else None."""
    __tracebackhide__ = True
    target = Target.of("of", of)
    own = target.runs(comparison)
    if not own:
        return _explain_nothing(comparison, target)
    heard = comparison.heard(own)
    others = _heard_beside(comparison, own)
    others += [run for run in comparison.unobserved if run.label not in target.names]
    flawed = [comparison.hearings[run] for run in heard if not comparison.hearings[run].complete]
    if heard and not others and not flawed:
        return None
    if heard and others:
        found = _count_others(others)
        why = [explain_runs_beside_component(comparison, str(target), heard, others)]
    elif heard:
        found = _count_flaws(flawed)
        why = explain_missed_runs(Evidence(comparison, heard, target))
    else:
        found = _count_nothing(own, others)
        why = explain_missed_runs(Evidence(comparison, own, target, constructor=True))
    return Failure(
        headline=f"expected the handler in constructor scope of {target}, but it {found}",
        rows=_draw_rows(comparison, {*comparison.in_scope, *own}),
        why=why,
        narrower=_narrow(comparison, "a Run as of="),
    )


def _subtrees(comparison: ScopeComparison, tops: list[Run]) -> list[Run]:
    """*tops* and the runs that began inside them, also those whose callbacks were replaced."""
    inside = set(tops)
    for run in comparison.observed.runs:
        if comparison.observed.parent_of(run) in inside:
            inside.add(run)
    return [run for run in comparison.observed.runs if run in inside]


def _heard_beside(comparison: ScopeComparison, runs: Sequence[Run]) -> list[Run]:
    own = set(runs)
    return [run for run in comparison.heard(comparison.in_scope) if run not in own]


def _count_flaws(hearings: Sequence[Hearing]) -> str:
    """``missed 2 of 3 runs and heard 1 of 3 runs more than once``."""
    total = count(len(hearings), "run")
    missed = sum(hearing.missed for hearing in hearings)
    partly = [hearing for hearing in hearings if hearing.missing and not hearing.missed]
    parts = [f"missed {missed:,} of {total}"] if missed else []
    if partly:
        events = ", ".join(dict.fromkeys(name for hearing in partly for name in hearing.missing))
        parts.append(f"missed events ({events}) of {len(partly):,} of {total}")
    doubled = sum(bool(hearing.surplus) for hearing in hearings)
    parts += [f"heard {doubled:,} of {total} more than once"] if doubled else []
    return " and ".join(parts)


def _count_others(others: Sequence[Run]) -> str:
    return f"also heard {count(len(others), 'other run')}: {names(others)}"


def _count_nothing(own: Sequence[Run], others: Sequence[Run]) -> str:
    nothing = "nothing of its run" if len(own) == 1 else f"none of its {len(own):,} runs"
    return f"heard {nothing}" + (f", but {names(others)}" if others else "")


def _narrow(comparison: ScopeComparison, argument: str) -> str:
    return f"to check less: {argument}, or `with {comparison.observed.observer}.section():` around the calls."


def _draw_rows(comparison: ScopeComparison, wanted: set[Run]) -> list[str]:
    """The tree of the *wanted* runs, each with what the handler heard of it; of a long tree first what is flawed."""
    runs = [run for run in comparison.observed.runs if run in wanted]
    shown = set(runs)
    if len(runs) > _ROWS:
        flawed = [run for run in runs if not comparison.hearings[run].complete][: _ROWS // 2]
        shown = {around for run in flawed for around in _path_to(comparison, run)} | set(runs[: _ROWS // 2])
    told = render_hearings(comparison, shown)
    rows = [(told[run], lead, run) for lead, run in comparison.tree(runs).walk() if run in shown]
    width = max(len(status) for status, _, _ in rows)
    lines = [f"  {status:<{width}}  {lead}{safe(run.label)}{_remark(comparison, run)}" for status, lead, run in rows]
    return lines if len(rows) == len(runs) else [*lines, f"  {more(len(runs) - len(rows), 'run')}"]


def _path_to(comparison: ScopeComparison, run: Run | None) -> Iterable[Run]:
    """*run* and the runs around it."""
    while run is not None:
        yield run
        run = comparison.observed.parent_of(run)


def _remark(comparison: ScopeComparison, run: Run) -> str:
    hearing = comparison.hearings[run]
    remarks = [f"not {', '.join(hearing.missing)}"] if hearing.missing and not hearing.missed else []
    remarks += filter(None, [comparison.observed.orphan_remark(run)])
    return f"  ({'; '.join(remarks)})" if remarks else ""


def _explain_nothing(comparison: ScopeComparison, target: Target | None) -> Failure:
    """A check under which nothing ran fails, and says what it was limited to."""
    if target is not None and isinstance(target.given, Run):
        headline = f"expected a run to check, but the observer did not hear this one: {repr_short(target.given)}"
        return Failure(headline=headline)
    limit = comparison.observed.limit
    if _is_cut_by_handler(comparison):
        limit += " since the handler was made or cleared"
    elsewhere = _list_runs_elsewhere(comparison, target)
    why = filter(None, [_explain_why_nothing(comparison, target, bool(elsewhere))])
    if target is None or not comparison.in_scope:
        wanted = "a run" if target is None else f"a run of {target}"
        headline = f"expected {wanted} to check, but none began {limit}"
        others = [] if elsewhere or target is None else _list_runs_elsewhere(comparison, None)
        return Failure(headline=headline, rows=elsewhere or others, why=() if others else tuple(why))
    known = dict.fromkeys(run.label for run in comparison.in_scope)
    near = next(filter(None, (did_you_mean(name, known) for name in target.names)), "")
    return Failure(
        headline=f"expected a run of {target} to check, but no run that began {limit} has that name{near}",
        rows=[f"  the names there were: {names(comparison.in_scope, _NAMES)}", *elsewhere],
        why=tuple(why) or _explain_names(comparison, target),
    )


def _explain_names(comparison: ScopeComparison, target: Target) -> list[str]:
    """Why no run in the process has one of the names of *target*."""
    proofs = (explain_unheard_name(name, comparison.observed.runs) for name in target.names)
    return [proof.hint for proof in proofs if proof is not None][:1]


def _is_cut_by_handler(comparison: ScopeComparison) -> bool:
    """Whether runs are out of scope because they began before the handler was made or cleared."""
    return len(comparison.in_scope) < len(comparison.observed.in_scope)


def _list_runs_elsewhere(comparison: ScopeComparison, target: Target | None) -> list[str]:
    """The runs out of scope, with the name of *target* if there is one, and where they began."""
    in_scope = set(comparison.in_scope)
    elsewhere = [run for run in comparison.observed.runs if run not in in_scope]
    wanted = [run for run in elsewhere if target is None or run.label in target.names]
    places = comparison.observed.places
    before = "before the handler was made or cleared"
    lines = dict.fromkeys(f"  {run.label} began {places.get(run, before)}" for run in wanted)
    return first_lines(list(lines), _PLACES, "  ")


def _explain_why_nothing(comparison: ScopeComparison, target: Target | None, ran_elsewhere: bool) -> str | None:
    if target is not None and (overridden := explain_overridden_invoke(target)):
        return overridden
    if comparison.unobserved:
        return hint(
            f"the handler heard {names(comparison.unobserved)}, which the observer did not: it does not see a callback "
            "manager that is driven by hand. Ask the handler itself: assert_events([...])."
        )
    if _is_cut_by_handler(comparison):
        return hint("what ran before a handler was made, or cleared with clear(), cannot be asked of it.")
    if ran_elsewhere:
        return hint(
            "to check a run that began elsewhere, pass the Run itself as of= or under=; the observer has it in "
            f"{comparison.observed.observer}.runs."
        )
    if any(not run.started for run in comparison.in_scope):
        return _causes.INLINE_HANDLER.hint(
            "one run's start was not heard, so that its name is not known: pass the Run itself as of= or under=."
        )
    return None if comparison.in_scope else explain_that_nothing_ran()
