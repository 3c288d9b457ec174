"""The block of real models for a project: from the start of the session to its end, in every thread."""

from __future__ import annotations

import fnmatch

import partners
import pytest
from acme import BLOCKED, PROVIDER

WARN = "-Walways::pytest_lc_callbacks.CallbackFindingWarning"

WORKER = """
import threading
import pytest
import langchain_acme

def call():
    try:
        langchain_acme.ChatAcme().invoke("hi")
    except pytest.fail.Exception:
        pass

class Worker:
    # Calls the model in its own thread whenever it is asked, and says when it is done.
    def __init__(self):
        self.asked, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            self.asked.acquire()
            call()
            self.done.release()

    def __call__(self):
        self.asked.release()
        self.done.acquire()

@pytest.fixture(scope="session")
def worker():
    return Worker()
"""


@pytest.fixture
def project(pytester):
    """A project beside a provider's package, with a worker for a whole session."""
    pytester.makepyfile(langchain_acme=PROVIDER)
    pytester.makeconftest(WORKER + BETWEEN)
    pytester.syspathinsert()
    return pytester


BETWEEN = """
WORKERS = []

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logfinish(nodeid):
    # Between two tests.
    for worker in WORKERS:
        worker()
"""


def test_a_sessions_thread_is_refused_and_no_test_fails(project):
    """
    A session's thread is refused in tests and between them, no test fails for it, and the session says so once.
    """
    project.makepyfile("""
        import conftest
        import langchain_acme

        def test_one(worker):
            worker()
            conftest.WORKERS.append(worker)

        def test_two():
            pass

        def test_three(worker):
            worker()
            assert not langchain_acme.reached
    """)

    result = project.runpytest_inprocess("-p", "no:randomly", BLOCKED, WARN)

    result.assert_outcomes(passed=3, warnings=1)
    first = "pytest-lc-callbacks refused 5 calls of real models in threads that are no test's own, or between tests:"
    assert [line.strip() for line in result.outlines].count(first) == 1
    assert sum(first in line for line in result.outlines) == 2
    result.stdout.fnmatch_lines(["  ChatAcme (langchain_acme) was called at conftest.py:7 (5 times)"])


def test_warnings_that_are_errors_fail_no_session(project):
    """
    With warnings as errors the summary says it, and the session passes.
    """
    project.makepyfile("def test_one(worker):\n    worker()\n")

    result = project.runpytest_inprocess(BLOCKED, "-Werror::pytest_lc_callbacks.CallbackFindingWarning")

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["pytest-lc-callbacks refused 1 call of real models *"])


@pytest.mark.usefixtures("xdist_pytester")
def test_with_xdist(project):
    """
    Under pytest-xdist the process that prints says what the workers have refused.
    """
    project.makepyfile("def test_one(worker):\n    worker()\n\ndef test_two(worker):\n    worker()\n")

    result = project.runpytest_inprocess(BLOCKED, WARN, "-n2")

    result.assert_outcomes(passed=2)
    for start in ("pytest-lc-callbacks refused", "*CallbackFindingWarning: pytest-lc-callbacks refused"):
        [line] = fnmatch.filter(result.outlines, f"{start} * of real models *")
        assert "refused 2 calls of real models" in line


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("call()", {"failed": 1}),
        ("thread = threading.Thread(target=call); thread.start(); thread.join()", {"failed": 1}),
        ("asyncio.run(asyncio.to_thread(call))", {"failed": 1}),
        ("worker()", {"passed": 1}),
        ("pass", {"passed": 1}),
    ],
    ids=["its own thread", "a thread of its body", "a task", "a session's thread", "nothing"],
)
def test_whose_a_refusal_is(project, body, outcome):
    """
    A refusal counts against a test if its own thread made the call, or one that was started in its body.
    """
    project.makepyfile(f"""
        import asyncio
        import threading
        from conftest import call

        def test_it(worker):
            {body}
    """)

    result = project.runpytest_inprocess(BLOCKED)

    result.assert_outcomes(**outcome)
    assert any("refused 1 call" in line for line in result.outlines) == (body == "worker()")


def test_one_test_is_let_through(project):
    """
    The marker lets the calls of one test through, in its own threads; a session's thread is refused meanwhile.
    """
    project.makepyfile("""
        import threading
        import pytest
        import langchain_acme
        from conftest import call

        @pytest.mark.lc_callbacks(block_real_models=False)
        def test_allowed(worker):
            call()
            thread = threading.Thread(target=call)
            thread.start()
            thread.join()
            assert len(langchain_acme.reached) == 2
            worker()
            assert len(langchain_acme.reached) == 2

        def test_refused():
            call()
    """)

    project.runpytest_inprocess("-p", "no:randomly", BLOCKED).assert_outcomes(passed=1, failed=1)


