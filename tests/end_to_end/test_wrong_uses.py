"""What a user is told who uses the plugin wrongly: what to write instead, and nothing that leads astray."""

from __future__ import annotations

import pickle
import re

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from secrets_planted import PLANTED

from pytest_lc_callbacks import FakeChatModel, FakeLLM, RecordingHandler, assert_parity, event, many
from pytest_lc_callbacks._handlers.spy import Spies
from pytest_lc_callbacks._watching.settings import read_level, read_marker
from pytest_lc_callbacks.contract import CallbackHandlerTests, run_program

PROGRAMS = """
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda

@pytest.fixture
def answered(fake_chat_model, recording_handler):
    return RunnableLambda(fake_chat_model.invoke, name="ask").invoke("a", {"callbacks": [recording_handler]})

@pytest.fixture(scope="module")
def model(fake_chat_model):
    return fake_chat_model

def test_a_wider_fixture(model):
    pass

def test_a_misspelt_run(answered, recording_handler):
    recording_handler.assert_runtime_scope(under="aks")

def test_a_wrong_call(fake_chat_model):
    fake_chat_model.respond(["a"])

async def test_nobody_awaits(fake_chat_model):
    pass

def test_no_list(fake_chat_model, recording_handler):
    fake_chat_model.invoke("a", {"callbacks": recording_handler})

def test_nothing_to_copy(recording_handler):
    object().copy()

def test_refusals_show_the_test(spy_on, recording_handler):
    with pytest.raises(TypeError):
        spy_on(3)
    spy_on(BaseCallbackHandler)
"""
FINDING = """
from langchain_core.callbacks import BaseCallbackHandler

class Broken(BaseCallbackHandler):
    def on_llm_end(self, response, **kwargs):
        raise KeyError("token_usage")

def test_a_finding(fake_chat_model):
    fake_chat_model.invoke("a", {"callbacks": [Broken()]})
"""
INSIDE_LANGCHAIN = """
import pytest
from langchain.agents import create_agent
from langchain_core.prompts import ChatPromptTemplate

def search(query: str) -> str:
    \"\"\"Search.\"\"\"
    raise TimeoutError("mine")

def test_exhausted(fake_chat_model):
    chain = ChatPromptTemplate.from_template("{q}") | fake_chat_model.respond("one")
    chain.batch([{"q": "a"}, {"q": "b"}])

def test_unknown_tool(fake_chat_model):
    fake_chat_model.respond(tool_calls=[("serach", {"query": "a"})])
    create_agent(fake_chat_model, [search]).invoke({"messages": [("user", "a")]})

def test_scripted_error(fake_chat_model):
    chain = ChatPromptTemplate.from_template("{q}") | fake_chat_model.respond(TimeoutError("slow"))
    chain.invoke({"q": "a"})

def test_own_error(fake_chat_model):
    fake_chat_model.respond(tool_calls=[("search", {"query": "a"})]).respond("two", optional=True)
    create_agent(fake_chat_model, [search]).invoke({"messages": [("user", "a")]})
"""
NOTHING_RAN = "no LangChain run began in this test"


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What pytest prints for each of the programs, run once."""
    told: dict[str, str] = {}

    class Printed:
        def pytest_terminal_summary(self, terminalreporter):
            for outcome in ("failed", "error"):
                for report in terminalreporter.getreports(outcome):
                    texts = [report.longreprtext, *(text for name, text in report.sections if "LangChain" in name)]
                    told[report.location[2]] = "\n".join(texts)

    path = tmp_path_factory.mktemp("wrong") / "test_wrong.py"
    path.write_text(PROGRAMS, encoding="utf-8")
    pytest.main(
        [
            "-q",
            "-p",
            "no:randomly",
            "-p",
            "no:asyncio",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(path.parent),
            str(path),
        ],
        [Printed()],
    )
    return told


@pytest.mark.parametrize("test", ["test_a_wider_fixture", "test_a_wrong_call", "test_nobody_awaits"])
def test_that_nothing_ran_is_no_news(printed, test):
    """
    Where a body did not begin, or a wrong call of ours ended it, nobody is told that no run began.
    """
    assert NOTHING_RAN not in printed[test]


def test_that_nothing_ran_is_news(printed):
    """
    A body that ends in an exception of its own is told that no run began.
    """
    assert NOTHING_RAN in printed["test_nothing_to_copy"]
    assert "hint:" not in printed["test_nothing_to_copy"]


def test_a_handler_in_the_place_of_a_list(printed):
    """
    Who passes a handler and no list of handlers is told so below LangChain's AttributeError.
    """
    assert "callbacks is a RecordingHandler, which is no list." in printed["test_no_list"]
    assert "[no-list]" in printed["test_no_list"]


def test_a_misspelt_run_of_a_fixture(printed):
    """
    A scope check of a misspelt run says which runs began elsewhere, and does not say that nothing was called.
    """
    assert "ask began in the test's set-up" in printed["test_a_misspelt_run"]
    assert "nothing was called" not in printed["test_a_misspelt_run"]


def test_a_refusal_shows_the_test_alone(printed):
    """
    The traceback of a refusal ends in the line of the test.
    """
    assert "spy_on(BaseCallbackHandler)" in printed["test_refusals_show_the_test"]
    assert "spy.py" not in printed["test_refusals_show_the_test"]


def test_a_finding_stands_at_its_test(pytester):
    """
    The line that `--tb=line` gives for a finding is the test's, and not one of the plugin's.
    """
    path = pytester.makepyfile(FINDING)
    line = FINDING.splitlines().index("def test_a_finding(fake_chat_model):")

    result = pytester.runpytest_inprocess("--tb=line")

    result.stdout.fnmatch_lines([f"{path}:{line}: Failed: expected Broken.on_llm_end to return*"])


@pytest.mark.parametrize("test", ["test_exhausted", "test_unknown_tool", "test_scripted_error"])
def test_what_the_fake_raises_shows_the_users_lines(pytester, test):
    """
    An exception of the fake model takes one screen, names what is left out, and has LangChain's frames if asked for.
    """
    pytester.makepyfile(INSIDE_LANGCHAIN)

    folded = pytester.runpytest_inprocess("-k", test, "-p", "no:randomly").stdout.str()
    whole = pytester.runpytest_inprocess("-k", test, "--full-trace").stdout.str()

    shown = folded.partition(" FAILURES ")[2].partition("short test summary")[0].splitlines()
    assert len(shown) <= 40
    assert "generate_prompt" not in folded
    assert "the frames of LangChain are left out of the traceback; --full-trace shows them" in folded
    assert "generate_prompt" in whole
    assert "are left out" not in whole


def test_what_a_program_raises_keeps_its_frames(pytester):
    """
    The traceback of an exception of the program's own is pytest's.
    """
    pytester.makepyfile(INSIDE_LANGCHAIN)

    result = pytester.runpytest_inprocess("-k", "test_own_error")

    result.stdout.fnmatch_lines(["*langgraph*", '>*raise TimeoutError("mine")'])
    result.stdout.no_fnmatch_line("*are left out*")


def test_events_that_are_no_list():
    """
    `assert_events` of several arguments writes the list.
    """
    with pytest.raises(TypeError, match=r"^assert_events takes one list of events: write \['llm_start', 'llm_end'\]$"):
        RecordingHandler().assert_events("llm_start", "llm_end")


@pytest.mark.parametrize("asked", ["ignore_llm", "raise_error", "on_llm_end", "copy"])
def test_a_spy_in_the_place_of_its_handler(asked):
    """
    What LangChain asks of a handler, a spy does not have, and says whom to pass.
    """
    spy = Spies()(BaseCallbackHandler.__new__(type("Audit", (BaseCallbackHandler,), {})))

    with pytest.raises(AttributeError, match="pass the handler to LangChain and not its spy"):
        getattr(spy, asked)
    with pytest.raises(AttributeError, match=r"^'Spy' object has no attribute 'handlr'$"):
        spy.handlr  # noqa: B018  # reading it is the wrong use


def test_what_was_recorded_cannot_be_pickled():
    """
    An event, a run and a recording say what can be pickled in their place.
    """
    handler = RecordingHandler()
    FakeChatModel().invoke("a", {"callbacks": [handler]})

    for kept in (handler[0], handler.runs[0], handler.where("llm_end")):
        with pytest.raises(TypeError, match=r"^events, runs and recordings cannot be pickled"):
            pickle.dumps(kept)
    assert pickle.loads(pickle.dumps(handler.snapshot())) == handler.snapshot()


def test_spies_in_a_failing_test():
    """
    Among the arguments of a failing test stands whom `spy_on` spies on.
    """
    spies = Spies()
    before = repr(spies)
    spies(BaseCallbackHandler.__new__(type("Audit", (BaseCallbackHandler,), {})))

    assert (before, repr(spies)) == ("<spy_on: nobody yet>", "<spy_on: Audit>")


def test_the_help_has_the_defaults(pytester):
    """
    `pytest --help` says of each finding what it is unless set.
    """
    shown = " ".join(pytester.runpytest_inprocess("--help").stdout.str().split())

    assert "off, warn, error; error unless set." in shown
    assert "off, warn, error; warn unless set." in shown


@pytest.mark.parametrize(("is_left", "name"), [(True, "left-stream"), (False, "run-failed")])
def test_a_stream_that_is_left(is_left, name):
    """
    A stream that was left is told as such, and one that broke is not.
    """
    handler = RecordingHandler()
    model = FakeChatModel().respond(chunks=["a", "b"], then_raise=ValueError("x"))
    stream = model.stream("a", {"callbacks": [handler]})
    next(stream)
    if is_left:
        stream.close()
    else:
        with pytest.raises(ValueError, match="x"):
            list(stream)

    with pytest.raises(AssertionError, match=rf"\[{name}\]"):
        handler.assert_events(["chat_model_start", many("llm_new_token"), "llm_end"])


class Worded:
    """An object whose ``repr`` is a text that the test chose."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __repr__(self) -> str:
        return repr(self.words)


