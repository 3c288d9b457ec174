"""Whether a sequence of events matches a list, and where they part."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from recordings import CHAIN, CHAIN_NAMES, failure, moves, play, record, run_id, select

from pytest_lc_callbacks import RecordingHandler, any_order, event, many
from pytest_lc_callbacks._recording import concurrent_runs
from pytest_lc_callbacks._recording.concurrent_runs import SearchLimitError
from pytest_lc_callbacks._recording.matching import find_mismatch
from pytest_lc_callbacks._recording.mismatch import Mismatch, NoSuchEvent
from pytest_lc_callbacks._recording.patterns import compile_items


def mismatch(expected: list[Any], handler: RecordingHandler) -> Mismatch | None:
    """Where *expected* and what the handler received part."""
    return find_mismatch(compile_items(expected), select(handler))


def matches(expected: list[Any], handler: RecordingHandler) -> bool:
    """Whether there is no mismatch."""
    return mismatch(expected, handler) is None


# Exact lists.


@given(moves(), st.data())
def test_an_exact_list_matches_what_is_equal_to_it(happenings: Any, data: Any) -> None:
    """
    A list of names matches if and only if the recorded names are equal to it.
    """
    handler = play(happenings)
    expected = list(handler.names)
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(expected)))
        expected[at : at + data.draw(st.integers(0, 1))] = data.draw(st.lists(st.sampled_from(CHAIN_NAMES), max_size=1))
    assert matches(expected, handler) is (expected == handler.names)


@given(moves(), st.data())
def test_an_exact_mismatch_is_the_first_difference(happenings: Any, data: Any) -> None:
    """
    The mismatch is where the two lists first differ, also if a pattern in the list rules out the short way.
    """
    names = play(happenings).names
    other = data.draw(st.lists(st.sampled_from(CHAIN_NAMES), max_size=3))
    at = data.draw(st.integers(0, len(names)))
    expected = names[:at] + other
    found = mismatch(expected, play(happenings))
    slow = mismatch([event(name) for name in expected], play(happenings))
    if expected == names:
        assert found is slow is None
        return
    assert found is not None
    assert slow is not None
    assert found.at == slow.at
    assert names[: found.at] == expected[: found.at]
    assert names[found.at : found.at + 1] != expected[found.at : found.at + 1]


# Patterns, against the regular expressions they amount to.

LETTERS = {"x": ("text", "x"), "y": ("text", "y"), "r": ("retry", None), "f": ("agent_finish", None)}
ITEMS: dict[str, Any] = {
    "[xy]": "text",
    "r": "retry",
    "f": "agent_finish",
    "x": event("text", text="x"),
    "y": event(text="y"),
    "[xyr]+": many("text", "retry"),
    "[xyr]*": many("text", "retry", min=0),
    "x{2,}": many(event("text", text="x"), min=2),
    "[yf]{0,}": many(event("text", text="y"), "agent_finish", min=0),
    ".*": ...,
}
WILD = {".*", "[xyr]*", "[yf]{0,}"}


def spell(letters: str) -> RecordingHandler:
    """A handler that received an event for each letter, all in one run."""
    handler = RecordingHandler()
    for letter in letters:
        name, text = LETTERS[letter]
        getattr(handler, f"on_{name}")(text, run_id=run_id("one"))
    return handler


def accepted_lists() -> st.SearchStrategy[list[str]]:
    """Lists of items that are not refused for matching everything."""
    lists = st.lists(st.sampled_from(sorted(ITEMS)), max_size=6)
    return lists.filter(lambda items: not (".*" in items and WILD.issuperset(items)))


@example(["[xyr]+", "[xy]", "r"], "xxxr")
@settings(max_examples=500)
@given(accepted_lists(), st.text("xyrf", max_size=9))
def test_patterns_match_as_regular_expressions_do(items: list[str], letters: str) -> None:
    """
    A list with patterns matches exactly the sequences that the regular expression of the same meaning matches.
    """
    expected = re.fullmatch("".join(items), letters) is not None
    assert matches([ITEMS[item] for item in items], spell(letters)) is expected


@given(accepted_lists(), st.text("xyrf", max_size=9))
def test_a_mismatch_is_where_the_last_reading_ends(items: list[str], letters: str) -> None:
    """
    What comes before a mismatch could be the beginning of a match; with the event there it could not.
    """
    found = mismatch([ITEMS[item] for item in items], spell(letters))
    if found is None or isinstance(found, NoSuchEvent) or ".*" in items:
        return

    def begins(text: str) -> bool:
        prefixes = ["".join(items[:n]) for n in range(len(items) + 1)]
        # A prefix may end inside an item that wants two.
        return any(re.fullmatch(prefix, text + more) for prefix in prefixes for more in ("", "x", "xx"))

    assert begins(letters[: found.at])
    if found.expected and found.at < len(letters):
        assert not any(re.fullmatch("".join(items[:n]), letters[: found.at + 1]) for n in range(len(items) + 1))


def test_many_gaps_take_no_longer_than_few() -> None:
    """
    A list on which a backtracking search would take for ever is decided at once.
    """
    assert not matches([..., many("text", "retry", min=0), "text"] * 30 + ["agent_finish"], spell("xr" * 500))


def test_more_events_than_there_are() -> None:
    """
    A ``min`` that no recording reaches is a mismatch, not a wait.
    """
    found = mismatch([many("text", min=10**9)], spell("xx"))
    assert found is not None
    assert found.at == 2


@pytest.mark.parametrize(
    ("expected", "letters", "first_line"),
    [
        (["text"], "r", "expected 'text' as event 1, but the handler recorded 'retry'"),
        (["text", "retry"], "x", "expected 'retry' as event 2, but the handler recorded only 1 event"),
        (["text"], "xr", "expected nothing after event 1, but the handler recorded 'retry'"),
        (["text"], "xrr", "expected nothing after event 1, but the handler recorded 'retry' and 1 event more"),
        ([], "xr", "expected no events, but the handler recorded 'text' and 1 event more"),
        (
            [event("text", text="y")],
            "x",
            "expected event('text', text='y') as event 1, but the handler recorded 'text' with text='x'",
        ),
        (
            [..., "agent_finish"],
            "xr",
            "expected 'agent_finish' somewhere after the beginning, but it was none of the 2 events from there on",
        ),
        (
            [..., event("text", text="z"), ...],
            "rxy",
            "expected event('text', text='z') somewhere after the beginning, but the first of 2 of that name, event 2, "
            "is 'text' with text='x'",
        ),
        (
            ["retry", ..., event("text", text="x")],
            "ry",
            "expected event('text', text='x') somewhere after event 1, but the only one of that name, event 2, is "
            "'text' with text='y'",
        ),
        (
            ["text", ..., "agent_finish", "text"],
            "xrf",
            "expected 'text' as event 4, but the handler recorded only 3 events",
        ),
        (
            ["text", ..., "agent_finish", ..., "agent_finish"],
            "xrf",
            "expected 'agent_finish' somewhere after event 3, but the handler recorded nothing more",
        ),
        (
            [many("text"), "agent_finish"],
            "xxr",
            "expected many('text') or 'agent_finish' as event 3, but the handler recorded 'retry'",
        ),
        ([many("text", min=2)], "xr", "expected many('text', min=2) as event 2, but the handler recorded 'retry'"),
        ([many("text")], "", "expected many('text') as event 1, but nothing was recorded"),
        ([many("text", min=0)], "", "expected many('text', min=0) as event 1, but nothing was recorded"),
        ([..., "text"], "", "expected 'text', but nothing was recorded"),
    ],
)
def test_the_first_line_says_what_differs(expected: list[Any], letters: str, first_line: str) -> None:
    """
    The first line of a failure says ``expected ..., but ...``, and is understood without the rest.
    """
    assert failure(spell(letters).assert_events, expected).splitlines()[0] == first_line


# Concurrent runs.


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
            "expected any_order of 2 runs from event 2 on, but in branch 2 the run a sent 'tool_error' as its event 2, "
            "not 'tool_end'",
        ),
        (
            [A, B, B_END],
            "expected any_order of 2 runs from event 2 on, but in branch 2 the run a sent no more as its event 2, "
            "not 'tool_end'",
        ),
        (
            [A, B, "tool_error b < c", "tool_error a < c"],
            "expected any_order of 2 runs from event 2 on, but none of the 2 runs that began there is left for "
            "branch 1",
        ),
        (
            [A, A_END],
            "expected any_order of 2 runs from event 2 on, but event 4 (chain_end of c) came between and belongs to "
            "none of those runs",
        ),
        (
            [A, "custom_event c", B, A_END, B_END],
            "expected any_order of 2 runs from event 2 on, but event 3 (custom_event of c) came between and belongs "
            "to none of those runs",
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
    A failure inside `any_order` names the branch and the run, or what came between.
    """
    handler = record("chain_start c", *lines, "chain_end c")
    message = failure(handler.assert_events, ["chain_start", any_order(PAIR, PAIR), "chain_end"])
    assert message.splitlines()[0] == first_line


