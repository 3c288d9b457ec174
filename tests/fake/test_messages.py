"""Messages: completed, and cut into the chunks of a stream."""

from __future__ import annotations

import functools
import operator
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
)

from pytest_lc_callbacks._fake.messages import (
    count_message,
    count_tokens,
    fingerprint,
    text_pieces,
    usage_of,
)
from pytest_lc_callbacks._fake.model import FakeChatModel

PROMPT = [SystemMessage("You are helpful."), HumanMessage("What now?")]

texts = st.text(st.characters(codec="utf-8"), max_size=60)
names = st.text("abcdefgh_", min_size=1, max_size=10)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
arguments = st.dictionaries(texts, json_values, max_size=4)
tool_calls = st.builds(
    lambda name, args, id_: {"name": name, "args": args, "id": id_, "type": "tool_call"},
    names,
    arguments,
    st.none() | st.uuids().map(str),
)
blocks = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    st.builds(lambda text: {"type": "reasoning", "reasoning": text}, texts),
    st.builds(lambda text: {"type": "image", "url": f"https://example.com/{text}"}, names),
    st.builds(lambda text: {"type": "image", "base64": text, "mime_type": "image/png"}, names),
    st.builds(lambda value: {"type": "non_standard", "value": {"x": value}}, json_values),
)
counts = st.integers(0, 10**6)
usages = st.none() | st.builds(
    lambda received, given_: {
        "input_tokens": received,
        "output_tokens": given_,
        "total_tokens": received + given_,
        "input_token_details": {"cache_read": received // 2},
        "output_token_details": {"reasoning": given_ // 2},
    },
    counts,
    counts,
)
messages = st.builds(
    AIMessage,
    content=texts | st.lists(blocks | texts, max_size=4),
    tool_calls=st.lists(tool_calls, max_size=3, unique_by=lambda call: call["id"] or object()),
    usage_metadata=usages,
    id=st.none() | st.uuids().map(str),
    response_metadata=st.dictionaries(names, json_values, max_size=3),
)


def summed(chunks) -> AIMessage:
    """The message that the chunks of a stream add up to."""
    message = message_chunk_to_message(functools.reduce(operator.add, chunks))
    assert isinstance(message, AIMessage)
    return message


def seen(message: AIMessage) -> dict[str, Any]:
    """What a program sees of a message."""
    return {
        "text": message.text,
        "content_blocks": message.content_blocks,
        "tool_calls": message.tool_calls,
        "usage": message.usage_metadata,
        "id": message.id,
        "response_metadata": message.response_metadata,
    }


@given(messages)
def test_chunks_add_up_to_the_message(message):
    """
    The chunks of a stream, added up, are the message that invoke returns.
    """
    invoked = FakeChatModel(responses=[message]).invoke(PROMPT)
    streamed = list(FakeChatModel(responses=[message]).stream(PROMPT))

    assert seen(summed(streamed)) == seen(invoked)
    assert streamed[-1].chunk_position == "last"


@given(
    st.lists(texts, min_size=1, max_size=5), st.lists(tool_calls, max_size=2, unique_by=lambda c: c["id"] or object())
)
def test_scripted_chunks_add_up_to_the_message(chunks, calls):
    """
    Scripted chunks stream as they are, and invoke returns their sum.
    """
    options = {"tool_calls": [(call["name"], call["args"]) for call in calls]} if calls else {}
    invoked = FakeChatModel().respond(chunks=chunks, **options).invoke(PROMPT)
    streamed = list(FakeChatModel().respond(chunks=chunks, **options).stream(PROMPT))

    assert [chunk.content for chunk in streamed][: len(chunks)] == chunks
    assert seen(summed(streamed)) == seen(invoked)


@given(texts)
def test_text_pieces(text):
    """
    Text streams by words, and nothing of it is lost.
    """
    pieces = text_pieces(text)

    assert "".join(pieces) == text
    assert all(pieces)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Paris is big.", ["Paris", " is", " big."]),
        ("a\n\nb ", ["a", "\n\nb", " "]),
        ("", []),
        ("x" * 45, ["x" * 20, "x" * 20, "x" * 5]),
    ],
    ids=["words", "blanks", "empty", "a long word"],
)
def test_text_pieces_are_words(text, pieces):
    """
    A word comes with the blanks before it; a longer one, or a language without blanks, in pieces of 20 characters.
    """
    assert text_pieces(text) == pieces


def test_tool_call_arguments_stream_in_pieces():
    """
    The name of a tool streams first, then its arguments in pieces.
    """
    model = FakeChatModel().respond(tool_calls=[("search", {"query": "the weather in Paris", "limit": 3})])

    pieces = [chunk.tool_call_chunks[0] for chunk in model.stream("x") if chunk.tool_call_chunks]

    assert (pieces[0]["name"], pieces[0]["args"]) == ("search", "")
    assert [piece["name"] for piece in pieces[1:]] == [None, None, None]
    assert "".join(piece["args"] for piece in pieces) == '{"query": "the weather in Paris", "limit": 3}'


@pytest.mark.parametrize("model_options", [{}, {"output_version": "v1"}], ids=["v0", "v1"])
def test_text_beside_tool_calls(model_options):
    """
    A text and tool calls are told apart in the sum of a stream, also where content is standard blocks.
    """
    model = FakeChatModel(**model_options).respond("Let me see.", tool_calls=[("a", {"x": 1}), ("b", {"y": 2})])

    message = summed(model.stream("x"))

    assert [block["type"] for block in message.content_blocks] == ["text", "tool_call", "tool_call"]
    assert [call["args"] for call in message.tool_calls] == [{"x": 1}, {"y": 2}]


