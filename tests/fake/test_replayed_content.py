"""Replayed requests whose messages hold blocks of content: images, files, and what the Responses API makes."""

from __future__ import annotations

import re

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.content import create_image_block, create_text_block

from pytest_lc_callbacks import FakeChatModel, FakeChatModelMiss, RecordingHandler

pytestmark = pytest.mark.filterwarnings("ignore::pytest_lc_callbacks.CallbackFindingWarning")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "calls.jsonl"


def record(path, act, model=None):
    """Record what *act* asks of a scripted model."""
    handler = RecordingHandler()
    model = model or FakeChatModel().respond("Paris", always=True)
    act(model.model_copy(update={"callbacks": [handler]}))
    assert handler.save_model_calls(path) > 0


def test_ids_of_blocks(path):
    """
    Blocks of content are recorded without their ids, and found again when they have others.
    """
    answer = [
        {"type": "reasoning", "id": "rs_7", "summary": []},
        {"type": "text", "id": "msg_7", "text": "Paris", "annotations": []},
    ]

    def ask(model):
        question = HumanMessage([create_text_block("France?"), create_image_block(url="http://x/map.png")])
        said = model.invoke([question])
        return said, model.invoke([question, said, HumanMessage("And Norway?")])

    record(path, ask, FakeChatModel().respond(AIMessage(answer)).respond("Oslo"))
    text = path.read_text("utf-8")
    model = FakeChatModel.replay(path)
    said, last = ask(model)

    assert not re.search("rs_7|msg_7|lc_", text)
    assert [block["type"] for block in said.content] == ["reasoning", "text"]
    assert (said.text, last.content) == ("Paris", "Oslo")
    assert model.script.unused_recordings == []


def test_ids_of_what_was_uploaded(path):
    """
    An upload is asked for by its id: another one is another request.
    """

    def ask(model, identity):
        return model.invoke([HumanMessage([{"type": "file", "source_type": "id", "id": identity}])])

    record(path, lambda model: ask(model, "file-1"), FakeChatModel().respond("a report"))

    assert ask(FakeChatModel.replay(path), "file-1").content == "a report"
    with pytest.raises(FakeChatModelMiss):
        ask(FakeChatModel.replay(path), "file-2")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "url": "http://x/map.png"},
        {"type": "image", "base64": "AAAA", "mime_type": "image/png"},
        {"type": "image", "source_type": "base64", "data": "AAAA", "mime_type": "image/png"},
        {"type": "image_url", "image_url": {"url": "http://x/map.png", "detail": "low"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "a provider's own", "x": 1},
    ],
    ids=lambda block: "-".join(map(str, block)),
)
def test_images_and_files(path, block):
    """
    Images, files and sounds are found again, in whichever form handlers were sent them.
    """
    question = {"type": "text", "text": "What is this?"}
    record(path, lambda model: model.invoke([HumanMessage([question, block])]))

    assert FakeChatModel.replay(path).invoke([HumanMessage([question, block])]).content == "Paris"
    with pytest.raises(FakeChatModelMiss):
        FakeChatModel.replay(path).invoke([HumanMessage([question])])
