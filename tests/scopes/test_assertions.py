"""The scope assertions count the events that a handler and the observer heard, run by run."""

from __future__ import annotations

import asyncio
import threading
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager, dispatch_custom_event
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from pytest_lc_callbacks import RecordingHandler

PROMPT = ChatPromptTemplate.from_template("{q}")
QUESTION: dict[str, Any] = {"q": 1}
HEARD, MISSED, TWICE = "heard", "missed", "heard twice"


class State(TypedDict):
    """A graph's state."""

    q: str


def model(**options: Any) -> FakeListChatModel:
    """A model that answers as often as it is asked."""
    return FakeListChatModel(responses=["abc"], **options)


def heard(observer: Any, handler: Any) -> list[str]:
    """How *handler* heard each run, in the order of the tree."""
    return [row[1] for row in observer.table(handler=handler).rows]


def test_every_token_counts(observer, handler):
    """
    A handler that heard all tokens but one did not hear the run.
    """

    class Sleepy(RecordingHandler):
        """A handler that misses its third token."""

        seen = 0

        def on_llm_new_token(self, *args, **kwargs):
            self.seen += 1
            return None if self.seen == 3 else super().on_llm_new_token(*args, **kwargs)

    sleepy = Sleepy()
    list(model().stream("hi", {"callbacks": [handler, sleepy]}))

    handler.assert_runtime_scope()
    with pytest.raises(AssertionError, match=r"but it missed events \(llm_new_token\) of 1 of 1 run\n  heard partly"):
        sleepy.assert_runtime_scope()


@pytest.mark.parametrize("mode", ["stream", "astream"])
def test_doubled_tokens_are_doubled_runs(observer, handler, mode):
    """
    A run counts as heard twice if the handler heard any of its events twice, tokens and custom events included.
    """
    config: Any = {"callbacks": [handler, handler]}

    async def read() -> None:
        async for _ in model().astream("hi", config):
            pass

    asyncio.run(read()) if mode == "astream" else list(model().stream("hi", config))

    assert heard(observer, handler) == [TWICE]
    assert handler.count("llm_new_token") == 2 * observer.count("llm_new_token")


def test_a_custom_event_is_counted_with_its_run(observer, handler):
    """
    A run that sends five custom events of one name is heard if the handler heard all five.
    """
    RunnableLambda(lambda x: [dispatch_custom_event("step", n) for n in range(5)]).invoke(1, {"callbacks": [handler]})

    handler.assert_runtime_scope()
    assert handler.count("custom_event") == 5


def test_each_attempt_of_a_retry_is_a_run(observer, handler):
    """
    The wrapper of a retry and its two attempts share a name, and count as three runs.
    """
    answers = iter([ValueError("not yet"), "done"])

    def flaky(x):
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    RunnableLambda(flaky).with_retry(wait_exponential_jitter=False).invoke(1, {"callbacks": [handler]})

    handler.assert_runtime_scope(under="flaky")
    assert heard(observer, handler) == [HEARD] * 3


def test_a_run_id_that_comes_back_is_two_runs(observer, handler):
    """
    Two calls of ``with_config(run_id=...)`` are two runs: a handler of the second call alone missed the first.
    """
    named = model().with_config(run_id=uuid4())
    named.invoke("first")
    named.invoke("second", {"callbacks": [handler]})

    assert heard(observer, handler) == [MISSED, HEARD]
    with pytest.raises(AssertionError, match="missed 1 of 2 runs"):
        handler.assert_runtime_scope()


