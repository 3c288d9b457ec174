"""
Where a handler is passed decides what it hears.

Callbacks given to a constructor are heard on that object's own runs only; callbacks given at run time are inherited by
every child run.
"""

from __future__ import annotations

from langchain_core.prompts import ChatPromptTemplate

from pytest_lc_callbacks import FakeChatModel


def test_constructor_callbacks_stay_on_the_model(recording_handler, assert_events):
    """A handler in the model's constructor hears the model, and no events of the chain around it."""
    model = FakeChatModel(responses=["1 + 2 = 3"], callbacks=[recording_handler])
    chain = ChatPromptTemplate.from_template("What is 1 + {number}?") | model

    chain.invoke({"number": "2"})

    assert_events(["chat_model_start", "llm_end"])


def test_runtime_callbacks_reach_every_child(recording_handler, fake_chat_model, assert_events):
    """A handler in the config of the call hears the chain and each of its steps."""
    chain = ChatPromptTemplate.from_template("What is 1 + {number}?") | fake_chat_model

    chain.invoke({"number": "2"}, config={"callbacks": [recording_handler]})

    assert_events(
        [
            "chain_start",  # RunnableSequence
            *["chain_start", "chain_end"],  # ChatPromptTemplate
            *["chat_model_start", "llm_end"],  # FakeChatModel
            "chain_end",
        ]
    )
