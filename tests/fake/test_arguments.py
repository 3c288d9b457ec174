"""The arguments of FakeChatModel and respond(): what they refuse."""

from __future__ import annotations

import re
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from pytest_lc_callbacks._fake.model import FakeChatModel


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"response": ["a"]}, "FakeChatModel() takes no argument 'response' (did you mean 'responses'?)"),
        ({"messages": iter(["a"])}, "FakeChatModel() takes no argument 'messages'; write responses=[...]"),
        ({"sleep": 1}, "FakeChatModel() takes no argument 'sleep'; write latency=, or chunk_latency= for the time"),
        (
            {"error_on_chunk_number": 1},
            "FakeChatModel() takes no argument 'error_on_chunk_number'; write .respond(chunks=[...], then_raise=",
        ),
        ({"callback": []}, "FakeChatModel() takes no argument 'callback' (did you mean 'callbacks'?)"),
        ({"responses": "Paris"}, "responses= is a list of responses, not str; write responses=['Paris', 'Rome']"),
        ({"responses": iter(["a"])}, "responses= is a list of responses, not list_iterator; write responses=list(...)"),
        ({"responses": {"a": "b"}}, "responses= is a list of responses, not dict"),
        ({"responses": AIMessage("a")}, "responses= is a list of responses, not AIMessage"),
        ({"responses": ["a", 3]}, "responses[1]: 3 (int) is no response"),
        ({"responses": ["a", ["b"]]}, "responses[1]: ['b'] (list) is no response"),
    ],
    ids="response messages sleep error_on_chunk_number callback text iterator dict message number list".split(),
)
def test_what_the_constructor_refuses(fields, message):
    """
    An argument that the model does not have, or a response it could not give, is refused with its name or place.
    """
    with pytest.raises(TypeError, match=re.escape(message)):
        FakeChatModel(**fields)


@pytest.mark.parametrize("provider", ["gemini", "OpenAI", "", ["openai"]], ids=str)
def test_unknown_providers(provider):
    """
    An unknown provider is refused with the known ones.
    """
    with pytest.raises(ValueError, match=f"provider= is 'anthropic' or 'openai', not {re.escape(repr(provider))}"):
        FakeChatModel(provider=provider)


def test_a_provider_that_always_reports_usage():
    """
    Anthropic's API reports usage always, so that its integration never gives None.
    """
    with pytest.raises(ValueError, match="usage=False: Anthropic's API always reports usage"):
        FakeChatModel(provider="anthropic", usage=False)


REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = {
    "nothing": ((), {}, TypeError, "respond(): there is no response; write what the model says"),
    "times of zero": (("a",), {"times": 0}, ValueError, "respond(...): times=0 would never give the response"),
    "negative times": (("a",), {"times": -1}, ValueError, "times=-1 would never give the response"),
    "times as a text": (("a",), {"times": "2"}, TypeError, "times= is a number of calls, not '2'"),
    "times as a truth": (("a",), {"times": True}, TypeError, "times= is a number of calls, not True"),
    "times and always": (
        ("a",),
        {"times": 2, "always": True},
        ValueError,
        "always=True gives the response without",
    ),
    "times of several": (
        ("a", "b"),
        {"times": 2},
        TypeError,
        "times=2 is for one response, not for 2; write one .respond",
    ),
    "always several": (("a", "b"), {"always": True}, TypeError, "always=True is for one response, not for 2"),
    "calls of several": (("a", "b"), {"tool_calls": [("f", {})]}, TypeError, "for one response, not for 2"),
    "negative latency": (("a",), {"latency": -1}, ValueError, "latency= is a number of seconds from 0 on, not -1"),
    "latency as a text": (("a",), {"latency": "1s"}, ValueError, "latency= is a number of seconds from 0 on, not '1s'"),
    "endless latency": (("a",), {"chunk_latency": float("inf")}, ValueError, "chunk_latency= is a number of seconds"),
}


@pytest.mark.parametrize(("responses", "options", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_respond_refuses(responses, options, kind, message):
    """
    Options that contradict each other, or could never take effect, are refused with their name and value.
    """
    with pytest.raises(kind, match=re.escape(message)):
        FakeChatModel().respond(*responses, **options)


@pytest.mark.parametrize("flag", ["always", "optional", "check_tools", "cut_off"])
def test_flags(flag):
    """
    A flag is True or False; a text would count as True, whatever it says.
    """
    with pytest.raises(TypeError, match=re.escape(f"respond(...): {flag}= is True or False, not 'no'")):
        FakeChatModel().respond("a", **{flag: "no"})


@pytest.mark.parametrize("name", ["latency", "chunk_latency"])
@pytest.mark.parametrize("value", [-1, float("inf"), float("nan"), "1s"], ids=str)
def test_the_latency_of_a_model(name, value):
    """
    A latency that no call could wait for is refused by the constructor too.
    """
    with pytest.raises(ValueError, match=re.escape(f"FakeChatModel(): {name}= is a number of seconds from 0 on, not")):
        FakeChatModel(**{name: value})


def test_a_refused_response_is_not_scripted():
    """
    A `respond` that is refused scripts none of its responses.
    """
    model = FakeChatModel()
    with pytest.raises(TypeError, match=re.escape("respond(...): 3 (int) is no response")):
        model.respond("a", 3)

    assert repr(model) == "<FakeChatModel: unscripted, 0 calls>"