def test_a_package_that_is_imported_in_a_fixture(project):
    """
    A provider's package that a session's fixture imports is blocked as soon as it is there.
    """
    project.makeconftest("")
    project.makepyfile("""
        import pytest

        @pytest.fixture(scope="session")
        def answer():
            import langchain_acme
            return langchain_acme.ChatAcme().invoke("hi")

        def test_it(answer):
            pass
    """)

    result = project.runpytest_inprocess(BLOCKED)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*expected no call of a real model, but ChatAcme (langchain_acme) was called at *"])


MOCKED = """
import functools
from unittest import mock
import pytest
from langchain_acme import ChatAcme
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

RESULT = ChatResult(generations=[ChatGeneration(message=AIMessage("mocked"))])

@pytest.fixture(scope="{scope}", autouse=True)
def mocked():
    with pytest.MonkeyPatch.context() as monkeypatch:
        {patch}
        yield

{marker}
@pytest.mark.parametrize("time", range(2))
def test_it(time):
    {call}
"""
MOCKS = {
    "mock": "monkeypatch.setattr(ChatAcme, '_generate', mock.Mock(return_value=RESULT))",
    "autospec": "monkeypatch.setattr(ChatAcme, '_generate', "
    "mock.create_autospec(ChatAcme._generate, return_value=RESULT))",
    "monkeypatch": "monkeypatch.setattr(ChatAcme, '_generate', lambda *args, **kwargs: RESULT)",
}


@pytest.mark.parametrize("mock", MOCKS)
@pytest.mark.parametrize("scope", ["function", "module", "session"])
@pytest.mark.parametrize("by_marker", [False, True], ids=["project", "marker"])
def test_a_mock_is_accepted_in_every_test(project, mock, scope, by_marker):
    """
    Whoever mocks what a model does reaches no network: the mock is called in every test, whichever its scope.
    """
    marker = "@pytest.mark.lc_callbacks(block_real_models=True)" if by_marker else ""
    call = "assert ChatAcme().invoke('hi').content == 'mocked'"
    project.makepyfile(MOCKED.format(scope=scope, patch=MOCKS[mock], marker=marker, call=call))

    project.runpytest_inprocess(*([] if by_marker else [BLOCKED])).assert_outcomes(passed=2)


@pytest.mark.parametrize("by_marker", [False, True], ids=["project", "marker"])
def test_a_wrapper_that_calls_on_is_refused(project, by_marker):
    """
    An instrumentor's wrapper reaches the network: what it wraps is refused, whichever its scope.
    """
    marker = "@pytest.mark.lc_callbacks(block_real_models=True)" if by_marker else ""
    patch = "original = ChatAcme._generate; monkeypatch.setattr(ChatAcme, '_generate', functools.wraps(original)("
    patch += "lambda *args, **kwargs: original(*args, **kwargs)))"
    call = "ChatAcme().invoke('hi')"
    project.makepyfile(MOCKED.format(scope="module", patch=patch, marker=marker, call=call))

    project.runpytest_inprocess(*([] if by_marker else [BLOCKED])).assert_outcomes(failed=2)


@pytest.mark.parametrize(
    ("package", "model", "count"),
    [
        pytest.param(package, model, count, marks=pytest.mark.partner(package.replace("_", "-"), partner))
        for package, model, partner, counts in [
            ("langchain_openai", "ChatOpenAI", "openai", ["get_num_tokens_from_messages", "get_num_tokens"]),
            ("langchain_openai", "OpenAI", "openai", ["get_token_ids"]),
            ("langchain_anthropic", "ChatAnthropic", "anthropic", ["get_num_tokens_from_messages"]),
        ]
        for count in counts
    ],
)
def test_token_counting_is_refused(pytester, package, model, count):
    """
    A provider's model that counts tokens asks its server, or downloads a tokenizer: it is refused.
    """
    partners.fetch(package, model)
    given = "[HumanMessage('hi')]" if count.endswith("messages") else "'hi'"
    pytester.makepyfile(f"""
        from langchain_core.messages import HumanMessage
        from {package} import {model}

        def test_it():
            {model}(model="gpt-5", api_key="none").{count}({given})
    """)

    result = pytester.runpytest_inprocess(BLOCKED)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"expected no call of a real model, but {model} ({package}) was asked to count tokens at *"]
    )


@pytest.mark.partner("langchain-openai", "openai")
def test_tokens_are_counted_by_ones_own_function(pytester):
    """
    A model that was given a function for it counts tokens by itself, and is let through; so are LangChain's fakes.
    """
    partners.fetch("langchain_openai", "ChatOpenAI")
    pytester.makepyfile("""
        from langchain_core.language_models import FakeListChatModel
        from langchain_openai import ChatOpenAI

        def test_it():
            model = ChatOpenAI(model="gpt-5", api_key="none", custom_get_token_ids=lambda text: [1, 2])
            assert model.get_num_tokens("hi") == 2
            fake = FakeListChatModel(responses=["hi"], custom_get_token_ids=lambda text: [1, 2])
            assert fake.get_num_tokens("hi") == 2
    """)

    pytester.runpytest_inprocess(BLOCKED).assert_outcomes(passed=1)
