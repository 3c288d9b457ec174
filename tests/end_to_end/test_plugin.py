"""The plugin in a suite: outcomes, sections, warnings and fixtures, and nothing is left behind."""

from __future__ import annotations

import pytest
from programs import PROGRAMS

BROKEN = PROGRAMS["handler_error"]


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("@pytest.mark.xfail" + BROKEN, {"xfailed": 1}),
        ("@pytest.mark.xfail(strict=True)" + BROKEN, {"xfailed": 1}),
        ("@pytest.mark.xfail(raises=KeyError)" + BROKEN, {"failed": 1}),
        ("@pytest.mark.xfail" + BROKEN + "    assert False", {"xfailed": 1}),
        ("@pytest.mark.xfail(strict=True)\ndef test_it(fake_chat_model):\n    pass", {"failed": 1}),
        (BROKEN + "    pytest.skip('enough')", {"skipped": 1}),
        (BROKEN + "    pytest.xfail('known')", {"xfailed": 1}),
        ("@pytest.mark.skip" + BROKEN, {"skipped": 1}),
        (BROKEN + "    pytest.fail('mine')", {"failed": 1}),
        (
            "@pytest.mark.parametrize('n', [1, 2])" + BROKEN.replace("fake_chat_model)", "fake_chat_model, n)"),
            {"failed": 2},
        ),
        (
            "@pytest.fixture\ndef broken(fake_chat_model):\n    raise ValueError\n\ndef test_it(broken): pass",
            {"errors": 1},
        ),
    ],
    ids=[
        "expected",
        "strictly expected",
        "something else expected",
        "expected failure",
        "strictly expected in vain",
        "skipped inside",
        "expected inside",
        "skipped",
        "failed",
        "parametrized",
        "set-up",
    ],
)
def test_outcomes(run, source, outcome):
    """
    A finding fails a test that passes, and changes no other outcome.
    """
    result = run(source)

    result.assert_outcomes(**outcome)


def test_a_failing_test_keeps_its_error(run):
    """
    A failing test fails with its own error, and the finding stands in the section, below the runs.
    """
    result = run(BROKEN + "    assert 1 + 1 == 3")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E       assert (1 + 1) == 3",
            "*- LangChain callbacks -*",
            "FakeChatModel *ms",
            "last prompt, of FakeChatModel:",
            "expected Broken.on_llm_end to return, but it raised KeyError('model_name') *[[]handler_error]",
            "to allow this: *",
            "FAILED *::test_it - assert (1 + 1) == 3",
        ]
    )


def test_a_failing_test_in_which_nothing_ran(run):
    """
    The section of a failing test says that nothing ran, which may be the reason.
    """
    result = run("def test_it(recording_handler):\n    recording_handler.assert_events(['llm_end'])")

    result.stdout.fnmatch_lines(["*- LangChain callbacks -*", "no LangChain run began in this test"])


def test_a_passing_test_has_no_section(run):
    """
    A test that passes without findings prints nothing.
    """
    result = run("def test_it(fake_chat_model):\n    fake_chat_model.invoke('hi')", "-rA")

    result.stdout.no_fnmatch_line("*LangChain callbacks*")


@pytest.mark.parametrize(("observe", "shown"), [("all", True), ("auto", False), ("off", False)])
def test_tests_that_know_nothing_of_us(run, observe, shown):
    """
    With `lc_callbacks_observe = all` every test is watched, shows what ran when it fails, and fails for no finding.
    """
    result = run(
        """
def test_runs():
    RunnableLambda(str, name="step").invoke(1, {"callbacks": [Broken()]})
    assert False

def test_runs_nothing():
    assert False

def test_broken():
    FakeChatModel().invoke("hi", {"callbacks": [Broken()]})
""",
        f"-olc_callbacks_observe={observe}",
    )

    result.assert_outcomes(failed=2, passed=1, warnings=1 if shown else 0)
    assert ("step " in result.stdout.str()) is shown
    result.stdout.no_fnmatch_line("no LangChain run began*")


def test_warnings_that_are_errors(run):
    """
    `-W error` makes a failure of the warning, with the same words, and lists several together.
    """
    both = """
from langchain_core.callbacks import BaseCallbackHandler

def test_it(fake_chat_model):
    run = CallbackManager.configure().on_chain_start(None, {}, name="mine")
    run.on_chain_end({})
    run.on_chain_end({})
    config = {"callbacks": [BaseCallbackHandler()]}
    RunnableLambda(lambda text: fake_chat_model.invoke(text, config), name="outer").invoke("hi")
"""
    result = run(both, "-Werror::pytest_lc_callbacks.CallbackFindingWarning")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["expected FakeChatModel *[[]orphan_run], and 1 more finding", "expected mine *[[]lifecycle]"]
    )


def test_warnings_that_are_ignored(run):
    """
    A warning filter silences findings by their category.
    """
    result = run(PROGRAMS["orphan_run"], "-Wignore::pytest_lc_callbacks.CallbackFindingWarning")

    result.assert_outcomes(passed=1, warnings=0)


def test_filtering_imports_no_langchain(pytester, monkeypatch):
    """
    A filter that names the category of the warnings imports no LangChain.
    """
    # Other plugins of the environment import LangChain.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS")
    pytester.makepyfile("""
        import sys

        def test_it():
            assert not {name for name in sys.modules if name.partition(".")[0] in ("langchain_core", "pydantic")}
    """)

    result = pytester.runpytest_subprocess(
        "-p", "lc_callbacks", "-Werror::pytest_lc_callbacks.CallbackFindingWarning", "-olc_callbacks_observe=all"
    )

    result.assert_outcomes(passed=1)


