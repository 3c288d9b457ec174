"""Finding: what a test did not ask about but should know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_lc_callbacks import _words
from pytest_lc_callbacks._recording import Run

_COLUMNS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a test did not ask about but should know."""

    name: str
    """Which finding it is, as in the settings: ``"handler_error"``."""

    summary: str
    """What was expected and what happened instead, in a line."""

    details: tuple[str, ...] = ()
    """The evidence and, where there is one, a hint."""

    error: BaseException | None = field(default=None, compare=False)
    """The exception it is about, if it is about one."""

    handler: Any = field(default=None, compare=False)
    """The handler it is about, if it is about one and LangChain leaves it in reach."""

    runs: tuple[Run, ...] = field(default=(), compare=False)
    """The runs it is about."""

    is_quiet: bool = field(default=False, compare=False)
    """Whether it is reported only where the project or a marker sets its level."""

    allowed_by: str = field(default="", compare=False)
    """The marker that allows it, where a level does not: ``@pytest.mark.lc_callbacks(max_model_calls=5)``."""

    def __repr__(self) -> str:
        return f"<Finding {self.name}: {self.summary}>"

    def __str__(self) -> str:
        mark, setting = f'@pytest.mark.lc_callbacks({self.name}="off")', f"lc_callbacks_{self.name} = off"
        relax = f"to allow this: {self.allowed_by or f'{mark}, or {setting} for the project'}"
        first = f"{_words.truncate(self.summary, _COLUMNS - len(self.name) - 4)}  [{self.name}]"
        whole = [] if self.summary in first else [f"  in full: {self.summary}"]
        return "\n".join([first, *whole, *self.details, relax])
