"""Values of the user's: whatever they do when they are asked, an answer comes back."""

from __future__ import annotations

import types
from collections import OrderedDict, UserDict
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from strange_values import (
    VALUES,
    Nameless,
    OfRaisingMeta,
    RaisingDict,
    RaisingList,
    RaisingMapping,
    RaisingStr,
    raising,
)

from pytest_lc_callbacks import RecordingHandler, _values, _words, event
from pytest_lc_callbacks._findings.handler_state import handler_state
from pytest_lc_callbacks._report.export import Exporter


class SuppressedError(Exception):
    """An exception that hides where it comes from."""

    def __getattribute__(self, name: str) -> object:
        raise ValueError(name)


def raised_from(cause: BaseException | None, context: BaseException | None) -> BaseException:
    """An exception with this cause and this context; ``from None`` without a cause."""
    error = SuppressedError()
    BaseException.__dict__["__context__"].__set__(error, context)
    BaseException.__dict__["__cause__"].__set__(error, cause)
    return error


@pytest.mark.parametrize("name", VALUES)
def test_any_value_can_be_asked(name):
    """
    Each question has an answer of its type, and what is shown can be encoded, has one line and steers no terminal.
    """
    value = VALUES[name]()

    _values.ask(value, "content")
    assert type(_values.is_a(value, dict, UUID)) is bool
    assert type(_values.is_empty(value)) is bool
    assert type(_values.is_true(value)) is bool
    assert type(_values.is_hashable(value)) is bool
    assert type(_values.equal(value, VALUES[name]())) is bool
    assert type(_values.items(value)) is list
    assert all(type(pair) is tuple for pair in _values.entries(value))
    _values.entry(value, "x")
    for text in (_words.repr_short(value), _words.one_line(_words.string(value))):
        assert type(text) is str
        assert text.encode().decode() == _words.printable(text)
        assert "\n" not in text


@pytest.mark.parametrize("base", [RaisingDict, RaisingList, RaisingStr, RaisingMapping])
def test_a_subclass_is_read_as_what_it_is(base):
    """
    Texts, lists and dicts are read by Python's own methods, and somebody's own mapping that raises has no entries.
    """
    assert _values.text_of(RaisingStr("x")) == "x"
    assert _values.items(RaisingList([1])) == [1]
    assert _values.entries(RaisingDict(x=1)) == [("x", 1)]
    assert _values.entries(RaisingMapping()) == []
    assert _values.entry(RaisingMapping(), "x", "default") == "default"
    assert _values.is_empty(base()) is (base is not RaisingMapping)


@pytest.mark.parametrize("mapping", [{"x": 1}, OrderedDict(x=1), UserDict(x=1), types.MappingProxyType({"x": 1})])
def test_mappings(mapping):
    """
    Any mapping is read, whatever its class.
    """
    assert _values.entries(mapping) == [("x", 1)]
    assert _values.entry(mapping, "x") == 1
    assert _values.entry(mapping, "y", 2) == 2


def test_what_reading_would_use_up_is_not_read():
    """
    A generator has no entries: it stays unread.
    """
    numbers = iter([1, 2])

    assert _values.items(numbers) == []
    assert list(numbers) == [1, 2]


def test_classes_have_names():
    """
    The name, the module and the bases of a class are Python's own, whatever its metaclass answers.
    """
    assert _values.class_name(Nameless) == "Nameless"
    assert _values.module_name(Nameless) == "strange_values"
    assert _values.bases(type(OfRaisingMeta())) == (OfRaisingMeta, object)


def test_causes():
    """
    The cause of an exception is what Python shows above it, or also what ``from None`` hides.
    """
    inner, outer = ValueError("inner"), ValueError("outer")

    assert _values.cause_of(raised_from(inner, outer)) is inner
    assert _values.cause_of(raised_from(None, outer)) is None
    assert _values.cause_of(raised_from(None, outer), also_suppressed=True) is outer
    assert _values.cause_of(ValueError()) is None
    assert _values.traceback_of(raised_from(None, None)) is None


def test_a_comparison_that_raises():
    """
    Values whose comparison raises are unequal, and the exception can be had.
    """
    broken = raising("__eq__")

    assert _values.equal(broken, broken)
    assert not _values.equal(broken, 1)
    assert type(_values.compare(broken, 1)).__name__ == "StrangeError"
    assert _values.compare([1], [1]) is True


def laughing(kind: type) -> Any:
    """Sixty containers, each of which holds the one before twice: on paper more than there is paper."""
    value: Any = kind()
    for _ in range(60):
        value = {"a": value, "b": value} if kind is dict else kind([value, value])
    return value


def holding_itself() -> Any:
    """A list that holds itself four hundred times."""
    found: list[Any] = []
    found += [found] * 400
    return found


SMALL = {kind.__name__: partial(laughing, kind) for kind in (list, tuple, dict)} | {"in itself": holding_itself}


@pytest.mark.parametrize("name", SMALL)
def test_what_is_small_and_has_no_end_on_paper(name):
    """
    A container that holds another one many times, and so on, is shown, compared, kept in a snapshot and exported.
    """
    handler, value = RecordingHandler(), SMALL[name]()
    handler.on_chain_start({}, {"x": value}, run_id=UUID(int=1), name="step")

    assert len(_words.repr_short(value)) <= 120
    assert len(_words.raw_repr(value)) <= 10_000
    assert handler.count(inputs={"x": [1]}) == 0
    assert handler.count(inputs={"x": value, ...: ...}) == 1
    assert handler.snapshot()
    assert Exporter(str).value({"x": value})
    # Some levels are looked into; what holds too much even there is equal to nothing.
    assert (handler_state({"x": value}) == handler_state({"x": value})) is (name != "in itself")
    with pytest.raises(AssertionError, match="expected"):
        handler.assert_events([event("chain_start", inputs={"x": 1})])


def test_an_interrupt_is_not_passed_by():
    """
    What a value raises is passed by, pytest's own failures and the end of the process too; an interrupt is not.
    """

    class Interrupted:
        def __getattr__(self, name):
            raise KeyboardInterrupt

        def __eq__(self, other):
            raise KeyboardInterrupt

        __hash__ = None

        def __repr__(self):
            raise KeyboardInterrupt

    assert _values.ask(VALUES["untouchable"](), "content") is None
    assert _words.raw_repr(VALUES["repr exits"]()) == "<Exiting whose repr raised SystemExit>"
    for question in (lambda: _values.ask(Interrupted(), "x"), lambda: _values.compare(Interrupted(), 1)):
        with pytest.raises(KeyboardInterrupt):
            question()
    with pytest.raises(KeyboardInterrupt):
        _words.raw_repr(Interrupted())


def test_a_class_in_a_function_is_local():
    """
    A class that a function makes is local, whatever its metaclass says, and one of a module is not.
    """

    class Claims(type):
        __qualname__ = "Elsewhere"

    class Local(metaclass=Claims):
        pass

    assert _values.is_local(Local)
    assert not _values.is_local(dict)
