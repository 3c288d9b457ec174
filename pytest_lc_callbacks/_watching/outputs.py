"""What a session writes: data travels on pytest's reports, and whoever is the controller writes it."""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Generator, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from pytest_lc_callbacks._report.lines import Line, made, open_for_writing, write_line
from pytest_lc_callbacks._report.tests import TestLines
from pytest_lc_callbacks._watching.of_item import guarded_test
from pytest_lc_callbacks._watching.test_data import CAPABILITY, DATA, data_of

if TYPE_CHECKING:
    from pytest_lc_callbacks._watching.watch import WatchedTest

_PACKAGES = ("pytest", "pytest-lc-callbacks", "langchain-core", "langchain", "langgraph")


class Outputs:
    """
    A pytest plugin, registered where an output was asked for.

    Args:
        config: pytest's.

        watched_key: Where a test keeps what watches it.

    Raises:
        pytest.UsageError: If a file cannot be written, or what makes the page is not installed.
    """

    def __init__(self, config: pytest.Config, watched_key: pytest.StashKey[WatchedTest]) -> None:
        self._config = config
        self._watched_key = watched_key
        self._item: pytest.Item | None = None
        self._lines = TestLines()
        # By handler, then by test and worker: of a check that is run again the last outcome counts.
        self._capabilities: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        self._written = 0
        self._file: IO[str] | None = None
        self._path: Path | None = None
        if not _is_worker(config):
            self._open()

    def _open(self) -> None:
        """Make sure that everything can be written, before the first test runs."""
        json_path, page = _path(self._config, "json"), _path(self._config, "report")
        if page is not None:
            from pytest_lc_callbacks._report.commands import missing_extra

            if problem := missing_extra():
                raise pytest.UsageError(f"--lc-callbacks-report: {problem}")
        for option, path in (("report", page), ("summary", _path(self._config, "summary"))):
            if path is not None:
                _opened(option, path, append=True).close()
        self._path = json_path
        if json_path is not None:
            self._file = _opened("json", json_path)
        else:
            self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115  # closed in close
        write_line(self._file, made("session", started=time.time(), versions=_versions()))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Know which test is interrupted."""
        self._item = item
        result = yield
        self._item = None
        return result

    # The innermost wrapper: whoever changes the outcome does so after it, and pytest's report has it in the end.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Give the report what is known of the test."""
        report = yield
        with guarded_test(item):
            data = data_of(item, item.stash.get(self._watched_key, None), report)
            if data is not None:
                setattr(report, DATA, json.dumps(data))
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the data off the report: nobody else needs it, and pytest keeps reports until the end."""
        if _is_worker(self._config):
            return
        data = report.__dict__.pop(DATA, None)
        capability = report.__dict__.pop(CAPABILITY, None)
        if capability is not None:
            key = (report.nodeid, str(getattr(report, "worker_id", "")))
            self._capabilities.setdefault(str(capability["handler"]), {})[key] = capability["check"]
        category = self._config.hook.pytest_report_teststatus(report=report, config=self._config)[0]
        for line in self._lines.add(report, category, json.loads(data) if data else {}):
            self._write(line)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write what is left, also of a session that was interrupted, and then what is made of the lines."""
        if self._file is None:
            return
        self._write_interrupted()
        for line in self._lines.unfinished():
            self._write(line)
        for handler, checks in self._capabilities.items():
            write_line(self._file, made("capabilities", handler=handler, checks=list(checks.values())))
        write_line(self._file, made("end", exit_status=int(exitstatus), tests=self._written))
        self._write_page()
        self._write_summary()

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the trees, and where the files are."""
        if self._config.getoption("lc_callbacks_tree"):
            from pytest_lc_callbacks._report.tree_text import tree_text

            terminalreporter.section("LangChain run trees")
            for line in self._read():
                if line["kind"] == "test" and line["runs"]:
                    attempt = f" (attempt {line['attempt']})" if line["attempt"] > 1 else ""
                    terminalreporter.write_line(f"\n{line['test']}{attempt}")
                    terminalreporter.write_line(tree_text(line))
        if _path(self._config, "summary") is not None:
            self._annotate(terminalreporter)
        for option in ("json", "report", "summary"):
            path = _path(self._config, option)
            if path is not None and self._file is not None:
                terminalreporter.write_line(f"LangChain callbacks: wrote {path}")

    def pytest_unconfigure(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: Line) -> None:
        assert self._file is not None
        self._written += 1
        write_line(self._file, line)

    def _write_interrupted(self) -> None:
        """The test that was running when the session was interrupted; its report never came."""
        item = self._item
        watched = None if item is None else item.stash.get(self._watched_key, None)
        if item is not None and watched is not None:
            self._lines.interrupt(item.nodeid, item.location, data_of(item, watched, None) or {})

    def _read(self) -> Iterator[Line]:
        """The session's lines, one by one from the file: they are not kept in memory."""
        assert self._file is not None
        self._file.flush()
        if self._path is None:
            self._file.seek(0)
            yield from map(json.loads, self._file)
            return
        with self._path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)

    def _write_page(self) -> None:
        path = _path(self._config, "report")
        if path is not None:
            from pytest_lc_callbacks._report.page import write_page

            with open_for_writing(path) as file:
                write_page(file, self._read())

    def _write_summary(self) -> None:
        path = _path(self._config, "summary")
        if path is not None:
            from pytest_lc_callbacks._report.annotations import is_step_summary
            from pytest_lc_callbacks._report.summary import summary

            with open_for_writing(path, append=is_step_summary(path)) as file:
                file.write(summary(self._read()))

    def _annotate(self, terminalreporter: pytest.TerminalReporter) -> None:
        from pytest_lc_callbacks._report.annotations import commands, is_github

        if is_github():
            for text in commands(self._read(), self._config.rootpath):
                # GitHub reads a command only at the beginning of a line.
                terminalreporter.ensure_newline()
                terminalreporter.write_line(text)


def _is_worker(config: pytest.Config) -> bool:
    """Whether pytest-xdist runs tests here for another process."""
    return hasattr(config, "workerinput")


def _path(config: pytest.Config, option: str) -> Path | None:
    text = config.getoption(f"lc_callbacks_{option}")
    return None if text is None else Path(config.invocation_params.dir, text)


def _opened(option: str, path: Path, *, append: bool = False) -> IO[str]:
    try:
        return open_for_writing(path, append=append)
    except OSError as error:
        raise pytest.UsageError(f"--lc-callbacks-{option}={path}: cannot be written: {error.strerror}") from None


def _versions() -> dict[str, str]:
    installed = {name: _version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **{name: found for name, found in installed.items() if found}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
