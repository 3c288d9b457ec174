"""What a failure prints."""

from __future__ import annotations

from typing import Any

import pytest
from recordings import CHAIN, CHAIN_NAMES, failure, record, run_id, send

from pytest_lc_callbacks import any_order, event, many

CONSTRUCTOR = ["chat_model_start FakeChatModel < ?", "llm_end FakeChatModel < ?"]

WHOLE = """\
expected 'chain_start' as event 1, but the handler recorded 'chat_model_start'
    1  chat_model_start  FakeChatModel   <- expected chain_start
    2  llm_end           FakeChatModel
  not reached: chain_start, chain_end, chat_model_start, llm_end, chain_end
hint: the handler heard FakeChatModel but not its parent run. Callbacks that one component has from
      its constructor, or from with_config on that step, do not reach the chain around it. To let
      the handler hear the whole chain, pass it at run time: chain.invoke(..., config={"callbacks":
      [handler]}). [one-component]
as recorded: assert_events(["chat_model_start", "llm_end"])"""


def test_the_whole_message() -> None:
    """
    A failure says what was expected, then shows what was recorded around it, then the cause, then what would pass.
    """
    assert failure(record(*CONSTRUCTOR).assert_events, CHAIN_NAMES) == WHOLE


def test_the_message_of_a_missing_event() -> None:
    """
    The window marks a missing event behind the last one that came.
    """
    assert (
        failure(record(*CHAIN[:3]).assert_events, CHAIN_NAMES)
        == """\
expected 'chat_model_start' as event 4, but the handler recorded only 3 events
    1  chain_start  RunnableSequence
    2  chain_start  ChatPromptTemplate
    3  chain_end    ChatPromptTemplate
    4  (nothing)                         <- expected chat_model_start
  not reached: llm_end, chain_end
as recorded: assert_events([
    "chain_start",  # RunnableSequence
    "chain_start",  # ChatPromptTemplate
    "chain_end",  # ChatPromptTemplate
])"""
    )


def test_the_message_of_an_event_too_many() -> None:
    """
    The window marks the first event behind the last expected one.
    """
    message = failure(record("text a", "retry a", "text a").assert_events, ["text"])
    assert message.splitlines()[:4] == [
        "expected nothing after event 1, but the handler recorded 'retry' and 1 event more",
        "    1  text   (start not heard)",
        "    2  retry  (start not heard)   <- expected nothing more",
        "    3  text   (start not heard)",
    ]


def test_the_window_is_small() -> None:
    """
    The window shows the few events around a mismatch, with their numbers in the whole recording.
    """
    handler = record(*CHAIN * 500)
    expected = CHAIN_NAMES * 500
    expected[1500] = "tool_start"
    lines = failure(handler.assert_events, expected).splitlines()
    assert lines[:11] == [
        "expected 'tool_start' as event 1,501, but the handler recorded 'chain_start'",
        "    ... 1,497 events before",
        "    1,498  chat_model_start  FakeChatModel",
        "    1,499  llm_end           FakeChatModel",
        "    1,500  chain_end         RunnableSequence",
        "    1,501  chain_start       RunnableSequence     <- expected tool_start",
        "    1,502  chain_start       ChatPromptTemplate",
        "    1,503  chain_end         ChatPromptTemplate",
        "    1,504  chat_model_start  FakeChatModel",
        "    1,505  llm_end           FakeChatModel",
        "    ... 1,495 events after",
    ]
    assert lines[11] == (
        "  not reached: chain_start, chain_end, chat_model_start, llm_end, chain_end, chain_start, chain_start, "
        "chain_end, chat_model_start, llm_end and 1,489 more"
    )
    assert lines[-10:-8] == ["    ...,  # 2,980 events", '    "llm_end",  # FakeChatModel']
    assert len(lines) < 40


def test_hundred_thousand_events_make_a_small_message() -> None:
    """
    The message of a mismatch in a hundred thousand events has seven lines.
    """
    handler = record("chat_model_start m")
    for _ in range(100_000):
        send(handler, "llm_new_token", run_id=run_id("m"))
    message = failure(handler.assert_events, ["chat_model_start", many("llm_new_token"), "llm_end"])
    assert (
        message
        == """\
expected many('llm_new_token') or 'llm_end' as event 100,002, but the handler recorded only 100,001 events
    ... 99,998 events before
     99,999  llm_new_token  m
    100,000  llm_new_token  m
    100,001  llm_new_token  m
    100,002  (nothing)          <- expected many('llm_new_token') or llm_end
as recorded: assert_events(["chat_model_start", many("llm_new_token")])"""
    )


@pytest.mark.parametrize(
    ("expected", "not_reached"),
    [
        (["retry", ..., "text"], "  not reached: ..., text"),
        (
            ["retry", many("text", min=0), event("text", run="a")],
            "  not reached: many('text', min=0), event('text', run='a')",
        ),
        (["retry", any_order(["text"], ["text"])], "  not reached: any_order of 2 runs"),
    ],
)
def test_what_was_not_reached(expected: list[Any], not_reached: str) -> None:
    """
    The message lists the items behind the mismatch as the test wrote them.
    """
    assert not_reached in failure(record("text a").assert_events, expected).splitlines()


@pytest.mark.parametrize("kind", ["exact", "pattern", "gap"])
def test_every_message_ends_with_what_would_pass(kind: str) -> None:
    """
    A message ends with an expectation that passes.
    """
    expected: list[Any] = {"exact": ["text"], "pattern": [event("text", run="b")], "gap": [..., "text"]}[kind]
    handler = record(*CHAIN)
    pasted = failure(handler.assert_events, expected).partition("as recorded: ")[2]
    eval(pasted, {"assert_events": handler.assert_events, "event": event})
    assert pasted.count("# RunnableSequence") == 2
