"""A fingerprint of the process: it is the same before and after each kind of test, however the test ends."""

from __future__ import annotations

import contextvars
import copyreg
import logging
import os
import threading

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, manager
from langchain_core.language_models import LLM, BaseChatModel, FakeListChatModel
from langchain_core.language_models.llms import BaseLLM
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool
from langchain_core.tracers import context

from pytest_lc_callbacks import FakeChatModel, _made
from pytest_lc_callbacks._handlers.configure_hook import _ConfigureVar
from pytest_lc_callbacks._scopes import ACTIVE_OBSERVERS

CLASSES = [
    AsyncCallbackHandler, BaseCallbackHandler, BaseChatModel, BaseLLM, BaseRetriever, BaseTool, FakeChatModel,
    FakeListChatModel, LLM, manager.AsyncCallbackManager, manager.BaseCallbackManager, manager.CallbackManager,
]  # fmt: skip
# Python and LangChain keep these for themselves.
CACHES = {"__annotations__", "__abstractmethods__", "_abc_impl", "__pydantic_core_schema__", "__annotations_cache__"}


def fingerprint():
    """What a test must leave as it was."""
    loggers = [logging.getLogger(), *map(logging.getLogger, sorted(logging.root.manager.loggerDict))]
    ours = [hook[0] for hook in context._configure_hooks if isinstance(hook[0], _ConfigureVar)]
    return {
        "attributes": {(cls, name): id(value) for cls in CLASSES for name, value in _own(cls)},
        "loggers": {
            logger.name: (
                logger.level,
                logger.propagate,
                list(logger.filters),
                list(logger.handlers),
                sorted(vars(logger)),
            )
            for logger in loggers
            if logger.name.startswith(("langchain", "langgraph", "langsmith", "root", "pytest_lc"))
        },
        "hooks": [hook for hook in context._configure_hooks if not isinstance(hook[0], _ConfigureVar)],
        "observers": (ACTIVE_OBSERVERS.observers, [var.observer for var in ours if var.observer is not None]),
        "listeners": list(_made._listeners),
        "copies": (copyreg.__newobj__, copyreg.__newobj_ex__),
        "context": {var.name: value for var, value in contextvars.copy_context().items() if "lc_callbacks" in var.name},
        "threads": {thread.name for thread in threading.enumerate() if "asyncio" not in thread.name},
        "environment": {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
    }


def _own(cls):
    return [(name, value) for name, value in vars(cls).items() if name not in CACHES]


PROGRAM = """
import asyncio, unittest
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from pytest_lc_callbacks import FakeChatModel

class Audit(BaseCallbackHandler):
    def __init__(self):
        self.seen = []

    def on_llm_end(self, response, **kwargs):
        self.seen.append("llm_end")

class Broken(BaseCallbackHandler):
    def on_llm_end(self, response, **kwargs):
        raise ValueError("broken")

@pytest.fixture
def broken_setup(callback_scopes, spy_on):
    spy_on(Audit)
    raise ValueError("set-up")

@pytest.fixture
def broken_teardown(callback_scopes, spy_on):
    spy_on(Audit)
    yield
    raise ValueError("tear-down")

@pytest.fixture
def interrupted_setup(spy_on):
    spy_on(Audit)
    raise KeyboardInterrupt

@pytest.fixture
def interrupted_teardown(spy_on):
    spy_on(Audit)
    yield
    raise KeyboardInterrupt

@pytest.fixture
def exit_in_setup(spy_on):
    spy_on(Audit)
    pytest.exit("enough")

def run(*handlers):
    return FakeChatModel().invoke("hi", {"callbacks": list(handlers)})

@pytest.fixture(scope="session", autouse=True)
def as_it_was():
    before = dict(vars(Audit))
    yield
    # Python before 3.14 gives a class an empty __annotations__ as soon as somebody asks for it.
    assert {name: value for name, value in vars(Audit).items() if name != "__annotations__"} == before

"""

BLOCKED = "-olc_callbacks_block_real_models=true"
KINDS = {
    "passing": "def test_it(callback_scopes):\n    run()",
    "failing": "def test_it(recording_handler):\n    run(recording_handler)\n    assert 0",
    "a finding": "def test_it(fake_chat_model):\n    run(Broken())",
    "an error in set-up": "def test_it(broken_setup):\n    run()",
    "an error in tear-down": "def test_it(broken_teardown):\n    run()",
    "a skip": "def test_it(callback_scopes):\n    run()\n    pytest.skip('now')",
    "a skip in set-up": "@pytest.mark.skip\ndef test_it(callback_scopes):\n    run()",
    "expected to fail": "@pytest.mark.xfail\ndef test_it(callback_scopes):\n    run()\n    assert 0",
    "expected to fail, and passing": "@pytest.mark.xfail(strict=True)\ndef test_it(callback_scopes):\n    run()",
    "unittest": """
@pytest.mark.lc_callbacks
class TestIt(unittest.TestCase):
    def test_it(self):
        run()
        self.assertEqual(1, 2)
""",
    "subtests": """
def test_it(subtests, callback_scopes):
    for n in range(2):
        with subtests.test(n=n):
            run()
            assert n
""",
    "async": "def test_it(callback_scopes):\n    asyncio.run(FakeChatModel().ainvoke('hi'))\n    assert 0",
    "async, with a plugin": """
@pytest.mark.asyncio
async def test_it(callback_scopes, spy_on):
    spy_on(Audit)
    await FakeChatModel().ainvoke('hi', {"callbacks": [Audit()]})
""",
    "a spied handler": "def test_it(spy_on):\n    spy_on(audit := Audit())\n    run(audit)\n    assert 0",
    "a spied class": "def test_it(spy_on):\n    spy_on(Audit)\n    run(Audit())\n    assert 0",
    "a spied handler that raises": "def test_it(spy_on):\n    spy = spy_on(broken := Broken())\n    run(broken)",
    "a class that cannot be spied on": "def test_it(spy_on):\n    spy_on(Audit)\n    spy_on(int)",
    "a section": "def test_it(callback_scopes):\n    with callback_scopes.section():\n        run()\n        assert 0",
    "parametrized": """
@pytest.mark.parametrize("n", range(3))
def test_it(callback_scopes, n):
    run()
    assert n
""",
    "a wrong marker": "@pytest.mark.lc_callbacks(handler_eror='off')\ndef test_it():\n    run()",
    "got late": "def test_it(request):\n    request.getfixturevalue('spy_on')(Audit)\n    run(Audit())\n    assert 0",
    "exit": "def test_it(spy_on):\n    spy_on(Audit)\n    run(Audit())\n    pytest.exit('enough')",
    "exit in set-up": "def test_it(exit_in_setup):\n    run()",
    "interrupted": "def test_it(spy_on):\n    spy_on(Audit)\n    run(Audit())\n    raise KeyboardInterrupt",
    "interrupted in set-up": "def test_it(interrupted_setup):\n    run()",
    "interrupted in tear-down": "def test_it(interrupted_teardown):\n    run()",
    "an exception that ends everything": "def test_it(callback_scopes):\n    run()\n    raise SystemExit(3)",
    "pytest inside pytest": """
def test_it(spy_on, tmp_path):
    spy_on(Audit)
    inner = tmp_path / "test_inner.py"
    inner.write_text("def test_it(callback_scopes):\\n    raise KeyboardInterrupt")
    pytest.main([str(inner), "-p", "no:cacheprovider", "-p", "no:rerunfailures"])
    run(Audit())
""",
}


@pytest.mark.parametrize("options", [[], [BLOCKED, "-olc_callbacks_observe=all"]], ids=["plain", "all, and blocked"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_test(pytester, kind, options):
    """
    Functions, loggers, hooks, context variables, threads and the environment are the same before and after.
    """
    pytester.makepyfile(PROGRAM + KINDS[kind])
    before = fingerprint()

    # pytest-rerunfailures leaves a thread.
    # The pytest around this one is not interrupted.
    result = pytester.runpytest_inprocess(
        "-p", "no:randomly", "-p", "no:rerunfailures", *options, no_reraise_ctrlc=True
    )

    assert fingerprint() == before
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    if "subtests" not in kind:
        result.stdout.no_fnmatch_line("*assert {name: value*")


def test_what_a_fingerprint_tells(pytester):
    """
    A test that replaces a method of LangChain's and forgets it is told by the fingerprint.
    """
    pytester.makepyfile("from langchain_core.tools import BaseTool\ndef test_it():\n    BaseTool.forgotten = 1")
    before = fingerprint()

    pytester.runpytest_inprocess("-p", "no:rerunfailures").assert_outcomes(passed=1)

    assert fingerprint() != before
    del BaseTool.forgotten
    assert fingerprint() == before
