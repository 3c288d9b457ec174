"""A stood-in class sends handlers what it sends when its server answers, key by key."""

from __future__ import annotations

from typing import Any

import partners
import pytest
from broken_servers import broken_server
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
    plain,
    search,
    stream,
)
from provider_servers import anthropic_server, openai_server

from pytest_lc_callbacks import FakeChatModel, RecordingHandler

ChatAnthropic = partners.fetch("langchain_anthropic", "ChatAnthropic")
ChatOpenAI = partners.fetch("langchain_openai", "ChatOpenAI")
partners.fetch("pytest_httpserver")


def stream_events(model, config):
    for _ in model.stream_events(PROMPT, config, version="v3"):
        pass


ALL_MODES = [*MODES, stream_events]
DEFAULTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "anthropic": (ChatAnthropic, {"model": "claude-sonnet-4-6"}),
    "openai": (ChatOpenAI, {"model": "gpt-4.1-mini", "stream_usage": True}),
}
of_anthropic = pytest.mark.partner("langchain-anthropic", "anthropic", "pytest-httpserver")
of_openai = pytest.mark.partner("langchain-openai", "openai", "pytest-httpserver")
PROVIDERS = [
    pytest.param("anthropic", marks=of_anthropic, id="anthropic"),
    pytest.param("openai", marks=of_openai, id="openai"),
]


@pytest.fixture(params=PROVIDERS)
def provider(request):
    return request.param


@pytest.fixture
def server(provider, httpserver):
    return {"anthropic": anthropic_server, "openai": openai_server}[provider](httpserver)


def make(provider, url, **options):
    """The real model; its server is at *url*."""
    cls, defaults = DEFAULTS[provider]
    return cls(base_url=url, api_key="test", max_retries=0, **{**defaults, **options})


def compare(act, chain, model, fake, queue, *, with_chains=True):
    """
    Act on *chain* while *fake* stands in for the class of *model*, and again with the server.

    *queue* is called with the usage that the fake counted, and queues the server's answer. The events of chains count
    unless they come from tasks that run at the same time.
    """
    with fake.stand_in_for(type(model)):
        ours = events(act, chain)
    usage = fake.last_call.response.usage_metadata or {"input_tokens": 11, "output_tokens": 7}
    queue((usage["input_tokens"], usage["output_tokens"]))
    theirs = events(act, chain)

    if not with_chains:
        ours, theirs = ([event for event in side if "chain" not in event[0]] for side in (ours, theirs))
    assert fake.last_call.model is model
    assert len(theirs) > 1
    assert_same(without_ids(ours), without_ids(theirs))


def without_ids(value):
    """In stream_events, LangChain leaves out the id that it gives to chunks without one; the fake's have one."""
    if isinstance(value, dict):
        return {key: without_ids(item) for key, item in value.items() if key != "id"}
    return type(value)(map(without_ids, value)) if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("act", ALL_MODES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5, "max_tokens": 50, "timeout": 30.0},
        {"stop": ["###"]},
        {"stream_usage": False},
        {"streaming": True},
        {"tags": ["a"], "metadata": {"b": 1}, "name": "mine"},
    ],
    ids=str,
)
def test_a_text(act, options, provider, server):
    """
    A text has the same start, tokens and end, whatever the options of the model.
    """
    model = make(provider, server.url, **options)

    compare(
        act, model, model, FakeChatModel(responses=["Paris is big."]), lambda u: server.text("Paris is big.", usage=u)
    )


