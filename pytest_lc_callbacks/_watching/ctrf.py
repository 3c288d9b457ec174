"""What a file of pytest-json-ctrf gets: the tree behind the trace of a failure."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lc_callbacks._watching.outcome import SECTIONS


class CtrfTrees:
    """A pytest plugin, registered where pytest-json-ctrf writes a file."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add our section to the trace of a failure, when pytest-json-ctrf has taken that from the same report."""
        texts = [text for name, text in report.sections if name in SECTIONS]
        row = self._row(report.nodeid)
        # A release that keeps its rows in another place gets nothing.
        if texts and row is not None and getattr(row, "trace", None) == report.longreprtext != "":
            row.trace = "\n\n".join([row.trace, *texts])

    def _row(self, nodeid: str) -> Any:
        """What pytest-json-ctrf writes of a test; None in a worker. It has no hook that would ask for more."""
        rows = getattr(getattr(getattr(self._config, "_ctrf", None), "_report", None), "test_items", None)
        return rows.get(nodeid) if isinstance(rows, dict) else None
