"""Payloads as data that is the same in every run."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel

from pytest_lc_callbacks import RecordingHandler


def chain_snapshot() -> list[dict[str, Any]]:
    """The snapshot of a linear chain with tags and metadata."""
    handler = RecordingHandler()
    chain = ChatPromptTemplate.from_template("What is 1 + {number}?") | FakeListChatModel(responses=["3"])
    tags = [f"tag{n}" for n in range(10)]
    chain.with_config(tags=tags).invoke(
        {"number": 2}, {"callbacks": [handler], "tags": ["a", "b"], "metadata": {"id": str(uuid4()), "team": "x"}}
    )
    return handler.snapshot()


def test_fifty_runs_of_a_chain_have_one_snapshot() -> None:
    """
    The snapshot of the same chain is the same every time.
    """
    first = chain_snapshot()
    assert [event["event"] for event in first][:2] == ["chain_start", "chain_start"]
    assert all(chain_snapshot() == first for _ in range(49))


@pytest.mark.once
def test_two_processes_have_one_snapshot() -> None:
    """
    The snapshot is the same in another process, where strings hash differently.
    """
    code = "import json, test_snapshot; print(json.dumps(test_snapshot.chain_snapshot()))"
    here = Path(__file__).parent
    for seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", code],
            cwd=here,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert json.loads(told) == chain_snapshot()


def test_a_snapshot_is_data_that_json_can_write() -> None:
    """
    An event becomes a dict of builtins, with runs numbered in the order they appear.
    """
    prompt = chain_snapshot()[1]
    assert json.loads(json.dumps(prompt)) == prompt
    assert prompt == {
        "event": "chain_start",
        "run": "run-2",
        "parent": "run-1",
        "name": "ChatPromptTemplate",
        "type": "prompt",
        "tags": sorted(["seq:step:1", "a", "b", *(f"tag{n}" for n in range(10))]),
        "metadata": {"id": "id-1", "team": "x"},
        "payload": {"inputs": {"number": 2}},
    }


class Answer(BaseModel):
    """A structured output."""

    city: str


@dataclasses.dataclass
class Place:
    """The same as a dataclass."""

    city: str


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"a": (1, 2.5, None, True)}, {"a": [1, 2.5, None, True]}),
        ({3: {"b", "a"}}, {"3": ["a", "b"]}),
        (HumanMessage("hi", id="x"), {"type": "human", "content": "hi"}),
        (
            AIMessage("", tool_calls=[{"name": "search", "args": {"q": 1}, "id": "call-1"}]),
            {
                "type": "ai",
                "content": "",
                "tool_calls": [{"name": "search", "args": {"q": 1}, "id": "call-1", "type": "tool_call"}],
            },
        ),
        (
            ToolMessage("no", tool_call_id="1", status="error"),
            {"type": "tool", "content": "no", "status": "error"},
        ),
        (
            LLMResult(generations=[[ChatGeneration(message=AIMessage("x"))]]),
            {"generations": [[{"message": {"type": "ai", "content": "x"}}]]},
        ),
        (Document("text", metadata={"a": 1}), {"page_content": "text", "metadata": {"a": 1}}),
        (KeyError("k"), {"error": "KeyError", "message": "'k'"}),
        (Answer(city="Oslo"), {"Answer": {"city": "Oslo"}}),
        (Place("Oslo"), {"Place": {"city": "Oslo"}}),
        (object(), "<object>"),
        (b"bytes", "<bytes>"),
        (iter([1]), "<list_iterator>"),
        ("<object at 0x7f0a1b2c3d4e>", "<object at 0x...>"),
        ("id 1b4e28ba-2fa1-11d2-883f-0016d3cca427", "id id-1"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_value_becomes(value: Any, plain: Any) -> None:
    """
    A snapshot keeps the content of messages, documents and models, and names the type of any other object.
    """
    handler = RecordingHandler()
    handler.on_chain_end(value, run_id=uuid4())
    assert handler.snapshot()[0]["payload"]["outputs"] == plain


def test_ids_are_numbered_as_they_appear() -> None:
    """
    A run's id is ``run-1`` wherever it appears, also inside a text; any other uuid is ``id-1``.
    """
    run, other = uuid4(), uuid4()
    handler = RecordingHandler()
    handler.on_chain_start(None, {"seen": f"{run} and {other}"}, run_id=run)
    handler.on_chain_end({"id": other}, run_id=run)
    first, second = handler.snapshot()
    assert first["payload"]["inputs"] == {"seen": "run-1 and id-1"}
    assert (second["run"], second["payload"]["outputs"]) == ("run-1", {"id": "id-1"})


def test_a_generator_is_not_touched() -> None:
    """
    A snapshot takes nothing from a generator.
    """
    numbers = iter(range(3))
    handler = RecordingHandler()
    handler.on_chain_end(numbers, run_id=uuid4())
    assert handler.snapshot()[0]["payload"] == {"outputs": "<range_iterator>"}
    assert list(numbers) == [0, 1, 2]
