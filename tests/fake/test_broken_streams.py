"""A stream that breaks has not ended: compared with the real integrations, whose local server breaks it."""

from __future__ import annotations

import asyncio

import partners
import pytest
from broken_servers import broken_server
from langchain_core.messages import AIMessageChunk
from provider_payloads import PROMPT, assert_same, plain

from pytest_lc_callbacks import FakeChatModel, RecordingHandler

ChatAnthropic = partners.fetch("langchain_anthropic", "ChatAnthropic")
ChatOpenAI = partners.fetch("langchain_openai", "ChatOpenAI")

# Long enough for a slow machine to send the first piece: the tests of silence wait for it.
TIMEOUT = 0.3
PIECES = ["Par", "is is", " big"]
REALS = {
    "anthropic": (ChatAnthropic, {"model": "claude-sonnet-4-6"}),
    "openai": (ChatOpenAI, {"model": "gpt-4.1-mini", "stream_usage": True}),
}
providers = pytest.mark.parametrize(
    "provider",
    [
        pytest.param("anthropic", marks=pytest.mark.partner("langchain-anthropic", "anthropic")),
        pytest.param("openai", marks=pytest.mark.partner("langchain-openai", "openai")),
    ],
)


def stream(model, config):
    for _ in model.stream(PROMPT, config):
        pass


def astream(model, config):
    async def read():
        async for _ in model.astream(PROMPT, config):
            pass

    asyncio.run(read())


def stream_events(model, config):
    for _ in model.stream_events(PROMPT, config, version="v3"):
        pass


def leave(model, config):
    """Leave the stream behind its second chunk."""
    chunks = model.stream(PROMPT, config)
    next(chunks), next(chunks)
    chunks.close()


def leave_async(model, config):
    async def read():
        chunks = model.astream(PROMPT, config)
        await anext(chunks), await anext(chunks)
        await chunks.aclose()

    asyncio.run(read())


def cancel(model, config):
    """Cancel the task that reads, behind its second chunk."""

    async def read(arrived):
        async for _ in model.astream(PROMPT, config):
            arrived.append(_)
            if len(arrived) == 2:
                asyncio.current_task().cancel()

    async def act():
        task = asyncio.create_task(read([]))
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(act())


def recorded(act, model):
    """The events of *act*, and what it raised."""
    handler, error = RecordingHandler(), None
    try:
        act(model, {"callbacks": [handler]})
    except Exception as raised:  # noqa: BLE001  # what is raised is what the test compares
        error = raised
    events = [(event.name, plain(event.payload)) for event in handler.events]
    # In stream_events, LangChain leaves out the id that it gives to chunks without one; the fake's have one.
    return [(name, without_ids(payload)) for name, payload in events], error


def without_ids(value):
    if isinstance(value, dict):
        return {key: without_ids(item) for key, item in value.items() if key != "id"}
    return [without_ids(item) for item in value] if isinstance(value, list) else value


def real(provider, url):
    cls, options = REALS[provider]
    return cls(base_url=url, api_key="test", max_retries=0, timeout=TIMEOUT, **options)


def fake(provider):
    options = {"max_retries": 0, "timeout": TIMEOUT}
    return FakeChatModel(provider=provider, model=REALS[provider][1]["model"], **options)


@pytest.mark.parametrize("act", [stream, astream, stream_events])
@pytest.mark.parametrize("ending", ["break", "error", "silence"])
@providers
def test_a_stream_that_raises(provider, ending, act):
    """
    Where a connection breaks, an error event arrives or nothing more comes, the chunks arrive and then the error.
    """
    with broken_server(provider, PIECES, ending) as url:
        theirs, error = recorded(act, real(provider, url))
    ours, raised = recorded(act, fake(provider).respond(chunks=PIECES, then_raise=error))

    assert error is not None
    assert raised is error
    assert ours[-1][0] == "llm_error"
    assert_same(ours, theirs)


@pytest.mark.parametrize("act", [stream, astream, stream_events])
@providers
def test_a_stream_that_is_cut_off(provider, act):
    """
    Where the response ends without a finish reason, the run ends well, without finish reason and usage.
    """
    with broken_server(provider, PIECES, "end") as url:
        theirs, error = recorded(act, real(provider, url))
    ours, _ = recorded(act, fake(provider).respond(chunks=PIECES, cut_off=True))

    assert error is None
    assert ours[-1][0] == "llm_end"
    assert_same(ours, theirs)


@pytest.mark.parametrize("act", [leave, leave_async, cancel])
@providers
def test_a_stream_that_is_left(provider, act):
    """
    A reader that leaves, or is cancelled while it waits, gives the same events with the fake as with the real one.
    """
    with broken_server(provider, ["Par"], "silence") as url:
        theirs, _ = recorded(act, real(provider, url))
    ours, _ = recorded(act, fake(provider).respond(chunks=["Par", "is"], chunk_latency=0.02))

    assert ours[-1][0] == "llm_error"
    assert_same(ours, theirs)


ENDING = {"finish_reason", "stop_reason", "model_name", "system_fingerprint"}


@pytest.mark.parametrize("options", [{"then_raise": TimeoutError()}, {"cut_off": True}], ids=["raises", "cut off"])
@pytest.mark.parametrize("chunks", [["a", "b"], [AIMessageChunk("a"), AIMessageChunk("b")]], ids=["texts", "chunks"])
@pytest.mark.parametrize("act", [stream, astream])
def test_a_plain_stream(act, chunks, options):
    """
    The chunks of a plain model that breaks have no usage, no metadata and no last position.
    """
    handler = RecordingHandler()
    try:
        act(FakeChatModel().respond(chunks=chunks, **options), {"callbacks": [handler]})
    except TimeoutError:
        assert "then_raise" in options

    messages = [event.payload["chunk"].message for event in handler.where("llm_new_token").events][:2]
    assert [message.content for message in messages] == ["a", "b"]
    assert all(message.usage_metadata is None and not message.response_metadata for message in messages)
    assert all(message.chunk_position is None for message in messages)


def test_a_stream_that_does_not_break():
    """
    The same chunks without an error have all of that in the last one.
    """
    *_, last = FakeChatModel().respond(chunks=["a", "b"]).stream("x")

    assert (last.usage_metadata is None, last.response_metadata, last.chunk_position) == (
        False,
        {"model_name": "fake-chat-model"},
        "last",
    )


@pytest.mark.parametrize("provider", [None, "anthropic", "openai"])
def test_a_tool_call_that_breaks(provider):
    """
    A stream may break in the middle of a tool call: behind its last piece nothing is sent.
    """
    model = FakeChatModel(provider=provider).respond(
        chunks=["Let me see."], tool_calls=[("search", {"q": "x"})], then_raise=TimeoutError()
    )
    seen = []
    with pytest.raises(TimeoutError):
        seen.extend(model.stream("x"))
    handler = RecordingHandler()
    model.respond(chunks=[""], tool_calls=[("search", {"q": "x"})], then_raise=TimeoutError())
    with pytest.raises(TimeoutError):
        stream(model, {"callbacks": [handler]})

    last = handler.where("llm_new_token").events[-1].payload["chunk"].message
    assert last.tool_call_chunks
    assert last.usage_metadata is None
    assert not ENDING & last.response_metadata.keys()


def test_invoke_of_a_stream_that_is_cut_off():
    """
    `invoke` gives the sum of the chunks.
    """
    assert FakeChatModel().respond(chunks=["Par", "is"], cut_off=True).invoke("x").content == "Paris"
