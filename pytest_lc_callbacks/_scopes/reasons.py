"""Why a handler heard too little or too much: the causes that the facts of a failed check prove or allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._causes import AT_RUN_TIME, Cause
from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._scopes.call_proofs import (
    is_heard_by_another,
    prove_another_instance,
    prove_by_source,
    prove_callbacks_as_option,
    prove_class_given,
    prove_config_in_reach,
    prove_detached,
    prove_misplaced,
    prove_unknown_key,
    prove_unread_context,
    prove_unused_with_config,
)
from pytest_lc_callbacks._scopes.comparison import ScopeComparison
from pytest_lc_callbacks._scopes.evidence import (
    Evidence,
    has_option,
    kind_without_context,
    takes_constructor_callbacks,
    thread_of,
)
from pytest_lc_callbacks._scopes.given import EMPTY, NONE, Given, graphs_replace
from pytest_lc_callbacks._scopes.observed_runs import Origin
from pytest_lc_callbacks._scopes.surplus import find_doubles
from pytest_lc_callbacks._scopes.target import Target, is_kind
from pytest_lc_callbacks._words import listing, possible

_HINTS = 4
_TOOL_OPTIONS = ("tools", "functions", "ls_structured_output_format")
# LangChain's classes whose invoke() sends callbacks.
_BASES = ("BaseRetriever", "BaseTool", "BaseChatModel", "BaseLLM")


def explain_missed_runs(evidence: Evidence) -> list[str]:
    """Hints why the handler heard too little, or events more than once: what is proven, or else what is possible."""
    proven = list(dict.fromkeys(hint for prove in _PROOFS for hint in prove(evidence)))
    if proven:
        return proven[:_HINTS]
    return _list_causes_of_orphans(evidence) if evidence.heard else [_list_causes_of_silence(evidence)]


def explain_runs_beside_component(comparison: ScopeComparison, name: str, own: list[Run], others: list[Run]) -> str:
    """A hint why a handler that belongs to one component alone heard its runs, *own*, and *others*."""
    parent_of, inner, outer = comparison.observed.parent_of, set(own), set(others)
    if any(parent_of(run) in outer for run in own):
        return _causes.INHERITED.hint(_heard_around(name))
    if any(parent_of(run) in inner for run in others):
        return _causes.INHERITED.hint(
            f"it heard the runs inside {name}, so it was passed at run time or with with_config."
        )
    facts = f"it was passed to other components beside {name}, or to calls of theirs: {names(others)}."
    return _causes.OTHER_COMPONENTS.hint(facts)


def explain_runs_beside_step(comparison: ScopeComparison, name: str, own: list[Run], others: list[Run]) -> str:
    """A hint why a handler that belongs to one step and what runs inside it, *own*, heard *others*."""
    outer = set(others)
    if any(comparison.observed.parent_of(run) in outer for run in own):
        return _causes.INHERITED.hint(_heard_around(name))
    return _causes.OTHER_COMPONENTS.hint(f"it was also passed to what runs beside {name}: {names(others)}.")


def explain_overridden_invoke(target: Target) -> str | None:
    """A hint that the runnable that was passed as ``of=`` or ``under=`` sends no callbacks; None if it does."""
    kind = next((kind for kind in _BASES if is_kind(target.given, kind)), None)
    owner = next((base for base in type(target.given).__mro__ if "invoke" in vars(base)), None)
    if kind is None or owner is None or owner.__module__.startswith(("langchain", "langgraph")):
        return None
    return _causes.OVERRIDES_INVOKE.hint(f"{owner.__name__} overrides invoke() of {kind}.")


def names(runs: Iterable[Run], limit: int = 5) -> str:
    """The names of *runs*, each once, cut to a few."""
    return listing((run.label for run in runs), limit)


def _heard_around(name: str) -> str:
    return (
        f"it also heard the run around {name}, so it was passed at run time or with with_config, on a call or step "
        "around it."
    )


# Each proof yields hints if the facts leave no other cause.


def prove_double(evidence: Evidence) -> Iterator[str]:
    """The handler heard events more than once."""
    doubled = [run for run in evidence.runs if evidence.hearing(run).surplus]
    several = find_doubles(evidence.comparison) if doubled else {}
    yield from list(dict.fromkeys(several[run._id_key] for run in doubled if run._id_key in several))[:1]
    doubled = [run for run in doubled if run._id_key not in several]
    if not doubled:
        return
    children = evidence.children(doubled)
    if any(evidence.hearing(child).surplus for child in children):
        facts = f"the handler heard {names(doubled)} more than once, although some are inside others."
        yield _causes.HANDED_ON.hint(facts)
        return
    times = {evidence.hearing(run).times for run in doubled}
    often = "twice" if times == {2} else f"{min(times)} times" if len(times) == 1 else "more than once"
    once = any(evidence.hearing(child).complete for child in children)
    yield _causes.TWICE.hint(
        f"{names(doubled)} got the same handler {often}{'; the runs under it heard it once' if once else ''}."
    )


def prove_replaced_callbacks(evidence: Evidence) -> Iterator[str]:
    """A run began without a parent although its context held a run that the handler heard."""
    for run in evidence.missed:
        origin, around = evidence.origin(run), evidence.around(run)
        if origin.inside is None or around is None or not evidence.hearing(around).heard:
            continue
        # call_proofs.py knows what it means that there were none.
        has_none = origin.given is not None and origin.given.kind in (NONE, EMPTY)
        if not has_none and not evidence.observed.is_left_by_fallbacks(run):
            facts = f"{run.label} was called inside {around.label}{_at(origin)} with callbacks of its own."
            yield _causes.REPLACED.hint(facts)


def prove_no_context_inside(evidence: Evidence) -> Iterator[str]:
    """A retriever or a model called a run: LangChain's context is empty in their code."""
    for run in evidence.find_runs_out_of_context():
        found = evidence.find_component_around(run)
        if found is not None and evidence.find_open_beside(run) is not None:
            facts = f"{run.label} was called inside the {found[1]} {found[0].label}{_at(evidence.origin(run))}."
            yield _causes.NO_CONTEXT_INSIDE.hint(facts)


