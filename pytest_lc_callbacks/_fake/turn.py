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

from pytest_lc_callbacks._fake.messages import conformed, fingerprint, finished, said, usage_of
from pytest_lc_callbacks._fake.reading import (
    Chunks,
    Data,
    Failure,
    Fixed,
    Function,
    Message,
    Response,
    make_error,
    read_answer,
)
from pytest_lc_callbacks._fake.script import Call, Script
from pytest_lc_callbacks._fake.tools import (
    bound_schemas,
    call_problem,
    choice_problem,
    example,
    forbids_tools,
    forced_tool,
    schema_problem,
)

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

_AUTOMATIC_TEXT = "Done."


@dataclass(slots=True, eq=False)
class Answer:
    """
    What a call gets: a message, an error, or the chunks of a message and then an error.

    Attributes:
        message: The message with ids, usage and metadata.

        error: What to raise at the end, or instead.

        chunks: The scripted chunks it comes from, if it does.
    """

    message: AIMessage | None
    error: BaseException | None = None
    chunks: Chunks | None = None

    def finish(self) -> None:
        """Raise the scripted error, if there is one."""
        if self.error is not None:
            raise self.error

    def pieces(self) -> Iterator[AIMessageChunk] | None:
        """The chunks of the message, if they were scripted as such and not as texts."""
        if self.message is None or self.chunks is None or self.chunks.texts is not None:
            return None
        return conformed(self.chunks.pieces, self.chunks.message, self.message)

    @property
    def texts(self) -> Sequence[str] | None:
        """The text of the message in the pieces in which it was scripted, if it was."""
        return None if self.chunks is None else self.chunks.texts


class Turn:
    """
    A context manager around one call, in which its response is found and given.

    Args:
        script: Where the response comes from.

        call: The call, already noted in the script; what comes of it is noted on it.

        names: What tells this model from others: its name and its model's name.
    """

    def __init__(self, script: Script, call: Call, names: tuple[str, str]) -> None:
        self._script = script
        self.call = call
        self._names = names
        self.model_name = names[1]
        self.response: Response | None = None

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        # A closed generator is the reader's doing: the answer was given.
        if error is not None and not isinstance(error, GeneratorExit):
            self.call.error, self.call.response = error, None

    def reply(self) -> Fixed:
        """
        The reply of the script, functions asked.

        Raises:
            FakeChatModelExhausted: If the script has none for this call.
        """
        reply = self._scripted()
        if not isinstance(reply, Function):
            return reply
        answer = self._asked(reply)
        return read_answer(_run(answer) if inspect.isawaitable(answer) else answer, reply)

    async def areply(self) -> Fixed:
        """Like `reply`; functions may be asynchronous."""
        reply = self._scripted()
        if not isinstance(reply, Function):
            return reply
        answer = self._asked(reply)
        return read_answer(await answer if inspect.isawaitable(answer) else answer, reply)

    def answer(self, reply: Fixed) -> Answer:
        """
        What this call gets for *reply*: with ids, usage and metadata, checked against the bound tools.

        Raises:
            ValueError: If it calls a tool that is not bound, or with arguments that do not fit.
        """
        if isinstance(reply, Failure):
            return Answer(None, make_error(reply.error))
        if isinstance(reply, Data):
            reply = self._placed(reply)
        self._check(reply.message)
        message = self._finished(reply.message)
        if isinstance(reply, Message):
            return Answer(message)
        return Answer(message, None if reply.error is None else make_error(reply.error), reply)

    def _scripted(self) -> Fixed | Function:
        self.response = self._script.take(self.call)
        return automatic(self.call) if self.response is None else self.response.reply

    def _asked(self, function: Function) -> Any:
        try:
            return function.function(list(self.call.messages))
        except StopIteration as error:
            # It would end the stream, or hang an asynchronous call, instead of failing it.
            raise RuntimeError(f"the scripted {function} has no answer for call {self.call.number}") from error

    def _finished(self, template: AIMessage) -> AIMessage:
        call = self.call
        key = fingerprint(*self._names, said(template), prompt=call.prompt)
        count = self._script.times_given(key)
        return finished(
            template,
            identity=f"fake-{key}" if count == 1 else f"fake-{key}-{count}",
            usage=usage_of(call.prompt, template),
            metadata={"model_name": self.model_name},
            unique=self._script.unique,
        )

    def _check(self, message: AIMessage) -> None:
        if not self.call.tools or (self.response is not None and not self.response.check_tools):
            return
        schemas = bound_schemas(self.call.tools)
        is_automatic = self.response is None
        for call in message.tool_calls:
            if problem := call_problem(call["name"], call["args"], schemas, is_automatic=is_automatic):
                raise ValueError(problem)
        called = [str(call["name"]) for call in (*message.tool_calls, *message.invalid_tool_calls)]
        if problem := choice_problem(self.call.tool_choice, called, str(Message(message)), schemas):
            raise ValueError(problem)

    def _placed(self, data: Data) -> Message:
        schemas = bound_schemas(self.call.tools)
        if data.name in schemas:
            return data.as_call(str(data.name))
        if not schemas or wanted_json(self.call) is not None:
            return data.as_text()
        forced = forced_tool(self.call.tool_choice)
        fitting = [name for name, schema in schemas.items() if schema and not schema_problem(data.fields, schema)]
        candidates = [forced] if forced in schemas else fitting or list(schemas)
        if len(candidates) == 1:
            return data.as_call(str(candidates[0]))
        raise ValueError(
            f"expected an object for one of the bound tools, but {data} fits {len(fitting) or 'none'} of them\n"
            f"  bound tools: {', '.join(schemas)}\n"
            "hint: name the tool, .respond(tool_calls=[(name, {...})])"
        )


