"""Why a handler did not hear what it should have: the causes LangChain is known for."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._scopes.evidence import (
    Evidence,
    has_option,
    takes_constructor_callbacks,
    thread_of,
    without_context,
)
from pytest_lc_callbacks._scopes.observed_runs import Origin
from pytest_lc_callbacks._scopes.target import Target, is_kind
from pytest_lc_callbacks._scopes.words import hint, listed, some_names

_AT_RUN_TIME = 'pass it at run time: chain.invoke(..., config={"callbacks": [handler]})'
_MANAGER = "CallbackManager(handlers=..., inheritable_handlers=...)"
_CHILD_CONFIG = 'config={"callbacks": run_manager.get_child()}'
_BY_ITSELF = "If it is a run by itself, leave it out of the check."
_TOOL_OPTIONS = ("tools", "functions", "ls_structured_output_format")
# Where a subclass of LangChain's bases is to do its work.
_WORK = {
    "BaseRetriever": "_get_relevant_documents",
    "BaseTool": "_run",
    "BaseChatModel": "_generate",
    "BaseLLM": "_call",
}
_HINTS = 4
_IN_310 = (
    "on Python 3.10, LangChain's context does not reach the nodes of a graph under ainvoke and, before langchain-core "
    "1.4, no coroutine at all; pass the config on, which a function or node may take as an argument, or use Python 3.11"
)
_PYTHON_310 = sys.version_info < (3, 11)


def reasons(evidence: Evidence) -> list[str]:
    """The hints: what is proven, the most certain first; else what is possible."""
    proven = list(dict.fromkeys(text for find in _PROOFS for text in find(evidence)))
    if proven:
        return [hint(text) for text in proven[:_HINTS]]
    return _unclear(evidence) if evidence.heard else [_nowhere(evidence)]


def overrides_invoke(target: Target) -> str | None:
    """The runnable that was asked about sends no callbacks, since its class does LangChain's part itself."""
    kind = next((kind for kind in _WORK if is_kind(target.given, kind)), None)
    owner = next((base for base in type(target.given).__mro__ if "invoke" in vars(base)), None)
    if kind is None or owner is None or owner.__module__.startswith(("langchain", "langgraph")):
        return None
    return hint(
        f"{owner.__name__} overrides invoke(), which is where LangChain sends callbacks: leave invoke() to {kind}, "
        f"and do the work in {_WORK[kind]}()."
    )


def _doubled(evidence: Evidence) -> Iterator[str]:
    doubled = [run for run in evidence.runs if evidence.hearing(run).surplus]
    if not doubled:
        return
    inside = evidence.inside(doubled)
    if any(evidence.hearing(child).surplus for child in inside):
        yield (
            f"the handler heard {some_names(doubled)} more than once, although some are inside others. A handler that "
            "stands in one list twice is heard twice in that run alone, since the runs inside get their handlers "
            "without doubles: something hands events on to it, such as another handler that wraps it."
        )
        return
    once = any(evidence.hearing(child).complete for child in inside)
    proof = "; the runs under it heard it once, since they get their handlers without doubles" if once else ""
    yield (
        f"{some_names(doubled)} got the same handler twice{proof}. LangChain joins lists of callbacks without "
        "removing doubles: the handler stands twice in one list ([h, h]), or came with with_config and again at run "
        "time."
    )


def _swallowed(evidence: Evidence) -> Iterator[str]:
    """Model calls that took ``callbacks=`` for an option of the model."""
    swallowed = [run for run in evidence.missed if has_option(run, "callbacks")]
    if swallowed:
        yield (
            f"{some_names(swallowed)} was called with callbacks= as a keyword, or bound with bind(callbacks=...), "
            "which LangChain hands to the model as an option and otherwise ignores. Use "
            f"with_config(callbacks=[handler]), or {_AT_RUN_TIME}."
        )


def _replaced(evidence: Evidence) -> Iterator[str]:
    """Runs that began without a parent though their context held one that was heard."""
    for run in evidence.missed:
        origin, around = evidence.origin(run), evidence.around(run)
        if origin.inside is None or around is None or not evidence.hearing(around).heard:
            continue
        if evidence.ran.is_left_by_fallbacks(run):
            continue
        yield (
            f"{run.label} was called inside {around.label}{_at(origin)} with callbacks of its own: a callbacks list, "
            "in the call's config or with with_config, replaces the inherited handlers inside a function. To add to "
            'them, take the config as an argument and pass merge_configs(config, {"callbacks": [...]}).'
        )


