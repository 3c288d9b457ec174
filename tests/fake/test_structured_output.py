"""with_structured_output: every kind of schema, by a tool call and by JSON text."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from pydantic import BaseModel
from typing_extensions import TypedDict

from pytest_lc_callbacks._fake.model import FakeChatModel


class Answer(BaseModel):
    """The answer."""

    city: str


class Typed(TypedDict):
    """The answer."""

    city: str


SCHEMAS: dict[str, Any] = {"pydantic": Answer, "typed dict": Typed, "JSON schema": Answer.model_json_schema()}
every_schema = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
every_method = pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode", None])
every_provider = pytest.mark.parametrize("provider", [None, "anthropic", "openai"])


def plain(value):
    return value.model_dump() if isinstance(value, BaseModel) else value


@every_schema
@every_method
@every_provider
@pytest.mark.parametrize("value", [Answer(city="Oslo"), {"city": "Oslo"}], ids=["object", "dict"])
def test_objects(schema, method, provider, value):
    """
    A scripted object or dict comes out, whatever the schema, the method and the provider.
    """
    chain = FakeChatModel(provider=provider).respond(value, times=2).with_structured_output(schema, method=method)

    assert plain(chain.invoke("x")) == {"city": "Oslo"}
    assert plain(list(chain.stream("x"))[-1]) == {"city": "Oslo"}
    assert isinstance(FakeChatModel(responses=[value]).with_structured_output(Answer).invoke("x"), Answer)


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_json_text(method):
    """
    Where JSON text is asked for, it may be scripted as such.
    """
    chain = FakeChatModel(responses=['{"city": "Oslo"}']).with_structured_output(Answer, method=method)

    assert chain.invoke("x") == Answer(city="Oslo")


def test_tool_calls():
    """
    Where a tool call is asked for, it may be scripted as such.
    """
    model = FakeChatModel().respond(tool_calls=[("Answer", {"city": "Oslo"})])

    assert model.with_structured_output(Answer).invoke("x") == Answer(city="Oslo")


def test_a_text_where_a_tool_call_is_asked_for():
    """
    A text instead of the demanded tool call is refused; LangChain's parser would give None.
    """
    chain = FakeChatModel(responses=['{"city": "Oslo"}']).with_structured_output(Answer)

    with pytest.raises(
        ValueError, match="expected a call of 'Answer', which the tool choice demands, but the script sa"
    ):
        chain.invoke("x")


def test_an_object_that_does_not_fit():
    """
    An object of another schema is refused with what the schema takes.
    """
    chain = FakeChatModel(responses=[{"town": "Oslo"}]).with_structured_output(Answer)

    with pytest.raises(
        ValueError, match="'city' is missing\n  scripted: Answer\\(town='Oslo'\\)\n  the tool takes: city"
    ):
        chain.invoke("x")


@every_method
def test_include_raw(method):
    """
    include_raw gives the message beside the object, and the error of the parser in place of an object.
    """
    model = FakeChatModel().respond(Answer(city="Oslo"))
    model.respond(AIMessage("no"), check_tools=False).respond({"town": "x"}, check_tools=False)
    chain = model.with_structured_output(Answer, include_raw=True, method=method)

    good, none, bad = (chain.invoke("x") for _ in range(3))

    assert (good["parsed"], good["parsing_error"]) == (Answer(city="Oslo"), None)
    assert isinstance(good["raw"], AIMessage)
    assert none["parsed"] is None
    assert bad["parsed"] is None
    assert bad["parsing_error"] is not None


def test_bad_json_text():
    """
    JSON text that does not fit fails in LangChain's parser, as it does with a provider.
    """
    chain = FakeChatModel(responses=["{}"]).with_structured_output(Answer, method="json_mode")

    with pytest.raises(OutputParserException):
        chain.invoke("x")


def test_unknown_methods():
    """
    An unknown method is refused with the known ones.
    """
    with pytest.raises(ValueError, match="method= is one of function_calling, json_schema, json_mode, not 'tools'"):
        FakeChatModel().with_structured_output(Answer, method="tools")


@pytest.mark.parametrize(
    ("provider", "asks_for"),
    [(None, "tool_choice"), ("anthropic", "tool_choice"), ("openai", "response_format")],
)
def test_the_method_of_a_provider(provider, asks_for):
    """
    Without `method`, structured output uses the default of the provider's integration.
    """
    model = FakeChatModel(provider=provider).auto()
    model.with_structured_output(Answer).invoke("x")

    assert (model.last_call.tool_choice is not None) == (asks_for == "tool_choice")
    assert ("response_format" in model.last_call.options) == (asks_for == "response_format")
