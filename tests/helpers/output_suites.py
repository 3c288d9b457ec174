"""A suite with every outcome, and the lines that a session writes of it."""

from __future__ import annotations

from pytest_lc_callbacks._report.lines import read_lines

SUITE = """
import unittest

import pytest
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import FakeChatModel


def test_passes(recording_handler, callback_scopes):
    model = FakeChatModel(responses=["3"], callbacks=[recording_handler])
    (ChatPromptTemplate.from_template("What is 1 + {number}?") | model).invoke({"number": "2"})


def test_fails(recording_handler, fake_chat_model):
    chain = fake_chat_model | RunnableLambda(lambda message: 1 / 0, name="divide")
    chain.invoke("x", config={"callbacks": [recording_handler]})


def test_found(recording_handler, fake_chat_model):
    fake_chat_model.invoke("x", config={"callbacks": [recording_handler, recording_handler]})


@pytest.mark.skip(reason="not now")
def test_skipped():
    pass


@pytest.mark.xfail(reason="known", strict=True)
def test_expected(fake_chat_model):
    fake_chat_model.invoke("x")
    raise ValueError("why")


@pytest.mark.xfail(reason="known")
def test_unexpected():
    pass


@pytest.fixture
def broken():
    raise RuntimeError("in set-up")


@pytest.fixture
def broken_later():
    yield
    raise RuntimeError("in tear-down")


def test_broken(broken):
    pass


def test_broken_later(broken_later, fake_chat_model):
    fake_chat_model.invoke("x")


@pytest.mark.parametrize("text", ["a", "b"])
def test_each(text, fake_chat_model):
    fake_chat_model.invoke(text)


class TestOld(unittest.TestCase):
    def test_fails(self):
        self.fail("unittest")

    def test_subtests(self):
        for number in range(2):
            with self.subTest(number=number):
                self.assertEqual(number, 0)


def test_plain():
    '''
    >>> 1 + 1
    2
    '''
"""
# For a session that starts processes: half of what a process takes to be ready are plugins that it does not need.
LIGHT = [
    *("-p", "no:langsmith_plugin", "-p", "no:respx", "-p", "no:inline_snapshot", "-p", "no:syrupy"),
    *("-p", "no:pytest_httpserver", "-p", "no:hypothesispytest"),
]
OUTCOMES = {
    "test_passes": "passed",
    "test_fails": "failed",
    "test_found": "failed",
    "test_skipped": "skipped",
    "test_expected": "xfailed",
    "test_unexpected": "xpassed",
    "test_broken": "error",
    "test_broken_later": "error",
    "test_each[a]": "passed",
    "test_each[b]": "passed",
    "TestOld::test_fails": "failed",
    "test_plain": "passed",
}
# What --lc-callbacks-tree prints of test_passes.
TREE = [
    "RunnableSequence *ms  RecordingHandler: missed",
    "├── ChatPromptTemplate *ms  RecordingHandler: missed",
    "└── FakeChatModel *ms",
]


def lines_of(path):
    told = []
    lines = list(read_lines([path], told.append))
    assert told == []
    assert "cannot be shown" not in path.read_text()
    return lines


def by_name(path):
    return {line["test"].split("::", 1)[1]: line for line in lines_of(path) if line["kind"] == "test"}
