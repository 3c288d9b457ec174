"""What `FakeChatModel` and its `respond` take besides the responses: read, or refused with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage

from pytest_lc_callbacks._fake.tools import did_you_mean

if TYPE_CHECKING:
    from pydantic import BaseModel

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


def refuse_unknown(kind: type[BaseModel], given: Mapping[str, Any]) -> None:
    """Refuse what the model *kind* has no field for, since pydantic would drop it in silence."""
    known = {"responses", *kind.model_fields}
    known |= {field.alias for field in kind.model_fields.values() if field.alias}
    for name in given:
        if name not in known:
            raise TypeError(f"{kind.__name__}() takes no argument {name!r}{did_you_mean(name, known)}")


def read_responses(responses: Any) -> list[tuple[Any, str]]:
    """Each of the responses, with how to name it in a refusal."""
    if isinstance(responses, (str, Mapping, BaseMessage)) or not isinstance(responses, Sequence):
        raise TypeError(
            f"responses= is a list of answers, not {type(responses).__name__}; write responses=['Paris', 'Rome']"
        )
    return [(response, f"responses[{i}]") for i, response in enumerate(responses)]


def read_flags(where: str, **flags: Any) -> None:
    """Refuse what is not True or False: any text would count as True."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise TypeError(f"{where}: {name}= is True or False, not {flag!r}")


def read_count(where: str, times: Any, always: Any, responses: int) -> int | None:
    """How often an answer may be given; None for always."""
    if isinstance(times, bool) or not isinstance(times, int):
        raise TypeError(f"{where}: times= is a number of calls, not {times!r}")
    if times < 1:
        raise ValueError(f"{where}: times={times} would never give the answer; leave the line out")
    if always and times != 1:
        raise ValueError(f"{where}: always=True gives the answer without end, so times={times} says nothing")
    if responses > 1 and (always or times != 1):
        option = "always=True" if always else f"times={times}"
        raise TypeError(f"{where}: {option} is for one answer, not for {responses}; write one .respond(...) for each")
    return None if always else times


def read_seconds(where: str, name: str, seconds: Any) -> float | None:
    """A latency in seconds; None where it was left out."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < float("inf"):
        raise ValueError(f"{where}: {name}= is a number of seconds from 0 on, not {seconds!r}")
    return float(seconds)
