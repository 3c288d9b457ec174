"""Async v3 streams of chat models that are read as they should be: no finding, however their event loop ends."""

from __future__ import annotations

import asyncio

import pytest
from healthy import forever, model
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

from pytest_lc_callbacks import FakeChatModel

pytestmark = [
    pytest.mark.lc_callbacks,
    pytest.mark.skipif(not hasattr(FakeChatModel, "stream_events"), reason="langchain-core 1.4 brought it"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]


class Inline(BaseCallbackHandler):
    """What LangChain's tracers are like."""

    run_inline = True


@pytest.mark.parametrize("handlers", [[], [Inline()]], ids=["alone", "beside an inline handler"])
def test_events_of_a_chat_model(handlers):
    """
    A loop that closes at once cancels the run after its last event, and then it may end twice.
    """

    async def read():
        stream = await model().astream_events("x", version="v3", config={"callbacks": handlers})
        return [event async for event in stream]

    asyncio.run(read())


class TellingForever(AsyncCallbackHandler):
    """LangChain waits for it before it tells the others."""

    run_inline = True

    async def on_llm_error(self, error, **kwargs):
        await forever()


@pytest.mark.lc_callbacks(unfinished_run="error")
def test_events_of_a_chat_model_that_fails():
    """
    The program gets the exception before LangChain tells handlers of it, and a loop that closes at once stops that.
    """

    async def read():
        failing = FakeChatModel(responses=[ValueError("down")], callbacks=[TellingForever()])
        async with await failing.astream_events("x", version="v3") as stream:
            async for _ in stream:
                pass

    with pytest.raises(ValueError, match="down"):
        asyncio.run(read())
