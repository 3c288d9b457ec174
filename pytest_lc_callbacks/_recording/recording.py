"""Recording: the questions a test asks about what a handler received."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any
from uuid import UUID

from pytest_lc_callbacks._recording import message as _text
from pytest_lc_callbacks._recording.events import Event, EventName, Log, MethodName, Run, RunTree, is_end
from pytest_lc_callbacks._recording.expectation import expectation
from pytest_lc_callbacks._recording.hints import NOTHING_RECORDED, hint
from pytest_lc_callbacks._recording.matching import find_mismatch, names_at
from pytest_lc_callbacks._recording.patterns import (
    _ANY,
    EventPattern,
    Expected,
    Item,
    compile_items,
    event_name,
    pattern_of,
)
from pytest_lc_callbacks._recording.snapshot import snapshot
from pytest_lc_callbacks._recording.tree import RunTreeText
from pytest_lc_callbacks._words import repr_short


class Recording:
    """
    What one handler received, in order.

    It is not a sequence and is always true, empty or not: LangChain and users alike write ``if handler:``.

    Args:
        events: Events to ask about, when there is no handler that records.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._log = Log.of(events)
        self._chosen: list[int] | None = None
        self._cleared_at = 0.0

    def __repr__(self) -> str:
        """How much is in there."""
        return (
            f"<{type(self).__name__}: {_text.events_count(len(self._positions))}, {_text.runs_count(len(self.runs))}>"
        )

    @property
    def _positions(self) -> Sequence[int]:
        return range(len(self._log)) if self._chosen is None else self._chosen

    @property
    def events(self) -> list[Event]:
        """Every event, in the order in which it was recorded."""
        return [self._log.event(position) for position in self._positions]

    @property
    def names(self) -> list[str]:
        """Every event's name: the shortest thing to compare with ``==``."""
        return names_at(self._log, self._positions)

    @property
    def runs(self) -> list[Run]:
        """Every run that an event belongs to, in the order of the first events."""
        positions = self._positions
        if len(positions) == len(self._log):
            return self._log.runs()
        return list(dict.fromkeys(run for run in map(self._log.run_at, positions) if run is not None))

    @property
    def tree(self) -> RunTree:
        """The runs by parent; ``print`` it."""
        return RunTree(self.runs)

    @property
    def usage(self) -> dict[str, Any]:
        """
        The tokens of all model calls, added up: ``input_tokens``, ``output_tokens``, ``total_tokens`` and any details.

        Empty if no model reported usage. Each run counts once, also where the handler got its end twice.
        """
        total: dict[str, Any] = {}
        by_run = {event.run or id(event): event.usage for event in self._select(EventPattern("llm_end"))}
        for usage in by_run.values():
            _add(total, usage or {})
        return total

    @property
    def errors(self) -> list[BaseException]:
        """The exceptions that runs ended with, each once, however many runs it passed through."""
        errors = [event.error for event in self._error_events()]
        return list({id(error): error for error in errors if error is not None}.values())

    def count(self, name: EventName | MethodName | None = None, **where: Any) -> int:
        """
        How many events there are with this *name* and these attributes; they are those of `event`.

        Raises:
            ValueError: If LangChain has no event of that name.

            TypeError: If an attribute is unknown.
        """
        __tracebackhide__ = True
        return len(self.where(name, **where)._positions)

    def where(
        self,
        name: EventName | MethodName | None = None,
        *,
        run: str | Run = _ANY,
        run_type: str = _ANY,
        run_id: UUID = _ANY,
        tags: Iterable[str] = _ANY,
        metadata: Mapping[str, Any] = _ANY,
        parent: str | Run | None = _ANY,
        under: str | Run = _ANY,
        **attributes: Any,
    ) -> Recording:
        """
        The events with this *name* and these attributes, which are those of `event`, as a Recording.

        Raises:
            ValueError: If LangChain has no event of that name.

            TypeError: If an attribute is unknown.
        """
        __tracebackhide__ = True
        given: dict[str, Any] = {"run": run, "run_type": run_type, "run_id": run_id, "tags": tags, "metadata": metadata}
        given |= {"parent": parent, "under": under, **attributes}
        given = {key: value for key, value in given.items() if value is not _ANY}
        if name is None and not given:
            return self._view(list(self._positions))
        return self._view(self._matching(pattern_of(name, given)))

    def without(self, *names: EventName | MethodName) -> Recording:
        """
        All other events, as a Recording.

        Raises:
            ValueError: If LangChain has no event of one of these *names*.
        """
        __tracebackhide__ = True
        unwanted = set(map(event_name, names))
        pairs = zip(self._positions, self.names, strict=False)
        return self._view([position for position, name in pairs if name not in unwanted])

    def one(self, name: EventName | MethodName | None = None, **where: Any) -> Event:
        """
        The one event with this *name* and these attributes.

        Raises:
            AssertionError: If there is none or more than one, with the candidates.
        """
        __tracebackhide__ = True
        found = self.where(name, **where).events
        if len(found) == 1:
            return found[0]
        wanted = _wanted(name, where)
        if found:
            raise AssertionError(
                _joined(f"expected one {wanted}, but there are {len(found)}", _text.event_lines(found))
            )
        same_name = self.where(name).events if name else []
        near = same_name or self.events
        evidence = _candidates(near, bool(same_name)) if near else [f"  {self._emptiness}"]
        raise AssertionError(_joined(f"expected one {wanted}, but there is none", evidence))

    def clear(self) -> None:
        """Forget everything, and let go of the payloads."""
        self._log = Log()
        self._chosen = None if self._chosen is None else []
        self._cleared_at = perf_counter()

    def snapshot(self) -> list[dict[str, Any]]:
        """
        A dict of builtins per event, the same in every run: ids are ``run-1``; no times, no versions.

        For syrupy, inline-snapshot and plain ``==``.
        """
        return snapshot(self.events)

    def assert_events(self, expected: Sequence[Expected]) -> None:
        """
        Check that exactly these events were recorded, in this order.

        Args:
            expected: Event names, ``...`` for any events, and what `event`, `many` and `any_order` return.

        Raises:
            AssertionError: With the first event that differs, what is around it and the usual cause.

            TypeError: If *expected* is not a list, or holds something else.

            ValueError: If an event does not exist, or nothing would be checked.
        """
        __tracebackhide__ = True
        items = compile_items(expected)
        log, positions = self._log, self._positions
        if not positions and items:
            hints = [] if len(log) else [NOTHING_RECORDED]
            raise AssertionError(_joined(f"expected {_first(items)}, but {self._emptiness}", hints))
        mismatch = find_mismatch(items, log, positions)
        if mismatch is None:
            return
        lines = [*mismatch.evidence, *_text.window(log, positions, mismatch)]
        lines += _text.not_reached(mismatch.rest)
        lines += filter(None, [hint(mismatch, items, log, positions)])
        lines += [f"as recorded: {expectation(log, positions)}"]
        raise AssertionError(_joined(_text.first_line(mismatch, log, positions), lines))

    def assert_no_events(self, name: EventName | MethodName | None = None, **where: Any) -> None:
        """
        Check that there is no event with this *name* and these attributes, or none at all if nothing is given.

        Raises:
            AssertionError: With the events that there are; also if nothing was recorded, unless that is what is asked.
        """
        __tracebackhide__ = True
        found = self.where(name, **where).events
        wanted = _wanted(name, where) if name or where else "event"
        if found:
            first = f"expected no {wanted}, but the handler recorded {len(found)}"
            raise AssertionError(_joined(first, _text.event_lines(found)))
        selected = name or where or (self._chosen is not None and not len(self._log))
        if selected and not self._positions:
            raise AssertionError(
                f"expected no {wanted} among the recorded events, but {self._emptiness}, so nothing was checked\n"
                "hint: if the handler is to hear nothing at all, write assert_no_events() of the handler itself."
            )

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
        ignored = _classes(ignore)
        if not self._positions:
            raise AssertionError(f"expected runs without errors, but {self._emptiness}, so nothing was checked")
        failed = [event for event in self._error_events() if not isinstance(event.error, ignored)]
        failed += [event for event in self._select(EventPattern("tool_end")) if event.tool_failed]
        if failed:
            lines = [*_text.event_lines(failed), "  the runs:", *_text.tree_lines(self.tree)]
            raise AssertionError(_joined(f"expected no errors, but {_failure(failed[0])}", lines))

    def assert_finished(self) -> None:
        """
        Check that every run that was heard has ended, well or badly.

        Raises:
            AssertionError: With the run tree; also if nothing was recorded.
        """
        __tracebackhide__ = True
        runs = self.runs
        if not runs:
            raise AssertionError(f"expected runs that have ended, but {self._emptiness}, so nothing was checked")
        still_open = [run for run in runs if not run.ended]
        if still_open:
            names = ", ".join(dict.fromkeys(run.label for run in still_open))
            verb = "is" if len(still_open) == 1 else "are"
            first = f"expected every run to have ended, but {len(still_open)} of {len(runs)} {verb} open: {names}"
            raise AssertionError(_joined(first, _text.tree_lines(self.tree)))

    def assert_run_tree(self, expected: str, *, any_order: bool = False) -> None:
        """
        Check that the runs are these.

        Args:
            expected: A run a line, each under its parent and further to the right; what ``print(recording.tree)``
                prints will do.

            any_order: Whether runs with the same parent may come in any order.

        Raises:
            AssertionError: With the first run that differs and the recorded tree.

            TypeError: If *expected* is not a string.

            ValueError: If it has no line, or one that stands under no other.
        """
        __tracebackhide__ = True
        wanted = RunTreeText.parse(expected)
        recorded = RunTreeText.of(self.tree)
        difference = wanted.difference(recorded, any_order=any_order)
        if difference:
            raise AssertionError(difference)

    @property
    def _emptiness(self) -> str:
        """Why there is no event, for a message."""
        if not len(self._log):
            return "nothing was recorded"
        return f"none of the {_text.events_count(len(self._log))} that were recorded was selected"

    @property
    def _asked_since(self) -> float:
        """The moment since which the handler could hear runs, in seconds of ``time.perf_counter()``."""
        return self._cleared_at

    @property
    def _handler_class(self) -> type:
        """The class of the handler whose events these are; a spy's handler is not the spy itself."""
        return type(self)

    def _declines(self, name: str) -> bool:
        """Whether the handler declines events of this *name*: with ``ignore_llm = True`` it declines ``llm_end``."""
        return False

    def _view(self, positions: list[int]) -> Recording:
        view = Recording()
        view._log = self._log
        view._chosen = positions
        return view

    def _matching(self, pattern: EventPattern) -> list[int]:
        pairs = zip(self._positions, self.names, strict=False)
        named = [p for p, name in pairs if pattern.name is None or name == pattern.name]
        return [p for p in named if pattern.accepts(self._log.event(p))] if pattern.attributes else named

    def _select(self, pattern: EventPattern) -> list[Event]:
        return [self._log.event(position) for position in self._matching(pattern)]

    def _error_events(self) -> list[Event]:
        pairs = zip(self._positions, self.names, strict=False)
        events = [self._log.event(position) for position, name in pairs if is_end(name) and name.endswith("_error")]
        return [event for event in events if not _is_control_flow(event.error)]