def test_a_run_id_in_two_threads_at_once_is_no_double(observer, handler):
    """
    Two calls that share an id and are open at the same time are each heard once.
    """
    both = threading.Barrier(2, timeout=30)
    meet = RunnableLambda(lambda x: both.wait(), name="meet").with_config(run_id=uuid4(), callbacks=[handler])
    threads = [threading.Thread(target=meet.invoke, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    handler.assert_runtime_scope()


@pytest.mark.parametrize("mode", ["batch", "abatch"])
def test_a_batch_with_a_list_of_configs(observer, mode):
    """
    Each handler hears the runs of its own input, and no others.
    """
    first, second = RecordingHandler(), RecordingHandler()
    configs: Any = [{"callbacks": [first]}, {"callbacks": [second]}]
    chain = PROMPT | model()
    asyncio.run(chain.abatch([QUESTION] * 2, configs)) if mode == "abatch" else chain.batch([QUESTION] * 2, configs)

    assert heard(observer, first) == [HEARD] * 3 + [MISSED] * 3
    assert heard(observer, second) == [MISSED] * 3 + [HEARD] * 3
    first.assert_runtime_scope(under=observer.runs[0])


@pytest.mark.parametrize(
    ("attach", "expected"),
    [
        (lambda h: PROMPT | model(callbacks=[h, h]), [MISSED, MISSED, HEARD]),
        (lambda h: (PROMPT | model()).with_config(callbacks=[h, h]), [TWICE, HEARD, HEARD]),
        (lambda h: (PROMPT | model(callbacks=[h])).with_config(callbacks=[h]), [HEARD] * 3),
        (lambda h: (PROMPT | model().with_config(callbacks=[h])).with_config(callbacks=[h]), [HEARD] * 3),
    ],
    ids=["twice in the constructor", "twice in one list", "constructor and runtime", "step and runtime"],
)
def test_doubles_are_where_langchain_makes_them(observer, handler, attach, expected):
    """
    A double in a call's list is heard at the run of that call and once below; LangChain removes a constructor's
    double.
    """
    attach(handler).invoke(QUESTION)

    assert heard(observer, handler) == expected


def test_two_models_of_one_class_of_which_one_has_the_handler(observer, handler):
    """
    Of two models with one name, constructor scope holds if the handler heard one; the returned table says which.
    """
    chain = PROMPT | model(callbacks=[handler]) | RunnableLambda(lambda m: m.content, name="text") | model()
    chain.invoke(QUESTION)

    table = handler.assert_constructor_scope("FakeListChatModel")

    assert [row for row in table.rows if row[0] == "FakeListChatModel"] == [
        ("FakeListChatModel", HEARD),
        ("FakeListChatModel", MISSED),
    ]


def test_two_independent_chains(observer, handler):
    """
    A handler of one chain misses the other; under= limits the check to its own chain.
    """
    model().with_config(run_name="other").invoke("hi")
    (PROMPT | model()).with_config(run_name="mine").invoke(QUESTION, {"callbacks": [handler]})

    handler.assert_runtime_scope(under="mine", only=True)
    with pytest.raises(
        AssertionError, match=r"to check less: assert_runtime_scope\(under=...\), or `with observer.section"
    ):
        handler.assert_runtime_scope()


def test_an_unrelated_background_task(observer, handler):
    """
    A run in another thread counts too, until under= or a section() limits the check.
    """
    started, stop = threading.Event(), threading.Event()
    background = RunnableLambda(lambda x: (started.set(), stop.wait(30)), name="background")
    thread = threading.Thread(target=background.invoke, args=(1,))
    thread.start()
    started.wait(30)
    with observer.section():
        model().invoke("hi", {"callbacks": [handler]})
        handler.assert_runtime_scope()
    with pytest.raises(AssertionError, match="missed 1 of 2 runs"):
        handler.assert_runtime_scope()
    stop.set()
    thread.join()


def test_clear_in_between(observer, handler):
    """
    A handler that was cleared is asked for the runs since then alone.
    """
    model().with_config(run_name="early").invoke("hi")
    handler.clear()
    model().invoke("hi", {"callbacks": [handler]})

    assert handler.assert_runtime_scope().rows == [("FakeListChatModel", HEARD)]


def test_a_handler_made_after_some_runs(observer):
    """
    A handler is asked for the runs since it was made alone.
    """
    model().with_config(run_name="early").invoke("hi")
    late = RecordingHandler()
    model().invoke("hi", {"callbacks": [late]})

    assert late.assert_runtime_scope().rows == [("FakeListChatModel", HEARD)]


class Inline(BaseCallbackHandler):
    """An inline handler, as LangChain's tracers are."""

    run_inline = True


def test_the_lost_start_of_a_text_llm_is_no_miss(observer, handler):
    """
    Beside an inline handler, a text LLM's ainvoke sends no llm_start to the others: langchain-ai/langchain#39633.
    """
    llm = FakeListLLM(responses=["x"], callbacks=[handler])
    asyncio.run(llm.ainvoke("hi", {"callbacks": [Inline()]}))

    if "llm_start" not in observer.names:
        assert observer.runs[0].label == "(start not heard)"
    handler.assert_constructor_scope(llm)
    handler.assert_runtime_scope()


def test_interrupts_are_no_miss(observer, handler):
    """
    langgraph sends interrupts and resumes to the config's own handlers alone, so that no check compares them.
    """
    builder = StateGraph(State)
    builder.add_node("ask", lambda state: {"q": interrupt("sure?")})
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    graph = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}, "callbacks": [handler]}
    graph.invoke({"q": "?"}, config)
    graph.invoke(Command(resume="yes"), config)

    handler.assert_runtime_scope()
    assert "chain_error" in observer.names


