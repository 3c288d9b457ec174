"""Events, runs and the run tree: what a handler received, as plain data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from uuid import UUID

EventName = Literal[
    "agent_action",
    "agent_finish",
    "chain_end",
    "chain_error",
    "chain_start",
    "chat_model_start",
    "custom_event",
    "interrupt",
    "llm_end",
    "llm_error",
    "llm_new_token",
    "llm_start",
    "resume",
    "retriever_end",
    "retriever_error",
    "retriever_start",
    "retry",
    "stream_event",
    "text",
    "tool_end",
    "tool_error",
    "tool_start",
]

# The handler's room adds what the installed LangChain has beyond these.
EVENT_NAMES: set[str] = set(get_args(EventName))


def is_start(name: str) -> bool:
    """Whether an event of this *name* begins a run."""
    return name.endswith("_start")


def is_end(name: str) -> bool:
    """Whether an event of this *name* ends a run, well or badly."""
    return name.endswith(("_end", "_error"))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Event:
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
        return f"<Event {self.name} {self.run_name or 'of an unknown run'}>"

    @property
    def messages(self) -> list[Any] | None:
        """The messages a chat model was sent (``chat_model_start``), else None."""
        batches = self.payload.get("messages")
        return list(batches[0]) if batches else None

    @property
    def text(self) -> str | None:
        """
        The text of this event: an answer (``llm_end``), a token, a prompt (``llm_start``), ``text``'s argument.

        None for events that carry no text.
        """
        if self.name == "llm_end":
            return getattr(_generation(self.payload), "text", None)
        if self.name == "llm_start":
            prompts = self.payload.get("prompts")
            return prompts[0] if prompts else None
        return self.payload.get("text") if self.name == "text" else self.token

    @property
    def token(self) -> str | None:
        """The token of an ``llm_new_token``, else None."""
        return self.payload.get("token")

    @property
    def inputs(self) -> Any:
        """
        What the run was given: chain inputs, tool arguments, messages, the prompt, a retriever's query.

        In streams LangChain starts a chain with a placeholder and sends the inputs with its end
        (measured, langchain-core 1.0 to 1.8): these are the real ones as soon as they are known.
        """
        return self.run.inputs if self.run is not None else inputs_of([self])

    @property
    def outputs(self) -> Any:
        """What the run produced, on the event that ends it well: for a chat model the message, for an LLM the text."""
        if self.name != "llm_end":
            return next((self.payload[key] for key in ("outputs", "output", "documents") if key in self.payload), None)
        return getattr(_generation(self.payload), "message", self.text)

    @property
    def error(self) -> BaseException | None:
        """The exception of an error event, else None."""
        error = self.payload.get("error")
        return error if isinstance(error, BaseException) else None

    @property
    def tool_calls(self) -> list[Any]:
        """The tool calls a chat model answered with (``llm_end``): dicts with ``name``, ``args`` and ``id``."""
        return list(getattr(getattr(_generation(self.payload), "message", None), "tool_calls", None) or ())

    @property
    def usage(self) -> dict[str, Any] | None:
        """The usage metadata of an ``llm_end``, in tokens; None where the model reported none."""
        usage = getattr(getattr(_generation(self.payload), "message", None), "usage_metadata", None)
        return dict(usage) if usage else None

    @property
    def custom(self) -> str | None:
        """The name given to a custom event, else None."""
        return self.payload.get("name") if self.name == "custom_event" else None

    @property
    def data(self) -> Any:
        """The data given to a custom event, else None."""
        return self.payload.get("data")

    @property
    def tool_failed(self) -> bool:
        """Whether a tool ended with a ``ToolMessage`` of status ``"error"``: LangChain sends that as ``tool_end``."""
        return self.name == "tool_end" and getattr(self.payload.get("output"), "status", None) == "error"


def _generation(payload: Mapping[str, Any]) -> Any:
    """The first generation of an ``LLMResult``."""
    generations = getattr(payload.get("response"), "generations", None)
    return generations[0][0] if generations and generations[0] else None


def inputs_of(events: Iterable[Event]) -> Any:
    """What a run with these *events* was given; the end's inputs win, since a stream starts with a placeholder."""
    found = None
    for event in events:
        if is_start(event.name):
            found = _start_inputs(event)
        elif is_end(event.name) and "inputs" in event.payload:
            return event.payload["inputs"]
    return found