def _is_control_flow(error: BaseException | None) -> bool:
    """Whether langgraph raised it to steer a graph: an interrupt, a command for the parent graph."""
    classes = type(error).__mro__
    return any(c.__name__ == "GraphBubbleUp" and c.__module__.startswith("langgraph.") for c in classes)


def _add(total: dict[str, Any], usage: Mapping[str, Any]) -> None:
    for key, value in usage.items():
        if isinstance(value, Mapping):
            _add(total.setdefault(key, {}), value)
        elif isinstance(value, (int, float)):
            total[key] = total.get(key, 0) + value


def _classes(ignore: Any) -> tuple[type[BaseException], ...]:
    classes = (ignore,) if isinstance(ignore, (type, str)) or not isinstance(ignore, Iterable) else tuple(ignore)
    for entry in classes:
        if not (isinstance(entry, type) and issubclass(entry, BaseException)):
            raise TypeError(f"ignore= takes exception classes, not {repr_short(entry)}")
    return classes


def _failure(event: Event) -> str:
    run = event.run.label if event.run else "a run"
    return f"{run} answered with an error" if event.tool_failed else f"{run} raised {repr_short(event.error)}"


def _wanted(name: str | None, where: Mapping[str, Any]) -> str:
    if not where:
        return repr(name) if name else "event"
    return repr(pattern_of(name, where))


def _first(items: Sequence[Item]) -> str:
    named = [item for item in items if item is not ...]
    return f"{named[0]!r} as event 1" if named[0] is items[0] else repr(named[0])


def _candidates(events: list[Event], same_name: bool) -> list[str]:
    return ["  there are:" if same_name else "  recorded were:", *_text.event_lines(events)]


def _joined(first: str, lines: Iterable[str]) -> str:
    return "\n".join([first, *lines])
