"""One call of a fake model: from the response in its script to the message or the chunks it gives."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage

from pytest_lc_callbacks._fake.call import Call, asked
from pytest_lc_callbacks._fake.example import example
from pytest_lc_callbacks._fake.messages import complete, complete_chunks, fingerprint, fingerprint_text, usage_of
from pytest_lc_callbacks._fake.reading import read_returned
from pytest_lc_callbacks._fake.response import (
    Chunks,
    Data,
    Failure,
    FixedKind,
    Function,
    Message,
    Replayed,
    Response,
    ResponseKind,
    Unrecorded,
    make_error,
)
from pytest_lc_callbacks._fake.schema import Schema
from pytest_lc_callbacks._fake.script import Script
from pytest_lc_callbacks._fake.structured_output import JsonObject
from pytest_lc_callbacks._fake.tools import (
    bound_schemas,
    bound_tools_line,
    call_problem,
    choice_problem,
    forbids_tools,
    forced_tool,
    misfits,
)
from pytest_lc_callbacks._words import hint, shown

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

_AUTOMATIC_TEXT = "Done."


@dataclass(slots=True, eq=False)
class Result:
    """
    What a call gives: a message, an error, or the chunks of a message and then an error.

    Attributes:
        message: The message with ids, usage and metadata; None if there is an error alone.

        error: The exception to raise instead, or after the chunks.

        chunks: The scripted chunks that the message is the sum of, if it is.

        recorded: The recorded result or chunks, to be given as they are, if there are any.
    """

    message: AIMessage | None
    error: BaseException | None = None
    chunks: Chunks | None = None
    recorded: Any = None

    def raise_error(self) -> None:
        """Raise the scripted error, if there is one."""
        if self.error is not None:
            raise self.error

    def pieces(self) -> Iterator[AIMessageChunk] | None:
        """The chunks of the message, if `AIMessageChunk`s were scripted."""
        if self.message is None or self.chunks is None or self.chunks.texts is not None:
            return None
        return complete_chunks(self.chunks.pieces, self.chunks.message, self.message, broken=self.is_broken)

    @property
    def is_broken(self) -> bool:
        """Whether the stream breaks before its end."""
        return self.error is not None or (self.chunks is not None and self.chunks.cut_off)

    @property
    def texts(self) -> Sequence[str] | None:
        """The text of the message in the scripted pieces, if texts were scripted as chunks."""
        return None if self.chunks is None else self.chunks.texts


class Turn:
    """
    A context manager around one call; it takes the response from the script and makes the result of it.

    Args:
        script: The script of the model.

        call: The call, which the script has noted. `Turn` writes an exception into `Call.error`.

        names: The name of the model object and that of its model: both become part of the ids of messages.

        usage: Whether the model reports usage.
    """

    def __init__(self, script: Script, call: Call, names: tuple[str, str], *, usage: bool = True) -> None:
        self._script = script
        self.call = call
        self._names = names
        self.model_name = names[1]
        self._usage = usage
        self.response: Response | None = None

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        # GeneratorExit means that the reader closed the stream: the response was given.
        if error is not None and not isinstance(error, GeneratorExit):
            self.call.error, self.call.response = error, None

    def take(self) -> FixedKind | Replayed | Unrecorded:
        """
        Take the response from the script, and call its function if it is one.

        Raises:
            FakeChatModelExhausted: If the script has no response for this call.
        """
        kind = self._take_kind()
        if not isinstance(kind, Function):
            return kind
        returned = self._ask(kind)
        return read_returned(_run(returned) if inspect.isawaitable(returned) else returned, kind)

    async def atake(self) -> FixedKind | Replayed | Unrecorded:
        """Like `take`; an asynchronous function is awaited in this loop."""
        kind = self._take_kind()
        if not isinstance(kind, Function):
            return kind
        returned = self._ask(kind)
        return read_returned(await returned if inspect.isawaitable(returned) else returned, kind)

    def result(self, kind: FixedKind) -> Result:
        """
        What the call gives for a response of this *kind*.

        Raises:
            ValueError: If the response does not fit the tools that are bound, or the tool choice.
        """
        if isinstance(kind, Failure):
            return Result(None, make_error(kind.error))
        if isinstance(kind, Data):
            kind = self._place(kind)
        self._check(kind.message)
        message = self._complete(kind.message)
        if isinstance(kind, Message):
            return Result(message)
        return Result(message, None if kind.error is None else make_error(kind.error), kind)

    def identity(self, response: str) -> str:
        """The id of a message that says *response*: the same on any machine, and another one the next time."""
        key = fingerprint(*self._names, response, prompt=self.call.prompt)
        times = self._script.times_given(key)
        return f"fake-{key}" if times == 1 else f"fake-{key}-{times}"

    def _take_kind(self) -> ResponseKind:
        self.response = self._script.take(self.call)
        return automatic_response(self.call) if self.response is None else self.response.kind

    def _ask(self, function: Function) -> Any:
        try:
            return function.function(asked(self.call))
        except StopIteration as error:
            # StopIteration would end the stream, or hang an asynchronous call, instead of failing it.
            raise RuntimeError(f"the scripted {function} has no response for call {self.call.number}") from error

    def _complete(self, template: AIMessage) -> AIMessage:
        call = self.call
        return complete(
            template,
            identity=self.identity(fingerprint_text(template)),
            usage=usage_of(call.prompt, template) if self._usage else None,
            metadata={"model_name": self.model_name},
            unique=self._script.unique,
        )

    def _check(self, message: AIMessage) -> None:
        """Refuse *message* if it does not fit the bound tools or the tool choice."""
        if not self.call.tools or (self.response is not None and not self.response.check_tools):
            return
        schemas = bound_schemas(self.call.tools)
        is_automatic = self.response is None
        for call in message.tool_calls:
            if problem := call_problem(call["name"], call["args"], schemas, is_automatic=is_automatic):
                raise ValueError(shown(problem))
        called = [str(call["name"]) for call in (*message.tool_calls, *message.invalid_tool_calls)]
        if problem := choice_problem(self.call.tool_choice, called, str(Message(message)), schemas):
            raise ValueError(shown(problem))

    def _place(self, data: Data) -> Message:
        """*data* as a call of the tool it belongs to, or as JSON text."""
        schemas = bound_schemas(self.call.tools)
        if data.name in schemas:
            return data.as_call(str(data.name))
        if not schemas or json_schema_of(self.call) is not None:
            return data.as_text()
        forced = forced_tool(self.call.tool_choice)
        fitting = [
            name for name, schema in schemas.items() if schema and schema.keywords and not schema.problem(data.fields)
        ]
        candidates = [forced] if forced in schemas else fitting or list(schemas)
        if len(candidates) == 1:
            return data.as_call(str(candidates[0]))
        raise ValueError(
            f"expected an object for one of the bound tools, but {data} fits {len(fitting) or 'none'} of them\n"
            f"{bound_tools_line(schemas)}\n{'' if fitting else misfits(data.fields, schemas)}"
            + hint(
                "name the tool, .respond(tool_calls=[(name, {...})]); to test a model whose arguments do not fit, add "
                "check_tools=False to that"
            )
        )


def automatic_response(call: Call) -> FixedKind:
    """
    How `auto` responds to *call*.

    It calls the tool that the tool choice demands; else a bound tool that was not called since the last question; else
    it gives the JSON that is asked for, or "Done.".
    """
    schemas = {name: schema for name, schema in bound_schemas(call.tools).items() if schema is not None}
    if forbids_tools(call.tool_choice):
        schemas = {}
    forced = forced_tool(call.tool_choice)
    if forced in schemas:
        return Data(example(schemas[forced])).as_call(str(forced))
    called = _called_since_question(call.prompt)
    if waiting := [name for name in schemas if name not in called]:
        return Data(example(schemas[waiting[0]])).as_call(waiting[0])
    schema = json_schema_of(call)
    return Message(AIMessage(content=_AUTOMATIC_TEXT)) if schema is None else Data(example(schema)).as_text()


def json_schema_of(call: Call) -> Schema | None:
    """The schema of the JSON text that *call* asks for, in OpenAI's form or Anthropic's; None if it asks for none."""
    wanted: Any = call.options.get("response_format") or (call.options.get("output_config") or {}).get("format")
    if not wanted:
        return None
    if not isinstance(wanted, dict):
        return Schema(getattr(wanted, "model_json_schema", dict)())
    if isinstance(wanted, JsonObject):
        return Schema(wanted.schema)
    schema = wanted.get("schema") or wanted.get("json_schema", {}).get("schema")
    return Schema(schema or {"type": "object"})


def _called_since_question(messages: Iterable[BaseMessage]) -> set[str]:
    """The tools that were called after the last message of a human."""
    called: set[str] = set()
    for message in messages:
        if isinstance(message, HumanMessage):
            called.clear()
        elif isinstance(message, AIMessage):
            called.update(call["name"] for call in message.tool_calls)
    return called


def _run(returned: Awaitable[Any]) -> Any:
    """Await *returned* in a synchronous call; in a thread of its own where an event loop runs in this one."""

    async def value() -> Any:
        return await returned

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(value())
    outcome: dict[str, Any] = {}
    thread = threading.Thread(target=copy_context().run, args=(_store, outcome, value))
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def _store(outcome: dict[str, Any], value: Any) -> None:
    try:
        outcome["value"] = asyncio.run(value())
    # `_run` raises it again in the thread that called.
    except BaseException as error:  # noqa: BLE001
        outcome["error"] = error
