"""Whether what a recording lacks may be asked of a real model and added to it, and what was added."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pytest_lc_callbacks._model_calls.file import ModelCall, append_calls, shown


class Recorder:
    """What ``--lc-callbacks-record`` switches on; pytest may run inside pytest, and then the innermost has the word."""

    def __init__(self) -> None:
        self._added: list[Counter[str]] = []
        self._lock = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether real models may be asked: never where ``CI`` is set."""
        return bool(self._added) and not is_ci()

    def begin(self) -> Counter[str]:
        """Add to recordings until `end`. Returns how many calls were added to which file."""
        added: Counter[str] = Counter()
        self._added.append(added)
        return added

    def end(self, added: Counter[str]) -> None:
        """Add no more."""
        self._added = [counter for counter in self._added if counter is not added]

    def add(self, path: Any, calls: Sequence[ModelCall]) -> None:
        """
        Add *calls* to the file at *path*.

        Raises:
            ModelCallsError: If the file cannot be written, or holds something else.
        """
        with self._lock:
            append_calls(path, calls)
            if self._added:
                self._added[-1][shown(path)] += len(calls)


def is_ci() -> bool:
    """Whether this is a CI run: the environment variable ``CI`` is set."""
    return bool(os.environ.get("CI"))


RECORDER = Recorder()
