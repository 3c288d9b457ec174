"""Why a handler did not hear a run, as far as the call of that run shows it: each proof yields hints, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._scopes.evidence import Evidence, has_option
from pytest_lc_callbacks._scopes.given import EMPTY, NONE, Given
from pytest_lc_callbacks._scopes.source import (
    find_dropped_config,
    find_ignored_constructor,
    find_unknown_argument,
    find_unused_with_config,
)
from pytest_lc_callbacks._values import entries, is_a, items
from pytest_lc_callbacks._words import did_you_mean, listing

# LangChain's kinds of runs whose components take no constructor callbacks, and say nothing of it.
_IGNORING = ("prompt", "retriever", "parser")


def prove_class_given(evidence: Evidence) -> Iterator[str]:
    """The list of callbacks holds the handler's class, and nothing of the handler itself."""
    for run, given in evidence.missed_calls():
        if evidence.handler_name in given.classes and not _has(evidence, given):
            yield _causes.CLASS_AS_HANDLER.hint(
                f"{_called(run, given)} with the class {evidence.handler_name} in place of an instance. Pass "
                f"{evidence.handler_name}()."
            )


def prove_callbacks_as_option(evidence: Evidence) -> Iterator[str]:
    """The handler is a keyword of the call, or was bound; or a model has ``callbacks`` among its options."""
    for run, given in evidence.missed_calls():
        word = _key_of_handler(evidence, given.options)
        if word is not None and not has_option(run, "callbacks"):
            facts = f"{_called(run, given)} with {word}= as a keyword of the call, or of bind()."
            yield _causes.CALLBACKS_AS_OPTION.hint(facts)
    swallowed = [run for run in evidence.missed if has_option(run, "callbacks")]
    if swallowed:
        names = listing(run.label for run in swallowed)
        yield _causes.CALLBACKS_AS_OPTION.hint(f"{names} was called with callbacks= among its options.")


def prove_unknown_key(evidence: Evidence) -> Iterator[str]:
    """The config holds the handler under a key that LangChain does not know."""
    for run, given in evidence.missed_calls():
        key = _key_of_handler(evidence, given.unknown_keys)
        if key is None or _has(evidence, given):
            continue
        where = "under configurable" if key == "callbacks" else f"under {key!r}{did_you_mean(key, ['callbacks'])}"
        yield _causes.UNKNOWN_KEY.hint(f"{_called(run, given)} with a config that has the handler {where}.")


def prove_misplaced(evidence: Evidence) -> Iterator[str]:
    """The handler stands in the input of the call, or in its metadata."""
    for run, given in _silent_calls(evidence):
        for place, values in (("the input", run.inputs), ("the metadata", run.metadata)):
            key = next((key for key, value in entries(values) if _holds(evidence, value)), None)
            if is_a(key, str):
                yield _causes.NOT_PASSED.hint(f"{_called(run, given)}, and {place} has the handler under {key!r}.")


def _holds(evidence: Evidence, value: Any) -> bool:
    return any(id(each) in evidence.handler_ids for each in (value, *items(value)))


def prove_unread_context(evidence: Evidence) -> Iterator[str]:
    """A method of LangChain's that takes ``callbacks=`` alone was called inside a heard run, without any."""
    for run, given, around in _inside_heard(evidence):
        if given.kind == NONE and given.entry is not None:
            yield _causes.UNREAD_CONTEXT.hint(
                f"{run.label} was called inside {around.label}{_at(given)} with {given.entry}, and without callbacks=."
            )


def prove_detached(evidence: Evidence) -> Iterator[str]:
    """A run was called inside a heard run with an empty list of callbacks."""
    for run, given, around in _inside_heard(evidence):
        if given.kind == EMPTY:
            facts = f"{run.label} was called inside {around.label}{_at(given)} with callbacks=[]."
            yield _causes.DETACHED.hint(facts)


def prove_unused_with_config(evidence: Evidence) -> Iterator[str]:
    """The function that made the call throws the result of ``with_config(callbacks=...)`` away."""
    for run, given in _silent_calls(evidence):
        found = find_unused_with_config(given.file, given.line)
        if found is not None:
            facts = f"{_called(run, given)}, and the result of {found} is not used."
            yield _causes.UNUSED_WITH_CONFIG.hint(facts)


