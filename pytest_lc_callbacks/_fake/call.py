"""Call: what a fake model was asked, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any

from pytest_lc_callbacks._fake.messages import text_of
from pytest_lc_callbacks._fake.response import Message
from pytest_lc_callbacks._values import class_name, equal, is_a
from pytest_lc_callbacks._words import safe, truncate

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

_SHOWN = 60


class Call:
    """
    One call that reached a `FakeChatModel`.

    Attributes:
        number: Which call it is, from 1.

        model: The model that was asked: the fake model, the copy of it, or the real model that it stands in for.

        mode: How LangChain asked: ``"invoke"``, ``"ainvoke"``, ``"stream"`` or ``"astream"``.

        prompt: The messages themselves. What they said at the call is in `messages`.

        tools: The tools bound to the model, in the form the provider gets.

        tool_choice: The tool choice, in the form the provider gets; None if there is none.

        stop: The stop sequences, of the call or of the model; None if there are none.

        options: What else was bound to the model or given with the call.

        response: The message that was given, whole also when it was streamed; None if there was an error instead.

        error: The exception that was raised instead of a response, or in the middle of one.
    """

    __slots__ = (
        "_kept", "_messages", "error", "mode", "model", "number",
        "options", "prompt", "response", "stop", "tool_choice", "tools",
    )  # fmt: skip

    def __init__(
        self,
        mode: str,
        prompt: Sequence[BaseMessage],
        stop: list[str] | None,
        options: Mapping[str, Any],
        model: Any = None,
    ) -> None:
        self.number: int = 0
        self.mode: str = mode
        self.model: Any = model
        self.prompt: Sequence[BaseMessage] = prompt
        self.tools: list[Any] = list(options.get("tools") or ())
        self.tool_choice: Any = options.get("tool_choice")
        self.stop: list[str] | None = stop
        self.options: dict[str, Any] = {
            key: value for key, value in options.items() if key not in {"tools", "tool_choice"}
        }
        self.response: AIMessage | Any = None
        self.error: BaseException | None = None
        # `messages` makes its copies when a test reads it: most calls of most tests are never looked at.
        self._kept: list[dict[str, Any]] = [_copy_fields(message) for message in prompt]
        self._messages: list[BaseMessage] | None = None

    @property
    def messages(self) -> list[BaseMessage]:
        """The prompt, as it was at the call."""
        if self._messages is None:
            pairs = zip(self.prompt, self._kept, strict=True)
            self._messages = [message.model_copy(update=fields) for message, fields in pairs]
        return self._messages

    def __repr__(self) -> str:
        asked = repr(safe(text_of(self.messages[-1]), _SHOWN)) if self.messages else "'nothing'"
        return f"<Call {self.number}: {self.mode} {asked} -> {self._outcome()}>"

    def _outcome(self) -> str:
        if self.error is not None:
            return f"raised {class_name(type(self.error))}"
        return "open" if self.response is None else truncate(str(Message(self.response)), _SHOWN)


class TextCall(Call):
    """A call of a text LLM: `messages` has the prompt as the only message, and functions get its text."""

    __slots__ = ()


def asked(call: Call) -> Any:
    """What scripted functions are called with: a list of the messages, or for a text LLM the prompt's text."""
    return text_of(call.messages[-1]) if isinstance(call, TextCall) else list(call.messages)


def have_same_prompt(one: Call, other: Call) -> bool:
    """Whether the prompts of both calls say the same."""
    first, second = ([(message.type, message.content) for message in call.messages] for call in (one, other))
    return equal(first, second)


def _copy_fields(message: BaseMessage) -> dict[str, Any]:
    """The fields of *message*, with copies of those that a program may change in place."""
    fields = dict(message.__dict__)
    for name in ("content", "tool_calls", "additional_kwargs"):
        value = fields.get(name)
        if is_a(value, list, dict):
            fields[name] = _copy(value)
    return fields


def _copy(value: Any) -> Any:
    try:
        return deepcopy(value)
    # A generator or a lock cannot be copied, and what is nested too deep; the program never asked for a copy.
    except Exception:  # noqa: BLE001
        return copy(value)
