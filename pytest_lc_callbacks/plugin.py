"""What pytest loads: options, ini settings, the marker, fixtures and hook functions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import Any

    from pytest_lc_callbacks._fake_chat_model import FakeChatModel
    from pytest_lc_callbacks._handler import RecordingHandler
    from pytest_lc_callbacks._observer import Observer

_OBSERVE = ("auto", "all", "off")
_observer_key = pytest.StashKey["Observer"]()
_phase_key = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our ini settings."""
    parser.addini(
        "lc_callbacks_observe",
        "Which tests the observer watches: 'auto' those that use a fixture or the marker of pytest-lc-callbacks, 'all' "
        "every test that starts with LangChain imported, 'off' none.",
        default="auto",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check the ini settings and register the marker."""
    observe = config.getini("lc_callbacks_observe")
    if observe not in _OBSERVE:
        raise pytest.UsageError(f"lc_callbacks_observe = {observe}: expected one of {', '.join(_OBSERVE)}")
    config.addinivalue_line("markers", "lc_callbacks: watch every LangChain run of this test")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Switch the observer on before any fixture is set up."""
    _enter(item, "setup")
    if _is_watched(item):
        _watch(item)
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Tell the observer that the body begins."""
    _enter(item, "call")
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Switch the observer off when the fixtures are gone."""
    _enter(item, "teardown")
    try:
        return (yield)
    finally:
        _unwatch(item)


def _enter(item: pytest.Item, phase: str) -> None:
    item.stash[_phase_key] = phase
    if _observer_key in item.stash:
        item.stash[_observer_key].begin(phase)


def _is_watched(item: pytest.Item) -> bool:
    """Whether the test asks for a fixture of ours, as resolved for it, or for the marker; or all tests are watched."""
    observe = item.config.getini("lc_callbacks_observe")
    if observe == "off":
        return False
    if observe == "all" and "langchain_core" in sys.modules:
        return True
    definitions = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    # A project's own fixture of the same name comes last, and wins.
    resolved = (definitions[name][-1] for name in getattr(item, "fixturenames", ()) if definitions.get(name))
    return item.get_closest_marker("lc_callbacks") is not None or any(
        definition.func.__module__ == __name__ for definition in resolved
    )


def _watch(item: pytest.Item) -> Observer:
    """The observer of this test, switched on if it is not."""
    if _observer_key not in item.stash:
        from pytest_lc_callbacks._observer import switch_on

        item.stash[_observer_key] = switch_on()
        item.stash[_observer_key].begin(item.stash[_phase_key])
    return item.stash[_observer_key]


def _unwatch(item: pytest.Item) -> None:
    if _observer_key in item.stash:
        from pytest_lc_callbacks._observer import switch_off

        switch_off(item.stash[_observer_key])
        del item.stash[_observer_key]


@pytest.fixture
def recording_handler(request: pytest.FixtureRequest) -> RecordingHandler:
    """A fresh recording handler: pass it wherever LangChain takes callbacks, then ask it what it received."""
    from pytest_lc_callbacks._handler import RecordingHandler

    _watch_late(request)
    return RecordingHandler()


@pytest.fixture
def assert_events(recording_handler: RecordingHandler) -> Callable[[Sequence[Any]], None]:
    """``assert_events([...])``: check that ``recording_handler`` recorded exactly these events, in this order."""
    return recording_handler.assert_events


@pytest.fixture
def fake_chat_model(request: pytest.FixtureRequest) -> FakeChatModel:
    """A fresh fake chat model: it answers with a fixed text until ``.respond(...)`` scripts it."""
    from pytest_lc_callbacks._fake_chat_model import FakeChatModel

    _watch_late(request)
    return FakeChatModel()


@pytest.fixture
def callback_scopes(request: pytest.FixtureRequest) -> Observer:
    """Every LangChain run of this test, whatever was passed as callbacks: ``.table(...)`` tells who heard which."""
    if request.config.getini("lc_callbacks_observe") == "off":
        raise pytest.UsageError("callback_scopes needs the observer, and lc_callbacks_observe = off switches it off")
    return _watch(request.node)


def _watch_late(request: pytest.FixtureRequest) -> None:
    """Switch the observer on for a test that asks for a fixture of ours with ``request.getfixturevalue``."""
    if request.config.getini("lc_callbacks_observe") != "off":
        _watch(request.node)
