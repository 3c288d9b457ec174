"""What a JUnit file gets: the tree in a failure's text, and properties where the project asks for them."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lc_callbacks._report.describe import totals_of
from pytest_lc_callbacks._watching.of_item import guarded_test
from pytest_lc_callbacks._watching.outcome import SECTIONS

if TYPE_CHECKING:
    from pytest_lc_callbacks._watching.watch import WatchedTest

_TOTALS = "_lc_callbacks_totals"
_NAMES = ("model_calls", "tool_calls", "total_tokens", "findings")


class JUnit:
    """A pytest plugin, registered where pytest writes a JUnit file."""

    def __init__(self, config: pytest.Config, watched_key: pytest.StashKey[WatchedTest]) -> None:
        self._config = config
        self._watched_key = watched_key
        self._sums = dict.fromkeys(_NAMES, 0)
        self._wants_properties = bool(config.getini("lc_callbacks_junit"))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Count what a test did, when it is over."""
        report = yield
        watched = item.stash.get(self._watched_key, None)
        with guarded_test(item):
            runs = watched.snapshot().observed.own_runs if watched is not None and self._is_last(report) else []
            if watched is not None and runs:
                totals = {**totals_of(runs), "findings": len(watched.found)}
                setattr(report, _TOTALS, json.dumps({name: totals[name] for name in _NAMES}))
        return report

    def _is_last(self, report: pytest.TestReport) -> bool:
        return self._wants_properties and report.when == "teardown"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Put the sums where the family of the file has a place for them."""
        if hasattr(self._config, "workerinput"):
            return
        told = report.__dict__.pop(_TOTALS, None)
        if told is None:
            return
        sums = json.loads(told)
        if self._config.getini("junit_family") in ("xunit1", "legacy"):
            report.user_properties += [(f"lc_callbacks.{name}", sums[name]) for name in _NAMES]
        else:
            # xunit2 has properties of the whole suite alone.
            self._sums = {name: self._sums[name] + sums[name] for name in _NAMES}

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Generator[None, Any, Any]:
        """Tell the sums of the suite, before pytest writes the file."""
        xml = _xml(self._config)
        if xml is not None and any(self._sums.values()):
            for name in _NAMES:
                xml.add_global_property(f"lc_callbacks.{name}", str(self._sums[name]))
        return (yield)


class JUnitTrees:
    """A pytest plugin beside `JUnit`: it adds to the elements that pytest makes of a report."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, Any, Any]:
        """Add our section to the text of a failure: pytest itself writes captured output alone."""
        xml = _xml(self._config)
        texts = [text for name, text in report.sections if name in SECTIONS]
        if xml is None or not report.failed or not texts:
            return (yield)
        # After a tear-down pytest forgets who wrote the test, and would make another one with no name.
        writer, written = xml.node_reporter(report), len(xml.node_reporters_ordered)
        result = yield
        if len(xml.node_reporters_ordered) > written:
            # What fails in its body and in its tear-down has two elements.
            writer = xml.node_reporters_ordered[-1]
        told = [element for element in writer.to_xml() if element.tag in ("failure", "error")]
        for element in told[-1:]:
            element.text = "\n\n".join([element.text or "", *map(_escape, texts)])
        return result


def _xml(config: pytest.Config) -> Any:
    """Who writes the file; None in a worker."""
    from _pytest.junitxml import xml_key

    return config.stash.get(xml_key, None)


def _escape(text: str) -> str:
    from _pytest.junitxml import bin_xml_escape

    return bin_xml_escape(text)
