"""Programs that do nothing wrong: what the tests of them share."""

from __future__ import annotations

import asyncio
from queue import SimpleQueue

from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from pytest_lc_callbacks import FakeChatModel


def model(**fields):
    """A model that has something to stream, and no script to use up."""
    return FakeChatModel(**fields)


def chain(llm=None):
    """Three runs under one."""
    return ChatPromptTemplate.from_template("{x}") | (llm or model()) | StrOutputParser()


# What nobody refers to is garbage, a task that waits for it included.
never: list[asyncio.Event] = []


async def forever():
    """Wait for what does not come."""
    never.append(asyncio.Event())
    await never[-1].wait()


class Waiting(FakeListChatModel):
    """A model that never answers, and says when it was asked."""

    responses: list[str] = ["never"]  # noqa: RUF012  # a pydantic field

    async def _agenerate(self, *args, **kwargs):
        asked.get_nowait().set()
        await forever()

    async def _astream(self, *args, **kwargs):
        async for chunk in super()._astream(*args, **kwargs):
            yield chunk
            asked.get_nowait().set()
            await forever()


# The events of those who wait to be asked.
asked: SimpleQueue[asyncio.Event] = SimpleQueue()


def boom(value):
    """Fail."""
    raise ValueError(value)