def test_switched_off(run):
    """
    `-p no:lc_callbacks` leaves a suite alone that does not ask for our fixtures.
    """
    source = "def test_it():\n    RunnableLambda(str).invoke(1)"

    run(source, "-p", "no:lc_callbacks").assert_outcomes(passed=1)


def test_fixtures_of_a_project_with_our_names(run):
    """
    A project's own fixtures with our names win, and switch nothing on.
    """
    result = run(
        """
@pytest.fixture
def fake_chat_model():
    return FakeChatModel(responses=["never asked for"])

@pytest.fixture
def spy_on():
    return print

def test_it(fake_chat_model, spy_on):
    RunnableLambda(str).invoke(1, {"callbacks": [Broken()]})
    FakeChatModel().invoke("hi", {"callbacks": [Broken()]})
"""
    )

    result.assert_outcomes(passed=1)


def test_our_fixtures_by_another_way(run):
    """
    `request.getfixturevalue` watches from then on, and a fixture that uses ours watches all of the test.
    """
    result = run(
        """
@pytest.fixture
def application(fake_chat_model):
    return fake_chat_model

def test_through_a_fixture(application):
    application.invoke("hi", {"callbacks": [Broken()]})

def test_by_request(request):
    request.getfixturevalue("fake_chat_model").invoke("hi", {"callbacks": [Broken()]})

def test_spy_by_request(request):
    request.getfixturevalue("spy_on")
    FakeChatModel().invoke("hi", {"callbacks": [Broken()]})
"""
    )

    result.assert_outcomes(failed=3)


def test_the_spy_without_the_observer(run):
    """
    `lc_callbacks_observe = off` leaves the spy working, and undone when the test fails.
    """
    result = run(
        """
# Python before 3.14 gives a class an empty __annotations__ as soon as somebody asks for it.
BEFORE = {"__annotations__": {}, **vars(Broken)}

def test_it(spy_on):
    SPIES.append(spy_on(Broken))
    FakeChatModel().invoke("hi", {"callbacks": [Broken()]})
    assert [type(error) for error in SPIES[0].raised] == [KeyError]
    assert False, "here"

def test_afterwards():
    FakeChatModel().invoke("hi", {"callbacks": [Broken()]})
    assert len(SPIES[0].raised) == 1
    assert {"__annotations__": {}, **vars(Broken)} == BEFORE

SPIES = []
""",
        "-olc_callbacks_observe=off",
    )

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["FAILED *::test_it - AssertionError: here"])


def test_nothing_is_left(run):
    """
    After a test, passed, failed or skipped, LangChain, logging and warnings are as they were, but for one inert hook.
    """
    result = run(
        """
import logging, warnings
from langchain_core.callbacks import AsyncCallbackManager, manager
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool
from langchain_core.tracers import context
from pytest_lc_callbacks import _made
from pytest_lc_callbacks._scopes import ACTIVE_OBSERVERS

def state():
    classes = (AsyncCallbackManager, BaseCallbackHandler, BaseChatModel, BaseRetriever, BaseTool)
    return [
        *({name: value for name, value in vars(cls).items() if not name.startswith("_abc")} for cls in classes),
        dict(vars(manager.logger)) | {"_cache": None},
        len(context._configure_hooks),
        list(warnings.filters),
        logging.root.manager.disable,
        len(_made._listeners),
        ACTIVE_OBSERVERS.observers,
    ]

def test_the_first(fake_chat_model):
    # The hook that stays is there from here on.
    fake_chat_model.invoke("hi")

def test_before():
    KEPT.append(state())

def test_passes(fake_chat_model, spy_on):
    spy_on(Broken)
    fake_chat_model.invoke("hi")

def test_fails(fake_chat_model, spy_on):
    spy_on(Broken)
    assert False

def test_skips(fake_chat_model):
    pytest.skip()

@pytest.mark.lc_callbacks(block_real_models=True)
def test_blocks():
    FakeChatModel().invoke("hi")

@pytest.fixture
def broken(fake_chat_model):
    yield
    raise ValueError

def test_tears_down(broken):
    pass

def test_afterwards():
    assert state() == KEPT[0]
"""
    )

    result.stdout.fnmatch_lines(["*1 failed, 6 passed, 1 skipped, 1 error*"])


def test_a_hanging_handler_says_so(run):
    """
    A StopIteration that no future can carry is logged as it passes through a spied handler, and told in the section.
    """
    result = run(
        """
from pytest_lc_callbacks._findings.stop_iteration import hangs_asyncio

class Stopping(BaseCallbackHandler):
    def on_llm_end(self, response, **kwargs):
        next(iter(()))

def test_it(spy_on, fake_chat_model, caplog):
    handler = Stopping()
    spy = spy_on(handler)

    async def program():
        call = asyncio.ensure_future(fake_chat_model.ainvoke("hi", {"callbacks": [handler]}))
        while not spy.raised:
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])

    asyncio.run(program())
    assert [type(error) for error in spy.raised] == [StopIteration]
    assert ("waits for ever" in caplog.text) is hangs_asyncio(StopIteration())
""",
        "-p",
        "lc_callbacks",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["expected Stopping.on_llm_end to return, but it raised *StopIteration*[[]handler_error]*"]
    )
