"""The tools that ran, and assert_tool_calls."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool

from pytest_lc_callbacks import RecordingHandler

ITEMS: dict[Any, Any] = {"hotel": "Ritz", ...: ...}


@tool
def search(q: str) -> str:
    """Search."""
    return f"found {q}"


@tool
def book(hotel: str, nights: int = 1) -> str:
    """Book."""
    if nights > 9:
        raise ValueError("too long")
    return "booked"


@pytest.fixture
def handler():
    """A handler that heard two searches and a booking between them."""
    handler = RecordingHandler()
    config: Any = {"callbacks": [handler]}
    search.invoke({"q": "a"}, config)
    book.invoke({"type": "tool_call", "id": "c1", "name": "book", "args": {"hotel": "Ritz", "nights": 2}}, config)
    search.invoke({"q": "b"}, config)
    return handler


def failure(handler: RecordingHandler, *args: Any, **options: Any) -> str:
    """The message of a failed assert_tool_calls."""
    with pytest.raises(AssertionError, match=r"^expected .*, but ") as raised:
        handler.assert_tool_calls(*args, **options)
    return str(raised.value)


def test_what_a_tool_call_says(handler):
    """
    A tool that ran has a name, arguments, an output, whether it failed, and its run.
    """
    first, second, _ = handler.tool_calls

    assert (first.name, first.args, first.output, first.failed) == ("search", {"q": "a"}, "found a", False)
    assert second.args == {"hotel": "Ritz", "nights": 2}
    assert isinstance(second.output, ToolMessage)
    assert first.run is handler.runs[0]


def test_a_tool_that_raised_failed():
    """
    A tool whose run ended with an error has failed, and has no output.
    """
    handler = RecordingHandler()
    with pytest.raises(ValueError, match="too long"):
        book.invoke({"hotel": "Ritz", "nights": 10}, {"callbacks": [handler]})

    [call] = handler.tool_calls

    assert (call.failed, call.output) == (True, None)


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        (["search", "book", "search"], {}),
        ([("search", {"q": "a"}), "book", ("search", {"q": "b"})], {}),
        (["search", ("book", ITEMS), "search"], {}),
        ([..., "book", ...], {}),
        ([..., "search", ..., ("search", {"q": "b"})], {}),
        ([..., "search"], {}),
        (["search", ...], {}),
        (["book", "search", "search"], {"any_order": True}),
        ([("search", {"q": "b"}), "search", "book"], {"any_order": True}),
    ],
)
def test_calls_that_are_as_expected(handler, expected, options):
    """
    A name leaves the arguments open, ``...`` the calls between, and ``{...: ...}`` the other arguments.
    """
    handler.assert_tool_calls(expected, **options)


@pytest.mark.parametrize(
    ("expected", "options", "first_line"),
    [
        (["search"], {}, "expected no tool call after call 1, but book(hotel='Ritz', nights=2) ran"),
        (["book", "search"], {}, "expected book as tool call 1, but search(q='a') ran"),
        ([], {}, "expected no tool call, but search(q='a') ran"),
        (
            ["search", ("book", {"hotel": "Ritz"}), "search"],
            {},
            "expected book(hotel='Ritz') as tool call 2, but it was called with nights=2",
        ),
        (
            [..., ("search", {"q": "c"}), ...],
            {},
            "expected search(q='c') somewhere, but it was called with q='a'",
        ),
        ([..., "fly", ...], {}, "expected fly somewhere, but no tool of that name ran"),
        (["search", "book", "search", "fly"], {}, "expected fly as tool call 4, but no more tool ran"),
        (
            ["search", "search"],
            {"any_order": True},
            "expected no other tool call, but book(hotel='Ritz', nights=2) ran",
        ),
        (
            ["search", "search", ("book", {"hotel": "Ritz", "stars": 5, ...: ...})],
            {"any_order": True},
            "expected book(hotel='Ritz', stars=5, ...), but it was called with no stars",
        ),
    ],
)
def test_calls_that_are_not(handler, expected, options, first_line):
    """
    The first line names the expected call and what ran instead, with the arguments that differ.
    """
    said = failure(handler, expected, **options)

    assert said.splitlines()[0] == first_line
    assert "    2  book(hotel='Ritz', nights=2)" in said


def test_the_calls_to_paste_pass(handler):
    """
    The list at the end of a failure passes when it is pasted.
    """
    pasted = failure(handler, ["fly"]).partition("as recorded: ")[2]

    assert pasted.startswith("assert_tool_calls([(\"search\", {'q': 'a'}), ")
    eval(f"handler.{pasted}", {"handler": handler})


def test_no_tool_ran():
    """
    ``[]`` holds where something was recorded and no tool ran; over nothing every list fails.
    """
    handler = RecordingHandler()
    assert "nothing was recorded, so nothing was checked" in failure(handler, [])
    handler.on_chain_start(None, {}, run_id=__import__("uuid").uuid4(), name="chain")

    handler.assert_tool_calls([])
    assert "no tool ran" in failure(handler, ["search"])


@pytest.mark.parametrize(
    ("expected", "options", "error"),
    [
        ("search", {}, TypeError),
        ([3], {}, TypeError),
        ([("search",)], {}, TypeError),
        ([...], {}, ValueError),
        ([..., "search"], {"any_order": True}, ValueError),
    ],
)
def test_lists_that_check_nothing(handler, expected, options, error):
    """
    What is no list of tool calls is refused, and so is a list that everything matches.
    """
    with pytest.raises(error, match="assert_tool_calls"):
        handler.assert_tool_calls(expected, **options)
