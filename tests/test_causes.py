"""The causes that LangChain is known for, and their page of the guide."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_lc_callbacks._causes import CAUSES, REPLACED

PAGE = Path(__file__).resolve().parents[1].joinpath("docs", "causes.md").read_text(encoding="utf-8")
# The text under each heading of the page.
SECTIONS = {
    section.partition("\n")[0]: section.partition("\n")[2]
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
}

# What a cause may begin with beside a capital letter.
CODE = (
    "raise_error",
    "bind_tools",
    "response.",
    "run()",
    "with_config",
    "get_usage_metadata_callback()",
    "langgraph",
    "model_copy(",
)


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
    assert cause.says[0].isupper() or cause.says.startswith(CODE)
    assert cause.says.endswith(".")


def test_the_page_has_every_cause_and_no_other():
    """
    The page has a heading for each cause, in the order of `CAUSES`, and its introduction links to each of them.
    """
    introduction = PAGE.partition("\n## ")[0]

    assert list(SECTIONS) == list(CAUSES)
    assert re.findall(r"\[([a-z-]+)\]\(#\1\)", introduction) == list(CAUSES)


@pytest.mark.parametrize("name", CAUSES)
def test_every_paragraph_is_complete(name):
    """
    A paragraph begins with one short sentence, says where it is known from, shows a test and ends with the mend.
    """
    first, _, rest = SECTIONS[name].strip().partition("\n\n")
    prose, _, example = rest.partition("```python\n")
    mend = example.rpartition("```\n")[2].strip()

    assert re.fullmatch(r"[A-Z`].{10,74}\.", first), first
    assert "measured" in prose, prose
    assert "def test_" in example
    assert mend.endswith(".")


@pytest.mark.parametrize("name", CAUSES)
def test_what_a_paragraph_shows_names_the_cause(name):
    """
    Where the test of a paragraph fails, the output that the page shows has the cause's name in brackets.
    """
    shown = re.findall(r"<!-- output -->\n```\n(.*?)```\n", SECTIONS[name], re.DOTALL)

    assert (f"[{name}]" in "".join(shown)) == ("<!-- outcome: " in SECTIONS[name])


@pytest.mark.parametrize("name", [name for name in CAUSES if CAUSES[name].source.startswith("langchain-ai/")])
def test_an_issue_is_named_on_the_page(name):
    """
    Where the source of a cause is an issue of LangChain's, its paragraph names it.
    """
    assert CAUSES[name].source in SECTIONS[name]
