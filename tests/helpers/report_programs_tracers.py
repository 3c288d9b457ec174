"""Reports of tracers: they are given whole trees of runs."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableLambda
from langchain_core.tracers import BaseTracer
from report_programs import report


class Names(BaseTracer):
    """Keeps the names of what it persists, and counts what it updates."""

    def __init__(self) -> None:
        super().__init__()
        self.names, self.updated = list[str](), list[str]()

    def _persist_run(self, run: Any) -> None:
        self.names.append(run.name)

    def _on_run_update(self, run: Any) -> None:
        self.updated.append(run.name)


class EachName(Names):
    """Keeps the names of all runs in one list."""

    def _persist_run(self, run: Any) -> None:
        self.names += [each.name for each in run.child_runs]


def _traced(kind: type[Names]) -> Any:
    tracer = kind()
    chain = RunnableLambda(len, name="first") | RunnableLambda(str, name="second")
    chain.invoke("q", {"callbacks": [tracer]})
    return tracer


def _persists(kind: type[Names]) -> Any:
    def program(h: Any) -> None:
        tracer = _traced(kind)
        assert "second" in tracer.names

    return program


def _updates(wanted: int) -> Any:
    def program(h: Any) -> None:
        tracer = _traced(Names)
        assert tracer.updated.count("second") == wanted

    return program


report(
    name="a tracer that persists roots",
    buggy=_persists(Names),
    good=_persists(EachName),
    says=("second is inside RunnableSequence, which Names persists as a whole", "[roots-alone]"),
)
report(
    name="a tracer that is asked for something else",
    buggy=_updates(2),
    good=_updates(1),
    says=("second",),
    never=("[roots-alone]",),
)