def prove_manager_by_hand(evidence: Evidence) -> Iterator[str]:
    """A run was called while a run was open that somebody's own code had begun with a callback manager."""
    for run in evidence.find_runs_out_of_context():
        manual = evidence.find_manager_by_hand(run)
        if manual is not None:
            yield _causes.BY_HAND.hint(
                f"{run.label} was called{_at(evidence.origin(run))} while {manual.label} was open, which was begun by "
                "hand with a callback manager."
            )


def prove_other_thread(evidence: Evidence) -> Iterator[str]:
    """A run began in a thread of the program's own while a run was open that the handler heard."""
    for run in evidence.find_runs_out_of_context():
        origin, beside = evidence.origin(run), evidence.find_open_beside(run)
        # LangChain made the thread itself, or it called the code that runs there.
        known_to_langchain = not origin.call.asynchronous and origin.call.nested is not False
        if not origin.thread or known_to_langchain or beside is None or _in_one_thread(evidence, run, beside):
            continue
        yield _causes.OTHER_THREAD.hint(
            f"{run.label} began without a parent in another thread ({_describe_thread(origin.thread)}){_at(origin)}, "
            f"while {beside.label} was open. If it is a run by itself, leave it out of the check."
        )


def _in_one_thread(evidence: Evidence, run: Run, beside: Run) -> bool:
    # Before Python 3.12 an async run's handlers are called in any thread of the loop's executor.
    return thread_of(run) == thread_of(beside) and not evidence.is_in_async_run(beside)


def prove_other_context(evidence: Evidence) -> Iterator[str]:
    """Code that LangChain had called called a run, and not in the context that LangChain had made."""
    for run in evidence.find_runs_out_of_context():
        origin, beside = evidence.origin(run), evidence.find_open_beside(run)
        if origin.call.nested and beside is not None and evidence.find_component_around(run) is None:
            yield _causes.OTHER_CONTEXT.hint(
                f"{run.label} was called by code inside {beside.label}{_at(origin)}, but in a contextvars.Context that "
                "holds no run."
            )


def prove_inner_call(evidence: Evidence) -> Iterator[str]:
    """The handler heard a run that was called inside a function, and missed the run of that function."""
    for run in _heard_in_missed(evidence, called=True):
        around, ways = evidence.around(run), "that call, in its config or with with_config"
        inside = evidence.children([run])
        if takes_constructor_callbacks(run) and not any(evidence.hearing(child).heard for child in inside):
            ways = f"that call, or to the constructor of {run.label}"
        yield _causes.INNER_CALL.hint(
            f"the handler heard {run.label}, which was called inside {around.label if around else 'it'}"
            f"{_at(evidence.origin(run))}, but not the run around it: it was given to {ways}."
        )


def prove_one_component(evidence: Evidence) -> Iterator[str]:
    """The handler heard runs of components, and missed the run around them."""
    components = _heard_in_missed(evidence, called=False)
    if len({run.label for run in components}) > 1:
        yield _explain_components(evidence, components)
    elif components:
        yield _causes.ONE_COMPONENT.hint(
            f"the handler heard {components[0].label} but not the run around it: it was given to that component alone "
            f"({_how_given(evidence, components)})."
        )


