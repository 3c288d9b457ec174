"""What pytest's summary shows of the plugin's own messages: one line of each, and where to read more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lc_callbacks._values import innermost
from pytest_lc_callbacks._watching.outcome import SECTIONS

if TYPE_CHECKING:
    import pytest

_PACKAGE = __package__.partition(".")[0]
_OWN = "lc_callbacks_own"


def is_own(error: BaseException) -> bool:
    """Whether code of the plugin raised *error*."""
    traceback = innermost(error)
    return traceback is not None and _package(traceback.tb_frame.f_globals) == _PACKAGE


def mark(report: pytest.TestReport, error: BaseException | None) -> None:
    """Let `shorten` know that the *report* has a message of the plugin's; a report travels from a worker."""
    if report.failed and error is not None and is_own(error):
        setattr(report, _OWN, True)


def shorten(terminalreporter: Any) -> None:
    """Cut the plugin's own messages to the first line for the short summary: where CI is set, it shows whole ones."""
    for report in _failed(terminalreporter):
        crash = getattr(report.longrepr, "reprcrash", None)
        if getattr(report, _OWN, False) and crash is not None:
            crash.message = crash.message.partition("\n")[0]


def explanation(terminalreporter: Any) -> str:
    """The last line of a session whose failures named causes; empty where none did."""
    failed = _failed(terminalreporter)
    if not failed:
        return ""
    # A session without a failure pays for no cause.
    from pytest_lc_callbacks._causes import CAUSES

    said: list[str] = []
    for report in failed:
        said += [report.longreprtext, *(text for name, text in report.sections if name in SECTIONS)]
    named = next((name for name in CAUSES if any(f"[{name}]" in text for text in said)), None)
    if named is None:
        return ""
    return f"LangChain callbacks: python -m {_PACKAGE} explain {named} says more, and so of every name in brackets"


def _failed(terminalreporter: Any) -> list[Any]:
    return [*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])]


def _package(module: dict[str, Any]) -> str:
    return str(module.get("__name__", "")).partition(".")[0]
