"""
LangChain's scope truth table, row by row: what a handler hears that is attached at each point.

The rows are measured facts about LangChain; here the table that the plugin prints and its two assertions are held
against them, so that a release of LangChain that changes a row is noticed, and a plugin that misreads one too.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from importlib.metadata import version
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, CallbackManager
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import ConfigurableField, RunnableConfig, RunnableGenerator, RunnableLambda
from langchain_core.runnables.config import ContextThreadPoolExecutor, run_in_executor
from langchain_core.tools import StructuredTool
from langchain_core.tracers import context as tracing
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, observe_callbacks

LANGGRAPH = tuple(int(part) for part in version("langgraph").split(".")[:2])
PROMPT = ChatPromptTemplate.from_template("{q}")
QUESTION: dict[str, Any] = {"q": "1"}
HEARD, MISSED, TWICE = "heard", "missed", "heard twice"


class State(TypedDict):
    """A graph's state."""

    q: str


def model(**options: Any) -> FakeListChatModel:
    """A model that answers as often as it is asked."""
    return FakeListChatModel(responses=["x"], **options)


MODEL = model()


def body(q: Any) -> Any:
    """A function with a run inside."""
    return MODEL.invoke("q").content


def passing(q: Any, config: RunnableConfig) -> Any:
    """A function that passes its config on."""
    return MODEL.invoke("q", config).content


def step(**config: Any) -> Any:
    """A step with a run inside."""
    return RunnableLambda(passing, name="step").with_config(**config)


def lookup(**options: Any) -> StructuredTool:
    """A tool with a run inside."""

    def look(q: str) -> str:
        return str(body(q))

    return StructuredTool.from_function(look, name="lookup", description="look", **options)


