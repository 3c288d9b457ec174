"""
What a type checker says to users: never run, read by mypy and pyright.

A line with an ignore must *not* type-check: both tools complain about an ignore that nothing needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

from langchain_core.messages import AIMessage, HumanMessage

from pytest_lc_callbacks import (
    Event,
    EventName,
    FakeChatModel,
    FakeChatModelExhausted,
    FakeChatModelMiss,
    FakeLLM,
    Observer,
    Recording,
    RecordingHandler,
    Run,
    any_order,
    event,
    many,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_core.language_models import BaseChatModel, BaseLLM
    from langchain_core.runnables import RunnableConfig


def a_handler_goes_where_langchain_takes_one() -> RunnableConfig:
    """A recording handler is a callback handler."""
    handler: BaseCallbackHandler = RecordingHandler()
    return {"callbacks": [handler]}


def fixtures_have_types(
    recording_handler: RecordingHandler,
    fake_chat_model: FakeChatModel,
    assert_events: Callable[[Sequence[Any]], None],
) -> None:
    """What a test may annotate its arguments with."""
    FakeChatModel(callbacks=[recording_handler]).invoke("hello")
    assert_type(fake_chat_model.invoke("hello"), AIMessage)
    assert_events(["chat_model_start", "llm_end"])


def questions_have_answers(recording: Recording) -> None:
    """Each question answers with plain data, or with a recording that can be asked again."""
    assert_type(recording.events, list[Event])
    assert_type(recording.names, list[EventName])
    assert_type(recording.runs, list[Run])
    assert_type(recording.errors, list[BaseException])
    assert_type(recording.count("llm_end", run="FakeChatModel"), int)
    assert_type(recording.where("llm_end", tags={"prod"}, under="agent"), Recording)
    assert_type(recording.where(run=recording.runs[0], run_id=recording.runs[0].run_id), Recording)
    assert_type(recording.count(tags=(tag for tag in ["prod"]), metadata={"team": "x"}, token="a", thread=1), int)
    assert_type(recording.without("llm_new_token"), Recording)
    assert_type(recording.one("tool_start", parent=None).inputs, Any)
    assert_type(recording.one("llm_end").name, str)
    assert "Paris" in recording.one("llm_end").text
    assert recording.one("chat_model_start").messages[0].content == "hello"
    assert recording.one("llm_end").usage["total_tokens"] == 3
    assert recording.runs[0].error.args
    assert_type(str(recording.tree), str)
    assert_type(recording.snapshot(), list[dict[str, Any]])


def the_grammar_nests(recording: Recording, names: list[EventName]) -> None:
    """Names, `...` and patterns mix, and a list of names from elsewhere is welcome."""
    recording.assert_events(
        ["chain_start", ..., many("llm_new_token", "stream_event", min=0), event("llm_end", text="ok")]
    )
    recording.assert_events([any_order(["tool_start", "tool_end"], [event(run="search"), many(event("text"))])])
    recording.assert_events(names)
    recording.assert_events(recording.names)
    recording.assert_events(["on_llm_end"])
    recording.assert_no_errors(ignore=TimeoutError)
    recording.assert_no_errors(ignore=(TimeoutError, ValueError))
    recording.assert_no_events("llm_error", run_type="llm")
    recording.assert_no_events(parent=None, error=ValueError, inputs={"q": "x"})
    recording.assert_finished()
    recording.assert_run_tree("FakeChatModel", any_order=True)


def a_model_is_scripted() -> BaseChatModel:
    """The model is a chat model, and its builder can be chained."""
    model = FakeChatModel(responses=["one", AIMessage("two"), TimeoutError()])
    model.respond("Paris").respond(tool_calls=[("search", {"q": "weather"})]).respond(TimeoutError, times=2)
    model.respond(lambda messages: f"{len(messages)} messages", always=True)
    model.respond(chunks=["Par", "is"], then_raise=TimeoutError())
    assert_type(model.on("refund").respond("Certainly."), FakeChatModel)
    assert model.calls[0].messages == [HumanMessage("hello")]
    assert issubclass(FakeChatModelExhausted, Exception)
    with model.respond(chunks=["Par"], cut_off=True).stand_in_for(FakeChatModel):
        model.invoke("hello")
    assert_type(FakeChatModel.replay("calls.jsonl", real=model, provider="openai"), FakeChatModel)
    assert issubclass(FakeChatModelMiss, RuntimeError)
    return model


def a_text_llm_is_scripted() -> BaseLLM:
    """A text LLM is scripted in the same way."""
    llm = FakeLLM(responses=["one"], usage=False)
    llm.on("refund").respond("Certainly.", times=2)
    return llm.respond(lambda prompt: f"{len(prompt)} characters")


def a_tool_fails(observer: Observer) -> None:
    """A fault tells how often it struck."""
    with observer.fail_tool("search", TimeoutError("down"), on_call=3, after=0.5) as fault:
        assert fault.struck == 0
    assert_type(observer.save_model_calls("calls.jsonl"), int)


def mistakes_are_found(recording: Recording, model: FakeChatModel) -> None:
    """What is wrong at run time is wrong before: mypy warns of an ``ignore`` that it does not need."""
    recording.assert_events("llm_end", "chain_end")  # type: ignore[arg-type]
    recording.assert_events(["chat_model_end"])  # type: ignore[list-item]
    recording.assert_events([any_order(["chain_strat"])])  # type: ignore[list-item]
    recording.count("llm_ends")  # type: ignore[arg-type]
    event("chat_model_end")  # type: ignore[arg-type]
    many("llm_new_tokens")  # type: ignore[arg-type]
    recording.assert_events(3)  # type: ignore[arg-type]
    recording.assert_events()  # type: ignore[call-arg]
    recording.assert_run_tree(["FakeChatModel"])  # type: ignore[arg-type]
    recording.assert_no_errors(ignore="TimeoutError")  # type: ignore[arg-type]
    recording.count(3)  # type: ignore[arg-type]
    recording.evnts  # type: ignore[attr-defined]  # noqa: B018
    event(3)  # type: ignore[arg-type]
    event("llm_end", tags=3)  # type: ignore[arg-type]
    event("llm_end", run=3)  # type: ignore[arg-type]
    event("llm_end", tag="prod")  # type: ignore[call-arg]
    recording.where("llm_end", runs="agent")  # type: ignore[call-arg]
    recording.where("llm_end", under=None)  # type: ignore[arg-type]
    recording.count("llm_end", metadata="x")  # type: ignore[arg-type]
    recording.count(nmae="llm_end")  # type: ignore[call-arg]
    recording.one("llm_end", parent=3)  # type: ignore[arg-type]
    recording.one("llm_end", txet="Paris")  # type: ignore[call-arg]
    recording.assert_no_events(run_type=3)  # type: ignore[arg-type]
    recording.assert_no_events("llm_end", run_typ="tool")  # type: ignore[call-arg]
    many("llm_new_token", min="1")  # type: ignore[arg-type]
    many("llm_new_token", max=1)  # type: ignore[call-arg]
    model.respond(3)  # type: ignore[arg-type]
    model.respond(tool_calls=["search"])  # type: ignore[list-item]
    model.respond("Paris", times="2")  # type: ignore[arg-type]
    model.answer("Paris")  # type: ignore[attr-defined]
    event("llm_end").name = "llm_start"  # type: ignore[misc]
