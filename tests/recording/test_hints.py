"""The known cause of a failure: told where the recorded facts prove it, and not where they do not."""

from __future__ import annotations

from typing import Any

import pytest
from recordings import CHAIN, CHAIN_NAMES, failure, record

from pytest_lc_callbacks import any_order, event, many

ALONE = """\
hint: the handler heard FakeChatModel but not its parent run. Callbacks that one component has from
      its constructor, or from with_config on that step, do not reach the chain around it. To let
      the handler hear the whole chain, pass it at run time: chain.invoke(..., config={"callbacks":
      [handler]}). [one-component]"""
SEVERAL = """\
hint: the handler heard A, B, but not the run around them. Possible causes:
      - the handler was given to each of them alone (constructor, or with_config on a step)
        [one-component]
      - the handler is one of the inheritable_handlers of a CallbackManager, which do not hear the
        run that they are passed to [inheritable-handlers]"""
RAISED = """\
hint: m raised ValueError('boom'). A run that raises reports an error event (llm_error, chain_error,
      tool_error, retriever_error) instead of its end. [run-failed]"""
STREAMED = """\
hint: without llm_new_token, the recorded events are the expected ones. A model that streams sends
      an event for each token. Expect them with many(...), or leave them out with
      recording.without(...). [tokens-are-events]"""
PIPELINE = """\
hint: without llm_new_token, the recorded events are the expected ones, in another order. In a
      stream, each token is an event, many(...), and the steps after the model begin with its first
      token, so that their runs overlap: write what each of them sends as a branch, any_order([...],
      [...]). [streamed-steps]"""
DOUBLED = """\
hint: the handler got 'chain_start' of the same a run more than once. LangChain joins lists of
      callbacks without removing doubles: the handler stands twice in one list ([h, h]), or came
      with with_config and again at run time. Give it to the call, or to with_config, but not to
      both. [heard-twice]"""
CONCURRENT = """\
hint: the recorded events are the expected ones, in another order. Runs that are open at the same
      time share no order. Write what each of them sends as a branch: any_order([...], [...]).
      [concurrent-runs]"""
SILENT = """\
hint: the handler heard no run inside search; assert_runtime_scope() tells why. Possible causes:
      - nothing was called, or a stream was never iterated [nothing-ran]
      - the handler was given to its constructor, and constructor callbacks do not reach the runs
        inside [not-inherited]
      - the code inside passes callbacks of its own, which replace the inherited ones
        [replaced-callbacks]
      - the code inside runs in a thread without LangChain's context [other-thread]"""
NOTHING = """\
hint: the handler heard nothing. Possible causes:
      - the handler was not passed to what ran: pass it at run time: chain.invoke(...,
        config={"callbacks": [handler]}) [not-passed]
      - nothing was called, or a stream was never iterated [nothing-ran]
      - the constructor of a prompt or a retriever, which ignores callbacks [ignored-constructor]"""

MODEL_ALONE = ["chat_model_start FakeChatModel < ?", "llm_end FakeChatModel < ?"]
STREAM = ["chat_model_start m", "llm_new_token m", "llm_new_token m", "llm_end m"]
PIPED = ["chat_model_start m", "llm_new_token m", "chain_start p", "llm_new_token m", "llm_end m", "chain_end p"]
OVERLAP = ["chain_start a", "chat_model_start b", "chain_end a", "llm_end b"]


def hint_of(lines: list[str], expected: list[Any]) -> str | None:
    """The hint of the failure."""
    message = failure(record(*lines).assert_events, expected)
    if "hint:" not in message:
        return None
    return message[message.index("hint:") :].partition("\nas recorded:")[0]


