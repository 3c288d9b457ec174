"""Methods of handlers that are spied and that others replace: the handler has its own method again afterwards."""

from __future__ import annotations

import pytest
from replacing_programs import WRAPT, run

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.mark.parametrize("scope", ["class", "module"])
@pytest.mark.parametrize("autospec", ["", ", autospec=True"])
def test_a_spied_class_that_is_mocked(pytester, scope, autospec):
    """
    A mock of a class's or a module's tests replaces a method of a spied class, also if a watched test sets it up.
    """
    body = f"""
class Audit(BaseCallbackHandler):
    def __init__(self):
        self.seen = []

    def on_llm_end(self, response, **kwargs):
        self.seen.append("real")

BEFORE = dict(vars(Audit))

class TestIt:
    @pytest.fixture(scope="{scope}")
    def audit(self):
        with mock.patch.object(Audit, "on_llm_end"{autospec}) as found:
            yield found

    @pytest.mark.parametrize("by_class", [True, False])
    @pytest.mark.parametrize("n", [1, 2])
    def test_it(self, spy_on, audit, by_class, n):
        audit.reset_mock()
        spy = spy_on(Audit) if by_class else None
        handler = Audit()
        spy = spy or spy_on(handler)
        FakeChatModel().invoke("hi", {{"callbacks": [handler]}})
        assert (audit.call_count, handler.seen, spy.count("llm_end")) == (1, [], 1)

    def test_unspied(self, audit):
        audit.reset_mock()
        FakeChatModel().invoke("hi", {{"callbacks": [Audit()]}})
        assert audit.call_count == 1
"""
    run(pytester, body, passed=5)
    # Python before 3.14 gives a class an empty __annotations__ as soon as somebody asks for it.
    check = """
import test_a_spied_class_that_is_mocked as t

def test_it():
    assert {k: v for k, v in vars(t.Audit).items() if k != "__annotations__"} == t.BEFORE
"""
    pytester.makepyfile(test_later=check)
    pytester.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=6)


@pytest.mark.parametrize("kind", ["mock", "monkeypatch", "wraps", "wrapt"])
def test_a_method_of_a_handler_that_lives_longer(pytester, kind):
    """
    A spied handler of a module whose method somebody replaces for longer has its own method again afterwards.
    """
    body = f"""
{WRAPT if kind == "wrapt" else ""}
import gc, weakref
from pytest_lc_callbacks._patches import Shown

class Audit(BaseCallbackHandler):
    seen = []

    def on_llm_end(self, response, **kwargs):
        self.seen.append("real")

AUDIT = Audit()
SPIES = []

@pytest.fixture(scope="module")
def patched():
    if "{kind}" == "mock":
        with mock.patch.object(AUDIT, "on_llm_end"):
            yield
    elif "{kind}" == "monkeypatch":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AUDIT, "on_llm_end", lambda response, **kwargs: None)
            yield
    else:
        undo = instrument(AUDIT, "on_llm_end")
        yield
        undo()

@pytest.fixture
def spied(spy_on):
    SPIES.append(weakref.ref(spy := spy_on(AUDIT)))
    return spy

@pytest.mark.parametrize("n", [1, 2])
def test_it(spied, patched, n):
    FakeChatModel().invoke("hi", {{"callbacks": [AUDIT]}})
    assert spied.count("llm_end") == 1
    assert len(AUDIT.seen) == (n if "{kind}".startswith("wr") else 0)
"""
    if kind == "wrapt":
        body = body.replace("found = vars(target)[name]", "found = getattr(target, name)")
    run(pytester, body, passed=2)
    check = f"""
import gc
import {pytester._name} as t

def test_it():
    assert all(type(value) is not t.Shown for value in vars(t.AUDIT).values())
    t.AUDIT.on_llm_end(None)
    assert t.AUDIT.seen[-1] == "real"
    gc.collect()
    assert [spy() for spy in t.SPIES] == [None, None]
"""
    pytester.makepyfile(test_later=check)
    pytester.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=3)
