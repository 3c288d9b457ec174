"""What the class of a handler and the runs that it was sent prove, where a test is about that handler."""

from __future__ import annotations

import ast
import dis
import inspect
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import FunctionType
from typing import Any

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._causes import Proof
from pytest_lc_callbacks._findings.handler_lists import Sent
from pytest_lc_callbacks._recording import (
    EVENT_NAMES,
    Run,
    declined_by,
    explain_control_flow,
    explain_resumed,
    explain_same_failure,
    is_control_flow,
    said_of_name,
)
from pytest_lc_callbacks._scopes import ObservedRuns
from pytest_lc_callbacks._source import nodes_of
from pytest_lc_callbacks._values import ask, bases, class_name, is_a, is_true, module_name
from pytest_lc_callbacks._words import listing

_STARTS = {"llm": ("llm_start", "chat_model_start"), "chain": ("chain_start",), "tool": ("tool_start",)}
_STARTS["retriever"] = ("retriever_start",)


def handler_facts(
    handler: Any, sent: Collection[Sent], runs: Sequence[Run], observed: ObservedRuns, about: Collection[str]
) -> Iterator[Proof]:
    """
    What is proven about a *handler* that did not do what a test expects of it.

    Args:
        handler: The handler.

        sent: The starts of runs that LangChain sent it.

        runs: These runs.

        observed: The runs of the test.

        about: The names of the methods that the test asks for.
    """
    methods = methods_of(type(handler))
    yield from _never_called(handler, {name: each for name, each in methods.items() if name in about}, methods)
    yield from _without_error_method(handler, methods, runs, about)
    yield from _declined(handler, about, runs)
    yield from _counted_errors(about, runs, observed)
    yield from _asked_twice(handler, methods, sent, about)
    yield from _without_model_name(handler, runs)
    yield from _lost_context(handler, methods, sent, about)
    yield from _not_awaited(handler, methods, sent, about)
    events = {name.removeprefix("on_") for name in about}
    yield from filter(None, [explain_resumed(runs, events)])
    yield from _late([run for run in runs if not events.isdisjoint(run.names)], observed)
    yield from _mixed(handler, methods, runs, about)
    yield from _twice(handler, Counter(sent), runs)


def tracer_facts(handler: Any, runs: Iterable[Run], line: Collection[str]) -> Iterator[Proof]:
    """What is proven of a tracer where a *line* names one of its *runs* and what it keeps of runs."""
    methods = methods_of(type(handler))
    persist = methods.pop("_persist_run", None)
    is_tracer = any(class_name(base) == "BaseTracer" for base in bases(type(handler)))
    inside = next((run for run in runs if run.parent is not None and run.label in line), None)
    if not is_tracer or persist is None or inside is None or "_end_trace" in methods:
        return
    kept = attributes_of(persist).intersection(line)
    if kept and not any(kept & attributes_of(each) for name, each in methods.items() if name != "__init__"):
        *_, root = inside.ancestors()
        facts = f"{inside.label} is inside {root.label}, which {_name(handler)} persists as a whole."
        yield Proof(_causes.ROOTS_ALONE, facts)


def methods_of(kind: type) -> dict[str, FunctionType]:
    """The functions of a handler's class by their names, LangChain's own left out."""
    own = [base for base in reversed(bases(kind)) if not module_name(base).startswith(("langchain", "langgraph"))]
    return {name: value for base in own for name, value in list(vars(base).items()) if type(value) is FunctionType}


def asked_methods(methods: Mapping[str, FunctionType], words: Collection[str]) -> set[str]:
    """The names of those *methods* for events that use an attribute which is one of the *words*, if through others."""
    used = {name: attributes_of(method) for name, method in methods.items()}
    for _ in used:
        used = {name: names.union(*(used.get(each, ()) for each in names)) for name, names in used.items()}
    return {name for name, names in used.items() if name.startswith("on_") and not names.isdisjoint(words)}