@pytest.mark.parametrize("act", ALL_MODES)
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
    Tool calls have the same events, with the tools in the provider's form.
    """
    model = make(provider, server.url)
    fake = FakeChatModel().respond(text, tool_calls=calls)

    compare(act, model.bind_tools([search, book]), model, fake, lambda u: server.tool_calls(calls, text=text, usage=u))


@pytest.mark.parametrize("act", [*MODES])
@pytest.mark.parametrize("options", [{"tool_choice": "any"}, {"tool_choice": "search"}, {"strict": True}], ids=str)
def test_options_of_tools(act, options, provider, server):
    """
    Tool choices and strict tools are bound by the real class, and checked by the fake.
    """
    model, calls = make(provider, server.url), [("search", {"query": "weather", "limit": 1})]
    fake = FakeChatModel().respond(tool_calls=calls)

    compare(act, model.bind_tools([search], **options), model, fake, lambda u: server.tool_calls(calls, usage=u))


@pytest.mark.parametrize("act", ALL_MODES)
def test_a_text_beside_tools(act, provider, server):
    """
    With tools bound, a text streams as the integration streams it then.
    """
    model = make(provider, server.url)
    fake = FakeChatModel(responses=["Paris is big."])

    compare(act, model.bind_tools([search]), model, fake, lambda u: server.text("Paris is big.", usage=u))


@pytest.mark.parametrize("act", MODES)
def test_options_of_the_call(act, provider, server):
    """
    What is bound to a call reaches the events as with the real model.
    """
    model = make(provider, server.url)
    chain = model.bind(stop=["###"], temperature=0.1)

    compare(act, chain, model, FakeChatModel(responses=["Paris."]), lambda u: server.text("Paris.", usage=u))


@pytest.mark.parametrize("act", MODES)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
def test_a_parsed_object_without_usage(act, provider, server):
    """
    Without usage in streams, the chunk with the whole completion has none either.
    """
    model = make(provider, server.url, stream_usage=False)
    chain = model.with_structured_output(Answer, method="json_schema")
    text = '{"city": "Paris"}'

    compare(act, chain, model, FakeChatModel([Answer(city="Paris")]), lambda u: server.text(text, usage=u))


STRUCTURED = [("anthropic", "function_calling"), ("anthropic", "json_schema")]
STRUCTURED += [("openai", "function_calling"), ("openai", "json_schema"), ("openai", "json_mode")]


@pytest.mark.parametrize("act", MODES)
# The dump that ChatOpenAI makes of a parsed object warns by itself.
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
@pytest.mark.parametrize("schema", [Answer, Answer.model_json_schema()], ids=["pydantic", "dict"])
@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize(
    ("provider", "method"),
    [pytest.param(p, m, marks=of_anthropic if p == "anthropic" else of_openai) for p, m in STRUCTURED],
    indirect=["provider"],
)
def test_structured_output(act, method, include_raw, schema, provider, server):
    """
    `with_structured_output` is the real one, with its parser, in every method.
    """
    model = make(provider, server.url)
    chain = model.with_structured_output(schema, method=method, include_raw=include_raw)

    def queue(usage):
        if method == "function_calling":
            server.tool_call("Answer", {"city": "Paris"}, usage=usage)
        else:
            server.text('{"city": "Paris"}', usage=usage)

    compare(act, chain, model, FakeChatModel().respond(Answer(city="Paris")), queue, with_chains=not include_raw)


@pytest.mark.parametrize("act", MODES)
def test_an_error(act, provider, server):
    """
    A scripted error of the provider's client sends the same events as the real one.
    """
    model, handlers, errors = make(provider, server.url), [RecordingHandler(), RecordingHandler()], []
    server.error(429, "rate_limit_error", "slow down")
    with pytest.raises(Exception, match="slow down") as caught:
        act(model, {"callbacks": [handlers[0]]})
    errors.append(caught.value)

    with FakeChatModel().respond(caught.value).stand_in_for(type(model)), pytest.raises(type(caught.value)):
        act(model, {"callbacks": [handlers[1]]})

    theirs, ours = ([(event.name, plain(event.payload)) for event in handler.events] for handler in handlers)
    assert_same(ours, theirs)


@pytest.mark.parametrize("act", [stream, astream])
@pytest.mark.parametrize("ending", ["break", "end"])
def test_a_broken_stream(act, ending, provider):
    """
    A stream that breaks, or is cut off, sends nothing of its ending.
    """
    ours, theirs = RecordingHandler(), RecordingHandler()
    with broken_server(provider, ["Par", "is"], ending) as url:
        model = make(provider, url)
        error = raised(act, model, theirs)
    script: dict[str, Any] = {"then_raise": error} if ending == "break" else {"cut_off": True}
    with FakeChatModel().respond(chunks=["Par", "is"], **script).stand_in_for(type(model)):
        assert raised(act, model, ours) is error

    assert (error is None) is (ending == "end")
    assert_same(*([(event.name, plain(event.payload)) for event in handler.events] for handler in (ours, theirs)))


def raised(act, model, handler):
    try:
        act(model, {"callbacks": [handler]})
    except Exception as error:  # noqa: BLE001  # what is raised is what the test compares
        return error
    return None


@of_openai
@pytest.mark.parametrize("act", MODES)
def test_a_server_that_reports_no_usage(act, httpserver):
    """
    usage=False holds for the real class too.
    """
    server = openai_server(httpserver)
    model = make("openai", server.url)

    compare(act, model, model, FakeChatModel(["Paris."], usage=False), lambda _: server.text("Paris.", usage=None))


@pytest.mark.filterwarnings("ignore:Unexpected type for token usage")
@pytest.mark.parametrize("prompts", [1, 2])
def test_several_prompts(prompts, provider, server):
    """
    `generate` adds the tokens of several prompts up as the integration does.
    """
    model, fake = make(provider, server.url), FakeChatModel().respond("Paris.", times=prompts)
    with fake.stand_in_for(type(model)):
        ours = model.generate([PROMPT] * prompts)
    usage = fake.last_call.response.usage_metadata
    for _ in range(prompts):
        server.text("Paris.", usage=(usage["input_tokens"], usage["output_tokens"]))

    assert_no_difference(differences(plain(ours), plain(model.generate([PROMPT] * prompts))))
