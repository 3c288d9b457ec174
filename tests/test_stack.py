"""The stack shows the user's line that began a run."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda

from pytest_lc_callbacks._stack import CallSite, call_behind, is_users

MODEL = FakeListChatModel(responses=["x"])


class Looker(BaseCallbackHandler):
    """A handler that looks up the stack whenever a run begins."""

    def __init__(self):
        self.calls: list[CallSite] = []

    def on_chain_start(self, *args, **kwargs):
        self.calls.append(call_behind(sys._getframe(1)))

    def on_chat_model_start(self, *args, **kwargs):
        self.calls.append(call_behind(sys._getframe(1)))


@pytest.fixture
def looker():
    """A handler that looks up the stack."""
    return Looker()


def test_the_place_is_the_line_that_calls_langchain(looker):
    """
    A sync run shows file and line of the call, relative to the working directory.
    """
    line = sys._getframe().f_lineno + 1
    MODEL.invoke("hi", {"callbacks": [looker]})

    [call] = looker.calls
    assert call.place == f"{Path(__file__).relative_to(Path.cwd())}:{line}"
    assert (call.nested, call.asynchronous, call.by_hand) == (False, False, False)


def test_a_place_outside_the_working_directory_is_absolute(looker, monkeypatch, tmp_path):
    """
    Only a file below the working directory is shown relative to it.
    """
    MODEL.invoke("hi", {"callbacks": [looker]})
    monkeypatch.chdir(tmp_path)

    assert str(looker.calls[0].place).startswith(__file__)


def test_a_place_is_absolute_where_the_working_directory_is_gone(looker, monkeypatch):
    """
    A test that removes its working directory is told the place all the same.
    """
    MODEL.invoke("hi", {"callbacks": [looker]})
    gone = FileNotFoundError("the directory is gone")
    with monkeypatch.context() as patch:
        patch.setattr(os, "getcwd", lambda: (_ for _ in ()).throw(gone))
        place = looker.calls[0].place

    assert str(place).startswith(__file__)


def test_code_that_langchain_calls_is_nested(looker):
    """
    The stack shows whether LangChain called the code that made the call.
    """
    RunnableLambda(lambda x: MODEL.invoke(x, {"callbacks": [looker]})).invoke("hi")

    assert [call.nested for call in looker.calls] == [True]


def test_a_manager_that_is_driven_by_hand_is_told(looker):
    """
    A call site is by hand if no runnable stands between it and the callback manager.
    """
    CallbackManager([looker]).on_chain_start({}, {}, name="mine")

    [call] = looker.calls
    assert call.by_hand
    assert call.place is not None


def test_an_async_run_tells_of_no_caller(looker):
    """
    LangChain sends the events of async runs in tasks and threads of its own, so that no line is known.
    """
    asyncio.run(MODEL.ainvoke("hi", {"callbacks": [looker]}))

    [call] = looker.calls
    assert (call.place, call.asynchronous, call.nested) == (None, True, None)


def test_a_sync_call_in_a_coroutine_shows_its_line_but_not_who_made_the_task(looker):
    """
    An event loop forgets the code that made a task, so that a sync call in a coroutine shows its line and no
    caller.
    """

    async def body():
        MODEL.invoke("hi", {"callbacks": [looker]})

    asyncio.run(body())

    [call] = looker.calls
    assert call.place is not None
    assert call.nested is None


def test_a_thread_that_was_handed_a_method_of_langchain_shows_no_line(looker):
    """
    The thread of a raw executor shows neither a caller nor work of LangChain's around the call.
    """
    with ThreadPoolExecutor(1) as pool:
        pool.submit(MODEL.invoke, "hi", {"callbacks": [looker]}).result()

    [call] = looker.calls
    assert (call.place, call.nested, call.asynchronous) == (None, False, False)


def test_a_thread_shows_the_line_of_a_function_that_was_handed_to_it(looker):
    """
    A function outside LangChain that runs in a thread is found as in any other.
    """

    def work():
        MODEL.invoke("hi", {"callbacks": [looker]})

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    [call] = looker.calls
    assert f":{work.__code__.co_firstlineno + 1}" in str(call.place)
    assert call.nested is False


def test_a_thread_of_langchains_own_is_not_taken_for_a_raw_one(looker):
    """
    It is unknown whether LangChain called the code that made a call in the threads of LangChain's own batch.
    """
    RunnableLambda(len, name="length").batch(["a", "b"], {"callbacks": [looker]})

    assert [call.nested for call in looker.calls] == [None, None]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a package with a function that calls what it is given; gives the function."""

    def installed(name, needs, **files):
        folder = tmp_path / "site-packages"
        metadata = folder / f"{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            "Version: 1.0",
            *(f"Requires-Dist: {need}" for need in needs),
        ]
        metadata.joinpath("METADATA").write_text("\n".join(lines) + "\n")
        for file, text in files.items():
            metadata.joinpath(f"{file}.json").write_text(text)
        folder.joinpath(f"{name}.py").write_text(
            "def call(runnable, config):\n    return runnable.invoke('hi', config)\n"
        )
        monkeypatch.syspath_prepend(folder)
        return __import__(name).call

    return installed


