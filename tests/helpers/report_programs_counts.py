"""Reports of handlers that count errors, decline events or start twice, and of LangChain's own usage handler."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from report_programs import model, report
from report_programs_plain import Counting, counts


class Failures(BaseCallbackHandler):
    """Collects what failed."""

    def __init__(self) -> None:
        self.failed: list[Any] = []

    def on_chain_error(self, error: Any, **kwargs: Any) -> None:
        self.failed.append(error)


def _fails(chain: Any, *, times: int) -> Any:
    def program(h: Any) -> None:
        failures = Failures()
        with suppress(ValueError):
            chain().invoke("q", {"callbacks": [h, failures]})
        assert len(failures.failed) == times

    return program


def _nested() -> Any:
    return RunnableLambda(str.upper) | RunnableLambda(int, name="read")


def _tried_again() -> Any:
    left = [ValueError("busy")]

    def ask(q: str) -> str:
        if left:
            raise left.pop()
        return q

    return RunnableLambda(ask).with_retry(wait_exponential_jitter=False)


report(
    name="a tracer counts one failure twice",
    buggy=_fails(_nested, times=1),
    good=_fails(_nested, times=2),
    says=("read raised ValueError", "and RunnableSequence around it failed with it", "[one-failure]"),
    never=("[recovered-error]",),
)
report(
    name="a tracer counts what was tried again",
    buggy=_fails(_tried_again, times=0),
    good=_fails(_tried_again, times=1),
    says=("ask failed, and ask around it ended well", "[recovered-error]"),
    never=("[one-failure]",),
)
report(
    name="a tracer counts one failure of one run",
    buggy=_fails(lambda: RunnableLambda(int, name="read"), times=2),
    good=_fails(lambda: RunnableLambda(int, name="read"), times=1),
    says=(),
    never=("[recovered-error]", "[one-failure]", "[control-flow]"),
)


class Declining(Counting):
    """Declines what it counts."""

    ignore_llm = True  # type: ignore[assignment]  # LangChain reads it as an attribute


class DecliningChains(Counting):
    """Declines something else."""

    ignore_chain = True  # type: ignore[assignment]  # LangChain reads it as an attribute


report(
    name="a handler that declines what it counts",
    buggy=counts(Declining()),
    good=counts(DecliningChains()),
    says=("ignore_llm of Declining is true, so that it declines llm_end of FakeListChatModel", "[declined]"),
)
report(
    name="a handler that declines something else",
    buggy=counts(DecliningChains(), answers=2),
    good=counts(DecliningChains()),
    says=(),
    never=("[declined]",),
)


def _asks(h: Any, kind: Any) -> Any:
    # The model holds the handler until the check is made.
    asked = model(callbacks=[kind()])
    h.asked = asked
    return asked.invoke("q", {"callbacks": [h]})


report(
    name="a spied handler that declines what it is asked for",
    buggy=lambda h: _asks(h, Declining),
    good=lambda h: _asks(h, DecliningChains),
    spied=Counting,
    check=lambda spy: spy.assert_events(["llm_start", "llm_end"]),
    says=("ignore_llm of", "[declined]"),
    never=("Possible causes",),
)


class Asking(BaseCallbackHandler):
    """Counts starts, and asks its base class too."""

    def __init__(self) -> None:
        self.answers = 0

    def on_llm_start(self, serialized: Any, prompts: Any, **kwargs: Any) -> None:
        self.answers += 1

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.answers += 1
        super().on_chat_model_start(serialized, messages, **kwargs)


report(
    name="on_chat_model_start asks its base class",
    buggy=counts(Asking()),
    good=counts(Asking(), answers=2),
    says=("Asking.on_chat_model_start calls that of BaseCallbackHandler, and on_llm_start", "[no-chat-model-start]"),
)


def _named(name: str | None) -> Any:
    def program(h: Any) -> None:
        used: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
        answer = AIMessage("x", usage_metadata=used, response_metadata={"model_name": name} if name else {})
        usage = UsageMetadataCallbackHandler()
        GenericFakeChatModel(messages=iter([answer])).invoke("q", {"callbacks": [h, usage]})
        assert usage.usage_metadata

    return program


report(
    name="usage without the name of the model",
    buggy=_named(None),
    good=_named("m"),
    says=("GenericFakeChatModel reported usage, and no model_name in its response_metadata", "[no-model-name]"),
    never=("[no-usage]",),
)


class Current(BaseCallbackHandler):
    """Keeps one current run, and what is of all runs."""

    def __init__(self) -> None:
        self.current, self.open, self.most = "", 0, 0
        self.names, self.ended = list[str](), list[str]()

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.current = kwargs["name"]
        self.names.append(self.current)
        self.open += 1

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.names.append("end")
        self.open -= 1
        self.ended.append(self.current)


class Names(Current):
    """Keeps what is of all runs alone."""

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.names.append(kwargs["name"])
        self.open += 1

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.names.append("end")
        self.open -= 1


def _overlaps(kept: Any, wanted: Any) -> Any:
    def program(h: Any) -> None:
        config: Any = {"callbacks": [h, kept]}
        first = RunnableLambda(_three, name="first").stream("q", config)
        next(first)
        RunnableLambda(len, name="second").invoke("q", config)
        list(first)
        assert (kept.ended or kept.names) == wanted

    return program


report(
    name="one current run of two requests",
    buggy=_overlaps(Current(), ["second", "first"]),
    good=_overlaps(Names(), ["first", "second", "end", "end"]),
    says=("first and second were open at the same time, and Current keeps current for all runs alike", "[mixed-runs]"),
)
report(
    name="a list of all runs",
    buggy=_overlaps(Names(), ["first", "end", "second", "end"]),
    good=_overlaps(Names(), ["first", "second", "end", "end"]),
    says=(),
    never=("[mixed-runs]",),
)


def _three(q: str) -> Any:
    yield from q * 3


class Sums(BaseCallbackHandler):
    """Counts the models that begin, the tokens and the retries; a chat model begins with on_llm_start here."""

    def __init__(self) -> None:
        self.started = self.tokens = self.retries = 0

    def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        self.started += 1

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        self.tokens += 1

    def on_retry(self, *args: Any, **kwargs: Any) -> None:
        self.retries += 1


def _sums(attribute: str, wanted: int, *, streamed: bool = False) -> Any:
    def program(h: Any) -> None:
        sums = Sums()
        config: Any = {"callbacks": [h, sums]}
        if streamed:
            list(model().stream("q", config))
        else:
            model().with_retry().invoke("q", config)
        assert (sums.tokens if attribute == "tokens" else sums.started) == wanted

    return program


report(
    name="tokens counted where nobody streamed",
    buggy=_sums("tokens", 1),
    good=_sums("tokens", 1, streamed=True),
    says=("answered as a whole and sent no token", "[not-streamed]"),
)
report(
    name="tokens counted wrongly",
    buggy=_sums("tokens", 7, streamed=True),
    good=_sums("tokens", 1, streamed=True),
    says=(),
    never=("[",),
)
report(
    name="a chat model counted in on_llm_start",
    buggy=_sums("started", 7, streamed=True),
    good=_sums("started", 1, streamed=True),
    says=(),
    never=("[no-chat-model-start]",),
)


class Both(Failures):
    """Counts answers too, through a method of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = 0

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.note()

    def note(self) -> None:
        """Note one more answer."""
        self.answers += 1


def _answers(*, wanted: int) -> Any:
    def program(h: Any) -> None:
        both = Both()
        (_tried_again() | model(callbacks=[both])).invoke("q", {"callbacks": [h]})
        assert both.answers == wanted

    return program


report(
    name="another number of answers, of a handler that heard all of them",
    buggy=_answers(wanted=2),
    good=_answers(wanted=1),
    says=(),
    never=("[one-component]", "[recovered-error]", "hint:"),
)
