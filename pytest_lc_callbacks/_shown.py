"""What is shown in the place of a method: a call goes through us, and all else is the method's own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from types import FunctionType
from typing import Any


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
