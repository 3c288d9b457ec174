"""
Local servers that speak Anthropic's Messages API and OpenAI's chat completions, plain and streaming.

```python
def test_something(httpserver):
    server = anthropic_server(httpserver)
    server.text("Paris").tool_call("search", {"q": "x"}).error(529, "overloaded_error", "Overloaded")
    model = ChatAnthropic(model="claude-sonnet-4-6", base_url=server.url, api_key="test", max_retries=0)
```

The answers are given one after the other, as JSON or as server-sent events, whichever the request asks for.
What the clients sent is in `server.requests`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_httpserver import HTTPServer
    from werkzeug import Request, Response

ARGUMENT_PIECE = 16


@dataclass(kw_only=True)
class Answer:
    """
    One queued answer: a text, tool calls, both, or an error.
    """

    text: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200
    kind: str = ""
    usage: tuple[int, int] | None = (11, 7)
    pieces: list[str] | None = None

    @property
    def texts(self) -> list[str]:
        return re.findall(r"\s*\S{1,20}|\s+", self.text) if self.pieces is None else self.pieces


def pieces_of(args: dict[str, Any]) -> list[str]:
    """The arguments of a tool call as they stream."""
    text = json.dumps(args, ensure_ascii=False)
    return [text[i : i + ARGUMENT_PIECE] for i in range(0, len(text), ARGUMENT_PIECE)]


class ProviderServer:
    """
    What both servers have: a queue of answers, and the requests that came.
    """

    def __init__(self, httpserver: HTTPServer, path: str, url: str) -> None:
        self.url = httpserver.url_for(url)
        self.requests: list[dict[str, Any]] = []
        self._answers: list[Answer] = []
        httpserver.expect_request(path, method="POST").respond_with_handler(self._respond)

    def text(
        self, text: str, *, usage: tuple[int, int] | None = (11, 7), pieces: list[str] | None = None
    ) -> ProviderServer:
        """Queue a text; *pieces* say how it streams."""
        return self._queue(Answer(text=text, usage=usage, pieces=pieces))

    def tool_call(
        self, name: str, args: dict[str, Any], *, text: str = "", usage: tuple[int, int] | None = (11, 7)
    ) -> ProviderServer:
        """Queue a call of one tool, after a text if there is one."""
        return self.tool_calls([(name, args)], text=text, usage=usage)

    def tool_calls(
        self, calls: list[tuple[str, dict[str, Any]]], *, text: str = "", usage: tuple[int, int] | None = (11, 7)
    ) -> ProviderServer:
        """Queue a call of several tools at once."""
        return self._queue(Answer(text=text, calls=calls, usage=usage))

    def error(self, status: int, kind: str, message: str) -> ProviderServer:
        """Queue an error, such as ``429, "rate_limit_error", "slow down"``."""
        return self._queue(Answer(text=message, status=status, kind=kind))

    def _queue(self, answer: Answer) -> ProviderServer:
        self._answers.append(answer)
        return self

    def _respond(self, request: Request) -> Response:
        from werkzeug import Response

        body = request.get_json()
        self.requests.append(body)
        if not self._answers:
            return Response(json.dumps(self._error("not_found_error", "the test queued no more answers")), status=404)
        answer = self._answers.pop(0)
        number = len(self.requests)
        if answer.status != 200:
            payload = json.dumps(self._error(answer.kind, answer.text))
            return Response(payload, status=answer.status, content_type="application/json")
        if body.get("stream"):
            return Response(self._events(answer, body, number), content_type="text/event-stream")
        return Response(json.dumps(self._plain(answer, body, number)), content_type="application/json")

    def _error(self, kind: str, message: str) -> dict[str, Any]:
        raise NotImplementedError

    def _plain(self, answer: Answer, body: dict[str, Any], number: int) -> dict[str, Any]:
        raise NotImplementedError

    def _events(self, answer: Answer, body: dict[str, Any], number: int) -> Iterator[str]:
        raise NotImplementedError


class AnthropicServer(ProviderServer):
    """
    Anthropic's Messages API.
    """

    def _error(self, kind: str, message: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}

    def _plain(self, answer: Answer, body: dict[str, Any], number: int) -> dict[str, Any]:
        return {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": self._content(answer, number),
            "stop_reason": "tool_use" if answer.calls else "end_turn",
            "stop_sequence": None,
            "usage": self._usage(*answer.usage),
        }

    def _content(self, answer: Answer, number: int) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = [{"type": "text", "text": answer.text}] if answer.text else []
        return blocks + [
            {"type": "tool_use", "id": f"toolu_{number}_{i}", "name": name, "input": args}
            for i, (name, args) in enumerate(answer.calls)
        ]

    def _usage(self, received: int, given: int) -> dict[str, Any]:
        return {
            "input_tokens": received,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": given,
            "service_tier": "standard",
        }

    def _events(self, answer: Answer, body: dict[str, Any], number: int) -> Iterator[str]:
        received, given = answer.usage
        message = self._plain(answer, body, number)
        reason = message["stop_reason"]
        begun = {**message, "content": [], "stop_reason": None, "usage": self._usage(received, 1)}
        yield self._event({"type": "message_start", "message": begun})
        for index, block in enumerate(message["content"]):
            start = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
            yield self._event({"type": "content_block_start", "index": index, "content_block": start})
            for delta in self._deltas(block, answer):
                yield self._event({"type": "content_block_delta", "index": index, "delta": delta})
            yield self._event({"type": "content_block_stop", "index": index})
        usage = {k: v for k, v in self._usage(received, given).items() if k not in {"service_tier", "cache_creation"}}
        delta = {"stop_reason": reason, "stop_sequence": None}
        yield self._event({"type": "message_delta", "delta": delta, "usage": usage})
        yield self._event({"type": "message_stop"})

    def _deltas(self, block: dict[str, Any], answer: Answer) -> list[dict[str, Any]]:
        if block["type"] == "text":
            return [{"type": "text_delta", "text": piece} for piece in answer.texts]
        return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces_of(block["input"])]

    def _event(self, data: dict[str, Any]) -> str:
        return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n"


class OpenAIServer(ProviderServer):
    """
    OpenAI's chat completions.
    """

    def _error(self, kind: str, message: str) -> dict[str, Any]:
        return {"error": {"message": message, "type": kind, "param": None, "code": kind}}

    def _plain(self, answer: Answer, body: dict[str, Any], number: int) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant", "content": answer.text or None, "refusal": None, "annotations": []
        }  # fmt: skip
        if answer.calls:
            message["tool_calls"] = [
                {
                    "id": f"call_{number}_{i}",
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(args)},
                }
                for i, (name, args) in enumerate(answer.calls)
            ]
        finish = "tool_calls" if answer.calls else "stop"
        return {
            **self._head(body, number, "chat.completion"),
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": answer.usage and self._usage(*answer.usage),
        }

    def _head(self, body: dict[str, Any], number: int, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{number}",
            "object": kind,
            "created": 1700000000,
            "model": body["model"],
            "service_tier": "default",
            "system_fingerprint": "fp_1",
        }

    def _usage(self, received: int, given: int) -> dict[str, Any]:
        return {
            "prompt_tokens": received,
            "completion_tokens": given,
            "total_tokens": received + given,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def _events(self, answer: Answer, body: dict[str, Any], number: int) -> Iterator[str]:
        for delta, finish in self._deltas(answer, number):
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            yield self._event(body, number, choices=[choice], usage=None)
        if answer.usage and (body.get("stream_options") or {}).get("include_usage"):
            yield self._event(body, number, choices=[], usage=self._usage(*answer.usage))
        yield "data: [DONE]\n\n"

    def _deltas(self, answer: Answer, number: int) -> Iterator[tuple[dict[str, Any], str | None]]:
        nothing = None if answer.calls and not answer.text else ""
        yield {"role": "assistant", "content": nothing, "refusal": None}, None
        for piece in answer.texts:
            yield {"content": piece}, None
        for i, (name, args) in enumerate(answer.calls):
            head = {"index": i, "id": f"call_{number}_{i}", "type": "function"}
            yield {"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]}, None
            for piece in pieces_of(args):
                yield {"tool_calls": [{"index": i, "function": {"arguments": piece}}]}, None
        yield {}, "tool_calls" if answer.calls else "stop"

    def _event(self, body: dict[str, Any], number: int, **rest: Any) -> str:
        return f"data: {json.dumps({**self._head(body, number, 'chat.completion.chunk'), **rest})}\n\n"


def anthropic_server(httpserver: HTTPServer) -> AnthropicServer:
    """Anthropic's Messages API; give `.url` to ``ChatAnthropic(base_url=...)``."""
    return AnthropicServer(httpserver, "/v1/messages", "")


def openai_server(httpserver: HTTPServer) -> OpenAIServer:
    """OpenAI's chat completions; give `.url` to ``ChatOpenAI(base_url=...)``."""
    return OpenAIServer(httpserver, "/v1/chat/completions", "/v1")
