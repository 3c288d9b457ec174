"""What it costs to ask: long recordings against exact lists and patterns, and the message of a mismatch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from benchmarks._compare import compare
from pytest_lc_callbacks import RecordingHandler, any_order, event, many
from pytest_lc_callbacks._recording.matching import find_mismatch
from pytest_lc_callbacks._recording.message import window
from pytest_lc_callbacks._recording.patterns import compile_items

if TYPE_CHECKING:
    from collections.abc import Callable

# One streamed answer of a chain: its names in order, with this many tokens.
TOKENS = 94
STREAMED = ["llm_new_token"] * TOKENS
ANSWER: list[Any] = ["chain_start", "chain_start", "chain_end", "chat_model_start", *STREAMED, "llm_end", "chain_end"]
PATTERN: list[Any] = [
    "chain_start",
    "chain_start",
    "chain_end",
    "chat_model_start",
    many("llm_new_token"),
    "llm_end",
    "chain_end",
]


def main() -> None:
    """Expectations that hold, then one that fails at either end and in between."""
    _exact(1_000_000)
    _holding(100_000)
    _mismatch(100_000)
    _mismatch_of_patterns(100_000)


def _exact(count: int) -> None:
    expected = ANSWER * (count // len(ANSWER))
    ways = {
        "names == list": partial(_equal, count, expected),
        "assert_events(list)": partial(_asserted, count, expected),
    }
    compare(f"{count:,} events against an exact list", ways, baseline="names == list", rounds=3)


def _holding(count: int) -> None:
    answers = count // len(ANSWER)
    ways = {
        "assert_events(list)": partial(_asserted, count, ANSWER * answers),
        "with many() for tokens": partial(_asserted, count, PATTERN * answers),
        "with ... in the middle": partial(_asserted, count, [*ANSWER, ..., *ANSWER]),
        "print(handler.tree)": partial(_prepared, count, lambda handler: str(handler.tree)),
    }
    compare(f"{count:,} events, expectations that hold", ways, baseline="assert_events(list)", rounds=5)


def _mismatch(count: int) -> None:
    expected = ANSWER * (count // len(ANSWER))
    failing: dict[str, list[Any]] = {}
    for place, index in {"first": 0, "middle": count // 2, "last": count - 1}.items():
        failing[f"mismatch in the {place} event"] = [*expected[:index], "retriever_start", *expected[index + 1 :]]
    failing["one event too few"] = expected[:-1]
    failing["one event too many"] = [*expected, "chain_end"]
    _messages(f"{count:,} events, a mismatch", count, expected, failing)


def _mismatch_of_patterns(count: int) -> None:
    answers = count // len(ANSWER)
    failing: dict[str, list[Any]] = {
        "many(), last event": [*PATTERN * answers, "chain_end"],
        "... to the end": [..., "tool_start"],
        "... several times": [..., *["chain_end", ...] * 5, "tool_start"],
        "tokens not expected": ["chain_start", "chain_start", "chain_end", "chat_model_start", "llm_end"],
        "event(run=...) after ...": [..., event("chain_start", run="Other"), ...],
        "event(token=...) after ...": [..., event("llm_new_token", token="other"), ...],
        "any_order": [any_order(ANSWER, [*PATTERN[:-1], "chain_error"]), ...],
        "any_order after ...": [..., any_order(ANSWER, [*PATTERN[:-1], "chain_error"]), ...],
    }
    _messages(f"{count:,} events, a mismatch of patterns", count, PATTERN * answers, failing)


def _messages(title: str, count: int, holding: list[Any], failing: dict[str, list[Any]]) -> None:
    """Compare the messages of expectations that fail: the first line and the window alone, then all of it."""
    for part, ask in {"first line and window": _first_line_and_window, "the whole message": _message}.items():
        ways = {"no mismatch": partial(_asserted, count, holding)}
        ways |= {name: partial(_prepared, count, partial(ask, expected)) for name, expected in failing.items()}
        compare(f"{title}: {part}", ways, baseline="no mismatch", rounds=5)


def _equal(count: int, expected: list[Any]) -> Callable[[], object]:
    def ask(handler: RecordingHandler) -> bool:
        return handler.names == expected

    return _prepared(count, ask)


def _asserted(count: int, expected: list[Any]) -> Callable[[], object]:
    return _prepared(count, lambda handler: handler.assert_events(expected))


def _message(expected: list[Any], handler: RecordingHandler) -> str:
    try:
        handler.assert_events(expected)
    except AssertionError as error:
        return str(error)
    raise ValueError("expected a mismatch, but there was none")


def _first_line_and_window(expected: list[Any], handler: RecordingHandler) -> list[str]:
    selection = handler._selection
    mismatch = find_mismatch(compile_items(expected), selection)
    if mismatch is None:
        raise ValueError("expected a mismatch, but there was none")
    return [mismatch.line(selection), *window(mismatch, selection)]


def _prepared(count: int, ask: Callable[[RecordingHandler], object]) -> Callable[[], object]:
    """A recording of its own for every question: the first question to a recording is the one that people wait for."""
    handler = RecordingHandler()
    for _ in range(count // len(ANSWER)):
        _feed(handler)
    return lambda: ask(handler)


def _feed(handler: RecordingHandler) -> None:
    chain, prompt, model = uuid4(), uuid4(), uuid4()
    handler.on_chain_start({}, {"number": 2}, run_id=chain, name="RunnableSequence")
    handler.on_chain_start({}, {"number": 2}, run_id=prompt, parent_run_id=chain, name="ChatPromptTemplate")
    handler.on_chain_end({}, run_id=prompt, parent_run_id=chain)
    handler.on_chat_model_start({}, [[]], run_id=model, parent_run_id=chain, name="FakeChatModel")
    for _ in range(TOKENS):
        handler.on_llm_new_token("token", run_id=model, parent_run_id=chain)
    handler.on_llm_end(None, run_id=model, parent_run_id=chain)  # type: ignore[arg-type]  # an answer is not needed here
    handler.on_chain_end({}, run_id=chain)