def _never_called(handler: Any, asked: dict[str, FunctionType], methods: dict[str, FunctionType]) -> Iterator[Proof]:
    """A method whose name is none of LangChain's, where LangChain has another name for what it is about."""
    for method in filter(lambda name: name.startswith("on_"), asked):
        said = said_of_name(method.removeprefix("on_")) if method.removeprefix("on_") not in EVENT_NAMES else None
        # The handler may have both, or call the method itself.
        if said is None or f"on_{said[1]}" in methods or any(_reads(each, method) for each in methods.values()):
            continue
        yield Proof(_causes.UNKNOWN_METHOD, f"LangChain never calls {_name(handler)}.{method}: {said[0]}.")


def _without_error_method(
    handler: Any, methods: Collection[str], runs: Iterable[Run], about: Collection[str]
) -> Iterator[Proof]:
    """A run failed, and the handler has a method for its start and its end alone."""
    for run in runs:
        event = run.names[-1]
        kind = event.removesuffix("_error")
        if not event.endswith("_error") or is_control_flow(run.error) or f"on_{event}" in methods:
            continue
        starts = [f"on_{start}" for start in _STARTS.get(kind, ()) if f"on_{start}" in methods]
        if f"on_{kind}_end" in methods and starts and not {f"on_{kind}_end", *starts}.isdisjoint(about):
            facts = f"{run.label} ended with {event}, and {_name(handler)} has no on_{event}."
            yield Proof(_causes.NO_ERROR_METHOD, facts)
            return


def _declined(handler: Any, methods: Collection[str], runs: Iterable[Run]) -> Iterator[Proof]:
    """The handler has a method for events of a run, and declines them."""
    for run in runs:
        for name in run.names:
            flag = declined_by(name)
            if f"on_{name}" in methods and flag is not None and is_true(ask(handler, flag)):
                facts = f"{flag} of {_name(handler)} is true, so that it declines {name} of {run.label}."
                yield Proof(_causes.DECLINED, facts)
                return


def _counted_errors(methods: Collection[str], runs: Sequence[Run], observed: ObservedRuns) -> Iterator[Proof]:
    """The handler was sent an error that is no failure, that it got before, or that somebody dealt with."""
    failed = [run for run in runs if f"on_{run.names[-1]}" in methods and run.status == "failed"]
    steered = explain_control_flow(failed)
    if steered is not None:
        yield steered
        return
    same = explain_same_failure(failed)
    if same is not None and sum(run.error is failed[0].error for run in failed) > 1:
        yield same
        return
    for run in failed:
        around = observed.parent_of(run)
        while around is not None and around.status == "failed":
            around = observed.parent_of(around)
        if around is not None and around.status == "ended":
            yield Proof(_causes.RECOVERED, f"{run.label} failed, and {around.label} around it ended well.")
            return


def _asked_twice(
    handler: Any, methods: Collection[str], sent: Collection[Sent], about: Collection[str]
) -> Iterator[Proof]:
    """The handler's own on_chat_model_start asked for on_llm_start as well."""
    chats = {start.run_id for start in sent if start.event == "on_chat_model_start"}
    texts = {start.run_id for start in sent if start.event == "on_llm_start"}
    if (
        "on_chat_model_start" in methods
        and chats & texts
        and not {"on_chat_model_start", "on_llm_start"}.isdisjoint(about)
    ):
        facts = (
            f"{_name(handler)}.on_chat_model_start calls that of BaseCallbackHandler, and on_llm_start was called too."
        )
        yield Proof(_causes.NO_CHAT_MODEL_START, facts)


