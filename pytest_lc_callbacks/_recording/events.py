"""Events, runs and the run tree: what a handler received, as plain data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, NamedTuple, get_args
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

# The names of the handler's methods are accepted as well.
MethodName = Literal[
    "on_agent_action",
    "on_agent_finish",
    "on_chain_end",
    "on_chain_error",
    "on_chain_start",
    "on_chat_model_start",
    "on_custom_event",
    "on_interrupt",
    "on_llm_end",
    "on_llm_error",
    "on_llm_new_token",
    "on_llm_start",
    "on_resume",
    "on_retriever_end",
    "on_retriever_error",
    "on_retriever_start",
    "on_retry",
    "on_stream_event",
    "on_text",
    "on_tool_end",
    "on_tool_error",
    "on_tool_start",
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


# One record is this many neighbours in a flat list: what every event has, then the names of up to three payload entries
# and their values, or None and a dict. Flat, because the garbage collector walks what is kept: an object or a dict for
# each event makes recording twice as slow, and so does keeping UUIDs.
_WIDTH = 11
_NAME, _RUN_ID, _PARENT, _TAGS, _METADATA, _TIME, _THREAD, _KEYS, _VALUE = range(9)
# Beyond this many events a message looks at those around the mismatch alone.
LONG = 10_000


def kept_id(run_id: Any) -> Any:
    """What a run id is kept as: the number of a UUID; what else people try by hand, as the only entry of a tuple."""
    if isinstance(run_id, UUID):
        return run_id.int
    return None if run_id is None or run_id.__hash__ is None else (run_id,)


def _run_id(kept: Any) -> Any:
    """The run id that was kept so."""
    if kept is None:
        return None
    return kept[0] if isinstance(kept, tuple) else UUID(int=kept)


class Log:
    """What one handler received, in order; events and runs are built when they are read."""

    __slots__ = ("_current", "_following", "_lock", "_run_at", "_runs", "flat", "given")

    def __init__(self) -> None:
        self.flat: list[Any] = []
        self.given: list[Event] = []
        """The events as they are, in a log of events that existed already."""
        self._runs: list[Run] = []
        self._run_at: list[Run | None] = []
        # The position of the next event of the same run; 0 after the last.
        self._following: list[int] = []
        self._current: dict[Any, Run] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, events: Iterable[Event]) -> Log:
        """A log of events that exist already."""
        log = cls()
        log.given = list(events)
        for e in log.given:
            ids = kept_id(e.run_id), kept_id(e.parent_run_id)
            payload = None, dict(e.payload), None, None
            log.flat += (e.name, *ids, e.tags, e.metadata, e.time, e.thread, *payload)
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
        run = self.run_at(position)
        if self.given:
            return replace(self.given[position], run=run)
        name, _, parent, tags, metadata, time, thread, *payload = self.record(position)
        facts = run.facts if run is not None else _UNKNOWN
        return Event(
            name=name,
            run_id=facts.run_id,
            parent_run_id=facts.parent_run_id or _run_id(parent),
            run_name=facts.name,
            run_type=facts.run_type,
            tags=tags or facts.tags,
            metadata=metadata or facts.metadata or {},
            payload=_payload(*payload),
            time=time,
            thread=thread,
            run=run,
        )

    def payload(self, position: int) -> Mapping[str, Any]:
        """The payload of the event at this *position*."""
        return _payload(*self.record(position)[_KEYS:])

    def events_at(self, positions: Sequence[int]) -> list[Event]:
        """
        The events at these ascending *positions*, for a message.

        A long log is not sorted into runs for that: the events come from an excerpt with the starts of their runs.
        """
        if len(self) <= LONG or len(self._run_at) == len(self) or not positions or self.given:
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
        wanted: set[Any] = set()
        begun: set[Any] = set()
        first, stop = min(chosen), (max(chosen) + 1) * _WIDTH
        names, run_ids = self.flat[_NAME:stop:_WIDTH], self.flat[_RUN_ID:stop:_WIDTH]
        starts = {name for name in set(names) if is_start(name)}
        ends = {name for name in set(names) if is_end(name)}
        for position in range(len(names) - 1, -1, -1):
            name, run_id = names[position], run_ids[position]
            if position in chosen:
                wanted.add(run_id)
            elif position < first and not wanted:
                break
            elif name in starts and run_id in wanted:
                wanted.discard(run_id)
                begun.add(run_id)
            # An id that comes back is another run only after the end of the one before.
            elif name not in ends or not (run_id in wanted or run_id in begun):
                continue
            kept.append(position)
            if position in chosen or name in starts:
                wanted.add(self.flat[position * _WIDTH + _PARENT])
            wanted.discard(None)
        return kept[::-1]

    def record(self, position: int) -> list[Any]:
        """The fields of one record."""
        return self.flat[position * _WIDTH : (position + 1) * _WIDTH]

    def positions_of(self, run: Run) -> list[int]:
        """Where the events of this *run* are."""
        positions = [run.first]
        while following := self._following[positions[-1]]:
            positions.append(following)
        return positions

    def _index(self) -> None:
        """Sort what came since the last look into runs."""
        with self._lock:
            done, known = len(self._run_at), len(self)
            names = self.flat[done * _WIDTH : known * _WIDTH : _WIDTH]
            run_ids = self.flat[done * _WIDTH + _RUN_ID : known * _WIDTH : _WIDTH]
            kinds = {name: (is_start(name), is_end(name)) for name in set(names)}
            for position, (name, run_id) in enumerate(zip(names, run_ids, strict=True), done):
                self._following.append(0)
                self._run_at.append(None if run_id is None else self._entered(position, run_id, *kinds[name]))

    def _entered(self, position: int, run_id: Any, starts: bool, ends: bool) -> Run:
        """The run of the event at this *position*, now with it."""
        run = self._current.get(run_id)
        # An id comes back with `with_config(run_id=...)`; a second start of an open run is a doubled handler.
        if run is None or (starts and (run.ended or not run.started)):
            run = self._open(position, run_id, starts)
        else:
            self._following[run.last] = position
            run.last = position
        if ends:
            run.ended = True
        return run

    def _open(self, position: int, run_id: Any, started: bool) -> Run:
        parent_id = self.flat[position * _WIDTH + _PARENT]
        parent = None if parent_id is None else self._current.get(parent_id)
        run = self._current[run_id] = Run(self, position, parent, started)
        if parent is not None:
            parent.adopt(run)
        self._runs.append(run)
        return run


def _payload(keys: tuple[str, ...] | None, value: Any, *more: Any) -> Mapping[str, Any]:
    return value if keys is None else dict(zip(keys, (value, *more), strict=False))


class _Facts(NamedTuple):
    """What every event of a run tells about the run."""

    run_id: Any = None
    parent_run_id: Any = None
    name: str | None = None
    run_type: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] | None = None


_UNKNOWN = _Facts()


class Run:
    """
    One start and what followed it with that run id, as one handler heard it.

    A start after an end opens a new run, since ``with_config(run_id=...)`` repeats an id.
    """

    __slots__ = ("_children", "_facts", "_log", "ended", "first", "last", "parent", "started")

    def __init__(self, log: Log, first: int, parent: Run | None, started: bool) -> None:
        self._log = log
        self._facts: _Facts | None = None
        self._children: list[Run] | None = None
        self.first: int = first
        """The position of its first event in what the handler recorded."""
        self.last: int = first
        """The position of its last event so far."""
        self.parent: Run | None = parent
        """The run around it, if the handler heard that one."""
        self.started: bool = started
        """Whether its start was heard."""
        self.ended: bool = False
        """Whether an end or an error was heard."""

    def __repr__(self) -> str:
        """Name, type and size."""
        return f"<Run {self.label}: {len(self.positions)} events, {self.status}>"

    @property
    def positions(self) -> list[int]:
        """Where its events are in what the handler recorded."""
        return self._log.positions_of(self)

    @property
    def facts(self) -> _Facts:
        """What every event of it tells about it."""
        if self._facts is None:
            self._facts = self._stated()
        return self._facts

    def _stated(self) -> _Facts:
        if self._log.given:
            e = self._log.given[self.first]
            name = e.run_name or (_display_name(e.payload) if self.started else None)
            run_type = e.run_type or (_run_type(e.name, e.payload) if self.started else None)
            return _Facts(e.run_id, e.parent_run_id, name, run_type, e.tags, e.metadata)
        name, run_id, parent, tags, metadata, _, _, *values = self._log.record(self.first)
        payload = _payload(*values) if self.started else {}
        return _Facts(
            _run_id(run_id),
            _run_id(parent),
            _display_name(payload),
            _run_type(name, payload) if self.started else None,
            tags or (),
            metadata,
        )

    @property
    def run_id(self) -> UUID:
        """Its id, which another run may have too: ``with_config(run_id=...)`` repeats it."""
        run_id: UUID = self.facts.run_id
        return run_id

    @property
    def parent_run_id(self) -> UUID | None:
        """The id of the run around it; None for a root."""
        parent_run_id: UUID | None = self.facts.parent_run_id
        return parent_run_id

    @property
    def name(self) -> str | None:
        """The name LangChain displays; None if its start was not heard."""
        return self.facts.name

    @property
    def run_type(self) -> str | None:
        """``chain``, ``prompt``, ``parser``, ``chat_model``, ``llm``, ``tool``, ``retriever``; None without a start."""
        return self.facts.run_type

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, LangChain's own (``seq:step:1``) included."""
        return self.facts.tags

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its metadata, LangChain's own included."""
        return self.facts.metadata or {}

    @property
    def children(self) -> list[Run]:
        """The runs directly under it, in the order of their starts."""
        return list(self._children or ())

    @property
    def time(self) -> float:
        """When its first event was recorded, in seconds of ``time.perf_counter()``."""
        return float(self._log.flat[self.first * _WIDTH + _TIME])

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
        return ends[-1] - self.time

    @property
    def is_component(self) -> bool:
        """Whether it is a model, tool, retriever, prompt or parser rather than a chain of them."""
        return self.run_type not in ("chain", None)

    def is_parallel_to(self, other: Run) -> bool:
        """Whether LangChain's or langgraph's tags say that the two are started side by side, in whatever order."""
        if self.parent_run_id != other.parent_run_id:
            return False
        steps = [_step(run.tags) for run in (self, other)]
        return steps[0] is not None and steps[0] == steps[1]

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

    def is_beside(self, other: Run) -> bool:
        """Whether one and the same handler heard both."""
        return self._log is other._log

    def adopt(self, child: Run) -> None:
        """Take in a run that begins under it."""
        if self._children is None:
            self._children = []
        self._children.append(child)


