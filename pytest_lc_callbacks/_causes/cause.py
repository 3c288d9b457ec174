"""What a cause is: its name, its wording, and where it is known from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pytest_lc_callbacks import _words


@dataclass(frozen=True, slots=True)
class Cause:
    """
    One thing that LangChain is known for.

    A hint is made of what the caller's facts prove, then of what LangChain does: ``REPLACED.hint("child was called
    inside outer with callbacks of its own.")``.
    """

    name: str
    """Its short name: the heading in docs/causes.md, and what ``python -m pytest_lc_callbacks explain`` takes."""

    says: str
    """What LangChain does, and what to do about it, in whole sentences."""

    source: str = field(default="measured, langchain-core 1.0 to 1.8", kw_only=True)
    """Where that is known from: the versions it was measured with, or the number of an issue."""

    maybe: str = field(default="", kw_only=True)
    """The cause as one of several possible ones, in a clause."""

    def hint(self, facts: str = "") -> str:
        """The paragraph for a message: *facts* in whole sentences, what LangChain does, and the cause's name."""
        return _words.hint(f"{facts} {self.says} [{self.name}]".lstrip())

    def __str__(self) -> str:
        """The cause as an entry of a list of possible ones."""
        return f"{self.maybe} [{self.name}]"


class Proof(NamedTuple):
    """A cause, and the facts that leave no other one."""

    cause: Cause
    facts: str
    """In whole sentences."""

    @property
    def hint(self) -> str:
        """The paragraph for a message."""
        return self.cause.hint(self.facts)

    @property
    def remark(self) -> str:
        """The facts in a line, and the cause's name: ``FakeChatModel answered as a whole [not-streamed]``."""
        return f"{self.facts.rstrip('.')} [{self.cause.name}]"
