"""How messages write values, counts, names, lists and hints."""

from __future__ import annotations

import pytest

from pytest_lc_callbacks import _words


class BrokenError(Exception):
    """Says nothing of itself."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (_words.truncate("abcdef", 6), "abcdef"),
        (_words.truncate("abcdefg", 6), "abc..."),
        (_words.truncate_middle("abcdefgh", 4), "ab ... gh"),
        (_words.one_line(" a\n b "), "a b"),
        (_words.repr_short("x" * 9, 8), "'xxxx..."),
        (_words.repr_short(int), "int"),
        (_words.repr_short(BrokenError()), "<BrokenError whose repr raised ValueError>"),
        (_words.error_text(BrokenError()), ""),
        (_words.error_line(ValueError("a\nb")), "ValueError('a\\nb')"),
        (_words.repr_short("a  b"), "'a  b'"),
        (_words.repr_short("key sk-proj-abcdefghijklmnopqrstuvwx", 40), "'key [redacted]'"),
        (_words.safe("sk-proj-abcdefghijklmnopqrstuvwx", 12), "[redacted]"),
        (_words.safe("a\n  b  c"), "a b c"),
        *((_words.repr_short(kind(range(10**5)), 8), text) for kind, text in ((list, "[0, 1..."), (tuple, "(0, 1..."))),
        (_words.repr_short(dict.fromkeys(range(10**5)), 8), "{0: N..."),
        (_words.label("a\n b"), "a b"),
        (len(_words.label("x" * 100_000)), 1_000),
        (_words.error_words(ValueError("a\nb")), "ValueError: a"),
        (_words.error_words(BrokenError()), "BrokenError"),
        (_words.string(BrokenError()), "<BrokenError>"),
        (_words.printable("a\x1b[1m\tb\n\x00\x08\r\x9b"), "a\\x1b[1m\tb\n\\x00\\x08\\r\\x9b"),
        (
            _words.printable("\u202e\u2066\u200b\ufeff\ud800\U000e0041"),
            "\\u202e\\u2066\\u200b\\ufeff\\ud800\\U000e0041",
        ),
        (
            _words.printable("äöü 你好 \N{PARTY POPPER} \N{NO-BREAK SPACE}"),
            "äöü 你好 \N{PARTY POPPER} \N{NO-BREAK SPACE}",
        ),
        (_words.count(1, "run"), "1 run"),
        (_words.count(1000, "run"), "1,000 runs"),
        (_words.count(2, "branch", "branches"), "2 branches"),
        (_words.more(3), "... and 3 more"),
        (_words.more(1, "run"), "... and 1 more run"),
        (_words.more(1000, "run"), "... and 1,000 more runs"),
        (_words.listing(["a", "b", "a"], 2), "a, b"),
        (_words.listing("abcd", 2), "a, b and 2 more"),
        (_words.first_lines(["a", "b"], 2), ["a", "b"]),
        (_words.first_lines(["a", "b", "c"], 1, "  "), ["a", "  ... and 2 more"]),
        (_words.last_lines(["a", "b"], 2), ["a", "b"]),
        (_words.last_lines(["a", "b", "c"], 1, "  "), ["  ... and 2 more before", "c"]),
        (_words.did_you_mean("chain_strt", ["chain_start", "tool_end"]), " (did you mean 'chain_start'?)"),
        (_words.did_you_mean("zzz", ["chain_start"]), ""),
        (_words.hint("why"), "hint: why"),
        (_words.possible("it failed.", ["a", "b"]), "hint: it failed. Possible causes:\n      - a\n      - b"),
    ],
)
def test_words(said, expected):
    """
    There is one way each to cut, count, list and hint.
    """
    assert said == expected


def test_a_hint_is_as_wide_as_any_other():
    """
    A hint fills lines of 100 columns, and what follows its first line stands under its text.
    """
    first, *others = _words.hint("word " * 60).splitlines()

    assert 90 < len(first) <= _words.WIDTH
    assert all(line.startswith("      word") for line in others)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\x00b\x07\x08", "a\\x00b\\x07\\x08"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("half \ud83d", "half \\ud83d"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("back\rto the start", "back\\rto the start"),
        ("a\u200db", "a\\u200db"),
        ("👨\u200d👩\u200d👧 and नि\u200dन, é, 日本", "👨\u200d👩\u200d👧 and नि\u200dन, é, 日本"),
    ],
    ids=ascii,
)
def test_joiners_and_halves(text, shown):
    """
    What would steer a terminal or hide from a reader is written out; all other characters stay.
    """
    assert _words.printable(text) == shown
