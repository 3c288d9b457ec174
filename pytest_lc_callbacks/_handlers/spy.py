"""The spy: what a handler of the user's receives, and what it raises."""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from types import CoroutineType, MethodType
from typing import TYPE_CHECKING, Any

from pytest_lc_callbacks._by_identity import ByIdentity
from pytest_lc_callbacks._handlers.copies import COPIES, Copies
from pytest_lc_callbacks._handlers.handler_recording import (
    ASKS_FOR_LLM_START,
    HandlerRecording,
    assert_ends_handled,
    declines,
)
from pytest_lc_callbacks._handlers.making import note_copied, note_initialised
from pytest_lc_callbacks._handlers.payload_changes import PayloadChange, PayloadWatch
from pytest_lc_callbacks._handlers.recorder import RecordingHandler
from pytest_lc_callbacks._handlers.refusals import refuse
from pytest_lc_callbacks._patches import Patches, Shown, leave, named, own, subclasses
from pytest_lc_callbacks._recording import EVENT_NAMES, Recording
from pytest_lc_callbacks._scopes import ScopedRecording
from pytest_lc_callbacks._words import listing

if TYPE_CHECKING:
    from langchain_core.callbacks import BaseCallbackHandler

_METHODS = {f"on_{name}": name for name in EVENT_NAMES if hasattr(RecordingHandler, f"on_{name}")}
_Call = tuple[int, str, Any]
"""The id of the handler, the event, the id of the run."""

# Calls in progress in this context. A handler that calls its own or its parent's methods is not recorded a second time.
_in_progress: ContextVar[tuple[_Call, ...]] = ContextVar("lc_callbacks_in_progress", default=())


