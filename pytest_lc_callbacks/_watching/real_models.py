"""The block of real models: a call of a provider's model fails before it reaches the network."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from types import CodeType
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import BaseLLM

from pytest_lc_callbacks._patches import Patches, subclasses
from pytest_lc_callbacks._providers import is_of_provider, is_offline, is_providers_module
from pytest_lc_callbacks._stack import call_behind, frame_above, is_library
from pytest_lc_callbacks._threads import OwnThreads
from pytest_lc_callbacks._values import ask, entry

# The methods that a provider implements. LangChain calls them behind its caches: what a cache gives is not refused.
_IMPLEMENTATIONS = (
    "_acall",
    "_aclassify",
    "_agenerate",
    "_astream",
    "_astream_chat_model_events",
    "_call",
    "_classify",
    "_generate",
    "_stream",
    "_stream_chat_model_events",
)

# The methods with which a model counts tokens: a provider's asks its server, or downloads a tokenizer. The last two do
# neither where the model was given a function for it.
_COUNTERS = ("get_num_tokens_from_messages", "get_num_tokens", "get_token_ids")

_refused_here: ContextVar[list[BaseException]] = ContextVar("lc_callbacks_refused")


@dataclass(frozen=True, slots=True)
class BlockedTest:
    """A test whose calls of real models are refused, or are let through."""

    threads: OwnThreads
    """What it calls, it calls in one of these."""

    is_allowed: bool
    """Whether its own calls are let through."""

    refused: list[BaseException] = field(default_factory=list)
    """What was raised in its own threads, whoever caught it."""


class RealModelBlock:
    """
    Refuses calls of real models from `start` to `stop`, in any thread, also of classes that are made meanwhile.

    Args:
        packages: What else counts as a provider's package.

        refuse: Makes an exception of a text. It must be no ``Exception``, which fallbacks and retries catch.
    """

    def __init__(self, packages: Iterable[str], refuse: Callable[[str], BaseException]) -> None:
        self.test: BlockedTest | None = None
        """The test that runs; None between tests."""
        self.elsewhere: Counter[str] = Counter()
        """The calls that were refused and are no test's own, each with how often."""
        self._packages = tuple(packages)
        self._refuse = refuse
        self._patches: Patches | None = None

    def start(self) -> None:
        """Refuse from now on."""
        if self._patches is not None:
            return
        self._patches = Patches()
        for base in (BaseChatModel, BaseLLM, *_decision_models()):
            for cls in subclasses(base):
                self._cover(cls)
            self._patches.tell_of_subclasses(base, self._cover)
        self._patches.wrap(BaseChatModel, "agenerate", _raise_refusal)

    def stop(self) -> None:
        """Refuse no more."""
        if self._patches is not None:
            self._patches.undo()
        self._patches = None

    def _cover(self, cls: type) -> None:
        if self._patches is None or not is_of_provider(cls, self._packages):
            return
        for name in (*_IMPLEMENTATIONS, *_COUNTERS):
            if self._is_providers_own(vars(cls).get(name)):
                self._patches.wrap(cls, name, functools.partial(self._refuse_call, cls, name))

    def _is_providers_own(self, method: Any) -> bool:
        """Whether *method* is the provider's, wrapped or not; what somebody has put in its place calls no network."""
        if is_offline(method):
            return False
        for inner in _unwrapped(method):
            module = str(entry(ask(inner, "__globals__"), "__name__", ""))
            if is_providers_module(module, self._packages):
                return True
        # A decorator of another package may hide what it wraps. LangChain's own methods come from its fakes.
        code = ask(method, "__code__")
        is_installed = isinstance(code, CodeType) and is_library(code.co_filename)
        return is_installed and not str(ask(method, "__module__")).startswith("langchain_core.")

    def _refuse_call(
        self, cls: type, name: str, model: Any, args: object, kwargs: object
    ) -> AbstractContextManager[None]:
        """
        Refuse a call of *model* that would run the method *name* that *cls* defines.

        Returns:
            A context manager that does nothing, if the call is let through.
        """
        __tracebackhide__ = True
        is_local = name in _COUNTERS[1:] and ask(model, "custom_get_token_ids") is not None
        test = self.test if self.test is not None and self.test.threads.has_current() else None
        if is_local or (test is not None and test.is_allowed):
            return nullcontext()
        called = _describe_call(type(model), cls, name)
        error = self._refuse(_message(called, type(model)))
        if test is not None:
            test.refused.append(error)
        else:
            self.elsewhere[called] += 1
        _refused_here.get([]).append(error)
        raise error


def _unwrapped(method: Any) -> Iterator[Any]:
    """*method*, and what it wraps: functools.wraps and wrapt leave that in ``__wrapped__``, and mocks invent none."""
    seen: set[int] = set()
    while method is not None and id(method) not in seen:
        seen.add(id(method))
        yield method
        method = ask(method, "__wrapped__")


@contextmanager
def _raise_refusal(model: Any, args: object, kwargs: object) -> Iterator[None]:
    """
    Raise our refusal again.

    LangChain's ``agenerate`` takes what is no ``Exception`` for a result and fails with an AttributeError (measured,
    langchain-core 1.8.3).
    """
    __tracebackhide__ = True
    refused: list[BaseException] = []
    token = _refused_here.set(refused)
    try:
        yield
    except BaseException:
        if refused:
            raise refused[0] from None
        raise
    finally:
        _refused_here.reset(token)


def _describe_call(called: type, implemented: type, name: str) -> str:
    """``ChatOpenAI (langchain_openai) was called at test_app.py:12``."""
    package = str(implemented.__module__).partition(".")[0]
    place = call_behind(frame_above(1)).place
    did = "was asked to count tokens" if name in _COUNTERS else "was called"
    return f"{called.__name__} ({package}) {did}{f' at {place}' if place else ''}"


def _message(called: str, model: type) -> str:
    is_decision = any(issubclass(model, base) for base in _decision_models())
    fake = "a subclass of BaseDecisionModel whose _classify decides" if is_decision else "a FakeChatModel"
    return "\n".join(
        [
            f"expected no call of a real model, but {called}",
            "  it was stopped before it reached the network: lc_callbacks_block_real_models is on",
            f"hint: give the code under test {fake}. To let this test reach real models, mark it with "
            "@pytest.mark.lc_callbacks(block_real_models=False).",
        ]
    )


def _decision_models() -> list[Any]:
    """The base class of decision models; none before langchain-core 1.8."""
    try:
        return [import_module("langchain_core.decisions").BaseDecisionModel]
    except ImportError:
        return []
