"""The spy: what a handler of the user's receives, and what it raises."""

from __future__ import annotations

import functools
import gc
import inspect
import threading
import types
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import wraps
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, BaseCallbackManager

from pytest_lc_callbacks._handlers.recorder import RecordingHandler
from pytest_lc_callbacks._patches import Patches
from pytest_lc_callbacks._recording import EVENT_NAMES, Recording
from pytest_lc_callbacks._scopes import ScopedRecording
from pytest_lc_callbacks._words import repr_short

# By which attribute a handler says that it wants none of these events; the others cannot be declined.
_DECLINED_BY = {
    "agent_action": "ignore_agent",
    "agent_finish": "ignore_agent",
    "chain_end": "ignore_chain",
    "chain_error": "ignore_chain",
    "chain_start": "ignore_chain",
    "chat_model_start": "ignore_chat_model",
    "custom_event": "ignore_custom_event",
    "llm_end": "ignore_llm",
    "llm_error": "ignore_llm",
    "llm_new_token": "ignore_llm",
    "llm_start": "ignore_llm",
    "retriever_end": "ignore_retriever",
    "retriever_error": "ignore_retriever",
    "retriever_start": "ignore_retriever",
    "retry": "ignore_retry",
    "stream_event": "ignore_llm",
    "tool_end": "ignore_agent",
    "tool_error": "ignore_agent",
    "tool_start": "ignore_agent",
}
# The calls that are under way: a handler that calls its own methods, or those of a parent class, gets nothing new.
_under_way: ContextVar[tuple[tuple[int, str, Any], ...]] = ContextVar("lc_callbacks_under_way", default=())
# By which the functions are known that are shown in the place of a handler's own.
_SHOWN = "lc_callbacks_shown"
_Tell = Callable[[Any, str, BaseException, dict[str, Any]], None]