class Shelf(BaseRetriever):
    """A retriever."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(query)]


def graph(node: Any, name: str = "graph") -> Any:
    """A graph of one node."""
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(name=name)


def sync_node(state: Any) -> Any:
    """A node with a run inside."""
    return {"q": body("q")}


async def async_node(state: Any) -> Any:
    """An async node with a run inside."""
    return {"q": (await MODEL.ainvoke("q")).content}


async def passing_node(state: Any, config: RunnableConfig) -> Any:
    """A node that passes its config on."""
    return {"q": (await MODEL.ainvoke("q", config)).content}


def statuses(program: Any) -> dict[str, str]:
    """For each name how the handler heard its run; the last of several with one name."""
    with observe_callbacks() as observer:
        handler = RecordingHandler()
        program(handler)
        return dict(observer.table(handler=handler).rows)  # type: ignore[arg-type]  # rows of two


# Where a handler is attached ----------------------------------------------------------------------


def runtime(handler: Any) -> Any:
    """A config with *handler*."""
    return {"callbacks": [handler]}


def chain_of(last: Any) -> Any:
    """A prompt and *step*."""
    return PROMPT | last


# A row: its name, a chain that is given {"q": "1"}, the config of the call, and what is heard of each run.
ROWS: dict[str, tuple[Any, Any, dict[str, str]]] = {
    "model constructor": (
        lambda h: chain_of(model(callbacks=[h])),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": HEARD},
    ),
    "LLM constructor": (
        lambda h: chain_of(FakeListLLM(responses=["x"], callbacks=[h])),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListLLM": HEARD},
    ),
    "tool constructor": (lambda h: lookup(callbacks=[h]), None, {"lookup": HEARD, "FakeListChatModel": MISSED}),
    "constructor, then bind_tools": (
        lambda h: chain_of(FakeChatModel(callbacks=[h]).bind_tools([lookup()])),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeChatModel": HEARD},
    ),
    "constructor, then with_fallbacks": (
        lambda h: chain_of(model(callbacks=[h]).with_fallbacks([MODEL])),
        None,
        {
            "RunnableSequence": MISSED,
            "ChatPromptTemplate": MISSED,
            "RunnableWithFallbacks": MISSED,
            "FakeListChatModel": HEARD,
        },
    ),
    "constructor, then configurable_fields": (
        lambda h: chain_of(model(callbacks=[h]).configurable_fields(responses=ConfigurableField(id="r"))),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": HEARD},
    ),
    "constructor, then model_copy": (
        lambda h: chain_of(model(callbacks=[h]).model_copy()),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": HEARD},
    ),
    "retriever constructor": (
        lambda h: RunnableLambda(str, name="query") | Shelf(callbacks=[h]),
        None,
        {"RunnableSequence": MISSED, "query": MISSED, "Shelf": MISSED},
    ),
    "prompt constructor": (
        lambda h: ChatPromptTemplate([("user", "{q}")], callbacks=[h]) | MODEL,
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": MISSED},
    ),
    "manager in a constructor, handlers": (
        lambda h: lookup(callbacks=CallbackManager(handlers=[h])),
        None,
        {"lookup": HEARD, "FakeListChatModel": MISSED},
    ),
    "manager in a constructor, inheritable_handlers": (
        lambda h: lookup(callbacks=CallbackManager(handlers=[], inheritable_handlers=[h])),
        None,
        {"lookup": MISSED, "FakeListChatModel": MISSED},
    ),
    "run time": (
        lambda h: chain_of(MODEL),
        runtime,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "with_config on a step": (
        lambda h: chain_of(step(callbacks=[h])),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "step": HEARD, "FakeListChatModel": HEARD},
    ),
    "with_config on a step, another at run time": (
        lambda h: chain_of(step(callbacks=[h])),
        lambda h: {"callbacks": [BaseCallbackHandler()]},
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "step": HEARD, "FakeListChatModel": HEARD},
    ),
    "with_config and run time on one object": (
        lambda h: chain_of(MODEL).with_config(callbacks=[BaseCallbackHandler()]),
        runtime,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "the first of two with_config": (
        lambda h: chain_of(MODEL).with_config(callbacks=[h]).with_config(callbacks=[BaseCallbackHandler()]),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": MISSED},
    ),
    "the second of two with_config": (
        lambda h: chain_of(MODEL).with_config(callbacks=[BaseCallbackHandler()]).with_config(callbacks=[h]),
        None,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "manager at run time, handlers": (
        lambda h: chain_of(MODEL),
        lambda h: {"callbacks": CallbackManager(handlers=[h])},
        {"RunnableSequence": HEARD, "ChatPromptTemplate": MISSED, "FakeListChatModel": MISSED},
    ),
    "manager at run time, inheritable_handlers": (
        lambda h: chain_of(MODEL),
        lambda h: {"callbacks": CallbackManager(handlers=[], inheritable_handlers=[h])},
        {"RunnableSequence": MISSED, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "async manager at run time": (
        lambda h: chain_of(MODEL),
        lambda h: {"callbacks": AsyncCallbackManager(handlers=[h])},
        {"RunnableSequence": HEARD, "ChatPromptTemplate": MISSED, "FakeListChatModel": MISSED},
    ),
    "model.callbacks after construction": (
        lambda h: chain_of(_changed(h)),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": HEARD},
    ),
    "the list that a constructor was given, changed": (
        lambda h: chain_of(_list_changed(h)),
        None,
        {"RunnableSequence": MISSED, "ChatPromptTemplate": MISSED, "FakeListChatModel": MISSED},
    ),
    "[h, h] at run time": (
        lambda h: chain_of(MODEL),
        lambda h: {"callbacks": [h, h]},
        {"RunnableSequence": TWICE, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "with_config and run time, one handler": (
        lambda h: chain_of(MODEL).with_config(callbacks=[h]),
        runtime,
        {"RunnableSequence": TWICE, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "constructor and run time, one handler": (
        lambda h: chain_of(model(callbacks=[h])),
        runtime,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "step and run time, one handler": (
        lambda h: chain_of(step(callbacks=[h])),
        runtime,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "step": HEARD, "FakeListChatModel": HEARD},
    ),
    "with_listeners beside it": (
        lambda h: chain_of(MODEL.with_listeners(on_start=lambda run: None)),
        runtime,
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
    "run collector beside it": (
        lambda h: chain_of(MODEL),
        lambda h: {"callbacks": [RunCollectorCallbackHandler(), h]},
        {"RunnableSequence": HEARD, "ChatPromptTemplate": HEARD, "FakeListChatModel": HEARD},
    ),
}


def _changed(handler: Any) -> Any:
    changed = model()
    changed.callbacks = [handler]
    return changed


def _list_changed(handler: Any) -> Any:
    callbacks: list[Any] = []
    changed = model(callbacks=callbacks)
    callbacks.append(handler)
    return changed


def invoke(chain: Any, config: Any) -> None:
    """Call it."""
    chain.invoke(QUESTION, config)


def ainvoke(chain: Any, config: Any) -> None:
    """Await it."""
    asyncio.run(chain.ainvoke(QUESTION, config))


def stream(chain: Any, config: Any) -> None:
    """Read it."""
    list(chain.stream(QUESTION, config))


MODES = [invoke, ainvoke, stream]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
@pytest.mark.parametrize("row", ROWS)
def test_attachment_points(row, mode):
    """
    In sync and async calls and in streams, a handler hears what the table says, run by run.
    """
    build, config, expected = ROWS[row]

    def program(handler: Any) -> None:
        mode(build(handler), config(handler) if config else None)

    assert statuses(program) == expected


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
@pytest.mark.parametrize("row", ROWS)
def test_the_assertions_agree_with_the_rows(row, mode):
    """
    Runtime scope holds if every run was heard once, and constructor scope if the runs of one component were.
    """
    build, config, expected = ROWS[row]
    heard = [name for name, status in expected.items() if status != MISSED]
    with observe_callbacks():
        handler = RecordingHandler()
        mode(build(handler), config(handler) if config else None)

        assert _holds(handler.assert_runtime_scope) is all(status == HEARD for status in expected.values())
        for name in expected:
            alone = heard == [name] and expected[name] == HEARD
            assert _holds(handler.assert_constructor_scope, name) is alone


def _holds(check: Any, *args: Any) -> bool:
    try:
        check(*args)
    except AssertionError:
        return False
    return True


def test_a_handler_at_each_of_two_places_hears_its_own():
    """
    Two handlers at two places hear what the row of each says.
    """
    handlers = {name: RecordingHandler() for name in ("constructor", "step", "runtime")}
    chain = PROMPT | model(callbacks=[handlers["constructor"]]).with_config(callbacks=[handlers["step"]])
    with observe_callbacks() as observer:
        chain.invoke(QUESTION, {"callbacks": [handlers["runtime"]]})

        assert observer.table(**handlers).rows == [
            ("RunnableSequence", MISSED, MISSED, HEARD),
            ("ChatPromptTemplate", MISSED, MISSED, HEARD),
            ("FakeListChatModel", HEARD, HEARD, HEARD),
        ]


def test_lambdas_take_no_constructor_callbacks():
    """
    A RunnableLambda refuses constructor callbacks with a TypeError, as any unknown argument.
    """
    with pytest.raises(TypeError, match="callbacks"):
        RunnableLambda(body, callbacks=[])  # type: ignore[call-arg]  # that is the row


@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
def test_callbacks_as_a_keyword_of_a_model_or_tool(call):
    """
    ``invoke(x, callbacks=[h])`` of a model or a tool raises a TypeError.
    """
    for runnable, given in ((MODEL, "q"), (lookup(), QUESTION)):
        with pytest.raises(TypeError, match="callbacks"):
            _called(runnable, call, given)


def _called(runnable: Any, call: str, given: Any) -> Any:
    if call == "ainvoke":
        return asyncio.run(runnable.ainvoke(given, callbacks=[]))
    return runnable.invoke(given, callbacks=[])


def test_callbacks_as_a_keyword_are_swallowed_elsewhere():
    """
    A model's stream, a sequence and a function with keywords ignore ``callbacks=``: the handler hears nothing.
    """
    taking = RunnableLambda(lambda q, **options: q, name="taking")

    assert set(statuses(lambda h: list(MODEL.bind(callbacks=[h]).stream("q"))).values()) == {MISSED}
    assert set(statuses(lambda h: taking.invoke("q", callbacks=[h])).values()) == {MISSED}
    assert set(statuses(lambda h: (taking | MODEL).invoke("q", callbacks=[h])).values()) == {MISSED}


@pytest.mark.parametrize("inheritable", [True, False])
def test_a_configure_hook_reaches_every_run(inheritable):
    """
    A configure hook of LangChain's reaches every run but those of raw threads, and is no double beside run time.
    """
    var: ContextVar[Any] = ContextVar("handler", default=None)
    tracing.register_configure_hook(var, inheritable)

    def hooked(handler: Any) -> None:
        token = var.set(handler)
        chain_of(step()).invoke(QUESTION, runtime(handler))
        thread = threading.Thread(target=RunnableLambda(len, name="raw").invoke, args=("q",))
        thread.start()
        thread.join()
        var.reset(token)

    try:
        found = statuses(hooked)
    finally:
        tracing._configure_hooks[:] = [entry for entry in tracing._configure_hooks if entry[0] is not var]

    assert found.pop("raw") == MISSED
    assert set(found.values()) == {HEARD}


@pytest.mark.parametrize("call", ["batch", "abatch"])
def test_a_batch_with_a_list_of_configs(call):
    """
    In a batch with a list of configs, each handler hears its own input's runs alone.
    """
    first, second = RecordingHandler(), RecordingHandler()
    configs: Any = [runtime(first), runtime(second)]
    with observe_callbacks() as observer:
        chain = chain_of(MODEL)
        asyncio.run(chain.abatch([QUESTION] * 2, configs)) if call == "abatch" else chain.batch([QUESTION] * 2, configs)

        heard = [row[1:] for row in observer.table(a=first, b=second).rows]
    assert heard == [(HEARD, MISSED)] * 3 + [(MISSED, HEARD)] * 3


# A runtime handler on a function whose body calls a model -----------------------------------------


def raw_thread(q: Any) -> None:
    """In a raw thread."""
    thread = threading.Thread(target=MODEL.invoke, args=(q,))
    thread.start()
    thread.join()


def raw_executor(q: Any) -> None:
    """In a raw executor."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(MODEL.invoke, q).result()


