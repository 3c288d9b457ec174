"""Which classes are models of a provider."""

from __future__ import annotations

import pytest

from pytest_lc_callbacks._providers import is_of_provider


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("langchain_openai.chat_models.base", True),
        ("langchain_acme", True),
        ("langchain_core.language_models.fake_chat_models", False),
        ("langchain_classic.chat_models", False),
        ("langchain_community.chat_models.fake", False),
        ("langchain_community.chat_models.openai", True),
        ("acme.models", True),
        ("acme.models.fakes", True),
        ("acme.models_of_mine", False),
        ("acme", False),
        ("langchain", False),
    ],
)
def test_the_module_decides(module, expected):
    """
    Packages named langchain_... are providers', but for LangChain's own and modules of fakes; a project adds others.
    """
    model = type("Model", (), {"__module__": module})

    assert is_of_provider(model, ["acme.models"]) is expected
