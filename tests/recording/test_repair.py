"""The test's own list with the smallest edit that makes it pass."""

from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import pytest
from recordings import CHAIN, failure, llm_result, record, run_id

from pytest_lc_callbacks import Recording, RecordingHandler, any_order, event, many

TOOLS = (
    "chain_start a",
    "tool_start b < a",
    "tool_start c < a",
    "tool_end c < a",
    "tool_end b < a",
    "chain_end a",
)


def to_paste(handler: Recording, expected: list[Any]) -> str:
    """What a failure prints for pasting, in one line; it passes."""
    text = failure(handler.assert_events, expected).partition("as recorded: assert_events(")[2]
    pasted, _, remark = text.rpartition(")\n  (ANY,") if "\n  (ANY," in text else (text[:-1], "", "")
    handler.assert_events(eval(pasted, {"event": event, "many": many, "any_order": any_order, "ANY": ANY}))
    line = " ".join(pasted.split()).replace("[ ", "[").replace(", ]", "]").replace("( ", "(").replace(", )", ")")
    return f"{line} (ANY,{remark}" if remark else line


@pytest.mark.parametrize(
    ("expected", "pasted"),
    [
        (
            [..., event("chat_model_start", run="FakeChatMdel", parent="RunnableSequence"), "llm_end", ...],
            '[..., event("chat_model_start", run="FakeChatModel", parent="RunnableSequence"), "llm_end", ...]',
        ),
        (["chain_start", ..., "llm_error", "chain_end"], '["chain_start", ..., "llm_end", "chain_end"]'),
        (["chain_start", ..., "llm_end"], '["chain_start", ..., "llm_end", "chain_end"]'),
        (
            [..., event("chat_model_start", run="FakeChatModel"), "chain_end"],
            '[..., event("chat_model_start", run="FakeChatModel"), "llm_end", "chain_end"]',
        ),
        (["chain_start", ..., many("llm_new_token"), "llm_end", ...], '["chain_start", ..., "llm_end", ...]'),
        ([many("chain_start", min=4), ...], '[many("chain_start", min=2), ...]'),
        (
            [..., event("llm_end", run="FakeChatModel"), ..., "chat_model_start", ...],
            '[..., "chat_model_start", ..., event("llm_end", run="FakeChatModel"), ...]',
        ),
        (
            [event(run="RunnableSequence"), event("chain_start", under="RunnableSeqence"), ...],
            '[event(run="RunnableSequence"), event("chain_start", under="RunnableSequence"), ...]',
        ),
        ([..., event("llm_end", parent=None), ...], '[..., event("llm_end", parent="RunnableSequence"), ...]'),
        ([event("chain_start", parent="a"), ...], '[event("chain_start", parent=None), ...]'),
        ([event("chain_start", tags={"prod"}), ...], '["chain_start", ...]'),
    ],
)
def test_one_entry_changes(expected: list[Any], pasted: str) -> None:
    """
    One entry of the list changes, and every other one stays as the test wrote it.
    """
    assert to_paste(record(*CHAIN), expected) == pasted


def answer(text: str, metadata: dict[str, Any] | None = None, inputs: Any = None) -> RecordingHandler:
    """A tool whose run has these inputs and metadata, and a model that ended with this text."""
    handler = RecordingHandler()
    handler.on_tool_start({"name": "weather"}, "", inputs=inputs, metadata=metadata, run_id=run_id("t"))
    handler.on_tool_end("", run_id=run_id("t"))
    handler.on_llm_end(llm_result(text=text), run_id=run_id("m"))
    return handler


