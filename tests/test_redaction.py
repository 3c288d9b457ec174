"""Secrets taken out of text, and what is none."""

from __future__ import annotations

import re

import pytest

from pytest_lc_callbacks._redaction import PROJECT, clean, redact


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnopqrstuvwx",
        "sk-ant-api03-abcdefghijklmnopqrstuv",
        "sk-abcdefghijklmnopqrstuvwxyz012345",
        "lsv2_pt_0123456789abcdef0123456789abcdef_0123456789",
        "AIzaSyA0123456789abcdefghijklmnopqrstuv",
        "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
        "github_pat_0123456789abcdefghijklmnopqrstuvwxyz",
        "xoxb-123456789012-abcdefghijkl",
        "AKIAIOSFODNN7EXAMPLE",
        "hf_abcdefghijklmnopqrstuvwxyz",
        "gsk_abcdefghijklmnopqrstuvwxyz",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123",
    ],
)
def test_keys_are_known_by_their_looks(secret):
    """
    The keys of providers and services are taken out wherever they stand.
    """
    text = redact(f"before {secret}, after")

    assert text == "before [redacted], after"


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer [redacted]"),
        ("{'api_key': 'very private'}", "{'api_key': '[redacted]'}"),
        ('{"OPENAI_API_KEY": "very private"}', '{"OPENAI_API_KEY": "[redacted]"}'),
        ("call(api_key='very private', q='x')", "call(api_key='[redacted]', q='x')"),
        ("password = hunter22\nnext", "password = [redacted]\nnext"),
        ("client_secret: abcdef", "client_secret: [redacted]"),
        ("postgresql://user:hunter22@db/x", "postgresql://user:[redacted]@db/x"),
    ],
)
def test_secrets_are_known_by_their_names(text, without):
    """
    The value of a key, a token or a password is taken out, and its name stays.
    """
    assert redact(text) == without


@pytest.mark.parametrize(
    "text",
    [
        "The capital of France is Paris.",
        "risk-free and task-oriented, sk-learn",
        "api_key=None and password: ''",
        "api_key=SecretStr('**********')",
        "https://example.com:8080/path",
        "input_tokens: 12, total_tokens: 15",
        "the token budget, a secret plan",
    ],
)
def test_other_text_stays(text):
    """
    Words that only look a little like secrets stay.
    """
    assert redact(text) == text


def test_rules_of_a_project():
    """
    A project's rule is a regular expression whose matches are replaced, or a function whose text is taken.
    """
    rules = [r"cust-\d+", re.compile("ACME"), str.lower]

    assert redact("Cust-1 of ACME: cust-1", rules) == "cust-1 of [redacted]: [redacted]"


@pytest.mark.parametrize(
    ("rule", "message"),
    [(3, "expected a regular expression or a function of the text, not 3"), (lambda text: None, "not None")],
)
def test_rules_that_are_none(rule, message):
    """
    A rule that is neither is refused with a TypeError, and lets no secret through.
    """
    with pytest.raises(TypeError, match=message):
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
