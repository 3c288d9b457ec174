"""Checks of what a handler made of what it heard: lost, mixed, misplaced and unfinished runs. They need `records`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from pytest_lc_callbacks._contract.check import check
from pytest_lc_callbacks._contract.judging import fail_with_left, fault
from pytest_lc_callbacks._contract.program import PROGRAMS, Program
from pytest_lc_callbacks._contract.rows import KEYS, Row, Rows, has_error
from pytest_lc_callbacks._contract.suite import Suite
from pytest_lc_callbacks._contract.trial import AFTER, Trial
from pytest_lc_callbacks._words import hint, listing

_ROOTS = ("chain_batch", "fallbacks_batch", "chat_batch", "chat_generate", "text_generate", "chain_abatch")
_COUNTED: tuple[str, ...] = ("parallel_invoke", "parallel_ainvoke", "retry_invoke", "fallbacks_invoke", "same_run_id")
_COUNTED += ("chain_stream", "chain_astream", "chain_stream_closed", "graph_invoke", "graph_ainvoke", *_ROOTS)
_MODES = ("chain_ainvoke", "chain_stream", "chain_astream")
_ALONE = {
    "chat_invoke": "the_model",
    "text_invoke": "the_text_llm",
    "tool_invoke": "the_tool",
    "retriever_invoke": "the_retriever",
}
_FAILED = {
    "lambda_error": "outer",
    "chat_error": "the_model",
    "text_error": "the_text_llm",
    "tool_error": "the_tool",
    "retriever_error": "the_retriever",
    "chain_error": "outer",
    "chain_aerror": "outer",
    "chain_stream_error": "outer",
}
_BARE = ("error_without_words", "cancelled_error", "keyboard_interrupt")
_BY_TYPE = {"prompt": "the_prompt", "parser": "the_parser", "chat_model": "the_model", "llm": "the_text_llm"}
_BY_TYPE |= {"tool": "the_tool", "retriever": "the_retriever"}


class RecordChecks(Suite):
    """The recorder beside the handler knows how many runs there were, and which was under which."""

    @check(needs="records")
    def test_records_can_be_read(self) -> None:
        """records(handler) returns what the handler made of its events, once, and without delay."""
        rows, again = self._rows(self._plain), self._trial(self._plain).after
        unknown = {key for row in rows for key in row} - set(KEYS)
        if not rows.rows or unknown:
            what = f"rows with the unknown keys {listing(sorted(unknown))}" if unknown else "no row"
            raise AssertionError(
                f"expected records(handler) to give a row for each run, but a chain that ended gave {what}\n"
                + hint(f"return dicts with those of {listing(KEYS, 6)} that you know; flush the exporter first.")
            )
        if again and any(self._is_of_program(row) for row in again):
            raise AssertionError(
                "expected records(handler) to drain, but the second call gave the first call's rows again\n"
                + hint("clear the exporter after you have read it.")
            )

    @check(needs="records")
    def test_separates_roots(self) -> None:
        """batch and generate begin several roots in one thread before the first ends: each is a tree of its own."""
        self._needs_trees()
        for trial, rows in self._read(_ROOTS):
            if rows.rows and len(rows.traces()) != trial.roots:
                first = (
                    f"expected {trial.roots} trees for {trial.roots} roots, but the handler made {len(rows.traces())}"
                )
                mend = "a run without parent_run_id begins a tree, whatever a ContextVar says is current."
                fault(first, [trial.program], mend)

    @check(needs="records")
    def test_next_run_is_its_own(self) -> None:
        """What is left as the current run takes in whatever the thread does next."""
        self._needs_trees()
        found: dict[str, list[Program]] = {}
        for trial, rows in self._read(PROGRAMS.names()):
            after = Rows(trial.after or ())
            outer = [row for row in after.named(AFTER) if f"{AFTER}_inside" not in str(row.get("name"))]
            if any(row.get("parent") is not None or after.trace(row) in rows.traces() for row in outer):
                found.setdefault("the run before", []).append(trial.program)
        if found:
            mend = "detach what you made current at the end, at the error, and when a root ends with children open."
            fail_with_left(found, "make the next run a root", "put it under", mend)

    @check(needs="records")
    def test_goes_on_after_every_program(self) -> None:
        """One payload that cannot be delivered must not stop what comes after it."""
        usual = len(self._trial(self._plain).after or ())
        found: dict[str, list[Program]] = {}
        for trial, _ in self._read(PROGRAMS.names()):
            if len(trial.after or ()) < usual:
                found.setdefault("the next run, or a part of it", []).append(trial.program)
        if found:
            mend = "drop or mend the payload that cannot be sent, and reset what is current when a method fails."
            fail_with_left(found, "record a plain run after every program", "lost", mend)

    @check(needs="records")
    def test_loses_no_run(self) -> None:
        """Every run that it records in a plain chain it records in batches, branches, retries and late runs too."""
        found: dict[str, list[Program]] = {}
        for trial, rows in self._read(_COUNTED):
            for name, number in self._expected(trial).items():
                if len(rows.named(name)) < number:
                    found.setdefault(f"{number - len(rows.named(name))} of {number} runs of {name}", []).append(
                        trial.program
                    )
        if found:
            fail_with_left(found, "lose no run", "lost", "keep runs by run_id, not by name, thread or order.")

    @check(needs="records")
    def test_keeps_runs_apart(self) -> None:
        """Runs of 8 threads and of 50 tasks interleave: each has a tree of its own, with its own texts."""
        one = self._rows(self._plain)
        for trial, rows in self._read(("eight_threads", "fifty_tasks")):
            if len(rows) < trial.roots * len(one):
                first = (
                    f"expected {trial.roots * len(one)} rows of {trial.roots} chains side by side, but got {len(rows)}"
                )
                fault(first, [trial.program], "keep no single current run: keep runs by run_id.")
            mixed = [rows_ for rows_ in rows.traces().values() if len(_markers(rows_)) > 1]
            if mixed and rows.know("text"):
                first = f"expected runs to be kept apart, but one tree has the texts of {listing(_markers(mixed[0]))}"
                fault(first, [trial.program], "keep no single current run: keep runs by run_id.")

    @check(needs="records")
    def test_reads_the_real_input_of_a_stream(self) -> None:
        """A stream's chain_start has a placeholder ({'input': ''}); the real input comes with the end, as inputs=."""
        if "the_real_input" not in _text_of(self._rows("input_invoke"), "outer"):
            pytest.skip("it records no inputs of chains")
        for trial, rows in self._read(("input_stream", "input_astream")):
            if rows.named("outer") and "the_real_input" not in _text_of(rows, "outer"):
                first = "expected the real input of a stream, but the handler kept the placeholder"
                fault(first, [trial.program], "on_chain_end(..., **kwargs): take kwargs['inputs'] where it is there.")

    @check(needs="records")
    def test_loses_no_odd_payload(self) -> None:
        """A payload that cannot be serialised costs its own text at most, never the run."""
        for trial, rows in self._read([program.name for program in PROGRAMS.of("values")]):
            for name in ("outer", "the_tool"):
                if self._records(name) and any(run.name == name for run in trial.runs) and not rows.named(name):
                    first = f"expected the run of {name} to be recorded, but it was lost"
                    fault(first, [trial.program], "send repr(value), or its type, where the value cannot be sent.")

    @check(needs="records")
    def test_records_errors(self) -> None:
        """A run that fails ends with on_..._error; the runs around it fail with it."""
        self._judge_errors(_FAILED, "a run that failed", "set the error in every on_..._error.")

    @check(needs="records")
    def test_records_errors_without_words(self) -> None:
        """str(TimeoutError()) is empty, and so is that of CancelledError and KeyboardInterrupt."""
        mend = "test `error is not None`, and show repr(error) where str(error) is empty."
        self._judge_errors(dict.fromkeys(_BARE, "outer"), "a run whose error has no words", mend)

    @check(needs="records")
    def test_loses_no_failed_run(self) -> None:
        """A run whose error is not handled stays open: an exporter never sees it."""
        for trial, rows in self._read(_FAILED):
            name = _FAILED[trial.program.name]
            if self._records(name) and not rows.named(name):
                first = f"expected the failed run of {name} to be recorded, but it was lost"
                fault(first, [trial.program], "end the run in on_..._error as in on_..._end.")

    @check(needs="records")
    def test_puts_runs_under_their_parents(self) -> None:
        """parent_run_id is right in threads and contexts in which no ContextVar is."""
        self._needs_trees()
        for trial, rows in self._read(
            ("chain_invoke", "parallel_invoke", "parallel_ainvoke", "other_context", "all_inside")
        ):
            for child, parent in _nesting(trial, rows):
                for row in rows.named(child):
                    above = rows.parent(row)
                    if above is None or parent not in str(above.get("name")):
                        got = "at the top" if above is None else f"under {above.get('name')}"
                        first = f"expected {child} under {parent}, but the handler put it {got}"
                        fault(first, [trial.program], "take the parent from parent_run_id alone.")

    @check(needs="records")
    def test_makes_the_same_tree_in_every_mode(self) -> None:
        """invoke, ainvoke, stream and astream of one chain are the same runs under the same parents."""
        usual = self._rows("chain_invoke").shape()
        resumed = Rows(self._trial("graph_interrupt").rows or ()).shape() if self._has_graphs() else []
        for trial, rows in self._read((*_MODES, "graph_ainterrupt")):
            wanted = resumed if trial.program.name == "graph_ainterrupt" else usual
            # A run that is missing is told by another check.
            if len(rows) == len(wanted) and rows.shape() != wanted:
                moved = [pair for pair in rows.shape() if pair not in wanted]
                name, parent = moved[0]
                place = f"under {parent}" if parent else "at the top"
                first = f"expected the tree of invoke, but the handler put {name} {place}"
                fault(first, [trial.program], "take the parent from parent_run_id, in every mode.")

    @check(needs="records")
    def test_reads_names(self) -> None:
        """The name of a run is in name=; serialized is None for chains."""
        rows = self._rows("lambda_invoke")
        if rows.know("name") and not rows.named("outer"):
            first = f"expected a run named outer, but the handler called it {listing(str(r.get('name')) for r in rows)}"
            fault(first, [PROGRAMS["lambda_invoke"]], "read kwargs['name'] first, then serialized.")

    @check(needs="records")
    def test_takes_agent_events_for_no_ends(self) -> None:
        """on_agent_action and on_agent_finish come with the chain's run_id; the chain ends afterwards."""
        rows, trial = self._rows("agent_events"), self._trial("agent_events")
        if not self._records("outer"):
            pytest.skip("it records no chains")
        outer = rows.named("outer")
        has_end = "the_real_end" in _text_of(rows, "outer") or "HI" not in _text_of(
            self._rows("lambda_invoke"), "outer"
        )
        if len(outer) != 1 or not has_end:
            what = f"made {len(outer)} rows" if len(outer) != 1 else "left its outputs out"
            first = f"expected one row for an agent's chain, with its real end, but the handler {what}"
            fault(first, [trial.program], "add what the agent does to the run; on_chain_end ends it.")

    @check(needs="records")
    def test_records_single_components(self) -> None:
        """A model, a tool and a retriever may be called by themselves: they are roots then."""
        inside = self._rows("all_inside") if self._supports(PROGRAMS["all_inside"]) else Rows(())
        for trial, rows in self._read(_ALONE):
            name = _ALONE[trial.program.name]
            if inside.named(name) and not rows.named(name):
                first = (
                    f"expected {name} to be recorded when it is called by itself, but it is recorded in chains alone"
                )
                fault(first, [trial.program], "a run without parent_run_id is a root, whatever its type.")

    @check(needs="records", advice=True)
    def test_shows_an_interrupt_as_no_error(self) -> None:
        """interrupt() leaves its node as a GraphInterrupt, in on_chain_error: the graph waits, and nothing failed."""
        rows = self._rows("graph_interrupt") if self._has_graphs() else Rows(())
        if any(has_error(row) for row in rows):
            raise AssertionError("an interrupt is recorded as an error of its node: it derives from GraphBubbleUp")

    @check(needs="records", advice=True)
    def test_shows_a_failed_tool_message_as_an_error(self) -> None:
        """handle_tool_error and ToolNode make a failure a ToolMessage with status='error', which is no exception."""
        rows = self._rows("failed_tool_message")
        if rows.know("error") and rows.named("the_tool") and not any(has_error(row) for row in rows):
            raise AssertionError("a ToolMessage with status='error' is recorded as a success")

    @property
    def _plain(self) -> str:
        return "chain_invoke" if self.supports_chat_model else "lambda_invoke"

    def _has_graphs(self) -> bool:
        return "graph_interrupt" in PROGRAMS.names() and self._supports(PROGRAMS["graph_interrupt"])

    def _is_of_program(self, row: Row) -> bool:
        return any(name in str(row.get("name")) for name in ("outer", "the_prompt", "the_parser"))

    def _needs_trees(self) -> None:
        if not any(self._rows(self._plain).know(key) for key in ("parent", "trace")):
            pytest.skip("its rows know neither parent nor trace")

    def _read(self, names: Iterable[str]) -> list[tuple[Trial, Rows]]:
        """The trials of these programs in which the handler raised nothing, with its rows."""
        known = [PROGRAMS[name] for name in names if name in PROGRAMS.names()]
        trials = [self._trial(program) for program in self._supported(known)]
        return [(trial, Rows(trial.rows or ())) for trial in trials if not trial.raised]

    def _records(self, name: str) -> bool:
        """Whether the handler records runs of this name, or of chains where it is no component's."""
        inside = self._rows("all_inside" if self._supports(PROGRAMS["all_inside"]) else self._plain)
        return bool(
            inside.named(name) or self._rows(self._plain).named(name) or self._rows("lambda_invoke").named(name)
        )

    def _expected(self, trial: Trial) -> dict[str, int]:
        """How often each name ran that the handler records."""
        plain = self._rows(self._plain)
        chains = bool(plain.named("outer"))
        counted = Counter(run.name for run in trial.runs)
        names = {"outer", "inner", "left", "right", "the_fork", "bad"} if chains else set()
        names |= {name for name in ("the_prompt", "the_parser", "the_model") if plain.named(name)}
        return {name: number for name, number in counted.items() if name in names}

    def _judge_errors(self, names: dict[str, str], what: str, mend: str) -> None:
        __tracebackhide__ = True
        if not self._rows(self._plain).know("error"):
            pytest.skip("its rows know no errors")
        found: dict[str, list[Program]] = {}
        for trial, rows in self._read(names):
            name = names[trial.program.name]
            # A run that is lost is told by another check.
            if rows.named(name) and not any(has_error(row) for row in rows.named(name)):
                found.setdefault(f"{name} as a success", []).append(trial.program)
        if found:
            fail_with_left(found, f"record {what} as an error", "recorded", mend)


def _nesting(trial: Trial, rows: Rows) -> list[tuple[str, str]]:
    """Which run the handler should have put under which, of those that it recorded."""
    above = {run.name: run.parent for run in trial.runs}
    found = []
    for name in above:
        parent = above[name]
        while parent is not None and not rows.named(parent):
            parent = above.get(parent)
        if parent is not None and rows.named(name) and len([run for run in trial.runs if run.name == name]) == 1:
            found.append((name, parent))
    return found


def _text_of(rows: Rows, name: str) -> str:
    return Rows(rows.named(name)).texts()


def _markers(rows: Iterable[Row]) -> list[str]:
    text = Rows(rows).texts()
    return [f"marker-{number:02}" for number in range(50) if f"marker-{number:02}" in text]
