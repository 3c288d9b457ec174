"""Every way to call a model; each function gives the whole message."""

from __future__ import annotations

import asyncio
import functools
import operator

import pytest


def total(chunks):
    return functools.reduce(operator.add, chunks)


def invoke(model, prompt="x", config=None):
    return model.invoke(prompt, config)


def ainvoke(model, prompt="x", config=None):
    return asyncio.run(model.ainvoke(prompt, config))


def stream(model, prompt="x", config=None):
    return total(model.stream(prompt, config))


def astream(model, prompt="x", config=None):
    async def read():
        return total([chunk async for chunk in model.astream(prompt, config)])

    return asyncio.run(read())


def batch(model, prompt="x", config=None):
    [answer] = model.batch([prompt], config)
    return answer


def abatch(model, prompt="x", config=None):
    [answer] = asyncio.run(model.abatch([prompt], config))
    return answer


def astream_events(model, prompt="x", config=None):
    async def read():
        return [event async for event in model.astream_events(prompt, config, version="v2")][-1]["data"]["output"]

    return asyncio.run(read())


MODES = [invoke, ainvoke, stream, astream, batch, abatch, astream_events]
every_mode = pytest.mark.parametrize("ask", MODES)
