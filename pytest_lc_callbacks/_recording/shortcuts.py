"""Shortcuts into LangChain's arguments: what people ask an event for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_lc_callbacks._recording.names import is_end, is_start
from pytest_lc_callbacks._values import ask, entries, equal, is_a, items

Payload = Mapping[str, Any]


class Shortcuts:
    """
    The attributes of an event that need its name and its payload alone.

    What an event of another kind has not is None. Their types say ``str | Any``, and not ``str | None``: a test knows
    of which kind its event is, and ``"Paris" in event.text`` needs no other assertion before it.
    """

    __slots__ = ()

    name: str
    payload: Payload

    @property
    def messages(self) -> list[Any] | Any:
        """The messages that a chat model was sent (``chat_model_start``), else None."""
        batches = items(self.payload.get("messages"))
        return items(batches[0]) if batches else None

    @property
    def text(self) -> str | Any:
        """
        The text of this event: a response (``llm_end``), a token, a prompt (``llm_start``), the argument of ``text``.

        None for events that carry no text.
        """
        if self.name == "llm_end":
            return ask(_generation(self.payload), "text")
        if self.name == "llm_start":
            prompts = items(self.payload.get("prompts"))
            return prompts[0] if prompts else None
        return self.payload.get("text") if self.name == "text" else self.token

    @property
    def token(self) -> str | Any:
        """The token of an ``llm_new_token``, else None."""
        return self.payload.get("token")

    @property
    def outputs(self) -> Any:
        """What the run produced, on the event that ends it well: for a chat model the message, for an LLM the text."""
        if self.name != "llm_end":
            return next((self.payload[key] for key in ("outputs", "output", "documents") if key in self.payload), None)
        return ask(_generation(self.payload), "message", self.text)

    @property
    def error(self) -> BaseException | Any:
        """The exception of an error event, else None."""
        error = self.payload.get("error")
        return error if is_a(error, BaseException) else None

    @property
    def tool_calls(self) -> list[Any]:
        """The tool calls in the response of a chat model (``llm_end``): dicts with ``name``, ``args`` and ``id``."""
        return items(ask(ask(_generation(self.payload), "message"), "tool_calls"))

    @property
    def tool_call_id(self) -> Any:
        """
        The id of the tool call that a tool runs for; None where it was called with bare arguments.

        LangChain sends it with the start (langchain-core 1.1 and later), with an error (1.2 and later), and in the
        ``ToolMessage`` that is the output.
        """
        sent = self.payload.get("tool_call_id")
        return ask(self.payload.get("output"), "tool_call_id") if sent is None else sent

    @property
    def usage(self) -> dict[str, Any] | Any:
        """The usage metadata of an ``llm_end``, in tokens; None where the model reported none."""
        return dict(entries(ask(ask(_generation(self.payload), "message"), "usage_metadata"))) or None

    @property
    def custom(self) -> str | Any:
        """The name given to a custom event, else None."""
        return self.payload.get("name") if self.name == "custom_event" else None

    @property
    def data(self) -> Any:
        """The data given to a custom event, else None."""
        return self.payload.get("data")

    @property
    def tool_failed(self) -> bool:
        """Whether a tool ended with a ``ToolMessage`` of status ``"error"``: LangChain sends that as ``tool_end``."""
        return self.name == "tool_end" and equal("error", ask(self.payload.get("output"), "status"))


SHORTCUTS = frozenset(name for name, found in vars(Shortcuts).items() if isinstance(found, property))
"""The names of these attributes."""


@dataclass(slots=True)
class Content(Shortcuts):
    """An event's name and payload without the rest of the event."""

    name: str
    payload: Payload


def find_inputs(events: Iterable[Shortcuts]) -> Any:
    """
    What a run with these *events* was given.

    In a stream LangChain starts a chain with a placeholder and sends the inputs with its end: those win.
    """
    found = None
    for event in events:
        if is_start(event.name):
            found = _start_inputs(event)
        elif is_end(event.name) and "inputs" in event.payload:
            return event.payload["inputs"]
    return found


def _start_inputs(start: Shortcuts) -> Any:
    if start.payload.get("inputs") is not None:
        return start.payload["inputs"]
    if start.messages is not None:
        return start.messages
    keys = ("inputs", "input_str", "query", "prompts")
    return next((start.payload[key] for key in keys if start.payload.get(key) is not None), None)


def _generation(payload: Payload) -> Any:
    """The first generation of an ``LLMResult``."""
    batches = items(ask(payload.get("response"), "generations"))
    generations = items(batches[0]) if batches else []
    return generations[0] if generations else None