def test_a_callback_manager_that_is_driven_by_hand_is_no_miss(observer, handler):
    """
    The observer does not hear a run that a CallbackManager begins, and hears what is called with its get_child().
    """
    run = CallbackManager([handler], inheritable_handlers=[handler]).on_chain_start({}, {}, name="mine")
    (PROMPT | model()).invoke(QUESTION, {"callbacks": run.get_child()})
    run.on_chain_end({})

    handler.assert_runtime_scope()
    assert [child.label for child in handler.runs] == [
        "mine",
        "RunnableSequence",
        "ChatPromptTemplate",
        "FakeListChatModel",
    ]
    assert len(observer.runs) == 3


def test_the_observers_own_doubles_are_taken_out(observer, handler):
    """
    A list with a manager's handlers holds the observer a second time: the comparison divides by that.
    """

    def body(x, config):
        handlers = config["callbacks"].handlers
        return model().with_config(callbacks=handlers).invoke(x, {"callbacks": handlers})

    RunnableLambda(body).invoke("hi", {"callbacks": [handler]})
    other = RecordingHandler()

    assert observer.count("chat_model_start") == 2
    assert heard(observer, handler) == [HEARD, TWICE]
    assert heard(observer, other) == [MISSED, MISSED]


@pytest.mark.parametrize("mode", ["invoke", "ainvoke"])
def test_what_a_handler_declines_is_not_asked_of_it(observer, mode):
    """
    A check does not ask for the events that a handler declines, as one with ``ignore_llm`` does.
    """

    class Choosy(RecordingHandler):
        """A handler that takes no events of a chain."""

        ignore_chain = True

        def _declines(self, name: str) -> bool:
            return name.startswith("chain_")

    choosy, chain = Choosy(), PROMPT | model()
    config: Any = {"callbacks": [choosy]}
    asyncio.run(chain.ainvoke(QUESTION, config)) if mode == "ainvoke" else chain.invoke(QUESTION, config)

    choosy.assert_runtime_scope()
    assert choosy.names == ["chat_model_start", "llm_end"]


def test_many_runs_are_compared_in_a_moment(observer, handler):
    """
    The work grows with the number of runs, not with its square; the message stays short.
    """
    echo = RunnableLambda(lambda x: x, name="echo")
    many = RunnableLambda(lambda n: [echo.invoke(x, {"callbacks": []} if x % 2 else {}) for x in range(n)], name="many")
    many.invoke(3_000, {"callbacks": [handler]})
    with pytest.raises(AssertionError, match="but it missed 1,500 of 3,001 runs") as failure:
        handler.assert_runtime_scope()

    assert len(str(failure.value).splitlines()) < 80
