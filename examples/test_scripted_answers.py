"""
A chat model that answers what the test says.

The fixture `fake_chat_model` is a real LangChain chat model, so chains, handlers and streams treat it like any other.
"""

from __future__ import annotations

from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str
    country: str


def test_it_answers_what_it_is_told(fake_chat_model):
    """A script is given out one answer after the other, and the model remembers what it was asked."""
    fake_chat_model.respond("Paris").respond("Oslo")
    chain = ChatPromptTemplate.from_template("The capital of {country}?") | fake_chat_model | StrOutputParser()

    assert chain.batch([{"country": "France"}, {"country": "Norway"}], {"max_concurrency": 1}) == ["Paris", "Oslo"]
    assert fake_chat_model.calls[0].messages == [HumanMessage("The capital of France?")]


def test_it_answers_by_the_question(fake_chat_model):
    """A rule answers the prompts that match, in whatever order they come."""
    fake_chat_model.on("France").respond("Paris")
    fake_chat_model.on("Norway").respond("Oslo")

    assert fake_chat_model.invoke("Capital of Norway?").content == "Oslo"
    assert fake_chat_model.invoke("Capital of France?").content == "Paris"


def test_it_streams(fake_chat_model):
    """The chunks of a stream are those of the script, or words."""
    fake_chat_model.respond("Paris is big").respond(chunks=["Par", "is"])

    assert [chunk.content for chunk in fake_chat_model.stream("Tell me.")] == ["Paris", " is", " big"]
    assert [chunk.content for chunk in fake_chat_model.stream("And now?")] == ["Par", "is"]


def test_a_retry(fake_chat_model):
    """An error is scripted like an answer, so a retry can be seen to work."""
    fake_chat_model.respond(TimeoutError("slow"), times=2).respond("Paris")
    model = fake_chat_model.with_retry(stop_after_attempt=3, wait_exponential_jitter=False)

    assert model.invoke("The capital of France?").content == "Paris"
    assert fake_chat_model.call_count == 3


def test_structured_output(fake_chat_model):
    """An object is scripted as itself."""
    fake_chat_model.respond(City(name="Oslo", country="Norway"))

    assert fake_chat_model.with_structured_output(City).invoke("Where?") == City(name="Oslo", country="Norway")
