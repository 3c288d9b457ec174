"""Payloads as builtins: what is kept, what is said of the rest."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from pydantic import BaseModel, SecretStr
from secrets_planted import PLANTED

from pytest_lc_callbacks._redaction import redact
from pytest_lc_callbacks._report.export import TEXT, Exporter

SECRET = PLANTED["OpenAI"][0]


@dataclass
class Point:
    x: int


class Settings(BaseModel):
    api_key: SecretStr
    name: str


class BadRepr:
    def __repr__(self):
        raise RuntimeError("no")


class Liar:
    @property
    def __class__(self):
        raise RuntimeError("no class")

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        return "liar"


class BadDict(dict):
    def items(self):
        raise RuntimeError("no items")

    def __len__(self):
        return 10**9


def circle():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "exported"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (2.5, 2.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (10**30, "[a number of 100 bits]"),
        ("Paris", "Paris"),
        ("half \ud83d and \x1b[31m", "half \\ud83d and \\x1b[31m"),
        (("a", 1), ["a", 1]),
        ({"a": {1, 2}}, {"a": [1, 2]}),
        ({1: "one", None: "none"}, {"1": "one", "None": "none"}),
        (HumanMessage("Hi"), {"type": "human", "content": "Hi"}),
        (AIMessageChunk("Hi"), {"type": "ai", "content": "Hi"}),
        (
            AIMessage("", tool_calls=[{"name": "search", "args": {"q": "x"}, "id": "1"}]),
            {"type": "ai", "tool_calls": [{"name": "search", "args": {"q": "x"}, "id": "1", "type": "tool_call"}]},
        ),
        (
            ToolMessage("no", tool_call_id="1", status="error"),
            {"type": "tool", "content": "no", "tool_call_id": "1", "status": "error"},
        ),
        (
            Document("page", metadata={"n": 1}),
            {"id": None, "metadata": {"n": 1}, "page_content": "page", "type": "Document"},
        ),
        (ValueError("why"), "ValueError: why"),
        (Point(1), "Point(x=1)"),
        (BadRepr(), "<BadRepr whose repr raised RuntimeError>"),
        (Liar(), "liar"),
        (BadDict(a=1), {"a": 1}),
        (SecretStr("hunter22"), "[redacted]"),
        (Settings(api_key="hunter22", name="n"), "Settings(api_key=SecretStr('**********'), name='n')"),
        ({"api_key": "hunter22", "max_tokens": 3}, {"api_key": "[redacted]", "max_tokens": 3}),
        ({"deep": [{"clientSecret": "hunter22"}]}, {"deep": [{"clientSecret": "[redacted]"}]}),
        ([f"the key {SECRET}"], ["the key [redacted]"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values(value, exported):
    """
    What is exported is made of builtins that JSON takes, whatever the value does to whoever looks at it.
    """
    found = Exporter(redact).value(value)

    assert found == exported
    json.dumps(found, allow_nan=False)


def test_what_is_cut_says_so():
    """
    Where a text, a list or a nesting is cut, it says how much there is.
    """
    export = Exporter(redact)

    text = export.value("x" * 100_000)
    many = export.value(list(range(1_000)))
    named = export.value({f"k{number}": number for number in range(1_000)})

    assert text == "x" * TEXT + " [cut: 100,000 characters]"
    assert many[-1] == "[cut: and 500 more]"
    assert named["[cut]"] == "and 500 more"
    assert "nested too deeply" in json.dumps(export.value(circle()))


def test_a_test_has_a_limit():
    """
    When the payloads of a test are longer than all that is kept, the rest says so.
    """
    export = Exporter(redact)

    texts = [export.value("x" * 15_000) for _ in range(100)]

    assert sum(len(text) for text in texts) < 1_100_000
    assert texts[-1] == "[left out: the payloads of this test have more than 1,000,000 characters]"


@pytest.mark.parametrize("before", [TEXT - 20, TEXT - 1, TEXT, TEXT + 4_980, TEXT + 9_999])
def test_half_a_secret_is_not_kept(before):
    """
    A text is redacted before it is cut: nothing of a secret stays that begins before the cut and ends after it.
    """
    found = Exporter(redact).value("x " * (before // 2) + SECRET + " y" * 20_000)

    assert SECRET[8:16] not in found


def test_each_text_is_cleaned_once():
    """
    What takes out secrets is asked once for each text, however often the text is in the payloads.
    """
    asked = []

    def clean(text):
        asked.append(text)
        return text

    export = Exporter(clean)
    for _ in range(3):
        export.value({"question": ["the same", "the same"]})

    assert sorted(asked) == ["question", "the same"]
