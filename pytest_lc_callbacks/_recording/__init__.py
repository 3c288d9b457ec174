"""What a handler received, and the questions a test asks about it."""

from pytest_lc_callbacks._recording.events import EVENT_NAMES, Event, EventName, Run, RunTree, is_end, is_start, kept_id
from pytest_lc_callbacks._recording.patterns import any_order, event, many
from pytest_lc_callbacks._recording.recording import Recording

__all__ = [
    "EVENT_NAMES",
    "Event",
    "EventName",
    "Recording",
    "Run",
    "RunTree",
    "any_order",
    "event",
    "is_end",
    "is_start",
    "kept_id",
    "many",
]
