"""What a test leaves in memory: nothing of the plugin's, of LangChain's or of its own."""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from pytest_lc_callbacks._values import class_name, module_name

SUITE = """
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from pytest_lc_callbacks import FakeChatModel

class Audit(BaseCallbackHandler):
    def on_llm_end(self, response, **kwargs):
        pass

class Broken(BaseCallbackHandler):
    def on_llm_end(self, response, **kwargs):
        raise ValueError("broken")

OLD = Audit()
KEPT = []

def run(*handlers):
    return FakeChatModel().invoke("hi", {{"callbacks": list(handlers)}})

@pytest.mark.parametrize("n", range({tests}))
{test}
"""
TESTS = 8

KINDS = {
    "passing": "def test_it(callback_scopes, n):\n    run()",
    "failing": "def test_it(recording_handler, n):\n    run(recording_handler)\n    assert 0",
    "spied": "def test_it(spy_on, n):\n    spy_on(OLD)\n    run(OLD)",
    "spied and failing": "def test_it(spy_on, n):\n    spy_on(OLD)\n    run(OLD)\n    assert 0",
    "spied and raising": "def test_it(spy_on, n):\n    spy_on(broken := Broken())\n    run(broken)",
    "a spied class": "def test_it(spy_on, n):\n    spy_on(Audit)\n    run(Audit())",
    "a spied class and failing": "def test_it(spy_on, n):\n    spy_on(Audit)\n    run(Audit())\n    assert 0",
    "an assertion of ours": "def test_it(spy_on, n):\n    spy = spy_on(OLD)\n    run(OLD)\n    spy.assert_events([])",
    "an open run": "def test_it(fake_chat_model, n):\n    next(fake_chat_model.stream('hi'))\n    assert 0",
    "a class of its own": """
def test_it(spy_on, n):
    class Local(Audit):
        pass

    spy_on(Local)
    run(Local())
    assert 0
""",
    "a method of a longer life": """
def test_it(spy_on, n):
    spy_on(OLD)
    OLD.on_llm_end = OLD.on_llm_end
    run(OLD)
    assert 0
""",
}


class Counts:
    """Counts the objects of the plugin's, of LangChain's and of the tests' after half of the tests, and after all."""

    def __init__(self):
        self.tests = 0
        self.after = []

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self):
        self.tests += 1
        if self.tests in (TESTS // 2, TESTS):
            gc.collect()
            # By identity: a class may have a metaclass that cannot be hashed.
            kinds = {id(type(each)): type(each) for each in gc.get_objects()}
            numbers = Counter(id(type(each)) for each in gc.get_objects())
            self.after.append(Counter({class_name(kind): 0 for kind in kinds.values()}))
            for key, kind in kinds.items():
                self.after[-1][class_name(kind)] += numbers[key] * _is_counted(kind)


def _is_counted(kind):
    return module_name(kind).startswith(("pytest_lc", "langchain", "test_"))


@pytest.fixture
def growth(pytester, monkeypatch):
    """What there is more of after all tests than after half of them, by class."""
    # pytester keeps what each hook was called with, and some plugins keep each failure.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS")

    def growth(test):
        path, counts = pytester.makepyfile(SUITE.format(tests=TESTS, test=test)), Counts()
        pytest.main([str(path), "-p", "pytest_lc_callbacks.plugin", "-p", "no:cacheprovider"], plugins=[counts])
        half, whole = counts.after
        return whole - half

    return growth


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_kept(growth, kind):
    """
    After eight tests there are as many objects of ours, of LangChain's and of the tests as after four.
    """
    assert growth(KINDS[kind]) == {}


def test_what_a_project_keeps_itself(growth):
    """
    A project that keeps its handlers in a list keeps these, and none of the recordings that a spy made of them.
    """
    test = """
def test_it(spy_on, n):
    spy_on(audit := Audit())
    run(audit)
    KEPT.append(audit)
"""

    assert growth(test) == {"Audit": TESTS // 2}
