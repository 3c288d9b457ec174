"""The file of recorded calls: what is wrong with one is said with its line, and nothing in it is changed."""

from __future__ import annotations

import re

import pytest

from pytest_lc_callbacks import FakeChatModel, RecordingHandler
from pytest_lc_callbacks._model_calls import ModelCallsError, read_calls

pytestmark = pytest.mark.filterwarnings("ignore::pytest_lc_callbacks.CallbackFindingWarning")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "calls.jsonl"


def invoke(model, prompt="The capital of France?"):
    return model.invoke(prompt)


def record(path, act):
    """Record what *act* asks of a model."""
    handler = RecordingHandler()
    act(FakeChatModel(callbacks=[handler]).respond("Paris", always=True))
    assert handler.save_model_calls(path) > 0


BROKEN: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "line 1: expected a line of JSON, but"),
    "a list": ("[]", "line 1: expected a recorded model call, but it is a list"),
    "version": ('{"version": 2}', "line 1: expected a recorded model call, but its version is 2, and 1 is understood"),
    "no answer": ('\n{"version": 1}', "line 2: expected a recorded model call, but 'answer' is missing"),
    "an answer that is none": (
        '{"version": 1, "answer": {}, "model": "a", "type": "a", "request": {"messages": []}}',
        "its answer has no message, chunks or error",
    ),
    "a request that is none": (
        '{"version": 1, "answer": {"error": {}}, "model": "a", "type": "a", "request": {}}',
        "its request has no messages",
    ),
    "model": ('{"version": 1, "answer": {}, "model": 3, "type": "a", "request": {}}', "'model' is no str"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_files(path, text, message):
    """
    A broken file is an error that names line and reason, and nothing is added to it.
    """
    path.write_text(text, "utf-8")
    with pytest.raises(ModelCallsError, match=re.escape(message)):
        FakeChatModel.replay(path)
    handler = RecordingHandler()
    invoke(FakeChatModel(responses=["a"], callbacks=[handler]))
    with pytest.raises(ModelCallsError, match=re.escape(message)):
        handler.save_model_calls(path)

    assert path.read_text("utf-8") == text


def test_files_that_cannot_be_read(tmp_path):
    """
    So is one that is missing, a folder, or no UTF-8.
    """
    tmp_path.joinpath("latin.jsonl").write_bytes(b"\xff\xfe")
    for name in ("missing.jsonl", ".", "latin.jsonl"):
        with pytest.raises(ModelCallsError, match="cannot read recorded model calls"):
            FakeChatModel.replay(tmp_path / name)


def test_a_file_without_a_last_line_end(path):
    """
    A file that an editor left without a line end is added to on a line of its own.
    """
    record(path, invoke)
    path.write_text(path.read_text("utf-8").rstrip("\n"), "utf-8")
    record(path, lambda model: model.invoke("another"))

    assert [call.line for call in read_calls(path)] == [1, 2]
