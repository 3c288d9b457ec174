"""Record, fake and assert LangChain callbacks in pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_lc_callbacks._fake import Call as Call
    from pytest_lc_callbacks._fake import FakeChatModel as FakeChatModel
    from pytest_lc_callbacks._fake import FakeChatModelExhausted as FakeChatModelExhausted
    from pytest_lc_callbacks._fake import FakeChatModelMiss as FakeChatModelMiss
    from pytest_lc_callbacks._fake import FakeLLM as FakeLLM
    from pytest_lc_callbacks._findings.finding import Finding as Finding
    from pytest_lc_callbacks._handlers.observer import Observer as Observer
    from pytest_lc_callbacks._handlers.observer import observe_callbacks as observe_callbacks
    from pytest_lc_callbacks._handlers.parity import aassert_parity as aassert_parity
    from pytest_lc_callbacks._handlers.parity import assert_parity as assert_parity
    from pytest_lc_callbacks._handlers.recorder import RecordingHandler as RecordingHandler
    from pytest_lc_callbacks._handlers.spy import Spy as Spy
    from pytest_lc_callbacks._recording import Event as Event
    from pytest_lc_callbacks._recording import EventName as EventName
    from pytest_lc_callbacks._recording import Recording as Recording
    from pytest_lc_callbacks._recording import Run as Run
    from pytest_lc_callbacks._recording import any_order as any_order
    from pytest_lc_callbacks._recording import event as event
    from pytest_lc_callbacks._recording import many as many
    from pytest_lc_callbacks._watching.warning import CallbackFindingWarning as CallbackFindingWarning
    from pytest_lc_callbacks.contract import CallbackHandlerTests as CallbackHandlerTests

__all__ = [
    "Call",
    "CallbackFindingWarning",
    "CallbackHandlerTests",
    "Event",
    "EventName",
    "FakeChatModel",
    "FakeChatModelExhausted",
    "FakeChatModelMiss",
    "FakeLLM",
    "Finding",
    "Observer",
    "Recording",
    "RecordingHandler",
    "Run",
    "Spy",
    "aassert_parity",
    "any_order",
    "assert_parity",
    "event",
    "many",
    "observe_callbacks",
]

_ROOMS = {
    "Call": "_fake",
    "CallbackFindingWarning": "_watching.warning",
    "CallbackHandlerTests": "contract",
    "Event": "_recording",
    "EventName": "_recording",
    "FakeChatModel": "_fake",
    "FakeChatModelExhausted": "_fake",
    "FakeChatModelMiss": "_fake",
    "FakeLLM": "_fake",
    "Finding": "_findings.finding",
    "Observer": "_handlers.observer",
    "Recording": "_recording",
    "RecordingHandler": "_handlers.recorder",
    "Run": "_recording",
    "Spy": "_handlers.spy",
    "aassert_parity": "_handlers.parity",
    "any_order": "_recording",
    "assert_parity": "_handlers.parity",
    "event": "_recording",
    "many": "_recording",
    "observe_callbacks": "_handlers.observer",
}


def __getattr__(name: str) -> Any:
    """Fetch a public name when it is first used, so that loading the plugin imports no LangChain."""
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import version

        return version("pytest-lc-callbacks")
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name != "CallbackFindingWarning":
        # The handler's room tells the event names of the installed LangChain to the rooms below it. The category of a
        # warning is asked for by filters, also in suites that have nothing to do with LangChain.
        import_module(f"{__name__}._handlers.recorder")
    value = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value
