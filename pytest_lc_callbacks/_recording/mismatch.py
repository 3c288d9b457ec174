"""Where a list and the events part: each kind of mismatch says its own first line."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many, render_item
from pytest_lc_callbacks._recording.selection import Selection
from pytest_lc_callbacks._words import count


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

    @property
    def mark(self) -> str:
        """What the window says beside the event: ``expected`` this."""
        return " or ".join(map(name_item, self.expected))

    def line(self, selection: Selection) -> str:
        """``expected ..., but ...``: the mismatch in one line."""
        raise NotImplementedError

    @property
    def _wanted(self) -> str:
        return " or ".join(map(quote_item, self.expected))


class WrongEvent(Mismatch):
    """The list has something else there, or events are missing."""

    def line(self, selection: Selection) -> str:
        """``expected 'llm_end' as event 3, but the handler recorded 'llm_error'``."""
        return f"expected {self._wanted} as event {self.at + 1:,}, but {self._found(selection)}"

    def _found(self, selection: Selection) -> str:
        size = len(selection)
        if self.at == size:
            return f"the handler recorded only {count(size, 'event')}" if size else "nothing was recorded"
        name = selection.names[self.at]
        alternatives = [item.alternatives if isinstance(item, Many) else (item,) for item in self.expected]
        patterns = [item for items in alternatives for item in items if isinstance(item, EventPattern)]
        of_that_name = [pattern for pattern in patterns if pattern.name in (None, name)]
        difference = of_that_name[0].difference(selection, self.at) if len(of_that_name) == 1 else None
        return f"the handler recorded {difference or repr(name)}"


class SurplusEvent(Mismatch):
    """The list is at its end, and there are more events."""

    @property
    def mark(self) -> str:
        return "nothing more"

    def line(self, selection: Selection) -> str:
        """``expected nothing after event 3, but the handler recorded 'llm_end' and 2 events more``."""
        after = f"nothing after event {self.at:,}" if self.at else "no events"
        left = len(selection) - self.at
        more = f" and {count(left - 1, 'event')} more" if left > 1 else ""
        found = repr(selection.names[self.at]) if left else "nothing"
        return f"expected {after}, but the handler recorded {found}{more}"


class NoSuchEvent(Mismatch):
    """The list has ``...`` before the item, and no event from there on is right."""

    @property
    def mark(self) -> str:
        return f"{super().mark} from here on"

    def line(self, selection: Selection) -> str:
        """``expected 'llm_end' somewhere after event 3, but it was none of the 2 events from there on``."""
        after = f"event {self.at:,}" if self.at else "the beginning"
        return f"expected {self._wanted} somewhere after {after}, but {self._nearest(selection)}"

    def _nearest(self, selection: Selection) -> str:
        """The first event of that name, where only its attributes differ."""
        [item] = self.expected
        names = selection.names[self.at :]
        if not names:
            return "the handler recorded nothing more"
        if not isinstance(item, EventPattern) or item.name not in names:
            return f"it was none of the {count(len(names), 'event')} from there on"
        index, number = self.at + names.index(item.name), names.count(item.name)
        one = "the only one of that name" if number == 1 else f"the first of {number:,} of that name"
        return f"{one}, event {index + 1:,}, is {item.difference(selection, index)}"


@dataclass(frozen=True, kw_only=True)
class NoConcurrentRuns(Mismatch):
    """The list has `any_order` there, and the runs that were there do not match its branches."""

    detail: str
    """Why, in one line."""

    anywhere: bool
    """Whether the list has ``...`` before `any_order`, so that the runs may begin anywhere."""

    @property
    def mark(self) -> str:
        return f"{super().mark}{' from here on' * self.anywhere}"

    def line(self, selection: Selection) -> str:
        """``expected any_order of 2 runs from event 2 on, but only 1 run began there``."""
        if self.anywhere:
            return f"expected {self._wanted} somewhere, but from event {self.at + 1:,} on {self.detail}"
        return f"expected {self._wanted} from event {self.at + 1:,} on, but {self.detail}"


def name_item(item: Item) -> str:
    """An item in a list of names: ``llm_end``, ``...``, ``many('text')``, ``any_order of 2 runs``."""
    return item if isinstance(item, str) else quote_item(item)


def quote_item(item: Item) -> str:
    """An item in a sentence: ``'llm_end'``, ``...``, ``many('text')``, ``any_order of 2 runs``."""
    if isinstance(item, AnyOrder):
        return f"any_order of {count(len(item.branches), 'run')}"
    return render_item(item)
