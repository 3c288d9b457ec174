"""Rows from what handlers commonly write: OpenTelemetry's in-memory exporter, and trees of `Run`-like objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def otel_records(exporter: Any) -> list[dict[str, Any]]:
    """
    Read and clear OpenTelemetry's ``InMemorySpanExporter``.

    Use a ``SimpleSpanProcessor`` with it: a batching one delivers when the check is over.

    Args:
        exporter: It has ``get_finished_spans`` and ``clear``.

    Returns:
        A row for each finished span. ``text`` holds the values of its attributes and events, ``error`` its status.
    """
    spans = list(exporter.get_finished_spans())
    exporter.clear()
    return [_span_row(span) for span in spans]


def run_tree_records(runs: Iterable[Any]) -> list[dict[str, Any]]:
    """
    Read trees of objects with ``id``, ``name``, ``parent_run_id``, ``inputs``, ``outputs``, ``error``, ``child_runs``.

    Args:
        runs: The roots, as a tracer's ``_persist_run`` gets them. A list is emptied.

    Returns:
        A row for each run.
    """
    roots = list(runs)
    if isinstance(runs, list):
        runs.clear()
    return [row for root in roots for row in _run_rows(root, root.id)]


def _span_row(span: Any) -> dict[str, Any]:
    status = span.status
    failed = getattr(status.status_code, "name", str(status.status_code)) == "ERROR"
    words = [f"{key}={value}" for key, value in (span.attributes or {}).items()]
    words += [f"{key}={value}" for event in span.events for key, value in (event.attributes or {}).items()]
    return {
        "name": span.name,
        "id": span.context.span_id,
        "parent": span.parent.span_id if span.parent else None,
        "trace": span.context.trace_id,
        "text": "\n".join(words),
        "error": (status.description or "an error") if failed else None,
    }


def _run_rows(run: Any, trace: Any) -> Iterator[dict[str, Any]]:
    yield {
        "name": run.name,
        "id": run.id,
        "parent": run.parent_run_id,
        "trace": getattr(run, "trace_id", None) or trace,
        "text": f"{run.inputs!r}\n{run.outputs!r}",
        "error": run.error,
    }
    for child in run.child_runs:
        yield from _run_rows(child, trace)
