"""Reports of handlers that a test asks with a plain ``assert``; each is a whole test, which takes another handler."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.callbacks import (
    BaseCallbackHandler,
    UsageMetadataCallbackHandler,
    get_usage_metadata_callback,
)
from langchain_core.runnables import RunnableLambda
from report_programs import at, model, report
from report_programs_scopes import CHAIN, outer

from pytest_lc_callbacks import FakeChatModel


class Spans(BaseCallbackHandler):
    """Has no method for a run that fails."""

    def __init__(self) -> None:
        self.open: set[Any] = set()

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.open.add(run_id)

    def on_chain_end(self, outputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.open.remove(run_id)


class AllSpans(Spans):
    """Has one."""

    def on_chain_error(self, error: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.open.remove(run_id)


def _closes(spans: Any, *, closed: bool = True, fails: bool = True) -> Any:
    def program(h: Any) -> None:
        if fails:
            with pytest.raises(ValueError, match="invalid literal"):
                RunnableLambda(int, name="read").invoke("q", {"callbacks": [h, spans]})
        else:
            RunnableLambda(int, name="read").invoke("1", {"callbacks": [h, spans]})
        assert (not spans.open) is closed

    return program


report(
    name="no on_chain_error",
    buggy=_closes(Spans()),
    good=_closes(AllSpans()),
    says=("read ended with chain_error, and Spans has no on_chain_error", "[no-error-method]"),
)
report(
    name="no on_chain_error, and no failure",
    buggy=_closes(Spans(), closed=False, fails=False),
    good=_closes(Spans(), fails=False),
    says=(),
    never=("[no-error-method]",),
)


class Counter(BaseCallbackHandler):
    """Counts answers, in a method that LangChain does not have."""

    def __init__(self) -> None:
        self.answers = 0

    def on_chat_model_end(self, response: Any, **kwargs: Any) -> None:
        self.answers += 1


class Counting(Counter):
    """Calls it itself."""

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.on_chat_model_end(response)


def counts(counter: Any, answers: int = 1) -> Any:
    """The test that a handler counts so many answers of one call."""

    def program(h: Any) -> None:
        model().invoke("q", {"callbacks": [h, counter]})
        assert counter.answers == answers

    return program


report(
    name="on_chat_model_end",
    buggy=counts(Counter()),
    good=counts(Counting()),
    says=("LangChain never calls Counter.on_chat_model_end: a chat model reports 'llm_end'", "[unknown-method]"),
)
report(
    name="a method that the handler calls itself",
    buggy=counts(Counting(), answers=2),
    good=counts(Counting()),
    says=(),
    never=("[unknown-method]", "[not-passed]"),
)


class Parents(BaseCallbackHandler):
    """Finds the parent of a run on a stack."""

    def __init__(self) -> None:
        self.stack, self.parents = ["root"], dict[str, Any]()

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.parents[kwargs["name"]] = self.stack[-1]
        self.stack.append(kwargs["name"])

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.stack.pop()


class ParentsById(Parents):
    """Finds it by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[Any, str] = {}

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.names[kwargs["run_id"]] = kwargs["name"]
        self.parents[kwargs["name"]] = self.names.get(kwargs["parent_run_id"])

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        """Nothing to do."""


def _has_parents(parents: Any, *, beside: bool = True, wanted: Any = None) -> Any:
    def program(h: Any) -> None:
        config: Any = {"callbacks": [h, parents]}
        first = RunnableLambda(_words, name="first").stream("q", config)
        if beside:
            next(first)
            RunnableLambda(len, name="second").invoke("q", config)
        list(first)
        assert list(parents.parents.values()).count(wanted) == 1 + beside

    return program


def _words(q: str) -> Any:
    yield from q * 3


report(
    name="a stack of two requests",
    buggy=_has_parents(Parents()),
    good=_has_parents(ParentsById()),
    says=("first and second were open at the same time, and Parents keeps stack for all runs alike", "[mixed-runs]"),
)
report(
    name="a stack of runs one after the other",
    buggy=_has_parents(Parents(), beside=False),
    good=_has_parents(ParentsById()),
    says=(),
    never=("[mixed-runs]",),
)


class Inputs(BaseCallbackHandler):
    """Keeps the inputs of a start."""

    def __init__(self) -> None:
        self.inputs: list[Any] = []

    def on_chain_start(self, serialized: Any, inputs: Any, *, parent_run_id: Any = None, **kwargs: Any) -> None:
        if parent_run_id is None:
            self.inputs.append(inputs)


def _keeps_inputs(*, streamed: bool, wanted: Any = ({"q": "q"},)) -> Any:
    def program(h: Any) -> None:
        kept = Inputs()
        if streamed:
            list(CHAIN.stream({"q": "q"}, {"callbacks": [h, kept]}))
        else:
            CHAIN.invoke({"q": "q"}, {"callbacks": [h, kept]})
        assert kept.inputs == list(wanted)

    return program


