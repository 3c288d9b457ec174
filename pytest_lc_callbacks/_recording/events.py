"""Event, Log and Run: what a handler received, as plain data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NoReturn
from uuid import UUID

from pytest_lc_callbacks._recording.names import is_end, is_start
from pytest_lc_callbacks._recording.records import Facts, Records, id_key, id_of, payload_of, read_facts, step_of
from pytest_lc_callbacks._recording.shortcuts import SHORTCUTS, Shortcuts, find_inputs
from pytest_lc_callbacks._words import count, label


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Event(Shortcuts):
    """
    One callback, as the handler received it.

    ``run_name``, ``run_type``, ``tags`` and ``metadata`` are those of the run, also on events for which LangChain
    itself does not send them (measured: only start events carry them).
    """

    name: str
    """The handler method without ``on_``: ``"llm_end"``."""

    run_id: UUID | None = None
    """The run it happened in."""

    parent_run_id: UUID | None = None
    """The run around that one; None for a root."""

    run_name: str | None = None
    """The name LangChain displays for the run; None if its start was not heard."""

    run_type: str | None = None
    """``chain``, ``prompt``, ``parser``, ``chat_model``, ``llm``, ``tool`` or ``retriever``; None without a start."""

    tags: tuple[str, ...] = ()
    """The run's tags, LangChain's own (``seq:step:1``) included."""

    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The run's metadata, LangChain's own included."""

    payload: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """All other arguments by LangChain's names, whether they were passed by position or by keyword."""

    time: float = field(default=0.0, compare=False)
    """When it was recorded, in seconds of ``time.perf_counter()``."""

    thread: int = field(default=0, compare=False)
    """The ``threading.get_ident()`` of the thread it was recorded in."""

    run: Run | None = field(default=None, compare=False)
    """The run itself; None for an event that was made by hand."""

    def __repr__(self) -> str:
        """Name and run; never the payload, whose repr can be huge."""
        return f"<Event {self.name} {label(self.run_name) if self.run_name else 'of an unknown run'}>"

    @property
    def inputs(self) -> Any:
        """
        What the run was given: chain inputs, tool arguments, messages, the prompt, a retriever's query.

        In streams LangChain starts a chain with a placeholder and sends the inputs with its end
        (measured, langchain-core 1.0 to 1.8): these are the real ones as soon as they are known.
        """
        return self.run.inputs if self.run is not None else find_inputs([self])


