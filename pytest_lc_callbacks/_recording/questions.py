"""The questions that a test asks about what a handler received."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, Unpack, cast

from pytest_lc_callbacks._recording.attributes import Attributes
from pytest_lc_callbacks._recording.events import Event, Log, Run
from pytest_lc_callbacks._recording.names import EventName, MethodName, event_name
from pytest_lc_callbacks._recording.nearest import find_unheard_run
from pytest_lc_callbacks._recording.patterns import EventPattern, pattern_of
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._recording.snapshot import snapshot
from pytest_lc_callbacks._recording.tool_calls import ToolCall, tool_call_of
from pytest_lc_callbacks._recording.tree import RunTree
from pytest_lc_callbacks._values import bases, class_name, entries, is_a, module_name
from pytest_lc_callbacks._words import count, shown


class Questions:
    """What one handler received, in order; the part of `Recording` that answers and asserts nothing."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._log = Log.of(events)
        self._chosen: Selection | None = None
        self._unheard = ""
        """Why nothing can be among the chosen events: the name of a run that none has."""
        """The events that `where` or `without` chose; None in a recording of a whole log."""
        self._cleared_at = 0.0

    def __repr__(self) -> str:
        """How many events and runs it has."""
        events, runs = count(len(self._selection), "event"), count(len(self.runs), "run")
        return f"<{type(self).__name__}: {events}, {runs}>"

    def __iter__(self) -> Iterator[Event]:
        """Every event, in order."""
        selection = self._selection
        return map(selection.event, range(len(selection)))

    def __len__(self) -> int:
        return len(self._selection)

    def __bool__(self) -> bool:
        """Always true, empty or not: LangChain writes ``var.get() or ...``, and users ``if handler:``."""
        return True

    def __contains__(self, wanted: object) -> bool:
        """Whether there is an event of this name, or this `Event`; anything else raises."""
        __tracebackhide__ = True
        if isinstance(wanted, Event):
            return wanted in self.events
        return event_name(wanted) in self._selection.names

    @property
    def _selection(self) -> Selection:
        """The events that it has now."""
        return Selection(self._log, range(len(self._log))) if self._chosen is None else self._chosen

    @property
    def events(self) -> list[Event]:
        """Every event, in the order in which it was recorded."""
        return self._selection.events()

    @property
    def names(self) -> list[EventName]:
        """Every event's name: the shortest thing to compare with ``==``, and what another `assert_events` takes."""
        return cast("list[EventName]", list(self._selection.names))

    @property
    def runs(self) -> list[Run]:
        """Every run that an event belongs to, in the order of the first events."""
        return self._selection.runs()

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
        ends = self._select(EventPattern("llm_end")).events()
        by_run = {event.run or id(event): event.usage for event in ends}
        for usage in by_run.values():
            _add(total, usage or {})
        return total

    @property
    def errors(self) -> list[BaseException]:
        """The exceptions that runs ended with, each once: LangChain reports one for each run that it passes through."""
        errors = [event.error for event in self._error_events()]
        return list({id(error): error for error in errors if error is not None}.values())

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tools that ran, in the order of their starts: ``name``, ``args``, ``output``, ``failed`` and ``run``."""
        starts = self._select(EventPattern("tool_start")).events()
        return [call for call in map(tool_call_of, starts) if call is not None]

    def count(self, name: EventName | MethodName | None = None, **attributes: Unpack[Attributes]) -> int:
        """
        How many events there are with this *name* and these *attributes*, which are those of `event`.

        Raises:
            ValueError: If LangChain has no event of that name.

            TypeError: If an attribute is unknown.

            AssertionError: If there are none, since no run of the name ``under`` or ``parent`` was heard, or ``run`` is
                a heard name misspelt.
        """
        __tracebackhide__ = True
        if not name and not attributes:
            return len(self._selection)
        found = len(self._select(pattern_of(name, attributes)))
        unheard = "" if found or not len(self._log) else find_unheard_run(attributes, self._log.runs())
        if unheard:
            raise AssertionError(shown(f"expected events to count, but {unheard}"))
        return found

    def clear(self) -> None:
        """Forget everything, and let go of the payloads."""
        self._log = Log()
        self._chosen = None if self._chosen is None else Selection(self._log, [])
        self._cleared_at = perf_counter()

    def snapshot(self) -> list[dict[str, Any]]:
        """
        A dict of builtins per event, the same in every run: ids are ``run-1``; no times, no versions.

        For syrupy, inline-snapshot and plain ``==``.
        """
        return snapshot(self.events)

    @property
    def _asked_since(self) -> float:
        """The moment since which the handler could hear runs, in seconds of ``time.perf_counter()``."""
        return self._cleared_at

    @property
    def _handler_class(self) -> type:
        """The class of the handler whose events these are; a spy's handler is not the spy itself."""
        return type(self)

    @property
    def _instances(self) -> Sequence[Questions]:
        """The recordings of the single handlers whose events these are."""
        return [self]

    @property
    def _handler_ids(self) -> frozenset[int]:
        """The ``id()`` of each handler whose events these are."""
        return frozenset({id(self)})

    def _declines(self, name: str) -> bool:
        """Whether the handler declines events of this *name*: with ``ignore_llm = True`` it declines ``llm_end``."""
        return False

    def _select(self, pattern: EventPattern) -> Selection:
        """The events that *pattern* accepts."""
        return self._find(pattern)[0]

    def _find(self, pattern: EventPattern) -> tuple[Selection, str | None]:
        """The same, and the first comparison that raised, in words: such values count as unequal."""
        selection, unknown = self._selection, None
        pairs = zip(selection.positions, selection.names, strict=True)
        positions = [position for position, name in pairs if pattern.name in (None, name)]
        if pattern.attributes:
            comparison = pattern.comparison(self._log)
            positions = [position for position in positions if comparison.differing(position) is None]
            unknown = comparison.unknown
        return Selection(self._log, positions), unknown

    def _error_events(self) -> list[Event]:
        """The events that end a run badly, without those by which langgraph steers a graph."""
        selection = self._selection
        ends = [index for index, name in enumerate(selection.names) if name.endswith("_error")]
        return [event for event in selection.at(ends).events() if not is_control_flow(event.error)]


def is_control_flow(error: BaseException | None) -> bool:
    """Whether langgraph raised it to steer a graph, as it does for an interrupt."""
    classes = bases(type(error))
    return any(class_name(c) == "GraphBubbleUp" and module_name(c).startswith("langgraph.") for c in classes)


def _add(total: dict[str, Any], usage: Mapping[str, Any]) -> None:
    for key, value in usage.items():
        if is_a(value, Mapping):
            _add(total.setdefault(key, {}), dict(entries(value)))
        elif is_a(value, int, float):
            total[key] = total.get(key, 0) + value
