"""The words of the little grammar: what they take, what they refuse, and what an attribute means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from recordings import CHAIN, record

from pytest_lc_callbacks import Event, RecordingHandler, any_order, event, many

LIST = "assert_events takes a list of events, not "
ENTRY = "assert_events: an entry is an event's name, ..., event(), many() or any_order(), not "


@pytest.mark.parametrize(
    ("expected", "error", "message"),
    [
        ("llm_end", TypeError, LIST + "a string: write ['llm_end']"),
        ({"llm_end"}, TypeError, LIST + "a set: events have an order, and a set has none"),
        (None, TypeError, LIST + "None"),
        ({"llm_end": 1}, TypeError, LIST + "{'llm_end': 1}"),
        (..., TypeError, LIST + "... alone: write [...]"),
        (event("llm_end"), TypeError, LIST + "event('llm_end') alone: write [event('llm_end')]"),
        (many("llm_end"), TypeError, LIST + "many('llm_end') alone: write [many('llm_end')]"),
        ({"llm_end": 1}.keys(), TypeError, LIST + "dict_keys(['llm_end']): write list(...) around it"),
        (
            RecordingHandler(),
            TypeError,
            LIST + "<RecordingHandler: 0 events, 0 runs>: to compare two recordings, write its .names",
        ),
        (["llm_end", None], TypeError, ENTRY + "None"),
        ([1], TypeError, ENTRY + "1"),
        ([ValueError], TypeError, ENTRY + "ValueError"),
        (
            [["llm_end"]],
            TypeError,
            "assert_events: a list inside the list; concurrent runs are any_order([...], [...])",
        ),
        ([event], TypeError, "assert_events: event has to be called, as in event(...)"),
        ([many], TypeError, "assert_events: many has to be called, as in many(...)"),
        ([any_order], TypeError, "assert_events: any_order has to be called, as in any_order(...)"),
        (
            [Event(name="llm_end")],
            TypeError,
            "assert_events: <Event llm_end of an unknown run> was recorded; what is expected is a name, 'llm_end', or "
            "event(...)",
        ),
        ([...], ValueError, "assert_events: [...] matches everything; name at least one event"),
        ([..., ...], ValueError, "assert_events: [..., ...] matches everything; name at least one event"),
        (
            [..., many("text", min=0)],
            ValueError,
            "assert_events: [..., many('text', min=0)] matches everything; name at least one event",
        ),
        (["llm_endd"], ValueError, "'llm_endd' is not a callback event (did you mean 'llm_end' or 'tool_end'?)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_assert_events_refuses(expected: Any, error: type[Exception], message: str) -> None:
    """
    `assert_events` refuses what is no list of expected events, and says what to write instead.
    """
    for handler in (RecordingHandler(), record(*CHAIN)):
        with pytest.raises(error) as caught:
            handler.assert_events(expected)
        assert str(caught.value) == message


def test_a_generator_is_refused() -> None:
    """
    `assert_events` refuses a generator.
    """
    with pytest.raises(TypeError, match=r"not <generator .*>: write list\(\.\.\.\) around it$"):
        RecordingHandler().assert_events(name for name in ["llm_end"])  # type: ignore[arg-type]  # that is the test


def test_what_runs_code_of_its_own_is_refused() -> None:
    """
    `assert_events` refuses a value whose ``repr`` fails like any other.
    """

    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]  # as classes with __eq__ have it

    with pytest.raises(TypeError, match="<Hostile whose repr raised RuntimeError>"):
        RecordingHandler().assert_events([Hostile()])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (many, TypeError, "many() needs the events that may repeat, such as many('llm_new_token')"),
        (
            lambda: many(...),  # type: ignore[arg-type]  # that is the test
            TypeError,
            "many(...): ... stands for any events by itself; put it into the list, beside many()",
        ),
        (
            lambda: many(["llm_end", "text"]),  # type: ignore[arg-type]  # that is the test
            TypeError,
            "many(['llm_end', 'text']): pass the names one by one, many('llm_end', 'text')",
        ),
        (
            lambda: many(many("text")),  # type: ignore[arg-type]  # that is the test
            TypeError,
            "many(many('text')): many() repeats single events, names or event()",
        ),
        (lambda: many(event), TypeError, "many(): event has to be called, as in event(...)"),  # type: ignore[arg-type]  # that is the test
        (lambda: many(1), TypeError, "an event's name is a string such as 'llm_end', not 1"),  # type: ignore[arg-type]  # that is the test
        (
            lambda: many("chat_model_end"),
            ValueError,
            "'chat_model_end' is not a callback event: a chat model reports 'llm_end'.",
        ),
        (lambda: many("text", min=True), TypeError, "many(min=...) takes a whole number, not True"),
        (lambda: many("text", min="2"), TypeError, "many(min=...) takes a whole number, not '2'"),  # type: ignore[arg-type]  # that is the test
        (lambda: many("text", min=-1), ValueError, "many(min=-1): the least number of events is 0"),
        (
            any_order,
            TypeError,
            "any_order() needs a list for each concurrent run: any_order(['chain_start', ...], [...])",
        ),
        (
            lambda: any_order("text"),
            TypeError,
            "branch 1 of any_order takes a list of events, not a string: write ['text']",
        ),
        (
            lambda: any_order(["text"], {"text"}),
            TypeError,
            "branch 2 of any_order takes a list of events, not a set: events have an order, and a set has none",
        ),  # type: ignore[arg-type]  # that is the test
        (lambda: any_order(["text"], []), ValueError, "branch 2 of any_order is empty: a run sends at least its start"),
        (
            lambda: any_order([...]),
            ValueError,
            "branch 1 of any_order: [...] matches everything; name at least one event",
        ),
        (
            lambda: any_order(["text", ["text"]]),
            TypeError,
            "branch 1 of any_order: a list inside the list; concurrent runs are any_order([...], [...])",
        ),
        (
            event,
            TypeError,
            "event() matches everything: give it a name or an attribute, or write ... for any events",
        ),
        (lambda: event(1), TypeError, "an event's name is a string such as 'llm_end', not 1"),  # type: ignore[arg-type]  # that is the test
        (
            lambda: event("text", tag="prod"),
            TypeError,
            "'tag' is no attribute of an event (did you mean 'tags'?): the attributes are run, run_type, run_id, tags, "
            "metadata, parent, under, inputs, outputs, messages, text, token, tool_calls, tool_call_id, usage, error, "
            "custom, data, payload, thread",
        ),
        (lambda: event(run=None), TypeError, "run= takes a run's name or a Run, not None"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(run=3), TypeError, "run= takes a run's name or a Run, not 3"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(under=None), TypeError, "under= takes a run's name or a Run, not None"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(parent=3), TypeError, "parent= takes a run's name, a Run or None for a root, not 3"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(metadata="x"), TypeError, "metadata= takes a dict, not 'x'"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(tags=3), TypeError, "tags= takes tags, such as {'prod'}, not 3"),  # type: ignore[arg-type]  # that is the test
        (lambda: event(tags=[["a"]]), TypeError, "tags= takes tags, such as {'prod'}, not [['a']]"),  # type: ignore[list-item]  # that is the test
        (
            lambda: event(run_type="chatmodel"),
            ValueError,
            "run_type='chatmodel' is none of LangChain's (did you mean 'chat_model'?)",
        ),
    ],
)
def test_what_the_words_refuse(make: Callable[[], object], error: type[Exception], message: str) -> None:
    """
    A word of the grammar refuses wrong arguments at once, and says what to write.
    """
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_a_runnable_is_no_name() -> None:
    """
    ``run=`` refuses a runnable, and names the runs that it makes.
    """
    with pytest.raises(TypeError, match=r": write run='FakeListChatModel'$"):
        event(run=FakeListChatModel(responses=["x"]))  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize(
    ("word", "printed"),
    [
        (event("llm_end"), "event('llm_end')"),
        (event("on_llm_end", run="a", inputs={"q": 1}), "event('llm_end', run='a', inputs={'q': 1})"),
        (event(text="x" * 200), f"event(text='{'x' * 116}...)"),
        (many("text"), "many('text')"),
        (many("text", event("retry"), min=0), "many('text', event('retry'), min=0)"),
        (any_order(["text", ...], ["retry"]), "any_order(['text', ...], ['retry'])"),
    ],
)
def test_words_print_as_they_are_written(word: object, printed: str) -> None:
    """
    A pattern prints as the test wrote it, with long values cut.
    """
    assert repr(word) == printed


# Attributes. The events are those of the chain, each run with a payload of its own.
