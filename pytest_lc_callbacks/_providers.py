"""Which classes are models of a provider, whose calls reach the network, and which of their methods do not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import FunctionType
from typing import Any
from weakref import WeakSet

# Packages named langchain_... are those of providers, but for LangChain's own.
_PREFIX = "langchain_"
_NO_PROVIDERS = frozenset(
    ["langchain_core", "langchain_classic", "langchain_experimental", "langchain_tests", "langchain_text_splitters"]
)
# A package may bring models for tests beside the real ones, as langchain_community does.
_FAKES = frozenset(["fake", "fakes", "testing", "tests"])


# What the projects name whose tests run; pytest may run inside pytest, and then the innermost has the word.
_projects: list[Sequence[str]] = []


def begin_project(packages: Sequence[str]) -> None:
    """Count *packages* as those of providers, until `end_project`."""
    _projects.append(packages)


def end_project(packages: Sequence[str]) -> None:
    """Count them no more."""
    _projects[:] = [each for each in _projects if each is not packages]


def is_of_provider(cls: type, packages: Iterable[str] = ()) -> bool:
    """
    Whether a provider's package defines *cls*: ``langchain_openai.chat_models.base.ChatOpenAI`` is of one.

    Args:
        cls: The class of a model.

        packages: What else counts as a provider's package, beside what the project names: ``["acme.models"]``.
    """
    return is_providers_module(str(cls.__module__), (*packages, *(_projects[-1] if _projects else ())))


def is_providers_module(module: str, packages: Iterable[str] = ()) -> bool:
    """Whether the *module* of this name belongs to a provider's package."""
    if any(module == package or module.startswith(f"{package}.") for package in packages):
        return True
    package, *within = module.split(".")
    return package.startswith(_PREFIX) and package not in _NO_PROVIDERS and not _FAKES.intersection(within)


# Known by identity, as wrappers are: an attribute would be copied by functools.wraps.
_offline: WeakSet[FunctionType] = WeakSet()


def note_offline(function: Any) -> Any:
    """Note that the method *function* of a provider's model answers without the network. Returns it."""
    _offline.add(function)
    return function


def is_offline(function: Any) -> bool:
    """Whether `note_offline` knows *function*."""
    return type(function) is FunctionType and function in _offline
