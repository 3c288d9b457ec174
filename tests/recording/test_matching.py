"""Whether a sequence of events matches a list, and where they part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from recordings import CHAIN, CHAIN_NAMES, matches, mismatch, moves, play, record, spell

from pytest_lc_callbacks import event, many
from pytest_lc_callbacks._recording import concurrent_runs
from pytest_lc_callbacks._recording.mismatch import NoSuchEvent

if TYPE_CHECKING:
    import pytest

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
    The mismatch is where the two lists first differ, for names and for patterns alike.
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


def test_a_match_needs_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A list without `any_order` is never limited.
    """
    monkeypatch.setattr(concurrent_runs, "SEARCH_LIMIT", 0)
    assert matches([..., *CHAIN_NAMES, ...], record(*CHAIN * 20))


class Counted:
    """A value that counts how often it is compared."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.times = 0

    def __eq__(self, other: object) -> bool:
        self.times += 1
        return self.value == other

    __hash__ = None  # type: ignore[assignment]  # as classes with __eq__ have it


def test_a_list_that_ends_in_a_gap_is_decided_at_once() -> None:
    """
    The search compares no event behind the point where only a last ``...`` is left of the list.
    """
    text = Counted("x")
    assert matches([..., event("text", text=text), ...], spell("yx" + "y" * 100))
    assert text.times == 2


def test_an_exact_part_compares_one_event_with_one_pattern() -> None:
    """
    A list without choices compares each pattern with the one event in its place.
    """
    texts = [Counted("x") for _ in range(50)]
    assert matches([event("text", text=text) for text in texts], spell("x" * 50))
    assert [text.times for text in texts] == [1] * 50