@pytest.mark.parametrize(
    ("lines", "expected", "hint"),
    [
        (MODEL_ALONE, CHAIN_NAMES, ALONE),
        (MODEL_ALONE, ["chat_model_start", "llm_end", "chain_end"], ALONE),
        (MODEL_ALONE, [event("chain_start", run="RunnableSequence"), ...], ALONE),
        (["chat_model_start A < ?", "llm_end A < ?", "tool_start B < ?", "tool_end B < ?"], CHAIN_NAMES, SEVERAL),
        (["chat_model_start m", "llm_error m"], ["chat_model_start", "llm_end"], RAISED),
        (["chat_model_start m", "llm_error m"], ["chat_model_start", many("llm_new_token"), "llm_end"], RAISED),
        (STREAM, ["chat_model_start", "llm_end"], STREAMED),
        (STREAM, ["chat_model_start", event("llm_end", run="m")], STREAMED),
        (PIPED, ["chat_model_start", "llm_end", "chain_start", "chain_end"], PIPELINE),
        (["chain_start a", "chain_start a", "chain_end a", "chain_end a"], ["chain_start", "chain_end"], DOUBLED),
        # The double is not where the lists part: what comes after it looks like it.
        (["chain_start a", "chain_start a", "chain_start b < a", "chain_end b < a"], CHAIN_NAMES[:3], DOUBLED),
        (OVERLAP, ["chain_start", "chain_end", "chat_model_start", "llm_end"], CONCURRENT),
        (["tool_start search", "tool_end search"], ["tool_start", "chat_model_start", "llm_end", "tool_end"], SILENT),
        ([], ["chain_start"], NOTHING),
        ([], [..., any_order(["chain_start", ...])], NOTHING),
    ],
)
def test_a_hint_where_the_facts_prove_it(lines: list[str], expected: list[Any], hint: str) -> None:
    """
    A failure ends with the hint for the cause that its facts prove.
    """
    assert hint_of(lines, expected) == hint


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # The model alone was heard, but the chain around it is not what is missing.
        (MODEL_ALONE, ["chat_model_start", "llm_error"]),
        (MODEL_ALONE, ["chat_model_start", "llm_new_token", "llm_end"]),
        # The model has no run around it.
        (["chat_model_start m", "llm_end m"], CHAIN_NAMES),
        # The run around the model was heard.
        (list(CHAIN), ["chain_start", "chain_start", "chain_end", "chain_start", ...]),
        # Nobody knows whose event it was.
        (["llm_end m < ?"], ["chain_end"]),
        # One component was heard alone, another with its parent.
        ([*MODEL_ALONE, *CHAIN], ["chain_start", ...]),
        # The error is where the test expects one, or another.
        (["chat_model_start m", "llm_error m"], ["chat_model_start", "llm_new_token", "llm_error"]),
        (["tool_start t", "tool_error t"], ["tool_start", ..., "custom_event", event("tool_error", error=ValueError)]),
        # Without its tokens the stream is not what was expected either.
        (STREAM, ["chat_model_start", "llm_error"]),
        (["chat_model_start m", "llm_new_token m"], ["chat_model_start", "llm_end"]),
        (PIPED, ["chat_model_start", "llm_end", "chain_start", "chain_error"]),
        # The same start twice, but of two runs: with_config(run_id=...) repeats an id.
        (["chain_start a", "chain_end a"] * 2, ["chain_start", "chain_end"]),
        (["chain_start a#1", "chain_start a#2", "chain_end a#2", "chain_end a#1"], ["chain_start", "chain_end"]),
        # There is a double, but without it the recording is not what was expected either.
        (
            ["chain_start a", "chain_start a", "chain_start b < a", "chain_end b < a"],
            ["chain_start", "chain_start", "tool_start"],
        ),
        # Two ends of different kinds, as asynchronous streams have them.
        (["chat_model_start m", "llm_end m", "llm_error m"], ["chat_model_start", "llm_end", "text"]),
        # Two tokens are no doubled handler.
        (STREAM, ["chat_model_start", "llm_new_token", "llm_end"]),
        # Another order, but of runs that did not overlap, or of other events.
        (["chain_start a", "chain_end a", "tool_start b", "tool_end b"], ["tool_start", "tool_end", *CHAIN_NAMES[:2]]),
        (
            ["chain_start a", "tool_start b < a", "tool_end b < a", "chain_end a"],
            ["chain_start", "chain_end", "tool_start", "tool_end"],
        ),
        (OVERLAP, ["chat_model_start", "llm_end", "chain_start", "chain_error"]),
        # A run was heard inside the tool, or what is missing is no run.
        (
            ["tool_start t", "chain_start c < t", "chain_end c < t", "tool_end t"],
            ["tool_start", "chain_start", "chain_end", "chat_model_start", ...],
        ),
        (["tool_start t", "tool_end t"], ["tool_start", "custom_event", "tool_end"]),
        (["chat_model_start m", "llm_end m"], ["chat_model_start", "tool_start", "llm_end"]),
    ],
)
def test_no_hint_where_they_do_not(lines: list[str], expected: list[Any]) -> None:
    """
    A failure has no hint where the facts only resemble those of a known cause.
    """
    assert hint_of(lines, expected) is None


def test_a_selection_is_no_handler_that_heard_nothing() -> None:
    """
    An empty selection of a handler that heard something gets no hint that the handler heard nothing.
    """
    handler = record(*CHAIN)
    message = failure(handler.where("tool_start").assert_events, ["tool_start"])
    assert message == ("expected 'tool_start' as event 1, but none of the 6 events that were recorded was selected")


def test_a_selection_of_one_component_heard_the_chain() -> None:
    """
    A selection of one component's events gets no hint that the handler was given to that component alone.
    """
    model = record(*CHAIN).where(run="FakeChatModel")
    assert "hint" not in failure(model.assert_events, CHAIN_NAMES)


MANY_CHAINS = [*CHAIN] * 2_000


@pytest.mark.parametrize(
    ("lines", "expected", "hint"),
    [
        (MODEL_ALONE * 6_000, CHAIN_NAMES * 2_000, ALONE),
        ([*MANY_CHAINS, *MODEL_ALONE], [*CHAIN_NAMES * 2_000, "chain_start"], None),
        ([*MANY_CHAINS, "chat_model_start m", "llm_error m"], [..., "chat_model_start", "llm_end"], None),
        (
            [*MANY_CHAINS, "chat_model_start m", "llm_error m"],
            [*CHAIN_NAMES * 2_000, "chat_model_start", "llm_end"],
            RAISED,
        ),
        (
            ["chain_start a", "chain_start a", "chain_start b < a", "chain_end b < a", *MANY_CHAINS],
            [*CHAIN_NAMES[:3], *CHAIN_NAMES * 2_000],
            DOUBLED,
        ),
        ([*MANY_CHAINS, *OVERLAP], [*CHAIN_NAMES * 2_000, "chain_start", "chain_end", *CHAIN_NAMES[3:5]], CONCURRENT),
    ],
    ids=["alone", "not alone", "no error there", "an error", "a double before", "concurrent"],
)
def test_a_hint_in_a_long_recording(lines: list[str], expected: list[Any], hint: str | None) -> None:
    """
    A recording of more than ten thousand events has the hints of a short one, and no others.
    """
    assert hint_of(lines, expected) == hint
