"""Runs as OpenTelemetry spans, by OpenTelemetry's own schema."""

from __future__ import annotations

import base64
import io
import json

import pytest
from lines_made import a_model, a_run, a_test, a_tool

from pytest_lc_callbacks._report.otlp import trace_of, write_spans

ERROR = {"type": "ValueError", "message": "why", "inside": False}
TEST = a_test(
    "t.py::test_agent",
    outcome="failed",
    handlers=["Audit"],
    runs=[
        a_run(0, "agent", status="failed", error=ERROR, tags=["x"], inputs={"q": "é"}),
        {
            **a_model(1, parent=0, tokens=12, model="gpt"),
            "metadata": {"ls_provider": "openai"},
            "inputs": [{"type": "human", "content": "Hi"}],
            "outputs": {"type": "ai", "content": "", "tool_calls": [{"name": "search", "args": {"q": "x"}}]},
            "events": [["chat_model_start", 1.0, 1], ["llm_new_token", 1.2, 7], ["llm_end", 2.0, 1]],
        },
        a_tool(2, "search", parent=0, q="x"),
        a_run(3, "late", status="open", duration=None),
    ],
)


def spans_of(test):
    [resource] = trace_of(test)["resourceSpans"]
    [scope] = resource["scopeSpans"]
    return scope["spans"]


def facts(span):
    return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}


def test_the_schema():
    """
    OpenTelemetry's protobuf schema takes every line, and knows every field in it.
    """
    trace = pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2", reason="opentelemetry-proto has the schema")
    from google.protobuf import json_format

    file = io.StringIO()
    write_spans(file, [TEST, a_test("t.py::nothing_ran"), {"kind": "end"}])
    [line] = file.getvalue().splitlines()
    data = json.loads(line)
    # OTLP writes ids in hexadecimal, where protobuf's own JSON has base64.
    for span in data["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in [name for name in span if name.endswith("Id")]:
            span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()

    parsed = json_format.ParseDict(data, trace.TracesData())

    spans = parsed.resource_spans[0].scope_spans[0].spans
    assert [span.name for span in spans] == ["t.py::test_agent", "agent", "FakeChatModel", "search", "late"]
    assert {len(span.trace_id) for span in spans} == {16}
    assert {len(span.span_id) for span in spans} == {8}
    assert spans[0].parent_span_id == b""
    assert [span.parent_span_id for span in spans[1:]] == [
        spans[0].span_id, spans[1].span_id, spans[1].span_id, spans[0].span_id,
    ]  # fmt: skip
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)


def test_one_trace_for_each_test():
    """
    Each test, and each attempt at it, is a trace of its own, whose root is the test.
    """
    again = {**TEST, "attempt": 2}

    one, other = spans_of(TEST), spans_of(again)

    assert {span["traceId"] for span in one}.isdisjoint({span["traceId"] for span in other})
    assert "parentSpanId" not in one[0]
    assert facts(one[0])["test.case.result.status"] == "fail"
    assert one[0]["status"] == {"code": 2, "message": "assert 1 == 2"}


def test_a_model_call():
    """
    A model's span has OpenInference's attributes and OpenTelemetry's own beside each other.
    """
    model = facts(spans_of(TEST)[2])

    assert model["openinference.span.kind"] == "LLM"
    assert model["llm.model_name"] == model["gen_ai.request.model"] == "gpt"
    assert model["llm.provider"] == model["gen_ai.provider.name"] == "openai"
    assert model["llm.token_count.prompt"] == model["gen_ai.usage.input_tokens"] == "11"
    assert model["llm.token_count.total"] == "12"
    assert model["gen_ai.operation.name"] == "chat"
    assert model["llm.input_messages.0.message.role"] == "user"
    assert model["llm.input_messages.0.message.content"] == "Hi"
    place = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
    assert (model[f"{place}.name"], model[f"{place}.arguments"]) == ("search", '{"q": "x"}')
    assert model["lc_callbacks.heard.Audit"] == "heard"
    [event] = spans_of(TEST)[2]["events"]
    assert (event["name"], event["attributes"][0]["value"]) == ("llm_new_token", {"intValue": "7"})


def test_tools_and_errors():
    """
    A tool's span has its name and arguments, a failed run's the exception, an open run's no status.
    """
    _, agent, _, tool, late = spans_of(TEST)

    assert facts(tool)["openinference.span.kind"] == "TOOL"
    assert facts(tool)["gen_ai.tool.name"] == "search"
    assert facts(tool)["tool.parameters"] == '{"q": "x"}'
    assert agent["status"] == {"code": 2, "message": "why"}
    assert agent["events"][-1]["name"] == "exception"
    assert facts(agent)["input.value"] == '{"q": "é"}'
    assert late["status"] == {"code": 0}
    assert facts(late)["lc_callbacks.status"] == "open"