class Spy(ScopedRecording):
    """
    What a handler received, as a Recording, and what it raised; made by the fixture ``spy_on``.

    The handler stays what it is and behaves as before.
    """

    def __init__(self, target: Any) -> None:
        super().__init__()
        self._target = target
        self._lock = threading.Lock()
        self._ears: dict[int, tuple[Any, _Ear]] = {}
        self._raised: list[BaseException] = []
        # What was there before is not made in the test.
        self._before = _instances(target) if isinstance(target, type) else {}

    def __repr__(self) -> str:
        return super().__repr__().replace("<Spy:", f"<Spy on {self._name}:")

    @property
    def handler(self) -> Any:
        """The handler; of a class, its only instance so far that received anything."""
        if not isinstance(self._target, type):
            return self._target
        found = self.handlers
        if len(found) != 1:
            raise LookupError(f"handler: {len(found)} instances of {self._name} received something; see .handlers")
        return found[0]

    @property
    def handlers(self) -> list[Any]:
        """Every handler that received anything, in the order in which they first did."""
        return [handler for handler, _ in list(self._ears.values())]

    @property
    def raised(self) -> list[BaseException]:
        """What the handler raised, in order, whether LangChain swallowed it or not; each with its traceback."""
        return list(self._raised)

    def clear(self) -> None:
        """Forget everything, and let go of the payloads."""
        super().clear()
        self._raised.clear()
        for _, ear in self._ears.values():
            ear.clear()

    @property
    def _name(self) -> str:
        return self._handler_class.__name__

    @property
    def _handler_class(self) -> type:
        return self._target if isinstance(self._target, type) else type(self._target)

    def _listens_to(self, handler: Any) -> bool:
        if not isinstance(self._target, type):
            return handler is self._target
        return issubclass(type(handler), self._target) and id(handler) not in self._before

    def _parts(self) -> Iterator[tuple[str, Recording]]:
        """A Recording for each handler, by what to call it."""
        for number, (handler, ear) in enumerate(list(self._ears.values())):
            yield f"{type(handler).__name__}#{number}", ear

    def _declines(self, name: str) -> bool:
        """Whether the handler wants none of these events; of several handlers, whether none of them does."""
        handlers = self.handlers if isinstance(self._target, type) else [self._target]
        return bool(handlers) and all(_declines(handler, name) for handler in handlers)

    def _received(self, handler: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with self._lock:
            if id(handler) not in self._ears:
                self._ears[id(handler)] = (handler, _Ear(handler))
            ear = self._ears[id(handler)][1]
            getattr(ear, f"on_{name}")(*args, **kwargs)
            self._log.flat += ear._log.record(len(ear._log) - 1)


class _Ear(RecordingHandler):
    """What one spied handler received."""

    def __init__(self, handler: Any) -> None:
        super().__init__()
        self._handler = handler

    def _declines(self, name: str) -> bool:
        return _declines(self._handler, name)


class Spies:
    """
    The spies of one test.

    Args:
        on_stop_iteration: Told of each StopIteration that a plain handler raises, before anything waits for it.
    """

    def __init__(self, on_stop_iteration: _Tell | None = None) -> None:
        self.spies: list[Spy] = []
        self._tell = on_stop_iteration
        self._patches = Patches()
        self._patched: set[tuple[type, str]] = set()
        self._closed = False

    def __call__(self, target: BaseCallbackHandler | type[BaseCallbackHandler]) -> Spy:
        """
        Record what *target* receives from now on, until the end of the test.

        Args:
            target: A handler; or a class of handlers, for every instance of it that is made from now on.

        Returns:
            The Recording; ``.raised`` is what the handler raised.

        Raises:
            TypeError: If it cannot be spied on, with the reason.
        """
        _refuse(target)
        for spy in self.spies:
            if spy._target is target:
                return spy
        classes = _classes(target) if isinstance(target, type) else [type(target)]
        for cls in classes:
            self._patch(cls, everything=cls in (target, type(target)))
        if isinstance(target, type):
            self._patches.tell_of_subclasses(target, functools.partial(self._patch, everything=False))
        self.spies.append(Spy(target))
        return self.spies[-1]

    def stop(self) -> None:
        """Leave the handlers' classes as they were; the Recordings stay."""
        self._closed = True
        self._patches.undo()

    def _patch(self, cls: type, *, everything: bool) -> None:
        """Put ourselves before the methods of *cls*: all that it has, or only those that are its own."""
        for name in sorted(EVENT_NAMES):
            method = f"on_{name}"
            original = inspect.getattr_static(cls, method, None) if everything else vars(cls).get(method)
            unknown = original is None or not hasattr(RecordingHandler, method)
            if unknown or (cls, method) in self._patched or _is_fallback(cls, method):
                continue
            try:
                self._patches.replace(cls, method, _Spied(self, cls, name, original))
            except TypeError as error:
                raise TypeError(f"spy_on({cls.__name__}): its methods cannot be replaced: {error}") from error
            self._patched.add((cls, method))

    def listening(self, handler: Any) -> list[Spy]:
        """The spies on *handler*."""
        return [] if self._closed else [spy for spy in self.spies if spy._listens_to(handler)]

    def passing(self, handler: Any, name: str, kwargs: dict[str, Any]) -> _Passing:
        """One call of a handler's method; ``with`` it notes what is raised."""
        return _Passing(self.listening(handler), (id(handler), name, kwargs.get("run_id")))


class _Passing:
    """One call of a handler's method as it passes through."""

    def __init__(self, spies: list[Spy], call: tuple[int, str, Any]) -> None:
        self._call = call
        # on_chat_model_start may hand on to on_llm_start, and each to its parent class: that is one event.
        self._spies = [] if any((call[0], call[2]) == (o[0], o[2]) for o in _under_way.get()) else spies

    def record(self, handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep what the method is called with."""
        for spy in self._spies:
            spy._received(handler, self._call[1], args, kwargs)

    def __enter__(self) -> None:
        self._token = _under_way.set((*_under_way.get(), self._call))

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        _under_way.reset(self._token)
        if error is not None and _is_raised(error, self._call[1]):
            for spy in self._spies:
                spy._raised.append(error)


class _Spied:
    """
    In the place of a method in a handler's class.

    For every instance but the spied ones it is the method, and so it is for the class itself. It has ``__set__`` to
    come before an instance's own attribute of that name, which it then stands for.
    """

    def __init__(self, spies: Spies, owner: type, name: str, original: Any) -> None:
        self._spies = spies
        self._owner = owner
        self._name = name
        self._method = f"on_{name}"
        self._original = original
        self._wrappers: dict[bool, Any] = {}
        self._own: dict[int, tuple[Any, Any]] = {}

    def __get__(self, handler: Any, owner: type | None = None) -> Any:
        if handler is None:
            return _bound(self._original, None, owner)
        method = self.method_of(handler)
        if not self._is_first_for(handler) or not self._spies.listening(handler):
            return method
        return self._wrapped(handler, method)

    def __set__(self, handler: Any, value: Any) -> None:
        try:
            vars(handler)[self._method] = value
        except TypeError:
            raise AttributeError(f"{type(handler).__name__!r} object attribute {self._method!r} is read-only") from None

    def __delete__(self, handler: Any) -> None:
        if self._method not in getattr(handler, "__dict__", {}):
            raise AttributeError(self._method)
        del vars(handler)[self._method]

    def method_of(self, handler: Any) -> Any:
        """What the handler itself has there."""
        own = getattr(handler, "__dict__", {}).get(self._method, self)
        # Whoever reads a method, sets another and puts the first back has put back what we showed them.
        if own is self or hasattr(getattr(own, "__func__", own), _SHOWN):
            return _bound(self._original, handler, type(handler))
        return own

    def passing(self, handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Passing:
        """Record a call; ``with`` the result note what it raises."""
        passing = self._spies.passing(handler, self._name, kwargs)
        passing.record(handler, args, kwargs)
        return passing

    def stopped(self, handler: Any, error: BaseException, kwargs: dict[str, Any]) -> None:
        """Say that a plain handler raises StopIteration."""
        if self._spies._tell is not None:
            self._spies._tell(handler, self._method, error, kwargs)

    def _is_first_for(self, handler: Any) -> bool:
        """Whether this is the method that *handler* is called with, and not one that it reaches with ``super()``."""
        spied = (cls for cls in type(handler).__mro__ if isinstance(vars(cls).get(self._method), _Spied))
        return next(spied, None) is self._owner

    def _wrapped(self, handler: Any, method: Any) -> Any:
        """What is shown of *method*: the same each time, as methods are."""
        is_coroutine = inspect.iscoroutinefunction(method)
        if isinstance(method, types.MethodType) and method.__self__ is handler:
            if is_coroutine not in self._wrappers:
                self._wrappers[is_coroutine] = self._shown(is_coroutine, method.__func__)
            return types.MethodType(self._wrappers[is_coroutine], handler)
        # A static method, a class method, an attribute of the instance.
        known, shown = self._own.get(id(handler), (None, None))
        if known is None or known != method:
            shown = self._shown(is_coroutine, method, handler)
            self._own[id(handler)] = method, shown
        return shown

    def _shown(self, is_coroutine: bool, method: Any, handler: Any = None) -> Any:
        wrapper = (_coroutine if is_coroutine else _plain)(self, handler)
        # What a debugger or a signature shows is the handler's own method.
        shown = wraps(method)(wrapper)
        setattr(shown, _SHOWN, True)
        mark = getattr(inspect, "markcoroutinefunction", None)
        return mark(shown) if is_coroutine and mark else shown


def _plain(spied: _Spied, bound_to: Any) -> Callable[..., Any]:
    """For a method that is no coroutine function."""

    def plain(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        handler, args = (args[0], args[1:]) if bound_to is None else (bound_to, args)
        with spied.passing(handler, args, kwargs):
            try:
                return spied.method_of(handler)(*args, **kwargs)
            except StopIteration as error:
                spied.stopped(handler, error, kwargs)
                raise

    return plain


def _coroutine(spied: _Spied, bound_to: Any) -> Callable[..., Any]:
    """For a method that is a coroutine function, or is marked as one."""

    async def goes_on(passing: _Passing, awaited: Any) -> Any:
        __tracebackhide__ = True
        with passing:
            return await awaited

    def marked(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        handler, args = (args[0], args[1:]) if bound_to is None else (bound_to, args)
        passing = spied.passing(handler, args, kwargs)
        with passing:
            # Arguments that do not fit are refused here, as without us, and not when the result is awaited.
            awaited = spied.method_of(handler)(*args, **kwargs)
        return goes_on(passing, awaited) if inspect.iscoroutine(awaited) else awaited

    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        handler, args = (args[0], args[1:]) if bound_to is None else (bound_to, args)
        with spied.passing(handler, args, kwargs):
            return await spied.method_of(handler)(*args, **kwargs)

    # Since Python 3.12 a plain function can be marked as one that returns something to await.
    return marked if hasattr(inspect, "markcoroutinefunction") else coroutine


def _bound(original: Any, handler: Any, kind: type | None) -> Any:
    """What looking *original* up gives."""
    getter = getattr(type(original), "__get__", None)
    return original if getter is None else getter(original, handler, kind)


def _declines(handler: Any, name: str) -> bool:
    if name == "chat_model_start" and _is_fallback(type(handler), "on_chat_model_start"):
        return True
    attribute = _DECLINED_BY.get(name)
    return attribute is not None and bool(getattr(handler, attribute, False))


def _is_fallback(cls: type, method: str) -> bool:
    """Whether this is LangChain's own method that asks for ``on_llm_start`` instead, by a NotImplementedError."""
    if method != "on_chat_model_start":
        return False
    found = inspect.getattr_static(cls, method, None)
    bases = (BaseCallbackHandler, AsyncCallbackHandler)
    found = found._original if isinstance(found, _Spied) else found
    return any(found is inspect.getattr_static(base, method, None) for base in bases)


def _is_raised(error: BaseException, name: str) -> bool:
    """Whether it is an exception of the handler's, not one that it was stopped with."""
    if isinstance(error, NotImplementedError) and name == "chat_model_start":
        return False
    return isinstance(error, Exception) or type(error).__name__ not in ("CancelledError", "GeneratorExit")


def _instances(cls: type) -> dict[int, Any]:
    """The instances of *cls* that there are; kept, or else their ids could come to stand for others."""
    found = gc.get_referrers(*_classes(cls))
    return {id(instance): instance for instance in found if issubclass(type(instance), cls)}


def _classes(cls: type) -> list[type]:
    """*cls* and the classes made of it."""
    found = [cls]
    for known in found:
        made: list[type] = type.__subclasses__(known)
        found += [sub for sub in made if sub not in found]
    return found


def _refuse(target: Any) -> None:
    """
    Say why a target cannot be spied on.

    Raises:
        TypeError: If it cannot.
    """
    cls = target if isinstance(target, type) else type(target)
    reason = _why_not(target, cls)
    if reason:
        raise TypeError(f"spy_on({repr_short(target, 60)}): {reason}")


def _why_not(target: Any, cls: type) -> str | None:
    if cls.__module__.startswith("unittest.mock"):
        return "a mock keeps its calls itself: ask it, as in handler.on_llm_end.call_args_list, or pass a real handler"
    if issubclass(cls, RecordingHandler):
        return "a RecordingHandler records what it receives: ask it directly"
    if issubclass(cls, Recording):
        return "this is a Recording, not a handler: ask it directly"
    if isinstance(target, (list, tuple, set)):
        return "it takes one handler, or a class of them: call it for each"
    if issubclass(cls, BaseCallbackManager):
        return "a callback manager is no handler: pass each of its .handlers"
    if cls in (BaseCallbackHandler, AsyncCallbackHandler) and target is cls:
        return "this would be every handler there is, LangChain's own included: pass your handler, or its class"
    if not _is_handler(cls):
        return "expected a callback handler or a class of them, with methods like on_llm_end"
    return None


def _is_handler(cls: type) -> bool:
    if issubclass(cls, BaseCallbackHandler):
        return True
    # LangChain takes anything that looks like a handler.
    looks = [name for name in EVENT_NAMES if inspect.getattr_static(cls, f"on_{name}", None) is not None]
    return bool(looks) and inspect.getattr_static(cls, "raise_error", None) is not None