def _lost_context(
    handler: Any, methods: Mapping[str, FunctionType], sent: Collection[Sent], about: Collection[str]
) -> Iterator[Proof]:
    """One method of the handler sets a ContextVar that another one, for which the test asks, reads in an async run."""
    if not any(start.is_async for start in sent):
        return
    set_by = {name for each in methods.values() for name in _variables(each, "set")}
    asked = [method for name, method in methods.items() if name in about or not name.startswith("on_")]
    if set_by & {name for each in asked for name in _variables(each, "get")}:
        yield Proof(_causes.CONTEXT_PER_EVENT, f"{_name(handler)} sets a ContextVar, in an async run.")


def _variables(function: FunctionType, verb: str) -> Iterator[str]:
    """The names of the global ContextVars of which a *function* calls ``set`` or ``get``."""
    named: str | None = None
    for step in dis.get_instructions(function):
        if step.opname == "LOAD_GLOBAL":
            name = str(step.argval)
            named = name if is_a(function.__globals__.get(name), ContextVar) else None
        elif named is not None and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            if step.argval == verb:
                yield named
            named = None


def _not_awaited(
    handler: Any, methods: Mapping[str, FunctionType], sent: Collection[Sent], about: Collection[str]
) -> Iterator[Proof]:
    """A method for which the test asks calls a coroutine function of the handler, and nobody awaits that."""
    coroutines = {name for name, method in methods.items() if inspect.iscoroutinefunction(method)}
    # In a sync run LangChain awaits what a plain method returns.
    dropping = (ast.Expr, ast.Return) if any(start.is_async for start in sent) else (ast.Expr,)
    for name, method in methods.items() if coroutines and sent else ():
        if not name.startswith("on_") or name not in about:
            continue
        kinds = (ast.Expr,) if name in coroutines else dropping
        values = [node.value for node in nodes_of(method) if isinstance(node, kinds)]
        called = [call.func for call in values if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)]
        lost = next((each for each in called if each.attr in coroutines and isinstance(each.value, ast.Name)), None)
        if lost is not None:
            facts = f"{_name(handler)}.{name} calls {ast.unparse(lost)}(...), a coroutine function, without await."
            yield Proof(_causes.HANDLER_NOT_AWAITED, facts)
            return


def _late(runs: Iterable[Run], observed: ObservedRuns) -> Iterator[Proof]:
    """The handler heard a run that began after its parent had ended."""
    remark = next(filter(None, map(observed.late_remark, runs)), None)
    if remark is not None:
        yield Proof(_causes.PARENT_ENDED, f"{remark}.")


def _without_model_name(handler: Any, runs: Iterable[Run]) -> Iterator[Proof]:
    """LangChain's own counter was sent usage of a model that does not say its name."""
    if _name(handler) != "UsageMetadataCallbackHandler":
        return
    for run in runs:
        last = run.events[-1]
        said = ask(ask(last.outputs, "response_metadata"), "get", lambda _: None)
        if last.name == "llm_end" and last.usage and not said("model_name"):
            facts = f"{run.label} reported usage, and no model_name in its response_metadata."
            yield Proof(_causes.NO_MODEL_NAME, facts)
            return


def _twice(handler: Any, sent: Mapping[Sent, int], runs: Sequence[Run]) -> Iterator[Proof]:
    """The handler stood in a list of callbacks twice."""
    ids = Counter(run._id_key for run in runs)
    doubled = {start.run_id for start, times in sent.items() if times == 2}
    # with_config(run_id=...) repeats an id.
    twice = [run.label for run in runs if run._id_key in doubled and ids[run._id_key] == 1]
    if twice:
        facts = f"{_name(handler)} is twice among the callbacks of {listing(twice, 3)}."
        yield Proof(_causes.TWICE, facts)


