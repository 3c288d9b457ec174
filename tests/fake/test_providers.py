"""A fake model with a provider sends handlers what that provider's integration sends, key by key."""

from __future__ import annotations

from typing import Any

import partners
import pytest
from provider_payloads import (
    MODES,
    PROMPT,
    Answer,
    assert_no_difference,
    assert_same,
    astream,
    book,
    differences,
    events,
    invoke,
    plain,
    search,
    stream,
)
from provider_servers import anthropic_server, openai_server

from pytest_lc_callbacks import FakeChatModel, RecordingHandler

ChatAnthropic = partners.fetch("langchain_anthropic", "ChatAnthropic")
ChatOpenAI = partners.fetch("langchain_openai", "ChatOpenAI")
partners.fetch("pytest_httpserver")


class Anthropic:
    """
    ChatAnthropic beside its fake.
    """

    server = staticmethod(anthropic_server)

    def real(self, url, **options):
        options = {"model": "claude-sonnet-4-6", **options}
        return ChatAnthropic(base_url=url, api_key="test", max_retries=0, **options)

    def fake(self, **options):
        return FakeChatModel(provider="anthropic", max_retries=0, **options)


class OpenAI:
    """
    ChatOpenAI beside its fake.
    """

    server = staticmethod(openai_server)

    def real(self, url, **options):
        # Usage in streams is on for OpenAI itself, and off by default where another address is given.
        stream_usage = options.pop("stream_usage", True)
        return ChatOpenAI(
            model="gpt-4.1-mini", base_url=url, api_key="test", max_retries=0, stream_usage=stream_usage, **options
        )

    def fake(self, **options):
        return FakeChatModel(provider="openai", model="gpt-4.1-mini", max_retries=0, **options)


of_anthropic = pytest.mark.partner("langchain-anthropic", "anthropic", "pytest-httpserver")
of_openai = pytest.mark.partner("langchain-openai", "openai", "pytest-httpserver")


@pytest.fixture(
    params=[
        pytest.param(Anthropic(), marks=of_anthropic, id="anthropic"),
        pytest.param(OpenAI(), marks=of_openai, id="openai"),
    ]
)
def provider(request):
    return request.param


@pytest.fixture
def server(provider, httpserver):
    return provider.server(httpserver)


def usage_of(fake) -> tuple[int, int]:
    """The tokens that the fake counted in its last call, for the server to report."""
    usage = fake.last_call.response.usage_metadata
    return usage["input_tokens"], usage["output_tokens"]


@pytest.mark.parametrize("act", MODES)
def test_a_text(act, provider, server):
    """
    For a text, the fake and the real integration send the same start, tokens and end.
    """
    fake = provider.fake().respond("Paris is the capital.")
    ours = events(act, fake)
    server.text("Paris is the capital.", usage=usage_of(fake))

    assert_same(ours, events(act, provider.real(server.url)))


@pytest.mark.parametrize("act", MODES)
@pytest.mark.parametrize("text", ["", "Let me see."], ids=["calls", "text and calls"])
@pytest.mark.parametrize(
    "calls",
    [
        [("search", {"query": "weather in Paris", "limit": 2})],
        [("search", {"query": "weather"}), ("book", {"city": "Oslo"})],
    ],
    ids=["one", "two"],
)
def test_tool_calls(act, text, calls, provider, server):
    """
    For one or several tool calls, with and without a text, both send the same events, in the same pieces.
    """
    fake = provider.fake()
    fake.respond(text, tool_calls=calls)
    ours = events(act, fake.bind_tools([search, book]))
    server.tool_calls(calls, text=text, usage=usage_of(fake))

    assert_same(ours, events(act, provider.real(server.url).bind_tools([search, book])))


@pytest.mark.parametrize("act", [invoke, stream])
@pytest.mark.parametrize(
    "options",
    [
        {"tool_choice": "any"},
        {"tool_choice": "search"},
        {"tool_choice": "auto"},
        {"tool_choice": "search", "parallel_tool_calls": False},
        {"parallel_tool_calls": True},
        {"strict": True},
    ],
    ids=str,
)
def test_tool_choice(act, options, provider, server):
    """
    Tool choice, parallel calls and strict schemas reach the invocation parameters in the provider's form.
    """
    calls = [("search", {"query": "weather", "limit": 1})]
    fake = provider.fake().respond(tool_calls=calls)
    ours = events(act, fake.bind_tools([search, book], **options))
    server.tool_calls(calls, usage=usage_of(fake))

    assert_same(ours, events(act, provider.real(server.url).bind_tools([search, book], **options)))


@pytest.mark.parametrize("act", [invoke, stream])
def test_a_conversation_with_tools(act, provider, server):
    """
    With tools bound, a text streams as blocks in Anthropic's integration and as strings in OpenAI's.
    """
    fake = provider.fake().respond("Paris is big.")
    ours = events(act, fake.bind_tools([search]))
    server.text("Paris is big.", usage=usage_of(fake))

    assert_same(ours, events(act, provider.real(server.url).bind_tools([search])))