def _start_inputs(event: Event) -> Any:
    if event.payload.get("inputs") is not None:
        return event.payload["inputs"]
    if event.messages is not None:
        return event.messages
    keys = ("inputs", "input_str", "query", "prompts")
    return next((event.payload[key] for key in keys if event.payload.get(key) is not None), None)


# One record is this many neighbours in a flat list. Flat, because a tuple or an object per event costs 1.6 to 2 times
# as much: the garbage collector walks them. A token's payload is the token and its chunk, any other a dict.
_WIDTH = 9
# Beyond this many events a message looks at those around the mismatch alone.
LONG = 10_000
_NAME, _RUN_ID, _PARENT, _TAGS, _METADATA, _TIME, _THREAD, _TOKEN, _PAYLOAD = range(_WIDTH)


class Log:
    """What one handler received, in order; events and runs are built when they are read."""

    __slots__ = ("_current", "_lock", "_run_at", "_runs", "flat")

    def __init__(self) -> None:
        self.flat: list[Any] = []
        self._runs: list[Run] = []
        self._run_at: list[Run | None] = []
        self._current: dict[UUID, Run] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, events: Iterable[Event]) -> Log:
        """A log of events that exist already."""
        log = cls()
        for e in events:
            metadata = dict(e.metadata) or None
            log.flat.extend(
                (e.name, e.run_id, e.parent_run_id, e.tags, metadata, e.time, e.thread, None, dict(e.payload))
            )
        return log

    def __len__(self) -> int:
        return len(self.flat) // _WIDTH

    def names(self) -> list[str]:
        """Every event's name, at the speed of a slice."""
        return self.flat[_NAME::_WIDTH]

    def runs(self) -> list[Run]:
        """Every run, in the order of its first event."""
        self._index()
        return list(self._runs)

    def run_at(self, position: int) -> Run | None:
        """The run of the event at this *position*; None where LangChain gave no run id."""
        if position >= len(self._run_at):
            self._index()
        return self._run_at[position]

    def event(self, position: int) -> Event:
        """The event at this *position*."""
        name, run_id, parent, tags, metadata, time, thread, token, payload = self.record(position)
        run = self.run_at(position)
        return Event(
            name=name,
            run_id=run_id,
            parent_run_id=parent if parent is not None or run is None else run.parent_run_id,
            run_name=run and run.name,
            run_type=run and run.run_type,
            tags=tags or (run.tags if run else ()),
            metadata=metadata or (run.metadata if run else {}),
            payload=payload if token is None else {"token": token, "chunk": payload},
            time=time,
            thread=thread,
            run=run,
        )

    def events_at(self, positions: Sequence[int]) -> list[Event]:
        """
        The events at these ascending *positions*, for a message.

        A long log is not sorted into runs for that: the events come from an excerpt with the starts of their runs.
        """
        if len(self) <= LONG or len(self._run_at) == len(self) or not positions:
            return [self.event(position) for position in positions]
        chosen = set(positions)
        kept = self._with_starts(chosen)
        excerpt = Log()
        for position in kept:
            excerpt.flat += self.record(position)
        return [excerpt.event(i) for i, position in enumerate(kept) if position in chosen]

    def _with_starts(self, chosen: set[int]) -> list[int]:
        """The *chosen* positions, and those of the starts of their runs and of the runs around them, ascending."""
        kept: list[int] = []
        wanted: set[UUID | None] = set()
        run_ids = self.flat[_RUN_ID : (max(chosen) + 1) * _WIDTH : _WIDTH]
        for position in range(max(chosen), -1, -1):
            run_id = run_ids[position]
            if position not in chosen and run_id not in wanted:
                continue
            name, parent = self.flat[position * _WIDTH], self.flat[position * _WIDTH + _PARENT]
            if position in chosen or is_start(name):
                kept.append(position)
                wanted.add(parent)
            if position in chosen:
                wanted.add(run_id)
            elif is_start(name) or is_end(name):
                wanted.discard(run_id)
        return kept[::-1]

    def record(self, position: int) -> list[Any]:
        """The fields of one record."""
        return self.flat[position * _WIDTH : (position + 1) * _WIDTH]

    def _index(self) -> None:
        """Sort what came since the last look into runs."""
        with self._lock:
            done, known = len(self._run_at), len(self)
            names = self.flat[done * _WIDTH : known * _WIDTH : _WIDTH]
            run_ids = self.flat[done * _WIDTH + _RUN_ID : known * _WIDTH : _WIDTH]
            # One run's events mostly carry one and the same UUID object, and hashing a UUID is slow.
            by_object: dict[int, Run] = {}
            for position, (name, run_id) in enumerate(zip(names, run_ids, strict=True), done):
                run = by_object.get(id(run_id)) or self._current.get(run_id)
                starts = name.endswith("_start")
                # An id comes back with `with_config(run_id=...)`; a second start of an open run is a doubled handler.
                if run_id is not None and (run is None or (starts and (run.ended or not run.started))):
                    run = self._open(position, run_id, starts)
                if run is not None:
                    by_object[id(run_id)] = run
                    run.positions.append(position)
                    run.ended = run.ended or name.endswith(("_end", "_error"))
                self._run_at.append(run)

    def _open(self, position: int, run_id: UUID, started: bool) -> Run:
        parent_run_id = self.flat[position * _WIDTH + _PARENT]
        parent = None if parent_run_id is None else self._current.get(parent_run_id)
        run = self._current[run_id] = Run(self, run_id, parent, started)
        if parent is not None:
            parent.adopt(run)
        self._runs.append(run)
        return run


