"""Call: what a model was asked, and what came of it."""

from __future__ import annotations

from contextlib import suppress

import pytest

from pytest_lc_callbacks import FakeChatModel


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (FakeChatModel(responses=["Hello!"]), "<Call 1: invoke 'Hi.' -> 'Hello!'>"),
        (FakeChatModel().respond(tool_calls=[("f", {"x": 1})]), "<Call 1: invoke 'Hi.' -> tool call f(x=1)>"),
        (FakeChatModel().respond(TimeoutError()), "<Call 1: invoke 'Hi.' -> raised TimeoutError>"),
    ],
    ids=["text", "tool call", "error"],
)
def test_the_repr_of_a_call(model, shown):
    """
    A call prints as what was asked and what came of it.
    """
    with suppress(TimeoutError):
        model.invoke("Hi.")

    assert repr(model.calls[0]) == shown
