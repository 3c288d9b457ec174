"""Attributes that are replaced for a while, and what is shown in the place of a method."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager
from functools import partial, wraps
from itertools import islice
from traceback import walk_tb
from types import CoroutineType, FunctionType, TracebackType
from typing import Any, ParamSpec, Self

Around = Callable[[Any, tuple[Any, ...], dict[str, Any]], AbstractContextManager[Any]]
"""Makes the context manager in which a call runs: of the instance, and of the arguments by position and by name."""

P = ParamSpec("P")
_ABSENT: Any = object()


class Patches:
    """
    Replaces attributes, and puts back what was there.

    It writes with ``type.__setattr__`` and ``object.__setattr__`` directly, so that a metaclass or a class with a
    ``__setattr__`` of its own cannot interfere.
    """

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """
        Set *name* of *owner* itself, whatever it inherits.

        Raises:
            TypeError: If *owner* cannot be written, as classes made in C cannot.
        """
        before = vars(owner).get(name, _ABSENT)
        _write(owner, name, value)
        self._done.append((owner, name, before, value))

    def wrap(self, owner: type, name: str, around: Around) -> None:
        """
        Let each call of the method *name* of *owner* run ``with around(instance, args, kwargs):``, until `undo`.

        What *owner* inherits stays as it is, and so does what is no method, such as a mock that somebody put there.
        What another `Patches` shows there is passed by: the innermost is the one that is told.

        Args:
            owner: The class that may define the method.

            name: The method: a function, a coroutine function, or an object that binds to an instance as they do.

            around: Makes the context manager; what its ``__enter__`` raises, the caller gets instead of the call.
        """
        method: Any = own(vars(owner).get(name))
        if callable(method) and hasattr(type(method), "__get__"):
            call = _await_around if inspect.iscoroutinefunction(method) else _call_around
            self.replace(owner, name, ShownInClass(method, partial(call, around)))

    def tell_of_subclasses(self, base: type, tell: Callable[[type], None]) -> None:
        """Call *tell* with each class that is derived from *base* from now on: modules are imported in mid-test too."""
        self.replace(base, "__init_subclass__", _ToldOfSubclasses(base.__init_subclass__, tell))

    def undo(self) -> None:
        """
        Put back what was there, the last replacement first.

        What somebody else has replaced since stays theirs. Should they put ours back, it does nothing but pass on, and
        `put_back` takes it away.
        """
        for owner, name, before, value in reversed(self._done):
            if issubclass(type(value), (ShownInClass, _ToldOfSubclasses)):
                let_go(value)
            if not _restore(owner, name, before, value):
                object.__setattr__(value, "_replaced", (owner, name, before))
                leave(value, _is_put_back)
        self._done.clear()


_KEPT: list[BaseException] = []
# The plugin's own calls inside each other are fewer.
_FEW_CALLS = 100


def keep(error: BaseException) -> None:
    """
    Keep *error*, which is the plugin's own, from the user's program, in which it was raised.

    Whoever judges the test calls `raise_kept`. An interrupt is raised again. A RecursionError is the program's own
    where a few calls of ours were too many: the program ends with one itself, or comes to the end of its nesting.
    """
    if isinstance(error, KeyboardInterrupt):
        raise error
    if not isinstance(error, RecursionError) or error.__traceback__ is None or _is_deep(error.__traceback__):
        _KEPT.append(error)


def _is_deep(traceback: TracebackType) -> bool:
    """Whether the plugin called itself over and over."""
    return next(islice(walk_tb(traceback), _FEW_CALLS, None), None) is not None


def keeping(function: Callable[P, None]) -> Callable[P, None]:
    """A *function* that LangChain calls in the user's program, whose exceptions are kept from it."""

    @wraps(function)
    def kept(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        # See `keep`.
        except BaseException as error:  # noqa: BLE001
            keep(error)

    return kept


def forget_kept() -> None:
    """Forget what was kept, since it is no test's that is judged from now on."""
    _KEPT.clear()


def raise_kept() -> None:
    """Raise the first exception that was kept since the last call."""
    if _KEPT:
        first, *_ = _KEPT
        _KEPT.clear()
        raise first


class ReplacedUntilStop:
    """What replaces methods from the moment it is made until `stop`, or the end of its ``with`` block."""

    def __init__(self) -> None:
        self._is_on: bool = True
        self._patches = Patches()

    def stop(self) -> None:
        """Put the methods back."""
        self._is_on = False
        self._patches.undo()
        # One around this may have ended before it, and this has put back what that had replaced.
        put_back()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()


# An entry keeps nothing alive: what is needed to take something away, it keeps itself.
_left: list[tuple[weakref.ref[Any], Callable[[Any], bool]]] = []


def put_back() -> None:
    """
    Take away the replacements that somebody has put in their place again since `Patches.undo`.

    A mock for all tests of a module, begun in a watched test, puts back what it found: our replacement of that test.
    """
    for reference, take_away in _left[::-1]:
        left = reference()
        if left is None or take_away(left):
            _left.remove((reference, take_away))


def leave(left: Any, take_away: Callable[[Any], bool]) -> None:
    """Let `put_back` call *take_away* with what is *left*, as long as that is alive and until it returns True."""
    _left.append((weakref.ref(left), take_away))


def _is_put_back(value: Any) -> bool:
    owner, name, before = object.__getattribute__(value, "_replaced")
    return _restore(owner, name, before, value)


def subclasses(base: type) -> Iterator[type]:
    """Every class that is derived from *base*, each once."""
    known: list[type] = list(type.__subclasses__(base))
    for cls in known:
        yield cls
        derived: list[type] = type.__subclasses__(cls)
        known += [sub for sub in derived if sub not in known]


class _ToldOfSubclasses:
    """The ``__init_subclass__`` of a class: it calls what was *inherited*, and tells of the class; until `let_go`."""

    def __init__(self, inherited: Any, tell: Callable[[type], None]) -> None:
        self._inherited = inherited
        self._call: Callable[[type], None] | None = tell

    def __get__(self, instance: Any, owner: type) -> Callable[..., None]:
        return partial(self._made, owner)

    def _made(self, cls: type, /, **kwargs: Any) -> None:
        function = getattr(self._inherited, "__func__", None)
        self._inherited(**kwargs) if function is None else function(cls, **kwargs)
        if self._call is not None:
            self._call(cls)


def _call_around(around: Around, instance: Any, method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    __tracebackhide__ = True
    with around(instance, args, kwargs):
        result = method(*args, **kwargs)
    # A plain function may have been put around a coroutine function.
    return named(_await(around(instance, args, kwargs), result), result) if inspect.iscoroutine(result) else result


def _await_around(around: Around, instance: Any, method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    async def awaited() -> Any:
        __tracebackhide__ = True
        with around(instance, args, kwargs):
            return await method(*args, **kwargs)

    return named(awaited(), method)


async def _await(around: AbstractContextManager[Any], coroutine: CoroutineType[Any, Any, Any]) -> Any:
    __tracebackhide__ = True
    with around:
        return await coroutine


def _restore(owner: Any, name: str, before: Any, value: Any) -> bool:
    """Put back what was there *before*. Returns False if somebody else has replaced our *value* since."""
    if vars(owner).get(name, _ABSENT) is not value:
        return False
    if before is _ABSENT:
        _delete(owner, name)
    else:
        _write(owner, name, before)
    return True


def _write(owner: Any, name: str, value: Any) -> None:
    (type if isinstance(owner, type) else object).__setattr__(owner, name, value)


def _delete(owner: Any, name: str) -> None:
    (type if isinstance(owner, type) else object).__delattr__(owner, name)


class Shown:
    """
    Stands in the place of a *method*: a call goes to *call*, all else is the method's own.

    Its class, its signature and whether it is a coroutine function are the method's; what is set on it, such as a
    mock's ``return_value``, is set on the method. No attribute tells the two apart, which a mock would invent and
    ``functools.wraps`` would copy: `own` knows a `Shown` by its type.
    """

    __slots__ = ("__weakref__", "_call", "_method", "_replaced")

    def __init__(self, method: Any, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_method", method)
        object.__setattr__(self, "_call", call)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return object.__getattribute__(self, "_call")(*args, **kwargs)

    def __getattribute__(self, name: str) -> Any:
        return getattr(own(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(own(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(own(self), name)

    def __eq__(self, other: object) -> bool:
        return bool(own(self) == own(other))

    def __hash__(self) -> int:
        return hash(own(self))

    def __repr__(self) -> str:
        return repr(own(self))


def own(method: Any) -> Any:
    """The method behind what is shown of it; anything else as it is."""
    while issubclass(type(method), Shown):
        method = object.__getattribute__(method, "_method")
    return method


def named(coroutine: Coroutine[Any, Any, Any], like: Any) -> Coroutine[Any, Any, Any]:
    """The *coroutine*, with the name of what it is *like*: a warning that nobody awaited it says the name."""
    for name in ("__name__", "__qualname__"):
        setattr(coroutine, name, getattr(like, name, getattr(coroutine, name)))
    return coroutine


class ShownInClass(Shown):
    """
    Stands in a class in the place of a *method*, and binds to an instance as the method does.

    Args:
        method: What the class has under that name.

        call: Called with the instance, the bound method, and the arguments by position and by name; until `let_go`.
    """

    __slots__ = ()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        call = object.__getattribute__(self, "_call")
        if call is None or not args:
            return own(self)(*args, **kwargs)
        return call(args[0], own(self).__get__(args[0], type(args[0])), args[1:], kwargs)

    def __get__(self, instance: Any, owner: type) -> Any:
        call, method = object.__getattribute__(self, "_call"), own(self)
        bound = method.__get__(instance, owner)
        if call is None:
            return bound
        if instance is None:
            return self if bound is method else bound
        return Shown(bound, partial(_bound_call, self, instance, bound))

    def __getattribute__(self, name: str) -> Any:
        return (object if name == "__reduce_ex__" else Shown).__getattribute__(self, name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A function is copied and pickled as its name.
        method = own(self)
        return method.__qualname__ if type(method) is FunctionType else method.__reduce_ex__(protocol)


def let_go(shown: Any) -> None:
    """From now on *shown*, which has a ``_call``, does nothing but pass on, and keeps nothing alive but the method."""
    object.__setattr__(shown, "_call", None)


def _bound_call(shown: ShownInClass, instance: Any, bound: Any, /, *args: Any, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    call = object.__getattribute__(shown, "_call")
    return bound(*args, **kwargs) if call is None else call(instance, bound, args, kwargs)
