"""Replay: the calls that a real model answered once, given again to the same requests."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lc_callbacks._fake.miss import FakeChatModelMiss, describe_request, explain_miss
from pytest_lc_callbacks._fake.response import Replayed, Response, Unrecorded
from pytest_lc_callbacks._model_calls import RECORDER, ModelCall, canonical, read_calls, request_of, shown
from pytest_lc_callbacks._redaction import clean_data

if TYPE_CHECKING:
    from pytest_lc_callbacks._fake.call import Call

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


class Replay:
    """
    The recorded calls of a file, each of them given once.

    Args:
        path: The file.

        real: The real model to ask for what is missing, where ``--lc-callbacks-record`` is on.

    Raises:
        ModelCallsError: If the file cannot be read. One that is missing counts as empty where it may be recorded.
    """

    def __init__(self, path: Any, real: Any = None) -> None:
        self._path = path
        self.real = real
        self._lock = threading.Lock()
        self._used: set[int] = set()
        self._calls: list[ModelCall] = []
        if Path(path).exists() or not RECORDER.is_on:
            self._calls = read_calls(path)

    def take(self, call: Call) -> Response:
        """
        The recorded answer to *call*, or the order to record one.

        Raises:
            FakeChatModelMiss: If there is none, and none may be recorded.
        """
        params = call_params(call)
        request = clean_data(request_of(call.prompt, params, call.stop))
        with self._lock:
            alike = [number for number, known in enumerate(self._calls) if matches(known.request, request)]
            free = next((number for number in alike if number not in self._used), None)
            if free is not None:
                self._used.add(free)
                return Response(kind=Replayed(self._calls[free]), check_tools=False)
        if RECORDER.is_on:
            kind = Unrecorded(lambda answer: self._keep(request, answer, params))
            return Response(kind=kind, check_tools=False)
        raise FakeChatModelMiss(explain_miss(shown(self._path), request, self._calls, len(alike), call.number))

    def __str__(self) -> str:
        return f"replays {shown(self._path)}"

    @property
    def unused(self) -> list[str]:
        """A line for each call that was not asked for again."""
        with self._lock:
            left = [call for number, call in enumerate(self._calls) if number not in self._used]
        return [f"{shown(self._path)}, line {call.line}: {describe_request(call.request)}" for call in left]

    def _keep(self, request: dict[str, Any], answer: dict[str, Any], params: Mapping[str, Any]) -> None:
        source = call_params_of(self.real) if self.real is not None else params
        kept = ModelCall(
            request=request,
            answer=answer,
            type=str(source.get("_type", "")),
            model=str(source.get("model") or source.get("model_name") or ""),
        )
        RECORDER.add(self._path, [kept])
        with self._lock:
            self._calls.append(kept)
            self._used.add(len(self._calls) - 1)


def call_params(call: Call) -> dict[str, Any]:
    """The parameters of *call*, as handlers get them in `invocation_params`."""
    options = {**call.options, **({"tools": call.tools} if call.tools else {})}
    if call.tool_choice is not None:
        options["tool_choice"] = call.tool_choice
    return call_params_of(call.model, call.stop, options)


def call_params_of(model: Any, stop: Any = None, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The parameters of a call of *model* with these *options*."""
    params = getattr(model, "_get_invocation_params", None)
    if params is not None:
        return dict(params(stop=stop, **(options or {})))
    # A text LLM has no such method.
    return {"_type": getattr(model, "_llm_type", ""), "model": getattr(model, "model_name", ""), **(options or {})}


def matches(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """
    Whether both requests are the same; an option counts where both of them have it.

    A recording has the options of the real model's constructor, which the model that replays it need not repeat.
    """
    one, other = recorded.get("options", {}), asked.get("options", {})
    if any(one[key] != other[key] for key in one.keys() & other):
        return False
    return canonical({**recorded, "options": {}}) == canonical({**asked, "options": {}})
