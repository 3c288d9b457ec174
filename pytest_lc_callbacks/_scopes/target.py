"""Which runs are meant by ``of=`` and ``under=``: a run's name, a Run, or the runnable itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._scopes.comparison import ScopeComparison, find_occurrence
from pytest_lc_callbacks._values import ask, bases, class_name, is_a
from pytest_lc_callbacks._words import label, repr_short, string

_LLM_EVENTS = {"llm_new_token", "llm_end", "llm_error"}


@dataclass(frozen=True)
class Target:
    """What was passed as ``of=`` or ``under=``."""

    given: Any
    names: tuple[str, ...]
    """The names that its runs can have; several where a call's config chooses the runnable."""

    @classmethod
    def of(cls, argument: str, given: Any) -> Target:
        """
        What *given*, the value of *argument*, means.

        Raises:
            TypeError: If it is no name, `Run` or runnable.
        """
        __tracebackhide__ = True
        if is_a(given, str):
            return cls(given, (label(given),))
        if isinstance(given, Run):
            return cls(given, (given.label,))
        if isinstance(given, type) or ask(given, "invoke") is None or ask(given, "get_name") is None:
            raise TypeError(f"{argument}= takes a run's name, a Run, or the runnable itself, not {_describe(given)}")
        return cls(given, tuple(dict.fromkeys(map(label, _names(given)))))

    def __str__(self) -> str:
        return " or ".join(map(repr, self.names))

    def runs(self, comparison: ScopeComparison) -> list[Run]:
        """The observed runs that are meant: a `Run` also out of scope, the runs of a name in scope alone."""
        if isinstance(self.given, Run):
            same_id = [run for run in comparison.observed.runs if run._id_key == self.given._id_key]
            return [find_occurrence(self.given, same_id)] if same_id else []
        named = [run for run in comparison.in_scope if run.name is not None and run.label in self.names]
        if not named and is_kind(self.given, "BaseLLM"):
            # Beside an inline handler, LangChain sends no llm_start under ainvoke (langchain-ai/langchain#39633).
            return [run for run in comparison.in_scope if not run.started and set(run.names) <= _LLM_EVENTS]
        return named


def is_kind(thing: Any, *names: str) -> bool:
    """Whether the class of *thing* has a base of one of these names: LangChain's classes, without importing them."""
    return any(class_name(base) in names for base in bases(type(thing)))


def _names(runnable: Any) -> Iterator[str]:
    """The names that LangChain gives the runs of *runnable*."""
    config = getattr(runnable, "config", None)
    if isinstance(config, Mapping) and config.get("run_name"):
        yield string(config["run_name"])
    elif is_kind(runnable, "RunnableBindingBase"):
        # A binding has no runs of its own.
        yield from _names(runnable.bound)
    elif is_kind(runnable, "DynamicRunnable"):
        yield from _names_by_config(runnable)
    elif is_kind(runnable, "RouterRunnable"):
        for choice in runnable.runnables.values():
            yield from _names(choice)
    else:
        yield string(runnable.get_name())


def _names_by_config(runnable: Any) -> Iterator[str]:
    """The names for the runnable's own config, then for the alternatives that a call's config could choose."""
    prepared, config = runnable.prepare()
    if config.get("run_name"):
        yield string(config["run_name"])
        return
    yield from _names(prepared)
    for alternative in getattr(runnable, "alternatives", {}).values():
        # LangChain calls a function or class when it is chosen, which makes the runnable.
        if hasattr(alternative, "invoke") and not isinstance(alternative, type):
            yield from _names(alternative)


def _describe(given: Any) -> str:
    if is_kind(given, "Embeddings", "VectorStore"):
        return f"{repr_short(given)}: LangChain has no callbacks on embeddings and vector stores"
    if callable(given) and hasattr(given, "__name__"):
        return f"{repr_short(given)}: write the name of its runs, {given.__name__!r}"
    return repr_short(given)
