"""Call: what a model was asked, and what came of it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from call_modes import ainvoke, astream, batch, invoke, stream
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.messages.tool import tool_call

from pytest_lc_callbacks import FakeChatModel


def search(query: str, limit: int = 3) -> str:
    """Search the web."""


def test_calls():
    """
    A call tells what the model was asked, how, and what it answered.
    """
    model = FakeChatModel(responses=["a", "b"], stop=["END"])
    bound = model.bind_tools([search], tool_choice="auto", seed=7)

    bound.invoke([SystemMessage("Be kind."), HumanMessage("hi")], stop=["###"])
    list(bound.stream("hello"))
    first, second = model.calls

    assert (first.number, first.mode, first.stop, first.options) == (1, "invoke", ["###"], {"seed": 7})
    assert [message.content for message in first.messages] == ["Be kind.", "hi"]
    assert [tool["function"]["name"] for tool in first.tools] == ["search"]
    assert first.tool_choice == "auto"
    assert first.response.content == "a"
    assert (second.mode, second.stop, second.response.content) == ("stream", ["END"], "b")
    assert model.last_call is second
    assert model.call_count == 2


@pytest.mark.parametrize(
    ("ask", "mode"),
    [(invoke, "invoke"), (ainvoke, "ainvoke"), (stream, "stream"), (astream, "astream"), (batch, "invoke")],
)
def test_the_mode_of_a_call(ask, mode):
    """
    A call knows how LangChain asked.
    """
    model = FakeChatModel()
    ask(model)

    assert model.last_call.mode == mode


def test_calls_keep_the_prompt_as_it_was():
    """
    A prompt that is changed after the call does not change the record of the call.
    """
    model = FakeChatModel()
    prompt = [
        HumanMessage([{"type": "text", "text": "hi"}]),
        AIMessage("", tool_calls=[tool_call(name="search", args={"q": "x"}, id="call-0")]),
    ]
    model.invoke(prompt)

    prompt[0].content[0]["text"] = "changed"
    prompt[0].content = "changed"
    prompt[1].tool_calls[0]["args"]["q"] = "changed"
    prompt.append(HumanMessage("more"))

    assert model.calls[0].messages[0].content == [{"type": "text", "text": "hi"}]
    assert model.calls[0].messages[1].tool_calls[0]["args"] == {"q": "x"}
    assert len(model.calls[0].messages) == 2


def test_no_call_yet():
    """
    `last_call` raises a LookupError if the model was not called.
    """
    with pytest.raises(LookupError, match="has not been called"):
        _ = FakeChatModel().last_call


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (FakeChatModel(responses=["Hello!"]), "<Call 1: invoke 'Hi.' -> 'Hello!'>"),
        (FakeChatModel().respond(tool_calls=[("f", {"x": 1})]), "<Call 1: invoke 'Hi.' -> tool call f(x=1)>"),
        (FakeChatModel().respond(TimeoutError()), "<Call 1: invoke 'Hi.' -> raised TimeoutError>"),
    ],
    ids=["text", "tool call", "error"],
)
def test_the_repr_of_a_call(model, shown):
    """
    The repr of a call says what was asked and what came of it.
    """
    with suppress(TimeoutError):
        model.invoke("Hi.")

    assert repr(model.calls[0]) == shown