report(
    name="a streamed chain starts without inputs",
    buggy=_keeps_inputs(streamed=True),
    good=_keeps_inputs(streamed=False),
    says=("RunnableSequence was streamed, and its chain_start has {'input': ''} for inputs", "[streamed-inputs]"),
)
report(
    name="other inputs",
    buggy=_keeps_inputs(streamed=False, wanted=()),
    good=_keeps_inputs(streamed=False),
    says=(),
    never=("[streamed-inputs]",),
)


def _usage(how: str) -> Any:
    def program(h: Any) -> None:
        usage = UsageMetadataCallbackHandler()
        asked: Any = model() if how == "silent" else FakeChatModel(responses=["x"])
        asked.invoke("q", {"callbacks": [h] if how == "unheard" else [h, usage]})
        assert usage.usage_metadata

    return program


report(
    name="a model that reports no usage",
    buggy=_usage("silent"),
    good=_usage("reported"),
    says=("FakeListChatModel reported no usage_metadata", "[no-usage]"),
)
report(
    name="a usage handler that nobody passes",
    buggy=_usage("unheard"),
    good=_usage("reported"),
    says=("UsageMetadataCallbackHandler is not among the callbacks of FakeChatModel", "[not-passed]"),
    never=("[no-usage]",),
)


def _in_thread(*, passes: bool) -> Any:
    def program(h: Any) -> None:
        asked = FakeChatModel(responses=["x"])
        with get_usage_metadata_callback() as usage, ThreadPoolExecutor(1, "helper") as pool:
            pool.submit(asked.invoke, "q", {"callbacks": [h, usage]} if passes else at(h)).result()
        assert usage.usage_metadata

    return program


report(
    name="get_usage_metadata_callback and a thread",
    buggy=_in_thread(passes=False),
    good=_in_thread(passes=True),
    says=("FakeChatModel was called", "in the thread helper_0", "[usage-context]"),
)


class Roots(BaseCallbackHandler):
    """Counts the runs whose parent it does not know."""

    def __init__(self) -> None:
        self.roots, self.known = 0, set[Any]()

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.roots += kwargs["parent_run_id"] not in self.known
        self.known.add(run_id)

    on_chat_model_start = on_chain_start


def _asks_twice(*, inside: bool) -> Any:
    def program(h: Any) -> None:
        tracer = Roots()
        asked = model(callbacks=[tracer]) if inside else model()
        agent = outer(lambda q: asked.invoke(asked.invoke(q).content))
        agent.invoke("q", {"callbacks": [h] if inside else [h, tracer]})
        assert tracer.roots == 1

    return program


report(
    name="a root for each call of a model",
    buggy=_asks_twice(inside=True),
    good=_asks_twice(inside=False),
    says=("the handler heard FakeListChatModel but not the run around it", "[one-component]"),
)


def _copied(*, deep: bool) -> Any:
    def program(h: Any) -> None:
        counter = Counting()
        model(callbacks=[counter]).model_copy(deep=deep).invoke("q", at(h))
        assert counter.answers == 1

    return program


report(
    name="a deep copy has a handler of its own",
    buggy=_copied(deep=True),
    good=_copied(deep=False),
    says=("another Counting heard FakeListChatModel", "[another-instance]"),
    never=("[not-passed]",),
)


class Locked(Counting):
    """Holds what cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


report(
    name="a handler that cannot be copied",
    buggy=lambda h: model(callbacks=[h, Locked()]).model_copy(deep=True).invoke("q"),
    good=lambda h: model(callbacks=[h, Locked()]).model_copy().invoke("q"),
    says=("Locked was copied with the component that has it", "[copied-handler]"),
)


def _twice(*, twice: bool) -> Any:
    def program(h: Any) -> None:
        counter = Counting()
        asked = model().with_config(callbacks=[counter] if twice else [])
        asked.invoke("q", {"callbacks": [h, counter]})
        assert counter.answers == 1

    return program


report(
    name="with_config and the call give one handler",
    buggy=_twice(twice=True),
    good=_twice(twice=False),
    says=("Counting is twice among the callbacks of FakeListChatModel", "[heard-twice]"),
)


def _fresh(*, bound: bool) -> Any:
    def program(h: Any) -> None:
        asked = model().with_config(callbacks=[AllSpans(), Counting()] if bound else [])
        asked.invoke("q", {"callbacks": [h, Counting()]})

    return program


report(
    name="with_config and the call give an instance each",
    buggy=_fresh(bound=True),
    good=_fresh(bound=False),
    says=("2 instances of it heard FakeListChatModel", "[duplicate_handler]", "[two-instances]"),
)
report(
    name="two instances side by side in with_config",
    buggy=lambda h: model().with_config(callbacks=[Counting(), Counting()]).invoke("q", {"callbacks": [h]}),
    good=_fresh(bound=False),
    says=(),
    never=("[duplicate_handler]",),
)
