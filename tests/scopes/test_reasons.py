"""Why a handler heard too little or too much: for each cause a program that has it, and near misses that do not."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, CallbackManager
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel
from langchain_core.runnables.config import ContextThreadPoolExecutor, merge_configs
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, observe_callbacks

PROMPT = ChatPromptTemplate.from_template("{q}")
QUESTION: dict[str, Any] = {"q": "1"}


class State(TypedDict):
    """A graph's state."""

    q: str


class City(TypedDict):
    """The schema of a city."""

    name: str


def model(**options: Any) -> FakeListChatModel:
    """A model that answers as often as it is asked."""
    return FakeListChatModel(responses=["x"], **options)


MODEL = model()


def own() -> dict[str, Any]:
    """A config with another handler."""
    return {"callbacks": [BaseCallbackHandler()]}


def at(handler: Any) -> Any:
    """A config with *handler*."""
    return {"callbacks": [handler]}


def outer(body: Any) -> RunnableLambda[Any, Any]:
    """A chain named outer that calls *body*."""
    return RunnableLambda(body, name="outer")


def graph(node: Any, name: str = "top") -> Any:
    """A graph of one node."""
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(name=name)


def lookup(**options: Any) -> StructuredTool:
    """A tool that asks a model."""

    def ask(q: str) -> str:
        return str(MODEL.invoke(q).content)

    return StructuredTool.from_function(ask, name="lookup", description="look it up", **options)


class Shelf(BaseRetriever):
    """A retriever that asks a model."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(str(MODEL.invoke(query).content))]

    async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(str((await MODEL.ainvoke(query)).content))]


class PassingShelf(BaseRetriever):
    """A retriever that passes its callbacks on."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(str(MODEL.invoke(query, {"callbacks": run_manager.get_child()}).content))]


class Router(FakeListChatModel):
    """A model that asks another."""

    def _call(self, *args: Any, **kwargs: Any) -> str:
        MODEL.invoke("inside")
        return super()._call(*args, **kwargs)


class Dropping(Runnable[Any, Any]):
    """A Runnable of the project that drops its config."""

    def invoke(self, question: Any, config: Any = None, **kwargs: Any) -> Any:
        return (PROMPT | MODEL).invoke(question)


def words_of(program: Any, check: Any = lambda handler: handler.assert_runtime_scope()) -> str:
    """The message of the failing check in one line; empty if it passes."""
    with observe_callbacks():
        handler = RecordingHandler()
        done = program(handler)
        if inspect.iscoroutine(done):
            asyncio.run(done)
        try:
            check(handler)
        except AssertionError as failure:
            return " ".join(str(failure).split())
    return ""


# Reason by reason: programs that have it, with the words; then near misses, which must not say so.


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


REPLACED = (
    "with callbacks of its own. Inside a function, a callbacks list in a call's config or in with_config replaces the "
    "inherited handlers"
)


async def _await_own(q: Any) -> Any:
    return await MODEL.ainvoke(q, own())


async def _gather_own(q: Any) -> Any:
    return await asyncio.gather(MODEL.ainvoke(q), MODEL.ainvoke(q, own()))


async def _node_own(state: Any) -> Any:
    await MODEL.ainvoke("q", own())
    return state


class Moderation(AgentMiddleware):
    """A middleware that asks a model by hand."""

    def before_model(self, state: Any, runtime: Any) -> None:
        MODEL.invoke("is this fine?", own())


@pytest.mark.parametrize(
    ("program", "place"),
    [
        (lambda h: outer(lambda q: MODEL.invoke(q, own())).invoke("q", at(h)), "outer at "),
        (lambda h: outer(lambda q: MODEL.with_config(own()).invoke(q)).invoke("q", at(h)), "outer at "),
        (lambda h: outer(lambda q: MODEL.with_config(own()).batch([q, q])).invoke("q", at(h)), "outer at "),
        (lambda h: outer(_await_own).ainvoke("q", at(h)), "outer at "),
        (lambda h: outer(_gather_own).ainvoke("q", at(h)), "outer with"),
        (lambda h: graph(_node_own).ainvoke({"q": ""}, at(h)), "node at "),
        (
            lambda h: create_agent(FakeChatModel(), [], middleware=[Moderation()]).invoke(
                {"messages": [("user", "hi")]}, at(h)
            ),
            "Moderation.before_model at ",
        ),
    ],
    ids=["list", "with_config", "batch", "async", "gather", "async node", "middleware"],
)
def test_replaced_callbacks(program, place):
    """
    A callbacks list inside a function replaces the inherited handlers; the message names the line, but of a task.
    """
    said = words_of(program)

    assert REPLACED in said
    assert f"FakeListChatModel was called inside {place}" in said
    assert 'merge_configs(config, {"callbacks": [...]})' in said
    assert "(began without a parent)" in said


