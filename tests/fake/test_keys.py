"""The API keys that constructors of real models insist on."""

from __future__ import annotations

import os

import partners
import pytest
from langchain_core.language_models import FakeListChatModel
from pydantic import Field, SecretStr

from pytest_lc_callbacks import FakeChatModel

langchain_openai = partners.fetch("langchain_openai")
langchain_anthropic = partners.fetch("langchain_anthropic")
ChatOpenAI, ChatAnthropic = langchain_openai.ChatOpenAI, langchain_anthropic.ChatAnthropic


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for name in [name for name in os.environ if name.endswith("API_KEY")]:
        monkeypatch.delenv(name)


def fake():
    return FakeChatModel().respond("Certainly.", always=True)


def test_the_environment_is_left_alone():
    """
    The key that a constructor insists on is supplied to it alone, and one that the application gives is kept.
    """
    before = dict(os.environ)
    with fake().stand_in_for(ChatOpenAI):
        assert ChatOpenAI(model="a").openai_api_key == SecretStr("stand-in")
        assert ChatOpenAI(model="a", api_key="mine").openai_api_key == SecretStr("mine")

    assert dict(os.environ) == before
    with pytest.raises(Exception, match="api_key"):
        ChatOpenAI(model="a")


def test_a_key_that_would_be_empty():
    """
    A key that a class has as an empty text is filled, since its serialized form would lack it.
    """
    with fake().stand_in_for(ChatAnthropic):
        model = ChatAnthropic(model="claude-sonnet-4-6")

    assert model.to_json()["kwargs"]["anthropic_api_key"] == {"lc": 1, "type": "secret", "id": ["ANTHROPIC_API_KEY"]}
    assert "anthropic_api_key" not in ChatAnthropic(model="claude-sonnet-4-6").to_json()["kwargs"]


def test_a_key_of_the_environment(monkeypatch):
    """
    A key that is in the environment is used as ever.
    """
    monkeypatch.setenv("OPENAI_API_KEY", "from the environment")
    with fake().stand_in_for(ChatOpenAI):
        assert ChatOpenAI(model="a").openai_api_key == SecretStr("from the environment")


def test_keys_of_other_packages():
    """
    A key that a constructor insists on is supplied by its alias, whatever the package; nothing else is.
    """

    class ChatKeyed(FakeListChatModel):
        acme_api_key: SecretStr = Field(alias="api_key")
        acme_api_token: str | None = None
        session_token: SecretStr | None = None

    with fake().stand_in_for(ChatKeyed):
        model = ChatKeyed(responses=[])
        given = ChatKeyed(responses=[], api_key="mine")
        with pytest.raises(ValueError, match="responses"):
            ChatKeyed(responses="none")

    assert model.acme_api_key == SecretStr("stand-in")
    assert model.acme_api_token == "stand-in"
    assert model.session_token is None
    assert (given.acme_api_key, given.acme_api_token) == (SecretStr("mine"), None)
