"""The little grammar of `assert_events`: what may stand in a list of expected events."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from types import EllipsisType
from typing import Any, TypeAlias, Unpack

from pytest_lc_callbacks._recording.attributes import Attributes, Comparison, describe, find_open, read_attributes
from pytest_lc_callbacks._recording.events import Event, Log
from pytest_lc_callbacks._recording.names import EventName, MethodName, event_name
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._values import ask
from pytest_lc_callbacks._words import error_words, raw_repr, repr_short, safe


@dataclass(frozen=True, eq=False)
class EventPattern:
    """An event with certain attributes; made by `event`."""

    name: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        words = [repr(self.name)] if self.name else []
        words += [f"{key}={repr_short(value)}" for key, value in self.attributes.items()]
        return f"event({', '.join(words)})"

    def comparison(self, log: Log, keys: Iterable[str] | None = None) -> Comparison:
        """What compares events in a *log* with the pattern, or with these attributes of it."""
        attributes = self.attributes if keys is None else {key: self.attributes[key] for key in keys}
        return Comparison(attributes, log, self._are_open)

    @cached_property
    def _are_open(self) -> dict[int, bool]:
        # A message asks several times, and an expected value may be long.
        return find_open(self.attributes)

    def read_again(self) -> None:
        """Look at the attributes again: the test may have changed a value since it wrote the pattern."""
        vars(self).pop("_are_open", None)

    def shorten(self, keys: Iterable[str]) -> str:
        """The pattern with these attributes alone: ``event('tool_start', run='search', ...)``."""
        shown = {key: self.attributes[key] for key in keys}
        more = ", ..." if len(shown) < len(self.attributes) else ""
        return f"{repr(EventPattern(self.name, shown))[:-1]}{more})"

    def difference(self, selection: Selection, index: int) -> str | None:
        """How the event at this *index* differs from this pattern, in words; None if it does not."""
        name = selection.names[index]
        if self.name not in (None, name):
            return repr(name)
        differing = self.differing(selection, index)
        return f"{name!r} with {differing[1]}" if differing else None

    def differing(self, selection: Selection, index: int) -> tuple[str, str] | None:
        """The first attribute in which an event of this name differs, and what it is there: ``text='no'``."""
        comparison = self.comparison(selection.log)
        key = comparison.differing(selection.positions[index])
        if key is None:
            return None
        event = selection.event(index)
        shown, expected = describe(key, event, self.attributes[key]), self.attributes[key]
        remark = ""
        if comparison.raised is not None:
            remark = f" (== raised {error_words(comparison.raised, 60)})"
        elif describe(key, event) == f"{key}={repr_short(expected)}":
            remark = " (the difference lies in what is redacted, cut or not part of the repr)"
        return key, f"{shown}{remark}"


@dataclass(frozen=True, eq=False)
class Many:
    """Several events in a row; made by `many`."""

    alternatives: tuple[str | EventPattern, ...]
    min: int

    def __repr__(self) -> str:
        shown = [repr(alternative) for alternative in self.alternatives]
        return f"many({', '.join(shown + ([] if self.min == 1 else [f'min={self.min}']))})"


@dataclass(frozen=True, eq=False)
class AnyOrder:
    """Concurrent runs; made by `any_order`."""

    branches: tuple[tuple[Item, ...], ...]

    def __repr__(self) -> str:
        return f"any_order({', '.join(render_items(branch) for branch in self.branches)})"

    @cached_property
    def is_exact(self) -> bool:
        """Whether the branches are lists of names alone."""
        return all(isinstance(item, str) for branch in self.branches for item in branch)

    @cached_property
    def sizes(self) -> list[tuple[int, float]]:
        """How many events each branch takes, at least and at most."""
        return list(map(_count_events, self.branches))


Item: TypeAlias = "str | EllipsisType | EventPattern | Many | AnyOrder"
# What users write. The names are literals, so that a type checker finds typos.
Expected: TypeAlias = "EventName | MethodName | EllipsisType | EventPattern | Many | AnyOrder"


def event(name: EventName | MethodName | None = None, **attributes: Unpack[Attributes]) -> EventPattern:
    """
    An event with these attributes, for `assert_events` and `many`.

    Args:
        name: The event's name; any event if left out.

        attributes: What the event has:

            ``run``: the name of its run, or a `Run`.
            ``run_type``: ``chain``, ``prompt``, ``parser``, ``chat_model``, ``llm``, ``tool`` or ``retriever``.
            ``run_id``: the id of its run.
            ``tags``: tags that its run has, perhaps among others.
            ``metadata``: entries that its run's metadata has, perhaps among others.
            ``parent``: the name of the run around its run, or that `Run`; None for a root.
            ``under``: the name of any run around its run, or that `Run`.
            ``error``: an exception class matches its instances, an exception one of the same class and arguments.
            ``inputs``, ``outputs``, ``messages``, ``text``, ``token``, ``tool_calls``, ``tool_call_id``, ``usage``,
            ``custom``, ``data``, ``payload``, ``thread``: compared with ``==``.

    Raises:
        TypeError: If an attribute is unknown, has the wrong type, or if there is nothing to compare.

        ValueError: If LangChain has no event of that name.
    """
    __tracebackhide__ = True
    return pattern_of(name, attributes)


def pattern_of(name: Any, attributes: Mapping[str, Any]) -> EventPattern:
    """The pattern for a *name* (None for any event) and *attributes*, refused if something is wrong with them."""
    __tracebackhide__ = True
    if name is None and not attributes:
        raise TypeError("event() matches everything: give it a name or an attribute, or write ... for any events")
    checked = read_attributes(attributes)
    return EventPattern(None if name is None else event_name(name), checked)


def many(*names: EventName | MethodName | EventPattern, min: int = 1) -> Many:  # noqa: A002 - the word for it
    """
    One or more events in a row, each one of *names*, for `assert_events`.

    Args:
        names: Event names or `event` patterns.

        min: How many at least; 0 lets them be absent.

    Raises:
        TypeError: If there are no names, or one is ``...``, a list or another ``many``.

        ValueError: If *min* is negative or LangChain has no event of that name.
    """
    __tracebackhide__ = True
    if not names:
        raise TypeError("many() needs the events that may repeat, such as many('llm_new_token')")
    if isinstance(min, bool) or not isinstance(min, int):
        raise TypeError(f"many(min=...) takes a whole number, not {repr_short(min)}")
    if min < 0:
        raise ValueError(f"many(min={min}): the least number of events is 0")
    return Many(tuple(map(_alternative, names)), min)


def any_order(*branches: Sequence[Expected]) -> AnyOrder:
    """
    Concurrent runs, for `assert_events`: each branch is the list of what one run and the runs under it send.

    The branches may interleave in any way; runs are told apart by their ids.

    Args:
        branches: Lists as `assert_events` takes them, one for each concurrent run.

    Raises:
        TypeError: If there is no branch, or one is not a list.

        ValueError: If a branch is empty or holds nothing but wildcards.
    """
    __tracebackhide__ = True
    if not branches:
        raise TypeError("any_order() needs a list for each concurrent run: any_order(['chain_start', ...], [...])")
    return AnyOrder(tuple(map(_branch, itertools.count(1), branches)))


def compile_items(expected: Any, *, where: str = "assert_events") -> tuple[Item, ...]:
    """
    The list *expected* with its names checked.

    Raises:
        TypeError: If it is not a list, or an entry is nothing that can be expected.

        ValueError: If an event does not exist, or there is nothing but wildcards in the list.
    """
    __tracebackhide__ = True
    if not isinstance(expected, (list, tuple)):
        raise TypeError(f"{where} takes a list of events, {_not_a_list(expected)}")
    if set(map(type, expected)) == {str}:
        # Look up each name of a long list once.
        names = list(set(expected))
        bare = dict(zip(names, map(event_name, names), strict=True))
        return tuple(map(bare.__getitem__, expected))
    items = tuple(map(_item, expected, itertools.repeat(where)))
    _read_again(items)
    if ... in items and all(item is ... or (isinstance(item, Many) and item.min == 0) for item in items):
        raise ValueError(f"{where}: {render_items(items)} matches everything; name at least one event")
    return items


def _read_again(items: Iterable[Item]) -> None:
    for item in items:
        if isinstance(item, EventPattern):
            item.read_again()
        elif isinstance(item, Many):
            _read_again(item.alternatives)
        elif isinstance(item, AnyOrder):
            for branch in item.branches:
                _read_again(branch)


def _not_a_list(expected: Any) -> str:
    if isinstance(expected, str):
        return f"not a string: write [{repr_short(expected)}]"
    if isinstance(expected, (set, frozenset)):
        return "not a set: events have an order, and a set has none"
    if expected is ... or isinstance(expected, (EventPattern, Many, AnyOrder)):
        return f"not {render_items([expected])[1:-1]} alone: write {render_items([expected])}"
    if isinstance(expected, (Iterator, KeysView, ValuesView)):
        return f"not {repr_short(expected)}: write list(...) around it"
    if ask(expected, "names") is not None and ask(expected, "assert_events") is not None:
        return f"not {repr_short(expected)}: to compare two recordings, write its .names"
    return f"not {repr_short(expected)}"


def _item(entry: Any, where: str) -> Item:
    __tracebackhide__ = True
    if isinstance(entry, str):
        return event_name(entry)
    if entry is ... or isinstance(entry, (EventPattern, Many, AnyOrder)):
        return entry
    if isinstance(entry, (list, tuple)):
        raise TypeError(f"{where}: a list inside the list; concurrent runs are any_order([...], [...])")
    if isinstance(entry, Event):
        meant = f"a name, {entry.name!r}, or event(...)"
        raise TypeError(f"{where}: {repr_short(entry)} was recorded; what is expected is {meant}")
    _refuse_uncalled(entry, where)
    raise TypeError(
        f"{where}: an entry is an event's name, ..., event(), many() or any_order(), not {repr_short(entry)}"
    )


def _alternative(name: Any) -> str | EventPattern:
    __tracebackhide__ = True
    if isinstance(name, EventPattern):
        return name
    if name is ...:
        raise TypeError("many(...): ... stands for any events by itself; put it into the list, beside many()")
    if isinstance(name, (list, tuple, set, frozenset)):
        names = safe(", ".join(map(raw_repr, name)), 1_000)
        raise TypeError(f"many({repr_short(name)}): pass the names one by one, many({names})")
    if isinstance(name, (Many, AnyOrder)):
        raise TypeError(f"many({name!r}): many() repeats single events, names or event()")
    _refuse_uncalled(name, "many()")
    return event_name(name)


def _refuse_uncalled(entry: Any, where: str) -> None:
    __tracebackhide__ = True
    words: list[Any] = [event, many, any_order]
    if any(entry is word for word in words):
        raise TypeError(f"{where}: {entry.__name__} has to be called, as in {entry.__name__}(...)")


def _branch(number: int, branch: Any) -> tuple[Item, ...]:
    __tracebackhide__ = True
    where = f"branch {number} of any_order"
    items = compile_items(branch, where=where)
    if not items:
        raise ValueError(f"{where} is empty: a run sends at least its start")
    return items


def _count_events(items: Iterable[Item]) -> tuple[int, float]:
    """How many events *items* take, at least and at most."""
    least, most = 0, 0.0
    for item in items:
        inner: tuple[int, float] = (1, 1)
        if item is ... or isinstance(item, Many):
            inner = (0 if item is ... else item.min, inf)
        elif isinstance(item, AnyOrder):
            inner = (sum(few for few, _ in item.sizes), sum(many for _, many in item.sizes))
        least, most = least + inner[0], most + inner[1]
    return least, most


def count_least(items: Iterable[Item]) -> int:
    """How many events *items* take at least."""
    return _count_events(items)[0]


def render_items(items: Iterable[Item]) -> str:
    """The list as the user would write it."""
    return f"[{', '.join(map(render_item, items))}]"


def render_item(item: Item) -> str:
    """An item as the user would write it."""
    return "..." if item is ... else repr(item)
