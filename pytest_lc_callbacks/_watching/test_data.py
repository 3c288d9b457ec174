"""What one test leaves for the session's outputs, as builtins that travel on its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lc_callbacks._report.describe import describe_findings, describe_runs, named_causes
from pytest_lc_callbacks._report.export import Exporter
from pytest_lc_callbacks._values import class_name, innermost, pass_by
from pytest_lc_callbacks._watching.outcome import WithheldError, clean_of
from pytest_lc_callbacks._words import error_line

if TYPE_CHECKING:
    import pytest

    from pytest_lc_callbacks._watching.watch import WatchedTest

# Attributes of a report. pytest-xdist sends them along, since a report is its attributes.
DATA = "_lc_callbacks"
CAPABILITY = "_lc_callbacks_capability"
"""``{"handler": name, "check": {"name": ..., "outcome": ..., "says": ...}}``, set by `CallbackHandlerTests`."""

_LONGEST_FAILURE = 60_000


def data_of(item: pytest.Item, watched: WatchedTest | None, report: pytest.TestReport | None) -> dict[str, Any] | None:
    """
    What is known of a test when a *report* of it is made; None if the report alone says all.

    The runs come with the last report, and with one that failed, after which a plugin may run the test again.
    """
    export = Exporter(clean_of(item))
    data: dict[str, Any] = {}
    try:
        if report is not None and report.longrepr:
            data["failure"] = _failure(report, export)
        if watched is not None and (report is None or report.failed or report.when == "teardown"):
            data |= _runs(watched, export)
    except WithheldError as error:
        return {"failure": {"message": str(error), "text": str(error)}}
    # The test has its outcome, whatever its payloads do to whoever looks at them.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        data["problem"] = f"the runs of this test cannot be shown: {class_name(type(error))} at {_place(error)}"
        data["watched"] = watched is not None
    return data or None


def _failure(report: pytest.TestReport, export: Exporter) -> dict[str, Any]:
    longrepr = report.longrepr
    if isinstance(longrepr, tuple):
        # How pytest keeps the reason of a skip.
        text = message = str(longrepr[2])
    else:
        text = report.longreprtext
        crash = getattr(longrepr, "reprcrash", None)
        message = getattr(crash, "message", None) or next((line for line in text.splitlines() if line.strip()), "")
    first = next((line for line in message.splitlines() if line.strip()), "")
    shown = export.text(text, _LONGEST_FAILURE)
    return {"message": export.line(first, 500), "text": shown, "causes": named_causes([shown])}


def _runs(watched: WatchedTest, export: Exporter) -> dict[str, Any]:
    findings = describe_findings(watched.found, export)
    said = [text for finding in findings for text in (finding["summary"], *finding["details"])]
    snapshot = watched.snapshot()
    described = describe_runs(snapshot.observed, snapshot.recordings, export)
    return {"watched": True, "findings": findings, "causes": named_causes(said), **described}


def _place(error: BaseException) -> str:
    traceback = innermost(error)
    return f"{traceback.tb_frame.f_code.co_name}:{traceback.tb_lineno}" if traceback is not None else error_line(error)
