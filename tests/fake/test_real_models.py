"""What a fake model cannot stand in for, decision models first: refused with what to write instead."""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack
from typing import Any

import partners
import pytest
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel, FakeListChatModel

from pytest_lc_callbacks import FakeChatModel, FakeLLM

langchain_openai = partners.fetch("langchain_openai")
ChatOpenAI = langchain_openai.ChatOpenAI


def fake(text="Certainly."):
    return FakeChatModel().respond(text, always=True)


def decision_model():
    decisions = pytest.importorskip("langchain_core.decisions", reason="langchain-core has decision models since 1.8")

    class Decider(decisions.BaseDecisionModel):
        __module__ = "langchain_decider"
        model: str = "decider"

        @property
        def _provider(self):
            return "decider"

        def _classify(self, state, questions):
            return decisions.ClassifierResponse(model="decider", answers={})

    return Decider


def test_decision_models_are_refused():
    """
    A decision model is refused with what to write instead.
    """
    decider = decision_model()
    with pytest.raises(TypeError, match="Decider is a decision model; a decision model answers typed questions"):
        fake().stand_in_for(decider)


@pytest.mark.parametrize("is_made_before", [True, False])
def test_decision_models_do_not_reach_the_network(is_made_before):
    """
    While a fake stands in for every provider, a decision model is not asked, and the error says why.
    """
    request = {"state": "x", "questions": {}}
    with ExitStack() as stack:
        decider = decision_model() if is_made_before else None
        stand_in = stack.enter_context(fake().stand_in_for())
        decider = decider or decision_model()
        for ask in (decider().invoke, lambda request: asyncio.run(decider().ainvoke(request))):
            with pytest.raises(RuntimeError, match="Decider was asked to decide while a fake model stands in"):
                ask(request)
    stand_in.stop()

    assert decider().invoke(request).answers == {}


class Unrelated:
    """No model."""


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "instance": (FakeChatModel, FakeListChatModel(responses=[]), "write stand_in_for(FakeListChatModel)"),
    "function": (FakeChatModel, init_chat_model, "init_chat_model is no class; write the class of the model"),
    "base": (FakeChatModel, BaseChatModel, "BaseChatModel is the base of fake models too; write stand_in_for()"),
    "another class": (FakeChatModel, Unrelated, "Unrelated is no class of chat models or text LLMs"),
    "embeddings": (FakeChatModel, langchain_openai.OpenAIEmbeddings, "OpenAIEmbeddings makes embeddings"),
    "chat model": (FakeLLM, ChatOpenAI, "a FakeLLM cannot stand in for ChatOpenAI, which is a chat model"),
}


@pytest.mark.parametrize(("script", "value", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(script, value, message):
    """
    What no fake can stand in for is refused with what to write instead, and nothing is replaced.
    """
    before = dict(vars(ChatOpenAI))
    with pytest.raises(TypeError, match=re.escape(message)):
        script().stand_in_for(ChatOpenAI, value) if script is FakeChatModel else script().stand_in_for(value)

    assert dict(vars(ChatOpenAI)) == before