class Spy(ScopedRecording):
    """
    What a handler received, as a Recording, and what it raised; made by the fixture ``spy_on``.

    The handler stays what it is and behaves as before.
    """

    def __init__(self, target: Any) -> None:
        super().__init__()
        self._target = target
        self._lock = threading.Lock()
        self._by_handler: dict[int, tuple[Any, HandlerRecording]] = {}
        self._raised: list[BaseException] = []
        # Of a class: the instances that are made from now on, and the classes of such instances.
        self._made = ByIdentity()
        self._numbers = itertools.count(1)

    def __repr__(self) -> str:
        return super().__repr__().replace("<Spy:", f"<Spy on {self._name}:")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What LangChain asks of a handler that it is passed, a spy does not have."""
            __tracebackhide__ = True
            advice = ""
            if name.startswith(("on_", "ignore_")) or name in ("raise_error", "run_inline", "copy"):
                advice = ': pass the handler to LangChain and not its spy, as in config={"callbacks": [handler]}'
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}{advice}", name=name, obj=self
            )

    @property
    def handler(self) -> Any:
        """The handler; of a class, its only instance so far that received anything."""
        __tracebackhide__ = True
        if not isinstance(self._target, type):
            return self._target
        found = self.handlers
        if len(found) != 1:
            raise LookupError(f"handler: {len(found)} instances of {self._name} received something; see .handlers")
        return found[0].handler

    @property
    def handlers(self) -> list[HandlerRecording]:
        """
        What each handler that received anything received, as a Recording, in the order in which they were made.

        ``.handler`` of each is the handler.
        """
        heard = list(self._by_handler.values())
        return [recording for _, recording in sorted(heard, key=lambda one: self._made.get(one[0], 0))]

    @property
    def raised(self) -> list[BaseException]:
        """What the handler raised, in order, whether LangChain swallowed it or not; each with its traceback."""
        return list(self._raised)

    @property
    def not_handled(self) -> list[str]:
        """The same of all handlers as `HandlerRecording.not_handled` of one."""
        return list(dict.fromkeys(name for recording in self.handlers for name in recording.not_handled))

    def clear(self) -> None:
        """Forget everything, and let go of the payloads."""
        super().clear()
        self._raised.clear()
        for _, recording in self._by_handler.values():
            recording.clear()

    def assert_finished(self) -> None:
        """Check the same of each handler as `HandlerRecording.assert_finished`."""
        __tracebackhide__ = True
        super().assert_finished()
        assert_ends_handled(self.handlers)

    @property
    def _name(self) -> str:
        return self._handler_class.__name__

    @property
    def _handler_class(self) -> type:
        return self._target if isinstance(self._target, type) else type(self._target)

    @property
    def _instances(self) -> list[HandlerRecording]:
        return self.handlers

    @property
    def _handler_ids(self) -> frozenset[int]:
        made = self._made.ids() if isinstance(self._target, type) else [id(self._target)]
        return frozenset({*made, *self._by_handler})

    def _listens_to(self, handler: Any) -> bool:
        if not isinstance(self._target, type):
            return handler is self._target
        kind = type(handler)
        return issubclass(kind, self._target) and bool(self._made.get(handler) or self._made.get(kind))

    def _note_made(self, made: Any) -> None:
        """Note an instance, or a class, that is *made* after the spy."""
        kind = made if isinstance(made, type) else type(made)
        is_ours = isinstance(self._target, type) and issubclass(kind, self._target)
        # An instance may be noted by the __init__ of each of its classes.
        if is_ours and not self._made.get(made):
            self._made.note(made, next(self._numbers))

    def _declines(self, name: str) -> bool:
        """Whether the handler declines events of this *name*; of a class, whether all its instances do."""
        # An instance that declines everything has received nothing.
        made = [each for each in self._made.living() if not issubclass(type(each), type)]
        handlers = made if isinstance(self._target, type) else [self._target]
        return bool(handlers) and all(declines(handler, name) for handler in handlers)

    def _record(self, handler: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with self._lock:
            if id(handler) not in self._by_handler:
                self._by_handler[id(handler)] = (handler, HandlerRecording(handler, self))
        getattr(self._by_handler[id(handler)][1], f"on_{name}")(*args, **kwargs)


class Spies:
    """
    The spies of one test.

    A class that is spied on gets a ``__getattribute__``, since LangChain looks up each method on the instance. The
    methods of spied instances are then `Shown`; all else stays as it is.

    Args:
        on_stop_iteration: Called with the handler, the method's name, the exception and the method's keyword arguments
            when a plain handler raises StopIteration, before anything waits for the handler.
    """

    def __init__(
        self, on_stop_iteration: Callable[[Any, str, BaseException, dict[str, Any]], None] | None = None
    ) -> None:
        self.spies: list[Spy] = []
        self.changes: list[PayloadChange] = []
        """What spied handlers wrote into what LangChain hands to all handlers."""
        self._on_stop_iteration = on_stop_iteration
        self._patches: list[Patches] = []
        self._lookups: list[Any] = []
        self._copies = Copies()
        self._link = _Link(self)

    def __repr__(self) -> str:
        """Whom it spies on; pytest prints it among the arguments of a test that fails."""
        return f"<spy_on: {listing(spy._name for spy in self.spies) or 'nobody yet'}>"

    def __call__(self, target: BaseCallbackHandler | type[BaseCallbackHandler]) -> Spy:
        """
        Record what *target* receives from now on, until the end of the test.

        Args:
            target: A handler; or a class of handlers, for every instance of it that is made from now on.

        Returns:
            The Recording; ``.raised`` is what the handler raised.

        Raises:
            TypeError: If *target* cannot be spied on, with the reason.
        """
        __tracebackhide__ = True
        refuse(target)
        for spy in self.spies:
            if spy._target is target:
                return spy
        spy, patches = Spy(target), Patches()
        self._patches.append(patches)
        try:
            self._cover_target(spy, patches)
        except BaseException:
            patches.undo()
            raise
        self.spies.append(spy)
        return spy

    def recordings(self) -> dict[str, Recording]:
        """A Recording for each handler that received anything, by the name of its class and a number."""
        found = [entry for spy in self.spies for entry in list(spy._by_handler.values())]
        return {f"{type(handler).__name__}#{number}": heard for number, (handler, heard) in enumerate(found)}

    def stop(self) -> None:
        """Leave the handlers' classes as they were; the Recordings stay."""
        self._link.cut(
            [handler for spy in self.spies for handler in (spy._target, *(each.handler for each in spy.handlers))]
        )
        for patches in reversed(self._patches):
            patches.undo()
        self._patches.clear()

    def _cover_target(self, spy: Spy, patches: Patches) -> None:
        target = spy._target
        if not isinstance(target, type):
            self._cover(patches, type(target))
            return

        def cover_later(cls: type) -> None:
            spy._note_made(cls)
            self._cover(patches, cls)

        for cls in (target, *subclasses(target)):
            self._cover(patches, cls)
            note_initialised(patches, cls, spy._note_made)
        patches.tell_of_subclasses(target, cover_later)
        note_copied(patches, spy._note_made)

    def _cover(self, patches: Patches, cls: type) -> None:
        """Let the spied instances of *cls* show their methods spied; a class that inherits this stays as it is."""
        original = type.__getattribute__(cls, "__getattribute__")
        if any(original is look_up for look_up in self._lookups):
            return
        look_up = _spied_look_up(self._link, original)
        try:
            patches.replace(cls, "__getattribute__", look_up)
        except TypeError as error:
            raise TypeError(f"spy_on({cls.__name__}): its methods cannot be replaced: {error}") from error
        self._lookups.append(look_up)

    def _show(self, handler: Any, name: str, found: Any) -> Any:
        """What *handler* shows in the place of its attribute *name*, which it *found*."""
        if not (name in _METHODS or name in COPIES) or _asks_for_llm_start(found) or not self._listening(handler):
            return found
        # Somebody may have put back what they were shown.
        method = own(found)
        return Shown(method, functools.partial(_spied_call, self._link, handler, name, method))

    def _listening(self, handler: Any) -> list[Spy]:
        handler = self._copies.original(handler)
        return [spy for spy in self.spies if spy._listens_to(handler)]

    def _copy(self, handler: Any, name: str, method: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call the *method* that makes a copy of a handler, and take the copy for the handler itself from then on."""
        copy = method(*args, **kwargs)
        self._copies.note(copy, handler)
        return copy

    def _call(self, handler: Any, name: str, method: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Record a call of a handler's *method*, and call it."""
        __tracebackhide__ = True
        handler, event = self._copies.original(handler), _METHODS[name]
        passing = _Passing(self._listening(handler), (id(handler), event, kwargs.get("run_id")))
        passing.record(handler, args, kwargs)
        note = functools.partial(self._note_change, handler, name, kwargs.get("run_id"))
        watch = PayloadWatch(name, args, kwargs, note)
        with passing, watch:
            try:
                result = method(*args, **kwargs)
            except StopIteration as error:
                if self._on_stop_iteration is not None:
                    self._on_stop_iteration(handler, name, error, kwargs)
                raise
        return passing.go_on(result, watch) if inspect.iscoroutine(result) else result

    def _note_change(self, handler: Any, name: str, run_id: Any, place: str) -> None:
        self.changes.append(PayloadChange(handler, name, place, run_id))


class _Link:
    """Leads from what is left in handlers and classes to the *spies*, until they are stopped."""

    def __init__(self, spies: Spies) -> None:
        self.spies: Spies | None = spies
        self._handlers: list[Any] = []

    def cut(self, handlers: list[Any]) -> None:
        """Lead nowhere from now on, and let the *handlers* have their own methods where somebody has put ours."""
        if self.spies is None:
            return
        self.spies, self._handlers = None, handlers
        if not self.take_out():
            leave(self, _Link.take_out)

    def take_out(self) -> bool:
        """Look into the handlers; returns False, since somebody may put back a method at any time."""
        for handler in self._handlers:
            with suppress(AttributeError):
                attributes = object.__getattribute__(handler, "__dict__")
                for name in [name for name, value in attributes.items() if type(value) is Shown]:
                    attributes[name] = own(attributes[name])
        return False


def _spied_look_up(link: _Link, original: Any) -> Any:
    def spied_look_up(handler: Any, name: str) -> Any:
        __tracebackhide__ = True
        spies = link.spies
        if name == "__setstate__" and spies is not None:
            # pickle asks a new instance for it.
            for spy in spies.spies:
                spy._note_made(handler)
        found = original(handler, name)
        return found if spies is None else spies._show(handler, name, found)

    return spied_look_up


def _spied_call(link: _Link, handler: Any, name: str, method: Any, /, *args: Any, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    spies = link.spies
    if spies is None:
        return method(*args, **kwargs)
    call = spies._copy if name in COPIES else spies._call
    return call(handler, name, method, *args, **kwargs)


class _Passing:
    """One call of a handler's method as it passes through; inside ``with`` it is in progress."""

    def __init__(self, spies: list[Spy], call: _Call) -> None:
        self._call = call
        # on_chat_model_start may hand on to on_llm_start, and each to its parent class: that is one event.
        self._spies = [] if any((call[0], call[2]) == (o[0], o[2]) for o in _in_progress.get()) else spies

    def record(self, handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep what the method is called with."""
        for spy in self._spies:
            spy._record(handler, self._call[1], args, kwargs)

    def go_on(self, coroutine: CoroutineType[Any, Any, Any], watch: PayloadWatch) -> Coroutine[Any, Any, Any]:
        """The *coroutine* of an async method, with its name, in progress while it is awaited."""

        async def going_on() -> Any:
            __tracebackhide__ = True
            with self:
                return await watch.around(coroutine)

        return named(going_on(), coroutine)

    def __enter__(self) -> None:
        self._token = _in_progress.set((*_in_progress.get(), self._call))

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        rest = tuple(call for call in _in_progress.get() if call is not self._call)
        # A coroutine that is dropped is closed in another context, and two in one context may end in any order.
        with suppress(ValueError):
            _in_progress.reset(self._token)
        if rest != _in_progress.get():
            _in_progress.set(rest)
        if error is not None and _is_raised(error, self._call[1]):
            for spy in self._spies:
                spy._raised.append(error)


def _asks_for_llm_start(method: Any) -> bool:
    return type(method) is MethodType and method.__func__ in ASKS_FOR_LLM_START


def _is_raised(error: BaseException, name: str) -> bool:
    """Whether the handler itself raised *error*: a CancelledError stops it from outside."""
    if isinstance(error, NotImplementedError) and name == "chat_model_start":
        return False
    return isinstance(error, Exception) or type(error).__name__ not in ("CancelledError", "GeneratorExit")