@pytest.mark.parametrize("act", [invoke, stream])
@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.5, "max_tokens": 50},
        {"temperature": 0.0},
        {"stop": ["###"]},
        {"timeout": 30.0},
        {"stream_usage": False},
    ],
    ids=str,
)
def test_options_of_the_model(act, options, provider, server):
    """
    The options of a model are in the same places of the events.
    """
    fake = provider.fake(**options).respond("Paris.")
    ours = events(act, fake)
    server.text("Paris.", usage=usage_of(fake))

    assert_same(ours, events(act, provider.real(server.url, **options)))


@of_openai
@pytest.mark.parametrize("act", MODES)
def test_a_server_that_reports_no_usage(act, httpserver):
    """
    A model with usage=False sends what ChatOpenAI sends where its server reports no usage.
    """
    fake = OpenAI().fake(usage=False).respond("Paris.")
    ours = events(act, fake)
    server = openai_server(httpserver).text("Paris.", usage=None)

    assert_same(ours, events(act, OpenAI().real(server.url)))


@pytest.mark.parametrize("act", [stream, astream])
def test_tool_calls_without_usage(act, provider, server):
    """
    With `stream_usage=False` a stream of tool calls has no usage, and the same last chunk as the real one.
    """
    calls = [("search", {"query": "weather", "limit": 1})]
    fake = provider.fake(stream_usage=False).respond("Let me see.", tool_calls=calls)
    ours = events(act, fake.bind_tools([search]))
    server.tool_calls(calls, text="Let me see.", usage=usage_of(fake))

    assert_same(ours, events(act, provider.real(server.url, stream_usage=False).bind_tools([search])))


@pytest.mark.parametrize("act", [invoke, stream])
def test_options_of_the_call(act, provider, server):
    """
    The options of a call are in the same places of the events.
    """
    fake = provider.fake().respond("Paris.")
    bound = {"stop": ["###"], "temperature": 0.1}
    ours = events(act, fake.bind(**bound))
    server.text("Paris.", usage=usage_of(fake))

    assert_same(ours, events(act, provider.real(server.url).bind(**bound)))


@pytest.mark.parametrize("act", MODES)
def test_an_error(act, provider, server):
    """
    A scripted error of a provider sends the same events as the real one, with the body and status of its response.
    """
    server.error(429, "rate_limit_error", "slow down")
    handler = RecordingHandler()
    with pytest.raises(Exception, match="slow down") as caught:
        act(provider.real(server.url), {"callbacks": [handler]})
    fake, ours = provider.fake().respond(caught.value), RecordingHandler()

    with pytest.raises(type(caught.value), match="slow down"):
        act(fake, {"callbacks": [ours]})

    assert_same(
        [(event.name, plain(event.payload)) for event in ours.events],
        [(event.name, plain(event.payload)) for event in handler.events],
    )


@pytest.mark.parametrize("act", [invoke, stream])
def test_structured_output_by_a_tool_call(act, provider, server):
    """
    Structured output by function calling has the same options and the same call of the schema's tool.
    """
    options: dict[str, Any] = {"method": "function_calling"}
    fake = provider.fake().respond(Answer(city="Paris"))
    ours = model_events(act, fake.with_structured_output(Answer, **options))
    server.tool_call("Answer", {"city": "Paris"}, usage=usage_of(fake))

    theirs = model_events(act, provider.real(server.url).with_structured_output(Answer, **options))

    # How an integration notes the schema for LangSmith is between the two of them.
    assert_same(without_noted_schema(ours), without_noted_schema(theirs))


def model_events(act, chain):
    return [(name, payload) for name, payload in events(act, chain) if "chain" not in name]


def without_noted_schema(recorded):
    for _, payload in recorded:
        payload.get("options", {}).pop("ls_structured_output_format", None)
        payload.get("invocation_params", {}).pop("ls_structured_output_format", None)
    return recorded


def test_scripted_chunks(provider, server):
    """
    Scripted chunks of text arrive in their pieces, in the provider's shape.
    """
    fake = provider.fake().respond(chunks=["Par", "is is", " big"])
    ours = events(stream, fake)
    server.text("Paris is big", usage=usage_of(fake), pieces=["Par", "is is", " big"])

    assert_same(ours, events(stream, provider.real(server.url)))


@pytest.mark.filterwarnings("ignore:Unexpected type for token usage")
@pytest.mark.parametrize("prompts", [1, 2])
def test_several_prompts(prompts, provider, server):
    """
    `generate` gives the same for several prompts: OpenAI's integration adds up their tokens.
    """
    fake = provider.fake().respond("Paris.", times=prompts)
    ours = fake.generate([PROMPT] * prompts)
    for _ in range(prompts):
        server.text("Paris.", usage=usage_of(fake))

    theirs = provider.real(server.url).generate([PROMPT] * prompts)

    assert_no_difference(differences(plain(ours), plain(theirs)))


@of_anthropic
@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-4-6", "claude-sonnet-5", "claude-2"])
def test_the_limit_of_tokens(model, httpserver):
    """
    A model without `max_tokens` has the limit that Anthropic's integration knows for its name.
    """
    fake, real = Anthropic().fake(model=model), Anthropic().real(httpserver.url_for(""), model=model)

    assert fake._get_invocation_params()["max_tokens"] == real._get_invocation_params()["max_tokens"]
