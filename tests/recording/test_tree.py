"""Run trees written by hand, and where they differ from recorded ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import CHAIN, failure, moves, play, record

from pytest_lc_callbacks import RecordingHandler
from pytest_lc_callbacks._recording import RunTree

AGENT = (
    "chain_start agent",
    "chain_start tools < agent",
    "tool_start search < tools",
    "chat_model_start model < agent",
    "chain_start after",
)


# Drawn trees.


def test_the_tree_reads_like_a_directory_tree() -> None:
    """
    ``str`` of the tree draws each run under its parent, in the order in which the runs began.
    """
    handler = record(
        "chain_start agent",
        "chain_start tools < agent",
        "tool_start search#1 < tools",
        "tool_start search#2 < tools",
        "chat_model_start model < agent",
        "chain_start after",
        "llm_end lost < ?",
    )
    assert (
        str(handler.tree)
        == """\
agent
├── tools
│   ├── search
│   └── search
└── model
after
(start not heard)"""
    )
    assert repr(handler.tree) == "<RunTree: 7 runs, 3 roots>"


def test_trees_compare_by_what_they_draw() -> None:
    """
    Two trees are equal if they read the same.
    """
    assert record(*CHAIN).tree == record(*CHAIN).tree
    assert record(*CHAIN).tree != record(*CHAIN[:3]).tree
    assert record(*CHAIN).tree != "RunnableSequence"


def test_the_tree_of_nothing() -> None:
    """
    The tree of an empty recording is empty.
    """
    assert str(RecordingHandler().tree) == ""


def test_a_tree_deeper_than_the_stack() -> None:
    """
    A tree may be deeper than Python's stack.
    """
    handler = record("chain_start r#0", *(f"chain_start r#{n} < r#{n - 1}" for n in range(1, 2000)))
    assert str(handler.tree).count("\n") == 1999
    assert len(list(handler.runs[0].subtree())) == 2000


def test_deep_trees_compare_without_being_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Two trees compare without being drawn.
    """
    lines = ["chain_start r#0", *(f"chain_start r#{n} < r#{n - 1}" for n in range(1, 2000))]
    monkeypatch.delattr(RunTree, "__str__")
    assert record(*lines).tree == record(*lines).tree
    assert record(*lines).tree != record(*lines[:-1]).tree


def test_names_are_one_line() -> None:
    """
    A run takes one line of the tree, also if its name has line breaks.
    """
    assert str(record("chain_start a\n  b").tree) == "a b"


# Trees written by hand.


@pytest.mark.parametrize(
    "text",
    [
        """
        agent
          tools
            search
          model
        after
        """,
        "agent\n    tools\n         search\n    model\nafter",
        "agent\n\ttools\n\t\tsearch\n\tmodel\nafter",
        "agent\n├── tools\n│   └── search\n└── model\nafter",
        """
            agent
            ├── tools

            │   └── search
            └── model
            after""",
    ],
    ids=["indented", "wide", "tabs", "printed", "printed and indented"],
)
def test_a_tree_may_be_written_or_pasted(text: str) -> None:
    """
    The tree is written with indents of any width, or pasted from ``print(handler.tree)``.
    """
    record(*AGENT).assert_run_tree(text)


@given(moves())
def test_the_printed_tree_passes_when_pasted(happenings: Any) -> None:
    """
    What ``print(handler.tree)`` prints passes for what was recorded, in its order and in any.
    """
    handler = play(happenings)
    if handler.runs:
        handler.assert_run_tree(str(handler.tree))
        handler.assert_run_tree(str(handler.tree), any_order=True)


