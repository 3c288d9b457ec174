"""A fake model stands in for real ones, wherever the application makes them."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from typing import Any

import partners
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, SummarizationMiddleware
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langchain_core.language_models.llms import BaseLLM
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField
from langgraph.graph import MessagesState, StateGraph

from pytest_lc_callbacks import FakeChatModel, FakeChatModelExhausted, FakeLLM, RecordingHandler

langchain_openai = partners.fetch("langchain_openai")
langchain_anthropic = partners.fetch("langchain_anthropic")
ChatOpenAI, ChatAnthropic, OpenAI = (
    langchain_openai.ChatOpenAI,
    langchain_anthropic.ChatAnthropic,
    langchain_openai.OpenAI,
)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for name in [name for name in os.environ if name.endswith("API_KEY")]:
        monkeypatch.delenv(name)


def fake(text="Certainly."):
    return FakeChatModel().respond(text, always=True)


def weather(city: str) -> str:
    """Look up the weather."""
    return f"sunny in {city}"


def invoke(model):
    return model.invoke("hi").content


def ainvoke(model):
    return asyncio.run(model.ainvoke("hi")).content


def stream(model):
    return "".join(chunk.content for chunk in model.stream("hi"))


def astream(model):
    async def read():
        return [chunk.content async for chunk in model.astream("hi")]

    return "".join(asyncio.run(read()))


def batch(model):
    [message] = model.batch(["hi"])
    return message.content


def abatch(model):
    [message] = asyncio.run(model.abatch(["hi"]))
    return message.content


def events_v2(model):
    async def read():
        return [event async for event in model.astream_events("hi", version="v2")]

    return asyncio.run(read())[-1]["data"]["output"].content


def events_v3(model):
    return model.stream_events("hi", version="v3").output.text


every_mode = pytest.mark.parametrize("ask", [invoke, ainvoke, stream, astream, batch, abatch, events_v2, events_v3])


@every_mode
@pytest.mark.parametrize("classes", [[], [ChatOpenAI]], ids=["all", "one"])
def test_every_mode(ask, classes):
    """
    The real model answers from the script in every mode, without a key.
    """
    with fake().stand_in_for(*classes):
        assert ask(ChatOpenAI(model="gpt-4.1-mini")) == "Certainly."


def configurable_field():
    model = ChatOpenAI(model="a").configurable_fields(model_name=ConfigurableField("m"))
    return model.with_config(configurable={"m": "gpt-4.1-mini"})


def alternative():
    other = ChatAnthropic(model="claude-sonnet-4-6")
    model = ChatOpenAI(model="a").configurable_alternatives(ConfigurableField("llm"), other=other)
    return model.with_config(configurable={"llm": "other"})


def azure():
    options = {"azure_endpoint": "https://example.com", "api_version": "2024-10-21", "azure_deployment": "a"}
    return langchain_openai.AzureChatOpenAI(**options)


WAYS: dict[str, Any] = {
    "constructor": lambda: ChatOpenAI(model="gpt-4.1-mini"),
    "anthropic": lambda: ChatAnthropic(model="claude-sonnet-4-6"),
    "init_chat_model": lambda: init_chat_model("openai:gpt-4.1-mini"),
    "init_chat_model, anthropic": lambda: init_chat_model("anthropic:claude-sonnet-4-6"),
    "configurable model": lambda: init_chat_model().with_config(configurable={"model": "openai:gpt-4.1-mini"}),
    "configurable field": configurable_field,
    "alternative": alternative,
    "retry": lambda: ChatOpenAI(model="a").with_retry(stop_after_attempt=2),
    "fallback": lambda: ChatOpenAI(model="a").with_fallbacks([ChatAnthropic(model="claude-sonnet-4-6")]),
    "bound": lambda: ChatOpenAI(model="a").bind(stop=["#"]),
    "copy": lambda: ChatOpenAI(model="a").model_copy(update={"temperature": 0.5}),
    "responses API": lambda: ChatOpenAI(model="gpt-5.2", use_responses_api=True),
    "azure": azure,
}


@pytest.mark.parametrize("make", WAYS.values(), ids=WAYS)
def test_ways_to_make_a_model(make):
    """
    However the application makes its model, the script answers.
    """
    with fake().stand_in_for():
        assert invoke(make()) == "Certainly."


def test_instances_made_before():
    """
    A model that was made before answers from the script too, and asks its server again afterwards.
    """
    model = ChatOpenAI(model="a", api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with fake().stand_in_for(ChatOpenAI):
        assert invoke(model) == "Certainly."

    with pytest.raises(Exception, match=r"(?i)connect"):
        invoke(model)


def test_which_instance_was_asked():
    """
    `Call.model` is the real model, and the script's rules see its prompts.
    """
    script = FakeChatModel()
    script.on("refund").respond("Certainly.")
    with script.stand_in_for():
        first, second = ChatOpenAI(model="a", name="first"), ChatAnthropic(model="claude-sonnet-4-6")
        first.bind_tools([weather]).invoke("a refund", stop=["#"])
        with pytest.raises(FakeChatModelExhausted, match="none of them matches the prompt of call 2"):
            second.invoke("hello")

    assert [call.model for call in script.calls] == [first, second]
    assert script.calls[0].stop == ["#"]
    assert script.calls[0].tools[0]["function"]["name"] == "weather"


def test_tools_are_checked_in_the_form_of_the_provider():
    """
    A scripted call is compared with the tools that the real class bound.
    """
    script = FakeChatModel().respond(tool_calls=[("wether", {"city": "Oslo"})])
    with script.stand_in_for(), pytest.raises(ValueError, match=re.escape("(did you mean 'weather'?)")):
        ChatAnthropic(model="claude-sonnet-4-6").bind_tools([weather]).invoke("hi")


def test_subclasses_of_the_application():
    """
    A subclass keeps its own methods, which reach the script by super().
    """

    class Shouting(ChatOpenAI):
        def _generate(self, *args, **kwargs):
            result = super()._generate(*args, **kwargs)
            result.generations[0].message.content = result.generations[0].message.content.upper()
            return result

    for classes in ([], [ChatOpenAI]):
        with fake().stand_in_for(*classes):
            assert invoke(Shouting(model="a")) == "CERTAINLY."
    with fake().stand_in_for(Shouting):
        assert invoke(Shouting(model="a")) == "Certainly."


def provider_class(name, module, base=FakeListChatModel, **fields):
    return type(name, (base,), {"__module__": module, **fields})


def answers(self, messages, stop=None, run_manager=None, **kwargs):
    raise ConnectionError("the network")


def test_packages_that_are_imported_later():
    """
    Without arguments, a provider's class that is made later is covered, and an application's own model is not.
    """
    with fake().stand_in_for():
        later = provider_class("ChatLater", "langchain_later.chat", _generate=answers)
        mine = provider_class("MyModel", "my_app.models")

        assert invoke(later(responses=["real"])) == "Certainly."
        assert invoke(mine(responses=["real"])) == "real"
    with pytest.raises(ConnectionError):
        invoke(later(responses=["real"]))


def test_subclasses_of_one_class_that_are_made_later():
    """
    A provider's subclass of the class that is stood in for is covered, one of another class is not.
    """
    with fake().stand_in_for(ChatOpenAI):
        other = provider_class("ChatOther", "langchain_other.chat", _generate=answers)
        derived = type("ChatDerived", (ChatOpenAI,), {"__module__": "langchain_derived", "_generate": answers})

        assert invoke(derived(model="a")) == "Certainly."
        with pytest.raises(ConnectionError):
            invoke(other(responses=["real"]))


def test_plain_shapes():
    """
    A class of another package gets LangChain's standard fields.
    """
    handler = RecordingHandler()
    other = provider_class("ChatOther", "langchain_other.chat")
    with fake().stand_in_for(other):
        other(responses=["real"], name="mine").invoke("hi", {"callbacks": [handler]})

    message = handler.one("llm_end").outputs
    assert message.response_metadata == {"model_name": "ChatOther"}
    assert message.usage_metadata["total_tokens"] == 4


@pytest.mark.parametrize("script", [FakeChatModel, FakeLLM])
def test_text_models(script):
    """
    A text LLM answers with texts, whichever fake stands in for it.
    """
    model = script(responses=["Paris is big.", "Oslo is small.", "Rome"])
    with model.stand_in_for():
        llm = OpenAI()
        assert llm.invoke("hi") == "Paris is big."
        assert list(llm.stream("hi")) == ["Oslo", " is", " small."]
        assert asyncio.run(llm.ainvoke("hi")) == "Rome"

    assert [call.model for call in model.calls] == [llm] * 3


def test_two_fakes_for_two_classes():
    """
    Two fakes may stand in for two classes at a time.
    """
    with fake("one").stand_in_for(ChatOpenAI), fake("two").stand_in_for(ChatAnthropic):
        assert invoke(ChatOpenAI(model="a")) == "one"
        assert invoke(ChatAnthropic(model="claude-sonnet-4-6")) == "two"


@pytest.mark.parametrize("inner", [[], [ChatOpenAI]], ids=["all", "one"])
@pytest.mark.parametrize("outer", [[], [ChatOpenAI]], ids=["all", "one"])
def test_nested(outer, inner):
    """
    The innermost answers, and the one around it again after its end.
    """
    with fake("outer").stand_in_for(*outer):
        with fake("inner").stand_in_for(*inner):
            assert invoke(ChatOpenAI(model="a")) == "inner"
        assert invoke(ChatOpenAI(model="a")) == "outer"


def test_ended_in_another_order():
    """
    Where the outer ends first, the inner goes on, and then the class is as before.
    """
    before = dict(vars(ChatOpenAI))
    outer, inner = fake("outer").stand_in_for(ChatOpenAI), fake("inner").stand_in_for(ChatOpenAI)
    outer.stop()
    assert invoke(ChatOpenAI(model="a")) == "inner"
    inner.stop()

    model = ChatOpenAI(model="a", api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)
    for ask in (invoke, ainvoke, stream, astream):
        with pytest.raises(Exception, match=r"(?i)connect"):
            ask(model)
    assert vars(ChatOpenAI).keys() == before.keys()


def test_classes_are_as_before():
    """
    After the block nothing is left of it, also if it failed.
    """
    classes = [ChatOpenAI, ChatOpenAI.__mro__[1], ChatAnthropic, OpenAI, BaseChatModel, BaseLLM]
    before = [dict(vars(cls)) for cls in classes]

    with pytest.raises(ZeroDivisionError), fake().stand_in_for():
        raise ZeroDivisionError

    assert [dict(vars(cls)) for cls in classes] == before


def test_threads():
    """
    Calls in any thread are answered, each response once.
    """
    script = FakeChatModel(responses=[str(i) for i in range(40)])
    found = []
    with script.stand_in_for():
        model = ChatOpenAI(model="a")
        threads = [threading.Thread(target=lambda: found.extend(invoke(model) for _ in range(10))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(found, key=int) == [str(i) for i in range(40)]


def test_an_agent():
    """
    An agent that is given a model's name runs on the script, tools included.
    """
    script = FakeChatModel().respond(tool_calls=[("weather", {"city": "Oslo"})]).respond("Sunny.")
    handler = RecordingHandler()
    with script.stand_in_for():
        agent = create_agent("openai:gpt-4.1-mini", [weather])
        state = agent.invoke({"messages": ["How is it in Oslo?"]}, {"callbacks": [handler]})

    assert [message.content for message in state["messages"]][-2:] == ["sunny in Oslo", "Sunny."]
    assert handler.where("chat_model_start").events[0].payload["serialized"]["name"] == "ChatOpenAI"


def test_models_in_middleware_and_subgraphs():
    """
    Models that middleware and subgraphs make are answered as well.
    """
    script = FakeChatModel()
    script.on(re.compile("(?s)summar")).respond("A long story.")
    script.respond(TimeoutError("slow"), "Hello.")
    with script.stand_in_for():
        middleware = [
            SummarizationMiddleware(model="openai:gpt-4.1-mini", trigger=("messages", 4), keep=("messages", 1)),
            ModelFallbackMiddleware("anthropic:claude-sonnet-4-6"),
        ]
        agent = create_agent("openai:gpt-4.1", middleware=middleware)
        graph = StateGraph(MessagesState).add_node("agent", agent).set_entry_point("agent").compile()
        state = graph.invoke({"messages": ["a", "b", "c", "d"]})

    assert state["messages"][-1].content == "Hello."
    assert [type(call.model).__name__ for call in script.calls] == ["ChatOpenAI", "ChatOpenAI", "ChatAnthropic"]


def test_tokens_are_counted_offline():
    """
    No server and no tokenizer is asked for the number of tokens.
    """
    with fake().stand_in_for():
        counts = [
            model.get_num_tokens_from_messages([HumanMessage("12345678")])
            for model in (ChatOpenAI(model="a"), ChatAnthropic(model="claude-sonnet-4-6"))
        ]

    assert counts == [2, 2]


def test_the_repr():
    """
    A stand-in tells for what it stands, and its script.
    """
    with fake().stand_in_for(ChatOpenAI) as one, FakeChatModel().stand_in_for() as every:
        assert repr(one) == "<StandIn for ChatOpenAI: <FakeChatModel: 0 scripted left, one without end, 0 calls>>"
        assert repr(every) == "<StandIn for every provider's models: <FakeChatModel: unscripted, 0 calls>>"
