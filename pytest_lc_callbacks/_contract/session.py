"""What pytest is told of the checks: their results travel on the test reports, and the report is printed at the end."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from pytest_lc_callbacks._words import shown

result_key = pytest.StashKey[dict[str, Any]]()
"""What a check found, as builtins, on its item."""


class ContractResults:
    """Collects the results of all checks of a session, also of those that ran in pytest-xdist's workers."""

    def __init__(self) -> None:
        self._results: dict[tuple[str, str], dict[str, Any]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the result on the report: what is made of builtins travels with it from worker to controller."""
        report = yield
        if call.when == "call" and result_key in item.stash:
            result = item.stash[result_key]
            # A report takes any attribute, and declares none of ours.
            report.lc_callbacks_contract = result  # type: ignore[attr-defined]
            # The outputs of the session read it off the report.
            report._lc_callbacks_capability = _capability(result)  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the result off the report, wherever the test ran; of a check that is run again the last counts."""
        result = getattr(report, "lc_callbacks_contract", None)
        if result is not None:
            self._results[report.nodeid, str(getattr(report, "worker_id", ""))] = result

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the capability report."""
        if not self._results:
            return
        from pytest_lc_callbacks._contract.report import capability_report

        terminalreporter.section("callback handler capabilities")
        for line in capability_report(self._results.values()):
            terminalreporter.write_line(line)


def _capability(result: dict[str, Any]) -> dict[str, Any]:
    """A result as the JSON and the page show it; *says* has what LangChain does where there is a fault."""
    said = [result["reason"], result["does"] if result["outcome"] in ("failed", "advice") else ""]
    check = {"name": result["check"], "outcome": result["outcome"], "says": shown("\n".join(filter(None, said)))}
    return {"handler": result["suite"], "check": check}