def langchains_executor(q: Any) -> None:
    """In LangChain's executor."""
    with ContextThreadPoolExecutor(1) as executor:
        executor.submit(MODEL.invoke, q).result()
        list(executor.map(MODEL.invoke, [q]))


def copied_context(q: Any) -> None:
    """In a thread with a copied context."""
    thread = threading.Thread(target=contextvars.copy_context().run, args=(MODEL.invoke, q))
    thread.start()
    thread.join()


def a_loop_of_its_own(q: Any) -> None:
    """In a loop that the body starts."""
    asyncio.run(MODEL.ainvoke(q))


async def awaited(q: Any) -> Any:
    """Awaited."""
    return await MODEL.ainvoke(q)


async def task(q: Any) -> Any:
    """In a task of its own."""
    return await asyncio.create_task(MODEL.ainvoke(q))


async def gathered(q: Any) -> Any:
    """Gathered."""
    return await asyncio.gather(MODEL.ainvoke(q))


async def to_thread(q: Any) -> Any:
    """In a thread that asyncio hands its context to."""
    return await asyncio.to_thread(MODEL.invoke, q)


async def langchains_run_in_executor(q: Any) -> Any:
    """In a thread that LangChain hands its context to."""
    return await run_in_executor(None, MODEL.invoke, q)