def _in_component(evidence: Evidence) -> Iterator[str]:
    """Runs that a retriever or model called, which hand on no context."""
    for run in evidence.lost():
        found = evidence.component_around(run)
        if found is None or evidence.open_beside(run) is None:
            continue
        component, kind = found
        yield (
            f"{run.label} was called inside the {kind} {component.label}{_at(evidence.origin(run))}, and LangChain "
            f"hands no context to the code inside a {kind}. Pass its callbacks on: {_CHILD_CONFIG}."
        )


def _by_hand(evidence: Evidence) -> Iterator[str]:
    """Runs that were called while one was open that somebody's own code had begun."""
    for run in evidence.lost():
        manual = evidence.begun_by_hand(run)
        if manual is not None:
            yield (
                f"{run.label} was called{_at(evidence.origin(run))} while {manual.label} was open, which was begun by "
                f"hand with a callback manager. What runs inside hears of that only if it is passed on: "
                f"{_CHILD_CONFIG}."
            )


def _other_thread(evidence: Evidence) -> Iterator[str]:
    """Runs that began in another thread while a run that was heard was open."""
    for run in evidence.lost():
        origin, beside = evidence.origin(run), evidence.open_beside(run)
        # A thread of LangChain's own, or of code that LangChain called there, is no raw one.
        known_to_langchain = not origin.call.asynchronous and origin.call.nested is not False
        if not origin.thread or known_to_langchain or beside is None or _in_one_thread(evidence, run, beside):
            continue
        yield (
            f"{run.label} began without a parent in another thread ({_thread(origin.thread)}){_at(origin)}, while "
            f"{beside.label} was open. LangChain's context does not follow into a raw thread or executor: use "
            "ContextThreadPoolExecutor from langchain_core.runnables.config, or pass the config on. "
            f"{_BY_ITSELF}"
        )


def _in_one_thread(evidence: Evidence, run: Run, beside: Run) -> bool:
    # Before Python 3.12 an async run's handlers are called in any thread of the loop's executor.
    return thread_of(run) == thread_of(beside) and not evidence.in_async_run(beside)


def _lost_in_310(evidence: Evidence) -> Iterator[str]:
    """Runs that were called by code that LangChain had called, in an async run on Python 3.10."""
    lost = [run for run in evidence.lost() if _is_lost_in_310(evidence, run)]
    if lost:
        place = _at(evidence.origin(lost[0]))
        yield f"{some_names(lost)} was called{place} in an async run, and lost its parent: {_IN_310}."


def _is_lost_in_310(evidence: Evidence, run: Run) -> bool:
    beside = evidence.open_beside(run)
    if not _PYTHON_310 or beside is None or evidence.component_around(run) is not None:
        return False
    return evidence.origin(run).call.nested is True and evidence.in_async_run(beside)


def _context_replaced(evidence: Evidence) -> Iterator[str]:
    """Runs that were called by code that LangChain had called, in a context that is not the one it had made."""
    for run in evidence.lost():
        beside, origin = evidence.open_beside(run), evidence.origin(run)
        if not origin.call.nested or beside is None or evidence.component_around(run) or _is_lost_in_310(evidence, run):
            continue
        yield (
            f"{run.label} was called by code inside {beside.label}{_at(origin)}, but in a contextvars.Context that "
            "holds no run: a new one, or a copy made before. Copy it where the call is made "
            "(contextvars.copy_context()), or pass the config on."
        )


def _alone(evidence: Evidence) -> Iterator[str]:
    """Runs were heard, and the runs around them were not."""
    tops = [run for run in evidence.heard_anywhere if evidence.is_missed(evidence.around(run))]
    apart = [run for run in tops if run.parent is None and not evidence.ran.is_left_by_fallbacks(run)]
    yield from (_alone_in_body(evidence, run) for run in apart)
    tops = [run for run in tops if run not in apart]
    if len({run.label for run in tops}) > 1:
        yield _several(evidence, tops)
    elif tops:
        yield (
            f"the handler heard {tops[0].label} but not the run around it: it was given to that component alone "
            f"({_given(evidence, tops)}), and such callbacks do not reach the chain around it. To hear the whole "
            f"chain, {_AT_RUN_TIME}."
        )


