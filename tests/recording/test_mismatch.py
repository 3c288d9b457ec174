"""The first line of each kind of mismatch."""

from __future__ import annotations

from typing import Any

import pytest
from recordings import failure, spell

from pytest_lc_callbacks import event, many


@pytest.mark.parametrize(
    ("expected", "letters", "first_line"),
    [
        (["text"], "r", "expected 'text' as event 1, but the handler recorded 'retry'"),
        (["text", "retry"], "x", "expected 'retry' as event 2, but the handler recorded only 1 event"),
        (["text"], "xr", "expected nothing after event 1, but the handler recorded 'retry'"),
        (["text"], "xrr", "expected nothing after event 1, but the handler recorded 'retry' and 1 event more"),
        ([], "xr", "expected no events, but the handler recorded 'text' and 1 event more"),
        (
            [event("text", text="y")],
            "x",
            "expected event('text', text='y') as event 1, but the handler recorded 'text' with text='x'",
        ),
        (
            [..., "agent_finish"],
            "xr",
            "expected 'agent_finish' somewhere, but it was none of the 2 events",
        ),
        (
            [..., event("text", text="z"), ...],
            "rxy",
            "expected event('text', text='z') somewhere, but event 2, the nearest of 2, has text='x'",
        ),
        (
            ["retry", ..., event("text", text="x")],
            "ry",
            "expected event('text', text='x') somewhere after event 1, but event 2 has text='y'",
        ),
        (
            ["text", ..., "agent_finish", "text"],
            "xrf",
            "expected 'text' as event 4, but the handler recorded only 3 events",
        ),
        (
            ["text", ..., "agent_finish", ..., "agent_finish"],
            "xrf",
            "expected 'agent_finish' somewhere after event 3, but nothing more came",
        ),
        (
            [many("text"), "agent_finish"],
            "xxr",
            "expected many('text') or 'agent_finish' as event 3, but the handler recorded 'retry'",
        ),
        ([many("text", min=2)], "xr", "expected many('text', min=2) as event 2, but the handler recorded 'retry'"),
        ([many("text")], "", "expected many('text') as event 1, but nothing was recorded"),
        ([many("text", min=0)], "", "expected many('text', min=0) as event 1, but nothing was recorded"),
        ([..., "text"], "", "expected 'text', but nothing was recorded"),
    ],
)
def test_the_first_line_says_what_differs(expected: list[Any], letters: str, first_line: str) -> None:
    """
    The first line of a failure says ``expected ..., but ...``, and needs no other line.
    """
    assert failure(spell(letters).assert_events, expected).splitlines()[0] == first_line
