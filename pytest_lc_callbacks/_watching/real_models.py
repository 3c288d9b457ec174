"""The block of real models: a call of a provider's model fails before it reaches the network."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import BaseLLM

from pytest_lc_callbacks._patches import Patches, subclasses
from pytest_lc_callbacks._providers import is_of_provider
from pytest_lc_callbacks._stack import call_behind

# The methods that a provider implements. LangChain calls them behind its caches: what a cache gives is not refused.
_IMPLEMENTATIONS = (
    "_acall",
    "_agenerate",
    "_astream",
    "_astream_chat_model_events",
    "_call",
    "_generate",
    "_stream",
    "_stream_chat_model_events",
)

_refused_here: ContextVar[list[BaseException]] = ContextVar("lc_callbacks_refused")


class RealModelBlock:
    """
    Refuses calls of real models from `start` to `stop`, also of classes that are made meanwhile.

    Args:
        packages: What else counts as a provider's package.

        refuse: Makes an exception of a text. It must be no ``Exception``, which fallbacks and retries catch.
    """

    def __init__(self, packages: Iterable[str], refuse: Callable[[str], BaseException]) -> None:
        self.refused: list[BaseException] = []
        """The exceptions that were raised, whoever caught them."""
        self._packages = tuple(packages)
        self._refuse = refuse
        self._patches = Patches()

    def start(self) -> None:
        """Refuse from now on."""
        for base in (BaseChatModel, BaseLLM):
            for cls in subclasses(base):
                self._cover(cls)
            self._patches.tell_of_subclasses(base, self._cover)
        self._patches.wrap(BaseChatModel, "agenerate", _raise_refusal)

    def stop(self) -> None:
        """Refuse no more."""
        self._patches.undo()

    def _cover(self, cls: type) -> None:
        if is_of_provider(cls, self._packages):
            for name in _IMPLEMENTATIONS:
                self._patches.wrap(cls, name, functools.partial(self._refuse_call, cls))

    def _refuse_call(self, cls: type, model: Any, args: object, kwargs: object) -> NoReturn:
        """Refuse a call of *model* that would run a method that *cls* defines."""
        __tracebackhide__ = True
        error = self._refuse(_message(type(model), cls))
        self.refused.append(error)
        _refused_here.get([]).append(error)
        raise error


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


def _message(called: type, implemented: type) -> str:
    package = str(implemented.__module__).partition(".")[0]
    place = call_behind(sys._getframe(1)).place
    at = f" at {place}" if place else ""
    return "\n".join(
        [
            f"expected no call of a real model, but {called.__name__} ({package}) was called{at}",
            "  it was stopped before it reached the network: lc_callbacks_block_real_models is on",
            "hint: give the code under test a FakeChatModel. To let this test reach real models, mark it with "
            "@pytest.mark.lc_callbacks(block_real_models=False).",
        ]
    )