def _alone_in_body(evidence: Evidence, run: Run) -> str:
    around, ways = evidence.around(run), "that call, in its config or with with_config"
    inside = evidence.inside([run])
    if takes_constructor_callbacks(run) and not any(evidence.hearing(child).heard for child in inside):
        ways = f"that call, or to the constructor of {run.label}"
    return (
        f"the handler heard {run.label}, which was called inside {around.label if around else 'it'}"
        f"{_at(evidence.origin(run))}, but not the run around it: it was given to {ways}. To hear the whole chain, "
        f"{_AT_RUN_TIME}."
    )


def _given(evidence: Evidence, tops: list[Run]) -> str:
    """How, as far as the runs inside prove it: with_config reaches them, a constructor's callbacks do not."""
    inside = evidence.inside(tops)
    if any(evidence.hearing(child).heard for child in inside) or not any(map(takes_constructor_callbacks, tops)):
        return "with_config on that step"
    return "its constructor" if inside else "its constructor, or with_config on that step"


def _several(evidence: Evidence, tops: list[Run]) -> str:
    siblings = evidence.inside({run.parent: None for run in tops if run.parent is not None})
    manager = ""
    if all(evidence.hearing(run).heard for run in siblings):
        manager = (
            f"it is one of the inheritable_handlers of a {_MANAGER}, which do not hear the run they are passed to; or "
        )
    return (
        f"the handler heard {some_names(tops)}, but not the run around them: {manager}it was given to each of them "
        f"alone (constructor, or with_config on a step). To hear the whole chain, {_AT_RUN_TIME}."
    )


def _not_inherited(evidence: Evidence) -> Iterator[str]:
    """A run was heard, and the runs that have it as their parent were not."""
    parents = [run.parent for run in evidence.missed if run.parent is not None and evidence.hearing(run.parent).heard]
    # Where the run around that one is missed too, that says more, and has been said.
    parents = [run for run in parents if not evidence.is_missed(evidence.around(run))]
    if not parents:
        return
    constructible = [run.label for run in parents if takes_constructor_callbacks(run)]
    given = f"to the constructor of {constructible[0]}, or " if constructible else ""
    yield (
        f"the handler heard {some_names(parents)} but not the runs inside it, so it is not inherited: it was given "
        f"{given}as one of the handlers of a {_MANAGER}, where only inheritable_handlers reach the runs inside. To "
        f"hear them, {_AT_RUN_TIME}."
    )


def _ignored_by_constructor(evidence: Evidence) -> Iterator[str]:
    """The runnable that was asked about is of a kind that drops constructor callbacks."""
    kinds = {"BasePromptTemplate": "prompt", "BaseRetriever": "retriever"}
    target = evidence.target
    kind = next((kinds[base] for base in kinds if target is not None and is_kind(target.given, base)), None)
    if kind is not None and not evidence.heard:
        yield (
            f"{target} is a {kind}, and a {kind} ignores callbacks given to its constructor. Give it the handler with "
            "with_config(callbacks=[handler]) or at run time."
        )


def _not_in_constructor(evidence: Evidence) -> Iterator[str]:
    """The runnable that was asked about shows which callbacks it has."""
    held, name = evidence.in_given_constructor(), evidence.target
    if evidence.heard or held is None:
        return
    if held:
        yield f"the {name} passed as of= has the handler among its callbacks: another object of that name ran."
    else:
        yield (
            f"the handler is not among the callbacks of the {name} passed as of=: give it to the constructor, "
            "callbacks=[handler]. A list that is changed afterwards does not count, since the constructor copies it."
        )


