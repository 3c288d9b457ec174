"""Real models that a fake one stands in for: which classes may be named, and what their answers depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseLanguageModel

from pytest_lc_callbacks._fake.providers import PAYLOADS
from pytest_lc_callbacks._fake.providers.real_openai import RealOpenAIPayloads
from pytest_lc_callbacks._providers import is_of_provider, is_providers_module

if TYPE_CHECKING:
    from pytest_lc_callbacks._fake.providers.plain import Payloads

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

_SHAPES = {"langchain_openai": "openai", "langchain_anthropic": "anthropic"}


class RealModel:
    """
    What the answers of a fake model depend on where it stands in for *model*.

    Args:
        model: The real model.

        options: The options of the call.

        fake: The fake model: the latencies are its own, and whether usage is reported.
    """

    def __init__(self, model: Any, options: Mapping[str, Any], fake: Any) -> None:
        self._model = model
        self._options = options
        self.name: str | None = model.name
        names = (getattr(model, name, None) for name in ("model_name", "model"))
        self.model_name = str(next(filter(None, names), type(model).__name__))
        self.stop: list[str] | None = getattr(model, "stop", None) or getattr(model, "stop_sequences", None)
        self.usage: bool = fake.usage
        self.latency: float = fake.latency
        self.chunk_latency: float = fake.chunk_latency

    @property
    def stream_usage(self) -> bool:
        """Whether the real model asks its server for the usage of this stream."""
        given = self._options.get("stream_usage")
        asks = getattr(self._model, "_should_stream_usage", None)
        if asks is not None:
            return bool(asks(**{**self._options, "stream": True, "stream_usage": given}))
        return bool(getattr(self._model, "stream_usage", True) if given is None else given)


def payloads_of(model: Any, options: Mapping[str, Any]) -> Payloads:
    """What handlers get from *model*: in its integration's shape where we have it, else plainly."""
    modules = (str(cls.__module__) for cls in type(model).__mro__)
    package = next((module.partition(".")[0] for module in modules if is_providers_module(module)), "")
    shape = _SHAPES.get(package)
    return RealOpenAIPayloads(options) if shape == "openai" else PAYLOADS[shape]


def read_classes(classes: Sequence[Any], bases: tuple[type, ...], fake: str) -> tuple[type, ...]:
    """
    The *classes* that were given to `stand_in_for`.

    Args:
        classes: What was given.

        bases: What the fake model can stand in for: chat models and text LLMs.

        fake: The name of the fake model's class.

    Raises:
        TypeError: If one of *classes* is something else; the message says what to write instead.
    """
    for cls in classes:
        if not isinstance(cls, type) or not issubclass(cls, bases) or cls in bases:
            raise TypeError(f"stand_in_for(): {_refusal(cls, bases, fake)}")
    return tuple(classes)


def implements(cls: type, base: type, name: str, *, inherited: bool) -> bool:
    """
    Whether a stand-in replaces the method *name* in *cls*.

    Args:
        cls: The class of a model.

        base: LangChain's base of such models, whose own methods ask no network.

        name: The name of the method.

        inherited: Whether a method counts that *cls* has from another class of a provider, where it is replaced too.
    """
    owner = next((each for each in cls.__mro__ if name in vars(each)), base)
    if issubclass(base, owner):
        return False
    # A provider's class may have its own from LangChain: LLM and SimpleChatModel ask for nothing but a _call.
    return inherited or owner is cls or not (issubclass(owner, base) and is_of_provider(owner))


def decision_models() -> list[Any]:
    """The base class of decision models; none before langchain-core 1.8."""
    try:
        module = import_module("langchain_core.decisions")
    except ImportError:
        return []
    return [module.BaseDecisionModel]


def refuse_decision(replaced: Any) -> Any:
    """A method that refuses to decide while `stand_in_for` is on."""

    def _classify(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if not replaced.is_on:
            return replaced.original(self)(*args, **kwargs)
        raise RuntimeError(f"{type(self).__name__} was asked to decide while a fake model stands in: {_DECISIONS}")

    return _classify


_DECISIONS = (
    "a decision model answers typed questions, and a script of chat responses has no answer for them; "
    "give the code under test a subclass of BaseDecisionModel whose _classify decides"
)


def _refusal(value: Any, bases: tuple[type, ...], fake: str) -> str:
    if not isinstance(value, type):
        if isinstance(value, BaseLanguageModel):
            name = type(value).__name__
            return f"that is a model, and the class of models is wanted; write stand_in_for({name})"
        name = getattr(value, "__name__", repr(value))
        return f"{name} is no class; write the class of the model that it makes, or stand_in_for() for all of them"
    if value in bases or (issubclass(value, BaseLanguageModel) and value.__module__.startswith("langchain_core.")):
        return f"{value.__name__} is the base of fake models too; write stand_in_for() for the models of all providers"
    if any(issubclass(value, base) for base in decision_models()):
        return f"{value.__name__} is a decision model; {_DECISIONS}"
    if issubclass(value, Embeddings):
        return f"{value.__name__} makes embeddings, which have no callbacks in LangChain and no responses"
    if issubclass(value, BaseLanguageModel):
        return f"a {fake} cannot stand in for {value.__name__}, which is a chat model; write FakeChatModel()"
    return f"{value.__name__} is no class of chat models or text LLMs"
