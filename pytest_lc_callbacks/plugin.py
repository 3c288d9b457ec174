"""What pytest loads: options, ini settings, the marker, fixtures and hook functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pytest_lc_callbacks._fake_chat_model import FakeChatModel
    from pytest_lc_callbacks._handler import RecordingHandler


@pytest.fixture
def recording_handler() -> RecordingHandler:
    """A fresh recording handler: pass it wherever LangChain takes callbacks, then ask it what it received."""
    from pytest_lc_callbacks._handler import RecordingHandler

    return RecordingHandler()


@pytest.fixture
def assert_events(recording_handler: RecordingHandler) -> Callable[[Sequence[Any]], None]:
    """Check that this test's ``recording_handler`` recorded exactly these events: ``assert_events(["llm_start", ...])``."""
    return recording_handler.assert_events


@pytest.fixture
def fake_chat_model() -> FakeChatModel:
    """A fresh fake chat model: it answers with a fixed text until ``.respond(...)`` scripts it."""
    from pytest_lc_callbacks._fake_chat_model import FakeChatModel

    return FakeChatModel()
