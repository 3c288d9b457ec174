"""Recording: what a handler received, with its assertions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Never, Unpack, overload

from pytest_lc_callbacks._recording.attributes import Attributes
from pytest_lc_callbacks._recording.events import Event
from pytest_lc_callbacks._recording.expectation import expectation
from pytest_lc_callbacks._recording.hints import NOTHING_RECORDED, explain, explain_failures, names_in
from pytest_lc_callbacks._recording.matching import find_mismatch
from pytest_lc_callbacks._recording.message import event_lines, not_reached, tree_lines, window
from pytest_lc_callbacks._recording.names import EventName, MethodName, event_name
from pytest_lc_callbacks._recording.nearest import describe_nearest, find_unheard_run
from pytest_lc_callbacks._recording.observer_report import NOTHING_KNOWN, ObserverReport
from pytest_lc_callbacks._recording.patterns import EventPattern, Expected, Item, compile_items, pattern_of
from pytest_lc_callbacks._recording.questions import Questions
from pytest_lc_callbacks._recording.remarks import explain_several, explain_steered
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._recording.tool_calls import ExpectedToolCall, find_difference, read_tool_calls, render_calls
from pytest_lc_callbacks._recording.tree import RunTree, RunTreeText
from pytest_lc_callbacks._recording.unrun_tools import explain_missing_calls
from pytest_lc_callbacks._recording.unsent import explain_unsent
from pytest_lc_callbacks._recording.without_runs import explain_absent
from pytest_lc_callbacks._values import is_a
from pytest_lc_callbacks._words import count, headline, hint, listing, repr_short, shown


class Recording(Questions):
    """
    What one handler received, in order.

    It reads like a list of events, ``for event in recording``, and is always true, empty or not: LangChain and users
    alike write ``if handler:``.

    Args:
        events: Events to ask about, when there is no handler that records.
    """

    @overload
    def __getitem__(self, index: int) -> Event: ...

    @overload
    def __getitem__(self, index: slice) -> Recording: ...

    def __getitem__(self, index: int | slice) -> Event | Recording:
        """The event at this *index*, or those of a slice as a Recording."""
        selection = self._selection
        if isinstance(index, slice):
            return self._view(selection[index])
        return selection.event(range(len(selection))[index])

    def where(self, name: EventName | MethodName | None = None, **attributes: Unpack[Attributes]) -> Recording:
        """
        The events with this *name* and these *attributes*, which are those of `event`, as a Recording.

        Raises:
            ValueError: If LangChain has no event of that name.

            TypeError: If an attribute is unknown.
        """
        __tracebackhide__ = True
        if name is None and not attributes:
            return self._view(self._selection)
        view = self._view(self._select(pattern_of(name, attributes)))
        view._unheard = self._unheard or find_unheard_run(attributes, self._log.runs(), strict=True)
        return view

    def without(self, *names: EventName | MethodName, **attributes: Unpack[Attributes]) -> Recording:
        """
        All other events, as a Recording.

        Args:
            names: The events to leave out; any event if left out.

            attributes: Leave out those alone that have these attributes, which are those of `event`.

        Raises:
            ValueError: If LangChain has no event of one of these *names*.

            TypeError: If an attribute is unknown.
        """
        __tracebackhide__ = True
        if not attributes:
            return self._view(self._selection.without(*map(event_name, names)))
        left_out: set[int] = set()
        for name in names or (None,):
            left_out.update(self._select(pattern_of(name, attributes)).positions)
        kept = [position for position in self._selection.positions if position not in left_out]
        return self._view(Selection(self._log, kept))

    def one(self, name: EventName | MethodName | None = None, **attributes: Unpack[Attributes]) -> Event:
        """
        The one event with this *name* and these *attributes*, which are those of `event`.

        Raises:
            AssertionError: If there is none or more than one, with the candidates.
        """
        __tracebackhide__ = True
        found = self.where(name, **attributes).events
        if len(found) == 1:
            return found[0]
        wanted = _render_wanted(name, attributes)
        if found:
            lines = [*event_lines(found, tell_apart=True), *explain_several(found)]
            raise AssertionError(_join(f"expected one {wanted}, but there are {len(found):,}", lines))
        same_name = self.where(name).events if name else []
        lines = self._candidates(same_name)
        lines += self._explain_missing(pattern_of(name, attributes) if name or attributes else None, same_name)
        nearest = describe_nearest(pattern_of(name, attributes), self._selection) if attributes else ""
        raise AssertionError(_join(f"expected one {wanted}, but there is none{nearest}", lines))

    def _candidates(self, same_name: Sequence[Event]) -> list[str]:
        """The events that the user may have meant: those of the *same name*, or else all."""
        if same_name:
            return ["  there are:", *event_lines(same_name, tell_apart=True)]
        return ["  recorded were:", *event_lines(self.events)] if self._selection else [f"  {self._emptiness}"]

    def assert_events(self, expected: Sequence[Expected], *more: Never) -> None:
        """
        Check that exactly these events were recorded, in this order.

        Args:
            expected: Event names, ``...`` for any events, and what `event`, `many` and `any_order` return.

            more: Nothing: the events are one list.

        Raises:
            AssertionError: With the first event that differs, what is around it and the usual cause.

            TypeError: If *expected* is not a list, or holds something else.

            ValueError: If an event does not exist, or nothing would be checked.
        """
        __tracebackhide__ = True
        if more:
            raise TypeError(f"assert_events takes one list of events: write {repr_short([expected, *more])}")
        items = compile_items(expected)
        selection = self._selection
        if items and not selection:
            first = f"expected {_render_first(items)}, but {self._emptiness}"
            raise AssertionError(_join(first, self._explain_emptiness(names_in(*items))))
        mismatch = find_mismatch(items, selection)
        if mismatch is None:
            self._refuse_nothing()
            return
        report = self._ask_observer(names_in(*mismatch.expected, *mismatch.rest))
        lines = [*mismatch.details(selection), *window(mismatch, selection), *not_reached(mismatch.rest)]
        lines += explain(mismatch, items, selection, self, report)
        misses = f", which misses {listing(report.missed)}" if report.missed else ""
        lines += [f"as recorded{misses}: {expectation(items, mismatch, selection)}"]
        raise AssertionError(_join(mismatch.line(selection), lines))

    def _refuse_nothing(self) -> None:
        """Fail where a question that cannot find anything found nothing."""
        __tracebackhide__ = True
        if self._unheard and not self._selection:
            first = f"expected no events, but {self._unheard}, so nothing was checked"
            raise AssertionError(_join(first, self._ask_observer().hints))

    def assert_no_events(self, name: EventName | MethodName | None = None, **attributes: Unpack[Attributes]) -> None:
        """
        Check that there is no event with this *name* and these *attributes*, or none at all if nothing is given.

        Raises:
            AssertionError: With the events that there are; also if nothing was recorded, unless that is what is asked,
                and if no run of the name ``under`` or ``parent`` was heard, or ``run`` is a heard name misspelt.

            TypeError: If there are none, and ``==`` raised for one of the attributes: then nobody knows.
        """
        __tracebackhide__ = True
        found, unknown = self.events, None
        if name or attributes:
            selection, unknown = self._find(pattern_of(name, attributes))
            found = selection.events()
        wanted = _render_wanted(name, attributes)
        if unknown is not None and not found:
            raise TypeError(unknown)
        if found:
            first = f"expected no {wanted}, but the handler recorded {len(found):,}"
            raise AssertionError(_join(first, [*event_lines(found), *explain_steered(found)]))
        is_selective = name or attributes or (self._chosen is not None and not len(self._log))
        if is_selective and not self._selection:
            first = f"expected no {wanted} among the recorded events, but {self._emptiness}, so nothing was checked"
            silence = hint("if the handler is to hear nothing at all, write assert_no_events() of the handler itself.")
            raise AssertionError(_join(first, [*self._ask_observer().hints, silence]))
        unheard = find_unheard_run(attributes, self._log.runs())
        if unheard:
            first = f"expected no {wanted}, but {unheard}, so nothing was checked"
            raise AssertionError(_join(first, self._ask_observer().hints))

    def assert_no_errors(self, ignore: type[BaseException] | Iterable[type[BaseException]] = ()) -> None:
        """
        Check that no run failed: no error event, and no tool that answered with a ``ToolMessage`` of status "error".

        langgraph's control flow (``GraphInterrupt`` and its kin, sent as ``chain_error``) is no error.

        Args:
            ignore: Exception classes that do not count.

        Raises:
            AssertionError: With the errors and the run tree; also if nothing was recorded.
        """
        __tracebackhide__ = True
        ignored = _read_classes(ignore)
        if not self._selection:
            first = f"expected runs without errors, but {self._emptiness}, so nothing was checked"
            raise AssertionError(_join(first, self._ask_observer().hints))
        failed = [event for event in self._error_events() if not is_a(event.error, *ignored)]
        failed += [event for event in self._select(EventPattern("tool_end")).events() if event.tool_failed]
        if failed:
            lines = [*event_lines(failed), "  the runs:", *tree_lines(self.tree)]
            lines += explain_failures(failed)
            raise AssertionError(_join(f"expected no errors, but {_describe_failure(failed[0])}", lines))

    def assert_finished(self) -> None:
        """
        Check that every run that was heard has ended, well or badly.

        Raises:
            AssertionError: With the run tree; also if nothing was recorded.
        """
        __tracebackhide__ = True
        runs = self.runs
        if not runs:
            first = f"expected runs that have ended, but {self._emptiness}, so nothing was checked"
            raise AssertionError(_join(first, self._ask_observer().hints))
        still_open = [run for run in runs if not run.ended]
        if still_open:
            names = listing(run.label for run in still_open)
            verb = "is" if len(still_open) == 1 else "are"
            first = f"expected every run to have ended, but {len(still_open):,} of {len(runs):,} {verb} open: {names}"
            raise AssertionError(_join(first, tree_lines(self.tree)))

    def assert_run_tree(self, expected: str, *, any_order: bool = False) -> None:
        """
        Check that the runs are these.

        Args:
            expected: A line for each run, under its parent and further to the right, or what ``print(recording.tree)``
                prints.

            any_order: Whether runs with the same parent may come in any order.

        Raises:
            AssertionError: With the first run that differs and the recorded tree.

            TypeError: If *expected* is not a string.

            ValueError: If it has no line, or a line that is indented like none above it.
        """
        __tracebackhide__ = True
        wanted = RunTreeText.parse(expected)
        recorded = RunTreeText.of(self.tree)
        difference = wanted.difference(recorded, any_order=any_order)
        if difference:
            report = self._ask_observer()
            for surplus in report.surplus:
                rest = RunTree([run for run in self.runs if run._id_key not in surplus.run_ids])
                if wanted.difference(RunTreeText.of(rest), any_order=any_order) is None:
                    raise AssertionError(_join(difference, [surplus.hint]))
            raise AssertionError(_join(difference, report.hints or explain_absent(wanted, self.runs, report)))

    def assert_tool_calls(self, expected: Sequence[ExpectedToolCall], *, any_order: bool = False) -> None:
        """
        Check that these tools ran, in this order, and no others.

        Args:
            expected: Names, ``(name, arguments)``, and ``...`` for any calls; ``[]`` where no tool is to run. A name
                alone leaves the arguments open, and so does ``{"city": "Oslo", ...: ...}`` for the other arguments.

            any_order: Whether the calls may come in any order.

        Raises:
            AssertionError: With the first call that differs and the tools that ran; also if nothing was recorded.

            TypeError: If *expected* is no list, or holds something else.

            ValueError: If nothing would be checked.
        """
        __tracebackhide__ = True
        wanted = read_tool_calls(expected, any_order=any_order)
        if not self._selection:
            first = f"expected {count(len(expected), 'tool call')}, but {self._emptiness}, so nothing was checked"
            raise AssertionError(_join(first, self._explain_emptiness(None)))
        calls = self.tool_calls
        difference = find_difference(wanted, calls, any_order=any_order)
        if difference:
            report = self._ask_observer(["tool_start"])
            misses = f", which misses {listing(report.missed)}" if report.missed else ""
            hints = explain_missing_calls(wanted, self, report) or report.hints
            lines = [*hints, f"as recorded{misses}: {render_calls(calls)}"]
            raise AssertionError(_join(difference, lines))

    @property
    def _emptiness(self) -> str:
        """Why there is no event, for a message."""
        if not len(self._log):
            return "nothing was recorded"
        return f"none of the {count(len(self._log), 'event')} that were recorded was selected"

    def _freeze(self) -> Recording:
        """What it has at this moment, as a Recording that does not grow."""
        return _FrozenRecording(self)

    def _view(self, selection: Selection) -> Recording:
        view = self._make_view()
        view._log = self._log
        view._chosen = selection
        view._unheard = self._unheard
        return view

    def _make_view(self) -> Recording:
        """A recording for some of its events, still empty."""
        return Recording()

    def _explain_missing(self, pattern: EventPattern | None, same_name: Sequence[Event]) -> Sequence[str]:
        """The hints why no event fits *pattern*; where there are some of the *same name*, its attributes differ."""
        report = self._ask_observer([pattern.name] if pattern is not None and pattern.name else None)
        unsent = explain_unsent([pattern], self, report=report) if pattern is not None else None
        if unsent:
            return [unsent.hint]
        return [] if same_name else self._explain_emptiness([pattern.name] if pattern and pattern.name else None)

    def _explain_emptiness(self, wanted: Collection[str] | None) -> Sequence[str]:
        """The hints why none of the *wanted* events was recorded, or none at all; see `_ask_observer`."""
        hints = self._ask_observer(wanted).hints
        declined = explain_unsent([*map(EventPattern, wanted or ())], self) if not hints and wanted else None
        if declined is not None:
            return [declined.hint]
        return hints if hints or len(self._log) else [NOTHING_RECORDED]

    def _ask_observer(self, wanted: Collection[str] | None = None) -> ObserverReport:
        """
        The runs that the handler missed, and why, where an observer is on; a recording by itself knows of none.

        Args:
            wanted: The names of the events that are missing; None where any missed run explains the failure.
        """
        return NOTHING_KNOWN


class _FrozenRecording(Recording):
    """What a recording *of* a handler had at one moment; the handler declines what it declined."""

    def __init__(self, of: Recording) -> None:
        super().__init__()
        self._of = of
        self._since = of._asked_since
        self._log = of._log.freeze()

    @property
    def _asked_since(self) -> float:
        return self._since

    @property
    def _handler_class(self) -> type:
        return self._of._handler_class

    @property
    def _handler_ids(self) -> frozenset[int]:
        return self._of._handler_ids

    def _declines(self, name: str) -> bool:
        return self._of._declines(name)


def _read_classes(ignore: Any) -> tuple[type[BaseException], ...]:
    classes = (ignore,) if isinstance(ignore, (type, str)) or not isinstance(ignore, Iterable) else tuple(ignore)
    for entry in classes:
        if not (isinstance(entry, type) and issubclass(entry, BaseException)):
            raise TypeError(f"ignore= takes exception classes, not {repr_short(entry)}")
    return classes


def _describe_failure(event: Event) -> str:
    run = event.run.label if event.run else "a run"
    return f"{run} answered with an error" if event.tool_failed else f"{run} raised {repr_short(event.error)}"


def _render_wanted(name: str | None, attributes: Mapping[str, Any]) -> str:
    """What was asked for: ``'llm_end'``, ``event('llm_end', run='b')``, or ``event`` for any."""
    if not attributes:
        return repr(name) if name else "event"
    return repr(pattern_of(name, attributes))


def _render_first(items: Sequence[Item]) -> str:
    """The first item that is no ``...``, and where it is expected."""
    named = next(item for item in items if item is not ...)
    return f"{named!r} as event 1" if named is items[0] else repr(named)


def _join(first: str, lines: Iterable[str]) -> str:
    return shown("\n".join([*headline(first), *lines]))
