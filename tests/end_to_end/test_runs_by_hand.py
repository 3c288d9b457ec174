"""Runs of a callback manager that the program drives itself, which no observer hears: ``unfinished_run``."""

from __future__ import annotations

import pytest
from programs import HEAD


@pytest.fixture
def run(pytester):
    """Runs a test that drives a callback manager."""

    def run(source):
        pytester.makepyfile(f"{HEAD}\nfrom uuid import uuid4\n{source}")
        filters = "-Walways::pytest_lc_callbacks.CallbackFindingWarning"
        return pytester.runpytest_inprocess("-p", "no:randomly", filters)

    return run


OPEN = {
    "recording": """
def test_it(recording_handler):
    CallbackManager([recording_handler]).on_chain_start(None, {}, name="mine")
""",
    "spied": """
def test_it(spy_on):
    spy_on(Audit)
    CallbackManager([Audit()]).on_chain_start(None, {}, name="mine")
""",
    "one of two": """
def test_it(recording_handler):
    manager = CallbackManager([recording_handler])
    manager.on_chain_start(None, {}, name="mine")
    manager.on_chain_start(None, {}, name="ended").on_chain_end({})
""",
    "two handlers": """
def test_it(recording_handler):
    CallbackManager([recording_handler, RecordingHandler()]).on_chain_start(None, {}, name="mine")
""",
}


@pytest.mark.parametrize("source", OPEN.values(), ids=list(OPEN))
def test_a_run_that_nobody_ends(run, source):
    """
    A run that the program has begun by hand and not ended is told once, with that reason.
    """
    result = run(source)

    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "*Warning: expected every run to have ended with its test, but 1 is still open: mine  [[]unfinished_run]",
            "*mine: the program drives a callback manager itself, and has not told it that the run ended",
        ]
    )


HEALTHY = {
    "ended": """
def test_it(recording_handler):
    CallbackManager([recording_handler]).on_chain_start(None, {}, name="mine").on_chain_end({})
""",
    "ended by its fixture": """
@pytest.fixture
def begun(recording_handler):
    runs = []
    yield runs
    runs[0].on_chain_end({})

def test_it(begun, recording_handler):
    begun.append(CallbackManager([recording_handler]).on_chain_start(None, {}, name="mine"))
""",
    "kept by a fixture of the module": """
@pytest.fixture(scope="module")
def kept():
    runs = []
    yield runs
    runs[0].on_chain_end({})

def test_it(kept, recording_handler):
    kept.append(CallbackManager([recording_handler]).on_chain_start(None, {}, name="mine"))
""",
    "begun by a fixture": """
@pytest.fixture
def begun(recording_handler):
    CallbackManager([recording_handler]).on_chain_start(None, {}, name="mine")

def test_it(begun):
    pass
""",
    "a method that the test calls itself": """
def test_it(spy_on, recording_handler):
    spy_on(handler := Audit())
    for each in (handler, recording_handler):
        each.on_chain_start(None, {}, run_id=uuid4(), name="mine")
""",
    "a handler that nobody asks": """
def test_it(callback_scopes):
    CallbackManager([Audit()]).on_chain_start(None, {}, name="mine")
""",
    "a handler that stops the run": """
class Guard(BaseCallbackHandler):
    raise_error = True
    def on_chain_start(self, *args, **kwargs):
        raise ValueError("stop")

def test_it(recording_handler):
    with pytest.raises(ValueError):
        CallbackManager([recording_handler, Guard()]).on_chain_start(None, {}, name="mine")
""",
}


@pytest.mark.parametrize("source", HEALTHY.values(), ids=list(HEALTHY))
def test_what_is_no_open_run(run, source):
    """
    A run that is ended, or that somebody alive may still end, is no finding, and neither is a call of a method.
    """
    result = run(source)

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*unfinished_run*")
