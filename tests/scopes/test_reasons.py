"""Why a handler heard too little or too much: for each cause a program that has it, and near misses that do not."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda, RunnableParallel
from reason_programs import MODEL, PROMPT, QUESTION, Shelf, at, graph, lookup, model, outer, own, sync_node, words_of

from pytest_lc_callbacks import FakeChatModel

ALONE = "it was given to that component alone"
BOTH_WAYS = "(its constructor, or with_config on that step)"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (lambda h: (PROMPT | model(callbacks=[h])).invoke(QUESTION), BOTH_WAYS),
        (lambda h: (PROMPT | MODEL.with_config(callbacks=[h])).invoke(QUESTION), BOTH_WAYS),
        (lambda h: (PROMPT | model(callbacks=[h])).ainvoke(QUESTION), BOTH_WAYS),
        (lambda h: list((PROMPT | model(callbacks=[h])).stream(QUESTION)), BOTH_WAYS),
        (lambda h: RunnableParallel(a=model(callbacks=[h]), b=len).invoke("hi"), BOTH_WAYS),
        (lambda h: (PROMPT.with_config(callbacks=[h]) | MODEL).invoke(QUESTION), "alone (with_config on that step)"),
        (lambda h: (PROMPT | outer(MODEL.invoke).with_config(callbacks=[h])).invoke(QUESTION), "alone (with_config on"),
        (lambda h: outer(lookup(callbacks=[h]).invoke).invoke(QUESTION), "alone (its constructor)"),
        (lambda h: create_agent(FakeChatModel(callbacks=[h]), []).invoke({"messages": [("user", "q")]}), BOTH_WAYS),
        (lambda h: outer(int).with_fallbacks([model(callbacks=[h])]).invoke("q", own()), BOTH_WAYS),
    ],
    ids=[
        *["constructor", "with_config on a step", "async", "stream", "parallel", "prompt", "step with runs inside"],
        *["tool", "agent's model", "fallback"],
    ],
)
def test_one_component_alone(program, words):
    """
    A handler that heard a component and not the run around it was given to that component alone. What runs inside
    the component tells its constructor from with_config.
    """
    said = words_of(program)

    assert ALONE in said
    assert words in said
    assert 'pass it at run time: chain.invoke(..., config={"callbacks": [handler]})' in said


def test_several_components_alone():
    """
    A handler that heard some steps was given to each; one that heard all may be a manager's inheritable handler.
    """
    some = words_of(lambda h: (PROMPT | model(callbacks=[h]) | StrOutputParser().with_config(at(h))).invoke(QUESTION))
    every = words_of(lambda h: (PROMPT | MODEL).invoke(QUESTION, {"callbacks": CallbackManager([], [h])}))

    assert "it was given to each of them alone" in some
    assert "inheritable_handlers" not in some
    assert "the handler is one of the inheritable_handlers of a CallbackManager" in every
    assert "the handler was given to each of them alone (constructor, or with_config on a step) [one-comp" in every


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (lambda h: outer(lambda q: (PROMPT | MODEL).invoke(QUESTION, at(h))).invoke(1), "that call, in its config"),
        (
            lambda h: outer(lambda q: (PROMPT | MODEL).with_config(at(h)).invoke(QUESTION)).invoke(1),
            "or with with_config",
        ),
        (lambda h: outer(lambda q: model(callbacks=[h]).invoke("q", own())).invoke(1), "or to the constructor of Fake"),
    ],
    ids=["config of a call", "with_config on it", "constructor"],
)
def test_alone_in_a_call_inside_a_function(program, words):
    """
    A handler that heard a call inside a function, and not the function, was given to that call.
    """
    said = words_of(program)

    assert "which was called inside outer at " in said
    assert words in said


NOT_INHERITED = "so it is not inherited"


def test_not_inherited():
    """
    A handler that heard a run, and not those inside, is a constructor's or a manager's not inheritable handler.
    """
    manager = words_of(lambda h: (PROMPT | MODEL).invoke(QUESTION, {"callbacks": CallbackManager(handlers=[h])}))
    constructor = words_of(lambda h: lookup(callbacks=[h]).invoke(QUESTION))

    assert (
        f"{NOT_INHERITED}: it was given as one of the handlers of a CallbackManager. Constructor callbacks" in manager
    )
    assert f"{NOT_INHERITED}: it was given to the constructor of lookup, or as one of the handlers" in constructor


DOUBLED = "LangChain joins lists of callbacks without removing doubles"


@pytest.mark.parametrize(
    "program",
    [
        lambda h: (PROMPT | MODEL).invoke(QUESTION, {"callbacks": [h, h]}),
        lambda h: (PROMPT | MODEL).with_config(callbacks=[h]).invoke(QUESTION, at(h)),
        lambda h: (PROMPT | MODEL).with_config(callbacks=[h]).ainvoke(QUESTION, at(h)),
        lambda h: list((PROMPT | MODEL).stream(QUESTION, {"callbacks": [h, h]})),
    ],
    ids=["twice in a list", "with_config and run time", "async", "stream"],
)
def test_heard_twice(program):
    """
    A run that is heard twice, with runs below that are heard once, proves a double in a list of handlers.
    """
    said = words_of(program)

    assert DOUBLED in said
    assert "RunnableSequence got the same handler twice; the runs under it heard it once" in said


def test_heard_three_times():
    """
    The message says how often the handler stands in the list.
    """
    assert "RunnableSequence got the same handler 3 times;" in words_of(
        lambda h: (PROMPT | MODEL).invoke(QUESTION, {"callbacks": [h, h, h]})
    )


def test_a_handler_that_wraps_another_is_told_from_a_double():
    """
    A handler that hands events on doubles the runs inside as well, which a list of handlers cannot.
    """

    class Wrapper(BaseCallbackHandler):
        """Hands on."""

        def __init__(self, inner: Any) -> None:
            self.on_chain_start = inner.on_chain_start
            self.on_chain_end = inner.on_chain_end
            self.on_chat_model_start = inner.on_chat_model_start
            self.on_llm_end = inner.on_llm_end

    said = words_of(lambda h: (PROMPT | MODEL).invoke(QUESTION, {"callbacks": [h, Wrapper(h)]}))

    assert "gets events from elsewhere, such as another handler that wraps it. [handed-on]" in said
    assert DOUBLED not in said


def constructor_scope(of: Any) -> Any:
    """The check of a constructor's handler."""
    return lambda handler: handler.assert_constructor_scope(of)