async def loops_run_in_executor(q: Any) -> Any:
    """In a thread that nobody hands a context to."""
    return await asyncio.get_running_loop().run_in_executor(None, MODEL.invoke, q)


async def called(q: Any) -> Any:
    """A sync call in an async body."""
    return MODEL.invoke(q)


async def with_config_argument(q: Any, config: RunnableConfig) -> Any:
    """The config passed on."""
    return await MODEL.ainvoke(q, config)


async def pieces(parts: Any) -> Any:
    """An async generator."""
    async for part in parts:
        yield (await MODEL.ainvoke(part)).content


def own_list(q: Any) -> Any:
    """With a list of its own."""
    return MODEL.invoke(q, {"callbacks": [BaseCallbackHandler()]})


def own_with_config(q: Any) -> Any:
    """With with_config of its own."""
    return MODEL.with_config(callbacks=[BaseCallbackHandler()]).invoke(q)


def empty_list(q: Any) -> Any:
    """With an empty list."""
    return MODEL.invoke(q, {"callbacks": []})


def none(q: Any) -> Any:
    """With None."""
    return MODEL.invoke(q, {"callbacks": None})


SYNC_BODIES = {
    body: HEARD,
    langchains_executor: HEARD,
    copied_context: HEARD,
    a_loop_of_its_own: HEARD,
    raw_thread: MISSED,
    raw_executor: MISSED,
    own_list: MISSED,
    own_with_config: MISSED,
    empty_list: MISSED,
    none: HEARD,
}
ASYNC_BODIES = {
    awaited: HEARD,
    task: HEARD,
    gathered: HEARD,
    to_thread: HEARD,
    langchains_run_in_executor: HEARD,
    called: HEARD,
    loops_run_in_executor: MISSED,
    with_config_argument: HEARD,
}


