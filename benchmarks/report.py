"""What the outputs of a session cost: for each event in the worker, and for the page of 2,000 tests."""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING, Any

from langchain_core.prompts import ChatPromptTemplate

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, observe_callbacks
from pytest_lc_callbacks._handlers.observer import observed_runs
from pytest_lc_callbacks._redaction import redact
from pytest_lc_callbacks._report.compare import Rules, compare
from pytest_lc_callbacks._report.describe import describe_runs
from pytest_lc_callbacks._report.export import Exporter
from pytest_lc_callbacks._report.lines import made, read_file, write_line
from pytest_lc_callbacks._report.otlp import write_spans
from pytest_lc_callbacks._report.page import write_page
from pytest_lc_callbacks._report.summary import summary
from pytest_lc_callbacks._report.tests import NO_TOTALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLS = 20
TESTS = 2_000


def main() -> None:
    """Measure one test of about 100 events, then a session of many."""
    data = _described()
    events = data["totals"]["events"]
    began = time.perf_counter()
    for _ in range(20):
        _describe(*_ran())
    each = (time.perf_counter() - began) / 20
    ran = _ran()
    began = time.perf_counter()
    for _ in range(20):
        _describe(*ran)
    alone = (time.perf_counter() - began) / 20
    print(f"  a test of {events} events: {each * 1000:.1f} ms with its runs")
    print(f"  to describe an event: {alone * 1e6 / events:.0f} us")
    text = "".join(_lines(data))
    print(f"  {TESTS:,} such tests: {len(text) / 1e6:.1f} MB of JSON")
    _timed("read", text, lambda lines, out: sum(1 for _ in lines))
    _timed("page", text, lambda lines, out: write_page(out, lines))
    _timed("summary", text, lambda lines, out: out.write(summary(lines)))
    _timed("otlp", text, lambda lines, out: write_spans(out, lines))
    _timed("diff", text, lambda lines, out: compare(lines, _read(text), Rules.read("any")))


def _ran() -> tuple[Any, RecordingHandler]:
    handler = RecordingHandler()
    chain = ChatPromptTemplate.from_template("What is 1 + {number}? Think it over.") | FakeChatModel()
    with observe_callbacks() as observer:
        for number in range(CALLS):
            chain.invoke({"number": str(number)}, config={"callbacks": [handler]})
    return observer, handler


def _describe(observer: Any, handler: RecordingHandler) -> dict[str, Any]:
    return describe_runs(observed_runs(observer), {"RecordingHandler#0": handler}, Exporter(redact))


def _described() -> dict[str, Any]:
    return _describe(*_ran())


def _lines(data: dict[str, Any]) -> Iterator[str]:
    out = io.StringIO()
    write_line(out, made("session", started=0.0, versions={}))
    head = {
        "attempt": 1,
        "outcome": "passed",
        "file": "t.py",
        "line": 1,
        "started": 0.0,
        "duration": 0.1,
        "watched": True,
    }
    empty: dict[str, Any] = {"phases": [], "failures": [], "subtests": [], "causes": [], "findings": []}
    for number in range(TESTS):
        write_line(out, made("test", test=f"t.py::test_{number}", **head, **empty, **{"totals": NO_TOTALS, **data}))
    write_line(out, made("end", exit_status=0, tests=TESTS))
    yield out.getvalue()


def _read(text: str) -> Iterator[dict[str, Any]]:
    return read_file(io.StringIO(text), "made", lambda told: print(json.dumps(told)))


def _timed(what: str, text: str, use: Callable[[Iterator[dict[str, Any]], io.StringIO], object]) -> None:
    out = io.StringIO()
    began = time.perf_counter()
    use(_read(text), out)
    size = f", {len(out.getvalue()) / 1e6:.2f} MB" if out.getvalue() else ""
    print(f"  {what:8} {time.perf_counter() - began:6.2f} s{size}")
