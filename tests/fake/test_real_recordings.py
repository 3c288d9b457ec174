"""Real models are driven against local servers and recorded; another process replays the recording."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import partners
import pytest
import recorded_programs
from provider_payloads import differences
from provider_servers import anthropic_server, openai_server
from recorded_programs import DEFAULTS, model_class, programs, run

import pytest_lc_callbacks

partners.fetch("langchain_anthropic")
partners.fetch("langchain_openai")
partners.fetch("pytest_httpserver")

PROVIDERS = [
    pytest.param("anthropic", marks=pytest.mark.partner("langchain-anthropic", "anthropic", "pytest-httpserver")),
    pytest.param("openai", marks=pytest.mark.partner("langchain-openai", "openai", "pytest-httpserver")),
]


@pytest.fixture(params=PROVIDERS)
def provider(request):
    return request.param


@pytest.fixture
def heard(provider, httpserver, tmp_path):
    """What the handler heard of each program of the real model, with the recording of all."""
    server = {"anthropic": anthropic_server, "openai": openai_server}[provider](httpserver)
    model = model_class(provider)(base_url=server.url, api_key="test", max_retries=0, **DEFAULTS[provider])
    path, heard = tmp_path / "calls.jsonl", {}
    for name, program in programs(server).items():
        heard[name], handler = run(program, model)
        assert handler.save_model_calls(path) == handler.count("chat_model_start")
    return path, heard


def replay(provider, path):
    """What the handler hears in another process, which has neither a server nor a key."""
    folders = [Path(pytest_lc_callbacks.__file__).parents[1], Path(recorded_programs.__file__).parent]
    env = {key: value for key, value in os.environ.items() if not key.endswith("API_KEY") and "PYTEST" not in key}
    env["PYTHONPATH"] = os.pathsep.join(map(str, folders))
    command = [sys.executable, recorded_programs.__file__, provider, str(path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_replay_in_another_process(provider, heard):
    """
    Every program sends the same events when it is replayed, key by key, and the whole recording is asked for.
    """
    path, real = heard
    replayed, unused = replay(provider, path)

    assert unused == []
    assert replayed.keys() == real.keys()
    differ = {name: differences(comparable(replayed[name]), comparable(theirs)) for name, theirs in real.items()}
    assert {name: found for name, found in differ.items() if found} == {}


def comparable(heard):
    """Without ids, which are of one run, and without the response of a failed call: an error is its type and text."""
    heard = [
        [name, {k: v for k, v in payload.items() if name != "llm_error" or k != "response"}] for name, payload in heard
    ]
    return without_ids(heard)


def without_ids(value):
    if isinstance(value, dict):
        return {k: without_ids(v) for k, v in value.items() if k not in ("id", "tool_call_id")}
    return [without_ids(item) for item in value] if isinstance(value, list) else value
