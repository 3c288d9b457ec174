"""Secrets taken out of text, and what is none."""

from __future__ import annotations

import re
import time

import pytest
from secrets_planted import NEAR_MISSES, PLANTED

from pytest_lc_callbacks._redaction import PROJECT, SHAPES, clean, is_secret_name, redact


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize(
    "around", ["{}", "before {} after", "(see {})", "x\n{}\ny", '"{}"', "a: {}, b: 2"], ids=range(6)
)
def test_kinds_of_secrets(kind, around):
    """
    Each kind of secret goes, wherever it stands.
    """
    text, secret = PLANTED[kind]

    shown = redact(around.format(text))

    assert secret not in shown
    assert "[redacted]" in shown


ESCAPES = ["\n", "\r\n", "\t", "\x1b[31m", "\x1b[0;1;32m", "\x07", "\u202e"]


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("before", ESCAPES, ids=ascii)
def test_secrets_after_an_escape(kind, before):
    """
    A secret behind a line end, a tabulator or a colour goes, also where the text is shown as its ``repr``.
    """
    text, secret = PLANTED[kind]

    whole = f"a{before}{text}{before}"

    for shown in (redact(whole), redact(repr(whole))):
        assert repr(secret)[1:-1] not in shown
        assert secret not in shown
        assert "[redacted]" in shown


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("before sk-proj-abcdefghijklmnopqrstuvwx, after", "before [redacted], after"),
        ("Authorization: Bearer abc.def-123456", "Authorization: [redacted]"),
        ("{'api_key': 'very private'}", "{'api_key': '[redacted]'}"),
        ('{"OPENAI_API_KEY": "very private"}', '{"OPENAI_API_KEY": "[redacted]"}'),
        ("call(api_key='very private', q='x')", "call(api_key='[redacted]', q='x')"),
        ("password = hunter22\nnext", "password = [redacted]\nnext"),
        ("client_secret: abcdef", "client_secret: [redacted]"),
        ("postgresql://user:hunter22@db/x", "postgresql://user:[redacted]@db/x"),
        (r'"{\"password\": \"hunter22\"}"', r'"{\"password\": \"[redacted]\"}"'),
        ("('api_key', 'very private')", "('api_key', '[redacted]')"),
    ],
)
def test_what_stays_beside_a_secret(text, without):
    """
    The name of a secret stays, and what stands around it.
    """
    assert redact(text) == without


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_other_text_stays(text):
    """
    Words that only look a little like secrets are left alone.
    """
    assert redact(text) == text


@pytest.mark.parametrize("kind", PLANTED)
def test_redacted_text_stays(kind):
    """
    A text that was redacted is redacted already.
    """
    once = redact(PLANTED[kind][0])

    assert redact(once) == once


@pytest.mark.parametrize("filler", ["a", "a-", "a.", "token=", "key ", "://", "sk-", "'", "\\", "\n", "password: "])
def test_long_texts_cost_little(filler):
    """
    A text of a megabyte is redacted in seconds, whatever it repeats.
    """
    text = filler * (1_000_000 // len(filler))
    began = time.process_time()

    redact(text)

    assert time.process_time() - began < 10


def test_markers():
    """
    A shape is searched where one of its markers is: each shape's pattern matches nothing that has none.
    """
    for text, _ in PLANTED.values():
        for shape in SHAPES:
            if re.search(shape.pattern, text):
                assert any(marker in text for marker in shape.markers), shape.name


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("api_key", True),
        ("OPENAI_API_KEY", True),
        ("openai_api_key", True),
        ("clientSecret", True),
        ("Authorization", True),
        ("X-Api-Key", True),
        ("password", True),
        ("set-cookie", True),
        ("token", True),
        ("max_tokens", False),
        ("input_tokens", False),
        ("monkey", False),
        ("key", False),
        ("author", False),
        ("tool_call_id", False),
        ("signature_count", False),
    ],
)
def test_names_of_secrets(name, is_secret):
    """
    The value of a key is a secret if the key's name says so.
    """
    assert is_secret_name(name) is is_secret


def test_rules_of_a_project():
    """
    A regular expression's matches go, and a function's text is taken as it is.
    """
    rules = [r"cust-\d+", re.compile("ACME"), str.lower]

    assert redact("Cust cust-4711 of ACME", rules) == "cust [redacted] of [redacted]"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (7, "expected a regular expression or a function of the text, not int"),
        ({"key": "hunter22"}, "expected a regular expression or a function of the text, not dict"),
        (lambda text: None, "expected a text from <lambda>, not NoneType"),
        (lambda text: [text], "expected a text from <lambda>, not list"),
    ],
    ids=range(4),
)
def test_a_rule_that_is_none(rule, message):
    """
    Anything else is refused with its type, and without a word of it or of the text.
    """
    with pytest.raises(TypeError, match=rf"^{re.escape(message)}$"):
        redact("text", [rule])


def test_the_project_whose_tests_run_names_its_rules():
    """
    The rules of the project are asked while its tests run, and those of a pytest inside pytest before those around it.
    """

    def outer():
        return ["outer"]

    def inner():
        return ["inner"]

    PROJECT.begin(outer)
    PROJECT.begin(inner)
    innermost = clean("outer inner")
    PROJECT.end(inner)
    around = clean("outer inner")
    PROJECT.end(outer)
    PROJECT.end(outer)

    assert (innermost, around, clean("outer inner")) == ("outer [redacted]", "[redacted] inner", "outer inner")


def test_a_rule_that_goes_wrong_lets_nothing_out():
    """
    Where a rule of the project raises, the whole text is withheld.
    """

    def broken():
        return [lambda text: 1 / 0]

    PROJECT.begin(broken)
    said = clean("a secret")
    PROJECT.end(broken)

    assert said == "(withheld: a rule of pytest_lc_callbacks_redact raised ZeroDivisionError)"


def test_an_entry_after_the_name_of_an_event_is_no_secret() -> None:
    """
    What follows ``"llm_new_token"`` in a list or a call stays; what follows ``"token"`` does not.
    """
    call = 'event("llm_new_token", run_type="llm"), event("on_llm_new_token"),\n"llm_new_token",\n"llm_error"'
    assert redact(call) == call
    assert redact('event("llm_new_token", auth="abc12345678")') == 'event("llm_new_token", auth="[redacted]")'
    for secret in ('("token", "abcdefghijkl=")', '("token", auth=abcdef123456)', "token: abcdefgh12345="):
        assert "abc" not in redact(secret)
