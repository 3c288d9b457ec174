"""
Who hears what: run it, then break it.

LangChain gives a handler one of two scopes. Callbacks of a constructor are heard on that object's own runs. Callbacks
of a call, or of with_config, are inherited by every run inside. Which one a handler has is asked of what really ran.
Each test ends with a change that makes it fail, and the failure says what happened.
"""

from __future__ import annotations

from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.runnables.config import ContextThreadPoolExecutor, merge_configs
from langchain_core.tools import StructuredTool

from pytest_lc_callbacks import FakeChatModel, RecordingHandler

PROMPT = ChatPromptTemplate.from_template("Where is {place}?")
OSLO = {"place": "Oslo"}


def test_constructor_scope(recording_handler):
    """A handler in a model's constructor hears that model, and nothing of the chain around it."""
    model = FakeChatModel(callbacks=[recording_handler])

    (PROMPT | model).invoke(OSLO)

    recording_handler.assert_constructor_scope(model)
    # Break it: pass the handler to invoke as well, config={"callbacks": [recording_handler]}.


def test_runtime_scope(recording_handler, fake_chat_model):
    """A handler in the config of a call hears the chain and every step, each once."""
    chain = PROMPT | fake_chat_model

    chain.invoke(OSLO, config={"callbacks": [recording_handler]})

    recording_handler.assert_runtime_scope()
    # Break it: pass it twice, config={"callbacks": [recording_handler, recording_handler]}.


def test_who_heard_what(recording_handler, callback_scopes):
    """A table has a row for each run and a column for each handler: print it, or compare it as plain data."""
    audit = RecordingHandler()
    chain = PROMPT | FakeChatModel(callbacks=[audit])

    chain.invoke(OSLO, config={"callbacks": [recording_handler]})

    table = callback_scopes.table(constructor=audit, runtime=recording_handler)
    assert table.rows == [
        ("RunnableSequence", "missed", "heard"),
        ("ChatPromptTemplate", "missed", "heard"),
        ("FakeChatModel", "heard", "heard"),
    ]
    # Break it: pass audit at run time too, config={"callbacks": [recording_handler, audit]}.


def test_what_a_tool_calls(recording_handler, fake_chat_model):
    """What runs inside a tool is heard by a handler of the call, never by one of the tool's constructor."""

    def look_up(place: str) -> str:
        """Look a place up."""
        return str(fake_chat_model.invoke(f"Where is {place}?").content)

    tool = StructuredTool.from_function(look_up)

    tool.invoke(OSLO, config={"callbacks": [recording_handler]})

    recording_handler.assert_runtime_scope()
    # Break it: StructuredTool.from_function(look_up, callbacks=[recording_handler]), and no config for invoke.


def test_callbacks_are_added_inside_a_function(recording_handler, fake_chat_model):
    """Inside a function, a list of callbacks would replace the inherited ones; merge_configs adds to them."""
    mine = RecordingHandler()

    def ask(place: str, config: RunnableConfig) -> str:
        return str(fake_chat_model.invoke(place, config=merge_configs(config, {"callbacks": [mine]})).content)

    RunnableLambda(ask).invoke("Oslo", config={"callbacks": [recording_handler]})

    recording_handler.assert_runtime_scope()
    mine.assert_runtime_scope(under=fake_chat_model, only=True)
    # Break it: config={"callbacks": [mine]}.


def test_threads(recording_handler, fake_chat_model):
    """LangChain's executor hands the callbacks into its threads; Python's own does not."""

    def ask_at_once(places: list[str]) -> list[str]:
        with ContextThreadPoolExecutor() as executor:
            return [str(message.content) for message in executor.map(fake_chat_model.invoke, places)]

    RunnableLambda(ask_at_once).invoke(["Oslo", "Bergen"], config={"callbacks": [recording_handler]})

    recording_handler.assert_runtime_scope()
    # Break it: from concurrent.futures import ThreadPoolExecutor, and use that.


def test_one_part_of_a_test(recording_handler, fake_chat_model, callback_scopes):
    """A section limits a check to the runs that begin in its block."""
    chain = PROMPT | fake_chat_model
    chain.invoke(OSLO)  # a warm-up that the handler is not meant to hear

    with callback_scopes.section():
        chain.invoke(OSLO, config={"callbacks": [recording_handler]})
        recording_handler.assert_runtime_scope()
    # Break it: move the assertion out of the block.


def test_a_step_with_a_handler_of_its_own(recording_handler, fake_chat_model):
    """with_config on a step is heard by that step and what runs inside, and no further."""
    answer = (fake_chat_model | RunnableLambda(str, name="text")).with_config(
        run_name="answer", callbacks=[recording_handler]
    )

    (PROMPT | answer).invoke(OSLO)

    recording_handler.assert_runtime_scope(under="answer", only=True)
    # Break it: move callbacks=[recording_handler] to the call of invoke, config={"callbacks": [recording_handler]}.
