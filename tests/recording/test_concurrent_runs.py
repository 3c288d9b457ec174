"""Which concurrent runs serve the branches of `any_order`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import failure, matches, record

from pytest_lc_callbacks import RecordingHandler, any_order, event, many
from pytest_lc_callbacks._recording import concurrent_runs
from pytest_lc_callbacks._recording.concurrent_runs import SearchLimitError


def interleavings(sequences: dict[str, list[str]]) -> st.SearchStrategy[list[str]]:
    """The events of some runs, as ``event run``, in any order that keeps each run's own."""
    turns = [run for run, names in sequences.items() for _ in names]

    def in_turn(order: list[str]) -> list[str]:
        left = {run: iter(names) for run, names in sequences.items()}
        return [f"{next(left[run])} {run}" for run in order]

    return st.permutations(turns).map(in_turn)


BODY = ["llm_new_token", "custom_event", "text"]


BRANCHES = st.lists(
    st.lists(st.sampled_from(BODY), max_size=2).map(lambda body: ["tool_start", *body, "tool_end"]),
    min_size=1,
    max_size=4,
)


@given(BRANCHES, st.data())
def test_any_order_takes_every_interleaving(branches: list[list[str]], data: Any) -> None:
    """
    Whatever way the runs interleave, each in its own order, the branches match, in whatever order they are written.
    """
    lines = data.draw(interleavings({f"run#{n}": names for n, names in enumerate(branches)}))
    handler = record("chain_start a", *(f"{line} < a" for line in lines), "chain_end a")
    written = data.draw(st.permutations(branches))
    assert matches(["chain_start", any_order(*written), "chain_end"], handler)
    assert matches([..., any_order(*written), ...], handler)
    assert matches(["chain_start", any_order(*written), ..., "chain_end"], handler)


@given(BRANCHES, st.data())
def test_any_order_fails_if_a_branch_differs(branches: list[list[str]], data: Any) -> None:
    """
    If one branch loses, gains or swaps an event, there is no match, whatever way the runs interleave.
    """
    changed = [list(branch) for branch in branches]
    victim = changed[data.draw(st.integers(0, len(changed) - 1))]
    at = data.draw(st.integers(0, len(victim) - 1))
    how = data.draw(st.sampled_from(["lose", "gain", "swap"]))
    if how == "lose":
        del victim[at]
    elif how == "gain":
        victim.insert(at, data.draw(st.sampled_from(BODY)))
    else:
        victim[at - 1], victim[at] = victim[at], victim[at - 1]
    lines = data.draw(interleavings({f"run#{n}": names for n, names in enumerate(branches)}))
    handler = record(*lines)
    same = Counter(map(tuple, changed)) == Counter(map(tuple, branches))
    written = [branch for branch in changed if branch]
    assert matches([any_order(*written)], handler) is same


@given(BRANCHES, st.data())
def test_any_order_takes_patterns(branches: list[list[str]], data: Any) -> None:
    """
    Branches with patterns match as those without, each run serving one branch.
    """
    lines = data.draw(interleavings({f"run{n}": names for n, names in enumerate(branches)}))
    named = [[event("tool_start", run=f"run{n}"), *names[1:]] for n, names in enumerate(branches)]
    loose = [["tool_start", ..., "tool_end"] for _ in branches]
    mixed = [*named[:1], *loose[1:]]
    handler = record(*lines)
    for written in (named, loose, mixed):
        assert matches([any_order(*data.draw(st.permutations(written)))], handler)
    assert not matches([any_order(*named[:-1], ["tool_start", "retry", "tool_end"])], handler)
    assert not matches([any_order(*loose, ["tool_start", ...])], handler)


@st.composite
def trees(draw: Any, depth: int = 2) -> tuple[list[Any], Any]:
    """A run with concurrent runs inside, as the items that match it and the strands that it is made of."""
    inner = draw(st.lists(trees(depth - 1), max_size=3)) if depth else []
    items = ["chain_start", *([any_order(*(items for items, _ in inner))] if inner else []), "chain_end"]
    return items, [strand for _, strand in inner]


