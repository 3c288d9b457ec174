"""Section: what an observer hears in a block."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from pytest_lc_callbacks._recording import Recording, Run, Selection


class Section(Recording):
    """What an observer hears in a block."""

    def __init__(self, observer: Any) -> None:
        super().__init__()
        self._log = observer._log
        self._start_at = len(self._log)
        self._began = perf_counter()
        self._stop_at: int | None = None

    @property
    def _selection(self) -> Selection:
        stop = len(self._log) if self._stop_at is None else self._stop_at
        return Selection(self._log, range(self._start_at, stop))

    @property
    def runs(self) -> list[Run]:
        """Every run that began in the block."""
        heard = self._selection.positions
        return [run for run in self._log.runs() if run._first in heard]

    def _restart(self, observer: Any) -> None:
        """Begin again, since *observer* was cleared and has a new log."""
        self._log = observer._log
        self._start_at = 0

    def _close(self) -> None:
        self._stop_at = len(self._log)