def _heard_in_missed(evidence: Evidence, *, called: bool) -> list[Run]:
    """The heard runs inside missed ones: those that were *called* with callbacks of their own, or all others."""
    tops = [run for run in evidence.heard_anywhere if evidence.is_missed(evidence.around(run))]
    is_left = evidence.observed.is_left_by_fallbacks
    return [run for run in tops if (run.parent is None and not is_left(run)) is called]


def _how_given(evidence: Evidence, components: list[Run]) -> str:
    """How the handler was given to *components*: with_config reaches the runs inside, constructor callbacks do not."""
    inside = evidence.children(components)
    if any(evidence.hearing(child).heard for child in inside) or not any(map(takes_constructor_callbacks, components)):
        return "with_config on that step"
    return "its constructor" if inside else "its constructor, or with_config on that step"


def _explain_components(evidence: Evidence, components: list[Run]) -> str:
    """Where the handler heard all runs that have the missed one as their parent, a CallbackManager is possible too."""
    siblings = evidence.children({run.parent: None for run in components if run.parent is not None})
    facts = f"the handler heard {names(components)}, but not the run around them"
    if all(evidence.hearing(run).heard for run in siblings):
        causes = (_causes.INHERITABLE_HANDLERS, _causes.ONE_COMPONENT)
        return possible(f"{facts}. To let the handler hear the whole chain, {AT_RUN_TIME}.", map(str, causes))
    return _causes.ONE_COMPONENT.hint(f"{facts}: it was given to each of them alone.")


def prove_not_inherited(evidence: Evidence) -> Iterator[str]:
    """The handler heard a run, and missed the runs that have it as their parent."""
    parents = [run.parent for run in evidence.missed if run.parent is not None and evidence.hearing(run.parent).heard]
    # Where the handler missed the run around that parent too, prove_one_component says more.
    parents = [run for run in parents if not evidence.is_missed(evidence.around(run))]
    if not parents:
        return
    if (equal := evidence.find_equal_handler(parents)) is not None:
        yield _causes.EQUAL_HANDLERS.hint(equal)
        return
    constructible = [run.label for run in parents if takes_constructor_callbacks(run)]
    given = f"to the constructor of {constructible[0]}, or " if constructible else ""
    yield _causes.NOT_INHERITED.hint(
        f"the handler heard {names(parents)} but not the runs inside it, so it is not inherited: it was given {given}"
        "as one of the handlers of a CallbackManager."
    )


def prove_ignoring_target(evidence: Evidence) -> Iterator[str]:
    """The runnable that was passed as ``of=`` is of a kind that ignores constructor callbacks."""
    kinds = {"BasePromptTemplate": "prompt", "BaseRetriever": "retriever"}
    target = evidence.target
    kind = next((kinds[base] for base in kinds if target is not None and is_kind(target.given, base)), None)
    if kind is not None and not evidence.heard:
        yield _causes.NO_CONSTRUCTOR_CALLBACKS.hint(f"{target} is a {kind}.")


def prove_not_in_constructor(evidence: Evidence) -> Iterator[str]:
    """The runnable that was passed as ``of=`` shows whether the handler is among its callbacks."""
    held, name = evidence.is_in_constructor(), evidence.target
    if evidence.heard or held is None:
        return
    if held:
        facts = f"the {name} passed as of= has the handler among its callbacks: another object of that name ran."
        yield _causes.ANOTHER_OBJECT.hint(facts)
    else:
        facts = f"the handler is not among the callbacks of the {name} passed as of=."
        yield _causes.NOT_IN_CONSTRUCTOR.hint(facts)


def prove_own_call(evidence: Evidence) -> Iterator[str]:
    """Code that LangChain had not called called a run, and the handler was not passed to that call."""
    trees = [run for run in evidence.find_unheard_trees() if not has_option(run, "callbacks")]
    own = [run for run in evidence.one_per_call(trees) if _is_own_call(evidence, run)]
    if not own or not evidence.heard:
        return
    facts = f"{names(own)} was called by itself{_at(evidence.origin(own[0]))}, and the handler was not passed to it."
    if evidence.is_heard_elsewhere(own):
        yield possible(facts, map(str, (_causes.BATCH_CONFIGS, _causes.OWN_CALL)))
    else:
        yield _causes.OWN_CALL.hint(facts)


