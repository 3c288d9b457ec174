"""Programs that let a value into LangChain, one for each place where LangChain lets a value in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import dispatch_custom_event
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.tools import StructuredTool
from pydantic import BaseModel

Config = RunnableConfig


class Answering(BaseChatModel):
    """A model that answers as it is told, and checks nothing."""

    answer: Any

    @property
    def _llm_type(self) -> str:
        return "answering"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult.model_construct(generations=[ChatGeneration.model_construct(message=self.answer, text="1")])


class AnyArguments(BaseModel):
    """A tool's arguments, whatever they are."""

    value: Any = None


class Shelf(BaseRetriever):
    """Gives one document that holds the value."""

    value: Any = None

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document.model_construct(page_content="x", metadata={"value": self.value}, type="Document")]


_is_async: ContextVar[bool] = ContextVar("is_async", default=False)


def run(runnable: Runnable[Any, Any], value: Any, config: Config) -> Any:
    """Call *runnable*, in an event loop of its own where `outcome` says so."""
    if not _is_async.get():
        return runnable.invoke(value, config)
    # Not asyncio.run: it prints a task's result when it puts back the handler of signals, and leaves it if that raises.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(runnable.ainvoke(value, config))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def one(value: Any) -> str:
    """A step that looks at nothing."""
    return "1"


def given_as_input(value: Any, config: Config) -> Any:
    return run(RunnableLambda(one, name="step"), value, config)


def given_as_output(value: Any, config: Config) -> Any:
    return run(RunnableLambda(lambda _: {"value": value}, name="step"), "q", config)


def given_as_run_name(value: Any, config: Config) -> Any:
    return run(RunnableLambda(one, name="step"), "q", {**config, "run_name": value})


def given_as_tag(value: Any, config: Config) -> Any:
    return run(RunnableLambda(one, name="step"), "q", {**config, "tags": [value]})


def given_as_metadata(value: Any, config: Config) -> Any:
    return run(RunnableLambda(one, name="step"), "q", {**config, "metadata": {"value": value}})


def given_as_run_id(value: Any, config: Config) -> Any:
    return run(RunnableLambda(one, name="step"), "q", {**config, "run_id": value})


def given_as_content(value: Any, config: Config) -> Any:
    message = HumanMessage.model_construct(content=value, type="human", additional_kwargs={}, response_metadata={})
    return run(GenericFakeChatModel(messages=iter([AIMessage("1")])), [message], config)


def given_as_tokens(value: Any, config: Config) -> Any:
    usage = {"input_tokens": value, "output_tokens": value, "total_tokens": value}
    answer = AIMessage.model_construct(content="1", type="ai", usage_metadata=usage, tool_calls=[], id="a")
    return run(Answering(answer=answer), "q", config)


def given_to_a_tool(value: Any, config: Config) -> Any:
    return run(StructuredTool.from_function(one, name="tool", description="x"), {"value": value}, config)


def given_by_a_tool(value: Any, config: Config) -> Any:
    tool = StructuredTool.from_function(lambda value: [value], name="tool", description="x", args_schema=AnyArguments)
    return run(tool, {"value": 1}, config)


def given_as_document(value: Any, config: Config) -> Any:
    return run(Shelf(value=value), "q", config)


def given_as_custom_event(value: Any, config: Config) -> Any:
    return run(RunnableLambda(lambda _: dispatch_custom_event("custom", value), name="step"), "q", config)


class CarryingError(Exception):
    """An exception that carries a value."""


def given_in_an_exception(value: Any, config: Config) -> Any:
    def fail(_: Any) -> Any:
        raise CarryingError(value)

    try:
        run(RunnableLambda(fail, name="step"), "q", config)
    except CarryingError:
        return "raised"


def given_as_a_cause(value: Any, config: Config) -> Any:
    def fail(_: Any) -> Any:
        raise CarryingError("outer") from (value if isinstance(value, BaseException) else CarryingError(value))

    try:
        run(RunnableLambda(fail, name="step"), "q", config)
    except CarryingError:
        return "raised"


PLACES: dict[str, Callable[[Any, Config], Any]] = {
    "input": given_as_input,
    "output": given_as_output,
    "run name": given_as_run_name,
    "tag": given_as_tag,
    "metadata": given_as_metadata,
    "run id": given_as_run_id,
    "content": given_as_content,
    "tokens": given_as_tokens,
    "tool argument": given_to_a_tool,
    "tool output": given_by_a_tool,
    "document": given_as_document,
    "custom event": given_as_custom_event,
    "exception": given_in_an_exception,
    "cause": given_as_a_cause,
}


def outcome(place: Callable[[Any, Config], Any], value: Any, config: Config, *, in_loop: bool = False) -> str:
    """What a program comes to, called sync or *in_loop*: ``"ok"``, or the type of what it raises."""
    _is_async.set(in_loop)
    try:
        place(value, config)
    # Whatever the value makes LangChain raise is what a watched program has to raise too.
    except BaseException as error:  # noqa: BLE001
        return type(error).__name__
    return "ok"