def _merging(q: Any, config: Any) -> Any:
    return MODEL.invoke(q, merge_configs(config, own()))


def test_merged_callbacks_are_no_replaced_ones():
    """
    Near miss: merge_configs adds callbacks to the inherited ones, so that the handler hears everything.
    """
    assert words_of(lambda h: outer(_merging).invoke("q", at(h))) == ""
    assert words_of(lambda h: outer(lambda q: MODEL.invoke(q, {"callbacks": None})).invoke("q", at(h))) == ""


def test_replaced_callbacks_are_no_cause_where_the_run_around_was_missed_too():
    """
    Near miss: a call with callbacks of its own replaced nothing where the handler missed the run around it too.
    """
    said = words_of(lambda h: (outer(lambda q: MODEL.invoke(q, own())).invoke("q"), MODEL.invoke("q", at(h))))

    assert REPLACED not in said
    assert "outer was called by itself at " in said


RAW_THREAD = "LangChain's context does not follow into a thread or executor that the program makes itself"


def _raw_thread(q: Any) -> None:
    thread = threading.Thread(target=lambda: MODEL.invoke(q), name="helper")
    thread.start()
    thread.join()


def _raw_executor(q: Any) -> Any:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(MODEL.invoke, q).result()


def _context_executor(q: Any) -> Any:
    with ContextThreadPoolExecutor(1) as executor:
        return executor.submit(MODEL.invoke, q).result()


def _copied_context(q: Any) -> None:
    thread = threading.Thread(target=contextvars.copy_context().run, args=(MODEL.invoke, q))
    thread.start()
    thread.join()


async def _loops_executor(q: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, MODEL.invoke, q)


def _thread_with_a_loop(q: Any) -> None:
    thread = threading.Thread(target=lambda: asyncio.run(MODEL.ainvoke(q)), name="helper")
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    ("program", "thread"),
    [
        (lambda h: outer(_raw_thread).invoke("q", at(h)), "(thread helper) at "),
        (lambda h: outer(_raw_executor).invoke("q", at(h)), "(ThreadPoolExecutor-"),
        (lambda h: outer(_raw_executor).ainvoke("q", at(h)), "(ThreadPoolExecutor-"),
        (lambda h: (PROMPT | outer(_raw_executor)).batch([QUESTION] * 2, at(h)), "(ThreadPoolExecutor-"),
        (lambda h: outer(_loops_executor).ainvoke("q", at(h)), "(thread asyncio_"),
        pytest.param(
            lambda h: outer(_thread_with_a_loop).invoke("q", at(h)),
            "(thread helper)",
            marks=pytest.mark.skipif(
                sys.version_info < (3, 12), reason="before Python 3.12 an async run does not tell its thread"
            ),
        ),
    ],
    ids=[
        "thread",
        "executor",
        "executor under ainvoke",
        "executor in a batch",
        "loop's executor",
        "thread with a loop",
    ],
)
def test_raw_threads(program, thread):
    """
    A run that began without a parent in another thread, while a heard run was open, lost LangChain's context.
    """
    said = words_of(program)

    assert RAW_THREAD in said
    assert thread in said
    assert "while outer was open" in said


@pytest.mark.parametrize("body", [_context_executor, _copied_context], ids=["LangChain's executor", "copied context"])
def test_threads_with_langchains_context_are_no_raw_ones(body):
    """
    Near miss: a thread that is handed the context keeps it, so that the handler hears everything.
    """
    assert words_of(lambda h: outer(body).invoke("q", at(h))) == ""


def test_a_thread_beside_no_open_run_is_no_lost_context():
    """
    Near miss: a thread has no context to lose while no heard run is open.
    """
    said = words_of(lambda h: (_raw_thread("q"), MODEL.with_config(run_name="mine").invoke("q", at(h))))

    assert RAW_THREAD not in said
    assert "FakeListChatModel was called by itself" in said


