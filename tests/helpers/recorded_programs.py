"""
Programs that ask a real model, for a recording and its replay in another process.

``python recorded_programs.py openai calls.jsonl`` replays the recording of all programs where no server is, and prints
what the handler heard of each, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from langchain_core.tools import tool
from provider_payloads import PROMPT, plain
from pydantic import BaseModel

from pytest_lc_callbacks import FakeChatModel, RecordingHandler

DEFAULTS: dict[str, dict[str, Any]] = {
    "anthropic": {"model": "claude-sonnet-4-6"},
    "openai": {"model": "gpt-4.1-mini", "stream_usage": True},
}


class Answer(BaseModel):
    """The answer."""

    city: str


@tool
def weather(city: str) -> str:
    """Look up the weather."""
    return f"sunny in {city}"


def model_class(provider: str) -> Any:
    """The class of the real model."""
    if provider == "openai":
        from langchain_openai import ChatOpenAI

        return ChatOpenAI
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic


def invoke(model, config, prompt):
    model.invoke(prompt, config)


def stream(model, config, prompt):
    for _ in model.stream(prompt, config):
        pass


def ainvoke(model, config, prompt):
    asyncio.run(model.ainvoke(prompt, config))


def astream(model, config, prompt):
    async def read():
        async for _ in model.astream(prompt, config):
            pass

    asyncio.run(read())


def stream_events(model, config, prompt):
    for _ in model.stream_events(prompt, config, version="v3"):
        pass


MODES = [invoke, stream, ainvoke, astream, stream_events]


def agent(model, config):
    from langchain.agents import create_agent

    create_agent(model, [weather]).invoke({"messages": PROMPT}, config)


def programs(server: Any = None) -> dict[str, Any]:
    """Each program by its name; with a *server*, its answers are queued before the program runs."""

    def queued(act, *answers):
        def program(model, config):
            for name, args in answers if server is not None else ():
                getattr(server, name)(*args)
            act(model, config)

        return program

    made = {}
    for mode in MODES:
        name = mode.__name__
        made[f"text, {name}"] = queued(
            lambda model, config, mode=mode, name=name: mode(model, config, f"hello {name}"),
            ("text", ["Paris is big."]),
        )
        made[f"tool call, {name}"] = queued(
            lambda model, config, mode=mode, name=name: mode(model.bind_tools([weather]), config, f"tool {name}"),
            ("tool_call", ["weather", {"city": "Oslo"}]),
        )
        made[f"error, {name}"] = queued(
            lambda model, config, mode=mode, name=name: mode(model, config, f"error {name}"),
            ("error", [429, "rate_limit_error", "slow down"]),
        )
        made[f"structured, {name}"] = queued(
            lambda model, config, mode=mode, name=name: (
                mode(model.with_structured_output(Answer, method="function_calling"), config, f"where {name}")
                if mode is not stream_events
                else mode(model, config, f"where {name}")
            ),
            ("tool_call", ["Answer", {"city": "Paris"}]),
        )
    made["agent"] = queued(agent, ("tool_call", ["weather", {"city": "Rome"}]), ("text", ["Sunny."]))
    made["the same twice"] = queued(
        lambda model, config: [invoke(model, config, "twice") for _ in range(2)], ("text", ["one"]), ("text", ["two"])
    )
    return made


def run(program: Any, model: Any) -> tuple[list[Any], Any]:
    """What a handler heard of *program*, as JSON has it, and the handler."""
    handler = RecordingHandler()
    try:
        program(model, {"callbacks": [handler]})
    except Exception:  # noqa: BLE001  # the program fails on purpose
        assert handler.errors
    heard = [[event.name, plain(event.payload)] for event in handler.events]
    return json.loads(json.dumps(heard, default=lambda value: f"<{type(value).__name__}>")), handler


def main(provider: str, path: str) -> None:
    """Replay the recording at *path*."""
    fake = FakeChatModel.replay(path)
    heard = {}
    for name, program in programs().items():
        with fake.stand_in_for(model_class(provider)):
            model = model_class(provider)(base_url="http://127.0.0.1:9", max_retries=0, **DEFAULTS[provider])
            heard[name], _ = run(program, model)
    sys.stdout.write(json.dumps([heard, fake.script.unused_recordings]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
