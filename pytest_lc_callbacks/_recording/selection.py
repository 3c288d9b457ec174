"""Selection: some of the events in a log."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from pytest_lc_callbacks._recording.events import Event, Log, Run


class Selection:
    """
    The events at some *positions* of a *log*, in order, which questions and messages number from 0.

    It does not grow with the log.
    """

    def __init__(self, log: Log, positions: Sequence[int]) -> None:
        self.log: Log = log
        self.positions: Sequence[int] = positions

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, indices: slice) -> Selection:
        """The events at these *indices*."""
        return Selection(self.log, self.positions[indices])

    def at(self, indices: Sequence[int]) -> Selection:
        """The events at these *indices*."""
        if isinstance(indices, range):
            return self[indices.start : indices.stop]
        return Selection(self.log, [self.positions[index] for index in indices])

    @cached_property
    def names(self) -> list[str]:
        """Every event's name."""
        return self.log.names(self.positions)

    def run(self, index: int) -> Run | None:
        """The run of the event at this *index*; None where LangChain gave no run id."""
        return self.log.run(self.positions[index])

    def run_of_each(self) -> list[Run | None]:
        """The run of each event."""
        return self.log.run_of_each(self.positions)

    def event(self, index: int) -> Event:
        """The event at this *index*."""
        return self.log.event(self.positions[index])

    def events(self) -> list[Event]:
        """Every event."""
        return [self.log.event(position) for position in self.positions]

    def runs(self) -> list[Run]:
        """Every run that an event belongs to, in the order of the first events."""
        if len(self.positions) == len(self.log):
            return self.log.runs()
        return list(dict.fromkeys(run for run in self.run_of_each() if run is not None))

    def without(self, *names: str) -> Selection:
        """The events that have none of these *names*."""
        pairs = zip(self.positions, self.names, strict=True)
        return Selection(self.log, [position for position, name in pairs if name not in names])