class Run:
    """
    One start and what followed it with that run id, as one handler heard it.

    A start after an end opens a new run, since ``with_config(run_id=...)`` repeats an id.
    """

    __slots__ = ("_children", "_log", "ended", "parent", "positions", "run_id", "started")

    def __init__(self, log: Log, run_id: UUID, parent: Run | None, started: bool) -> None:
        self._log = log
        self.run_id = run_id
        self.parent = parent
        self.positions: list[int] = []
        self.started = started
        self.ended = False
        self._children: list[Run] | None = None

    def __repr__(self) -> str:
        """Name, type and size."""
        return f"<Run {self.label}: {len(self.positions)} events, {self.status}>"

    @property
    def parent_run_id(self) -> UUID | None:
        """The id of the run around it; None for a root."""
        parent_run_id: UUID | None = self._first[_PARENT]
        return parent_run_id

    @property
    def name(self) -> str | None:
        """The name LangChain displays; None if its start was not heard."""
        return _display_name(self._first[_PAYLOAD]) if self.started else None

    @property
    def run_type(self) -> str | None:
        """``chain``, ``prompt``, ``parser``, ``chat_model``, ``llm``, ``tool`` or ``retriever``; None without a start."""
        if not self.started:
            return None
        return self._first[_PAYLOAD].get("run_type") or self._first[_NAME].removesuffix("_start")

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, LangChain's own (``seq:step:1``) included."""
        return self._first[_TAGS] or ()

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its metadata, LangChain's own included."""
        return self._first[_METADATA] or {}

    @property
    def children(self) -> list[Run]:
        """The runs directly under it, in the order of their starts."""
        return list(self._children or ())

    @property
    def _first(self) -> list[Any]:
        return self._log.record(self.positions[0])

    @property
    def label(self) -> str:
        """The name for people; a run whose start was not heard has none of its own."""
        return " ".join(self.name.split()) if self.name else "(start not heard)"

    @property
    def events(self) -> list[Event]:
        """Its own events, without those of the runs under it."""
        return [self._log.event(position) for position in self.positions]

    @property
    def names(self) -> list[str]:
        """Its own events' names."""
        return [self._log.flat[position * _WIDTH] for position in self.positions]

    @property
    def inputs(self) -> Any:
        """What it was given."""
        return inputs_of(self.events)

    @property
    def outputs(self) -> Any:
        """What it produced; None while it is open and when it failed."""
        ends = (event for event in reversed(self.events) if event.name.endswith("_end"))
        return next((event.outputs for event in ends), None)

    @property
    def error(self) -> BaseException | None:
        """The exception it ended with, if it did."""
        return next((event.error for event in self.events if event.error is not None), None)

    @property
    def status(self) -> Literal["open", "ended", "failed"]:
        """How it stands."""
        if not self.ended:
            return "open"
        return "failed" if any(name.endswith("_error") for name in self.names) else "ended"

    @property
    def duration(self) -> float | None:
        """Seconds from its start to its last end; None while it is open or if its start was not heard."""
        if not (self.started and self.ended):
            return None
        ends = [event.time for event in self.events if is_end(event.name)]
        return ends[-1] - self._log.flat[self.positions[0] * _WIDTH + _TIME]

    @property
    def is_component(self) -> bool:
        """Whether it is a model, tool, retriever, prompt or parser rather than a chain of them."""
        return self.run_type not in ("chain", None)

    def ancestors(self) -> Iterator[Run]:
        """The runs around it, innermost first, as far as the handler heard them."""
        run = self.parent
        while run is not None:
            yield run
            run = run.parent

    def subtree(self) -> Iterator[Run]:
        """It and the runs under it, each before its children."""
        waiting = [self]
        while waiting:
            run = waiting.pop()
            yield run
            waiting.extend(reversed(run.children))

    def adopt(self, child: Run) -> None:
        """Take in a run that begins under it."""
        if self._children is None:
            self._children = []
        self._children.append(child)