class Log(Records):
    """What one handler received, in order. It makes events and runs when somebody asks for them."""

    __slots__ = ("_current", "_events", "_lock", "_run_of", "_runs")

    def __init__(self) -> None:
        super().__init__()
        self._events: list[Event] = []
        """The events as they were given to `Log.of`; empty in the log of a handler."""
        self._runs: list[Run] = []
        self._run_of: list[Run | None] = []
        self._current: dict[Any, Run] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or deep-copied, and with it every event, run and recording, which hold their log."""
        raise TypeError(
            "events, runs and recordings cannot be pickled: they belong to their handler; keep recording.snapshot() "
            "instead"
        )

    @classmethod
    def of(cls, events: Iterable[Event]) -> Log:
        """A log of events that exist already."""
        log = cls()
        log._events = list(events)
        for e in log._events:
            ids = id_key(e.run_id), id_key(e.parent_run_id)
            log.extend((e.name, *ids, e.tags, e.metadata, e.time, e.thread, None, dict(e.payload), None, None))
        return log

    def freeze(self) -> Log:
        """A log of the events so far, which does not grow; its runs are its own."""
        frozen = Log()
        frozen._events = self._events
        self.copy_to(frozen)
        return frozen

    def runs(self) -> list[Run]:
        """Every run, in the order of the first events."""
        self._find_runs()
        return list(self._runs)

    def run(self, position: int) -> Run | None:
        """The run of the event at this *position*; None where LangChain gave no run id."""
        # A known event's run may have grown since the last look.
        if len(self._run_of) < len(self):
            self._find_runs()
        return self._run_of[position]

    def run_of_each(self, positions: Sequence[int]) -> list[Run | None]:
        """The run of each event at these *positions*; for a range it takes one slice."""
        self._find_runs()
        if isinstance(positions, range):
            return self._run_of[positions.start : positions.stop]
        return [self._run_of[position] for position in positions]

    def event(self, position: int) -> Event:
        """The event at this *position*."""
        run = self.run(position)
        if self._events:
            return replace(self._events[position], run=run)
        name, _, _, _, _, time, thread, *payload = self.record(position)
        facts = self.facts(position)
        return Event(
            name=name,
            run_id=facts.run_id,
            parent_run_id=facts.parent_run_id,
            run_name=facts.run_name,
            run_type=facts.run_type,
            tags=facts.tags,
            metadata=facts.metadata or {},
            payload=payload_of(payload),
            time=time,
            thread=thread,
            run=run,
        )

    def facts(self, position: int) -> Facts:
        """The facts of the event at this *position*: its run's, but its own tags, metadata and parent if it has any."""
        if self._events:
            made = self._events[position]
            return Facts(*(getattr(made, name) for name in Facts._fields))
        run = self.run(position)
        facts = run._facts if run is not None else Facts()
        tags, metadata = self.labels(position)
        parent_run_id = facts.parent_run_id
        if parent_run_id is None:
            parent_run_id = id_of(self.parent_id_key(position))
        if not (tags or metadata) and parent_run_id is facts.parent_run_id:
            return facts
        tags, metadata = tags or facts.tags, metadata or facts.metadata
        return facts._replace(parent_run_id=parent_run_id, tags=tags, metadata=metadata)

    def attribute(self, position: int, key: str) -> Any:
        """``getattr(self.event(position), key)``, without making the event where that is possible."""
        if key in SHORTCUTS:
            return getattr(self.content(position), key)
        return getattr(self.facts(position) if key in Facts._fields else self.event(position), key)

    def _find_runs(self) -> None:
        """Find the runs of the events that came since the last call."""
        with self._lock:
            new = range(len(self._run_of), len(self))
            names = self.names(new)
            starts = {name for name in set(names) if is_start(name)}
            ends = {name for name in set(names) if is_end(name)}
            current, run_of = self._current, self._run_of
            # One flat loop: with a function for each event it takes twice as long.
            for position, name, run_id in zip(new, names, self.id_keys(new), strict=True):
                run = current.get(run_id)
                # `with_config(run_id=...)` repeats an id; a second start of an open run is a doubled handler.
                if run is None or (name in starts and (run.ended or not run.started)):
                    run = None if run_id is None else self._open(position, run_id, name in starts)
                else:
                    run._positions.append(position)
                if name in ends and run is not None:
                    run.ended = True
                run_of.append(run)

    def _open(self, position: int, run_id: Any, started: bool) -> Run:
        parent_id = self.parent_id_key(position)
        parent = None if parent_id is None else self._current.get(parent_id)
        run = self._current[run_id] = Run(self, position, parent, started)
        if parent is not None:
            parent._children.append(run)
        self._runs.append(run)
        return run


