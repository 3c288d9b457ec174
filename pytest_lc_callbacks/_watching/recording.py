"""The option --lc-callbacks-record: real models are asked for what a recording lacks, and the summary counts it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pytest_lc_callbacks._words import count

_OPTION = "--lc-callbacks-record"
# Under which name a worker of pytest-xdist sends its counts to the process that prints.
_OUTPUT = "lc_callbacks_recorded"


def add_option(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("lc-callbacks", "LangChain callbacks")
    group.addoption(
        _OPTION,
        action="store_true",
        help="Ask real models for what FakeChatModel.replay has no recording of, and add it. Never where CI is set.",
    )


def begin_recording(config: pytest.Config) -> None:
    """Let recordings be added to until the end of the session, if the option was given."""
    if config.getoption("lc_callbacks_record"):
        config.pluginmanager.register(_Recording(config), "lc_callbacks_recording")


class _Recording:
    """Hook functions of a session that records."""

    def __init__(self, config: pytest.Config) -> None:
        from pytest_lc_callbacks._model_calls import RECORDER

        self._config = config
        self._recorder = RECORDER
        self._added: Counter[str] = RECORDER.begin()

    def pytest_unconfigure(self) -> None:
        self._recorder.end(self._added)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._added.update(getattr(node, "workeroutput", {}).get(_OUTPUT, {}))

    def pytest_sessionfinish(self) -> None:
        # A worker of pytest-xdist has this, and no other process.
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = dict(self._added)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        from pytest_lc_callbacks._model_calls import is_ci

        if is_ci():
            terminalreporter.write_line(f"{_OPTION} recorded nothing: CI is set")
            return
        for path, number in sorted(self._added.items()):
            terminalreporter.write_line(f"{path}: {count(number, 'model call')} recorded")
        if not self._added:
            terminalreporter.write_line(f"{_OPTION}: no model call was missing")
