"""
A local server whose stream does not end as it should.

```python
with broken_server("anthropic", pieces=["Par", "is"], ending="break") as url:
    model = ChatAnthropic(model="claude-sonnet-4-6", base_url=url, api_key="test", max_retries=0)
```

| ending | after the pieces, the server |
|---|---|
| ``"break"`` | closes the connection in the middle of the response |
| ``"error"`` | sends an error event |
| ``"silence"`` | sends nothing more until the client has gone |
| ``"end"`` | ends the response, with no finish reason |
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENDINGS = ("break", "error", "silence", "end")


@contextmanager
def broken_server(provider: str, pieces: list[str], ending: str, usage: int = 11) -> Iterator[str]:
    """The base URL of a server that streams *pieces* once, and then breaks as *ending* says."""
    gone = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            events = _anthropic(body, pieces, usage) if provider == "anthropic" else _openai(body, pieces)
            for event in events:
                self._send(event)
            if ending == "error":
                self._send(_error(provider))
            if ending == "silence":
                gone.wait(30)
            if ending in ("error", "end"):
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection = True

        def _send(self, event: str) -> None:
            data = event.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

        def log_message(self, *args: Any) -> None:
            """Write nothing to the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{'' if provider == 'anthropic' else '/v1'}"
    finally:
        gone.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _error(provider: str) -> str:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    if provider == "anthropic":
        return f"event: error\ndata: {json.dumps({'type': 'error', 'error': error})}\n\n"
    return f"data: {json.dumps({'error': {**error, 'code': None, 'param': None}})}\n\n"


def _anthropic(body: dict[str, Any], pieces: list[str], usage: int) -> Iterator[str]:
    counted = {"input_tokens": usage, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {**counted, "output_tokens": 1},
    }  # fmt: skip
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in pieces
    ]
    for data in [{"type": "message_start", "message": message}, block, *deltas]:
        yield f"event: {data['type']}\ndata: {json.dumps(data)}\n\n"


def _openai(body: dict[str, Any], pieces: list[str]) -> Iterator[str]:
    head = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": body["model"],
        "service_tier": "default", "system_fingerprint": "fp_1", "usage": None,
    }  # fmt: skip
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": text} for text in pieces]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        yield f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"
