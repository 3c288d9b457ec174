"""Where a list and the events part: each kind of mismatch says its own first line."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from pytest_lc_callbacks._recording.nearest import find_matching, find_nearest
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many, render_item
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._words import count, truncate

_COLUMNS = 120
PAIRS = 400
"""So many branches of an `any_order` are held against so many runs when its smallest edit is looked for."""


class _Sentence(NamedTuple):
    """``expected`` + *wanted* + *where* + *found*."""

    wanted: str
    where: str
    found: str
    short: str = ""
    """*wanted* with what differs alone."""

    @property
    def whole(self) -> str:
        return f"expected {self.wanted}{self.where}{self.found}"

    @property
    def fitting(self) -> str:
        """The sentence in one line of a terminal: what was wanted is shortened, then both are cut."""
        room = _COLUMNS - len(f"expected {self.where}")
        if len(self.wanted) + len(self.found) <= room:
            return self.whole
        short = self.short or self.wanted
        wanted = truncate(short, max(room // 2, room - len(self.found)))
        return f"expected {wanted}{self.where}{truncate(self.found, max(20, room - len(wanted)))}"


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """What every kind of mismatch knows."""

    at: int
    """Which event, counted from 0; one past the last if events are missing."""

    expected: tuple[Item, ...]
    """What the list has there; several items where one may be absent, as in ``many("text", min=0), "retry"``."""

    rest: tuple[Item, ...]
    """What the list has after that."""

    evidence: tuple[str, ...] = ()
    """The lines between the first line and the window."""

    def mark(self, selection: Selection) -> str:
        """What the window says beside the event that it shows: ``expected`` this."""
        return " or ".join(map(name_item, self.expected))

    def shown_at(self, selection: Selection) -> int:
        """The event that the first line speaks of, which the window shows with its neighbours."""
        return self.at

    def line(self, selection: Selection) -> str:
        """``expected ..., but ...``: the mismatch in one line of a terminal."""
        return self._sentence(selection).fitting

    def details(self, selection: Selection) -> list[str]:
        """The lines below the first one: what was cut from it, and the evidence."""
        sentence = self._sentence(selection)
        if sentence.fitting == sentence.whole:
            return list(self.evidence)
        return [f"  expected: {sentence.wanted}", f"  recorded: {sentence.found}", *self.evidence]

    def _sentence(self, selection: Selection) -> _Sentence:
        raise NotImplementedError

    @property
    def _wanted(self) -> str:
        return " or ".join(map(quote_item, self.expected))


class WrongEvent(Mismatch):
    """The list has something else there, or events are missing."""

    def _sentence(self, selection: Selection) -> _Sentence:
        """``expected 'llm_end' as event 3, but the handler recorded 'llm_error'``."""
        where = f" as event {self.at + 1:,}, but "
        size = len(selection)
        if self.at == size and not size:
            return _Sentence(self._wanted, where, "nothing was recorded")
        recorded = f"only {count(size, 'event')}" if self.at == size else self.found(selection)
        return _Sentence(self._wanted, f"{where}the handler recorded ", recorded, self._short(selection))

    def found(self, selection: Selection) -> str:
        """The event that is there: ``'llm_end'``, or ``'llm_end' with text='no'`` where its attributes differ."""
        pattern = self._pattern(selection)
        difference = pattern.difference(selection, self.at) if pattern is not None else None
        return difference or repr(selection.names[self.at])

    def _short(self, selection: Selection) -> str:
        """What is wanted, without the attributes that are right."""
        pattern = self._pattern(selection) if len(self.expected) == 1 else None
        differing = pattern.differing(selection, self.at) if pattern is not None else None
        return pattern.shorten([differing[0]]) if pattern is not None and differing is not None else ""

    def _pattern(self, selection: Selection) -> EventPattern | None:
        """The only pattern that the name of the event fits."""
        if self.at == len(selection):
            return None
        name = selection.names[self.at]
        alternatives = [item.alternatives if isinstance(item, Many) else (item,) for item in self.expected]
        patterns = [item for items in alternatives for item in items if isinstance(item, EventPattern)]
        of_that_name = [pattern for pattern in patterns if pattern.name in (None, name)]
        return of_that_name[0] if len(of_that_name) == 1 else None


class SurplusEvent(Mismatch):
    """The list is at its end, and there are more events."""

    def mark(self, selection: Selection) -> str:
        """``nothing more``."""
        return "nothing more"

    def _sentence(self, selection: Selection) -> _Sentence:
        """``expected nothing after event 3, but the handler recorded 'llm_end' and 2 events more``."""
        after = f"nothing after event {self.at:,}" if self.at else "no events"
        left = len(selection) - self.at
        more = f" and {count(left - 1, 'event')} more" if left > 1 else ""
        found = repr(selection.names[self.at]) if left else "nothing"
        return _Sentence(after, ", but the handler recorded ", f"{found}{more}")


@dataclass(frozen=True, kw_only=True)
class NoSuchEvent(Mismatch):
    """The list has ``...`` before the item, and no event from there on is right."""

    before: tuple[Item, ...]
    """What the list has before that."""

    events: Selection
    """All events."""

    def mark(self, selection: Selection) -> str:
        """The item, and from where on it is expected, unless the window shows an event that is nearest to it."""
        wanted = " or ".join(map(name_item, self.expected))
        if self._nearest is not None:
            return wanted
        return f"{wanted} after event {self.at:,}" if self._too_early else f"{wanted} from here on"

    def shown_at(self, selection: Selection) -> int:
        """The nearest event, or one that is right and came too early."""
        return self._nearest if self._nearest is not None else next(reversed(self._too_early), self.at)

    def _sentence(self, selection: Selection) -> _Sentence:
        """``expected 'llm_end' somewhere after event 3, but it was none of the 2 events from there on``."""
        where = f" somewhere{f' after event {self.at:,}' if self.at else ''}, but "
        too_early, nearest = self._too_early, self._nearest
        if too_early:
            return _Sentence(self._wanted, where, f"event {too_early[-1] + 1:,} is one")
        if nearest is None:
            return _Sentence(self._wanted, where, self._found(selection))
        [item] = self.expected
        assert isinstance(item, EventPattern), "only a pattern has a nearest event"
        differing = item.differing(selection, nearest)
        assert differing is not None, "an event that does not differ matches"
        later = selection.names[self.at :]
        of_name = len(later) if item.name is None else later.count(item.name)
        which = f"event {nearest + 1:,}, the nearest of {of_name:,}," if of_name > 1 else f"event {nearest + 1:,}"
        return _Sentence(self._wanted, where, f"{which} has {differing[1]}", item.shorten([differing[0]]))

    def _found(self, selection: Selection) -> str:
        names = selection.names[self.at :]
        if len(names) == 1:
            return f"the only event from there on is {names[0]!r}"
        there = " from there on" if self.at else ""
        return f"it was none of the {count(len(names), 'event')}{there}" if names else "nothing more came"

    @cached_property
    def _nearest(self) -> int | None:
        """The event of the pattern's name that comes nearest; None where nothing comes near."""
        [item] = self.expected
        if not isinstance(item, EventPattern) or not item.attributes or self._too_early:
            return None
        return find_nearest(item, self.events, range(self.at, len(self.events)))

    @cached_property
    def _too_early(self) -> list[int]:
        """The events that are right, but came before: ``[..., A, ..., B, ...]``, and B was first."""
        found = find_matching(self.expected[0], self.events, range(self.at))
        # An event that serves an earlier entry is none too early for this one.
        takers = [item for item in self.before if item is not ... and find_matching(item, self.events, found)]
        return found if len(found) > len(takers) and not any(isinstance(item, Many) for item in takers) else []


