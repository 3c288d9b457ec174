"""The message of a failed scope check."""

from __future__ import annotations

import re
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import RecordingHandler, observe_callbacks
from pytest_lc_callbacks._handlers.observer import begin_phase, switch_off, switch_on

PROMPT = ChatPromptTemplate.from_template("{q}")
BLOCK = "in the block of observe_callbacks()"
QUESTION: dict[str, Any] = {"q": "1"}


def model(**options: Any) -> FakeListChatModel:
    """A model that answers as often as it is asked."""
    return FakeListChatModel(responses=["x"], **options)


@pytest.fixture
def test_observer():
    """An observer that knows of phases, as a test's own does."""
    observer = switch_on()
    begin_phase(observer, "setup")
    yield observer
    switch_off(observer)


def failure(check: Any, *args: Any, **options: Any) -> list[str]:
    """The lines of the message with which *check* fails."""
    with pytest.raises(AssertionError, match=r"^expected .*, but ") as raised:
        check(*args, **options)
    return str(raised.value).splitlines()


def test_the_whole_message(handler):
    """
    The message has a headline, the tree with what the handler heard of each run, the reason, and how to check less.
    """
    (PROMPT | model(callbacks=[handler])).invoke(QUESTION)

    assert failure(handler.assert_runtime_scope) == [
        "expected the handler in runtime scope, but it missed 2 of 3 runs",
        "  missed  RunnableSequence",
        "  missed  ├── ChatPromptTemplate",
        "  heard   └── FakeListChatModel",
        "hint: the handler heard FakeListChatModel but not the run around it: it was given to that component",
        "      alone (its constructor, or with_config on that step). Callbacks that one component has from",
        "      its constructor, or from with_config on that step, do not reach the chain around it. To let",
        '      the handler hear the whole chain, pass it at run time: chain.invoke(..., config={"callbacks":',
        "      [handler]}). [one-component]",
        "to check less: assert_runtime_scope(under=...), or `with observer.section():` around the calls.",
    ]


@pytest.mark.parametrize(
    ("callbacks", "words"),
    [
        (lambda h: [], "missed 3 of 3 runs"),
        (lambda h: [h, h], "heard 1 of 3 runs more than once"),
        (lambda h: CallbackManager(handlers=[h, h]), "missed 2 of 3 runs and heard 1 of 3 runs more than once"),
    ],
    ids=["missed", "doubled", "both"],
)
def test_the_first_line_counts(handler, callbacks, words):
    """
    The first line counts the runs, so that it is understood alone in pytest's short summary.
    """
    manager = callbacks(handler)
    if isinstance(manager, CallbackManager):
        # add_handler would leave the double out.
        manager.handlers = [handler, handler]
    (PROMPT | model()).invoke(QUESTION, {"callbacks": manager})

    assert failure(handler.assert_runtime_scope)[0] == f"expected the handler in runtime scope, but it {words}"


def test_what_was_missed_of_a_run_is_named(observer):
    """
    The tree names the events that are missing from a run that was heard in part.
    """

    class Deaf(RecordingHandler):
        """A handler that hears no end of a model."""

        def on_llm_end(self, *args, **kwargs):
            return None

    deaf = Deaf()
    model().invoke("hi", {"callbacks": [deaf]})

    assert failure(deaf.assert_runtime_scope)[:2] == [
        "expected the handler in runtime scope, but it missed events (llm_end) of 1 of 1 run",
        "  heard partly  FakeListChatModel  (not llm_end)",
    ]


@pytest.mark.parametrize("under", ["inner", RunnableLambda(len, name="inner")], ids=["name", "runnable"])
def test_the_first_line_names_what_was_asked_about(handler, under):
    """
    The first line names the runs that under= means, and the tree shows those alone.
    """
    RunnableLambda(RunnableLambda(len, name="inner").invoke, name="outer").invoke("hi")

    lines = failure(handler.assert_runtime_scope, under=under)

    assert lines[0] == "expected the handler in runtime scope under 'inner', but it missed 1 of 1 run"
    assert lines[1] == "  missed  inner"