def _by_itself(evidence: Evidence) -> Iterator[str]:
    """Runs that were called by nobody that LangChain had called."""
    apart = [run for run in evidence.silent_trees() if not has_option(run, "callbacks")]
    plain = [run for run in apart if _is_by_itself(evidence, run)]
    if plain and evidence.heard:
        batch = " (one of a batch, if its list of configs has it in some only)" if evidence.heard_alike(plain) else ""
        yield (
            f"{some_names(plain)} was called by itself{_at(evidence.origin(plain[0]))}, and the handler was not passed "
            f"to that call{batch}."
        )


def _is_by_itself(evidence: Evidence, run: Run) -> bool:
    if evidence.begun_by_hand(run) is not None:
        return False
    origin = evidence.origin(run)
    return evidence.open_beside(run) is None or (origin.call.nested is False and not origin.thread)


_PROOFS = (
    _doubled,
    _swallowed,
    _replaced,
    _in_component,
    _by_hand,
    _other_thread,
    _lost_in_310,
    _context_replaced,
    _alone,
    _not_inherited,
    _ignored_by_constructor,
    _not_in_constructor,
    _by_itself,
)


def _unclear(evidence: Evidence) -> list[str]:
    """Runs that began on their own while a run that was heard was open, and nobody knows why."""
    runs = [run for run in evidence.missed if evidence.around(run) is None]
    beside = evidence.open_beside(runs[0]) if runs else None
    if beside is None:
        return []
    causes = ["a call of its own, which the handler was not passed to"]
    if _PYTHON_310 and evidence.origin(runs[0]).call.asynchronous:
        causes.insert(0, _IN_310)
    if evidence.heard_alike(runs):
        causes.insert(0, "a batch with a list of configs, where each input has the callbacks of its own config alone")
    if kind := without_context(beside):
        causes.append(f"a call inside {beside.label}, since a {kind} hands no context to the code inside it")
    causes.append("code that lost LangChain's context, as in a raw thread, or in a task that was made elsewhere")
    return [listed(f"{some_names(runs)} began without a parent while {beside.label} was open.", causes)]


def _nowhere(evidence: Evidence) -> str:
    """Nothing was heard at all: the handler was attached to none of these runs."""
    heard = "nothing"
    if evidence.heard_anywhere or evidence.unobserved:
        heard = f"none of these runs, only {some_names([*evidence.heard_anywhere, *evidence.unobserved])}"
    return listed(f"the handler heard {heard}.", _possible(evidence))


def _possible(evidence: Evidence) -> Iterator[str]:
    yield _never_passed(evidence)
    if evidence.has_own_equality:
        yield (
            "LangChain had another handler that is equal to it, takes the two for one and drops this: its class says "
            "with __eq__ what equals it, as a dataclass does"
        )
    if evidence.constructor:
        yield "its list of callbacks was changed after construction: the constructor copies that list"
        yield "another object of that name, or a copy made before, was the one that ran"
        return
    yield "code between (a Runnable's invoke(), a wrapper) took the config and did not pass it on"
    if any(has_option(run, *_TOOL_OPTIONS) for run in evidence.missed):
        yield (
            "with_config(callbacks=...) before bind_tools or with_structured_output, which drop that config: call "
            "with_config last"
        )
    if any(run.run_type in ("prompt", "retriever") for run in evidence.missed):
        yield "the constructor of a prompt or a retriever, which ignores callbacks"
    yield "a second with_config(callbacks=...), which replaces the first"
    if any("langgraph_step" in run.metadata for run in evidence.missed):
        yield "with_config(callbacks=...) on a graph that is called with others, which in older langgraph replace them"
    yield "bind(callbacks=...), or callbacks= as a keyword of the call, which LangChain swallows"


def _never_passed(evidence: Evidence) -> str:
    if evidence.constructor and evidence.target is not None:
        return f"it was not given to the constructor of the {evidence.target} that ran"
    roots = [run for run in evidence.missed if evidence.around(run) is None]
    lines = [evidence.origin(run).call.place for run in roots]
    if len(roots) == 1 and lines[0]:
        return f"it was not passed to the call of {roots[0].label} at {lines[0]}: {_AT_RUN_TIME}"
    return f"it was passed to none of these calls: {_AT_RUN_TIME}"


def _at(origin: Origin) -> str:
    return f" at {origin.call.place}" if origin.call.place else ""


def _thread(name: str) -> str:
    return name if "Thread" in name else f"thread {name}"