@dataclass(frozen=True, kw_only=True)
class NoConcurrentRuns(Mismatch):
    """The list has `any_order` there, and the runs that were there do not match its branches."""

    detail: str
    """Why, in one line."""

    anywhere: bool
    """Whether the list has ``...`` before `any_order`, so that the runs may begin anywhere."""

    unserved: int | None
    """The number of a branch that found no run."""

    runs: tuple[Selection, ...]
    """What each run that began there sent; first those that no other branch has."""

    read: Callable[[Sequence[Item], Selection], Mismatch | None]
    """Where a branch and what a run sent part."""

    position: int | None
    """Where the log has the event that the reason speaks of."""

    wanted_there: str
    """What a branch has there."""

    def mark(self, selection: Selection) -> str:
        """What a branch has there, or the `any_order` and whether it may begin later."""
        return self.wanted_there or f"{' or '.join(map(name_item, self.expected))}{' from here on' * self.anywhere}"

    def shown_at(self, selection: Selection) -> int:
        """The event that parts a run from a branch, or where the runs were to begin."""
        return self.at if self.position is None else bisect_left(selection.positions, self.position)

    def _sentence(self, selection: Selection) -> _Sentence:
        """``expected any_order of 2 runs from event 2 on, but only 1 run began there``."""
        where = (
            f"somewhere, but from event {self.at + 1:,} on" if self.anywhere else f"from event {self.at + 1:,} on, but"
        )
        return _Sentence(self._wanted, f" {where} ", self.detail)

    def details(self, selection: Selection) -> list[str]:
        """Below the first line: the whole reason where it was cut, and the runs."""
        sentence = self._sentence(selection)
        cut = [] if sentence.fitting == sentence.whole else [f"  {self.detail}"]
        branches = [len(item.branches) for item in self.expected if isinstance(item, AnyOrder)]
        pairs = len(self.runs) * max(branches, default=0)
        looked = f"  of {pairs:,} pairs of a branch and a run, {PAIRS} were looked at for the list to paste"
        return [*cut, *self.evidence, *([looked] if pairs > PAIRS else [])]


def name_item(item: Item) -> str:
    """An item in a list of names: ``llm_end``, ``...``, ``many('text')``, ``any_order of 2 runs``."""
    return item if isinstance(item, str) else quote_item(item)


def quote_item(item: Item) -> str:
    """An item in a sentence: ``'llm_end'``, ``...``, ``many('text')``, ``any_order of 2 runs``."""
    if isinstance(item, AnyOrder):
        return f"any_order of {count(len(item.branches), 'run')}"
    return render_item(item)
