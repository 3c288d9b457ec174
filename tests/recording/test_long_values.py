"""What a failure prints where a value that is expected or recorded is long: its length does not matter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from recordings import failure

from pytest_lc_callbacks import RecordingHandler, event
from pytest_lc_callbacks._words import raw_repr

LONG = 21_000


def heard(inputs: Any) -> RecordingHandler:
    handler = RecordingHandler()
    RunnableLambda(len).invoke(inputs, {"callbacks": [handler]})
    return handler


def pasted(message: str) -> str:
    """The expectation to paste, with the line that says what it leaves out."""
    return message[message.index("as recorded: ") :]


class Counted:
    """An object that counts how often one of its class is shown."""

    shown = 0

    def __repr__(self) -> str:
        Counted.shown += 1
        return "Counted()"


def count_shown(length: int) -> int:
    """How many entries of a list of this *length* a failure shows."""
    Counted.shown = 0
    failure(heard(["a"]).assert_events, [event("chain_start", inputs=[Counted() for _ in range(length)]), "chain_end"])
    return Counted.shown


def count_calls(use: Callable[[], object]) -> int:
    """How many calls of Python functions *use* makes."""
    calls = 0

    def count(frame: FrameType, what: str, argument: Any) -> None:
        nonlocal calls
        calls += what == "call"

    sys.setprofile(count)
    try:
        use()
    finally:
        sys.setprofile(None)
    return calls


def test_entries_that_nobody_reads_are_not_shown() -> None:
    """
    Of a list that is twice as long, no entry more is asked for its ``repr``.
    """
    assert 0 < count_shown(LONG) == count_shown(2 * LONG)


@pytest.mark.parametrize(
    "make",
    [list, lambda numbers: [[n] for n in numbers], lambda numbers: [{"a": n} for n in numbers], set],
    ids=["numbers", "lists", "dicts", "set"],
)
@pytest.mark.parametrize("is_right", [False, True], ids=["other", "kept"])
def test_a_longer_list_costs_no_calls(make: Callable[[Any], Any], is_right: bool) -> None:
    """
    A failure calls no function more for a value that is twice as long, whether the value is right or not.
    """

    def calls(length: int) -> int:
        value = make(range(length))
        handler = heard(value if is_right else ["a"])
        expected = [event("chain_start", inputs=value), "chain_error" if is_right else "chain_end"]
        return count_calls(lambda: failure(handler.assert_events, expected))

    calls(LONG)
    once, twice = calls(LONG), calls(2 * LONG)

    assert abs(once - twice) < 100


@pytest.mark.parametrize(
    ("value", "kind"),
    [(list(range(LONG)), "list"), (set(range(LONG)), "set"), ({"rows": [{"n": n} for n in range(LONG)]}, "dict")],
    ids=["list", "set", "inside"],
)
def test_a_value_too_long_to_read_is_not_written(value: Any, kind: str) -> None:
    """
    A right value of many thousand entries is ``ANY`` in the expectation to paste, and the message says so.
    """
    message = failure(heard(value).assert_events, [event("chain_start", inputs=value), "chain_error"])

    assert pasted(message) == (
        'as recorded: assert_events([event("chain_start", inputs=ANY), "chain_end"])\n'
        f"  (ANY, from unittest.mock, stands for a {kind} of many thousand entries)"
    )


def test_a_value_that_can_be_read_is_written() -> None:
    """
    A right value of some hundred entries stays whole in the expectation to paste.
    """
    value = list(range(500))

    message = failure(heard(value).assert_events, [event("chain_start", inputs=value), "chain_error"])

    assert f'event("chain_start", inputs={value})' in pasted(message)
    assert "ANY" not in message


@pytest.mark.parametrize(
    ("expected", "recorded", "said"),
    [
        ({n: n for n in range(LONG)}, {"a": 1}, f"inputs without 0, 1, 2{'.*'}18, 19 and 20,980 more"),
        ({"a": 1}, {n: n for n in range(LONG)}, "inputs={0: 0, 1: 1, .*19: 19, ...} and inputs without 'a'"),
        ({"a": 1, "b": 2}, {"a": 1, "c": 2}, "inputs={'c': 2, ...} and inputs without 'b'"),
    ],
    ids=["missing", "surplus", "few"],
)
def test_keys_that_differ_are_counted(expected: Any, recorded: Any, said: str) -> None:
    """
    Of very many keys that differ the first are named, and of a few all.
    """
    message = failure(heard(recorded).assert_events, [event("chain_start", inputs=expected), "chain_end"])

    before, _, after = said.partition(".*")
    assert before in message
    assert after in message
    assert len(message) < 2_000


def test_a_value_that_changes_after_the_pattern() -> None:
    """
    A pattern holds what its value is when it is compared: the ``...: ...`` that a test adds to it counts.
    """
    handler = heard({"a": 1, "b": 2})
    expected: dict[Any, Any] = {"a": 1}
    pattern = event("chain_start", inputs=expected)
    failure(handler.assert_events, [pattern, "chain_end"])

    expected[...] = ...

    handler.assert_events([pattern, "chain_end"])


@pytest.mark.parametrize(
    ("value", "begins", "ends"),
    [(set(range(20_000)), "{0, 1, 2, ", "}"), (frozenset(range(20_000)), "frozenset({0, 1, 2, ", "})")],
    ids=["set", "frozenset"],
)
def test_the_beginning_of_a_set(value: Any, begins: str, ends: str) -> None:
    """
    Of a huge set the beginning is shown as of a list, and a small one is shown whole.
    """
    assert raw_repr(value).startswith(begins)
    assert raw_repr([value]).startswith(f"[{begins}")
    small = type(value)(range(3))
    assert raw_repr(small) == repr(small) == f"{begins[:-2]}{ends}"