def _step(tags: Iterable[str]) -> str | None:
    """What runs that are started side by side have in common: a step of a graph, or a `RunnableParallel`."""
    for tag in tags:
        if tag.startswith("graph:step:"):
            return tag
        if tag.startswith("map:key:"):
            return "map"
    return None


def _display_name(payload: Mapping[str, Any]) -> str | None:
    """The name a run is displayed with: chat models, LLMs and tools have theirs in ``serialized`` alone."""
    if payload.get("name"):
        return str(payload["name"])
    serialized: Any = payload.get("serialized")
    # Not `isinstance`: what was passed may be a proxy that fails when it is asked for its class.
    if not issubclass(type(serialized), Mapping):
        return None
    path = serialized.get("id") or [None]
    name = serialized.get("name") or path[-1]
    return None if name is None else str(name)


def _run_type(name: str, payload: Mapping[str, Any]) -> str:
    """The type of a run by the *name* and *payload* of its start; prompts and parsers are chains by name."""
    return payload.get("run_type") or name.removesuffix("_start")


class RunTree:
    """
    Runs by parent; ``str()`` of it reads like a directory tree, and it equals a tree of the same names.

    Args:
        runs: The runs, each after its parent.

        parent_of: Which run to draw a run under; its parent if left out.
    """

    def __init__(self, runs: Iterable[Run], parent_of: Callable[[Run], Run | None] = lambda run: run.parent) -> None:
        self.runs: list[Run] = list(runs)
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

    # It is compared by what it holds; a set or a dict of trees has no use.
    __hash__: ClassVar[None]  # type: ignore[assignment]
