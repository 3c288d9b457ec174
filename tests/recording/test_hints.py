"""The known cause of a failure: told where the recorded facts prove it, and not where they do not."""

from __future__ import annotations

from typing import Any

import pytest
from recordings import CHAIN, CHAIN_NAMES, failure, record

from pytest_lc_callbacks import any_order, event, many

ALONE = """\
hint: the handler heard FakeChatModel but not its parent run: it was given to that component alone (its constructor, or with_config
      on that step), and such callbacks do not reach the chain around it. To hear the whole chain, pass it at run time:
      chain.invoke(..., config={"callbacks": [handler]})."""  # noqa: E501 - as it is printed
SEVERAL = """\
hint: the handler heard A, B, but not the run around them.
      Possible causes: it was given to each of them alone (constructor callbacks, with_config on a step);
      or it was passed as one of the inheritable_handlers of a CallbackManager, which do not hear the run
      that they are passed to."""
RAISED = "hint: m raised ValueError('boom'); a run that raises reports 'llm_error' instead of 'llm_end'."
STREAMED = """\
hint: the model streamed, and each token is an event. Expect them with many("llm_new_token"), or leave them
      out: recording.without("llm_new_token").assert_events([...])."""
DOUBLED = """\
hint: the handler got 'chain_start' of the same a run more than once. LangChain joins
      lists of callbacks without removing doubles: it is in one list twice ([h, h]), or given both with
      with_config and at run time."""
CONCURRENT = """\
hint: the same events in another order: runs that are open at the same time share no order. Write what each
      of them sends as a branch: any_order([...], [...])."""
SILENT = """\
hint: the handler heard no run inside search. Possible causes: nothing ran there; the handler was given to
      the constructor of search, and constructor callbacks do not reach the runs inside it; the code inside
      passes callbacks of its own, or runs in a thread without LangChain's context.
      assert_runtime_scope() tells which."""
NOTHING = """\
hint: possible causes: the handler was not passed to what ran; nothing ran, or a stream was never iterated; the handler
      was given to a component that ignores constructor callbacks (a prompt, a retriever). To hear a whole chain,
      pass it at run time: chain.invoke(..., config={"callbacks": [handler]})."""

PIPELINE = """\
hint: the model streamed: each token is an event, to expect with many("llm_new_token"), and the steps after the
      model begin with its first token, so that their runs overlap: any_order([...], [...])."""

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
    Each known cause has its words.
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
    What looks like a known cause and is none gets no hint.
    """
    assert hint_of(lines, expected) is None


def test_a_selection_is_no_handler_that_heard_nothing() -> None:
    """
    A selection that is empty, of a handler that heard something, was not passed to the wrong place.
    """
    handler = record(*CHAIN)
    message = failure(handler.where("tool_start").assert_events, ["tool_start"])
    assert message == ("expected 'tool_start' as event 1, but none of the 6 events that were recorded was selected")


def test_a_selection_of_one_component_heard_the_chain() -> None:
    """
    A handler that heard the chain was not given to one component alone, though the selection is about one.
    """
    model = record(*CHAIN).where(run="FakeChatModel")
    assert "hint" not in failure(model.assert_events, CHAIN_NAMES)


def test_a_hint_in_a_long_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where a recording is too long to look at all of it, the causes at the mismatch itself are told all the same.
    """
    monkeypatch.setattr("pytest_lc_callbacks._recording.hints.LONG", 3)
    monkeypatch.setattr("pytest_lc_callbacks._recording.events.LONG", 3)
    assert (
        hint_of([*CHAIN, "chat_model_start m", "llm_error m"], [*CHAIN_NAMES, "chat_model_start", "llm_end"]) == RAISED
    )
    doubled = [*CHAIN, "chain_start a", "chain_start a", "chain_end a", "chain_end a"]
    assert hint_of(doubled, [*CHAIN_NAMES, "chain_start", "chain_end"]) == DOUBLED
    assert hint_of([*MODEL_ALONE, *MODEL_ALONE], [*CHAIN_NAMES[:1], ...]) is None
