"""A short text that a regular expression matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lc_callbacks._fake.matching_text import matching_text


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^\d{4}-(0[1-9]|1[0-2])-\d{2}$", "0000-01-00"),
        (r"^#[0-9a-fA-F]{6}$", "#aaaaaa"),
        (r"^[^\s@]+@[^\s@]+\.[a-z]{2,}$", "a@a.aa"),
        (r"^(?:foo|bar)+?$", "foo"),
        (r"^[^a-z0]$", "A"),
        (r"^[\u4e00-\u9fa5].$", "\u4e00a"),
        (r"\bx*", None),
        (r"^(?!a)\w$", None),
        (r"^\p{L}$", None),
        (r"(", None),
        ("", ""),
    ],
    ids=str,
)
def test_matching_text(pattern, text):
    """
    First choices and fewest repeats make the text; where they do not match, or Python cannot read it, there is none.
    """
    assert matching_text(pattern) == text


PIECES = st.sampled_from(["a", "[b-d]", r"\d", r"[^\w]", "(x|y)", ".", r"\.", "(?:ab)", r"[\s-]", "[^a0A]"])
REPEATS = st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}", "+?"])


@given(st.lists(st.tuples(PIECES, REPEATS).map("".join)).map("".join))
def test_it_matches(pattern):
    """
    Of a pattern without conditions the text is always found, and matches.
    """
    assert re.fullmatch(pattern, str(matching_text(pattern)))
