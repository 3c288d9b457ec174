"""Single edits of a list of expected events at the place where it parts from the recorded ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pytest_lc_callbacks._recording.corrections import correct
from pytest_lc_callbacks._recording.mismatch import PAIRS, Mismatch, NoConcurrentRuns
from pytest_lc_callbacks._recording.names import is_end, is_start
from pytest_lc_callbacks._recording.nearest import Differences
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many, count_least
from pytest_lc_callbacks._recording.selection import Selection

# So many events of a pattern's name are looked at.
_LOOKED_AT = 50
# So many of them are tried, the nearest first.
_TRIED = 6
# The sizes of edits: of each attribute that changes, and of what happens to an entry.
_ATTRIBUTE, _NAME, _MOVE, _INSERT, _DELETE, _REWRITE = 1, 3, 4, 5, 6, 9


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A list with one change."""

    items: list[Item]
    """The whole list."""

    size: int
    """How much it changes: of several that pass, the smallest is the one to print."""


def edits(items: list[Item], mismatch: Mismatch, selection: Selection) -> Iterator[Edit]:
    """Every single edit of *items* at the *mismatch*."""
    last = len(items) - len(mismatch.rest) - bool(mismatch.expected)
    first = max(0, last + 1 - max(1, len(mismatch.expected)))
    editor = _Editor(items, mismatch, selection)
    # Where a `many` goes on, the entry behind may have been wrong before.
    stop = last + 1 + (len(mismatch.expected) > 1)
    for index in range(first, min(stop, len(items))):
        yield from editor.change(index)
        yield from editor.move(index)
        yield editor.delete(index)
    # The list may have been at its end as well, where a `many` before it takes the same events.
    for index in sorted({*range(first, last + 2), len(items)}):
        yield from editor.insert(index)
        yield from editor.insert_all(index)
    yield from editor.go_on(last)


