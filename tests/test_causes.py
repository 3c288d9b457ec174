"""The causes that LangChain is known for, and their page of the guide."""

from __future__ import annotations

import pytest

from pytest_lc_callbacks._causes import CAUSES, REPLACED


def test_a_hint_says_the_facts_then_what_langchain_does_then_the_name():
    """
    A hint is the facts, the cause's own words and its short name in brackets, in lines of at most 100 columns.
    """
    text = REPLACED.hint("child was called inside outer with callbacks of its own.")

    assert text.startswith("hint: child was called inside outer with callbacks of its own. Inside a function, a")
    assert text.endswith("[replaced-callbacks]")
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("cause", CAUSES.values(), ids=list(CAUSES))
def test_every_cause_has_its_source(cause):
    """
    A cause names the versions it was measured with, or an issue, and speaks in whole sentences.
    """
    assert cause.source.startswith(("measured, ", "langchain-ai/"))
    assert cause.says[0].isupper() or cause.says.startswith(("raise_error", "bind_tools", "response."))
    assert cause.says.endswith(".")