def test_components_that_ignore_constructor_callbacks():
    """
    A prompt or a retriever that is passed as ``of=`` proves that it ignores constructor callbacks; a name does not.
    """
    shelf = Shelf()
    retriever = words_of(lambda h: shelf.invoke("q"), constructor_scope(shelf))
    prompt = words_of(lambda h: PROMPT.invoke(QUESTION), constructor_scope(PROMPT))
    by_name = words_of(lambda h: PROMPT.invoke(QUESTION), constructor_scope("ChatPromptTemplate"))

    assert "'Shelf' is a retriever. A prompt and a retriever ignore callbacks" in retriever
    assert "'ChatPromptTemplate' is a prompt. A prompt and a retriever ignore callbacks" in prompt
    assert "is a prompt" not in by_name


def test_a_runnable_shows_its_constructor_callbacks():
    """
    The object that is passed as ``of=`` proves whether it has the handler.
    """
    late: list[Any] = []
    changed = model(callbacks=late)
    lacking = words_of(lambda h: (late.append(h), changed.invoke("q")), constructor_scope(changed))
    handlers: list[Any] = []

    def another(handler: Any) -> None:
        handlers.append(model(callbacks=[handler]))
        MODEL.invoke("q")

    having = words_of(another, lambda h: h.assert_constructor_scope(handlers[0]))

    assert "the handler is not among the callbacks of the 'FakeListChatModel' passed as of=" in lacking
    assert "has the handler among its callbacks: another object of that name ran" in having


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            lambda h: (PROMPT | MODEL).invoke(QUESTION, at(h)),
            "it also heard the run around 'FakeListChatModel', so it was",
        ),
        (
            lambda h: (PROMPT | model(callbacks=[h]) | StrOutputParser().with_config(at(h))).invoke(QUESTION),
            "it was passed to other components beside 'FakeListChatModel', or to calls of theirs: StrOutputParser",
        ),
    ],
    ids=["passed at run time", "two components"],
)
def test_constructor_scope_that_heard_more(program, words):
    """
    The other runs that a handler heard tell how it was passed.
    """
    assert words in words_of(program, constructor_scope("FakeListChatModel"))


def test_constructor_scope_that_heard_what_is_inside():
    """
    The callbacks of a call or of with_config hear the runs inside a component, and a constructor's never do.
    """
    said = words_of(lambda h: lookup().with_config(callbacks=[h]).invoke(QUESTION), constructor_scope("lookup"))

    assert "it heard the runs inside 'lookup', so it was passed at run time or with with_config" in said


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            lambda h: (PROMPT | outer(MODEL.invoke)).invoke(QUESTION, at(h)),
            "it also heard the run around 'outer', so it was",
        ),
        (
            lambda h: (PROMPT.with_config(at(h)) | outer(MODEL.invoke).with_config(at(h))).invoke(QUESTION),
            "it was also passed to what runs beside 'outer': ChatPromptTemplate",
        ),
    ],
    ids=["leaks outwards", "leaks sidewards"],
)
def test_only_one_step_and_what_is_inside(program, words):
    """
    ``only=True`` finds a step's handler that hears more than the step and what runs inside it.
    """
    assert words in words_of(program, lambda h: h.assert_runtime_scope(under="outer", only=True))
    assert words_of(program, lambda h: h.assert_runtime_scope(under="outer")) == ""


def test_a_subgraph_with_a_handler_of_its_own():
    """
    A subgraph's own handler hears the subgraph and the runs inside, and no more.
    """

    def program(handler: Any) -> None:
        inner = graph(sync_node, "inner").with_config(callbacks=[handler])

        def call(state: Any) -> Any:
            return inner.invoke(state)

        graph(call).invoke({"q": ""})

    assert words_of(program, lambda h: h.assert_runtime_scope(under="inner", only=True)) == ""
    assert "the handler heard inner" in words_of(program)


def test_fallbacks_children_without_parent_are_marked():
    """
    The tree marks what with_fallbacks left without a parent (langchain-ai/langchain#36072), which is no cause of a
    miss.
    """

    def boom(q: Any) -> Any:
        raise ValueError(q)

    safe = RunnableLambda(boom, name="first").with_fallbacks([model()])
    missed = words_of(lambda h: safe.invoke("q", own()))

    assert words_of(lambda h: safe.invoke("q", at(h))) == ""
    assert "├── first (began without a parent: langchain-ai/langchain#36072 [fallbacks-orphans])" in missed
    assert "replaces the inherited" not in missed
    assert "36072" not in words_of(lambda h: outer(lambda q: MODEL.invoke(q, own())).invoke("q", at(h)))
