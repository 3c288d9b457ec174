"""A coroutine that nobody awaited, and a stream that nobody read, are named where nothing ran."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from recordings import failure

from pytest_lc_callbacks import FakeChatModel

# The tests of this file throw coroutines away.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")


def test_a_coroutine_in_a_variable(recording_handler: Any) -> None:
    """
    The message names the variable.
    """
    answer = FakeChatModel().ainvoke("q", {"callbacks": [recording_handler]})

    said = " ".join(failure(recording_handler.assert_events, ["chat_model_start", "llm_end"]).split())

    assert "no run began in the test's body. answer is a coroutine of BaseChatModel.ainvoke()" in said
    assert "[never-awaited]" in said
    answer.close()


def test_a_coroutine_that_was_thrown_away(recording_handler: Any) -> None:
    """
    The message names the line that calls without await.
    """
    model = FakeChatModel()
    model.ainvoke("q", {"callbacks": [recording_handler]})  # type: ignore[unused-coroutine]  # that is the mistake

    said = " ".join(failure(recording_handler.assert_runtime_scope).split())

    assert "hint: model.ainvoke(...) is called without await at " in said
    assert "[never-awaited]" in said
    assert "Possible causes" not in said


def test_a_stream_that_nobody_read(recording_handler: Any) -> None:
    """
    The message names the variable with the stream.
    """
    stream = FakeChatModel().stream("q", {"callbacks": [recording_handler]})

    said = " ".join(failure(recording_handler.one, "llm_end").split())

    assert "stream is a stream of BaseChatModel.stream() that nobody has read." in said
    assert "[nothing-ran]" in said
    assert next(stream)


def test_nothing_was_called(recording_handler: Any) -> None:
    """
    Where the frames show no coroutine and no stream, none is named.
    """
    done = asyncio.run(asyncio.sleep(0, "done"))

    said = failure(recording_handler.one, "llm_end")

    assert done == "done"
    assert "[never-awaited]" not in said
    assert "Possible causes" in said
