"""Seconds that a model waits, where it was told to."""

from __future__ import annotations

import asyncio
import time

import pytest
from call_modes import ainvoke, astream, every_mode, invoke, stream

from pytest_lc_callbacks import FakeChatModel


@pytest.fixture
def waits(monkeypatch):
    """
    The seconds that would have been waited.
    """
    waited = []

    async def no_sleep(seconds):
        waited.append(seconds)

    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    return waited


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (invoke, [0.5]),
        (ainvoke, [0.5]),
        (stream, [0.5, 0.1, 0.1]),
        (astream, [0.5, 0.1, 0.1]),
    ],
)
@pytest.mark.parametrize("on_response", [True, False], ids=["of the response", "of the model"])
def test_latency(ask, expected, on_response, waits):
    """
    A model waits its latency before a response, and its chunk latency between the chunks.
    """
    latency = {"latency": 0.5, "chunk_latency": 0.1}
    model = FakeChatModel(**({} if on_response else latency))
    model.respond("one two three", **(latency if on_response else {}))

    ask(model)

    assert waits == expected


@every_mode
def test_nothing_waits_by_itself(ask, waits):
    """
    Without a latency nothing waits, and a latency of zero overrules that of the model.
    """
    ask(FakeChatModel(responses=["one two three"]))
    ask(FakeChatModel(latency=1).respond("one", latency=0))

    assert waits == []


def test_an_error_waits_too(waits):
    """
    A model waits its latency before a scripted error too.
    """
    with pytest.raises(TimeoutError):
        FakeChatModel().respond(TimeoutError(), latency=30).invoke("x")

    assert waits == [30]
