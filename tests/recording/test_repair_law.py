"""Two thousand failures, of real runs and lists in which one thing is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import pytest
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from recordings import failure

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, any_order, event, many
from pytest_lc_callbacks._recording.matching import find_mismatch
from pytest_lc_callbacks._recording.patterns import EventPattern, compile_items

WORDS = {"event": event, "many": many, "any_order": any_order, "ANY": ANY}


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sun in {city}"


def chain(handler: RecordingHandler) -> None:
    """A prompt and a model."""
    model = FakeChatModel(responses=["yes"])
    (ChatPromptTemplate.from_template("{q}") | model).invoke({"q": "x"}, {"callbacks": [handler], "tags": ["prod"]})


def stream(handler: RecordingHandler) -> None:
    """A model that streams."""
    list(FakeChatModel(responses=["one two three"]).stream("x", {"callbacks": [handler]}))


def parallel(handler: RecordingHandler) -> None:
    """Two steps side by side, one after the other."""
    steps = RunnableParallel(a=RunnableLambda(str.upper, name="up"), b=RunnableLambda(str.lower, name="down"))
    steps.invoke("x", {"callbacks": [handler], "max_concurrency": 1})


def tools(handler: RecordingHandler) -> None:
    """What an agent does: a model, two tools, a model."""

    def run(question: str) -> str:
        FakeChatModel(responses=["call"]).invoke(question)
        return str([weather.invoke({"city": city}) for city in ("Oslo", "Rome")])

    RunnableLambda(run, name="agent").invoke("x", {"callbacks": [handler], "metadata": {"tenant": "x"}})


PROGRAMS: list[Callable[[RecordingHandler], None]] = [chain, stream, parallel, tools]


@pytest.fixture(scope="module")
def handlers() -> list[RecordingHandler]:
    """What each program sent."""
    heard = [RecordingHandler() for _ in PROGRAMS]
    for program, handler in zip(PROGRAMS, heard, strict=True):
        program(handler)
    return heard


def pattern(handler: RecordingHandler, index: int, chance: random.Random) -> EventPattern:
    """A pattern for the event at this *index*, with one to three attributes that it has."""
    there = handler[index]
    parent = there.run.parent if there.run is not None else None
    known: dict[str, Any] = {"run": there.run_name, "run_type": there.run_type, "parent": parent and parent.name}
    if isinstance(there.text, str):
        known["text"] = there.text
    if there.name == "tool_start":
        known["inputs"] = {**there.inputs, ...: ...}
    keys = chance.sample(sorted(known), chance.randint(1, 3))
    return event(there.name, **{key: known[key] for key in keys})  # type: ignore[arg-type, misc]


def right_list(handler: RecordingHandler, chance: random.Random) -> list[Any]:
    """A list with each kind of entry that matches what *handler* recorded."""
    items: list[Any] = []
    for index, name in enumerate(handler.names):
        kind = chance.random()
        if kind < 0.2 and items and items[-1] is not ...:
            items.append(...)
        elif kind < 0.6:
            items.append(pattern(handler, index, chance))
        elif kind < 0.7:
            items.append(many(name))
        else:
            items.append(name)
    return items


def spoil(items: list[Any], chance: random.Random) -> list[Any]:
    """*items* with one entry changed, added or left out."""
    at = chance.randrange(len(items))
    there, how = items[at], chance.choice(["value", "name", "insert", "remove"])
    if how == "value" and isinstance(there, EventPattern):
        key = chance.choice(sorted(there.attributes))
        wrong = EventPattern(there.name, {**there.attributes, key: {"city": "Paris"} if key == "inputs" else "wrong"})
        return [*items[:at], wrong, *items[at + 1 :]]
    if how == "name" and isinstance(there, str):
        return [*items[:at], "retry", *items[at + 1 :]]
    return [*items[:at], "retry", *items[at:]] if how == "insert" else [*items[:at], *items[at + 1 :]]


def test_the_pasted_list_passes_and_keeps_what_was_right(handlers: list[RecordingHandler]) -> None:
    """
    For 2,000 lists with one thing wrong the list to paste passes, and all entries of the test but one are in it.
    """
    chance, failed, lost = random.Random(11), 0, []
    while failed < 2_000:
        handler = chance.choice(handlers)
        items = spoil(right_list(handler, chance), chance)
        is_bare = all(isinstance(item, str) for item in items)
        if is_bare or all(item is ... for item in items):
            continue
        if find_mismatch(compile_items(items), handler._selection) is None:
            continue
        failed += 1
        text = failure(handler.assert_events, items).partition("as recorded: assert_events(")[2]
        assert "[redacted]" not in text, (items, text)
        pasted = eval(text.rpartition(")\n  (ANY")[0] or text[:-1], dict(WORDS))
        handler.assert_events(pasted)
        before, after = [*map(repr, items)], [*map(repr, pasted)]
        kept = sum(min(before.count(item), after.count(item)) for item in set(before) - {"Ellipsis"})
        if kept < len(before) - before.count("Ellipsis") - 1 or len(after) > len(before) + 1:
            lost.append((items, pasted))
    assert not lost, f"{len(lost)} of {failed}, the first: {lost[0]}"
