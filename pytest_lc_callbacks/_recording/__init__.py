"""What a handler received, and the questions a test asks about it."""

from pytest_lc_callbacks._recording.again import explain_resumed
from pytest_lc_callbacks._recording.events import Event, Run
from pytest_lc_callbacks._recording.names import EVENT_NAMES, EventName, is_end, is_start, said_of_name
from pytest_lc_callbacks._recording.observer_report import NOTHING_KNOWN, ObserverReport, Surplus
from pytest_lc_callbacks._recording.patterns import any_order, event, many
from pytest_lc_callbacks._recording.questions import is_control_flow
from pytest_lc_callbacks._recording.recording import Recording
from pytest_lc_callbacks._recording.records import id_key, payload_fields
from pytest_lc_callbacks._recording.remarks import explain_control_flow, find_remarks
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._recording.tree import RunTree
from pytest_lc_callbacks._recording.unsent import declined_by, explain_same_failure
from pytest_lc_callbacks._recording.without_runs import explain_unheard_name

__all__ = [
    "EVENT_NAMES",
    "NOTHING_KNOWN",
    "Event",
    "EventName",
    "ObserverReport",
    "Recording",
    "Run",
    "RunTree",
    "Selection",
    "Surplus",
    "any_order",
    "declined_by",
    "event",
    "explain_control_flow",
    "explain_resumed",
    "explain_same_failure",
    "explain_unheard_name",
    "find_remarks",
    "id_key",
    "is_control_flow",
    "is_end",
    "is_start",
    "many",
    "payload_fields",
    "said_of_name",
]