def test_constructor_scope_has_its_own_words(handler):
    """
    A constructor check says that its handler heard nothing, other runs too, or its own run twice.
    """
    with observe_callbacks():
        (PROMPT | model()).invoke(QUESTION)
        none = failure(handler.assert_constructor_scope, "FakeListChatModel")
        (PROMPT | model()).invoke(QUESTION, {"callbacks": [handler]})
        others = failure(handler.assert_constructor_scope, "FakeListChatModel")
    with observe_callbacks():
        model().invoke("hi", {"callbacks": [handler, handler]})
        doubled = failure(handler.assert_constructor_scope, "FakeListChatModel")

    start = "expected the handler in constructor scope of 'FakeListChatModel', but it"
    assert none[0] == f"{start} heard nothing of its run"
    assert others[1] == f"  in full: {start} also heard 2 other runs: RunnableSequence, ChatPromptTemplate"
    assert doubled[0] == f"{start} heard 1 of 1 run more than once"
    assert others[-1] == "to check less: a Run as of=, or `with observer.section():` around the calls."


def test_nothing_ran(handler):
    """
    A check under which nothing ran fails, and lists the possible causes.
    """
    assert failure(handler.assert_runtime_scope) == [
        f"expected a run to check, but none began {BLOCK}",
        "hint: Possible causes:",
        "      - nothing was called, or a stream was never iterated [nothing-ran]",
        "      - a class that overrides invoke() itself, such as a retriever's or tool's, sends no callbacks",
        "        [overrides-invoke]",
    ]
    assert failure(handler.assert_constructor_scope, "FakeListChatModel")[0].startswith(
        "expected a run of 'FakeListChatModel' to check, but none began in the block"
    )


def _in_setup(observer: Any) -> None:
    model().invoke("hi")
    begin_phase(observer, "call")


def _cleared(observer: Any) -> None:
    begin_phase(observer, "call")
    model().invoke("hi")
    observer.clear()


@pytest.mark.parametrize(
    ("before", "limit", "place"),
    [
        (_in_setup, "in the test's body", "  FakeListChatModel began in the test's set-up"),
        (_cleared, "in the test's body since the observer's clear()", "hint"),
    ],
    ids=["body", "clear()"],
)
def test_nothing_ran_in_what_a_check_is_limited_to(test_observer, before, limit, place):
    """
    Where nothing ran, the message says what the check was limited to, and where runs began instead.
    """
    before(test_observer)
    lines = failure(RecordingHandler().assert_runtime_scope)

    assert lines[0] == f"expected a run to check, but none began {limit}"
    assert lines[1].startswith(place)


def test_nothing_ran_since_an_observer_that_came_late():
    """
    A test that asks for its fixture in the body is watched from there on, and the message says so.
    """
    observer = switch_on()
    begin_phase(observer, "call")
    lines = failure(RecordingHandler().assert_runtime_scope)
    switch_off(observer)

    assert lines[0].endswith("none began in the test's body since the observer was switched on")


def test_nothing_ran_in_a_section(observer, handler):
    """
    Where nothing ran in a section(), the message says so, and lists what ran before it.
    """
    model().invoke("hi", {"callbacks": [handler]})
    with observer.section():
        lines = failure(handler.assert_runtime_scope)

    assert lines[:2] == [
        "expected a run to check, but none began in this section()",
        "  FakeListChatModel began before this section()",
    ]
    assert lines[2].startswith("hint: to check a run that began elsewhere, pass the Run itself as of= or under=")
    handler.assert_runtime_scope(under=observer.runs[0])


def test_nothing_ran_since_a_handler_was_cleared(handler):
    """
    Where nothing ran since the handler was cleared, the message says that the check is limited to that.
    """
    model().invoke("hi", {"callbacks": [handler]})
    handler.clear()

    assert failure(handler.assert_runtime_scope) == [
        f"expected a run to check, but none began {BLOCK} since the handler was made or cleared",
        "  FakeListChatModel began before the handler was made or cleared",
        "hint: what ran before a handler was made, or cleared with clear(), cannot be asked of it.",
    ]


def test_a_name_that_no_run_had(handler):
    """
    A name that no run had is answered with the nearest name and all names.
    """
    (PROMPT | model()).invoke(QUESTION, {"callbacks": [handler]})

    message = failure(handler.assert_runtime_scope, under="FakeListChatModle")
    assert len(message[0]) <= 120
    assert message[1:] == [
        f"  in full: expected a run of 'FakeListChatModle' to check, but no run that began {BLOCK} has that name "
        "(did you mean 'FakeListChatModel'?)",
        "  the names there were: RunnableSequence, ChatPromptTemplate, FakeListChatModel",
    ]


