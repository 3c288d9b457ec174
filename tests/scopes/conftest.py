"""What the tests of scopes share: an observer that is on, and a handler made under it."""

from __future__ import annotations

import pytest

from pytest_lc_callbacks import RecordingHandler, observe_callbacks


@pytest.fixture
def observer():
    """An observer that is on in this test."""
    with observe_callbacks() as observer:
        yield observer


@pytest.fixture
def handler(observer):
    """A handler, made when the observer is on."""
    return RecordingHandler()
