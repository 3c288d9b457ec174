"""Methods that others replace, in whichever scope: they are called as without the plugin, and nothing of it is left."""

from __future__ import annotations

import pytest
from langchain_core.callbacks import manager
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool

PATCHED = [BaseTool, BaseRetriever, BaseChatModel, manager.AsyncCallbackManager, manager.logger]


@pytest.fixture(autouse=True)
def _nothing_is_left():
    """What we patch is as it was when pytest inside pytest is over."""
    before = [dict(vars(owner)) for owner in PATCHED]
    yield
    for owner, own in zip(PATCHED, before, strict=True):
        names = vars(owner).keys() | own.keys()
        left = {name for name in names if vars(owner).get(name) is not own.get(name)} - {"_cache"}
        for name in left & own.keys():
            setattr(owner, name, own[name])
        assert not left


PROGRAM = """
import asyncio, functools, logging
from unittest import mock
import pytest
from langchain_core.callbacks import BaseCallbackHandler, manager
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, tool
from pytest_lc_callbacks import FakeChatModel

OWN = {{
    (cls, name): vars(cls)[name]
    for cls, names in [(BaseTool, ["run", "arun"]), (BaseRetriever, ["invoke", "ainvoke"])]
    for name in names
}}

@tool
def weather(city: str) -> str:
    "The weather."
    return "sun"

class Docs(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return [Document("real")]

CALLS = []

def instrument(target, name):
    # What an instrumentor does, with functools.wraps.
    found = getattr(target, name)

    @functools.wraps(found)
    def wrapper(*args, **kwargs):
        CALLS.append(name)
        return found(*args, **kwargs)

    setattr(target, name, wrapper)
    return lambda: setattr(target, name, found)

{body}
"""

WRAPT = """
from wrapt import wrap_function_wrapper

def instrument(target, name):
    found = vars(target)[name]

    def wrapper(wrapped, instance, args, kwargs):
        CALLS.append(name)
        return wrapped(*args, **kwargs)

    wrap_function_wrapper(target, name, wrapper)
    return lambda: setattr(target, name, found)
"""


def run(pytester, body, *options, **outcomes):
    pytester.makepyfile(PROGRAM.format(body=body))
    result = pytester.runpytest_inprocess("-p", "no:randomly", *options)
    result.assert_outcomes(**outcomes)
    return result


MOCKS = {
    "mock": "mock.patch.object(BaseRetriever, 'invoke', return_value=[Document('fake')])",
    "autospec": "mock.patch.object(BaseRetriever, 'invoke', autospec=True, return_value=[Document('fake')])",
    "a function": "mock.patch.object(BaseRetriever, 'invoke', lambda self, q: [Document('fake')])",
}


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
@pytest.mark.parametrize("mocked", MOCKS)
def test_a_mock(pytester, scope, mocked):
    """
    A mock is called in the test that sets it up and in every later one, watched or not, and is undone without a trace.
    """
    body = f"""
@pytest.fixture(scope="{scope}")
def no_index():
    with {MOCKS[mocked]} as found:
        yield found

class TestIt:
    def test_first(self, no_index, recording_handler):
        assert Docs().invoke("q") == [Document("fake")]

    def test_second(self, no_index, recording_handler):
        assert Docs().invoke("q") == [Document("fake")]

    def test_unwatched(self, no_index):
        assert Docs().invoke("q") == [Document("fake")]

    def test_third(self, no_index, callback_scopes):
        assert Docs().invoke("q") == [Document("fake")]
"""
    run(pytester, body, passed=4)


@pytest.mark.parametrize("name", ["run", "arun"])
def test_an_autospec_is_asked(pytester, name):
    """
    What a test sets on an autospec of LangChain's method, and asks it, is the mock's own, found by whichever way.
    """
    body = f"""
@pytest.fixture(scope="module")
def mocked():
    with mock.patch.object(BaseTool, "{name}", autospec=True, return_value="mocked") as found:
        yield found

def call():
    result = getattr(weather, "{name}")({{"city": "Oslo"}})
    return asyncio.run(result) if "{name}" == "arun" else result

@pytest.mark.parametrize("n", [1, 2, 3])
def test_it(mocked, recording_handler, n):
    mocked.reset_mock()
    BaseTool.{name}.return_value = n
    assert call() == n
    BaseTool.{name}.assert_called_once()
    mocked.assert_called_once_with(weather, {{"city": "Oslo"}})
    assert mocked.mock.call_count == 1

def test_unwatched(mocked):
    assert call() == 3
"""
    run(pytester, body, passed=4)