@pytest.mark.parametrize(
    ("expected", "pasted"),
    [
        (
            [..., event("tool_start", run="weather", inputs={"city": "Oslo", ...: ...}), ...],
            '[..., event("tool_start", run="weather", inputs={"city": "Rome", ...: ...}), ...]',
        ),
        (
            [event("tool_start", inputs={"city": "Oslo", "days": ANY, "at": 1}), ...],
            '[event("tool_start", inputs={"city": "Rome", "days": ANY}), ...]',
        ),
        (
            [event("tool_start", metadata={"tenant": "x", "tier": 1}), ...],
            '[event("tool_start", metadata={"tenent": "x", "tier": 1}), ...]',
        ),
        ([..., event("llm_end", text="yes")], '[..., event("llm_end", text=\'it\\\'s "no"\')]'),
    ],
)
def test_one_value_changes(expected: list[Any], pasted: str) -> None:
    """
    Of a dict the keys change that differ; ``...: ...``, `ANY` and what is right stay.
    """
    handler = answer('it\'s "no"', {"tenent": "x", "tier": 1}, {"city": "Rome", "days": 2})
    assert to_paste(handler, expected) == pasted


def test_a_branch_changes() -> None:
    """
    Inside `any_order` the one branch changes for which no run was left.
    """
    loose, wrong = [event("tool_start", run="b"), ...], [..., event("tool_start", run="x"), ...]
    assert to_paste(record(*TOOLS), ["chain_start", any_order(loose, wrong), "chain_end"]) == (
        '["chain_start", any_order([event("tool_start", run="b"), ...], [..., event("tool_start", run="c"), ...]), '
        '"chain_end"]'
    )


def test_runs_that_nothing_stands_for_are_inserted() -> None:
    """
    Where several events have no entry, their names come in, and the entries behind them stay.
    """
    wanted = event("chain_end", run="a")
    assert to_paste(record(*TOOLS), [event("chain_start", run="a"), wanted]) == (
        '[event("chain_start", run="a"), "tool_start", "tool_start", "tool_end", "tool_end", '
        'event("chain_end", run="a")]'
    )


def test_a_branch_too_many_goes() -> None:
    """
    A branch that no run can serve goes, and the others stay.
    """
    branches = [event("tool_start", run="b"), ...], [event("tool_start", run="c"), "tool_end"], ["tool_start", ...]
    assert to_paste(record(*TOOLS), ["chain_start", any_order(*branches), "chain_end"]) == (
        '["chain_start", any_order([event("tool_start", run="b"), ...], [event("tool_start", run="c"), "tool_end"]), '
        '"chain_end"]'
    )


class Thing:
    """A value without a literal."""

    def __repr__(self) -> str:
        return "<Thing>"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Thing(), "Thing, which has no literal"),
        ("sk-proj-abcdefghijklmnopqrstuvwx", "outputs, which is redacted"),
        ("a" * 600, "a text of 600 characters"),
    ],
    ids=["no literal", "redacted", "long"],
)
def test_what_cannot_be_written_is_any(value: object, why: str) -> None:
    """
    A value without a literal, a secret or a very long text becomes `ANY`, and a last line says why.
    """
    handler = record("chain_start a")
    handler.on_chain_end(value, run_id=run_id("a"))
    assert to_paste(handler, ["chain_start", event("chain_end", outputs=1)]) == (
        f'["chain_start", event("chain_end", outputs=ANY)] (ANY, from unittest.mock, stands for {why})'
    )


def test_a_secret_in_a_dict_is_any() -> None:
    """
    A secret under a key that names it becomes `ANY`, and what is beside it stays.
    """
    handler = record("chain_start a")
    handler.on_chain_end({"api_key": "hunter2", "n": 2}, run_id=run_id("a"))
    text = to_paste(handler, ["chain_start", event("chain_end", outputs={"api_key": "hunter2", "n": 1})])
    assert text.startswith('["chain_start", event("chain_end", outputs={"api_key": ANY, "n": 2})] (ANY,')
    assert "hunter2" not in text


def test_a_list_of_other_things_is_answered_with_the_recorded_one() -> None:
    """
    A list of which nothing is right is answered with what was recorded.
    """
    text = to_paste(record(*TOOLS), [..., event("llm_end", run="x"), ..., event("retry", run="y"), ...])
    assert text.startswith('["chain_start", # a any_order([')