NO_CONTEXT = "LangChain hands no context to the code inside a retriever, a chat model or an LLM."


def test_calls_inside_a_retriever_or_a_model():
    """
    LangChain's context is empty in a retriever's and a model's own code; a sync run proves it, with the line.
    """
    retriever = words_of(lambda h: Shelf().invoke("q", at(h)))
    chat_model = words_of(lambda h: Router(responses=["x"]).invoke("q", at(h)))

    assert "FakeListChatModel was called inside the retriever Shelf at " in retriever
    assert NO_CONTEXT in retriever
    assert 'config={"callbacks": run_manager.get_child()}' in retriever
    assert "FakeListChatModel was called inside the chat model Router at " in chat_model
    assert NO_CONTEXT in chat_model


def test_calls_inside_a_retriever_that_passes_its_callbacks_on():
    """
    Near miss: a retriever that passes its callbacks on, or that has a run around it, loses nothing.
    """
    assert words_of(lambda h: PassingShelf().invoke("q", at(h))) == ""
    assert words_of(lambda h: (outer(str) | Shelf()).invoke("q", at(h))) == ""


def test_calls_inside_an_async_retriever_are_possible_only():
    """
    Near miss: nothing shows whether an async retriever called the model or another task did.
    """
    said = words_of(lambda h: Shelf().ainvoke("q", at(h)))

    assert "Possible causes" in said
    assert "code inside a retriever or a model, which LangChain hands no context to [no-context-inside]" in said
    assert NO_CONTEXT not in said


def _by_hand(handler: Any) -> None:
    run = CallbackManager([handler]).on_chain_start({}, {}, name="mine")
    MODEL.invoke("q")
    run.on_chain_end({})


def _by_hand_configured(handler: Any) -> None:
    run = CallbackManager.configure([handler]).on_chain_start({}, {}, name="mine")
    MODEL.invoke("q")
    run.on_chain_end({})


def _by_hand_passed_on(handler: Any) -> None:
    run = CallbackManager.configure([handler]).on_chain_start({}, {}, name="mine")
    MODEL.invoke("q", {"callbacks": run.get_child()})
    run.on_chain_end({})


async def _by_hand_async(handler: Any) -> None:
    run = await AsyncCallbackManager([handler]).on_chain_start({}, {}, name="mine")
    await MODEL.ainvoke("q")
    await run.on_chain_end({})


@pytest.mark.parametrize("program", [_by_hand, _by_hand_configured, _by_hand_async])
def test_a_callback_manager_by_hand(program):
    """
    What is called while a manager's run is open hears of it only if the manager is passed on.
    """
    said = words_of(program)

    assert "while mine was open, which was begun by hand with a callback manager" in said
    assert 'config={"callbacks": run_manager.get_child()}' in said


def test_a_callback_manager_by_hand_that_is_passed_on():
    """
    Near miss: nothing is lost where get_child() is passed on, and a call after the manager's run is no part of it.
    """
    assert words_of(_by_hand_passed_on) == ""
    assert "by hand" not in words_of(lambda h: (_by_hand_passed_on(h), MODEL.invoke("q")))


def test_a_context_of_ones_own():
    """
    Code that LangChain called may call a run in another contextvars.Context, which holds no run.
    """
    said = words_of(lambda h: outer(lambda q: contextvars.Context().run(MODEL.invoke, q)).invoke("q", at(h)))

    assert "FakeListChatModel was called by code inside outer at " in said
    assert "in a contextvars.Context that holds no run" in said


def test_a_task_that_was_made_elsewhere_is_a_possible_cause():
    """
    A task has the context of the code that made it, so that an async run without a parent may be of such a task.
    """

    async def program(handler: Any) -> None:
        jobs: asyncio.Queue[Any] = asyncio.Queue()

        async def work() -> None:
            question, answered = await jobs.get()
            answered.set_result(await MODEL.ainvoke(question))

        async def ask(q: Any) -> Any:
            answered = asyncio.get_running_loop().create_future()
            jobs.put_nowait((q, answered))
            return await answered

        worker = asyncio.create_task(work())
        await outer(ask).ainvoke("q", at(handler))
        await worker

    said = words_of(program)

    assert "began without a parent while outer was open. Possible causes" in said
    assert "a contextvars.Context, or a task, that was made before the run began [other-context]" in said