def happen(strands: list[Any], data: Any, parent: str = "", number: int = 0) -> list[str]:
    """One order in which a run's events may come, as lines for `record`."""
    here = f"{parent}.{number}" if parent else f"r#{number}"
    under = f" < {parent}" if parent else ""
    queues = [happen(strand, data, here, n) for n, strand in enumerate(strands)]
    lines = [f"chain_start {here}{under}"]
    while queues:
        queue = queues[data.draw(st.integers(0, len(queues) - 1))]
        lines.append(queue.pop(0))
        queues = [queue for queue in queues if queue]
    return [*lines, f"chain_end {here}{under}"]


@given(trees(), st.data())
def test_any_order_inside_any_order(tree: Any, data: Any) -> None:
    """
    Concurrent runs inside concurrent runs match branches inside branches, though all of them have one name.
    """
    items, strands = tree
    handler = record(*happen(strands, data))
    assert matches(items, handler)
    assert not matches([*items[:-1], "chain_error"], handler)
    assert not matches([items[0], any_order(items), *items[1:]], handler)


A, B = "tool_start a < c", "tool_start b < c"


A_END, B_END = "tool_end a < c", "tool_end b < c"


PAIR = ["tool_start", "tool_end"]


@pytest.mark.parametrize(
    ("lines", "first_line"),
    [
        (
            [A, B, B_END, "tool_error a < c"],
            "expected any_order of 2 runs from event 2 on, but in branch 2, event 2 of a is 'tool_error', not "
            "'tool_end'",
        ),
        (
            [A, B, B_END],
            "expected any_order of 2 runs from event 2 on, but in branch 2, a sent only 1 event, and no 'tool_end'",
        ),
        (
            [A, B, "tool_error b < c", "tool_error a < c"],
            "expected any_order of 2 runs from event 2 on, but in branch 1 at best, event 2 of a is 'tool_error', not "
            "'tool_end'",
        ),
        (
            [A, A_END],
            "expected any_order of 2 runs from event 2 on, but only 1 run began there, and none for branch 2",
        ),
        (
            [A, "custom_event c", B, A_END, B_END],
            "expected any_order of 2 runs from event 2 on, but event 3 (custom_event of c) came between their events",
        ),
        (
            [A, B, "tool_start third < c", A_END, B_END, "tool_end third < c"],
            "expected any_order of 2 runs from event 2 on, but another run began beside the 2 runs: event 4 "
            "(tool_start of third)",
        ),
        (
            ["custom_event c", A, B, A_END, B_END],
            "expected any_order of 2 runs from event 2 on, but event 2 (custom_event of c) does not begin a run",
        ),
    ],
    ids=["error", "open", "two left", "too few", "parent between", "too many", "no run begins"],
)
def test_a_mismatch_inside_any_order(lines: list[str], first_line: str) -> None:
    """
    A failure inside `any_order` names the branch and the run, or the event that came between.
    """
    handler = record("chain_start c", *lines, "chain_end c")
    message = failure(handler.assert_events, ["chain_start", any_order(PAIR, PAIR), "chain_end"])
    assert message.splitlines()[0] == first_line


def test_the_evidence_of_any_order() -> None:
    """
    The message of `any_order` shows the branch, what each run sent, and which branch a run serves.
    """
    handler = record("chain_start c", A, B, B_END, "tool_error a < c", "chain_end c")
    message = failure(handler.assert_events, ["chain_start", any_order(PAIR, PAIR), "chain_end"])
    assert message.splitlines()[1:4] == [
        "  branch 2 is ['tool_start', 'tool_end']",
        "    a sent tool_start, tool_error",
        "    b sent tool_start, tool_end   = branch 1",
    ]


def test_any_order_behind_a_gap_tells_the_best_reason() -> None:
    """
    Behind ``...`` the failure tells of the place where the runs came nearest, not of the last event.
    """
    handler = record("chain_start c", A, B, B_END, "tool_error a < c", "chain_end c")
    message = failure(handler.assert_events, [..., any_order(PAIR, PAIR), ...])
    assert message.splitlines()[0] == (
        "expected any_order of 2 runs somewhere, but from event 2 on in branch 2, event 2 of a is 'tool_error', not "
        "'tool_end'"
    )


