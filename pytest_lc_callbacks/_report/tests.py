"""Reports of phases put together to a line for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_lc_callbacks._report.export import as_text
from pytest_lc_callbacks._report.lines import Line, made
from pytest_lc_callbacks._words import one_line, printable, shown, truncate

_QUOTES = "'\""
_RUNS = ("watched", "findings", "handlers", "runs", "left_out", "totals")
NO_TOTALS = dict.fromkeys(
    ("runs", "events", "model_calls", "tool_calls", "input_tokens", "output_tokens", "total_tokens"), 0
)
# What a test is counted as, from the worst on, by the categories of pytest and its plugins.
_RANKED = ("failed", "error", "rerun", "xpassed", "xfailed", "skipped", "passed")


class TestLines:
    """Takes pytest's reports as they come, of several workers in turn, and gives a line when a test is over."""

    # pytest collects what is called Test, also where it is only imported.
    __test__ = False

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Line] = {}
        self._attempts: dict[tuple[str, str], int] = {}

    def add(self, report: Any, category: str, data: dict[str, Any]) -> list[Line]:
        """
        Take one *report*.

        Args:
            report: pytest's.

            category: What pytest counts it as: ``"failed"``, ``"xfailed"``; empty for a phase that passed.

            data: What came with it.

        Returns:
            The lines of tests, or attempts, that are over with this report.
        """
        key = (str(report.nodeid), _worker(report))
        line = self._open.get(key)
        over = []
        if line is not None and line["phases"] and report.when == "setup":
            # Some releases of pytest-rerunfailures report no tear-down of an attempt.
            over.append(self._end(key))
            line = None
        if line is None:
            line = self._open[key] = self._begin(key, report.location, getattr(report, "start", 0.0))
        _take_data(line, data)
        failure = _failure(report, category, data)
        if getattr(report, "context", None) is not None and hasattr(report.context, "msg"):
            line["subtests"].append(_subtest(report, category, failure))
            return over
        line["duration"] += report.duration
        line["phases"].append(
            {"when": str(report.when), "outcome": category or report.outcome, "duration": round(report.duration, 6)}
        )
        if failure is not None:
            line["failures"].append(failure)
        # The last is the report of a worker that crashed.
        return [*over, self._end(key)] if report.when in ("teardown", "???") else over

    def interrupt(self, nodeid: str, location: tuple[str, int | None, str], data: dict[str, Any]) -> None:
        """The test that was running when the session was interrupted."""
        key = (nodeid, "")
        line = self._open.setdefault(key, self._begin(key, location, 0.0))
        _take_data(line, data)

    def unfinished(self) -> Iterator[Line]:
        """The lines of tests that never ended."""
        for key in list(self._open):
            line = self._end(key)
            if line["outcome"] == "passed":
                line["outcome"] = "interrupted"
            yield line

    def _begin(self, key: tuple[str, str], location: tuple[str, int | None, str], started: float) -> Line:
        file, number, _ = location
        return made(
            "test",
            test=shown(key[0]),
            attempt=self._attempts.get(key, 0) + 1,
            outcome="passed",
            file=printable(file) if file else None,
            line=None if number is None else number + 1,
            started=started,
            duration=0.0,
            phases=[],
            failures=[],
            subtests=[],
            watched=False,
            causes=[],
            findings=[],
            handlers=[],
            runs=[],
            left_out=0,
            totals=dict(NO_TOTALS),
        )

    def _end(self, key: tuple[str, str]) -> Line:
        line = self._open.pop(key)
        self._attempts[key] = line["attempt"]
        outcomes = {phase["outcome"] for phase in line["phases"]}
        if any(subtest["outcome"] == "failed" for subtest in line["subtests"]):
            outcomes.add("failed")
        line["outcome"] = next((name for name in _RANKED if name in outcomes), "passed")
        line["duration"] = round(line["duration"], 6)
        return line


def _worker(report: Any) -> str:
    """The worker that a report comes from: with ``--dist each``, several run the same test."""
    node = getattr(report, "node", None)
    return str(getattr(report, "worker_id", None) or getattr(getattr(node, "gateway", None), "id", ""))


def _take_data(line: Line, data: dict[str, Any]) -> None:
    line.update({name: data[name] for name in _RUNS if name in data})
    causes = [*data.get("causes", ()), *data.get("failure", {}).get("causes", ())]
    line["causes"] = list(dict.fromkeys([*line["causes"], *causes]))
    problem = {"when": "report", "message": data.get("problem"), "text": data.get("problem")}
    if "problem" in data and problem not in line["failures"]:
        line["failures"].append(problem)


def _failure(report: Any, category: str, data: dict[str, Any]) -> dict[str, str] | None:
    told = data.get("failure")
    reason = str(getattr(report, "wasxfail", "") or "")
    if told is None and not (report.failed or reason):
        return None
    if told is None:
        # A report that no process of ours made, such as that of a worker that crashed.
        text = shown(reason or report.longreprtext)
        told = {"message": truncate(one_line(text), 500), "text": text}
    elif category in ("xfailed", "xpassed") and reason:
        told = {**told, "message": shown(one_line(reason))}
    return {"when": str(report.when), "message": told["message"], "text": told["text"]}


def _subtest(report: Any, category: str, failure: dict[str, str] | None) -> dict[str, str]:
    context = report.context
    given = (getattr(context, "kwargs", None) or {}).items()
    # A worker of pytest-xdist sends the repr of each.
    params = ", ".join(f"{name}={as_text(value).strip(_QUOTES)}" for name, value in given)
    name = " ".join(filter(None, [context.msg and f"[{context.msg}]", params and f"({params})"]))
    return {
        "name": truncate(shown(one_line(name or "(subtest)")), 300),
        "outcome": "failed" if report.failed else "skipped" if report.skipped else "passed",
        "message": failure["message"] if failure else "",
    }