class _Editor:
    """Makes edits of one list at one mismatch."""

    def __init__(self, items: list[Item], mismatch: Mismatch, selection: Selection) -> None:
        self._items = items
        self._mismatch = mismatch
        self._selection = selection

    def change(self, index: int) -> Iterator[Edit]:
        """The entry at this *index*, with another attribute, name, number or branch."""
        is_free = index > 0 and self._items[index - 1] is ...
        for item, size in self._changed(self._items[index], is_free=is_free):
            yield Edit(items=[*self._items[:index], item, *self._items[index + 1 :]], size=size)

    def _changed(self, item: Item, *, is_free: bool) -> Iterator[tuple[Item, int]]:
        """*item* in other words, with the size of the change; after ``...`` it *is free* of any place."""
        if isinstance(item, EventPattern):
            yield from self._corrected(item)
        elif isinstance(item, Many):
            yield from self._changed_many(item)
        elif isinstance(item, AnyOrder):
            yield from self._changed_branches(item)
        if isinstance(item, str):
            yield from ((name, _NAME) for name in self._names_there if _is_kin(item, name))
        if (
            item is not ...
            and not isinstance(item, AnyOrder)
            and not is_free
            and self._mismatch.at < len(self._selection)
        ):
            size = _NAME if isinstance(item, str) else _REWRITE
            yield from ((name, size + number) for number, name in enumerate(self._names_there[:2]))

    def _corrected(self, pattern: EventPattern) -> Iterator[tuple[EventPattern | str, int]]:
        """The pattern with what differs in an event of its name, or else in the event at the mismatch."""
        differences = Differences(pattern, self._selection.log)
        found = []
        for index in self._indices_of(pattern.name):
            differing = differences.keys(self._selection.positions[index])
            renamed = pattern.name not in (None, self._selection.names[index])
            found.append((len(differing) * _ATTRIBUTE + renamed * _NAME, index, differing))
        for size, index, differing in sorted(found, key=lambda each: each[0])[:_TRIED]:
            yield correct(pattern, self._selection.event(index), differing), size

    def _indices_of(self, name: str | None) -> list[int]:
        """The event at the mismatch, then those of this *name*, from there on and from the beginning."""
        names, at, size = self._selection.names, self._mismatch.at, len(self._selection)
        order = itertools.chain(range(at, size), reversed(range(min(at, size))))
        of_name = itertools.islice((index for index in order if name in (None, names[index])), _LOOKED_AT)
        return list(dict.fromkeys([*([at] if at < size else []), *of_name]))

    def _changed_many(self, item: Many) -> Iterator[tuple[Item, int]]:
        """Fewer events, one alternative changed, or one more."""
        for number in range(item.min - 1, 0, -1)[:_LOOKED_AT]:
            yield replace(item, min=number), _ATTRIBUTE
        for number, alternative in enumerate(item.alternatives):
            if isinstance(alternative, EventPattern):
                for corrected, size in self._corrected(alternative):
                    others = item.alternatives[:number], item.alternatives[number + 1 :]
                    yield replace(item, alternatives=(*others[0], corrected, *others[1])), size
        for name in self._names_there[:1]:
            yield replace(item, alternatives=(*item.alternatives, name)), _INSERT + 1
            yield replace(item, alternatives=(name,)), _NAME

    def _changed_branches(self, group: AnyOrder) -> Iterator[tuple[Item, int]]:
        """One branch changed for one of the runs that were there, left out, or added."""
        there = self._mismatch
        if not isinstance(there, NoConcurrentRuns):
            return
        # The branch without a run first: of many branches and runs not every pair is tried.
        numbers = sorted(range(len(group.branches)), key=lambda number: number != there.unserved)
        pairs = itertools.islice(itertools.product(numbers, there.runs), PAIRS)
        for number, sent in pairs:
            others = group.branches[:number], group.branches[number + 1 :]
            mismatch = there.read(group.branches[number], sent)
            for edit in edits(list(group.branches[number]), mismatch, sent) if mismatch is not None else ():
                if edit.items:
                    yield AnyOrder((*others[0], tuple(edit.items), *others[1])), edit.size
        # Of branches that may go, the last one: the others were given their runs first.
        for number in range(len(group.branches) - 1, -1, -1)[: len(group.branches) - 1]:
            yield AnyOrder((*group.branches[:number], *group.branches[number + 1 :])), _DELETE
        for sent in there.runs:
            yield AnyOrder((*group.branches, tuple(sent.names))), _INSERT

    @property
    def _names_there(self) -> list[str]:
        """The names of events, the one at the mismatch first, then the one that the rest of the list leaves over."""
        names, at = self._selection.names, self._mismatch.at
        leaves_over = len(names) - 1 - len(self._mismatch.rest)
        order = [names[at]] if at < len(names) else []
        order += [names[leaves_over]] if leaves_over >= 0 else []
        return list(dict.fromkeys(order + names[-_LOOKED_AT:] + names[:_LOOKED_AT]))

    def move(self, index: int) -> Iterator[Edit]:
        """The entry after ``...`` at this *index*, before an earlier one: the two came in the other order."""
        items = self._items
        if index == 0 or items[index - 1] is not ... or items[index] is ...:
            return
        without = [*items[:index], *items[index + 1 :]]
        for before in range(index - 1, -1, -1):
            if before == 0 or items[before - 1] is ...:
                yield Edit(items=_tidy([*without[:before], items[index], ..., *without[before:]]), size=_MOVE)

    def delete(self, index: int) -> Edit:
        """The list without the entry at this *index*: the first thing to try where the events are at their end."""
        size = _DELETE if self._mismatch.at < len(self._selection) else _ATTRIBUTE + 1
        return Edit(items=_tidy([*self._items[:index], *self._items[index + 1 :]]), size=size)

    def insert(self, index: int) -> Iterator[Edit]:
        """One name more before this *index*: first that of the event there."""
        for number, name in enumerate(self._names_there):
            yield Edit(items=[*self._items[:index], name, *self._items[index:]], size=_INSERT + min(number, 1))

    def insert_all(self, index: int) -> Iterator[Edit]:
        """The names of all events that the list before and after this *index* leaves over."""
        at, behind = self._mismatch.at, self._items[index:]
        names = self._selection.names[at : len(self._selection) - count_least(behind)]
        if behind and 1 < len(names) <= _LOOKED_AT:
            yield Edit(items=[*self._items[:index], *names, *behind], size=_INSERT + len(names))

    def go_on(self, index: int) -> Iterator[Edit]:
        """What matches as it is, and then the list ends, or the recorded events follow."""
        at, size = self._mismatch.at, len(self._selection)
        yield Edit(items=self._items[:index], size=_DELETE + 2 * (len(self._items) - index))
        keeps_something = any(item is not ... for item in self._items[:index])
        if keeps_something and at < size <= at + _LOOKED_AT:
            names: Sequence[str] = self._selection.names[at:]
            yield Edit(items=[*self._items[:index], *names], size=_REWRITE + 2 * len(names))


def _is_kin(name: str, other: str) -> bool:
    """Whether both begin, or both end, the same kind of run: ``llm_end`` and ``llm_error``."""
    stems = {each.rpartition("_")[0].replace("chat_model", "llm") for each in (name, other)}
    alike = (is_start(name) and is_start(other)) or (is_end(name) and is_end(other))
    return name != other and len(stems) == 1 and alike


def _tidy(items: Sequence[Item]) -> list[Item]:
    """*items* with one ``...`` where there are two side by side."""
    return [item for number, item in enumerate(items) if not (item is ... and number and items[number - 1] is ...)]
