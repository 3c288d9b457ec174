"""Which handlers were sent something else than the observer."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import FakeChatModel, RecordingHandler, observe_callbacks
from pytest_lc_callbacks._handlers.observer import observed_runs
from pytest_lc_callbacks._scopes import sent_otherwise


class Writer(BaseCallbackHandler):
    """Writes into what LangChain hands to all handlers."""

    def on_chain_start(self, serialized, inputs, **kwargs):
        if isinstance(inputs, dict):
            inputs["written"] = True


def otherwise(program, *handlers):
    with observe_callbacks() as observer:
        program({"callbacks": list(handlers)})
    runs = observed_runs(observer).runs
    return [{run.label for run in sent_otherwise(h, runs)} for h in handlers if isinstance(h, RecordingHandler)]


def test_a_handler_that_writes():
    """
    A handler before one that writes into the payload was sent something else than the observer, which comes last.
    """
    step = RunnableLambda(lambda x: x, name="step")

    before, after = otherwise(
        lambda config: step.invoke({"a": 1}, config), RecordingHandler(), Writer(), RecordingHandler()
    )

    assert (before, after) == ({"step"}, set())


CHAIN = ChatPromptTemplate.from_template("What is 1 + {number}?") | FakeChatModel() | StrOutputParser()
PROGRAMS = {
    "invoke": lambda config: CHAIN.invoke({"number": "2"}, config),
    "stream": lambda config: list(CHAIN.stream({"number": "2"}, config)),
    "batch": lambda config: CHAIN.batch([{"number": "2"}, {"number": float("nan")}], config),
    "ainvoke": lambda config: asyncio.run(CHAIN.ainvoke({"number": "2"}, config)),
    "sets": lambda config: RunnableLambda(frozenset).invoke({1, "a", (2,)}, config),
    "a run id that comes back": lambda config: [
        CHAIN.with_config(run_id="123e4567-e89b-12d3-a456-426614174000").invoke({"number": n}, config) for n in "23"
    ],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_handlers_that_only_listen(program):
    """
    Where nobody writes, every handler was sent what the observer was sent, in every mode.
    """
    assert otherwise(PROGRAMS[program], RecordingHandler(), RecordingHandler()) == [set(), set()]


def test_the_table_tells():
    """
    A cell of the table, and a row of a failed check, says that a handler was sent another payload.
    """
    before, after = RecordingHandler(), RecordingHandler()
    step = RunnableLambda(lambda x: x, name="step")

    with observe_callbacks() as observer:
        step.invoke({"a": 1}, {"callbacks": [before, Writer(), after]})
        RunnableLambda(lambda x: x, name="unheard").invoke({"a": 1})

        assert observer.table(before=before, after=after).rows == [
            ("step", "heard, other payload", "heard"),
            ("unheard", "missed", "missed"),
        ]
        with pytest.raises(AssertionError, match=r"(?m)^  heard, other payload  step$"):
            before.assert_runtime_scope()
