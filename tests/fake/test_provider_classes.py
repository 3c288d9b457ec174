"""Which methods a stand-in replaces in the classes of providers, whatever they inherit them from."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.language_models import LLM, BaseChatModel, FakeListChatModel, SimpleChatModel

from pytest_lc_callbacks import FakeChatModel
from pytest_lc_callbacks._providers import begin_project, end_project


def fake():
    return FakeChatModel().respond("Certainly.", always=True)


def reach_network(self, *args, **kwargs):
    raise ConnectionError("network")


async def send_events(self, *args, **kwargs):
    raise ConnectionError("network")
    yield


def provider_class(base, module="langchain_acme.models", **methods):
    names = {"__module__": module, "_llm_type": property(lambda self: "acme"), **methods}
    return type("Acme", (base,), names)


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("base", [LLM, SimpleChatModel])
def test_a_model_that_only_has_a_call(base, is_named):
    """
    A provider's class that gets `_generate` from LangChain and has a `_call` alone is answered for too.
    """
    acme = provider_class(base, _call=reach_network)
    with fake().stand_in_for(*[acme] if is_named else []):
        answers = [acme().invoke("x"), asyncio.run(acme().ainvoke("x")), *acme().stream("x")]

    assert [getattr(answer, "content", answer) for answer in answers] == ["Certainly."] * 3
    with pytest.raises(ConnectionError):
        acme().invoke("x")


@pytest.mark.filterwarnings("ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.skipif(not hasattr(BaseChatModel, "_iter_v2_events"), reason="protocol events: langchain-core 1.4")
@pytest.mark.parametrize("is_named", [True, False])
def test_a_model_that_makes_protocol_events(is_named):
    """
    A provider's class that makes protocol events itself does not make them while a fake stands in, and does so again.
    """
    methods = dict.fromkeys(["_stream_chat_model_events", "_astream_chat_model_events"], send_events)
    acme = provider_class(BaseChatModel, _generate=reach_network, **methods)

    async def read(model):
        return [event async for event in await model.astream_events("x", version="v3")]

    with fake().stand_in_for(*[acme] if is_named else []):
        texts = [event["delta"]["text"] for event in acme().stream_events("x", version="v3") if "delta" in event]
        assert "".join(texts) == "Certainly."
        assert asyncio.run(read(acme()))
    assert acme._astream_chat_model_events is send_events
    with pytest.raises(ConnectionError):
        asyncio.run(read(acme()))


def test_packages_of_the_project():
    """
    What `lc_callbacks_real_model_packages` names counts as a provider's package, and no longer than the session.
    """
    acme = provider_class(FakeListChatModel, "acme.models", _generate=reach_network)
    packages = ["acme"]
    begin_project(packages)
    with fake().stand_in_for():
        assert acme(responses=[]).invoke("x").content == "Certainly."
    end_project(packages)

    with fake().stand_in_for(), pytest.raises(ConnectionError):
        acme(responses=[]).invoke("x")