@pytest.mark.parametrize("autospec", ["", ", autospec=True"])
@pytest.mark.parametrize("scope", ["function", "module"])
def test_the_logger_is_mocked(pytester, scope, autospec):
    """
    A mock of the logger that LangChain tells swallowed exceptions is called, and asked, in watched tests and others.
    """
    body = f"""
class Broken(BaseCallbackHandler):
    def on_llm_end(self, response, **kwargs):
        raise ValueError("broken")

@pytest.fixture(scope="{scope}")
def warning():
    with mock.patch.object(manager.logger, "warning"{autospec}) as found:
        yield found

@pytest.mark.lc_callbacks(handler_error="off")
@pytest.mark.parametrize("n", [1, 2])
def test_it(warning, n):
    before = warning.call_count
    FakeChatModel().invoke("hi", {{"callbacks": [Broken()]}})
    assert warning.call_count == before + 1
    assert manager.logger.warning.call_count == before + 1

def test_unwatched(warning):
    before = warning.call_count
    FakeChatModel().invoke("hi", {{"callbacks": [Broken()]}})
    assert warning.call_count == before + 1

def test_afterwards():
    pass
"""
    run(pytester, body, passed=4)


@pytest.mark.parametrize("maker", ["", WRAPT], ids=["functools.wraps", "wrapt"])
@pytest.mark.parametrize(("target", "name"), [("BaseTool", "run"), ("BaseTool", "arun"), ("BaseRetriever", "invoke")])
def test_an_instrumentor(pytester, maker, target, name):
    """
    An instrumentor that is switched on in a watched test is called in every later test; off again, nothing is left.
    """
    call = {
        "run": 'weather.run({"city": "Oslo"})',
        "arun": 'asyncio.run(weather.arun({"city": "Oslo"}))',
        "invoke": 'Docs().invoke("q")',
    }[name]
    body = f"""
{maker}
def call():
    CALLS.clear()
    assert {call}
    return CALLS

STATE = []

def test_before(callback_scopes):
    assert call() == []

def test_the_program_starts_up(callback_scopes):
    STATE.append(instrument({target}, "{name}"))
    assert call() == ["{name}"]

def test_unwatched():
    assert call() == ["{name}"]

def test_watched(callback_scopes):
    assert call() == ["{name}"]
    assert len(callback_scopes.runs) == 1

def test_again(recording_handler):
    assert call() == ["{name}"]

def test_switched_off(callback_scopes):
    STATE.pop()()
    assert call() == []

def test_afterwards():
    assert call() == []
"""
    run(pytester, body, passed=7)


def test_an_instrumentor_that_looks_for_itself(pytester):
    """
    An instrumentor that unwraps what is there, if it is a wrapper of its own kind, finds it in a watched test.
    """
    body = f"""
from wrapt import BoundFunctionWrapper
{WRAPT}

def test_on(callback_scopes):
    instrument(BaseTool, "run")

def test_off(callback_scopes):
    assert isinstance(BaseTool.run, BoundFunctionWrapper)
    BaseTool.run = BaseTool.run.__wrapped__
    assert not isinstance(BaseTool.run, BoundFunctionWrapper)
    weather.run({{"city": "Oslo"}})
    assert CALLS == []

"""
    run(pytester, body, passed=2)


def test_what_a_method_looks_like(pytester):
    """
    A method of LangChain's shows no mark while a test is watched: its name, signature, kind and pickle are its own.
    """
    body = """
import inspect, pickle, copy

def facts():
    return {
        (cls, name): [
            inspect.isfunction(getattr(cls, name)), inspect.iscoroutinefunction(getattr(cls, name)),
            str(inspect.signature(getattr(cls, name))), getattr(cls, name).__qualname__, vars(getattr(cls, name)),
            hasattr(getattr(cls, name), "__wrapped__"), getattr(cls, name).__code__, getattr(cls, name) == own,
            pickle.dumps(getattr(cls, name)), copy.deepcopy(getattr(cls, name)) == own, inspect.getdoc(own),
            copy.copy(getattr(cls, name)) == own,
        ]
        for (cls, name), own in OWN.items()
    } | {"bound": [inspect.ismethod(weather.run), weather.run == weather.run, weather.run.__self__ is weather]}

BEFORE = facts()

def test_it(callback_scopes):
    assert any(vars(cls)[name] is not own for (cls, name), own in OWN.items())
    assert facts() == BEFORE
"""
    run(pytester, body, passed=1)


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


def test_a_near_miss(pytester):
    """
    A test that replaces a method itself and forgets to undo it has done so for the rest of the session, as ever.
    """
    body = """
def test_it(recording_handler):
    BaseTool.run = lambda self, *args: "forgotten"

def test_afterwards(recording_handler):
    assert weather.run({"city": "Oslo"}) == "forgotten"

def test_unwatched():
    assert weather.run({"city": "Oslo"}) == "forgotten"
    BaseTool.run = OWN[BaseTool, "run"]
"""
    run(pytester, body, passed=3)