def _mixed(
    handler: Any, methods: dict[str, FunctionType], runs: Sequence[Run], about: Collection[str]
) -> Iterator[Proof]:
    """Runs were open at the same time, and methods for which the test asks use what is kept of one run alone."""
    if any(_reads(function, "run_id") for function in methods.values()):
        return
    starts = [function for name, function in methods.items() if name.endswith("_start")]
    ends = [function for name, function in methods.items() if name.endswith(("_end", "_error", "_token"))]
    kept, beside = _kept_for_one_run(starts, ends), _beside(runs)
    used = {name for method in about if method in methods for name in attributes_of(methods[method])}
    if beside and not used.isdisjoint(kept):
        facts = f"{' and '.join(beside)} were open at the same time, and {_name(handler)} keeps {listing(kept)} for all"
        yield Proof(_causes.MIXED_RUNS, f"{facts} runs alike.")


def _beside(runs: Sequence[Run]) -> list[str]:
    """The names of two runs, neither inside the other, that were open at the same time."""
    for number, run in enumerate(runs[1:], 1):
        before = runs[number - 1]
        if run._first < before._last and before not in run.ancestors():
            return [before.label, run.label]
    return []


def _reads(function: FunctionType, name: str) -> bool:
    return any(step.opname.startswith("LOAD") and name in repr(step.argval) for step in dis.get_instructions(function))


def _kept_for_one_run(starts: Sequence[FunctionType], ends: Sequence[FunctionType]) -> list[str]:
    """
    The attributes that the methods of *starts* set for those of *ends* to read, and the stacks of the two.

    A list that both append to, and a number that both add to, are of all runs, as they should be.
    """
    set_by_starts = {name for function in starts for name in _set(function)}
    read = [{name for function in functions for name in _loaded(function)} for functions in (starts, ends)]
    kept = set_by_starts & read[1]
    if "append" in read[0] and "pop" in read[1]:
        kept |= read[0] & read[1] - {"append", "pop"}
    return sorted(kept)


def attributes_of(function: FunctionType) -> set[str]:
    """The attributes and methods that a function reads or sets."""
    return _arguments(function, "LOAD_ATTR", "STORE_ATTR", "LOAD_METHOD")


def _loaded(function: FunctionType) -> set[str]:
    """The attributes and methods that a function reads."""
    return _arguments(function, "LOAD_ATTR", "LOAD_METHOD")


def _arguments(function: FunctionType, *instructions: str) -> set[str]:
    """What these *instructions* of a function name."""
    return {str(step.argval) for step in dis.get_instructions(function) if step.opname in instructions}


def _set(function: FunctionType) -> set[str]:
    """The attributes that a function sets before it reads them: ``self.current = run``, and not ``self.open += 1``."""
    first: dict[str, str] = {}
    for step in dis.get_instructions(function):
        if step.opname in ("LOAD_ATTR", "STORE_ATTR"):
            first.setdefault(str(step.argval), step.opname)
    return {name for name, opname in first.items() if opname == "STORE_ATTR"}


def unheard_facts(handler: Any, heard: Collection[Run], observed: ObservedRuns) -> Iterator[Proof]:
    """Why a *handler* heard nothing, where it *heard* nothing, as far as the first call of the test shows it."""
    top = next((run for run in observed.body_runs if observed.parent_of(run) is None), None)
    if heard or top is None:
        return
    origin, given = observed.origin(top), observed.given(top)
    if origin is None or given is None:
        return
    at = f" at {origin.place}" if origin.place else ""
    if any(name == _name(handler) and known != id(handler) for known, name in given.handlers):
        yield Proof(_causes.ANOTHER_INSTANCE, f"another {_name(handler)} heard {top.label}{at}.")
    elif _name(handler) == "UsageMetadataCallbackHandler" and origin.thread:
        facts = f"{top.label} was called{at} in the thread {origin.thread}, where no such callback is set."
        yield Proof(_causes.USAGE_CONTEXT, facts)
    elif not given.options and not given.unknown_keys and not given.in_reach and not origin.thread:
        facts = f"{_name(handler)} is not among the callbacks of {top.label}, which was called{at}."
        yield Proof(_causes.NOT_PASSED, facts)


def _name(handler: Any) -> str:
    return class_name(type(handler))
