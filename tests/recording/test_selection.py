"""Some of the events in a log."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from recordings import CHAIN, CHAIN_NAMES, moves, play, record, select


def test_a_selection_answers_by_index() -> None:
    """
    A selection numbers its events from 0, whatever their positions in the log are.
    """
    selection = select(record(*CHAIN).where("chain_start"))
    assert (len(selection), selection.names) == (2, ["chain_start", "chain_start"])
    assert [selection.event(index).run_name for index in (0, 1)] == ["RunnableSequence", "ChatPromptTemplate"]
    assert selection.run(1) is selection.runs()[1]


def test_a_selection_does_not_grow() -> None:
    """
    What is recorded later is in a new selection, not in one that was made before.
    """
    handler = record(*CHAIN)
    before = select(handler)
    record(*CHAIN, into=handler)
    assert before.names == CHAIN_NAMES
    assert select(handler).names == CHAIN_NAMES * 2


@given(moves(), st.data())
def test_parts_of_a_selection(happenings: Any, data: Any) -> None:
    """
    A slice, a choice of indices and `without` give the events that Python's list of events gives.
    """
    selection = select(play(happenings))
    if data.draw(st.booleans()):
        selection = selection.without("llm_new_token")
    events = selection.events()
    indices = sorted(data.draw(st.sets(st.integers(0, max(0, len(events) - 1)))) if events else ())
    start, stop = (data.draw(st.integers(0, len(events))) for _ in range(2))
    assert selection[start:stop].events() == events[start:stop]
    assert selection.at(indices).events() == [events[index] for index in indices]
    assert selection.at(range(start, max(start, stop))).names == selection.names[start : max(start, stop)]
    assert selection.without("chain_end").events() == [event for event in events if event.name != "chain_end"]
    assert selection.runs() == list(dict.fromkeys(event.run for event in events if event.run is not None))