@pytest.mark.parametrize(
    ("name", "needs", "files", "is_users"),
    [
        ("agents_core", ["langchain-core>=1.0"], {}, False),
        ("agents_graph", ["httpx", "langgraph (>=1)"], {}, False),
        ("agents_none", ["httpx"], {}, True),
        ("agents_extra", ['langchain-core ; extra == "langchain"'], {}, True),
        ("agents_near", ["langchainish"], {}, True),
        ("agents_own", ["langchain"], {"direct_url": "{}"}, True),
        ("newrelic", ["wrapt"], {}, False),
    ],
    ids=["core", "graph", "without LangChain", "as an extra", "another name", "the user's own", "an instrumentor"],
)
def test_packages_that_are_built_on_langchain(looker, installed, name, needs, files, is_users):
    """
    A package that came from an index and needs LangChain stands between it and the user, and so does an instrumentor;
    the user's own does not.
    """
    call = installed(name, needs, **files)

    line = sys._getframe().f_lineno + 1
    call(MODEL, {"callbacks": [looker]})

    [found] = looker.calls
    assert (found.file.endswith(f"{name}.py"), found.line == line) == (is_users, not is_users)


def test_a_package_that_nobody_has_installed(looker, installed, tmp_path):
    """
    A module in site-packages that belongs to no installed package is taken for the user's.
    """
    call = installed("agents_bare", ["langchain"])
    tmp_path.joinpath("site-packages", "agents_bare-1.0.dist-info", "METADATA").unlink()
    tmp_path.joinpath("site-packages", "agents_bare-1.0.dist-info").rmdir()

    call(MODEL, {"callbacks": [looker]})

    assert looker.calls[0].file.endswith("agents_bare.py")


@pytest.mark.parametrize(
    ("module", "file", "expected"),
    [
        ("my_project.handlers", "/src/my_project/handlers.py", True),
        ("langgraph.pregel._loop", "/src/langgraph/pregel/_loop.py", False),
        # coverage looks for the source of each module of ours, but where its file's name begins like this.
        ("pytest_lc_callbacks._handlers.spy", "<src>/pytest_lc_callbacks/_handlers/spy.py", False),
        ("acme.tracer", "/usr/lib/site-packages/acme/tracer.py", False),
    ],
    ids=["the user's", "LangChain's source", "our source", "an installed package"],
)
def test_whose_code_a_frame_runs(module, file, expected):
    """
    LangChain's code and ours are not the user's, where they run from a folder of source too.
    """
    scope = {"__name__": module, "sys": sys}
    exec(compile("frame = sys._getframe()", file, "exec"), scope)

    assert is_users(scope["frame"]) is expected
