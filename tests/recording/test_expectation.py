"""The expectation that a failure prints for pasting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from recordings import CHAIN, CHAIN_NAMES, moves, play, record, run_id, select

from pytest_lc_callbacks import Recording, any_order, event, many
from pytest_lc_callbacks._recording import expectation as _expectations
from pytest_lc_callbacks._recording.expectation import recorded

ONE_BY_ONE = '    "tool_start",  # t\n    "tool_end",  # t\n' * 2
WORDS = {"any_order": any_order, "event": event, "many": many}


def written(handler: Recording) -> str:
    """What a failure would print."""
    return recorded(select(handler))


def paste(text: str, handler: Recording) -> None:
    """Run the pasted line."""
    eval(text, {"assert_events": handler.assert_events, **WORDS})


@given(moves())
def test_the_printed_expectation_passes_when_pasted(happenings: Any) -> None:
    """
    The printed expectation passes for what was recorded: interleaved runs, streams, doubles, repeated ids.
    """
    handler = play(happenings)
    paste(written(handler), handler)


@example([("root", 0), ("root", 0), ("root", 0), ("custom", 0)])
@given(moves())
def test_the_printed_expectation_passes_for_a_selection(happenings: Any) -> None:
    """
    The printed expectation of a selection passes for that selection.
    """
    view = play(happenings).without("chain_end", "custom_event")
    paste(written(view), view)


@given(moves(60))
def test_a_cut_expectation_passes_when_pasted(happenings: Any) -> None:
    """
    An expectation that was cut for its length passes.
    """
    handler = play(happenings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_expectations, "_HEAD", 3)
        patch.setattr(_expectations, "_TAIL", 2)
        patch.setattr(_expectations, "_BRANCHES", 2)
        patch.setattr(_expectations, "_LARGE", 25)
        paste(written(handler), handler)


@pytest.mark.parametrize(
    ("lines", "printed"),
    [
        ([], "assert_events([])"),
        (["chat_model_start m", "llm_end m"], 'assert_events(["chat_model_start", "llm_end"])'),
        (
            ["chat_model_start m", *["llm_new_token m"] * 3, "llm_end m"],
            'assert_events(["chat_model_start", many("llm_new_token"), "llm_end"])',
        ),
        (
            ["chat_model_start m", "llm_new_token m", "llm_end m"],
            'assert_events(["chat_model_start", "llm_new_token", "llm_end"])',
        ),
        (
            ["chain_start a", "tool_start b<a", "tool_start c<a", "tool_end c<a", "tool_end b<a", "chain_end a"],
            """\
assert_events([
    "chain_start",  # a
    any_order(
        [
            "tool_start",  # b
            "tool_end",  # b
        ],
        [
            "tool_start",  # c
            "tool_end",  # c
        ],
    ),
    "chain_end",  # a
])""",
        ),
        (
            ["tool_start a", "tool_end a", "tool_start b", "tool_end b"],
            """\
assert_events([
    "tool_start",  # a
    "tool_end",  # a
    "tool_start",  # b
    "tool_end",  # b
])""",
        ),
    ],
    ids=["nothing", "names", "tokens", "one token", "concurrent runs", "one run after the other"],
)
def test_what_is_printed(lines: list[str], printed: str) -> None:
    """
    Tokens fold into `many`, concurrent runs into `any_order`; entries of several runs carry the runs' names.
    """
    handler = record(*lines)
    assert written(handler) == printed
    paste(printed, handler)


def test_a_long_middle_is_cut() -> None:
    """
    An expectation of more than 60 lines shows its two ends, and ``...`` with the number of the events between.
    """
    handler = record(*CHAIN * 50)
    text = written(handler)
    assert text.count("chain_start") <= 10
    assert "    ...,  # 280 events\n" in text
    paste(text, handler)


@pytest.mark.parametrize(("lines", "is_whole"), [(9, True), (10, False)])
def test_an_expectation_of_sixty_lines_is_whole(lines: int, is_whole: bool) -> None:
    """
    An expectation is printed whole up to about 60 lines.
    """
    text = written(record(*CHAIN * lines))
    assert ("..." not in text) is is_whole
    assert (text.count("# RunnableSequence") == 2 * lines) is is_whole


@pytest.mark.parametrize("count", [7, 100], ids=["few", "many"])
def test_very_many_concurrent_runs_become_dots(count: int) -> None:
    """
    Concurrent runs that take more lines than a reader would type become ``...`` with the number of their events.
    """
    starts = [f"tool_start t#{n}<a" for n in range(count)]
    handler = record("chain_start a", *starts, *(line.replace("start", "end") for line in starts), "chain_end a")
    assert (f"    ...,  # {2 * count} events\n" in written(handler)) is (count == 100)
    assert (written(handler).count('"tool_start",  # t') == count) is (count == 7)
    paste(written(handler), handler)


def test_runs_inside_runs_inside_runs() -> None:
    """
    The expectation for runs that are nested a thousand deep needs no recursion of that depth.
    """
    depth = 990
    names = ["chain_start r#0", *(f"chain_start r#{n} < r#{n - 1}" for n in range(1, depth))]
    ends = [line.replace("chain_start", "chain_end") for line in reversed(names)]
    handler = record(*names, *ends)
    paste(written(handler), handler)


def test_a_pasted_expectation_is_strict() -> None:
    """
    The printed expectation of one recording fails for another.
    """
    text = written(record(*CHAIN))
    pairs = zip(CHAIN_NAMES, [line.split(" <")[0].split()[1] for line in CHAIN], strict=True)
    assert text == "assert_events([\n" + "".join(f'    "{name}",  # {run}\n' for name, run in pairs) + "])"
    with pytest.raises(AssertionError, match="expected 'llm_end' as event 5, but"):
        paste(text, record(*CHAIN[:4], "llm_error FakeChatModel < RunnableSequence", CHAIN[-1]))


@pytest.mark.parametrize(
    ("tags", "printed"),
    [
        (["map:key:a", "map:key:b"], "any_order("),
        (["graph:step:2", "graph:step:2"], "any_order("),
        (["graph:step:2", "graph:step:3"], ONE_BY_ONE),
        (["seq:step:1", "seq:step:2"], ONE_BY_ONE),
        ([None, None], ONE_BY_ONE),
    ],
    ids=["parallel", "one step of a graph", "steps of a graph", "sequence", "no tags"],
)
def test_runs_that_are_started_side_by_side(tags: list[str | None], printed: str) -> None:
    """
    Runs that LangChain starts side by side become branches of `any_order`, also if they did not overlap this time.
    """
    handler = record("chain_start a")
    for number, tag in enumerate(tags):
        ids: Any = {"run_id": run_id(f"t{number}"), "parent_run_id": run_id("a")}
        handler.on_tool_start({"name": "t"}, "", **ids, tags=[tag] if tag else [])
        handler.on_tool_end("", **ids)
    record("chain_end a", into=handler)
    assert printed in written(handler)
    paste(written(handler), handler)
