"""What is replaced for a while, and put back."""

from __future__ import annotations

import asyncio
import functools
import inspect
from contextlib import contextmanager, nullcontext
from enum import EnumMeta
from unittest.mock import Mock

import pytest

from pytest_lc_callbacks._patches import Patches, forget_kept, keep, put_back, raise_kept, subclasses


class Guarded(type):
    """A metaclass that lets nobody write."""

    def __setattr__(cls, name, value):
        raise AttributeError(name)


class Base:
    """With a method to inherit."""

    def method(self):
        """The original."""


class Child(Base, metaclass=Guarded):
    """Inherits it."""


def test_what_was_there_comes_back():
    """
    `undo` restores an attribute of its own, inherits an inherited one again, and passes a metaclass's guard.
    """
    patches, own, inherited = Patches(), Base.method, vars(Child).get("method")
    patches.replace(Base, "method", 1)
    patches.replace(Child, "method", 2)
    assert (Base.method, Child.method) == (1, 2)

    patches.undo()

    assert Base.method is own
    assert vars(Child).get("method") is inherited is None


def test_what_others_replaced_is_theirs():
    """
    A replacement by somebody else stays; when they put ours back, `put_back` takes it away.
    """

    def ours(self):
        pass

    own, patches = Base.method, Patches()
    patches.replace(Base, "method", ours)
    Base.method = "theirs"

    patches.undo()
    put_back()
    assert Base.method == "theirs"

    Base.method = ours
    put_back()
    assert Base.method is own


def test_the_last_is_undone_first():
    """
    Two replacements of one attribute end with what was there before both.
    """
    patches, own = Patches(), Base.method
    patches.replace(Base, "method", 1)
    patches.replace(Base, "method", 2)

    patches.undo()

    assert Base.method is own


@pytest.mark.parametrize("owner", [int, EnumMeta.__mro__[1]])
def test_classes_made_in_c(owner):
    """
    A class made in C cannot be written, and nothing is left half done.
    """
    patches = Patches()
    with pytest.raises(TypeError, match="immutable type"):
        patches.replace(owner, "on_llm_end", 1)
    patches.undo()


class Component:
    """Has a method to wrap, and another that is a coroutine function."""

    def invoke(self, value):
        return value + 1

    async def ainvoke(self, value):
        return value + 1


class Derived(Component):
    """Inherits both."""


def noting(calls, name="call"):
    """What notes each call and how it ends."""

    @contextmanager
    def around(instance, args, kwargs):
        calls.append((name, type(instance), args, kwargs))
        try:
            yield
        except BaseException as error:
            calls.append(type(error))
            raise

    return around


@pytest.mark.parametrize("name", ["invoke", "ainvoke"])
def test_a_wrapped_method(name):
    """
    A wrapped method tells of each call and each exception, looks like the method, and is the method again afterwards.
    """

    def call(value):
        result = getattr(Derived(), name)(value)
        return asyncio.run(result) if name == "ainvoke" else result

    own, calls, patches = vars(Component)[name], [], Patches()
    patches.wrap(Component, name, noting(calls))
    patches.wrap(Derived, name, noting(calls))

    assert call(1) == 2
    with pytest.raises(TypeError, match="can only concatenate str"):
        call("1")
    assert calls == [("call", Derived, (1,), {}), ("call", Derived, ("1",), {}), TypeError]
    wrapper = vars(Component)[name]
    assert inspect.signature(wrapper) == inspect.signature(own)
    assert inspect.iscoroutinefunction(wrapper) is (name == "ainvoke")
    assert name not in vars(Derived)

    patches.undo()
    assert vars(Component)[name] is own
    assert wrapper is not own


def test_the_innermost_patches_are_told():
    """
    The later of two patches that wrap one method is told, and after its `undo` the earlier one.
    """
    calls, outer, inner = [], Patches(), Patches()
    outer.wrap(Component, "invoke", noting(calls, "outer"))
    inner.wrap(Component, "invoke", noting(calls, "inner"))

    Component().invoke(1)
    inner.undo()
    Component().invoke(1)
    outer.undo()
    Component().invoke(1)

    assert [call[0] for call in calls] == ["inner", "outer"]


def test_a_wrapper_that_somebody_keeps():
    """
    A wrapper that somebody wraps calls on when its patches are undone, and later patches wrap what they find.
    """
    calls, first, second, own = [], Patches(), Patches(), Component.invoke
    first.wrap(Component, "invoke", noting(calls, "first"))
    kept = Component.invoke

    @functools.wraps(kept)
    def instrumented(self, value):
        return kept(self, value) * 10

    Component.invoke = instrumented
    first.undo()
    try:
        assert Component().invoke(1) == 20
        second.wrap(Component, "invoke", noting(calls, "second"))
        assert Component().invoke(1) == 20
        second.undo()
        assert Component.invoke is instrumented
    finally:
        Component.invoke = own

    assert [call[0] for call in calls] == ["second"]


class Bound:
    """An instrumentor's wrapper that is no function, and binds as one."""

    def __init__(self, function):
        self.function = function

    def __call__(self, instance, value):
        return self.function(instance, value) * 10

    def __get__(self, instance, owner):
        return functools.partial(self, instance)


@pytest.mark.parametrize(
    ("found", "result", "told"),
    [(Bound(Component.invoke), 20, 1), (Mock(return_value=3), 3, 0)],
    ids=["an object that binds", "a mock"],
)
def test_what_is_no_function(monkeypatch, found, result, told):
    """
    An object that binds to an instance is wrapped as a method, and a mock stays as it is.
    """
    monkeypatch.setattr(Component, "invoke", found)
    calls, patches = [], Patches()
    patches.wrap(Component, "invoke", noting(calls))

    assert Component().invoke(1) == result
    patches.undo()

    assert len(calls) == told
    assert vars(Component)["invoke"] is found


def test_subclasses():
    """
    `subclasses` gives each class once that is derived from a class, whichever ways lead to it.
    """

    class Other(Component):
        pass

    class Both(Derived, Other):
        pass

    assert list(subclasses(Component)) == [Derived, Other, Both]
    assert list(subclasses(Both)) == []


def _left(nesting):
    if nesting:
        _left(nesting - 1)
    raise RecursionError("too deep")


@pytest.mark.parametrize(("nesting", "is_kept"), [(5, False), (500, True)])
def test_a_program_that_is_nested_too_deep(nesting, is_kept):
    """
    A RecursionError is kept where the plugin itself recursed, and not where the program had used up the stack.
    """
    forget_kept()
    with pytest.raises(RecursionError) as raised:
        _left(nesting)

    keep(raised.value)

    with pytest.raises(RecursionError) if is_kept else nullcontext():
        raise_kept()
