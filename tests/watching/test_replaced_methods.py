"""Methods of LangChain's that others replace, in whichever scope: they are called as without the plugin."""

from __future__ import annotations

import pytest
from replacing_programs import WRAPT, run

pytestmark = pytest.mark.usefixtures("nothing_is_left")


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
