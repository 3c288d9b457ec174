"""Text LLMs are recorded, and their texts are given again where a replay stands in for them."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.language_models import LLM
from langchain_core.outputs import GenerationChunk

from pytest_lc_callbacks import FakeChatModel, FakeChatModelMiss, RecordingHandler
from pytest_lc_callbacks._model_calls import RECORDER, read_calls

pytestmark = pytest.mark.filterwarnings("ignore::pytest_lc_callbacks.CallbackFindingWarning")


class Acme(LLM):
    """A text LLM of a provider's, which answers with the prompt's length."""

    __module__ = "langchain_acme.llms"

    @property
    def _llm_type(self):
        return "acme"

    def _call(self, prompt, stop=None, run_manager=None, **kwargs):
        if prompt == "down":
            raise TimeoutError("down")
        return f"{len(prompt)} characters"

    def _stream(self, prompt, stop=None, run_manager=None, **kwargs):
        for piece in (str(len(prompt)), " characters"):
            chunk = GenerationChunk(text=piece)
            if run_manager:
                run_manager.on_llm_new_token(piece, chunk=chunk)
            yield chunk


async def read(chunks):
    return "".join([chunk async for chunk in chunks])


MODES = {
    "invoke": lambda prompt, config: Acme().invoke(prompt, config),
    "ainvoke": lambda prompt, config: asyncio.run(Acme().ainvoke(prompt, config)),
    "stream": lambda prompt, config: "".join(Acme().stream(prompt, config)),
    "astream": lambda prompt, config: asyncio.run(read(Acme().astream(prompt, config))),
    "batch": lambda prompt, config: Acme().batch([prompt], config)[0],
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "calls.jsonl"


@pytest.fixture
def recording(monkeypatch):
    """The option --lc-callbacks-record."""
    monkeypatch.delenv("CI", raising=False)
    added = RECORDER.begin()
    yield added
    RECORDER.end(added)


@pytest.mark.parametrize("replayed", ["invoke", "astream"])
@pytest.mark.parametrize("recorded", MODES)
def test_a_text_that_a_handler_heard(path, recorded, replayed):
    """
    What was recorded in one mode is answered in any other, with the same events.
    """
    heard, again = RecordingHandler(), RecordingHandler()
    MODES[recorded]("question", {"callbacks": [heard]})
    assert heard.save_model_calls(path) == 1
    assert heard.save_model_calls(path) == 0

    model = FakeChatModel.replay(path)
    with model.stand_in_for(Acme):
        assert MODES[replayed]("question", {"callbacks": [again]}) == "8 characters"
        assert again.where("llm_end").count("llm_end") == 1
        with pytest.raises(FakeChatModelMiss):
            Acme().invoke("another question")
    assert read_calls(path)[0].type == "acme"


def test_an_error_that_a_handler_heard(path):
    """
    An error is given again with its type and text.
    """
    heard = RecordingHandler()
    with pytest.raises(TimeoutError):
        Acme().invoke("down", {"callbacks": [heard]})
    heard.save_model_calls(path)

    with FakeChatModel.replay(path).stand_in_for(Acme), pytest.raises(TimeoutError, match="down"):
        Acme().invoke("down")


@pytest.mark.parametrize("mode", MODES)
def test_the_application_is_asked(path, recording, mode):
    """
    While recording, the application's own text LLM is asked for what is missing, and asked no more afterwards.
    """
    with FakeChatModel.replay(path).stand_in_for(Acme):
        assert MODES[mode]("question", {}) == "8 characters"
    RECORDER.end(recording)

    assert recording.total() == 1
    assert [call.type for call in read_calls(path)] == ["acme"]
    with FakeChatModel.replay(path).stand_in_for(Acme):
        assert MODES[mode]("question", {}) == "8 characters"
