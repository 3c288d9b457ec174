"""Reports of handlers that heard less or more than their authors thought."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompt_values import StringPromptValue
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.config import merge_configs
from langchain_core.tools import tool
from report_programs import at, hears_all, model, report

from pytest_lc_callbacks import RecordingHandler

if TYPE_CHECKING:
    from langchain_core.documents import Document

REPLACED = ("callbacks of its own", "replaces the inherited")
PROMPT = ChatPromptTemplate.from_template("{q}")
CHAIN = PROMPT | model()


def outer(body: Any) -> RunnableLambda[Any, Any]:
    """A chain named outer that calls *body*."""
    return RunnableLambda(body, name="outer")


def inside(body: Any) -> Any:
    """The program that calls *body* inside a function."""
    return lambda h: outer(body).invoke("q", at(h))


def expects(*names: str) -> Any:
    """The check that exactly these events were recorded."""
    return lambda heard: heard.assert_events(list(names))


def has_tree(text: str) -> Any:
    """The check of the run tree."""
    return lambda heard: heard.assert_run_tree(text)


@tool
def search(q: str) -> str:
    """Search."""
    return q


report(
    name="tool.run(config=) in a function",
    buggy=lambda h: outer(lambda q, config: search.run({"q": q}, config=config)).invoke("q", at(h)),
    good=lambda h: outer(lambda q, config: search.invoke({"q": q}, config)).invoke("q", at(h)),
    check=hears_all,
    says=("run() of a tool, and without callbacks=", "[unread-context]", "report_programs_scopes.py:"),
    never=REPLACED,
)
report(
    name="model.generate() in a function",
    buggy=inside(lambda q: model().generate([[HumanMessage(q)]])),
    good=inside(lambda q: model().invoke(q)),
    check=hears_all,
    says=("generate() of a chat model", "[unread-context]"),
    never=REPLACED,
)
report(
    name="a list of its own in a function",
    buggy=inside(lambda q: model().invoke(q, at(BaseCallbackHandler()))),
    good=lambda h: outer(lambda q, config: model().invoke(q, merge_configs(config, at(BaseCallbackHandler())))).invoke(
        "q", at(h)
    ),
    check=hears_all,
    says=("with callbacks of its own", "[replaced-callbacks]", "so that 1 handler of outer did not hear it"),
    never=("[unread-context]", "[detached-run]"),
)
report(
    name="an empty list in a function",
    buggy=inside(lambda q: model().invoke(q, {"callbacks": []})),
    good=inside(lambda q: model().invoke(q, {"callbacks": None})),
    check=hears_all,
    says=("with callbacks=[]", "[detached-run]"),
    never=(*REPLACED, "orphan_run"),
)
report(
    name="the handlers of the manager, in a list",
    buggy=lambda h: outer(lambda q, config: model().invoke(q, {"callbacks": config["callbacks"].handlers})).invoke(
        "q", at(h)
    ),
    good=lambda h: outer(lambda q, config: model().invoke(q, {"callbacks": config["callbacks"]})).invoke("q", at(h)),
    says=("[orphan_run]", "with the handlers of outer, in a list", "[handlers-passed-on]"),
    never=("did not hear", *REPLACED),
)
report(
    name="the class for an instance",
    buggy=lambda h: model().invoke("q", {"callbacks": [RecordingHandler]}),
    good=lambda h: model().invoke("q", at(h)),
    check=hears_all,
    says=("with the class RecordingHandler in place of an instance", "[class-as-handler]"),
)
for _key, _words in [("callback", "'callback' (did you mean 'callbacks'?)"), ("handlers", "'handlers'")]:
    report(
        name=f"the key {_key}",
        buggy=lambda h, key=_key: CHAIN.invoke({"q": "q"}, {key: [h]}),
        good=lambda h: CHAIN.invoke({"q": "q"}, at(h)),
        check=hears_all,
        says=(f"a config that has the handler under {_words}", "[unknown-key]"),
        never=("Possible causes",),
    )
report(
    name="a config inside the config",
    buggy=lambda h: CHAIN.invoke({"q": "q"}, {"config": at(h)}),
    good=lambda h: CHAIN.invoke({"q": "q"}, at(h)),
    check=hears_all,
    says=("a config that has the handler under 'config'", "[unknown-key]"),
    never=("Possible causes",),
)
report(
    name="callbacks under configurable",
    buggy=lambda h: CHAIN.invoke({"q": "q"}, {"configurable": at(h)}),
    good=lambda h: CHAIN.invoke({"q": "q"}, {"configurable": {"thread_id": "1"}, **at(h)}),
    check=hears_all,
    says=("under configurable", "[unknown-key]"),
)
report(
    name="callbacks= as a keyword of invoke",
    buggy=lambda h: CHAIN.invoke({"q": "q"}, callbacks=[h]),
    good=lambda h: CHAIN.invoke({"q": "q"}, config=at(h)),
    check=hears_all,
    says=("was called at", "with callbacks= as a keyword of the call", "[callbacks-as-option]"),
    never=("Possible causes",),
)
report(
    name="callbacks= bound",
    buggy=lambda h: CHAIN.bind(callbacks=[h]).invoke({"q": "q"}),
    good=lambda h: CHAIN.with_config(callbacks=[h]).invoke({"q": "q"}),
    check=hears_all,
    says=("or of bind()", "[callbacks-as-option]"),
)


def _with_config(result_is_used: bool) -> Any:
    def program(h: Any) -> Any:
        chain = CHAIN
        chain.with_config(callbacks=[h])
        return chain.invoke({"q": "q"})

    def mended(h: Any) -> Any:
        chain = CHAIN.with_config(callbacks=[h])
        return chain.invoke({"q": "q"})

    return mended if result_is_used else program


report(
    name="with_config on a line by itself",
    buggy=_with_config(False),
    good=_with_config(True),
    check=hears_all,
    says=("the result of chain.with_config(...) at", "is not used", "[unused-with-config]"),
    never=("Possible causes",),
)


def _config_not_passed(h: Any) -> Any:
    config = {**at(h), "tags": ["prod"]}
    return CHAIN.invoke({"q": str(config["tags"])})


def _config_passed(h: Any) -> Any:
    config = {**at(h), "tags": ["prod"]}
    return CHAIN.invoke({"q": "q"}, config)


report(
    name="a config that nobody passes",
    buggy=_config_not_passed,
    good=_config_passed,
    check=hears_all,
    says=("not with the config that holds the handler", "[config-not-passed-on]"),
    never=("Possible causes",),
)


async def _two_handlers(h: Any) -> Any:
    return await CHAIN.ainvoke({"q": "q"}, at(RecordingHandler()))


report(
    name="another recorder was passed, async",
    buggy=_two_handlers,
    good=lambda h: CHAIN.ainvoke({"q": "q"}, at(h)),
    check=hears_all,
    says=("another RecordingHandler heard RunnableSequence at", "[another-instance]"),
    never=("Possible causes",),
)


class Shelf(BaseRetriever):
    """A retriever that finds nothing."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return []