def test_the_evidence_of_any_order() -> None:
    """
    Below the first line stand the branch, what each run sent, and which branch a run serves.
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
    Behind ``...`` the failure is told of the place where the runs came nearest, not of the last event.
    """
    handler = record("chain_start c", A, B, B_END, "tool_error a < c", "chain_end c")
    message = failure(handler.assert_events, [..., any_order(PAIR, PAIR), ...])
    assert message.splitlines()[0] == (
        "expected any_order of 2 runs somewhere, but from event 2 on in branch 2 the run a sent 'tool_error' as its "
        "event 2, not 'tool_end'"
    )


def test_runs_are_told_apart_by_id() -> None:
    """
    Events that would match if they were dealt out by name alone do not match if a run has the wrong ones.
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
    A run that fits several branches is given to the one that nobody else can serve.
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
    A search that would take too long raises and names the branches; it neither hangs nor passes.
    """
    monkeypatch.setattr(concurrent_runs, "SEARCH_LIMIT", 500)
    starts = [f"tool_start t#{n}" for n in range(30)]
    handler = record(*starts, *(line.replace("start", "end") for line in starts))
    with pytest.raises(SearchLimitError) as caught:
        handler.assert_events([any_order(*[["tool_start", ..., "tool_end"]] * 29, ["tool_start", "tool_end"])])
    assert str(caught.value).splitlines() == [
        "expected to decide any_order within 500 steps, but these branches fit too many runs:",
        "  ['tool_start', ..., 'tool_end'] (29 times)",
        "  ['tool_start', 'tool_end']",
        "hint: name more of what tells the runs apart, as in event('chain_start', run='...'), and leave out any ... "
        "before any_order.",
    ]


def test_the_limit_holds_for_gaps_before_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A gap before `any_order`, which may begin anywhere, counts against the limit.
    """
    monkeypatch.setattr(concurrent_runs, "SEARCH_LIMIT", 500)
    handler = record(*["tool_start t", "tool_end t"] * 300)
    with pytest.raises(SearchLimitError, match="tool_error"):
        handler.assert_events([..., any_order(["tool_start", ..., "tool_error"], ["tool_start", ...]), ...])


def test_a_match_needs_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A list without `any_order` is never limited.
    """
    monkeypatch.setattr(concurrent_runs, "SEARCH_LIMIT", 0)
    assert matches([..., *CHAIN_NAMES, ...], record(*CHAIN * 20))
