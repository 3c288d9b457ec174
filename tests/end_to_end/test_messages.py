"""What pytest shows of the plugin's own messages: how long they are, where they point, and what is told once."""

from __future__ import annotations

import pytest

REFUSALS = """
from langchain.agents import create_agent
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool

CONFIG = {"tags": ["x"]}


@tool
def weather(city: str) -> str:
    'The weather in a city.'
    return city


def test_exhausted(recording_handler):
    prompt = ChatPromptTemplate.from_template("What is {q}?")
    model = FakeChatModel(responses=["one"])
    chain = prompt | model
    config = {"callbacks": [recording_handler], **CONFIG}

    chain.invoke({"q": "a"}, config)
    chain.invoke({"q": "b"}, config)  # here

    assert recording_handler.count("llm_end") == 2


def test_unknown_tool(recording_handler):
    model = FakeChatModel()
    model.respond(tool_calls=[("wether", {"city": "Oslo"})])
    agent = create_agent(model, [weather])
    question = {"messages": [("user", "How is it in Oslo?")]}
    config = {"callbacks": [recording_handler], **CONFIG}

    agent.invoke(question, config)  # here

    assert recording_handler.count("llm_end") == 1


def test_scripted(recording_handler):
    model = FakeChatModel()
    model.respond(TimeoutError("down"))
    prompt = ChatPromptTemplate.from_template("What is {q}?")
    chain = prompt | model
    config = {"callbacks": [recording_handler], **CONFIG}

    chain.invoke({"q": "a"}, config)  # here

    assert recording_handler.count("llm_end") == 1


def test_asserted(recording_handler):
    model = FakeChatModel()
    model.invoke("x", {"callbacks": [recording_handler]})

    recording_handler.assert_events(["llm_end"])  # here


def ask(model, config):
    return model.invoke("x", config)  # inside


def test_function_of_the_users(recording_handler):
    chain = RunnableLambda(lambda _: ask(FakeChatModel(responses=[]), None))  # between
    chain.invoke("x", {"callbacks": [recording_handler]})
"""
CI = ("CI", "BUILD_NUMBER")


@pytest.fixture
def shown(run, monkeypatch, pytester):
    """Runs REFUSALS; answers with the lines of each failure, and with all lines."""

    def shown(*args, ci=False):
        for name in CI:
            monkeypatch.delenv(name, raising=False)
        if ci:
            monkeypatch.setenv("CI", "true")
        lines = run(REFUSALS, *args).outlines
        starts = [number for number, line in enumerate(lines) if line.startswith("____")]
        end = next(number for number, line in enumerate(lines) if "short test summary" in line)
        pairs = zip(starts, [*starts[1:], end], strict=True)
        return {lines[start].strip("_ "): lines[start:stop] for start, stop in pairs}, lines

    return shown


def here(pytester):
    """The places that the messages of REFUSALS are to point at."""
    file = next(pytester.path.glob("test_*.py"))
    lines = enumerate(file.read_text().splitlines(), 1)
    return [f"{file.name}:{number}: " for number, line in lines if line.endswith("# here")]


def test_a_message_fits_one_screen(shown, pytester):
    """
    A test of ten lines that the plugin's refusal fails has at most 40 lines, which end at the line of the test.
    """
    failures, _ = shown()

    names = "test_exhausted", "test_unknown_tool", "test_scripted", "test_asserted"
    for name, place in zip(names, here(pytester), strict=True):
        assert len(failures[name]) <= 40, "\n".join(failures[name])
        assert place in "\n".join(failures[name])
        assert not any("site-packages" in line for line in failures[name])
    through = "\n".join(failures["test_function_of_the_users"])
    assert "# inside" in through
    assert "# between" in through


def test_full_trace_shows_every_frame(shown):
    """
    ``--full-trace`` folds nothing.
    """
    failures, _ = shown("--full-trace", "-k", "exhausted")

    assert any("langchain_core" in line for line in failures["test_exhausted"])