class AsyncShelf(Shelf):
    """Asks a model, with the handlers of its run or not."""

    passes: bool = False

    async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        await model().ainvoke(query, {"callbacks": run_manager.get_child()} if self.passes else None)
        return []


report(
    name="an async retriever asks a model",
    buggy=lambda h: AsyncShelf().ainvoke("q", at(h)),
    good=lambda h: AsyncShelf(passes=True).ainvoke("q", at(h)),
    check=hears_all,
    says=("FakeListChatModel was called inside the retriever AsyncShelf at", "[no-context-inside]"),
    never=("Possible causes",),
)


def _shelf(h: Any) -> Any:
    return Shelf(callbacks=[h]).invoke("q")


def _parser(h: Any) -> Any:
    return StrOutputParser(callbacks=[h]).invoke("q")


report(
    name="callbacks= of a retriever's constructor",
    buggy=_shelf,
    good=lambda h: Shelf().with_config(callbacks=[h]).invoke("q"),
    check=hears_all,
    says=("callbacks are given to Shelf(...) at", "[ignored-constructor]"),
    never=("Possible causes",),
)
report(
    name="callbacks= of a parser's constructor",
    buggy=_parser,
    good=lambda h: StrOutputParser().invoke("q", at(h)),
    check=hears_all,
    says=("callbacks are given to StrOutputParser(...) at", "[ignored-constructor]"),
)


def _background(waits: bool) -> Any:
    async def program(h: Any) -> Any:
        tasks, go = [], asyncio.Event()

        async def later() -> Any:
            await go.wait()
            return await model().ainvoke("later")

        async def bot(q: str) -> str:
            tasks.append(asyncio.create_task(later()))
            if waits:
                go.set()
                await tasks[0]
            return q

        await RunnableLambda(bot, name="bot").ainvoke("q", at(h))
        go.set()
        await tasks[0]

    return program


report(
    name="a task outlives its node",
    buggy=_background(False),
    good=_background(True),
    check=has_tree("bot"),
    reads_good=has_tree("bot\n  FakeListChatModel"),
    says=("bot had ended before FakeListChatModel began", "[parent-ended]"),
    never=("has not heard", "[unheard-parent]"),
)


def _in_thread(q: str) -> None:
    thread = threading.Thread(target=model().invoke, args=(q,), name="worker")
    thread.start()
    thread.join()


report(
    name="a raw thread",
    buggy=inside(_in_thread),
    good=inside(lambda q: model().invoke(q)),
    check=hears_all,
    says=("(thread worker)", "[other-thread]"),
    never=REPLACED,
)


class Service:
    """Keeps its config, and forgets it."""

    def __init__(self, h: Any, *, passes: bool) -> None:
        self.config, self.passes = at(h), passes

    def ask(self, q: str) -> Any:
        """Ask the chain."""
        return CHAIN.invoke({"q": q}, self.config if self.passes else None)


report(
    name="a config in an attribute that nobody passes",
    buggy=lambda h: Service(h, passes=False).ask("q"),
    good=lambda h: Service(h, passes=True).ask("q"),
    check=hears_all,
    says=("not with the config that holds the handler there", "[config-not-passed-on]"),
    never=("Possible causes",),
)
report(
    name="callbacks in the input",
    buggy=lambda h: CHAIN.invoke({"q": "q", **at(h)}),
    good=lambda h: CHAIN.invoke({"q": "q"}, at(h)),
    check=hears_all,
    says=("the input has the handler under 'callbacks'", "[not-passed]"),
    never=("Possible causes",),
)


def _generates(call: Any) -> Any:
    return lambda h: RunnableLambda(len, afunc=call, name="outer").ainvoke("q", at(h))


report(
    name="agenerate_prompt() as a task of LangChain's",
    buggy=_generates(lambda q: model().agenerate_prompt([StringPromptValue(text=q)])),
    good=_generates(lambda q: model().ainvoke(q)),
    check=hears_all,
    says=("agenerate_prompt() of a chat model, and without callbacks=", "[unread-context]"),
    never=REPLACED,
)
