"""assert_nowhere: a text that no handler may see."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import FakeChatModel

SECRET = "4711"


def boom(value):
    """Fail, and say with what."""
    raise ValueError(value)


PROGRAMS = {
    "chat_model_start of FakeChatModel: messages[0][0].content": lambda: FakeChatModel().invoke(f"account {SECRET}"),
    "llm_end of FakeChatModel: response.generations[0][0].text": lambda: FakeChatModel(responses=[SECRET]).invoke("hi"),
    "chain_start of f: inputs.account.number": lambda: RunnableLambda(str, name="f").invoke(
        {"account": {"number": SECRET}}
    ),
    "chain_start of f: inputs.(key)": lambda: RunnableLambda(str, name="f").invoke({SECRET: 1}),
    "chain_start of f: tags[0]": lambda: RunnableLambda(len, name="f").invoke("hi", {"tags": [SECRET]}),
    "chain_start of f: metadata.user": lambda: RunnableLambda(len, name="f").invoke(
        "hi", {"metadata": {"user": SECRET}}
    ),
    "chain_end of f: outputs.content": lambda: RunnableLambda(lambda x: AIMessage(SECRET), name="f").invoke("hi"),
}


@pytest.mark.parametrize("place", PROGRAMS)
def test_the_place_is_named(observer, place):
    """
    The message names the event, the run and the path to the text.
    """
    PROGRAMS[place]()

    first = "^expected '4711' in nothing that handlers are sent, but it stands in "
    with pytest.raises(AssertionError, match=f"(?s){first}.*{re.escape(place)}"):
        observer.assert_nowhere(SECRET)


def test_an_exception_is_looked_at(observer):
    """
    The words of an exception that a run raised are a payload too.
    """
    with pytest.raises(ValueError, match=SECRET):
        RunnableLambda(boom, name="f").invoke(SECRET + "x")
    with pytest.raises(AssertionError, match="chain_error of f: error"):
        observer.assert_nowhere(SECRET)


def test_ids_that_langchain_makes_do_not_count(observer):
    """
    Near miss: the digits of an id or of an address are there by chance.
    """
    made = UUID("01a24711-0000-7000-8000-000000004711")

    RunnableLambda(str, name="f").invoke({"id": str(made), "hex": made.hex, "repr": "<object at 0x47114711>"})

    observer.assert_nowhere(SECRET)


@pytest.mark.parametrize(
    "text",
    [
        "01a24711-0000-7000-8000-000000004711",
        "sig=9f8e7d6c5b4a39281706f5e4d3c2b1a0",
        "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    ],
)
def test_a_text_that_looks_like_an_id_counts(observer, text):
    """
    A text that has the form of an id, or an id inside, is found where the whole of it stands.
    """
    RunnableLambda(str, name="f").invoke(f"for {text}.")

    with pytest.raises(AssertionError, match="chain_start of f: inputs"):
        observer.assert_nowhere(text)


def test_what_is_elsewhere_does_not_count(observer):
    """
    Near miss: a section looks at its own runs alone, and a text that was taken out is nowhere.
    """
    RunnableLambda(len, name="f").invoke(SECRET)

    with observer.section():
        RunnableLambda(len, name="f").invoke("account ****")
        observer.assert_nowhere(SECRET)


def test_a_check_of_nothing_fails(observer):
    """
    Where nothing ran there is nothing to look at; an empty text would stand everywhere.
    """
    with pytest.raises(AssertionError, match="expected runs to look for '4711' in, but none began in the block"):
        observer.assert_nowhere(SECRET)
    with pytest.raises(ValueError, match="an empty one stands everywhere"):
        observer.assert_nowhere("")
    with pytest.raises(TypeError, match="takes a text, not 4711"):
        observer.assert_nowhere(4711)


def test_strange_values_hurt_nobody(observer):
    """
    What holds itself, is deep, or raises when it is asked is looked at as far as it goes.
    """

    class Broken:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    circular: list[object] = [Broken()]
    circular.append(circular)
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]

    RunnableLambda(lambda x: 1, name="f").invoke({"circular": circular, "deep": deep, "stream": iter("4711")})

    observer.assert_nowhere(SECRET)