def _is_own_call(evidence: Evidence, run: Run) -> bool:
    if evidence.find_manager_by_hand(run) is not None:
        return False
    origin = evidence.origin(run)
    return evidence.find_open_beside(run) is None or (origin.call.nested is False and not origin.thread)


# The most certain first.
_PROOFS = (
    prove_double,
    prove_class_given,
    prove_callbacks_as_option,
    prove_unknown_key,
    prove_misplaced,
    prove_unread_context,
    prove_detached,
    prove_replaced_callbacks,
    prove_no_context_inside,
    prove_manager_by_hand,
    prove_other_thread,
    prove_other_context,
    prove_inner_call,
    prove_one_component,
    prove_not_inherited,
    prove_by_source,
    prove_ignoring_target,
    prove_not_in_constructor,
    prove_unused_with_config,
    prove_config_in_reach,
    prove_another_instance,
    prove_own_call,
)


# Where nothing is proven, a hint lists the causes that the facts allow.


def _list_causes_of_orphans(evidence: Evidence) -> list[str]:
    """Runs began without a parent while a run was open that the handler heard."""
    runs = [run for run in evidence.missed if evidence.around(run) is None]
    beside = evidence.find_open_beside(runs[0]) if runs else None
    if beside is None:
        return []
    causes = [_causes.BATCH_CONFIGS] if evidence.is_heard_elsewhere(runs) else []
    causes.append(_causes.OWN_CALL)
    if kind_without_context(beside):
        causes.append(_causes.NO_CONTEXT_INSIDE)
    causes += [_causes.OTHER_THREAD, _causes.OTHER_CONTEXT]
    return [possible(f"{names(runs)} began without a parent while {beside.label} was open.", map(str, causes))]


def _list_causes_of_silence(evidence: Evidence) -> str:
    """The handler heard none of the runs that the check is about."""
    heard = [*evidence.heard_anywhere, *evidence.unobserved]
    what = f"none of these runs, only {names(heard)}" if heard else "nothing"
    return possible(f"the handler heard {what}.{_called_at(evidence)}", map(str, _causes_of_silence(evidence)))


def _called_at(evidence: Evidence) -> str:
    roots = [run for run in evidence.missed if evidence.around(run) is None]
    origin = evidence.origin(roots[0]) if len(roots) == 1 else None
    if origin is None or origin.place is None:
        return ""
    return f" {roots[0].label} was called at {origin.place}{_with_callbacks(origin.given)}."


def _with_callbacks(given: Given | None) -> str:
    """``, without callbacks``, or whose they were."""
    if given is None:
        return ""
    others = listing(name for _, name in given.handlers)
    return f", with callbacks of {others}" if others else ", without callbacks"


def _causes_of_silence(evidence: Evidence) -> Iterator[Cause]:
    yield _causes.NOT_IN_CONSTRUCTOR if evidence.constructor else _causes.NOT_PASSED
    others = _has_others(evidence)
    if evidence.has_own_equality and others:
        yield _causes.EQUAL_HANDLERS
    if any(
        given is not None and is_heard_by_another(evidence, given) for given in map(evidence.given, evidence.missed)
    ):
        yield _causes.ANOTHER_INSTANCE
    if evidence.constructor:
        yield _causes.ANOTHER_OBJECT
        return
    yield _causes.UNUSED_WITH_CONFIG
    yield _causes.CONFIG_NOT_PASSED_ON
    if any(has_option(run, *_TOOL_OPTIONS) for run in evidence.missed):
        yield _causes.CONFIG_DROPPED
    if any(run.run_type in ("prompt", "retriever", "parser") for run in evidence.missed):
        yield _causes.NO_CONSTRUCTOR_CALLBACKS
    if others:
        if any(given is None or given.bound for given in map(evidence.given, _roots(evidence))):
            yield _causes.WITH_CONFIG_TWICE
        if graphs_replace() and any("langgraph_step" in run.metadata for run in evidence.missed):
            yield _causes.GRAPH_CONFIG
    if any(given is None or given.place is None for given in map(evidence.given, _roots(evidence))):
        # The frames of the call would have shown the keyword.
        yield _causes.CALLBACKS_AS_OPTION


def _has_others(evidence: Evidence) -> bool:
    """Whether a missed call had handlers, as far as that is known."""
    found = [evidence.given(run) for run in _roots(evidence)]
    return not found or any(given is None or given.handlers for given in found)


def _roots(evidence: Evidence) -> list[Run]:
    return [run for run in evidence.missed if evidence.around(run) is None]


def _at(origin: Origin) -> str:
    return f" at {origin.place}" if origin.place else ""


def _describe_thread(name: str) -> str:
    return name if "Thread" in name else f"thread {name}"
