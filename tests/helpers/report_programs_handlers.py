"""Reports of handlers that a program adds twice, that call models themselves, or that keep state of a run."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager
from report_programs import hears_all, model, report
from report_programs_scopes import expects, has_tree, outer


class Tracer(BaseCallbackHandler):
    """A tracer, as an integration adds one."""

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        """Begin a span."""

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        """Write a span."""


def _adds_tracer(add: bool) -> Any:
    def node(q: str, config: Any) -> Any:
        manager = config["callbacks"].copy()
        if add:
            manager.add_handler(Tracer())
        return model().invoke(q, {**config, "callbacks": manager})

    return lambda h: outer(node).invoke("q", {"callbacks": [Tracer(), h]})


for _check in (hears_all, expects("chain_start", "chat_model_start", "llm_end", "chain_end")):
    report(
        name="two instances of a tracer" + (" in a scope check" if _check is hears_all else ""),
        buggy=_adds_tracer(True),
        good=_adds_tracer(False),
        spied=Tracer,
        check=_check,
        says=("2 instances of Tracer", "[two-instances]"),
        never=("same handler twice", "[h, h]", "[heard-twice]"),
    )


def _requests(copied: bool) -> Any:
    def program(h: Any) -> None:
        shared = CallbackManager([])
        for question, collector in (("one", h), ("two", BaseCallbackHandler())):
            manager = shared.copy() if copied else shared
            manager.add_handler(collector)
            model().invoke(question, {"callbacks": manager})

    return program


report(
    name="a shared manager keeps a collector",
    buggy=_requests(False),
    good=_requests(True),
    check=expects("chat_model_start", "llm_end"),
    says=("the handler heard another call as well, FakeListChatModel at", "[another-call]"),
    never=("[heard-twice]",),
)


class Judge(BaseCallbackHandler):
    """Asks a model for its opinion of an answer."""

    def __init__(self, config: Any) -> None:
        self.config, self.busy = config, False

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        if not self.busy:
            self.busy = True
            model().invoke("Was that good?", self.config)


class AsyncJudge(Judge):
    """The same, in an async run."""

    async def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        if not self.busy:
            self.busy = True
            await model().ainvoke("Was that good?", self.config)


async def _ask(q: str) -> Any:
    return await model().ainvoke(q)


report(
    name="a handler asks a model",
    buggy=lambda h: outer(model().invoke).invoke("q", {"callbacks": [h, Judge(None)]}),
    good=lambda h: outer(model().invoke).invoke("q", {"callbacks": [h, Judge({"callbacks": []})]}),
    check=has_tree("outer\n  FakeListChatModel"),
    says=("was called inside Judge.on_llm_end at", "[called-in-handler]"),
)
report(
    name="an async handler asks a model",
    buggy=lambda h: outer(_ask).ainvoke("q", {"callbacks": [h, AsyncJudge(None)]}),
    good=lambda h: outer(_ask).ainvoke("q", {"callbacks": [h, AsyncJudge({"callbacks": []})]}),
    check=has_tree("outer\n  FakeListChatModel"),
    says=("was called inside AsyncJudge.on_llm_end", "[called-in-handler]"),
)


SPAN: ContextVar[Any] = ContextVar("span")


class Spans(AsyncCallbackHandler):
    """Keeps the span in a ContextVar."""

    async def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: Any, **kwargs: Any) -> None:
        SPAN.set(run_id)

    async def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        SPAN.get()


class SpansByRun(AsyncCallbackHandler):
    """Keeps each span under its run."""

    def __init__(self) -> None:
        self.spans: dict[Any, int] = {}

    async def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.spans[run_id] = 1

    async def on_llm_end(self, response: Any, *, run_id: Any, **kwargs: Any) -> None:
        del self.spans[run_id]


class NeverSet(AsyncCallbackHandler):
    """Reads a ContextVar that it does not write."""

    async def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        SPAN.get()


report(
    name="a span in a ContextVar",
    buggy=lambda h: model().ainvoke("q", {"callbacks": [h, Spans()]}),
    good=lambda h: model().ainvoke("q", {"callbacks": [h, SpansByRun()]}),
    says=("[handler_error]", "Spans sets a ContextVar, in an async run", "[context-per-event]"),
)
report(
    name="a ContextVar that the program never set",
    buggy=lambda h: model().ainvoke("q", {"callbacks": [h, NeverSet()]}),
    good=lambda h: model().ainvoke("q", {"callbacks": [h, SpansByRun()]}),
    says=("[handler_error]",),
    never=("[context-per-event]",),
)