class Run:
    """
    One start and what followed it with that run id, as one handler heard it.

    A start after an end opens a new run, since ``with_config(run_id=...)`` repeats an id.
    """

    __slots__ = ("_children", "_known_facts", "_known_inputs", "_log", "_positions", "ended", "parent", "started")

    def __init__(self, log: Log, first: int, parent: Run | None, started: bool) -> None:
        self._log = log
        self._positions = [first]
        """Where its events are in what the handler recorded."""
        self._children: list[Run] = []
        self._known_facts: Facts | None = None
        self._known_inputs: tuple[int, Any] = (0, None)
        """How many events it had when it last looked for its inputs, and what it found."""
        self.parent: Run | None = parent
        """The run around it, if the handler heard that one."""
        self.started: bool = started
        """Whether its start was heard."""
        self.ended: bool = False
        """Whether an end or an error was heard."""

    def __repr__(self) -> str:
        """Name, type and size."""
        return f"<Run {self.label}: {count(len(self._positions), 'event')}, {self.status}>"

    @property
    def _first(self) -> int:
        """The position of its first event in what the handler recorded."""
        return self._positions[0]

    @property
    def _last(self) -> int:
        """The position of its last event so far."""
        return self._positions[-1]

    @property
    def _start(self) -> Event:
        """Its first event."""
        return self._log.event(self._first)

    @property
    def _facts(self) -> Facts:
        """The facts of its first event."""
        if self._known_facts is None:
            self._known_facts = self._read_facts()
        return self._known_facts

    def _read_facts(self) -> Facts:
        facts = read_facts(self._log.record(self._first), is_start=self.started)
        if not self._log._events:
            return facts
        made = self._log._events[self._first]
        return facts._replace(run_name=made.run_name or facts.run_name, run_type=made.run_type or facts.run_type)

    @property
    def _id_key(self) -> Any:
        """What stands for its id; a run id may be of any type, and raise when it is hashed or compared."""
        return id_key(self._facts.run_id)

    @property
    def _parent_id_key(self) -> Any:
        """What stands for the id of the run around it; None for a root."""
        return id_key(self._facts.parent_run_id)

    @property
    def run_id(self) -> UUID:
        """Its id, which another run may have too: ``with_config(run_id=...)`` repeats it."""
        run_id: UUID = self._facts.run_id
        return run_id

    @property
    def parent_run_id(self) -> UUID | None:
        """The id of the run around it; None for a root."""
        parent_run_id: UUID | None = self._facts.parent_run_id
        return parent_run_id

    @property
    def name(self) -> str | None:
        """The name LangChain displays; None if its start was not heard."""
        return self._facts.run_name

    @property
    def run_type(self) -> str | None:
        """``chain``, ``prompt``, ``parser``, ``chat_model``, ``llm``, ``tool``, ``retriever``; None without a start."""
        return self._facts.run_type

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, LangChain's own (``seq:step:1``) included."""
        return self._facts.tags

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its metadata, LangChain's own included."""
        return self._facts.metadata or {}

    @property
    def children(self) -> list[Run]:
        """The runs directly under it, in the order of their starts."""
        return list(self._children)

    @property
    def time(self) -> float:
        """When its first event was recorded, in seconds of ``time.perf_counter()``."""
        return self._log.time(self._first)

    @property
    def label(self) -> str:
        """The name for people, in one line; ``(unnamed)`` where LangChain gave none, or ``(start not heard)``."""
        if self.name:
            return label(self.name)
        # LangGraph names no lambda that is a conditional edge, in an async run.
        return "(unnamed)" if self.started else "(start not heard)"

    @property
    def events(self) -> list[Event]:
        """Its own events, without those of the runs under it."""
        return [self._log.event(position) for position in self._positions]

    @property
    def names(self) -> list[str]:
        """Its own events' names."""
        return self._log.names(self._positions)

    @property
    def inputs(self) -> Any:
        """What it was given."""
        size, found = self._known_inputs
        # Each token of a stream asks its run: the run looks once, and again after it has grown.
        if size != len(self._positions):
            size = len(self._positions)
            found = find_inputs(map(self._log.content, self._where(lambda name: is_start(name) or is_end(name))))
            self._known_inputs = size, found
        return found

    @property
    def outputs(self) -> Any:
        """What it produced; None while it is open and when it failed."""
        ends = self._where(lambda name: name.endswith("_end"))
        return self._log.content(ends[-1]).outputs if ends else None

    @property
    def error(self) -> BaseException | Any:
        """The exception it ended with, else None; see `Shortcuts` for its type."""
        contents = map(self._log.content, self._positions)
        return next((content.error for content in contents if content.error is not None), None)

    @property
    def status(self) -> Literal["open", "ended", "failed"]:
        """``open`` until its first end or error; ``failed`` if it had an error, else ``ended``."""
        if not self.ended:
            return "open"
        return "failed" if any(name.endswith("_error") for name in self.names) else "ended"

    @property
    def duration(self) -> float | None:
        """Seconds from its start to its last end; None while it is open or if its start was not heard."""
        if not (self.started and self.ended):
            return None
        return self._log.time(self._where(is_end)[-1]) - self.time

    def ancestors(self) -> Iterator[Run]:
        """The runs around it, innermost first, as far as the handler heard them."""
        run = self.parent
        while run is not None:
            yield run
            run = run.parent

    def subtree(self) -> Iterator[Run]:
        """This run and the runs under it, each before its children."""
        waiting = [self]
        while waiting:
            run = waiting.pop()
            yield run
            waiting.extend(reversed(run._children))

    def _where(self, is_wanted: Callable[[str], bool]) -> list[int]:
        """The positions of its events whose name *is_wanted*."""
        named = zip(self._positions, self.names, strict=False)
        return [position for position, name in named if is_wanted(name)]

    def _started_beside(self, other: Run) -> bool:
        """Whether the tags of LangChain or langgraph say that both start at once, in either order."""
        if self._parent_id_key != other._parent_id_key:
            return False
        step = step_of(self.tags)
        return step is not None and step == step_of(other.tags)

    def _same_recording_as(self, other: Run) -> bool:
        """Whether the same handler heard both."""
        return self._log is other._log
