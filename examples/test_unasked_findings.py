"""
A test hears of what it did not ask about: handlers that fail, runs that stay open, scripts that are left over.

Each test here does something that would earn it a finding, and says that it means to; take the marker away to see the
finding.
"""

from __future__ import annotations

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda


class Audit(BaseCallbackHandler):
    """An audit log that keeps the names of chains, and does not know that LangChain sends ``serialized=None``."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_chain_start(self, serialized, inputs, **kwargs):
        self.names.append(serialized["name"])


@pytest.mark.lc_callbacks(handler_error="off")
def test_a_spy_shows_what_a_handler_raised(spy_on):
    """LangChain swallows what a handler raises; the spy has it."""
    audit = Audit()
    spy = spy_on(audit)

    RunnableLambda(str.upper).invoke("a", config={"callbacks": [audit]})

    assert audit.names == []
    assert [type(error) for error in spy.raised] == [TypeError]
    spy.assert_events(["chain_start", "chain_end"])


@pytest.mark.lc_callbacks(unused_response="off")
def test_a_script_that_is_longer_than_the_conversation(fake_chat_model):
    """A response that nobody asks for is a finding: the code under test may have stopped early."""
    fake_chat_model.respond("one").respond("two")

    assert fake_chat_model.invoke("hello").content == "one"


@pytest.mark.lc_callbacks(orphan_run="off")
def test_callbacks_of_its_own(recording_handler, fake_chat_model):
    """Inside a function, a list of callbacks replaces the inherited handlers: the chain's own do not hear the model."""
    chain = RunnableLambda(lambda text: fake_chat_model.invoke(text, config={"callbacks": []}), name="chain")

    chain.invoke("hello", config={"callbacks": [recording_handler]})

    assert recording_handler.names == ["chain_start", "chain_end"]


@pytest.mark.lc_callbacks(block_real_models=True)
def test_no_test_calls_a_real_model_by_mistake(fake_chat_model):
    """A call of a provider's model would fail before it reaches the network; fakes are let through."""
    assert fake_chat_model.invoke("hello").content