def named(word):
    return RunnableLambda(str.upper, name=word)


def heard(word):
    handler = RecordingHandler()
    named(word).invoke("a", {"callbacks": [handler]})
    return handler


def bound(word, **options):
    look = StructuredTool.from_function(str.upper, name="look", description="Looks.", args_schema={"type": "object"})
    return FakeChatModel().respond(tool_calls=[(word, {})]).bind_tools([look], **options)


def replies_otherwise(word):
    modes = iter([named("plain"), named(word)])
    assert_parity(lambda: next(modes), "a", modes=["invoke", "stream"])


# What is refused, by what is wrong: each refusal quotes the word that it is handed.
REFUSED = {
    "an event's name": event,
    "an event's name in many": many,
    "a list in many": lambda word: many([word]),
    "an attribute's name": lambda word: event("llm_end", **{word: 1}),
    "a runnable as run": lambda word: event("llm_end", run=named(word)),
    "a recorded event": lambda word: RecordingHandler().assert_events([heard(word)[0]]),
    "a tree": lambda word: RecordingHandler().assert_run_tree(f"    a\n        b\n      {word}"),
    "a provider": lambda word: FakeChatModel(provider=word),
    "an argument": lambda word: FakeChatModel(**{word: 1}),
    "a latency": lambda word: FakeChatModel(latency=word),
    "times": lambda word: FakeChatModel().respond("a", times=word),
    "always": lambda word: FakeChatModel().respond("a", always=word),
    "a rule": lambda word: FakeChatModel().on(Worded(word)),
    "a rule of bytes": lambda word: FakeChatModel().on(re.compile(word.encode())),
    "a message of a text LLM": lambda word: FakeLLM().respond(HumanMessage(word)),
    "a method": lambda word: FakeChatModel().with_structured_output({"title": "a", "type": "object"}, method=word),
    "a tool's arguments": lambda word: FakeChatModel().respond(tool_calls=[(word, "a")]),
    "a tool's argument": lambda word: FakeChatModel().respond(tool_calls=[(word, {"a": object()})]),
    "an argument's name": lambda word: FakeChatModel().respond(tool_calls=[("a", {"a": {word: object()}})]),
    "an unbound tool": lambda word: bound(word).invoke("a"),
    "a tool choice": lambda word: bound("look", tool_choice=word).invoke("a"),
    "a call mode": lambda word: assert_parity(lambda: named("a"), "a", modes=["invoke", word]),
    "a call mode that differs": replies_otherwise,
    "a program": run_program,
    "a check": lambda word: type("Suite", (CallbackHandlerTests,), {"expected": {word: "why"}}),
    "a level": lambda word: read_level("lc_callbacks_lifecycle =", word),
    "a finding": lambda word: read_marker([], {word: "off"}),
}


def refusal_of(use, word):
    with pytest.raises((TypeError, ValueError, AssertionError)) as refused:
        use(word)
    return str(refused.value)


@pytest.mark.once
@pytest.mark.parametrize("use", REFUSED.values(), ids=REFUSED)
def test_refusals_without_secrets(use):
    """
    A refusal quotes a plain word as it is, and has no API key in it.
    """
    _, secret = PLANTED["OpenAI"]

    assert "Zürich" in refusal_of(use, "Zürich")
    with_secret = refusal_of(use, secret)
    assert secret not in with_secret
    assert "[redacted]" in with_secret
