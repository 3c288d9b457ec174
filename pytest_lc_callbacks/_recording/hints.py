"""The known cause of a mismatch, where the recorded facts prove one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._recording.events import Event, Run
from pytest_lc_callbacks._recording.matching import find_mismatch
from pytest_lc_callbacks._recording.mismatch import Mismatch
from pytest_lc_callbacks._recording.names import TOKENS, is_end, is_start
from pytest_lc_callbacks._recording.observer_report import NOTHING_KNOWN, ObserverReport
from pytest_lc_callbacks._recording.patterns import Item
from pytest_lc_callbacks._recording.questions import Questions
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._recording.unsent import explain_same_failure, explain_unsent, patterns_in
from pytest_lc_callbacks._values import class_name, entry, is_a, text_of
from pytest_lc_callbacks._words import listing, possible, repr_short

# Of a longer recording nobody looks which runs are too many.
_SEARCHED = 20_000

NOTHING_RECORDED = possible(
    "the handler heard nothing.",
    map(str, (_causes.NOT_PASSED, _causes.NOTHING_RAN, _causes.NO_CONSTRUCTOR_CALLBACKS)),
)


def explain(
    mismatch: Mismatch,
    items: Sequence[Item],
    selection: Selection,
    recording: Questions,
    report: ObserverReport = NOTHING_KNOWN,
) -> Sequence[str]:
    """
    ``hint:`` paragraphs; none where the facts prove no cause that LangChain is known for.

    What the events themselves prove comes before what the observer's *report* says of missed runs, and that before
    what the events alone make likely.
    """
    failure = _Failure(mismatch, items, selection, recording, report)
    proven = _first_hint(failure, _PROOFS)
    if proven or report.hints:
        return [proven] if proven else report.hints
    guessed = _first_hint(failure, _EXPLANATIONS_WITHOUT_OBSERVER)
    return [guessed] if guessed else []


def _first_hint(failure: _Failure, explanations: Iterable[Callable[[_Failure], str | None]]) -> str | None:
    return next(filter(None, (explain(failure) for explain in explanations)), None)


@dataclass(frozen=True)
class _Failure:
    """A mismatch, and what it is a mismatch of."""

    mismatch: Mismatch
    items: Sequence[Item]
    selection: Selection
    recording: Questions
    report: ObserverReport

    @cached_property
    def there(self) -> Event | None:
        """The event at the mismatch; None where events are missing."""
        at = self.mismatch.at
        return self.selection.event(at) if at < len(self.selection) else None

    @cached_property
    def runs(self) -> list[Run]:
        return self.selection.runs()


def _explain_double_there(failure: _Failure) -> str | None:
    """The event at the mismatch is a start or an end that its run has more than once."""
    there = failure.there
    if there is None or there.run is None or not _is_sent_once(there.name):
        return None
    return _twice(failure, there.name, there.run) if there.run.names.count(there.name) > 1 else None


def _explain_same_failure(failure: _Failure) -> str | None:
    """The event at the mismatch is an error that a run inside had raised, and that was recorded before."""
    there = failure.there
    proof = None if there is None or there.error is None or there.run is None else explain_same_failure([there.run])
    return proof.hint if proof else None


def _explain_unsent(failure: _Failure) -> str | None:
    """LangChain did not send what is expected, and the events say why."""
    proof = explain_unsent(failure.mismatch.expected, failure.recording, failure.there, failure.report)
    return proof.hint if proof else None


def _explain_error(failure: _Failure) -> str | None:
    """The event at the mismatch is an error that the list does not have from there on."""
    there, mismatch = failure.there, failure.mismatch
    if there is None or there.error is None or there.name in names_in(*mismatch.expected, *mismatch.rest):
        return None
    if there.run is not None and there.name.replace("_error", "_end") in there.run.names:
        return None
    if is_a(there.error, GeneratorExit):
        return explain_left_stream(there)
    label = there.run.label if there.run else "a run"
    return _causes.RAISED.hint(f"{label} raised {repr_short(there.error)}.")


def explain_failures(failed: Sequence[Event]) -> list[str]:
    """The hint for a test that expects no errors, and has these events of runs that *failed*."""
    first = failed[0]
    if is_a(first.error, GeneratorExit):
        return [explain_left_stream(first)]
    if first.run is not None and _was_read_to_its_end(first):
        facts = f"{first.run.label} was cancelled when it had finished a block of its answer."
        return [possible(facts, [str(_causes.LOOP_CLOSED)])]
    recovered = [_ended_around(event.run) for event in failed if event.run is not None and event.error is not None]
    if len(recovered) < len(failed) or not all(recovered) or first.run is None:
        return []
    return [_causes.RECOVERED.hint(f"{first.run.label} failed, and {recovered[0]} around it ended well.")]


def _was_read_to_its_end(event: Event) -> bool:
    """Whether a v3 stream was cancelled after what may be its last piece."""
    if class_name(type(event.error)) != "CancelledError" or event.run is None:
        return False
    pieces = event.run._where(lambda name: name == "stream_event")
    last = event.run._log.entry(pieces[-1], "event") if pieces else None
    return text_of(entry(last, "event")) in ("content-block-finish", "message-finish")


def _ended_around(run: Run) -> str | None:
    """The innermost run around *run* that did not fail with it, and ended."""
    around = next((each for each in run.ancestors() if each.status != "failed"), None)
    return around.label if around is not None and around.status == "ended" else None


def explain_left_stream(event: Event) -> str:
    """The hint for an *event* whose error is a GeneratorExit."""
    label = event.run.label if event.run else "a run"
    return _causes.LEFT_STREAM.hint(f"{label} was left before its end by whoever iterated it.")


def _explain_tokens(failure: _Failure) -> str | None:
    """Without its tokens the recording is what was expected, at least in another order."""
    if failure.there is None or failure.there.name not in TOKENS:
        return None
    tokens = " and ".join(name for name in TOKENS if name in failure.selection.names)
    without = failure.selection.without(*TOKENS)
    if find_mismatch(failure.items, without) is None:
        return _causes.TOKENS.hint(f"without {tokens}, the recorded events are the expected ones.")
    if _same_names(failure.items, without.names):
        return _causes.STREAMED_STEPS.hint(
            f"without {tokens}, the recorded events are the expected ones, in another order."
        )
    return None


def _explain_double_before(failure: _Failure) -> str | None:
    """A start or an end came again somewhere, and without such doubles the recording is what was expected."""
    selection = failure.selection
    once_only = set(filter(_is_sent_once, set(selection.names)))
    seen: set[tuple[Run, str]] = set()
    doubles: dict[int, tuple[Run, str]] = {}
    for index, (name, run) in enumerate(zip(selection.names, selection.run_of_each(), strict=True)):
        if name not in once_only or run is None:
            continue
        if (run, name) in seen:
            doubles[index] = run, name
        seen.add((run, name))
    if not doubles:
        return None
    rest = selection.at([index for index in range(len(selection)) if index not in doubles])
    if find_mismatch(failure.items, rest) is not None:
        return None
    run, name = next(iter(doubles.values()))
    return _twice(failure, name, run)


def _is_sent_once(name: str) -> bool:
    return is_start(name) or is_end(name)


def _twice(failure: _Failure, name: str, run: Run) -> str:
    known = failure.report.doubles.get(run._id_key)
    return known or _causes.TWICE.hint(f"the handler got {name!r} of the same {run.label} run more than once.")


def _explain_one_component(failure: _Failure) -> str | None:
    """The handler heard no parent of its outermost runs, they had one, and the expected event is the parent's."""
    tops = [run for run in failure.runs if run.parent is None]
    if not tops or any(run.parent_run_id is None or not run.started for run in tops):
        return None
    if not _is_about_run_around(failure, tops):
        return None
    names = sorted({run.label for run in tops})
    if len(names) == 1:
        return _causes.ONE_COMPONENT.hint(f"the handler heard {names[0]} but not its parent run.")
    causes = map(str, (_causes.ONE_COMPONENT, _causes.INHERITABLE_HANDLERS))
    return possible(f"the handler heard {listing(names)}, but not the run around them.", causes)


