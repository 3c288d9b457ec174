"""What may be scripted, and what is refused with what to write instead."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, TypedDict
from unittest.mock import AsyncMock, Mock

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel, Field, Json, RootModel, computed_field

from pytest_lc_callbacks._fake.model import FakeChatModel
from pytest_lc_callbacks._fake.reading import read_kind, read_returned
from pytest_lc_callbacks._fake.response import Data, Function


class Answer(BaseModel):
    city: str
    day: date = date(2024, 1, 2)


class Aliased(BaseModel):
    city: str = Field(alias="theCity")


class Numbers(RootModel[list[int]]):
    pass


class Square(BaseModel):
    side: int
    text: Json[int] = 1

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def area(self) -> int:
        return self.side**2


class Typed(TypedDict):
    city: str


@dataclass
class Plain:
    city: str


class StatusError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")


class UnmakeableError(Exception):
    def __init__(self) -> None:
        raise LookupError("no luck")


def yielding(messages):
    yield "x"


async def yielding_later(messages):
    yield "x"


def shout(messages):
    return messages[-1].content.upper()


async def later(messages):
    return "later"


async def coroutine():
    return "x"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Paris", "'Paris'"),
        ("", "''"),
        ("x" * 100, f"'{'x' * 76}..."),
        (AIMessage("Paris"), "'Paris'"),
        (AIMessageChunk("Paris"), "'Paris'"),
        (
            AIMessage("Hm.", tool_calls=[{"name": "f", "args": {"x": 1}, "id": "1"}]),
            "'Hm.' with tool call f(x=1)",
        ),
        (TimeoutError("slow"), "raises TimeoutError('slow')"),
        (TimeoutError, "raises TimeoutError"),
        (StatusError(3), "raises StatusError('status 3')"),
        (Answer(city="Oslo"), "Answer(city='Oslo', day='2024-01-02')"),
        (Aliased(theCity="Oslo"), "Aliased(theCity='Oslo')"),
        (Plain("Oslo"), "Plain(city='Oslo')"),
        (Typed(city="Oslo"), "{'city': 'Oslo'}"),
        ({"xs": (1, 2)}, "{'xs': [1, 2]}"),
        (shout, "function shout"),
        (later, "function later"),
        (partial(shout), "function partial"),
        (lambda messages: "x", "function <lambda>"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else type(value).__name__,
)
def test_what_may_be_scripted(value, text):
    """
    A text, a message, an exception, an object or a function; each describes itself in a line.
    """
    assert str(read_kind(value, "respond(...)")) == text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"tool_calls": [("f", {"x": 1})]}, "tool call f(x=1)"),
        ({"tool_calls": [{"name": "f", "args": {}, "id": "1"}]}, "tool call f()"),
        ({"tool_calls": [("f", {}), ("g", {})]}, "tool call f(), g()"),
        ({"chunks": ["Par", "is"]}, "chunks 'Par', 'is'"),
        ({"chunks": [AIMessageChunk("Par")]}, "chunks 'Par'"),
        ({"chunks": ["Par"], "then_raise": TimeoutError()}, "chunks 'Par', then raises TimeoutError()"),
        ({"chunks": ["Par"], "cut_off": True}, "chunks 'Par', cut off"),
        ({"chunks": (text for text in ("a", "b"))}, "chunks 'a', 'b'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_may_be_scripted_by_name(options, text):
    """
    Tool calls and chunks have arguments of their own.
    """
    assert str(read_kind(..., "respond()", **options)) == text


def test_text_beside_tool_calls():
    """
    Tool calls may come with one text.
    """
    assert str(read_kind("Hm.", "respond(...)", tool_calls=[("f", {})])) == "'Hm.' with tool call f()"


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": (..., "respond(...): there is no response; write what the model says, .respond('Paris')"),
    "None": (None, "None (NoneType) is no response; write what the model says, .respond('Paris'), or .respond('')"),
    "a number": (3, "respond(...): 3 (int) is no response; write a text, an AIMessage, an exception, an object"),
    "bytes": (b"x", "b'x' (bytes) is no response; write a text"),
    "another message": (
        HumanMessage("hi"),
        "no response; a model responds with an AIMessage; write .respond('hi')",
    ),
    "a tool's message": (
        ToolMessage("x", tool_call_id="1"),
        "respond(...): a ToolMessage is no response",
    ),
    "a list": (["a", "b"], "write .respond('a', 'b') or responses=['a', 'b'] for one response after the other"),
    "an iterator": (iter(["a"]), "write .respond('a', 'b') or responses=['a', 'b']"),
    "a set": ({"a"}, "write .respond('a', 'b')"),
    "a tuple": (("search", {}), "write .respond(tool_calls=[('search', {'q': 'x'})]) for a tool call"),
    "a class": (
        Answer,
        "respond(...): the class Answer is no response; write an instance of it, .respond(Answer(...))",
    ),
    "LangChain's result": (ChatGeneration(message=AIMessage("x")), "write the message in it"),
    "a runnable": (RunnableLambda(shout), "or a function of the messages that asks it"),
    "a model": (FakeChatModel(), "or a function of the messages that asks it"),
    "a date": ({"day": date(2024, 1, 2)}, "it['day'] is datetime.date(2024, 1, 2) (date), and a model writes JSON"),
    "a date inside": ({"a": [{"b": date(2024, 1, 2)}]}, "it['a'][0]['b'] is datetime.date(2024, 1, 2)"),
    "a dataclass": (Plain(city=date(2024, 1, 2)), "it['city'] is datetime.date"),  # type: ignore[arg-type]  # on purpose
    "a numeric key": ({1: 2}, "the key 1 in it is not a string"),
    "not a number": ({"x": float("nan")}, "it['x'] is nan (float), and a model writes JSON"),
    "the end of an iterator": (StopIteration(), "cannot raise StopIteration: Python uses it to end iterators"),
    "the end, as a class": (StopAsyncIteration, "cannot raise StopAsyncIteration"),
    "an error that needs arguments": (StatusError, "write an instance, StatusError(...)"),
    "an error that cannot be made": (UnmakeableError, "cannot be made without arguments (no luck)"),
    "a cancellation": (
        asyncio.CancelledError,
        "cannot raise CancelledError: it is no Exception, and asynchronous code",
    ),
    "no Exception": (BaseException(), "cannot raise BaseException: it is no Exception"),
    "a message as a dict": (
        {"role": "assistant", "content": "Paris"},
        "a dict is an object for structured output; for a message write its text, or AIMessage(...)",
    ),
    "a root model": (Numbers([1]), "an object for structured output is a dict in JSON, and this is a list; write"),
    "a generator function": (yielding, "the function yielding (function) yields, and one response is asked for"),
    "an asynchronous generator": (yielding_later, "the function yielding_later (function) yields"),
    "something at an address": (object(), "<object object> (object) is no response; write"),
    "a function of nothing": (lambda: "x", "it does not take that (too many positional arguments)"),
    "a function of two": (lambda messages, tools: "x", "missing a required argument: 'tools'"),
    "arguments that are no JSON": (
        AIMessage("", tool_calls=[{"name": "f", "args": {"day": date(2024, 1, 2)}, "id": "1"}]),
        "respond(...): tool_calls[0]: cannot call 'f': args['day'] is datetime.date(2024, 1, 2) (date)",
    ),
}


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(value, message):
    """
    A value that no model could respond with is refused when it is scripted, with what to write instead.
    """
    with pytest.raises(TypeError, match=re.escape(message)):
        read_kind(value, "respond(...)")


def test_a_coroutine_is_refused():
    """
    A coroutine in place of its function is refused, and closed: Python would warn of it later.
    """
    with pytest.raises(TypeError, match="that is a coroutine; write the async function itself, without calling it"):
        read_kind(coroutine(), "respond(...)")


REFUSED_BY_NAME: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "calls: a text": (..., {"tool_calls": "f"}, TypeError, "tool_calls= is a list of (name, arguments), not 'f' (str)"),
    "calls: a dict": (..., {"tool_calls": {"f": {}}}, TypeError, "tool_calls= is a list of (name, arguments)"),
    "calls: no list": (..., {"tool_calls": 3}, TypeError, "tool_calls= is a list of (name, arguments), not 3 (int)"),
    "calls: bare": (..., {"tool_calls": ("f", {})}, TypeError, "tool_calls= is a list, also for one call"),
    "calls: empty": (..., {"tool_calls": []}, ValueError, "tool_calls=[] calls nothing; write .respond('')"),
    "calls: a name": (..., {"tool_calls": ["f"]}, TypeError, "tool_calls[0] is 'f' (str) and not (name, arguments)"),
    "calls: no args": (..., {"tool_calls": [("f",)]}, TypeError, "tool_calls[0] is ('f',) (tuple)"),
    "calls: args": (..., {"tool_calls": [("f", "x")]}, TypeError, "the arguments of 'f' are a dict, not 'x' (str)"),
    "calls: id": (..., {"tool_calls": [("f", {}, 7)]}, TypeError, "tool_calls[0]: the id of a call is a text, not 7"),
    "calls: second": (..., {"tool_calls": [("f", {}), (3, {})]}, TypeError, "tool_calls[1]: the name of a tool is"),
    "calls: other keys": (
        ...,
        {"tool_calls": [{"name": "f", "arguments": {}}]},
        TypeError,
        "tool_calls[0] is {'name': 'f', 'arguments': {}} (dict) and not (name, arguments)",
    ),
    "calls: no JSON": (
        ...,
        {"tool_calls": [("f", {"day": date(2024, 1, 2)})]},
        TypeError,
        "tool_calls[0]: cannot call 'f': args['day'] is datetime.date(2024, 1, 2) (date), and a model writes JSON; "
        "write it as the model would, such as a text",
    ),
    "calls: message": (AIMessage("x"), {"tool_calls": [("f", {})]}, TypeError, "a message brings its own"),
    "calls: error": (TimeoutError(), {"tool_calls": [("f", {})]}, TypeError, "alone or with a text, not with"),
    "chunks: a text": (..., {"chunks": "Paris"}, TypeError, "chunks= is a list of texts, not 'Paris' (str)"),
    "chunks: empty": (..., {"chunks": []}, ValueError, "chunks=[] streams nothing; write chunks=['']"),
    "chunks: a number": (..., {"chunks": ["a", 1]}, TypeError, "chunks[1] is 1 (int) and not a text"),
    "chunks: an error": (..., {"chunks": ["a", KeyError()]}, TypeError, "write chunks=[...], then_raise=KeyError(...)"),
    "chunks: an error's class": (..., {"chunks": [KeyError]}, TypeError, "chunks=[...], then_raise=KeyError(...)"),
    "chunks: a message": (..., {"chunks": [AIMessage("a")]}, TypeError, "or chunks=[AIMessageChunk(...)]"),
    "chunks: and a text": ("a", {"chunks": ["b"]}, TypeError, "either a response or chunks=[...], not both: 'a' (str)"),
    "chunks: no sum": (
        ...,
        {"chunks": [AIMessageChunk("", additional_kwargs={"x": "a"}), AIMessageChunk("", additional_kwargs={"x": 1})]},
        ValueError,
        "langchain_core cannot add up these chunks",
    ),
    "cut_off: alone": (..., {"cut_off": True}, TypeError, "cut_off=True stops a stream after chunks=[...]"),
    "cut_off: and then_raise": (
        ...,
        {"chunks": ["a"], "cut_off": True, "then_raise": KeyError()},
        ValueError,
        "a stream that is cut off raises nothing",
    ),
    "then_raise: alone": (
        ...,
        {"then_raise": KeyError()},
        TypeError,
        "then_raise= comes after chunks=[...], which are",
    ),
    "then_raise: a text": (
        ...,
        {"chunks": ["a"], "then_raise": "x"},
        TypeError,
        "then_raise= is an exception, not 'x' (str); write then_raise=TimeoutError()",
    ),
    "then_raise: the end": (
        ...,
        {"chunks": ["a"], "then_raise": StopIteration},
        TypeError,
        "then_raise= cannot raise StopIteration",
    ),
}


@pytest.mark.parametrize(("value", "options", "kind", "message"), REFUSED_BY_NAME.values(), ids=REFUSED_BY_NAME)
def test_what_is_refused_by_name(value, options, kind, message):
    """
    Impossible tool calls and chunks are refused with the argument's name and the place in it.
    """
    with pytest.raises(kind, match=re.escape(message)):
        read_kind(value, "respond()", **options)


def test_a_pydantic_object_that_is_no_json():
    """
    An object whose fields pydantic cannot write as JSON is refused.
    """

    class Odd(BaseModel):
        thing: Any

    with pytest.raises(TypeError, match="a model writes JSON, and Unable to serialize unknown type"):
        read_kind(Odd(thing=object()), "respond(...)")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Paris", "'Paris'"),
        (AIMessage("Paris"), "'Paris'"),
        (Answer(city="Oslo"), "Answer(city='Oslo', day='2024-01-02')"),
        (TimeoutError(), "raises TimeoutError()"),
        ([{"type": "text", "text": "x"}], "[{'type': 'text', 'text': 'x'}]"),
    ],
    ids=["text", "message", "object", "error", "blocks"],
)
def test_what_a_function_may_return(value, text):
    """
    A function returns what may be scripted, or content blocks.
    """
    assert str(read_returned(value, Function(shout))) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "the scripted function shout returned None; it has to return a response"),
        (later, "the scripted function shout returned later (function); it has to return the response itself"),
        (3, "the scripted function shout: 3 (int) is no response"),
        ([3], "the scripted function shout returned [3] (list); a list has to be one of content blocks"),
        (HumanMessage("hi"), "the scripted function shout: a HumanMessage is no response"),
    ],
    ids=["None", "a function", "a number", "a list", "another message"],
)
def test_what_a_function_may_not_return(value, message):
    """
    A refusal names the function that returned no response, and what it returned.
    """
    with pytest.raises(TypeError, match=re.escape(message)):
        read_returned(value, Function(shout))


def test_functions_without_a_signature():
    """
    A function without a signature, such as some written in C, is accepted.
    """

    class Untold:
        @property
        def __signature__(self):
            raise ValueError("no signature found")

        def __call__(self, messages):
            return "Paris"

    assert FakeChatModel(responses=[Untold()]).invoke("x").content == "Paris"


def test_mocks_are_functions():
    """
    A mock is a function like any other, and is called with the messages.
    """
    mock = Mock(return_value="Paris")

    assert FakeChatModel(responses=[mock]).invoke("x").content == "Paris"
    mock.assert_called_once_with([HumanMessage("x")])


def test_computed_fields_are_not_written():
    """
    An object becomes the fields that a model would write, without computed ones.
    """
    kind = read_kind(Square(side=2, text="1"), "respond()")

    assert isinstance(kind, Data)
    assert kind.fields == {"side": 2, "text": "1"}


def test_async_mocks_answer():
    """
    A mock of an async function is a function like any other.
    """
    mock = AsyncMock(return_value="Paris")

    assert FakeChatModel(responses=[mock]).invoke("x").content == "Paris"
    mock.assert_awaited_once()
