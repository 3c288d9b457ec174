"""Which classes are models of a provider: their calls reach the network."""

from __future__ import annotations

from collections.abc import Iterable

# Packages named langchain_... are those of providers, but for LangChain's own.
_PREFIX = "langchain_"
_NO_PROVIDERS = frozenset(
    ["langchain_core", "langchain_classic", "langchain_experimental", "langchain_tests", "langchain_text_splitters"]
)
# A package may bring models for tests beside the real ones, as langchain_community does.
_FAKES = frozenset(["fake", "fakes", "testing", "tests"])


def is_of_provider(cls: type, packages: Iterable[str] = ()) -> bool:
    """
    Whether a provider's package defines *cls*: ``langchain_openai.chat_models.base.ChatOpenAI`` is of one.

    Args:
        cls: The class of a model.

        packages: What else counts as a provider's package: ``["acme.models"]``.
    """
    return is_providers_module(str(cls.__module__), packages)


def is_providers_module(module: str, packages: Iterable[str] = ()) -> bool:
    """Whether the *module* of this name belongs to a provider's package."""
    if any(module == package or module.startswith(f"{package}.") for package in packages):
        return True
    package, *within = module.split(".")
    return package.startswith(_PREFIX) and package not in _NO_PROVIDERS and not _FAKES.intersection(within)