@pytest.mark.parametrize(("function", "expected"), SYNC_BODIES.items(), ids=[f.__name__ for f in SYNC_BODIES])
def test_a_model_called_in_a_sync_body(function, expected):
    """
    Whether a runtime handler on the function hears the model that its body calls.
    """
    found = statuses(lambda h: RunnableLambda(function, name="outer").invoke("q", runtime(h)))

    assert found == {"outer": HEARD, "FakeListChatModel": expected}


@pytest.mark.parametrize(("function", "expected"), ASYNC_BODIES.items(), ids=[f.__name__ for f in ASYNC_BODIES])
def test_a_model_called_in_an_async_body(function, expected):
    """
    Whether a runtime handler on the function hears the model that its coroutine calls.
    """
    found = statuses(lambda h: asyncio.run(RunnableLambda(function, name="outer").ainvoke("q", runtime(h))))

    assert found == {"outer": HEARD, "FakeListChatModel": expected}


def test_a_model_called_in_an_async_generator():
    """
    A runtime handler hears the model that an async generator calls.
    """

    async def read(handler: Any) -> None:
        async for _ in RunnableGenerator(pieces, name="outer").astream("q", runtime(handler)):
            pass

    found = statuses(lambda h: asyncio.run(read(h)))

    assert found == {"outer": HEARD, "FakeListChatModel": HEARD}


def test_a_model_called_in_a_tools_async_body():
    """
    A runtime handler hears the model that a tool's coroutine calls.
    """

    async def look(q: str) -> str:
        return str((await MODEL.ainvoke(q)).content)

    tool = StructuredTool.from_function(coroutine=look, name="outer", description="look")
    found = statuses(lambda h: asyncio.run(tool.ainvoke(QUESTION, runtime(h))))

    assert found == {"outer": HEARD, "FakeListChatModel": HEARD}


def test_a_model_called_in_a_retrievers_body():
    """
    LangChain's context is empty in a retriever's body: a model called there is a child of the chain around it, or a
    root.
    """

    class Asking(Shelf):
        """A retriever that asks a model."""

        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [Document(str(body(query)))]

    class Passing(Shelf):
        """A retriever that passes its callbacks on."""

        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [Document(str(MODEL.invoke(query, {"callbacks": run_manager.get_child()}).content))]

    chain = RunnableLambda(str, name="query") | Asking()

    assert statuses(lambda h: Asking().invoke("q", runtime(h))) == {"Asking": HEARD, "FakeListChatModel": MISSED}
    assert set(statuses(lambda h: chain.invoke("q", runtime(h))).values()) == {HEARD}
    assert statuses(lambda h: Passing().invoke("q", runtime(h))) == {"Passing": HEARD, "FakeListChatModel": HEARD}