async def _await(q: Any) -> Any:
    return await MODEL.ainvoke(q)


async def _node(state: Any) -> Any:
    await MODEL.ainvoke("q")
    return state


def _sync_node(state: Any) -> Any:
    MODEL.invoke("q")
    return state


@pytest.mark.parametrize(
    "program",
    [
        lambda h: graph(_sync_node).invoke({"q": ""}, at(h)),
        lambda h: graph(_node).ainvoke({"q": ""}, at(h)),
        lambda h: graph(_sync_node).ainvoke({"q": ""}, at(h)),
        lambda h: outer(_await).ainvoke("q", at(h)),
        lambda h: outer(MODEL.invoke).invoke("q", at(h)),
        lambda h: (PROMPT | MODEL).ainvoke(QUESTION, at(h)),
    ],
    ids=["sync graph", "async graph", "sync node in an async graph", "coroutine", "sync function", "async chain"],
)
def test_code_that_langchain_calls_keeps_the_context(program):
    """
    LangChain's context holds the run inside a node, a function and a step: the handler hears what they call.
    """
    assert words_of(program) == ""


SWALLOWED = "FakeListChatModel was called with callbacks= among its options."


def test_swallowed_keywords():
    """
    ``bind(callbacks=...)`` shows among the options of a streaming model's call, and proves itself.
    """
    assert SWALLOWED in words_of(lambda h: list(MODEL.bind(callbacks=[h]).stream("q")))
    assert SWALLOWED not in words_of(lambda h: list(MODEL.bind(stop=["."]).stream("q")))


NOTHING = "the handler heard nothing. "
BEFORE_TOOLS = "with_config(callbacks=...) before bind_tools or with_structured_output"
REPLACED_CONFIG = "a second with_config(callbacks=...), which replaces the first"


def shelf_with(handler: Any) -> Any:
    """A retriever with constructor callbacks, made elsewhere."""
    return Shelf(callbacks=[handler])


