"""An application's subclass of a real model that does not ask the fake which stands in."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.language_models import FakeListChatModel

from pytest_lc_callbacks import FakeChatModel

HINT = "write stand_in_for(Support)."


class AcmeChat(FakeListChatModel):
    """A model of a provider's."""

    __module__ = "langchain_acme.models"


class Support(AcmeChat):
    """A model of an application's, which has a way of its own to ask."""

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        if messages[-1].content == "through super":
            return super()._generate(messages, stop, run_manager, **kwargs)
        raise ConnectionError("no route")

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        return self._generate(messages, stop, run_manager, **kwargs)

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        if messages[-1].content == "through super":
            yield from super()._stream(messages, stop, run_manager, **kwargs)
            return
        raise ConnectionError("no route")

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        for chunk in self._stream(messages, stop, run_manager, **kwargs):
            yield chunk


async def read(chunks):
    return [chunk async for chunk in chunks]


MODES = {
    "_generate": lambda model, prompt: model.invoke(prompt),
    "_agenerate": lambda model, prompt: asyncio.run(model.ainvoke(prompt)),
    "_stream": lambda model, prompt: list(model.stream(prompt)),
    "_astream": lambda model, prompt: asyncio.run(read(model.astream(prompt))),
}


@pytest.fixture(params=[(), (AcmeChat,)], ids=["all", "named"])
def fake(request):
    fake = FakeChatModel().respond("Certainly.", always=True)
    with fake.stand_in_for(*request.param):
        yield fake


@pytest.mark.parametrize("method", MODES)
def test_a_method_that_raises(fake, method):
    """
    The exception of a method that did not ask the fake has a note with what to write.
    """
    with pytest.raises(ConnectionError) as caught:
        MODES[method](Support(responses=[]), "hi")

    assert [note for note in caught.value.__notes__ if HINT in note][-1].startswith(f"Support.{method} (")
    assert any(words.startswith(f"Support.{method} (") for words in fake.script.passed_by)


@pytest.mark.parametrize("method", MODES)
def test_a_method_that_asks(fake, method):
    """
    A method that reaches the fake by `super()` is not told of.
    """
    MODES[method](Support(responses=[]), "through super")

    assert len(fake.calls) == 1
    assert not fake.script.passed_by


def test_a_class_that_is_named():
    """
    Where the subclass itself is named, its methods are replaced.
    """
    fake = FakeChatModel().respond("Certainly.", always=True)
    with fake.stand_in_for(AcmeChat, Support):
        assert Support(responses=[]).invoke("hi").content == "Certainly."

    assert not fake.script.passed_by


def test_afterwards():
    """
    After the stand-in the subclass has its own methods again.
    """
    before = {name: vars(Support)[name] for name in MODES}
    with FakeChatModel().stand_in_for(AcmeChat):
        assert {name: vars(Support)[name] for name in MODES} != before

    assert {name: vars(Support)[name] for name in MODES} == before
