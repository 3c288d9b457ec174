"""ScopeTable: who heard which run, as plain data that prints as a table."""

from __future__ import annotations

import json

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel

from pytest_lc_callbacks import RecordingHandler, observe_callbacks
from pytest_lc_callbacks._scopes.table import ScopeTable

PROMPT = ChatPromptTemplate.from_template("{q}")


def chain(**options):
    """A prompt and a model."""
    return PROMPT | FakeListChatModel(responses=["x"], **options)


def test_the_table_of_the_guide():
    """
    A table has a row for each run, drawn as a tree, and a column for each recording.
    """
    audit, handler = RecordingHandler(), RecordingHandler()
    with observe_callbacks() as observer:
        chain(callbacks=[audit]).invoke({"q": 1}, {"callbacks": [handler]})
        table = observer.table(constructor=audit, runtime=handler)

    assert str(table).splitlines() == [
        "                         constructor   runtime",
        "RunnableSequence         missed        heard",
        "├── ChatPromptTemplate   missed        heard",
        "└── FakeListChatModel    heard         heard",
    ]


def test_the_rows_are_plain_data():
    """
    Rows and columns compare with ``==`` and travel as JSON; two tables of the same are equal.
    """
    handler = RecordingHandler()
    with observe_callbacks() as observer:
        chain().invoke({"q": 1}, {"callbacks": [handler]})
        table = observer.table(handler=handler)

        assert table == observer.table(handler=handler)
        assert table != observer.table(another=handler)

    assert table.columns == ("handler",)
    assert table.rows == [
        ("RunnableSequence", "heard"),
        ("ChatPromptTemplate", "heard"),
        ("FakeListChatModel", "heard"),
    ]
    assert json.loads(json.dumps(table.rows))[0] == ["RunnableSequence", "heard"]
    assert len({table, observer.table(handler=handler)}) == 1


def test_without_recordings_it_is_the_tree_of_what_ran():
    """
    A table of nothing but the runs has no heads, and one without runs says so.
    """
    with observe_callbacks() as observer:
        assert str(observer.table()) == "(no runs)"
        chain().invoke({"q": 1})

        assert str(observer.table()) == str(observer.tree)


def test_each_way_of_hearing_has_its_word():
    """
    A cell says missed, heard partly, heard, heard twice or heard 3 times.
    """

    class Impatient(RecordingHandler):
        """A handler that stops listening after the first event."""

        def on_chat_model_start(self, *args, **kwargs):
            self.raise_error = False
            return super().on_chat_model_start(*args, **kwargs)

        def on_llm_end(self, *args, **kwargs):
            return None

    once, twice, thrice, partly, never = (RecordingHandler() for _ in range(5))
    partly = Impatient()
    with observe_callbacks() as observer:
        handlers = [once, twice, twice, thrice, thrice, thrice, partly]
        FakeListChatModel(responses=["x"]).invoke("hi", {"callbacks": handlers})
        table = observer.table(once=once, twice=twice, thrice=thrice, partly=partly, never=never)

    assert table.rows == [
        ("FakeListChatModel", "heard", "heard twice", "heard 3 times", "heard partly", "missed"),
    ]


def test_ten_recordings_and_a_hundred_runs_stay_readable():
    """
    A table that is wider than a screen has numbers as heads, and a longer one repeats its heads at the end.
    """
    handlers = {f"the_handler_of_department_{number}": RecordingHandler() for number in range(10)}
    wide = RunnableParallel({f"branch_{number}": RunnableLambda(len, name=f"step_{number}") for number in range(99)})
    with observe_callbacks() as observer:
        wide.invoke("hi", {"callbacks": list(handlers.values())})
        table = observer.table(**handlers)
    lines = str(table).splitlines()

    assert len(table.rows) == 100
    assert max(map(len, lines)) <= 150
    assert lines[0] == "1 = the_handler_of_department_0"
    assert lines[11].split() == lines[-1].split() == [str(number) for number in range(1, 11)]
    # The name of a RunnableParallel is as long as its keys; it is cut in the picture alone.
    assert lines[12].startswith("RunnableParallel<branch_0,branch_1,")
    assert "..." in lines[12]
    assert table.rows[0][0].endswith("branch_98>")


def test_a_handler_of_ones_own_is_not_a_recording():
    """
    table() refuses a handler that records nothing, and names spy_on.
    """
    with observe_callbacks() as observer, pytest.raises(TypeError, match=r"table\(audit=...\) takes a Recording, not"):
        observer.table(audit=BaseCallbackHandler())


def test_a_table_shows_the_runs_that_checks_are_about():
    """
    A table shows the runs that a check is about: in a section() its own, and after it all.
    """
    with observe_callbacks() as observer:
        RunnableLambda(len, name="before").invoke("hi")
        with observer.section():
            RunnableLambda(len, name="inside").invoke("hi")
            inside = observer.table()
        after = observer.table()

    assert inside == ScopeTable((), [("inside",)])
    assert after.rows == [("before",), ("inside",)]
