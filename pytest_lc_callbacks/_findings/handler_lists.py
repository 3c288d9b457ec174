"""Which handlers LangChain sends the start of each run to: the list itself is the evidence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler, manager

from pytest_lc_callbacks import _words
from pytest_lc_callbacks._by_identity import ByIdentity
from pytest_lc_callbacks._findings.handler_state import handler_state
from pytest_lc_callbacks._findings.trace_upload import uploading_tracer
from pytest_lc_callbacks._patches import Patches, Shown, keeping, own
from pytest_lc_callbacks._recording import Recording, declined_by, id_key
from pytest_lc_callbacks._stack import call_behind, frame_above
from pytest_lc_callbacks._values import ask, bases, entry, is_a, is_empty, is_true, items, module_name

_ABSENT = object()
# Looked up for each event, tokens included.
_STARTS = frozenset(name for name in dir(BaseCallbackHandler) if name.startswith("on_") and name.endswith("_start"))
# Of LangChain's own handlers there may be any number: it adds some by itself. Two mocks have two classes.
_LANGCHAINS = ("langchain", "langgraph", "langsmith", "unittest")
_MOST_STRANGERS = 100
# Two that count or collect at two levels are two on purpose.
_COLLECTORS = (Recording, UsageMetadataCallbackHandler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """What stands in a list of callbacks, and is no handler."""

    handler: Any
    run: str
    """The name of the run whose start it was to be sent."""

    missing: str | None
    """The attribute that LangChain asks it for in vain; None for a class, which has them all."""

    breaks: bool = False
    """Whether LangChain's own call fails with an AttributeError."""

    place: str | None = None
    """The line that called the run, where the stack shows it."""