# langgraph and agents -----------------------------------------------------


@pytest.mark.parametrize(
    ("node", "call", "expected"),
    [
        (sync_node, "invoke", HEARD),
        (sync_node, "ainvoke", HEARD),
        (async_node, "ainvoke", HEARD),
        (passing_node, "ainvoke", HEARD),
        (RunnableLambda(sync_node), "ainvoke", HEARD),
    ],
    ids=["sync", "sync under ainvoke", "async", "async, config passed on", "runnable"],
)
def test_graphs_at_run_time(node, call, expected):
    """
    A runtime handler hears the graph, its nodes and what they call.
    """

    def program(handler: Any) -> None:
        given: Any = {"q": "1"}
        if call == "ainvoke":
            asyncio.run(graph(node).ainvoke(given, runtime(handler)))
        else:
            graph(node).invoke(given, runtime(handler))

    found = statuses(program)

    assert found.pop("FakeListChatModel") == expected
    assert set(found.values()) == {HEARD}


def test_graphs_with_config():
    """
    with_config on a graph is run time for it: the handler hears graph, nodes and what they call.
    """
    found = statuses(lambda h: graph(sync_node).with_config(callbacks=[h]).invoke({"q": "1"}))

    assert found == {"graph": HEARD, "node": HEARD, "FakeListChatModel": HEARD}


def test_a_models_constructor_callbacks_in_a_graph():
    """
    In a graph, a model's constructor callbacks hear the model's own runs alone.
    """

    def program(handler: Any) -> None:
        own = model(callbacks=[handler])
        graph(lambda state: {"q": own.invoke("q").content}).invoke({"q": "1"})

    assert statuses(program) == {"graph": MISSED, "node": MISSED, "FakeListChatModel": HEARD}


@pytest.mark.skipif(LANGGRAPH < (1, 2), reason="langgraph before 1.2 replaces with_config's callbacks")
def test_a_subgraph_as_a_node_with_callbacks_of_its_own():
    """
    The handler of a subgraph hears the subgraph and the runs inside, and not the graph around it.
    """
    inner = graph(sync_node, "inner")
    found = statuses(lambda h: graph(inner.with_config(callbacks=[h]), "top").invoke({"q": "1"}))

    assert found["top"] == MISSED
    assert found["inner"] == found["FakeListChatModel"] == HEARD


@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
def test_agents(call):
    """
    A runtime handler hears all of an agent, which is a graph.
    """

    def program(handler: Any) -> None:
        fake = FakeChatModel()
        fake.respond(tool_calls=[("lookup", {"q": "x"})]).respond("done")
        agent = create_agent(fake, [lookup()], name="clerk")
        given: Any = {"messages": [("user", "hi")]}
        if call == "ainvoke":
            asyncio.run(agent.ainvoke(given, runtime(handler)))
        else:
            agent.invoke(given, runtime(handler))

    found = statuses(program)

    assert found["clerk"] == found["FakeChatModel"] == found["model"] == found["tools"] == found["lookup"] == HEARD


# Legacy chains ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The class `LLMChain` was deprecated")
def test_a_legacy_chains_constructor():
    """
    An LLMChain's constructor handler hears the chain, its text included, and not the LLM.
    """
    chains = pytest.importorskip("langchain_classic.chains", reason="the legacy chains are in langchain-classic")

    def chain(**options: Any) -> Any:
        return chains.LLMChain(llm=FakeListLLM(responses=["x"]), prompt=PROMPT, **options)

    constructor = statuses(lambda h: chain(callbacks=[h]).invoke(QUESTION))
    at_run_time = statuses(lambda h: chain().invoke(QUESTION, runtime(h)))

    assert constructor == {"LLMChain": HEARD, "FakeListLLM": MISSED}
    assert at_run_time == {"LLMChain": HEARD, "FakeListLLM": HEARD}