@pytest.mark.parametrize("ci", [False, True])
def test_the_summary_has_the_first_line_alone(shown, ci):
    """
    The short summary has one line for each failure, where CI is set too.
    """
    _, lines = shown(ci=ci)

    start = next(number for number, line in enumerate(lines) if "short test summary" in line)
    assert [line.partition(" - ")[0].partition("::")[2] for line in lines[start + 1 : -1]] == [
        "test_exhausted",
        "test_unknown_tool",
        "test_scripted",
        "test_asserted",
        "test_function_of_the_users",
    ]


def test_one_line_and_junit_point_at_the_test(run, pytester):
    """
    With ``--tb=line`` a failure is at the line of the test, and JUnit's message begins with the first line.
    """
    out = run(REFUSALS, "--tb=line", "--junitxml=junit.xml").stdout.str()

    for place in here(pytester):
        assert f"/{place}" in out
    junit = pytester.path.joinpath("junit.xml").read_text()
    assert 'message="AssertionError: expected &#x27;llm_end&#x27; as event 1, but' in junit.replace("'", "&#x27;")


TREES = """
def test_it(recording_handler):
    with pytest.raises(ZeroDivisionError):
        RunnableLambda(lambda x: 1 / 0, name="divide").invoke("x", {"callbacks": [recording_handler]})
    RunnableLambda(FakeChatModel(responses=["x"]).invoke, name="ask").invoke("x", {"callbacks": [recording_handler]})
    assertion(recording_handler)
"""


@pytest.mark.parametrize(
    ("assertion", "times"),
    [
        ("handler.assert_no_errors()", 0),
        ("handler.assert_run_tree('nobody')", 1),
        ("handler.assert_constructor_scope('ask')", 1),
        ("handler.assert_events([])", 1),
        ("[].remove('  divide')", 1),
    ],
)
def test_a_tree_is_told_once(run, assertion, times):
    """
    The section keeps to the last prompt where the message has the tree, with the errors; otherwise it has the tree.
    """
    head = "import pytest\nfrom langchain_core.runnables import RunnableLambda\nfrom pytest_lc_callbacks import *\n\n\n"
    out = run(TREES, head=f"{head}def assertion(handler):\n    {assertion}\n").outlines

    section = out[next(number for number, line in enumerate(out) if "- LangChain callbacks -" in line) :]
    assert sum(line.startswith("divide ") for line in section) == times
    assert "last prompt, of FakeChatModel:" in section


INTERRUPT = """
def test_it(recording_handler):
    from langgraph.checkpoint.memory import MemorySaver
    from langgraph.graph import StateGraph
    from langgraph.types import interrupt

    builder = StateGraph(dict)
    builder.add_node("ask", lambda state: interrupt("sure?"))
    builder.set_entry_point("ask")
    graph = builder.compile(checkpointer=MemorySaver())
    graph.invoke({}, {"callbacks": [recording_handler], "configurable": {"thread_id": "1"}})
    recording_handler.assert_no_errors()
    raise KeyError("of the test")
"""


def test_an_interrupt_is_no_failure(run):
    """
    The tree says of a node that interrupted its graph that it was interrupted.
    """
    out = run(INTERRUPT).stdout.str()

    assert "  interrupted" in out
    assert "failed" not in out.partition("- LangChain callbacks -")[2].partition("short test summary")[0]


REPLACED = """
def test_it(recording_handler):
    model = FakeChatModel()
    call = RunnableLambda(lambda x: model.invoke(x, {"callbacks": []}))
    call.invoke("x", {"callbacks": [recording_handler]})
    recording_handler.assert_runtime_scope()
"""


def test_the_last_line_names_the_command(run):
    """
    Where failures named causes, the session ends with how to read more of them; otherwise it does not speak of it.
    """
    lines = run(REPLACED).outlines
    start, _, end = lines[-2].partition(" explain ")
    assert start == "LangChain callbacks: python -m pytest_lc_callbacks"
    name, _, end = end.partition(" ")
    assert end == "says more, and so of every name in brackets"
    assert f"[{name}]" in "\n".join(lines)
    assert "explain" not in run("def test_it(recording_handler):\n    raise KeyError(1)\n").stdout.str()