def _is_about_run_around(failure: _Failure, tops: Sequence[Run]) -> bool:
    """Whether a chain's event is expected where an event of one of *tops* is."""
    wanted = names_in(*failure.mismatch.expected)
    if not wanted or not all(name.startswith("chain_") for name in wanted):
        return False
    return failure.there is None or failure.there.run in tops


def _explain_surplus(failure: _Failure) -> str | None:
    """Without runs that were heard for a reason of their own, the recorded events are the expected ones."""
    selection = failure.selection
    if not failure.report.surplus or len(selection) > _SEARCHED:
        return None
    keys = [None if run is None else run._id_key for run in selection.run_of_each()]
    for surplus in failure.report.surplus:
        kept = [index for index, key in enumerate(keys) if key not in surplus.run_ids]
        if len(kept) < len(keys) and find_mismatch(failure.items, selection.at(kept)) is None:
            return surplus.hint
    return None


def _explain_concurrent(failure: _Failure) -> str | None:
    """The expected events were all recorded, in another order, and some runs were open at the same time."""
    if not _same_names(failure.items, failure.selection.names) or not _overlap(failure.runs):
        return None
    return _causes.CONCURRENT.hint("the recorded events are the expected ones, in another order.")


def _overlap(runs: Iterable[Run]) -> bool:
    """Whether two runs with the same parent were open at the same time, or are started side by side."""
    last: dict[object, Run] = {}
    for run in runs:
        other = last.get(run._parent_id_key)
        if other is not None and (run._first < other._last or run._started_beside(other)):
            return True
        last[run._parent_id_key] = run if other is None or run._last > other._last else other
    return False


def _explain_silence(failure: _Failure) -> str | None:
    """A run ended where a run inside it was expected, and the handler heard none inside it."""
    there = failure.there
    starts = set(filter(is_start, names_in(*failure.mismatch.expected)))
    if there is None or there.run is None or not is_end(there.name) or there.run.children or not starts:
        return None
    if there.run.run_type not in ("tool", "chain") or not starts.isdisjoint(failure.selection.names):
        return None
    causes = (_causes.NOTHING_RAN, _causes.NOT_INHERITED, _causes.REPLACED, _causes.OTHER_THREAD)
    silence = f"the handler heard no run inside {there.run.label}; assert_runtime_scope() tells why."
    return possible(silence, map(str, causes))


_PROOFS: tuple[Callable[[_Failure], str | None], ...] = (
    _explain_double_there,
    _explain_same_failure,
    _explain_error,
    _explain_tokens,
    _explain_double_before,
    _explain_surplus,
    _explain_unsent,
    _explain_concurrent,
)
_EXPLANATIONS_WITHOUT_OBSERVER: tuple[Callable[[_Failure], str | None], ...] = (
    _explain_one_component,
    _explain_silence,
)


def _same_names(items: Sequence[Item], names: Sequence[str]) -> bool:
    """Whether *items* are bare names, the same as *names* in some order."""
    return all(isinstance(item, str) for item in items) and Counter(names) == Counter(map(str, items))


def names_in(*items: Item) -> list[str]:
    """The names of events that *items* speak of."""
    return [pattern.name for pattern in patterns_in(items) if pattern.name]