def test_blocks_stream_one_by_one():
    """
    Content of several blocks streams a block at a time.
    """
    content = [{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "Paris is big"}]

    streamed = list(FakeChatModel(responses=[AIMessage(content)]).stream("x"))

    assert [chunk.content for chunk in streamed] == [[content[0]], [content[1]]]


def test_blocks_with_an_index_stream_at_once():
    """
    Blocks that bring an index of their own come in one chunk, since langchain_core would merge equal ones.
    """
    content = [{"type": "text", "text": "a", "index": 0}, {"type": "text", "text": "b", "index": 0}]

    assert summed(FakeChatModel(responses=[AIMessage(content)]).stream("x")).content == content


@pytest.mark.parametrize(
    ("message", "lost"),
    [
        (AIMessage("x", name="Anna"), lambda m: m.name),
        (
            AIMessage("", invalid_tool_calls=[{"name": "f", "args": "{", "id": "1", "error": "not JSON"}]),
            lambda m: m.invalid_tool_calls,
        ),
    ],
    ids=["name", "invalid tool calls"],
)
def test_what_langchain_loses(message, lost):
    """
    `invoke` keeps what langchain_core loses when it merges chunks, as the guide lists, and the stream goes on.
    """
    model = FakeChatModel(responses=[message, message])

    assert lost(model.invoke("x"))
    assert lost(summed(model.stream("x"))) != lost(message)


def test_additional_kwargs_survive():
    """
    Additional arguments stream once, and do not double the tool calls that they repeat.
    """
    raw = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    calls = [{"name": "f", "args": {}, "id": "1", "type": "tool_call"}]
    message = AIMessage("", additional_kwargs={"tool_calls": raw, "reasoning_content": "Hm."}, tool_calls=calls)

    streamed = summed(FakeChatModel(responses=[message]).stream("x"))

    assert streamed.additional_kwargs == message.additional_kwargs
    assert streamed.tool_calls == calls


def test_chunks_of_your_own():
    """
    Scripted AIMessageChunks keep their content; ids, usage and metadata are added where they lack them.
    """
    chunks = [
        AIMessageChunk([{"type": "text", "text": "Let", "index": 0}]),
        AIMessageChunk([{"type": "text", "text": " me", "index": 0}]),
        AIMessageChunk([], tool_call_chunks=[{"name": "f", "args": '{"x"', "id": None, "index": 1}]),
        AIMessageChunk([], tool_call_chunks=[{"name": None, "args": ": 1}", "id": None, "index": 1}]),
    ]
    invoked = FakeChatModel().respond(chunks=chunks).invoke("x")
    streamed = list(FakeChatModel().respond(chunks=chunks).stream("x"))

    assert [chunk.content for chunk in streamed[:4]] == [chunk.content for chunk in chunks]
    assert seen(summed(streamed)) == seen(invoked)
    assert invoked.text == "Let me"
    assert invoked.tool_calls[0]["args"] == {"x": 1}
    assert invoked.tool_calls[0]["id"]


def test_usage():
    """
    Usage counts a token for every four characters begun, of the prompt and of the response with its tool calls.
    """
    answer = AIMessage("12345678", tool_calls=[{"name": "f", "args": {}, "id": "1"}])

    assert [count_tokens(text) for text in ("", "1", "1234", "12345")] == [0, 1, 1, 2]
    assert count_message(HumanMessage("")) == 1
    assert count_message(answer) == 3
    assert usage_of([HumanMessage("12345678"), HumanMessage("1")], answer) == {
        "input_tokens": 3,
        "output_tokens": 3,
        "total_tokens": 6,
    }


@pytest.mark.parametrize(
    ("prompt", "same"),
    [
        ([HumanMessage("a", id="random-1")], True),
        ([HumanMessage("b")], False),
        ([SystemMessage("a")], False),
        ([HumanMessage([{"type": "text", "text": "a"}])], False),
        ([HumanMessage("a"), ToolMessage("a", tool_call_id="1")], False),
    ],
    ids=["another id", "another text", "another role", "blocks", "longer"],
)
def test_fingerprint(prompt, same):
    """
    A fingerprint depends on what was said and by whom, not on the ids of the messages.
    """
    assert (fingerprint(prompt=prompt) == fingerprint(prompt=[HumanMessage("a")])) is same


def test_fingerprint_of_odd_content():
    """
    Content that is no JSON counts as the name of its type: its repr differs each time.
    """
    one, other = ([HumanMessage([{"type": "x", "value": object()}])] for _ in range(2))

    assert fingerprint(prompt=one) == fingerprint(prompt=other)


def test_chunks_that_bring_usage():
    """
    Usage and metadata of scripted chunks are kept, and not added a second time.
    """
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    chunks = [AIMessageChunk("a"), AIMessageChunk("b", usage_metadata=usage, response_metadata={"model_name": "m"})]

    message = summed(FakeChatModel().respond(chunks=chunks).stream("x"))

    assert message.usage_metadata == usage
    assert message.response_metadata == {"model_name": "m"}


PROGRAM = """
from langchain_core.messages import HumanMessage
from pytest_lc_callbacks._fake.model import FakeChatModel
model = FakeChatModel().respond("Grüße", tool_calls=[("f", {"x": 1.5, "y": ["ä", None]})], times=2)
for answer in model.batch([[HumanMessage("a")], [HumanMessage("b")]]):
    print(ascii((answer.id, answer.tool_calls, answer.usage_metadata)))
"""


@pytest.mark.once
def test_two_processes_give_the_same_ids():
    """
    Ids, tool-call ids and usage do not depend on the process, nor on its hash seed.
    """
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1")
    }

    assert len(outputs) == 1
