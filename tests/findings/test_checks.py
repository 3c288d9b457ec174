"""The checks that recordings, runs and scripts are enough for; see end_to_end/test_findings.py for what they tell."""

from __future__ import annotations

from pytest_lc_callbacks import Event, Recording
from pytest_lc_callbacks._findings.checks import duplicate_events, exhausted_models, unused_responses


def test_healthy_recordings_cost_a_look():
    """
    A recording in which nothing is doubled is not compared with anything.
    """
    healthy = Recording([Event(name="chain_start"), Event(name="chain_end")])

    assert list(duplicate_events({"h": healthy}, None)) == []


def test_a_script_with_much_left_over():
    """
    A finding shows the first unused responses and how many more there are, and says how often the model was called.
    """
    unused = [f"response {number}: text" for number in range(7)]

    [finding] = unused_responses([([], 3, []), (unused, 1_234, [])])

    assert finding.summary == "expected the script of the fake model to be used up, but 7 responses were never given"
    assert finding.details[:7] == (
        *(f"  response {number}: text" for number in range(5)),
        "  ... and 2 more",
        "  the model was called 1,234 times",
    )


def test_one_expected_exception_speaks_for_its_script():
    """
    A script that was asked too often is no finding if the test expected one of its exceptions.
    """
    expected, hidden = RuntimeError("expected"), RuntimeError("hidden")

    [finding] = exhausted_models([[hidden, expected], [hidden, hidden], []], lambda error: error is expected)

    assert finding.summary == "expected the script to have a response for every call, but it had none for 2 calls"
    assert finding.error is hidden


def test_a_model_that_was_not_asked():
    """
    Where a method of an application's model ran without asking the fake that stands in, that is named.
    """
    [finding] = unused_responses([(["'Paris'"], 0, ["Support._generate (app.models)"])])

    assert "  Support._generate (app.models) ran without asking it" in finding.details
    assert finding.details[-1].endswith("is to answer for such a class, name it: stand_in_for(Support).")
