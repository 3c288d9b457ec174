"""The arguments of `FakeChatModel` and `respond`, read into responses or refused with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage

from pytest_lc_callbacks._fake.reading import read_kind
from pytest_lc_callbacks._fake.response import Response
from pytest_lc_callbacks._words import did_you_mean, repr_short

if TYPE_CHECKING:
    from pydantic import BaseModel

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


# What LangChain's own fake models take, and what says the same here.
_OF_OTHER_FAKES = {
    "messages": "write responses=[...]",
    "sleep": "write latency=, or chunk_latency= for the time between chunks",
    "error_on_chunk_number": "write .respond(chunks=[...], then_raise=TimeoutError())",
    "i": "a script begins with its first response",
    "queries": "write .on(...).respond(...) for each of them",
    "sequential_responses": "write responses=[...]",
}


def refuse_unknown(model: type[BaseModel], given: Mapping[str, Any]) -> None:
    """
    Refuse an argument that no field of *model* has: pydantic would drop it in silence.

    Raises:
        TypeError: If there is one.
    """
    known = {"responses", *model.model_fields}
    known |= {field.alias for field in model.model_fields.values() if field.alias}
    for name in given:
        if name not in known:
            word = _OF_OTHER_FAKES.get(name)
            remedy = f"; {word}" if word else did_you_mean(name, known)
            raise TypeError(f"{model.__name__}() takes no argument {repr_short(name)}{remedy}")


def read_list(responses: Any) -> list[Response]:
    """
    The responses of ``FakeChatModel(responses=[...])``.

    Raises:
        TypeError: If it is no list, or has something in it that is no response.
    """
    if isinstance(responses, (str, Mapping, BaseMessage)) or not isinstance(responses, Sequence):
        remedy = "write responses=list(...)" if hasattr(responses, "__next__") else "write responses=['Paris', 'Rome']"
        raise TypeError(f"responses= is a list of responses, not {type(responses).__name__}; {remedy}")
    return [Response(kind=read_kind(value, f"responses[{i}]")) for i, value in enumerate(responses)]


def read_respond(
    values: tuple[Any, ...],
    *,
    tool_calls: Any,
    chunks: Any,
    then_raise: Any,
    cut_off: Any,
    times: Any,
    always: Any,
    optional: Any,
    latency: Any,
    chunk_latency: Any,
    check_tools: Any,
) -> list[Response]:
    """
    The responses that ``respond(*values, ...)`` scripts.

    Raises:
        TypeError: If a value is no response, or an argument of another type.

        ValueError: If the arguments contradict each other.
    """
    where = f"respond({'...' if values else ''})"
    values = values or (...,)
    _read_flags(where, always=always, optional=optional, check_tools=check_tools, cut_off=cut_off)
    count = _read_times(where, times, always, len(values))
    if len(values) > 1 and (tool_calls is not None or chunks is not None):
        raise TypeError(f"{where} takes tool_calls= and chunks= for one response, not for {len(values)}")
    return [
        Response(
            kind=read_kind(value, where, tool_calls=tool_calls, chunks=chunks, then_raise=then_raise, cut_off=cut_off),
            times=count,
            optional=optional,
            latency=read_seconds(where, "latency", latency),
            chunk_latency=read_seconds(where, "chunk_latency", chunk_latency),
            check_tools=check_tools,
        )
        for value in values
    ]


def read_seconds(where: str, name: str, seconds: Any) -> float | None:
    """
    The latency called *name* in seconds; None where it was left out.

    Raises:
        ValueError: If it is no number, negative or endless.
    """
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < float("inf"):
        raise ValueError(f"{where}: {name}= is a number of seconds from 0 on, not {repr_short(seconds)}")
    return float(seconds)


def _read_flags(where: str, **flags: Any) -> None:
    """Refuse a flag that is not True or False: any text would count as True."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise TypeError(f"{where}: {name}= is True or False, not {repr_short(flag)}")


def _read_times(where: str, times: Any, always: bool, responses: int) -> int | None:
    """How often a response may be given; None for always."""
    if isinstance(times, bool) or not isinstance(times, int):
        raise TypeError(f"{where}: times= is a number of calls, not {repr_short(times)}")
    if times < 1:
        raise ValueError(f"{where}: times={times} would never give the response; leave the line out")
    if always and times != 1:
        raise ValueError(f"{where}: always=True gives the response without end, so times={times} says nothing")
    if responses > 1 and (always or times != 1):
        option = "always=True" if always else f"times={times}"
        raise TypeError(f"{where}: {option} is for one response, not for {responses}; write one .respond(...) for each")
    return None if always else times
