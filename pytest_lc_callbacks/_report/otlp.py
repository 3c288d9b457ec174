"""Runs as OpenTelemetry spans in JSON, with OpenInference's attributes beside ``gen_ai.*``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from pytest_lc_callbacks._report.changes import MODELS
from pytest_lc_callbacks._report.lines import Line

# What OpenInference calls the kinds of spans.
_KINDS = {
    "chat_model": "LLM",
    "llm": "LLM",
    "tool": "TOOL",
    "retriever": "RETRIEVER",
    "prompt": "PROMPT",
    "chain": "CHAIN",
    "parser": "CHAIN",
}
_OPERATIONS = {"chat_model": "chat", "llm": "text_completion", "tool": "execute_tool"}
_ERROR, _OK, _UNSET = 2, 1, 0
_INTERNAL, _CLIENT = 1, 3


def write_spans(file: IO[str], lines: Iterable[Line]) -> None:
    """Write a line of OTLP/JSON for each test that ran anything: its trace, with the test itself as the root."""
    for line in lines:
        if line["kind"] == "test" and line["runs"]:
            file.write(json.dumps(trace_of(line), separators=(",", ":")) + "\n")


def trace_of(test: Line) -> dict[str, Any]:
    """One test as an OTLP ``TracesData``."""
    scope = {"name": "pytest-lc-callbacks"}
    resource = {"attributes": _attributes({"service.name": "pytest", "test.id": test["test"]})}
    spans = [_root(test), *(_span(test, run) for run in test["runs"])]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}


def _root(test: Line) -> dict[str, Any]:
    ends = [run["start"] + (run["duration"] or 0) for run in test["runs"]]
    wrong = test["outcome"] in ("failed", "error", "interrupted")
    message = test["failures"][0]["message"] if test["failures"] else ""
    facts = {
        "openinference.span.kind": "CHAIN",
        "test.case.name": test["test"],
        "test.case.result.status": "fail" if wrong else "pass",
        "lc_callbacks.findings": [finding["name"] for finding in test["findings"]],
        "lc_callbacks.causes": test["causes"],
    }
    return {
        "traceId": _trace_id(test),
        "spanId": _span_id(test, None),
        "name": test["test"],
        "kind": _INTERNAL,
        "startTimeUnixNano": _nanoseconds(test, 0),
        "endTimeUnixNano": _nanoseconds(test, max([test["duration"] * 1000, *ends])),
        "attributes": _attributes(facts),
        "status": {"code": _ERROR, "message": message} if wrong else {"code": _OK},
    }


def _span(test: Line, run: Mapping[str, Any]) -> dict[str, Any]:
    end = run["start"] + (run["duration"] or 0)
    return {
        "traceId": _trace_id(test),
        "spanId": _span_id(test, run["id"]),
        "parentSpanId": _span_id(test, run["parent"]),
        "name": run["name"],
        "kind": _CLIENT if run["type"] in MODELS else _INTERNAL,
        "startTimeUnixNano": _nanoseconds(test, run["start"]),
        "endTimeUnixNano": _nanoseconds(test, end),
        "attributes": _attributes(dict(_facts(test, run))),
        "events": list(_events(test, run)),
        "status": _status(run),
    }


def _facts(test: Line, run: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "openinference.span.kind", _KINDS.get(run["type"] or "", "UNKNOWN")
    for name in ("input", "output"):
        value = run[f"{name}s"]
        if value is not None:
            is_text = isinstance(value, str)
            yield f"{name}.value", value if is_text else json.dumps(value, ensure_ascii=False)
            yield f"{name}.mime_type", "text/plain" if is_text else "application/json"
    if run["metadata"]:
        yield "metadata", json.dumps(run["metadata"], ensure_ascii=False)
    if run["tags"]:
        yield "tag.tags", run["tags"]
    if run["type"] in _OPERATIONS:
        yield "gen_ai.operation.name", _OPERATIONS[run["type"]]
    if run["type"] == "tool":
        yield "tool.name", run["name"]
        yield "gen_ai.tool.name", run["name"]
        yield "tool.parameters", json.dumps(run["inputs"], ensure_ascii=False)
    if run["type"] in MODELS:
        yield from _model_facts(run)
    if run["status"] != "ended":
        yield "lc_callbacks.status", run["status"]
    for handler, heard in zip(test["handlers"], run["heard"], strict=True):
        yield f"lc_callbacks.heard.{handler}", heard


def _model_facts(run: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if run.get("model"):
        yield "llm.model_name", run["model"]
        yield "gen_ai.request.model", run["model"]
    provider = run["metadata"].get("ls_provider")
    if isinstance(provider, str):
        yield "llm.provider", provider
        yield "gen_ai.provider.name", provider
    if run.get("options"):
        yield "llm.invocation_parameters", json.dumps(run["options"], ensure_ascii=False)
    usage = run.get("usage") or {}
    for name, ours, theirs in (
        ("input_tokens", "llm.token_count.prompt", "gen_ai.usage.input_tokens"),
        ("output_tokens", "llm.token_count.completion", "gen_ai.usage.output_tokens"),
    ):
        if name in usage:
            yield ours, usage[name]
            yield theirs, usage[name]
    if "total_tokens" in usage:
        yield "llm.token_count.total", usage["total_tokens"]
    if isinstance(run["inputs"], list):
        for number, message in enumerate(run["inputs"]):
            yield from _message(f"llm.input_messages.{number}", message)
    yield from _message("llm.output_messages.0", run["outputs"])


_ROLES = {"human": "user", "ai": "assistant"}


def _message(place: str, message: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(message, dict):
        return
    kind = str(message.get("type"))
    content = message.get("content", "")
    yield f"{place}.message.role", _ROLES.get(kind, kind)
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    yield f"{place}.message.content", text
    for number, call in enumerate(message.get("tool_calls", ())):
        if isinstance(call, dict):
            at = f"{place}.message.tool_calls.{number}.tool_call"
            yield f"{at}.function.name", str(call.get("name"))
            yield f"{at}.function.arguments", json.dumps(call.get("args"), ensure_ascii=False)


def _events(test: Line, run: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, at, times in run["events"]:
        if not name.endswith(("_start", "_end", "_error")):
            attributes = _attributes({"count": times})
            yield {"timeUnixNano": _nanoseconds(test, at), "name": name, "attributes": attributes}
    error = run["error"]
    if error is not None:
        facts = {"exception.type": error["type"], "exception.message": error["message"]}
        at = run["start"] + (run["duration"] or 0)
        yield {"timeUnixNano": _nanoseconds(test, at), "name": "exception", "attributes": _attributes(facts)}


def _status(run: Mapping[str, Any]) -> dict[str, Any]:
    if run["status"] == "failed":
        return {"code": _ERROR, "message": (run["error"] or {}).get("message", "")}
    return {"code": _OK if run["status"] == "ended" else _UNSET}


def _attributes(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in facts.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        # 64 bits are a string in protobuf's JSON.
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": str(value)}


def _trace_id(test: Line) -> str:
    return hashlib.sha256(f"{test['test']} {test['attempt']} {test['started']}".encode()).hexdigest()[:32]


def _span_id(test: Line, number: int | None) -> str:
    return hashlib.sha256(f"{_trace_id(test)} {number}".encode()).hexdigest()[:16]


def _nanoseconds(test: Line, milliseconds: float) -> str:
    return str(int(test["started"] * 1_000_000) * 1000 + int(milliseconds * 1_000_000))
