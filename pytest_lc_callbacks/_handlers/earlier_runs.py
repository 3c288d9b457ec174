"""Which runs began before an observer was switched on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

_uuid7: Callable[[], UUID] | None
try:
    from langchain_core.utils.uuid import uuid7 as _uuid7
except ImportError:
    # Before langchain-core 1.1.2 run ids were random (UUID version 4).
    _uuid7 = None


class EarlierRuns:
    """
    Knows an earlier run by its id, which LangChain makes in ascending order, or was told of it.

    No clock is asked: a test may freeze it. LangChain's ids ascend also within a millisecond and over threads
    (measured, langchain-core 1.1.3 to 1.8 with uuid-utils 0.12 to 0.19).
    """

    def __init__(self) -> None:
        self._first_id = _uuid7() if _uuid7 is not None else None
        self._told: set[Any] = set()

    def __len__(self) -> int:
        """How many runs it was told of."""
        return len(self._told)

    def tell(self, run_id: Any) -> None:
        """The run with this id, as `id_key` gives it, began inside an earlier run."""
        self._told.add(run_id)

    def was_told_of(self, run_id: Any) -> bool:
        """Whether *run_id*, as `id_key` gives it, was passed to `tell`."""
        return run_id in self._told

    def began_before(self, run_id: Any) -> bool:
        """Whether *run_id* itself says that LangChain made it earlier."""
        first = self._first_id
        return first is not None and type(run_id) is UUID and run_id.version == 7 and run_id < first