def threaded(call: Any) -> None:
    """Call it in a thread."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def structured(handler: Any) -> Any:
    """A model with a schema, and with_config before it."""
    fake = FakeChatModel()
    fake.respond({"name": "Oslo"})
    return fake.with_config(callbacks=[handler]).with_structured_output(City)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (lambda h: (PROMPT | MODEL).invoke(QUESTION), "RunnableSequence was called at tests/scopes/test_reasons.py:"),
        (lambda h: (PROMPT | MODEL).ainvoke(QUESTION), "the handler was not passed to what ran: pass it at run time"),
        (
            lambda h: threaded(lambda: (PROMPT | MODEL).invoke(QUESTION)),
            "code between (a Runnable's invoke(), a wrapper) took the config",
        ),
        (lambda h: MODEL.with_config(at(h)).with_config(own()).invoke("q"), REPLACED_CONFIG),
        (lambda h: FakeChatModel().with_config(at(h)).bind_tools([lookup()]).invoke("q"), BEFORE_TOOLS),
        (lambda h: structured(h).invoke("q"), BEFORE_TOOLS),
        (
            lambda h: create_agent(FakeChatModel().with_config(at(h)), [lookup()]).invoke(
                {"messages": [("user", "q")]}
            ),
            BEFORE_TOOLS,
        ),
        (
            lambda h: shelf_with(h).invoke("q"),
            "the constructor of a prompt or a retriever, which ignores callbacks",
        ),
    ],
    ids=[
        *[
            "never attached",
            "never attached, async",
            "config dropped",
            "replaced config",
            "before tools",
            "before schema",
        ],
        *["agent", "retriever"],
    ],
)
def test_heard_nothing(program, words):
    """
    Where a handler heard nothing, nothing is proven: the message lists the possible causes that fit what ran.
    """
    said = words_of(program)

    assert NOTHING in said
    assert "Possible causes: - " in said
    assert words in said


def test_causes_that_do_not_fit_are_not_listed():
    """
    Near miss: tools, prompts, retrievers and graphs are no possible causes where none ran.
    """
    said = words_of(lambda h: MODEL.invoke("q"))

    assert NOTHING in said
    assert BEFORE_TOOLS not in said
    assert "prompt" not in said
    assert "langgraph" not in said


def test_a_proven_cause_leaves_out_the_possible_ones():
    """
    A proven cause stands alone, without a list of possible ones.
    """
    assert "Possible causes" not in words_of(lambda h: (PROMPT | model(callbacks=[h])).invoke(QUESTION))


@pytest.mark.parametrize(
    "program",
    [
        lambda h: (MODEL.with_config(run_name="other").invoke("q"), MODEL.invoke("q", at(h))),
        lambda h: [MODEL.with_config(run_name="other").invoke("q") for _ in (PROMPT | MODEL).stream(QUESTION, at(h))],
    ],
    ids=["before", "while a stream is read"],
)
def test_a_call_by_itself(program):
    """
    A run that code outside LangChain called has no handler but those of that call.
    """
    said = words_of(program)

    assert re.search(
        r"other was called by itself at \S+test_reasons.py:\d+, and the handler was not passed to it\. A call outside",
        said,
    )


@pytest.mark.parametrize("chain", [PROMPT | MODEL, PROMPT, lookup()], ids=["sequence", "prompt", "tool"])
def test_a_batch_with_a_list_of_configs(chain):
    """
    In a batch with a list of configs, each input has the callbacks of its own config alone.
    """
    # One after the other, since calls at the same time may have other causes as well.
    said = words_of(lambda h: chain.batch([QUESTION] * 2, [{**at(h), "max_concurrency": 1}, {}]))

    assert " was called by itself" in said
    assert "a batch with a list of configs, where each input has the callbacks of its own config alone" in said


def test_an_async_batch_with_a_list_of_configs():
    """
    In an async batch with a list of configs, that list is one of the possible causes.
    """
    said = words_of(lambda h: (PROMPT | MODEL).abatch([QUESTION] * 2, [at(h), {}]))

    assert "a batch with a list of configs, where each input has the callbacks of its own config alone" in said


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
        inner = graph(_sync_node, "inner").with_config(callbacks=[handler])

        def call(state: Any) -> Any:
            return inner.invoke(state)

        graph(call).invoke({"q": ""})

    assert words_of(program, lambda h: h.assert_runtime_scope(under="inner", only=True)) == ""
    assert "the handler heard inner" in words_of(program)


@pytest.mark.parametrize("kind", [BaseRetriever, FakeListChatModel, StructuredTool])
def test_a_class_that_overrides_invoke(kind):
    """
    LangChain sends callbacks from its own invoke(): a class that overrides it sends none, and the message names the
    class.
    """

    class Silent(kind):
        """A component whose invoke() sends no callbacks."""

        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> Any:
            return []

        def invoke(self, question: Any, config: Any = None, **kwargs: Any) -> Any:
            return None

    options = {
        BaseRetriever: {},
        FakeListChatModel: {"responses": ["x"]},
        StructuredTool: {"name": "s", "description": "d", "args_schema": {}, "func": len},
    }
    silent = Silent(**options[kind])
    said = words_of(lambda h: silent.invoke("q", at(h)), lambda h: h.assert_runtime_scope(under=silent))

    assert re.search(r"Silent overrides invoke\(\) of Base\w+\. LangChain sends callbacks from invoke\(\)", said)
    assert "overrides invoke() of" not in words_of(lambda h: None, lambda h: h.assert_runtime_scope(under=MODEL))


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


@pytest.mark.parametrize("equal", [True, False], ids=["equal", "different"])
def test_a_handler_that_equals_another(spy_on, equal):
    """
    LangChain drops a handler that equals another, which is possible only where the class defines __eq__.
    """

    class Tagged(BaseCallbackHandler):
        def __init__(self, tag):
            self.tag = tag

        def __hash__(self):
            return hash(self.tag)

    if equal:
        Tagged.__eq__ = lambda self, other: isinstance(other, Tagged) and self.tag == other.tag
    around, inside = Tagged("audit"), Tagged("audit")
    spy = spy_on(inside)
    model = FakeChatModel().with_config(callbacks=[inside])

    (RunnableLambda(str) | model).invoke("x", {"callbacks": [around]})

    if not equal:
        spy.assert_constructor_scope("FakeChatModel")
        return
    with pytest.raises(AssertionError, match=r"(?s)heard nothing.*drops a handler that equals\s+another"):
        spy.assert_constructor_scope("FakeChatModel")
