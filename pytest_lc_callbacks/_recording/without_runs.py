"""Why a component has no run that a test expects: embeddings have none, nor has a model inside another's method."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from itertools import islice
from typing import Any

from pytest_lc_callbacks._causes import NO_CALLBACKS, Proof
from pytest_lc_callbacks._recording.events import Event, Run
from pytest_lc_callbacks._recording.model_source import find_inner_call
from pytest_lc_callbacks._recording.names import is_end
from pytest_lc_callbacks._recording.observer_report import ObserverReport
from pytest_lc_callbacks._recording.tree import RunTreeText
from pytest_lc_callbacks._values import ask, class_name, entry, is_a, text_of

# So many names of absent runs are looked for among LangChain's classes.
_ASKED = 20
_MODEL_STARTS = {"chat_model_start", "llm_start"}
_MODEL = ("langchain_core.language_models.base", "BaseLanguageModel")
_NEVER_HAVE = {
    "an embedding model": ("langchain_core.embeddings.embeddings", "Embeddings"),
    "a vector store": ("langchain_core.vectorstores.base", "VectorStore"),
}


def explain_without_run(
    name: Any, wanted: Set[str | None], runs: Sequence[Run], there: Event | None, missed: Iterable[str]
) -> Proof | None:
    """
    Why there is no run of a component.

    Args:
        name: The name of the wanted run, if the test gives one.

        wanted: The names of the wanted events.

        runs: The runs that there are.

        there: The event that stands where a wanted one was expected.

        missed: The names of the runs that the handler missed.
    """
    if is_a(name, str):
        return explain_unheard_name(name, runs, missed)
    if there is None or not is_end(there.name) or wanted.isdisjoint(_MODEL_STARTS):
        return None
    return _explain_inner_call(run for run in _models(runs) if run is there.run)


def explain_unheard_name(name: str, runs: Sequence[Run], missed: Iterable[str] = ()) -> Proof | None:
    """Why none of the *runs*, and none that was *missed*, has the *name* of a class of components."""
    return _explain_component(name, _models(runs), {*(run.label for run in runs), *missed})


def _models(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if run.run_type in ("chat_model", "llm")]


def explain_absent(expected: RunTreeText, runs: Collection[Run], report: ObserverReport) -> list[str]:
    """The hint why one of the *expected* runs is not among the recorded ones; none where nothing is proven."""
    ran = {*(run.label for run in runs), *report.missed}
    absent = dict.fromkeys((name, parent) for _, name, parent in expected.rows() if name not in ran)
    pairs = islice(absent, _ASKED)
    proofs = (_explain_component(name, [run for run in runs if run.label == parent], ran) for name, parent in pairs)
    return [proof.hint for proof in proofs if proof is not None][:1]


def _explain_component(name: str, models: Iterable[Run], ran: Collection[str]) -> Proof | None:
    """Why no run has the *name* of a class of components, where none that *ran* has it and one of *models* may."""
    if name in ran:
        return None
    for words, base in _NEVER_HAVE.items():
        if _is_name_of(name, base):
            return Proof(NO_CALLBACKS, f"{name} is {words}.")
    if not _is_name_of(name, _MODEL):
        return None
    return _explain_inner_call(run for run in models if _holds(run, name))


def _explain_inner_call(models: Iterable[Run]) -> Proof | None:
    """That the model of one of these runs asks another model without a run of its own."""
    for run in models:
        found = find_inner_call(run)
        if found is not None:
            return Proof(NO_CALLBACKS, f"{found}, and so asks a model without a run of its own.")
    return None


def _holds(run: Run, name: str) -> bool:
    """Whether the component of *run* has one of a class of this *name* among its fields, as LangChain writes it."""
    _, _, fields = (text_of(entry(run._start.payload.get("serialized"), "repr")) or "").partition("(")
    return re.search(rf"\b{re.escape(name)}\b", fields) is not None


def _is_name_of(name: str, base: tuple[str, str]) -> bool:
    """Whether a class of this *name* is derived from the class that LangChain has at *base*."""
    module, attribute = base
    root = ask(sys.modules.get(module), attribute)
    return any(class_name(kind) == name for kind in _subclasses(root)) if root is not None else False


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    waiting, seen = [kind], {id(kind)}
    while waiting:
        for derived in type.__subclasses__(waiting.pop()):
            if id(derived) not in seen:
                seen.add(id(derived))
                waiting.append(derived)
                yield derived