def automatic(call: Call) -> Fixed:
    """What `auto` answers: the tool that the tool choice demands, each other bound tool once, then a text."""
    schemas = {name: schema for name, schema in bound_schemas(call.tools).items() if schema is not None}
    if forbids_tools(call.tool_choice):
        schemas = {}
    forced = forced_tool(call.tool_choice)
    if forced in schemas:
        return Data(example(schemas[forced])).as_call(str(forced))
    called = _called_since_asked(call.prompt)
    if waiting := [name for name in schemas if name not in called]:
        return Data(example(schemas[waiting[0]])).as_call(waiting[0])
    schema = wanted_json(call)
    return Message(AIMessage(content=_AUTOMATIC_TEXT)) if schema is None else Data(example(schema)).as_text()


def wanted_json(call: Call) -> dict[str, Any] | None:
    """The schema of the JSON text that the call asks for, in OpenAI's form or Anthropic's; None if for none."""
    wanted: Any = call.options.get("response_format") or (call.options.get("output_config") or {}).get("format")
    if not wanted:
        return None
    if not isinstance(wanted, dict):
        return getattr(wanted, "model_json_schema", dict)()
    schema = wanted.get("schema") or wanted.get("json_schema", {}).get("schema")
    return schema or {"type": "object"}


def _called_since_asked(messages: Iterable[BaseMessage]) -> set[str]:
    called: set[str] = set()
    for message in messages:
        if isinstance(message, HumanMessage):
            called.clear()
        elif isinstance(message, AIMessage):
            called.update(call["name"] for call in message.tool_calls)
    return called


def _run(answer: Awaitable[Any]) -> Any:
    """The result of an asynchronous function in a synchronous call, beside a loop that may already run."""

    async def result() -> Any:
        return await answer

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(result())
    outcome: dict[str, Any] = {}
    context = copy_context()
    thread = threading.Thread(target=context.run, args=(_store, outcome, result))
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def _store(outcome: dict[str, Any], result: Any) -> None:
    try:
        outcome["value"] = asyncio.run(result())
    # Whatever it is, it is raised again in the thread that asked.
    except BaseException as error:  # noqa: BLE001
        outcome["error"] = error
