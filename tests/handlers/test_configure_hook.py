"""How LangChain learns of the observer: also when its module with the hooks is executed again."""

from __future__ import annotations

import importlib
import sys

import langchain_core.tracers.context as hooks
import pytest
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks import observe_callbacks
from pytest_lc_callbacks._handlers.configure_hook import SWITCHBOARD


@pytest.fixture
def put_back():
    """Leaves the module as it was for the tests after this one, whose modules hold its functions."""
    before, module = dict(vars(hooks)), sys.modules[hooks.__name__]
    yield
    vars(hooks).clear()
    vars(hooks).update(before)
    sys.modules[hooks.__name__] = module
    SWITCHBOARD.reconnect()


def execute_again():
    """Reload the module."""
    importlib.reload(hooks)


def import_again():
    """Import it afresh."""
    del sys.modules[hooks.__name__]
    importlib.import_module(hooks.__name__)


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("load", [execute_again, import_again])
def test_a_reload_in_the_middle(load):
    """
    The observer hears what runs after a reload of LangChain's module, once.
    """
    with observe_callbacks() as observer:
        load()
        RunnableLambda(str, name="after").invoke(1)

    assert [run.name for run in observer.runs] == ["after"]
    assert observer.names == ["chain_start", "chain_end"]


@pytest.mark.usefixtures("put_back")
def test_a_reload_before(put_back):
    """
    A reload while no observer is on is noticed when the next one is switched on.
    """
    execute_again()

    with observe_callbacks() as observer:
        RunnableLambda(str, name="after").invoke(1)

    assert [run.name for run in observer.runs] == ["after"]


def test_nothing_is_left():
    """
    Python's list of finders is as before when no observer is on, and other modules are none of its business.
    """
    before = list(sys.meta_path)

    with observe_callbacks():
        assert sys.meta_path[0].find_spec("json", None) is None
        assert len(sys.meta_path) == len(before) + 1

    assert sys.meta_path == before
