"""Which instances of a spied class are made in the test: known without a search for those that exist already."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import weakref
from dataclasses import dataclass
from unittest import mock

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from pytest_lc_callbacks import FakeChatModel
from pytest_lc_callbacks._by_identity import ByIdentity
from pytest_lc_callbacks._handlers.spy import Spies


class Plain(BaseCallbackHandler):
    """Inherits its `__init__` from `object`."""


class Initialised(BaseCallbackHandler):
    """Has one."""

    def __init__(self, name="x", *, seen=()):
        self.name = name
        self.seen = [*seen]


class Inherited(Initialised):
    """Inherits one."""


class Other:
    """Has one that calls no other."""

    def __init__(self):
        self.name = "other"


class Mixed(Other, Initialised):
    """Is initialised without its spied base."""


@dataclass
class Data(BaseCallbackHandler):
    """Gets one after it was made."""

    name: str = "x"


class Slotted(Initialised):
    """Takes no weak reference of its own, and no other attribute."""

    __slots__ = ("more",)


class Remaking(Initialised):
    """Makes its copies itself."""

    def __deepcopy__(self, memo):
        return type(self)(self.name)


KINDS = [Plain, Initialised, Inherited, Mixed, Data, Slotted, Remaking]


def hear(*handlers):
    FakeChatModel().invoke("hi", {"callbacks": [*handlers]})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("base", [False, True], ids=["the class", "a base"])
def test_what_is_made(spy_on, kind, base):
    """
    The spy hears instances that are made, copied, deep-copied and unpickled in the test, and no earlier one.
    """
    before = kind()
    dumped = pickle.dumps(before)
    spy = spy_on(Initialised if base and issubclass(kind, Initialised) else kind)
    made = [kind(), copy.copy(before), copy.deepcopy(before)]
    if vars(before):
        made.append(pickle.loads(dumped))

    hear(before, *made)

    assert [id(each.handler) for each in spy.handlers] == [id(handler) for handler in made]


def test_classes_that_are_made_in_the_test(spy_on):
    """
    The spy hears instances of a subclass that the test defines, in whichever way they are made.
    """
    spy = spy_on(Initialised)

    @dataclass
    class Later(Initialised):
        number: int = 0

    class Uninitialised(Initialised):
        pass

    handlers = [Later(1), Uninitialised.__new__(Uninitialised)]
    hear(*handlers)

    assert [each.handler for each in spy.handlers] == handlers


@pytest.mark.parametrize(("kind", "args"), [(Plain, (1,)), (Initialised, (1, 2)), (Inherited, (1, 2)), (Data, (1, 2))])
def test_wrong_arguments(kind, args):
    """
    A spied class refuses arguments in the words that it had before, and has its signature.
    """

    def facts():
        with pytest.raises(TypeError, match="argument") as refused:
            kind(*args)
        return str(refused.value), str(inspect.signature(kind)), inspect.getdoc(kind.__init__)

    spies, before = Spies(), facts()
    spies(kind)
    try:
        assert facts() == before
    finally:
        spies.stop()
    assert facts() == before


def test_an_inherited_init_that_is_replaced(spy_on):
    """
    A mock of the `__init__` that a spied class inherits is called; the instance is heard.
    """
    spy = spy_on(Inherited)
    with mock.patch.object(Initialised, "__init__", return_value=None) as init:
        handler = Inherited("y")

    init.assert_called_once_with("y")
    hear(handler)
    assert [each.handler for each in spy.handlers] == [handler]


def test_nothing_is_searched(monkeypatch):
    """
    A spy on a class asks the garbage collector for no object.
    """
    for name in ("get_objects", "get_referrers", "collect"):
        monkeypatch.setattr(gc, name, lambda *args: pytest.fail("searched"))
    spies = Spies()
    spy = spies(Initialised)
    hear(handler := Initialised())
    spies.stop()

    assert [each.handler for each in spy.handlers] == [handler]


def test_an_instance_is_not_kept(spy_on):
    """
    An instance that was made in the test goes when nobody refers to it, as without the spy.
    """
    spy_on(Initialised)
    gone = weakref.ref(Initialised())

    gc.collect()

    assert gone() is None


def test_half_a_spy_is_none(monkeypatch):
    """
    A class of which one subclass cannot be covered is not spied on at all, and is as it was.
    """
    spies, before = Spies(), dict(vars(Initialised))
    covered = []

    def note(patches, cls, noted):
        covered.append(cls)
        if len(covered) == 2:
            raise TypeError("a class made in C")

    monkeypatch.setattr("pytest_lc_callbacks._handlers.spy.note_initialised", note)
    with pytest.raises(TypeError, match="made in C"):
        spies(Initialised)

    assert len(covered) == 2
    assert dict(vars(Initialised)) == before
    assert spies.spies == []


class Equal:
    """Equals everything, and has no hash."""

    def __eq__(self, other):
        return True

    __hash__ = None


class Bare:
    """Cannot be referred to weakly."""

    __slots__ = ()


@pytest.mark.parametrize("kind", [Equal, Bare])
def test_by_identity(kind):
    """
    What is noted of an object is not noted of another that equals it, and is kept as long as the object may be asked.
    """
    noted, known = ByIdentity(), kind()
    noted.note(known, 1)

    assert noted.get(known) == 1
    assert noted.get(kind(), "none") == "none"
    del known
    gc.collect()
    assert [value for _, value in noted._noted.values()] == ([1] if kind is Bare else [])
