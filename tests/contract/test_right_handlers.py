"""Handlers that are right pass the whole suite: LangChain's own, ours, and one that does nothing."""

from __future__ import annotations

import time

import pytest
from faulty_handlers import Quiet
from faulty_tracers import Tracer
from langchain_core.callbacks import FileCallbackHandler, StdOutCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from suites import check_names, results

from pytest_lc_callbacks import RecordingHandler
from pytest_lc_callbacks.contract import CallbackHandlerTests, run_tree_records


class Nothing(CallbackHandlerTests):
    def make_handler(self):
        return Quiet()


class StdOut(CallbackHandlerTests):
    def make_handler(self):
        return StdOutCallbackHandler()


class Usage(CallbackHandlerTests):
    def make_handler(self):
        return UsageMetadataCallbackHandler()


class Collector(CallbackHandlerTests):
    keeps_runs = True

    def make_handler(self):
        return RunCollectorCallbackHandler()

    def records(self, handler):
        return run_tree_records(handler.traced_runs)


class InMemory(BaseTracer):
    def __init__(self):
        super().__init__()
        self.roots = []

    def _persist_run(self, run):
        self.roots.append(run)


class InMemoryTracer(CallbackHandlerTests):
    keeps_runs = True

    def make_handler(self):
        return InMemory()

    def records(self, handler):
        return run_tree_records(handler.roots)


class Recorder(CallbackHandlerTests):
    keeps_runs = True

    def make_handler(self):
        return RecordingHandler()

    def records(self, handler):
        rows = [
            {"name": run.label, "id": run.run_id, "parent": run.parent_run_id, "error": run.error}
            | {"text": f"{run.inputs!r} {run.outputs!r}"}
            for run in handler.runs
        ]
        handler.clear()
        return rows


class RightTracer(CallbackHandlerTests):
    def make_handler(self):
        return Tracer()

    def records(self, handler):
        return handler.records()


def failed(found):
    return {name: text for name, (outcome, text) in found.items() if outcome == "failed"}


@pytest.mark.parametrize("suite", [Nothing, StdOut, Usage, Collector, InMemoryTracer, Recorder, RightTracer])
def test_a_right_handler_passes(suite):
    """
    A handler without fault fails no check, and passes at least forty.
    """
    found = results(suite)

    assert failed(found) == {}
    assert sum(outcome == "passed" for outcome, _ in found.values()) >= 40


def test_a_handler_that_writes_to_a_file_passes(tmp_path):
    """
    LangChain's FileCallbackHandler passes, each instance with an open file.
    """

    class File(CallbackHandlerTests):
        def make_handler(self):
            return FileCallbackHandler(str(tmp_path / "log.txt"))

    found = results(File)

    assert failed(found) == {}
    assert found["can_be_deep_copied"][0] == "advice"


def test_a_tracer_without_fault_leaves_not_even_advice():
    """
    A tracer that does all that LangChain's payloads ask for passes every check, none is declined.
    """
    assert {outcome for outcome, _ in results(RightTracer).values()} == {"passed"}


def test_the_suite_is_quick_for_a_handler_that_does_nothing():
    """
    All checks of one handler take less than ten seconds.
    """
    began = time.perf_counter()

    results(Nothing)

    assert time.perf_counter() - began < 10
    assert len(check_names()) >= 60
