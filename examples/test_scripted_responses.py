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
    """The model gives its responses one after the other, and remembers what it was asked."""
    fake_chat_model.respond("Paris").respond("Oslo")
    chain = ChatPromptTemplate.from_template("The capital of {country}?") | fake_chat_model | StrOutputParser()

    assert chain.batch([{"country": "France"}, {"country": "Norway"}], {"max_concurrency": 1}) == ["Paris", "Oslo"]
    assert fake_chat_model.calls[0].messages == [HumanMessage("The capital of France?")]


def test_it_answers_by_the_question(fake_chat_model):
    """Each rule responds to the prompts that match, whatever their order."""
    fake_chat_model.on("France").respond("Paris")
    fake_chat_model.on("Norway").respond("Oslo")

    assert fake_chat_model.invoke("Capital of Norway?").content == "Oslo"
    assert fake_chat_model.invoke("Capital of France?").content == "Paris"


def test_it_streams(fake_chat_model):
    """A scripted text streams by words, scripted chunks stream as they are."""
    fake_chat_model.respond("Paris is big").respond(chunks=["Par", "is"])

    assert [chunk.content for chunk in fake_chat_model.stream("Tell me.")] == ["Paris", " is", " big"]
    assert [chunk.content for chunk in fake_chat_model.stream("And now?")] == ["Par", "is"]


def test_a_retry(fake_chat_model):
    """An error is a response too, so that a test can see a retry work."""
    fake_chat_model.respond(TimeoutError("slow"), times=2).respond("Paris")
    model = fake_chat_model.with_retry(stop_after_attempt=3, wait_exponential_jitter=False)

    assert model.invoke("The capital of France?").content == "Paris"
    assert fake_chat_model.call_count == 3


def test_structured_output(fake_chat_model):
    """A scripted object comes out of with_structured_output."""
    fake_chat_model.respond(City(name="Oslo", country="Norway"))

    assert fake_chat_model.with_structured_output(City).invoke("Where?") == City(name="Oslo", country="Norway")
