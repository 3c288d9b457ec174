"""Why a handler did not hear what it should have: the causes LangChain is known for."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from pytest_lc_callbacks._events import Run
from pytest_lc_callbacks._scopes import ScopeComparison, name_of, runs_of, some_names

_AT_RUN_TIME = 'pass it at run time: chain.invoke(..., config={"callbacks": [handler]})'
# LangChain's own chains whose constructors take no callbacks.
_NO_CONSTRUCTOR_CALLBACKS = ("Runnable", "LangGraph", "Pregel")


def beyond_component(comparison: ScopeComparison, name: str, own: list[Run], others: list[Run]) -> str:
    """Why a handler that belongs to one component heard other runs."""
    parent_of = comparison.truth.parent_of
    if any(parent_of(run) in others for run in own):
        return _hint(
            f"it also heard the run around {name}, so it was passed at run time or with with_config, on a call or step "
            f"around it: such callbacks are inherited by every run inside. For {name} alone, pass it to its "
            "constructor, and there only."
        )
    if any(parent_of(run) in own for run in others):
        return _hint(
            f"it heard the runs inside {name}, so it was passed at run time or with with_config, and such callbacks "
            "are inherited. Constructor callbacks hear the component's own runs only."
        )
    return _hint(f"it was passed to other components beside {name}.")


class Reasons:
    """What the facts prove of the causes that LangChain is known for; else what is possible."""

    def __init__(self, comparison: ScopeComparison, runs: Sequence[Run], target: Any) -> None:
        self._comparison = comparison
        self._runs = runs
        self._target = target
        self._hearings = comparison.hearings
        self._missed = [run for run in runs if self._hearings[run].missed]
        self._heard = [run for run in runs if self._hearings[run].heard]

    def paragraphs(self) -> list[str]:
        """The hints, the most certain first."""
        proven = [self._doubled(), *self._replaced(), *self._other_thread(), self._python_310()]
        proven += [self._alone(), self._not_inherited(), self._ignored_by_constructor()]
        hints = list(dict.fromkeys(hint for hint in proven if hint))
        if not hints and not self._heard:
            return [self._nowhere()]
        return (hints or [hint for hint in [self._called_apart()] if hint])[:4]

    def _doubled(self) -> str | None:
        doubled = [run for run in self._runs if self._hearings[run].surplus]
        if not doubled:
            return None
        once = any(
            self._hearings[child].complete for run in doubled for child in run.children if child in self._hearings
        )
        proof = "; the runs under it heard it once, since they get their handlers without doubles" if once else ""
        return _hint(
            f"{some_names(doubled)} got the same handler twice{proof}. LangChain joins lists of callbacks without removing "
            "doubles: the handler stands twice in one list ([h, h]), or came with with_config and again at run time."
        )

    def _replaced(self) -> list[str]:
        """Runs that began without a parent though their context held one."""
        hints = []
        for run in self._missed:
            origin, around = self._comparison.truth.origin(run), self._comparison.truth.parent_of(run)
            if origin is None or around is None:
                continue
            if around.label.startswith("RunnableWithFallbacks"):
                hints.append(
                    _hint(
                        f"{run.label} has no parent because with_fallbacks does not pass one on to its children under invoke "
                        "and ainvoke (langchain-ai/langchain#36072), and the handler is not among its own callbacks."
                    )
                )
                continue
            hints.append(
                _hint(
                    f"{run.label} was called inside {around.label} with callbacks of its own{_at(origin.line)}: a callbacks list, in the "
                    "call's config or with with_config, replaces the inherited handlers inside a function. To add to them, take "
                    'the config as an argument and pass merge_configs(config, {"callbacks": [...]}).'
                )
            )
        return hints

    def _other_thread(self) -> list[str]:
        """Runs that began without a parent in another thread while a run that was heard was open."""
        hints = []
        for run in self._missed:
            origin, open_run = self._comparison.truth.origin(run), self._open_beside(run)
            if origin is None or origin.inside or not origin.thread or open_run is None or self._lost_in_310(run):
                continue
            hints.append(
                _hint(
                    f"{run.label} began without a parent in another thread ({_thread(origin.thread)}), while {open_run.label} was open"
                    f"{_at(origin.line)}. "
                    "LangChain's context does not follow into a raw thread or executor: use ContextThreadPoolExecutor from "
                    "langchain_core.runnables.config, or pass the config on. If it is a run by itself, leave it out of the check."
                )
            )
        return hints

    def _python_310(self) -> str | None:
        lost = [run for run in self._missed if self._lost_in_310(run)]
        if not lost:
            return None
        return _hint(
            f"{some_names(lost)} began without a parent in async code on Python 3.10, where LangChain's context does not "
            "reach a coroutine: pass the config on (take it as an argument of the function or node), or use Python 3.11."
        )

    def _lost_in_310(self, run: Run) -> bool:
        origin = self._comparison.truth.origin(run)
        asynchronous = origin is not None and (origin.thread or "").startswith("asyncio_")
        return sys.version_info < (3, 11) and asynchronous and not origin.inside and self._open_beside(run) is not None

    def _open_beside(self, run: Run) -> Run | None:
        """The innermost heard run that was open when *run* began without a parent."""
        if run.parent_run_id is not None:
            return None
        began = run.positions[0]
        around = [other for other in self._heard if other.positions[0] < began]
        still_open = [other for other in around if not other.ended or other.positions[-1] > began]
        return still_open[-1] if still_open else None

    def _alone(self) -> str | None:
        """Runs were heard, and the runs around them were not."""
        tops = [run for run in self._heard if run.parent in self._missed]
        if not tops:
            return None
        if len({run.label for run in tops}) > 1:
            return self._several(tops)
        return _hint(
            f"the handler heard {tops[0].label} but not the run around it: it was given to that component alone "
            f"({self._given(tops)}), "
            f"and such callbacks do not reach the chain around it. To hear the whole chain, {_AT_RUN_TIME}."
        )

    def _given(self, tops: list[Run]) -> str:
        """How, as far as the runs inside prove it: with_config reaches them, a constructor's callbacks do not."""
        inside = [child for run in tops for child in run.children if child in self._hearings]
        if any(self._hearings[child].heard for child in inside):
            return "with_config on that step"
        return "its constructor" if inside else "its constructor, or with_config on that step"

    def _several(self, tops: list[Run]) -> str:
        parents = {run.parent for run in tops if run.parent is not None}
        all_heard = all(self._hearings[child].heard for parent in parents for child in parent.children)
        manager = (
            "it is one of the inheritable_handlers of a CallbackManager(handlers=..., inheritable_handlers=...), which "
            "hear what is inside a run but not the run itself; or "
        )
        return _hint(
            f"the handler heard {some_names(tops)}, but not the run around them: {manager if all_heard else ''}it was given to "
            f"each of them alone (constructor, or with_config on a step). To hear the whole chain, {_AT_RUN_TIME}."
        )

    def _not_inherited(self) -> str | None:
        """A run was heard, and the runs that have it as their parent were not."""
        parents = [run.parent for run in self._missed if run.parent in self._heard and run.parent is not None]
        if not parents:
            return None
        constructible = [run.label for run in parents if not run.label.startswith(_NO_CONSTRUCTOR_CALLBACKS)]
        given = f"to the constructor of {constructible[0]}, or " if constructible else ""
        return _hint(
            f"the handler heard {some_names(parents)} but not the runs inside it, so it is not inherited: it was given "
            f"{given}as one of the handlers of a CallbackManager(handlers=..., inheritable_handlers=...), where only "
            f"inheritable_handlers reach the runs inside. To hear them, {_AT_RUN_TIME}."
        )

    def _ignored_by_constructor(self) -> str | None:
        """The runnable that was asked about is of a kind that drops constructor callbacks."""
        kinds = {"BasePromptTemplate": "prompt", "BaseRetriever": "retriever"}
        kind = next((kinds[base.__name__] for base in type(self._target).__mro__ if base.__name__ in kinds), None)
        if kind is None or self._comparison.heard(runs_of(self._comparison, "of", self._target)):
            return None
        return _hint(
            f"{name_of('of', self._target)} is a {kind}, and a {kind} ignores callbacks given to its constructor. Give it the "
            "handler with with_config(callbacks=[handler]) or at run time."
        )

    def _called_apart(self) -> str | None:
        """Runs that began on their own, beside others that were heard."""
        apart = [run for run in self._missed if self._comparison.truth.parent_of(run) is None]
        if not apart:
            return None
        beside = next((open_run for open_run in map(self._open_beside, apart) if open_run), None)
        if beside is None:
            return _hint(f"{some_names(apart)} was called by itself, and the handler was not passed to that call.")
        return _hint(
            f"{some_names(apart)} began without a parent while {beside.label} was open. Possible causes: a call of its own, which "
            "the handler was not passed to; or code that lost LangChain's context, as a task does that was made elsewhere."
        )

    def _nowhere(self) -> str:
        """Nothing was heard at all: the handler was attached to none of these runs."""
        causes = [f"it was passed to none of these calls: {_AT_RUN_TIME}"]
        if any(_has_tools(run) for run in self._missed):
            causes.append(
                "with_config(callbacks=...) before bind_tools or with_structured_output, which drop that config: call "
                "with_config last"
            )
        causes.append("a second with_config(callbacks=...), which replaces the first")
        causes.append("bind(callbacks=...) or callbacks= as a keyword of the call, which LangChain swallows")
        return "\n".join(
            ["hint: the handler heard nothing. Possible causes:", *(f"      - {cause}" for cause in causes)]
        )


def _has_tools(run: Run) -> bool:
    """Whether a chat model's call had tools or a schema bound to it."""
    payload = run.events[0].payload
    params, options = payload.get("invocation_params") or {}, payload.get("options") or {}
    return any(params.get(key) or options.get(key) for key in ("tools", "functions", "ls_structured_output_format"))


def _hint(text: str) -> str:
    """A paragraph that begins with ``hint:``."""
    return textwrap.fill(
        f"hint: {text}", 116, subsequent_indent="      ", break_long_words=False, break_on_hyphens=False
    )


def _at(line: str | None) -> str:
    return f", at {line}" if line else ""


def _thread(name: str) -> str:
    return name if "Thread" in name else f"thread {name}"