def prove_by_source(evidence: Evidence) -> Iterator[str]:
    """The function that made the call has callbacks that reach nothing."""
    yield from _prove_dropped_config(evidence)
    yield from _prove_ignored_constructor(evidence)
    yield from _prove_unknown_argument(evidence)


def _prove_dropped_config(evidence: Evidence) -> Iterator[str]:
    """The function that made the call binds tools to what with_config(callbacks=...) gave."""
    for run, given in _silent_calls(evidence):
        found = find_dropped_config(given.file, given.line)
        if found is not None:
            yield _causes.CONFIG_DROPPED.hint(f"{_called(run, given)}, and tools are bound behind {found}.")


def _prove_ignored_constructor(evidence: Evidence) -> Iterator[str]:
    """The function that made the call gives callbacks to the constructor of a component that takes none."""
    classes = {run.label for run in evidence.missed if run.run_type in _IGNORING}
    # Of the target, prove_ignoring_target says it.
    for _, given in _silent_calls(evidence) if classes and not evidence.constructor else ():
        found = find_ignored_constructor(given.file, given.line, classes)
        if found is not None:
            yield _causes.NO_CONSTRUCTOR_CALLBACKS.hint(f"callbacks are given to {found}.")


def _prove_unknown_argument(evidence: Evidence) -> Iterator[str]:
    """The function that made the call gives the component an argument that LangChain does not know."""
    for run, given in _silent_calls(evidence):
        found = find_unknown_argument(given.file, given.line, {each.label for each in (run, *run.subtree())})
        if found is not None:
            yield _causes.UNKNOWN_ARGUMENT.hint(f"{_called(run, given)}, and was made with {found}.")


def prove_config_in_reach(evidence: Evidence) -> Iterator[str]:
    """The code that made the call has the handler in a config, and did not pass that config on."""
    for run, given in _silent_calls(evidence):
        if given.in_reach & evidence.handler_ids and evidence.origin(run).inside is None:
            yield _causes.CONFIG_NOT_PASSED_ON.hint(
                f"{_called(run, given)}, and not with the config that holds the handler there."
            )


def prove_another_instance(evidence: Evidence) -> Iterator[str]:
    """Another instance of the handler's class was among the handlers of a missed run, and the handler was not."""
    for run in evidence.missed if not evidence.heard_anywhere else ():
        given = evidence.given(run)
        # A second with_config may have put the other one in place of the handler.
        if given is not None and not given.bound and is_heard_by_another(evidence, given):
            yield _causes.ANOTHER_INSTANCE.hint(f"another {evidence.handler_name} heard {run.label}{_at(given)}.")
            return


def is_heard_by_another(evidence: Evidence, given: Given) -> bool:
    """Whether an instance of the handler's class is among the handlers of the call, and the handler is not."""
    if _has(evidence, given) or not evidence.handler_ids:
        return False
    return any(name == evidence.handler_name for _, name in given.handlers)


def _inside_heard(evidence: Evidence) -> Iterator[tuple[Run, Given, Run]]:
    """The missed calls inside a run that the handler heard, each with that run."""
    for run, given in evidence.missed_calls():
        around = evidence.around(run)
        if evidence.origin(run).inside is not None and around is not None and evidence.hearing(around).heard:
            yield run, given, around


def _silent_calls(evidence: Evidence) -> Iterator[tuple[Run, Given]]:
    """The missed calls in the test's thread that the handler was not passed to."""
    for run, given in evidence.missed_calls():
        if not _has(evidence, given) and not evidence.origin(run).thread:
            yield run, given


def _has(evidence: Evidence, given: Given) -> bool:
    """Whether the handler is among the handlers of the call."""
    return any(known in evidence.handler_ids for known, _ in given.handlers)


def _key_of_handler(evidence: Evidence, keys: Sequence[tuple[str, frozenset[int]]]) -> str | None:
    return next((key for key, ids in keys if ids & evidence.handler_ids), None)


def _called(run: Run, given: Given) -> str:
    return f"{run.label} was called{_at(given)}"


def _at(given: Given) -> str:
    return f" at {given.place}" if given.place else ""
