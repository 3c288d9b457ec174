"""Payloads of a fake and of a real integration, compared key by key."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import Generation, LLMResult
from pydantic import BaseModel

from pytest_lc_callbacks import RecordingHandler

PROMPT = [SystemMessage("You are helpful."), HumanMessage("What is the capital of France?")]
# What the two sides cannot have in common: when and where they ran, which versions, and what is counted up.
INCIDENTAL = {"lc_versions", "headers", "anthropic_api_url", "openai_api_base"}
IDENTITIES = {"id", "system_fingerprint"}


class Answer(BaseModel):
    """The answer."""

    city: str


def search(query: str, limit: int = 3) -> str:
    """Search the web."""


def book(city: str) -> str:
    """Book a trip."""


def invoke(model, config):
    model.invoke(PROMPT, config)


def stream(model, config):
    for _ in model.stream(PROMPT, config):
        pass


def ainvoke(model, config):
    asyncio.run(model.ainvoke(PROMPT, config))


def astream(model, config):
    async def read():
        async for _ in model.astream(PROMPT, config):
            pass

    asyncio.run(read())


MODES = [invoke, stream, ainvoke, astream]


def plain(value: Any, key: str = "") -> Any:
    """*value* as plain data, without what differs from run to run."""
    if isinstance(value, dict):
        return {k: plain(v, k) for k, v in value.items() if k not in INCIDENTAL}
    if isinstance(value, BaseMessage):
        return plain(value.model_dump())
    if isinstance(value, Generation):
        return plain({name: getattr(value, name) for name in type(value).model_fields})
    if isinstance(value, LLMResult):
        return plain({"generations": value.generations, "llm_output": value.llm_output})
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, BaseException):
        return [type(value).__name__, str(value)]
    return f"<{key}>" if key in IDENTITIES and isinstance(value, str) else value


def events(act, model) -> list[Any]:
    handler = RecordingHandler()
    act(model, {"callbacks": [handler]})
    return [(event.name, plain(event.payload)) for event in handler.events]


def assert_same(fake_events, real_events):
    """Both sides sent the same events with the same payloads; the error lists each key that differs."""
    assert [name for name, _ in fake_events] == [name for name, _ in real_events]
    differ = [
        f"{name}{difference}"
        for (name, ours), (_, theirs) in zip(fake_events, real_events, strict=True)
        for difference in differences(ours, theirs)
    ]
    assert_no_difference(differ)


def assert_no_difference(differ):
    if differ:
        raise AssertionError("\n".join(["the fake and the real integration differ:", *dict.fromkeys(differ)]))


def differences(ours, theirs, path: str = "") -> list[str]:
    """Each key and each value that one side has and the other has not."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        missing = [f"{path}.{key}: only in {'the fake' if key in ours else 'the real'}" for key in ours.keys() ^ theirs]
        return missing + [
            d for key in ours.keys() & theirs for d in differences(ours[key], theirs[key], f"{path}.{key}")
        ]
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)) and len(ours) == len(theirs):
        return [d for i, pair in enumerate(zip(ours, theirs, strict=True)) for d in differences(*pair, f"{path}[{i}]")]
    return [] if ours == theirs else [f"{path}: {ours!r} in the fake, {theirs!r} in the real"]
