"""The fields of a model, and where they show."""

from __future__ import annotations

import pytest
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage, ToolMessage
from pydantic import BaseModel

from pytest_lc_callbacks import FakeChatModel, RecordingHandler

# These tests leave scripts over on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_lc_callbacks.CallbackFindingWarning")


class Answer(BaseModel):
    city: str


def test_the_script_shows_nowhere():
    """
    Script and calls show neither in repr nor in what LangChain serializes, dumps or keys a cache with.
    """
    handler = RecordingHandler()
    model = FakeChatModel(responses=["a secret answer", "b"], api_key="sk-secret", callbacks=[handler])
    model.invoke("a secret prompt")
    key = model._get_llm_string()

    shown = [repr(model), str(model), str(model.model_dump()), model.model_dump_json(), dumps(model), key]
    shown.append(str(handler.one("chat_model_start").payload["serialized"]))

    assert not [text for text in shown if "secret" in text]
    model.invoke("x")
    assert model._get_llm_string() == key == FakeChatModel(responses=["other"])._get_llm_string()


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (FakeChatModel(), "<FakeChatModel: unscripted, 0 calls>"),
        (FakeChatModel().auto(), "<FakeChatModel: auto, 0 calls>"),
        (FakeChatModel(responses=["a", "b"]), "<FakeChatModel: 2 scripted left, 0 calls>"),
        (
            FakeChatModel(responses=["a"]).respond("b", always=True),
            "<FakeChatModel: 1 scripted left, one without end, 0 calls>",
        ),
    ],
    ids=["unscripted", "auto", "scripted", "always"],
)
def test_repr(model, text):
    """
    The repr of a model says how many responses are left and how many calls there were.
    """
    assert repr(model) == str(model) == text


def test_serialized_is_the_same_on_every_call():
    """
    `serialized` is the same on every call: it has no number of calls in it.
    """
    handler = RecordingHandler()
    model = FakeChatModel(callbacks=[handler])
    model.invoke("x")
    FakeChatModel(callbacks=[handler]).invoke("x")
    first, second = (event.payload["serialized"] for event in handler.where("chat_model_start").events)

    assert first == second
    assert first["repr"] == "FakeChatModel(model_name='fake-chat-model')"


def test_langsmith_metadata():
    """
    The run's metadata names the provider, the model and its settings.
    """
    handler = RecordingHandler()
    FakeChatModel(callbacks=[handler], model="m", temperature=0.5, max_tokens=7, stop=["END"]).invoke("x")
    metadata = handler.one("chat_model_start").metadata

    assert {key: metadata[key] for key in metadata if key.startswith("ls_") and key != "ls_integration"} == {
        "ls_provider": "fake",
        "ls_model_type": "chat",
        "ls_model_name": "m",
        "ls_temperature": 0.5,
        "ls_max_tokens": 7,
        "ls_stop": ["END"],
    }


def test_drop_in_arguments():
    """
    `FakeChatModel` takes the arguments that chat models commonly take.
    """
    model = FakeChatModel(model="gpt-x", temperature=0, max_tokens=5, timeout=3, max_retries=2, api_key="k", stop=["a"])

    assert (model.model_name, model.temperature, model.api_key.get_secret_value()) == ("gpt-x", 0, "k")
    assert model.model == "gpt-x"


def test_subclasses():
    """
    A subclass may add fields, and still refuses unknown arguments.
    """

    class Mine(FakeChatModel):
        team: str = "none"

    assert Mine(team="blue", responses=["a"]).invoke("x").content == "a"
    with pytest.raises(TypeError, match=r"Mine\(\) takes no argument 'teem' \(did you mean 'team'\?\)"):
        Mine(teem="blue")


def test_counting_tokens_is_local():
    """
    Counting tokens downloads no tokenizer.
    """
    model = FakeChatModel()

    assert model.get_num_tokens("12345678") == 2
    assert model.get_num_tokens_from_messages([HumanMessage("12345678"), ToolMessage("1", tool_call_id="1")]) == 3


def test_model_override():
    """
    A model name that is given with the call is the one in the metadata.
    """
    handler = RecordingHandler()
    answer = FakeChatModel(callbacks=[handler]).invoke("x", model="fake-2")

    assert answer.response_metadata["model_name"] == "fake-2"
    assert handler.one("chat_model_start").metadata["ls_model_name"] == "fake-2"
