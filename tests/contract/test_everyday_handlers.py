"""Handlers as applications write them: one fault is told once, by its cause, and no right handler is blamed."""

from __future__ import annotations

import pytest
from everyday_faults import FAULTS
from everyday_handlers import WORKING
from faulty_tracers import Tracer
from suites import faults

from pytest_lc_callbacks.contract import CallbackHandlerTests


@pytest.mark.once
@pytest.mark.parametrize(("kind", "checks", "words"), FAULTS, ids=[kind.__name__ for kind, _, _ in FAULTS])
def test_an_everyday_fault_is_told_by_its_cause(kind, checks, words):
    """
    A handler with one fault fails the checks of that fault alone, and their messages name it.
    """

    class Faulty(CallbackHandlerTests):
        def make_handler(self):
            return kind()

    if issubclass(kind, Tracer):
        Faulty.records = lambda self, handler: handler.records()

    found = faults(Faulty)
    told = " ".join(" ".join(found.values()).split())

    assert list(found) == checks, told
    assert words in told


@pytest.mark.once
@pytest.mark.parametrize("kind", WORKING, ids=lambda kind: kind.__name__)
def test_an_everyday_handler_without_fault_passes(kind):
    """
    A handler without fault gets no failure; a lock, or a copy, may be advice about deep copies.
    """

    class Right(CallbackHandlerTests):
        def make_handler(self):
            return kind()

    assert faults(Right).keys() <= {"can_be_deep_copied"}