@given(moves(), st.randoms(use_true_random=False))
def test_siblings_in_any_order(happenings: Any, random: Any) -> None:
    """
    With ``any_order=True`` the order of siblings is open, also where several have one name; nothing else is.
    """
    handler = play(happenings)
    shuffled: list[str] = []

    def draw(runs: list[Any], depth: int) -> None:
        for run in random.sample(runs, len(runs)):
            shuffled.append("  " * depth + run.label)
            draw(handler.tree.children(run), depth + 1)

    draw(handler.tree.roots, 0)
    if shuffled:
        handler.assert_run_tree("\n".join(shuffled), any_order=True)
        assert failure(handler.assert_run_tree, "\n".join([*shuffled, "more"]), any_order=True)
        assert failure(handler.assert_run_tree, "\n".join(shuffled[:-1]) or "other", any_order=True)


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        (
            "agent\n  tools\n    find\n  model\nafter",
            "expected 'find' under 'tools', but the handler heard 'search' under 'tools'",
        ),
        (
            "agent\n  tools\n  search\n  model\nafter",
            "expected 'search' under 'agent', but the handler heard 'search' under 'tools'",
        ),
        (
            "agent\n  model\n  tools\n    search\nafter",
            "expected 'model' under 'agent', but the handler heard 'tools' under 'agent'",
        ),
        ("agent\n  tools\n    search\n  model", "expected no more runs, but the handler heard 'after' as a root"),
        (
            "agent\n  tools\n    search\n  model\nafter\n  more",
            "expected 'more' under 'after', but the handler heard only 5 runs",
        ),
        ("other", "expected 'other' as a root, but the handler heard 'agent' as a root"),
    ],
)
def test_the_first_line_says_which_run_differs(text: str, first_line: str) -> None:
    """
    A failure names the first run that differs, and the run it stands under.
    """
    assert failure(record(*AGENT).assert_run_tree, text).splitlines()[0] == first_line


def test_the_whole_message() -> None:
    """
    The message draws both trees, and marks where they part.
    """
    assert (
        failure(record(*CHAIN).assert_run_tree, "RunnableSequence\n  FakeChatModel")
        == """\
expected 'FakeChatModel' under 'RunnableSequence', but the handler heard 'ChatPromptTemplate' under 'RunnableSequence'
  expected:
    RunnableSequence
      FakeChatModel   <- here
  recorded:
    RunnableSequence
      ChatPromptTemplate   <- here
      FakeChatModel"""
    )


def test_nothing_was_recorded() -> None:
    """
    ``assert_run_tree`` fails where nothing was recorded.
    """
    assert (
        failure(RecordingHandler().assert_run_tree, "a")
        == """\
expected 'a' as a root, but nothing was recorded
  expected:
    a   <- here
  recorded:
    (no runs)"""
    )


def test_a_large_tree_makes_a_small_message() -> None:
    """
    The message draws the part of a large tree that is around the first run that differs.
    """
    names = [f"chain_start r{n}" for n in range(5000)]
    text = "\n".join(f"r{n}" for n in range(5000)).replace("r2500", "other")
    message = failure(record(*names).assert_run_tree, text)
    assert message.startswith("expected 'other' as a root, but the handler heard 'r2500' as a root\n")
    assert "    ... 2,480 before\n" in message
    assert len(message.splitlines()) < 100


def test_a_deep_tree() -> None:
    """
    A tree may be deeper than Python's stack.
    """
    handler = record("chain_start r#0", *(f"chain_start r#{n} < r#{n - 1}" for n in range(1, 1500)))
    handler.assert_run_tree("\n".join(" " * n + "r" for n in range(1500)))
    handler.assert_run_tree(str(handler.tree), any_order=True)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (None, TypeError, "assert_run_tree takes the tree as a string, not None"),
        (["a"], TypeError, "assert_run_tree takes the tree as a string, not ['a']"),
        ("", ValueError, "assert_run_tree needs a line for each run; for none at all write assert_no_events()"),
        ("  \n ", ValueError, "assert_run_tree needs a line for each run; for none at all write assert_no_events()"),
        ("a\n    b\n  c", ValueError, "assert_run_tree: 'c' is indented like no run above it"),
    ],
)
def test_what_is_no_tree(text: Any, error: type[Exception], message: str) -> None:
    """
    ``assert_run_tree`` refuses a text that is no tree, and names the line that is wrong.
    """
    with pytest.raises(error) as caught:
        record(*CHAIN).assert_run_tree(text)
    assert str(caught.value) == message


def test_another_recording_s_tree() -> None:
    """
    ``assert_run_tree`` takes the tree of another recording.
    """
    record(*CHAIN).assert_run_tree(record(*CHAIN).tree)  # type: ignore[arg-type]  # kindness to those who forget str()
