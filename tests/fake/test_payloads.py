"""What a fake model with a provider sends, where no real integration is needed to tell what is right."""

from __future__ import annotations

import pytest
from call_modes import invoke, stream
from langchain_core.messages import AIMessage

from pytest_lc_callbacks import FakeChatModel

every_provider = pytest.mark.parametrize("provider", ["anthropic", "openai"])


@pytest.mark.parametrize("ask", [invoke, stream])
@every_provider
def test_the_message_of_a_call(ask, provider):
    """
    `Call.response` is the message in the provider's shape, in every mode.
    """
    fake = FakeChatModel(provider=provider).respond("Let me see.", tool_calls=[("search", {"query": "x"})])
    ask(fake)

    response = fake.last_call.response

    assert response.tool_calls[0]["name"] == "search"
    assert isinstance(response.content, list) == (provider == "anthropic")


def test_the_default_model_is_one_of_the_provider():
    """
    Without a model name, a fake with a provider has the name of one of the provider's models.
    """
    assert FakeChatModel(provider="anthropic").model_name.startswith("claude")
    assert FakeChatModel(provider="openai").model_name.startswith("gpt")
    assert FakeChatModel().model_name == "fake-chat-model"


@every_provider
def test_metadata_of_a_scripted_message_wins(provider):
    """
    The stop reason or finish reason of a scripted message is kept.
    """
    key = "stop_reason" if provider == "anthropic" else "finish_reason"
    fake = FakeChatModel(provider=provider).respond(AIMessage("Par", response_metadata={key: "length"}), times=2)

    whole = fake.invoke("x")
    chunks = list(fake.stream("x"))

    assert whole.response_metadata[key] == "length"
    assert sum(chunks[1:], start=chunks[0]).response_metadata[key] == "length"


def test_thinking():
    """
    Thinking and other blocks of a scripted message stream as Anthropic's integration streams them: with their index.
    """
    blocks = [
        {"type": "thinking", "thinking": "France, so Paris.", "signature": "abc"},
        "Paris",
        {"type": "search_result", "source": "x"},
    ]
    fake = FakeChatModel(provider="anthropic").respond(
        AIMessage(blocks), AIMessage([{"type": "thinking", "thinking": "Hm."}])
    )

    chunks = [chunk.content for chunk in fake.stream("x")]
    unsigned = [chunk.content for chunk in fake.stream("x")]

    assert chunks == [
        [],
        [{"type": "thinking", "thinking": "France,", "index": 0}],
        [{"type": "thinking", "thinking": " so", "index": 0}],
        [{"type": "thinking", "thinking": " Paris.", "index": 0}],
        [{"type": "thinking", "thinking": "", "signature": "abc", "index": 0}],
        [{"type": "text", "text": "Paris", "index": 1}],
        [{"type": "search_result", "source": "x", "index": 2}],
        [],
    ]
    assert unsigned == [[], [{"type": "thinking", "thinking": "Hm.", "index": 0}], []]


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        {"name": "search", "description": "Search.", "input_schema": {"type": "object", "properties": {}}},
    ],
    ids=["built in", "Anthropic's form"],
)
def test_tools_of_the_provider(tool):
    """
    A tool in the provider's own form is bound as it is.
    """
    fake = FakeChatModel(provider="anthropic").auto()
    fake.bind_tools([tool]).invoke("x")

    assert fake.last_call.tools == [tool]


def test_built_in_tools_of_openai():
    """
    A tool that runs at OpenAI is bound as it is.
    """
    fake = FakeChatModel(provider="openai").auto()
    fake.bind_tools([{"type": "web_search_preview"}], tool_choice="any").invoke("x")

    assert fake.last_call.tools == [{"type": "web_search_preview"}]
    assert fake.last_call.tool_choice == "required"