def _display_name(payload: Mapping[str, Any]) -> str | None:
    """The name a run is displayed with: chat models, LLMs and tools have theirs in ``serialized`` alone."""
    if payload.get("name"):
        return str(payload["name"])
    serialized = payload.get("serialized")
    if not isinstance(serialized, Mapping):
        return None
    path = serialized.get("id") or [None]
    name = serialized.get("name") or path[-1]
    return None if name is None else str(name)


class RunTree:
    """
    Runs by parent; ``str()`` of it reads like a directory tree, and it equals a tree of the same names.

    Args:
        runs: The runs, each after its parent.

        parent_of: Which run to draw a run under; its parent if left out.
    """

    def __init__(self, runs: Iterable[Run], parent_of: Callable[[Run], Run | None] = lambda run: run.parent) -> None:
        self.runs = list(runs)
        self._children: dict[Run, list[Run]] = {run: [] for run in self.runs}
        self.roots: list[Run] = []
        for run in self.runs:
            parent = parent_of(run)
            siblings = self.roots if parent is None else self._children.get(parent, self.roots)
            siblings.append(run)

    def children(self, run: Run) -> list[Run]:
        """The runs directly under *run* that belong to this tree."""
        return self._children[run]

    def walk(self) -> Iterator[tuple[str, Run]]:
        """Every run with the branches drawn before its name, each before its children."""
        waiting = [("", "", root) for root in reversed(self.roots)]
        while waiting:
            lead, indent, run = waiting.pop()
            yield lead, run
            children = self.children(run)
            for child in reversed(children):
                last = child is children[-1]
                waiting.append((indent + ("└── " if last else "├── "), indent + ("    " if last else "│   "), child))

    def __str__(self) -> str:
        return "\n".join(lead + run.label for lead, run in self.walk())

    def __repr__(self) -> str:
        return f"<RunTree: {len(self.runs)} runs, {len(self.roots)} roots>"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, RunTree) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it grows with the recording it was taken from