def test_many_names_are_cut(handler):
    """
    The message lists thirty names, and says how many more there are.
    """
    for number in range(40):
        RunnableLambda(len, name=f"step {number}").invoke("hi")

    lines = failure(handler.assert_runtime_scope, under="missing")

    assert lines[1].endswith("step 29 and 10 more")


def test_a_name_that_only_a_run_elsewhere_had(observer, handler):
    """
    The message says where the run began that has the name and is out of scope.
    """
    RunnableLambda(len, name="warm-up").invoke("hi")
    with observer.section():
        model().invoke("hi")
        lines = failure(handler.assert_runtime_scope, under="warm-up")

    assert "  warm-up began before this section()" in lines


def test_a_run_by_hand_is_what_the_observer_cannot_see(handler):
    """
    Where the handler heard a run that the observer did not, the message says why, and what to ask instead.
    """
    CallbackManager([handler]).on_chain_start({}, {}, name="mine").on_chain_end({})

    assert failure(handler.assert_runtime_scope)[1:] == [
        "hint: the handler heard mine, which the observer did not: it does not see a callback manager that is",
        "      driven by hand. Ask the handler itself: assert_events([...]).",
    ]


def test_a_text_llm_whose_start_was_lost_has_no_name():
    """
    A run whose start LangChain lost (langchain-ai/langchain#39633) is found by its runnable, and not by a name.
    """
    import asyncio

    from langchain_core.callbacks import BaseCallbackHandler

    class Inline(BaseCallbackHandler):
        """An inline handler."""

        run_inline = True

    with observe_callbacks() as observer:
        handler = RecordingHandler()
        llm = FakeListLLM(responses=["x"], callbacks=[handler])
        asyncio.run(llm.ainvoke("hi", {"callbacks": [Inline()]}))
        if observer.runs[0].name is not None:
            pytest.skip("this langchain-core sends llm_start beside an inline handler")

        handler.assert_constructor_scope(llm)
        lines = failure(handler.assert_constructor_scope, "FakeListLLM")

    assert lines[-1].endswith("[inline-handler]")


def test_a_long_tree_is_cut_around_what_is_missed(handler):
    """
    Of a thousand runs the message shows those that were missed, and the runs around them.
    """

    def body(count):
        for number in range(count):
            callbacks: Any = {"callbacks": []} if number == 700 else {}
            RunnableLambda(len, name=f"step {number}").invoke("hi", callbacks)

    RunnableLambda(body, name="many").invoke(1_000, {"callbacks": [handler]})
    lines = failure(handler.assert_runtime_scope)

    assert lines[0] == "expected the handler in runtime scope, but it missed 1 of 1,001 runs"
    assert any(re.search(r"missed +├── step 700 +\(began without a parent\)", line) for line in lines)
    assert any(re.search(r"\.\.\. and \d+ more runs", line) for line in lines)
    assert len(lines) < 50


def test_only_needs_something_to_be_only_of():
    """
    ``only=True`` without under= is refused.
    """
    with (
        observe_callbacks(),
        pytest.raises(ValueError, match="only=True means the runs under one: say which with under="),
    ):
        RecordingHandler().assert_runtime_scope(only=True)


@pytest.mark.parametrize("check", ["assert_runtime_scope", "assert_constructor_scope"])
def test_without_an_observer_nobody_knows_what_ran(check):
    """
    A check without an observer raises an error that names the ways to have one.
    """
    arguments = ["FakeListChatModel"] if check == "assert_constructor_scope" else []
    with pytest.raises(RuntimeError, match=f"{check} compares .* `with observe_callbacks"):
        getattr(RecordingHandler(), check)(*arguments)


def test_in_a_test_the_fixture_is_named(test_observer):
    """
    The last line writes the section() as the test would write it.
    """
    begin_phase(test_observer, "call")
    handler = RecordingHandler()
    model().invoke("hi")

    assert failure(handler.assert_runtime_scope)[-1].endswith("or `with callback_scopes.section():` around the calls.")