def test_runs_are_told_apart_by_id() -> None:
    """
    Branches match runs by run id: one run that has all the events does not match, though the names are right.
    """
    one_has_all = record("tool_start t#1", "tool_start t#2", "text t#1", "text t#1", "tool_end t#1", "tool_end t#2")
    branch = ["tool_start", "text", "tool_end"]
    assert not matches([any_order(branch, branch)], one_has_all)
    assert matches([any_order(["tool_start", "tool_end"], ["tool_start", many("text"), "tool_end"])], one_has_all)


def test_runs_one_after_the_other_are_in_any_order_too() -> None:
    """
    `any_order` takes runs that did not overlap, as with ``max_concurrency=1``.
    """
    handler = record("tool_start a", "tool_end a", "tool_start b", "tool_error b")
    assert matches([any_order(["tool_start", "tool_error"], PAIR)], handler)


def test_a_selection_without_starts_or_tokens() -> None:
    """
    `any_order` holds of a selection too: a run begins with its first selected event.
    """
    handler = record("chain_start c", A, B, "llm_new_token b", A_END, B_END, "chain_end c")
    view = handler.without("tool_start", "llm_new_token")
    view.assert_events(["chain_start", any_order(["tool_end"], ["tool_end"]), "chain_end"])
    handler.where(under="c").without("llm_new_token").assert_events([any_order(PAIR, PAIR)])


def test_a_repeated_run_id_is_two_runs() -> None:
    """
    Runs that share an id, one after the other, are two branches.
    """
    handler = record("tool_start a", "tool_end a", "tool_start a", "tool_error a")
    assert matches([any_order(["tool_start", "tool_error"], PAIR)], handler)


def test_hundreds_of_branches() -> None:
    """
    Hundreds of concurrent runs are matched, with names alone and with patterns, which is polynomial work.
    """
    count = 300
    starts = [f"tool_start t{n}" for n in range(count)]
    handler = record(*starts, *(line.replace("start", "end") for line in reversed(starts)))
    assert matches([any_order(*[PAIR] * count)], handler)
    patterned = [[event("tool_start", run=f"t{n}"), "tool_end"] for n in range(0, count, 50)]
    assert matches([any_order(*patterned, *[PAIR] * (count - len(patterned)))], handler)
    assert not matches([any_order(*[PAIR] * (count - 1), ["tool_start", "tool_error"])], handler)


def test_a_branch_moves_over_for_another() -> None:
    """
    A run that fits several branches serves the branch that no other run fits.
    """
    handler = record("tool_start a", "tool_start b", "tool_start c", "tool_end a", "tool_end b", "tool_end c")
    loose: list[Any] = ["tool_start", ...]
    only_a: list[Any] = [event("tool_start", run="a"), ...]
    a_or_b: list[Any] = [event("tool_start", under="nothing"), ...]
    assert matches([any_order(loose, loose, only_a)], handler)
    assert matches([any_order(only_a, loose, loose)], handler)
    assert not matches([any_order(only_a, only_a, loose)], handler)
    assert not matches([any_order(a_or_b, loose, loose)], handler)


def test_a_search_past_its_limit_is_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A search that passes its limit raises an error that names the branches; it neither hangs nor passes.
    """
    monkeypatch.setattr(concurrent_runs, "SEARCH_LIMIT", 50)
    starts = [f"tool_start t#{n}" for n in range(30)]
    handler = record(*starts, *(line.replace("start", "end") for line in starts))
    with pytest.raises(SearchLimitError) as caught:
        handler.assert_events([any_order(*[["tool_start", ..., "tool_end"]] * 29, ["tool_start", "tool_end"])])
    assert str(caught.value).splitlines() == [
        "expected to decide any_order within 50 steps, but these branches fit too many runs:",
        "  ['tool_start', ..., 'tool_end'] (29 times)",
        "  ['tool_start', 'tool_end']",
        "hint: name more of what tells the runs apart, as in event('chain_start', run='...'), and leave out",
        "      any ... before any_order.",
    ]


def test_the_limit_holds_for_gaps_before_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each place where `any_order` may begin behind a gap counts against the limit.
    """
    monkeypatch.setattr(concurrent_runs, "SEARCH_LIMIT", 500)
    handler = record(*["tool_start t", "tool_end t"] * 300)
    with pytest.raises(SearchLimitError, match="tool_error"):
        handler.assert_events([..., any_order(["tool_start", ..., "tool_error"], ["tool_start", ...]), ...])


