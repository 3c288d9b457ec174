"""FakeChatModelMiss: a replayed model was asked what it has no recording of."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_lc_callbacks._model_calls import RECORDER, ModelCall, is_ci
from pytest_lc_callbacks._words import count, first_lines, hint, safe

_SHOWN_LINES = 40
_SHOWN_LENGTH = 200


# Named for what happened; the name is public.
class FakeChatModelMiss(RuntimeError):  # noqa: N818
    """A `FakeChatModel.replay` was asked what it has no recording of, or more often than it was recorded."""

    # Tracebacks name a class by its module; this is where users find it.
    __module__ = "pytest_lc_callbacks"


def explain_miss(path: str, request: Mapping[str, Any], calls: Sequence[ModelCall], alike: int, number: int) -> str:
    """
    The message of a `FakeChatModelMiss`.

    Args:
        path: The file, as messages show it.

        request: What was asked.

        calls: The recorded calls.

        alike: How many of them have the same request; all of these are used up.

        number: Which call of the model it is.
    """
    if alike:
        often = "once" if alike == 1 else f"{alike} times"
        said = f"expected at most {count(alike, 'call')} with this prompt, as {path} has it {often}"
        lines = [
            f"{said}, but call {number} asks it again",
            *first_lines([f"  {line}" for line in rendered(request)], _SHOWN_LINES, "  "),
        ]
    elif not calls:
        lines = [f"expected {path} to have call {number}, but it has no recorded calls"]
        lines += first_lines([f"  {line}" for line in rendered(request)], _SHOWN_LINES, "  ")
    else:
        near = nearest(request, calls)
        where = f"line {near.line}" if near.line else "recorded just now"
        lines = [
            f"expected {path} to have call {number}, but none of its {count(len(calls), 'call')} has the same request",
            f"nearest is {where}; - recorded, + asked:",
            *first_lines(differences(near.request, request), _SHOWN_LINES, "  "),
        ]
    return "\n".join([*lines, hint(_remedy())])


def differences(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """The lines in which two requests differ, with a line around each."""
    before, after = rendered(_compared(recorded, asked)), rendered(_compared(asked, recorded))
    lines = list(difflib.unified_diff(before, after, n=1, lineterm=""))[2:]
    return [f"  {'...' if line.startswith('@@') else line}" for line in lines[1:]]


def rendered(request: Mapping[str, Any]) -> list[str]:
    """A request as lines to read: a line for each line of a message, for each tool, and for each option."""
    lines = [line for message in request["messages"] for line in _message_lines(message)]
    for tool in request.get("tools", ()):
        text = json.dumps({k: v for k, v in tool.items() if k != "name"}, indent=2, sort_keys=True, ensure_ascii=False)
        lines += [f"tool {tool.get('name')}: {text.splitlines()[0]}", *(f"  {line}" for line in text.splitlines()[1:])]
    for key in ("tool_choice", "stop", "response_format"):
        if key in request:
            lines.append(f"{key}: {_json(request[key])}")
    lines += [f"option {key}: {_json(value)}" for key, value in sorted(request.get("options", {}).items())]
    return [safe(line, _SHOWN_LENGTH) for line in lines]


def describe_request(request: Mapping[str, Any]) -> str:
    """A request in a few words: its last message."""
    lines = _message_lines(request["messages"][-1]) if request["messages"] else ["no messages"]
    return safe(lines[0], 80)


def nearest(request: Mapping[str, Any], calls: Iterable[ModelCall]) -> ModelCall:
    """The recorded call that has most lines in common with *request*; of several the one with the likest text."""
    asked = rendered(request)
    lines = set(asked)

    def likeness(call: ModelCall) -> tuple[float, float]:
        known = rendered(call.request)
        common = 2 * len(lines & set(known)) / (len(asked) + len(known))
        last = describe_request(call.request)
        return common, difflib.SequenceMatcher(None, last, describe_request(request), autojunk=False).ratio()

    return max(calls, key=likeness)


def _compared(request: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """*request* with those options alone that *other* has too: no others are compared."""
    shared = {key: value for key, value in request.get("options", {}).items() if key in other.get("options", {})}
    return {**request, "options": shared}


def _message_lines(message: Mapping[str, Any]) -> list[str]:
    data = message.get("data", {})
    content = data.get("content", "")
    text = content if isinstance(content, str) else _json(content)
    first, *rest = text.split("\n")
    lines = [f"{message.get('type')}: {first}", *(f"  {line}" for line in rest)]
    others = {key: value for key, value in data.items() if key not in ("content", "type")}
    return lines + [f"  {key}: {_json(value)}" for key, value in sorted(others.items())]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _remedy() -> str:
    if is_ci():
        return "record it where CI is not set: in CI nothing is recorded, with --lc-callbacks-record neither"
    assert not RECORDER.is_on
    return (
        "if the request is meant, record its answer: run this test with --lc-callbacks-record, with "
        "FakeChatModel.replay(path, real=...) or stand_in_for(...), so that the real model is asked"
    )