class Sent(NamedTuple):
    """The start of a run that LangChain sent to a handler."""

    run_id: Any
    """As `id_key` gives it."""

    event: str
    """The method: ``on_llm_start``."""

    is_async: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is noted of a handler when LangChain sends it the start of its first run in a test."""

    run_id: Any
    state: Any
    """See `handler_state`."""

    sent: list[Sent] = field(default_factory=list)
    """The starts that it was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The start of a run that several instances of one class were sent."""

    run_id: Any
    event: str
    """The method: ``on_llm_start``."""

    handlers: tuple[tuple[Any, Known], ...]
    """Those that do not decline it."""


class HandlerLists:
    """
    Looks, from `start` to `stop`, at the lists of handlers that LangChain sends the starts of runs to.

    Args:
        is_of_earlier_test: Whether an earlier test began the run with this id and these handlers.

        is_own_thread: Whether the thread that asks is the test's own.
    """

    def __init__(
        self, is_of_earlier_test: Callable[[Any, Iterable[Any]], bool], is_own_thread: Callable[[], bool] = lambda: True
    ) -> None:
        self.strangers: list[Stranger] = []
        self.doubled: list[Start] = []
        self.traced: tuple[Any, str] | None = None
        """The tracer that sends the runs of this test to LangSmith, and the name of the first of these runs."""
        self.begun: set[Any] = set()
        """The ids, as `id_key` gives them, of the runs whose start LangChain sent to any list of handlers."""
        self._known = ByIdentity()
        self._is_of_earlier_test = is_of_earlier_test
        self._is_own_thread = is_own_thread
        self._here = threading.local()
        self._patches = Patches()
        # What somebody has put back after the test reaches nothing of this test.
        self._link: list[HandlerLists] = []

    def start(self) -> None:
        """Replace the two functions that send an event to a list of handlers."""
        self._link.append(self)
        for name, is_async in (("handle_event", False), ("ahandle_event", True)):
            # The replacement of a test around this one is left out, as that of the logger is in `Swallowed`.
            function = own(getattr(manager, name))
            self._patches.replace(manager, name, Shown(function, partial(_send, self._link, is_async, function)))

    def stop(self) -> None:
        """Put the functions back."""
        self._link.clear()
        self._patches.undo()

    def sent_to(self, handler: Any) -> list[Sent]:
        """The starts of runs that LangChain sent to *handler*."""
        known: Known | None = self._known.get(handler)
        return [] if known is None else list(known.sent)

    def starts_taken(self, handler: Any) -> set[Any]:
        """The runs, by `id_key`, whose start *handler* was sent and takes in a method of its own."""
        own = [base for base in bases(type(handler)) if not module_name(base).startswith(("langchain", "langgraph"))]
        methods = {name for base in own for name in vars(base)} & _STARTS
        taken = {name for name in methods if not is_true(ask(handler, declined_by(name.removeprefix("on_")) or ""))}
        return {start.run_id for start in self.sent_to(handler) if start.event in taken}

    def _look(self, is_async: bool, handlers: Any, event: str, declined_by: Any, given: Mapping[str, Any]) -> None:
        """Look at those who are about to be sent the start of a run."""
        run_id = given.get("run_id")
        self.begun.add(id_key(run_id))
        for handler in handlers:
            kind = type(handler)
            if not issubclass(kind, BaseCallbackHandler):
                asked = ("run_inline", declined_by) if is_async else (declined_by,)
                self._look_at_stranger(handler, tuple(filter(None, asked)), handlers, given)
                continue
            known = self._known.get(handler)
            if known is None:
                state = handler_state(handler) if _may_be_doubled(kind) else None
                known = Known(run_id=run_id, state=state)
                self._known.note(handler, known)
            known.sent.append(Sent(id_key(run_id), event, is_async))
        if self.traced is None and (tracer := uploading_tracer(handlers)) is not None and self._is_own_thread():
            self.traced = tracer, _label(given)
        together = self._together(handlers, given) if is_async and len(handlers) == 1 else handlers
        if len(together) > 1 and _has_doubled(together):
            heard = [handler for handler in together if not (declined_by and is_true(ask(handler, declined_by)))]
            pairs = ((handler, self._known.get(handler)) for handler in heard)
            doubled = tuple(pair for pair in pairs if pair[1] is not None)
            self.doubled.append(Start(run_id=run_id, event=event, handlers=doubled))

    def _together(self, handlers: Any, given: Mapping[str, Any]) -> list[Any]:
        """
        The handlers that were sent this start so far.

        LangChain sends the start of a model's async run to one handler after the other, each time with the tags of one
        manager.
        """
        here, tags = self._here, given.get("tags")
        if tags is None or getattr(here, "tags", None) is not tags:
            here.tags, here.sent = tags, ByIdentity()
        for handler in handlers:
            here.sent.note(handler)
        sent: ByIdentity = here.sent
        return sent.living()

    def _look_at_stranger(self, handler: Any, asked: tuple[str, ...], handlers: Any, given: Mapping[str, Any]) -> None:
        missing = next((name for name in asked if ask(handler, name, _ABSENT) is _ABSENT), None)
        # LangChain takes the property itself for a yes: such a "handler" declines everything.
        is_class = is_a(handler, type) and any(is_a(ask(handler, name), property) for name in asked)
        if not (missing or is_class) or len(self.strangers) == _MOST_STRANGERS or not self._is_own_thread():
            return
        if self._is_of_earlier_test(given.get("run_id"), handlers):
            return
        raises = ask(handler, "raise_error", _ABSENT)
        breaks = missing == "run_inline" or (missing is not None and (raises is _ABSENT or is_true(raises)))
        place = call_behind(frame_above(3)).place
        self.strangers.append(Stranger(handler=handler, run=_label(given), missing=missing, breaks=breaks, place=place))


def _send(link: list[HandlerLists], is_async: bool, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Look at the handlers of a start, and let LangChain's *function* send any event."""
    __tracebackhide__ = True
    if link and len(args) > 2 and args[1] in _STARTS and type(args[0]) in (list, tuple):
        # The handlers, the method, the attribute with which a handler declines, and what the method is given.
        handlers, event, declined_by, *given = args
        for lists in link:
            _look_at(lists, is_async, handlers, event, declined_by, {"serialized": (given or [None])[0], **kwargs})
    return function(*args, **kwargs)


@keeping
def _look_at(lists: HandlerLists, *args: Any) -> None:
    lists._look(*args)


def _may_be_doubled(kind: type) -> bool:
    """Whether two instances of *kind* in one run are worth a word: it is the user's, or a vendor's."""
    return not issubclass(kind, _COLLECTORS) and not module_name(kind).startswith(_LANGCHAINS)


def _has_doubled(handlers: Iterable[Any]) -> bool:
    """Whether two of *handlers* are of one class, and worth a word."""
    kinds = [type(handler) for handler in handlers]
    if len({*map(id, kinds)}) == len(kinds):
        return False
    doubled = [id(kind) for kind in kinds if _may_be_doubled(kind)]
    return len(set(doubled)) < len(doubled)


def _label(given: Mapping[str, Any]) -> str:
    """The name of the run whose start is sent."""
    serialized = given.get("serialized")
    path = items(entry(serialized, "id"))
    names = (given.get("name"), entry(serialized, "name"), *path[-1:])
    return _words.label(_words.string(next((name for name in names if not is_empty(name)), "a run")))