def nest(depth: int, *beside: str) -> RecordingHandler:
    """Runs inside runs, with lines *beside* the start of each."""
    handler = RecordingHandler()
    starts = [f"chain_start r{n} < r{n - 1}" if n else "chain_start r0" for n in range(depth)]
    for number, start in enumerate(starts):
        record(start, *(f"{line}#{number} < r{number}" for line in beside), into=handler)
    return record(*(line.replace("_start", "_end") for line in reversed(starts)), into=handler)


@pytest.mark.parametrize(
    ("beside", "branches"),
    [
        ([], [PAIR, PAIR]),
        ([], [["chain_start", "chain_end"], ["chain_start", "chain_end"]]),
        ([], [["chain_start", ..., "tool_end"], ["chain_start", ..., "tool_end"]]),
        (["tool_start t", "tool_end t"], [PAIR, ["chain_start", ..., "tool_end"]]),
        (["tool_start t", "tool_end t"], [PAIR, [event("chain_start", run="other"), "chain_end"]]),
    ],
    ids=["other runs", "too few runs", "loose", "a pair in each", "patterns"],
)
def test_nested_runs_are_looked_at_once(beside: list[str], branches: list[Any], monkeypatch: Any) -> None:
    """
    Behind a gap, `any_order` takes a few steps for each of N nested runs, not N steps.
    """
    handler = nest(300, *beside)
    monkeypatch.setattr(concurrent_runs, "SEARCH_LIMIT", 10 * len(handler.names))
    assert failure(handler.assert_events, [..., any_order(*branches), ...]).startswith("expected any_order of 2 runs ")


def test_a_match_behind_a_gap_ends_the_search(monkeypatch: Any) -> None:
    """
    Between two gaps `any_order` is decided by the first runs that match it.
    """
    handler = nest(300, "tool_start t", "tool_end t")
    monkeypatch.setattr(concurrent_runs, "SEARCH_LIMIT", 2 * len(handler.names))
    handler.assert_events([..., any_order(PAIR, ["chain_start", ..., "chain_end"]), ...])


def test_one_group_at_two_depths() -> None:
    """
    A group that stands in a list twice asks for the same number of events inside a branch and outside.
    """
    group = any_order([many("text", min=5)])
    short = record("text a", "text a", *["text b"] * 4)
    assert not matches([any_order([group]), group], short)
    assert matches([any_order([group]), group], record(*["text a"] * 5, *["text b"] * 5))


def test_events_that_belong_to_no_run() -> None:
    """
    An event without a run id neither begins a run nor belongs to one.
    """
    handler = RecordingHandler()
    handler.on_text("a")
    message = failure(handler.assert_events, [any_order(["text"])])
    assert message.splitlines()[0] == (
        "expected any_order of 1 run from event 1 on, but event 1 (text of no run) does not begin a run"
    )


def test_many_places_before_any_order_cost_one_look_at_all_events() -> None:
    """
    Behind hundreds of runs that do not fit, `any_order` finds those that do, and says so where none can.
    """
    chains = [line for n in range(300) for line in (f"chain_start c#{n}", f"chain_end c#{n}")]
    handler = record(*chains, "tool_start a", "tool_end a", "tool_start b", "tool_end b")
    first, second = ["tool_start", event("tool_end", run="a")], ["tool_start", event("tool_end", run="b")]
    handler.assert_events([..., any_order(second, first), ...])
    text = failure(handler.assert_events, [..., any_order([..., event("tool_end", run="x"), ...], first), ...])
    assert " branch 1 found no run: tool_end of a has run='a', not" in text.splitlines()[0]
