"""Real models stay unreached: a call of a model from a provider package fails before it gets to the network."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import BaseLLM

from pytest_lc_callbacks._patches import Patches
from pytest_lc_callbacks._stack import call_behind

# Packages named langchain_... are those of providers, but for LangChain's own.
_PREFIX = "langchain_"
_NO_PROVIDERS = frozenset(
    ["langchain_core", "langchain_classic", "langchain_experimental", "langchain_tests", "langchain_text_splitters"]
)
# A package may bring models for tests beside the real ones, as langchain_community does.
_NO_PROVIDER_MODULES = frozenset(["fake", "fakes", "testing", "tests"])
# What a provider implements. LangChain calls these behind its caches, so that an answer from a cache is not refused.
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

        refuse: Makes the exception to raise. It must be no ``Exception``, which fallbacks and retries would absorb.
    """

    def __init__(self, packages: Iterable[str], refuse: Callable[[str], BaseException]) -> None:
        self.refused: list[BaseException] = []
        """What was raised, so that nobody can absorb it unnoticed."""
        self._packages = tuple(packages)
        self._refuse = refuse
        self._patches = Patches()

    def start(self) -> None:
        """Refuse from now on."""
        for base in (BaseChatModel, BaseLLM):
            for cls in _subclasses(base):
                self._cover(cls)
            self._patches.tell_of_subclasses(base, self._cover)
        self._patches.replace(BaseChatModel, "agenerate", _raising_on(BaseChatModel.agenerate))

    def stop(self) -> None:
        """Refuse no more."""
        self._patches.undo()

    def _cover(self, cls: type) -> None:
        if not self._is_providers(cls):
            return
        for name in _IMPLEMENTATIONS:
            original = vars(cls).get(name)
            if callable(original):
                self._patches.replace(cls, name, self._blocking(cls, original))

    def _is_providers(self, cls: type) -> bool:
        module = str(cls.__module__)
        if any(module == package or module.startswith(f"{package}.") for package in self._packages):
            return True
        package, *within = module.split(".")
        if not package.startswith(_PREFIX) or package in _NO_PROVIDERS:
            return False
        return not _NO_PROVIDER_MODULES.intersection(within)

    def _blocking(self, cls: type, original: Any) -> Any:
        # LangChain reads the signature.
        @functools.wraps(original)
        def blocked(self_: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            error = self._refuse(_message(type(self_), cls))
            self.refused.append(error)
            _refused_here.get([]).append(error)
            raise error

        return blocked


def _raising_on(agenerate: Any) -> Any:
    """``agenerate`` that raises what was refused in it: LangChain's stumbles over anything but an ``Exception``."""

    @functools.wraps(agenerate)
    async def raising_on(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        refused: list[BaseException] = []
        token = _refused_here.set(refused)
        try:
            return await agenerate(*args, **kwargs)
        except BaseException:
            if refused:
                raise refused[0] from None
            raise
        finally:
            _refused_here.reset(token)

    return raising_on


def _subclasses(base: type) -> Iterator[type]:
    known: list[type] = list(type.__subclasses__(base))
    for cls in known:
        yield cls
        made: list[type] = type.__subclasses__(cls)
        known += [sub for sub in made if sub not in known]


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
