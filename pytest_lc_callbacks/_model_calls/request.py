"""What a model was asked, as plain data: the same for every provider, so that recordings can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

# Of a message in a prompt: what the model that said it reported, and what applications make at random.
_NOT_ASKED = frozenset({"id", "response_metadata", "usage_metadata", "example", "chunk_position", "type", "artifact"})
# Blocks that say once more what the tool calls of a message say.
_CALL_BLOCKS = frozenset({"tool_use", "tool_call", "function_call"})
# Which model is asked and how it is reached, and what has a place of its own in a request.
_NO_OPTIONS = frozenset(
    [
        *["_type", "model", "model_name", "api_key", "base_url", "headers", "max_retries"],
        *["timeout", "request_timeout", "default_request_timeout"],
        *["stream", "streaming", "stream_options", "stream_usage", "disable_streaming"],
        *["tools", "tool_choice", "parallel_tool_calls", "stop", "stop_sequences"],
        *["response_format", "output_config", "output_format"],
    ]
)
_ALIASES = {"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens"}


def request_of(
    messages: Iterable[BaseMessage], params: Mapping[str, Any], stop: Sequence[str] | None
) -> dict[str, Any]:
    """
    A request as plain data.

    Args:
        messages: The prompt.

        params: The parameters of the call, as handlers get them in `invocation_params`.

        stop: The stop sequences; those of *params* if None.
    """
    request = {
        "messages": _prompt(messages),
        "options": _options(params),
        "response_format": _response_format(params),
        "stop": list(stop or params.get("stop") or params.get("stop_sequences") or ()),
        "tool_choice": _tool_choice(params.get("tool_choice")),
        "tools": sorted(map(_tool, params.get("tools") or ()), key=lambda tool: str(tool.get("name"))),
    }
    return dict(plain({key: value for key, value in request.items() if value not in (None, [], {})}))


def request_of_text(prompt: str, params: Mapping[str, Any], stop: Sequence[str] | None) -> dict[str, Any]:
    """The request of a text LLM: its *prompt* as the message of a person; see `request_of`."""
    return request_of([HumanMessage(prompt)], params, stop)


def plain(value: Any) -> Any:
    """*value* as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else plain(_dumped(value))


def canonical(value: Any) -> str:
    """*value* as a text that is the same for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def number_ids(messages: Any, ids: dict[str, str]) -> Any:
    """*messages* with the ids of tool calls as ``call-1``, ``call-2``, in the order in which they come."""
    _collect_ids(messages, ids)
    return _replace(messages, ids)


def _dumped(value: Any) -> Any:
    for method in ("model_dump", "to_json", "dict"):
        dump = getattr(value, method, None)
        if callable(dump) and not isinstance(value, type):
            return dump()
    return getattr(value, "__name__", None) or f"<{type(value).__name__}>"


def _prompt(messages: Iterable[BaseMessage]) -> list[Any]:
    return list(number_ids([_message(message) for message in messages], {}))


def _message(message: BaseMessage) -> dict[str, Any]:
    data = {key: value for key, value in message.model_dump().items() if key not in _NOT_ASKED}
    if isinstance(message, AIMessage):
        data.pop("additional_kwargs", None)
        data["tool_calls"] = [_without_type(call) for call in message.tool_calls]
    data["content"] = _content(message)
    if data.get("status") == "success":
        del data["status"]
    kind = message.type.removesuffix("MessageChunk").lower()
    return {"type": kind, "data": {key: value for key, value in data.items() if value not in (None, [], {})}}


def _content(message: BaseMessage) -> Any:
    """The content; a text also where a provider has put it into a block."""
    content = message.content
    if isinstance(content, str):
        return content
    has_calls = isinstance(message, AIMessage) and bool(message.tool_calls)
    if not isinstance(message, AIMessage):
        content = _standard_blocks(message)
    blocks = [b for b in content if not (has_calls and isinstance(b, dict) and b.get("type") in _CALL_BLOCKS)]
    texts = [
        b if isinstance(b, str) else b.get("text") for b in blocks if isinstance(b, str) or b.get("type") == "text"
    ]
    if len(texts) == len(blocks) and (isinstance(message, AIMessage) or len(blocks) == 1):
        return "".join(map(str, texts))
    return [_block(b) if isinstance(b, dict) else b for b in blocks]


def _standard_blocks(message: BaseMessage) -> list[Any]:
    """The content in LangChain's standard form: handlers are sent images and files in another one than the model."""
    try:
        return list(message.content_blocks)
    # LangChain cannot read each block that a provider takes, or that an application has made wrongly.
    except (AttributeError, KeyError, TypeError, ValueError):
        return list(message.content)


def _block(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block of content without its place, and without its id, which LangChain makes at random."""
    return {key: value for key, value in block.items() if key not in ("id", "index")}


def _without_type(call: Any) -> dict[str, Any]:
    return {key: value for key, value in call.items() if key != "type"}


def _tool(tool: Any) -> dict[str, Any]:
    if isinstance(tool, Mapping) and tool.get("type", "function") not in {"function", "object", "custom"}:
        return dict(tool)
    function = convert_to_openai_tool(tool)["function"]
    return {key: value for key, value in function.items() if value not in (None, False)}


def _tool_choice(choice: Any) -> str | None:
    if isinstance(choice, Mapping):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else choice.get("name")
        choice = name or choice.get("type")
    if choice in ("required", "any", True):
        return "any"
    return choice if isinstance(choice, str) and choice != "auto" else None


def _response_format(params: Mapping[str, Any]) -> Any:
    wanted: Any = params.get("response_format") or params.get("output_format")
    wanted = wanted or (params.get("output_config") or {}).get("format")
    if isinstance(wanted, type):
        return _schema(
            wanted.model_json_schema() if hasattr(wanted, "model_json_schema") else {"title": wanted.__name__}
        )
    if not isinstance(wanted, Mapping):
        return None
    schema = wanted.get("schema") or (wanted.get("json_schema") or {}).get("schema")
    return "json" if schema is None else _schema(schema)


def _schema(schema: Any) -> Any:
    """A schema without what integrations add in their own ways."""
    if isinstance(schema, Mapping):
        return {key: _schema(value) for key, value in schema.items() if key != "additionalProperties"}
    return [_schema(item) for item in schema] if isinstance(schema, list) else schema


def _options(params: Mapping[str, Any]) -> dict[str, Any]:
    given = {
        _ALIASES.get(key, key): value
        for key, value in params.items()
        if key not in _NO_OPTIONS and not key.startswith("ls_") and value not in (None, [], {})
    }
    parallel = params.get("parallel_tool_calls")
    choice = params.get("tool_choice")
    if isinstance(choice, Mapping) and "disable_parallel_tool_use" in choice:
        parallel = not choice["disable_parallel_tool_use"]
    return given if parallel is None else {**given, "parallel_tool_calls": parallel}


def _collect_ids(messages: Any, ids: dict[str, str]) -> None:
    for message in messages:
        data = message["data"]
        calls = [*data.get("tool_calls", ()), *data.get("invalid_tool_calls", ()), *data.get("tool_call_chunks", ())]
        for identity in [*(call.get("id") for call in calls), data.get("tool_call_id")]:
            if identity and identity not in ids:
                ids[identity] = f"call-{len(ids) + 1}"


def _replace(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _replace(item, ids) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace(item, ids) for item in value]
    return ids.get(value, value) if isinstance(value, str) else value
