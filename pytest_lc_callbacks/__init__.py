"""Record, fake and assert LangChain callbacks in pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_lc_callbacks._events import Event as Event
    from pytest_lc_callbacks._events import EventName as EventName
    from pytest_lc_callbacks._events import Run as Run
    from pytest_lc_callbacks._fake_chat_model import FakeChatModel as FakeChatModel
    from pytest_lc_callbacks._fake_chat_model import FakeChatModelExhausted as FakeChatModelExhausted
    from pytest_lc_callbacks._fake_script import Call as Call
    from pytest_lc_callbacks._findings import Finding as Finding
    from pytest_lc_callbacks._handler import RecordingHandler as RecordingHandler
    from pytest_lc_callbacks._observer import Observer as Observer
    from pytest_lc_callbacks._observer import observe_callbacks as observe_callbacks
    from pytest_lc_callbacks._patterns import any_order as any_order
    from pytest_lc_callbacks._patterns import event as event
    from pytest_lc_callbacks._patterns import many as many
    from pytest_lc_callbacks._recording import Recording as Recording
    from pytest_lc_callbacks._spy import Spy as Spy
    from pytest_lc_callbacks._warnings import CallbackFindingWarning as CallbackFindingWarning

__all__ = [
    "Call",
    "CallbackFindingWarning",
    "Event",
    "EventName",
    "FakeChatModel",
    "FakeChatModelExhausted",
    "Finding",
    "Observer",
    "Recording",
    "RecordingHandler",
    "Run",
    "Spy",
    "any_order",
    "event",
    "many",
    "observe_callbacks",
]

_ROOMS = {
    "Call": "_fake_script",
    "CallbackFindingWarning": "_warnings",
    "Event": "_events",
    "EventName": "_events",
    "FakeChatModel": "_fake_chat_model",
    "FakeChatModelExhausted": "_fake_chat_model",
    "Finding": "_findings",
    "Observer": "_observer",
    "Recording": "_recording",
    "RecordingHandler": "_handler",
    "Run": "_events",
    "Spy": "_spy",
    "any_order": "_patterns",
    "event": "_patterns",
    "many": "_patterns",
    "observe_callbacks": "_observer",
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
        import_module(f"{__name__}._handler")
    value = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value
