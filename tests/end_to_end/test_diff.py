"""`python -m pytest_lc_callbacks diff`: ten changes that people make, and none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from output_suites import LIGHT

from pytest_lc_callbacks.__main__ import main

PROGRAM = """
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langchain.agents import create_agent

from pytest_lc_callbacks import FakeChatModel, RecordingHandler


class Audit(RecordingHandler):
    pass


@tool
def lookup(order: int) -> str:
    "Looks an order up."
    return f"order {order} is on its way"


def test_chain():
    audit = Audit()
    model = FakeChatModel(responses=["no", "no", "no"])
    prompt = ChatPromptTemplate.from_template("Be brief. {question}")
    chain = prompt | model
    chain.invoke({"question": "Where?"}, config={"callbacks": [audit]})


def test_agent():
    model = FakeChatModel()
    model.respond(tool_calls=[("lookup", {"order": 4711})]).respond("It is on its way.")
    agent = create_agent(model, [lookup])
    agent.invoke({"messages": [("human", "Where is it?")]}, config={"callbacks": [Audit()]})


def test_graph():
    graph = StateGraph(MessagesState)
    graph.add_node("work", lambda state: {"messages": ["a", "b"]})
    graph.add_edge(START, "work")
    graph.add_edge("work", END)
    graph.compile().invoke({"messages": []}, config={"callbacks": [Audit()]})


def test_parallel():
    first, second = (RunnableLambda(lambda x: x, name=name) for name in ("first", "second"))
    branches = RunnableParallel(a=first, b=second)
    branches.invoke(1, config={"callbacks": [Audit()]})


def test_batch():
    RunnableLambda(lambda x: x, name="each").batch(list(range(8)), config={"callbacks": [Audit()]})
"""
INI = """
[pytest]
lc_callbacks_observe = all
lc_callbacks_unused_response = off
asyncio_default_fixture_loop_scope = function
"""
CHANGES = {
    "a prompt edited": (
        [("Be brief.", "Be polite.")],
        "1 test of 5 differs: the prompt of FakeChatModel: 'brief.' is now 'polite.'",
        0,
    ),
    "a handler moved to a constructor": (
        [
            ('responses=["no", "no", "no"])', 'responses=["no", "no", "no"], callbacks=[audit])'),
            ('{"question": "Where?"}, config={"callbacks": [audit]}', '{"question": "Where?"}'),
        ],
        "1 test of 5 differs: Audit misses 2 runs that it heard: RunnableSequence, ChatPromptTemplate",
        1,
    ),
    "a tool renamed": (
        [("lookup", "find_order")],
        "1 test of 5 differs: the tool lookup is now find_order",
        0,
    ),
    "a middleware added": (
        [
            ("create_agent(model, [lookup])", "create_agent(model, [lookup], middleware=[log])"),
            ("def test_agent", "@before_model\ndef log(state, runtime):\n    return None\n\n\ndef test_agent"),
            ("import create_agent", "import create_agent\nfrom langchain.agents.middleware import before_model"),
        ],
        "1 test of 5 differs: new in LangGraph: log.before_model (2 times)*",
        0,
    ),
    "a retry added": (
        [
            ("chain = prompt | model", "chain = prompt | model.with_retry(wait_exponential_jitter=False)"),
            ('responses=["no", "no", "no"])', "responses=[ValueError('busy'), 'no'])"),
        ],
        "1 test of 5 differs: *FakeChatModel*",
        0,
    ),
    "streaming switched on": (
        [
            ('chain.invoke({"question"', 'list(chain.stream({"question"'),
            ('config={"callbacks": [audit]})', 'config={"callbacks": [audit]}))'),
        ],
        "1 test of 5 differs: FakeChatModel streams now",
        0,
    ),
    "a model swapped": (
        [('responses=["no", "no", "no"])', 'responses=["no", "no", "no"], model_name="other")')],
        "1 test of 5 differs: the model is other instead of fake-chat-model*",
        0,
    ),
    "a node split": (
        [
            ('"work", lambda state: {"messages": ["a", "b"]}', '"work", lambda state: {"messages": ["a"]}'),
            (
                'add_edge("work", END)',
                'add_node("more", lambda state: {"messages": ["b"]})\n'
                '    graph.add_edge("work", "more")\n    graph.add_edge("more", END)',
            ),
        ],
        "1 test of 5 differs: new in LangGraph: more",
        0,
    ),
    "a parallel branch": (
        [("a=first", 'c=RunnableLambda(lambda x: x, name="third"), a=first')],
        "1 test of 5 differs: new in RunnableParallel<*>: third*",
        0,
    ),
    "nothing": ([], "no difference", 0),
}


def run(pytester, name, *options, changes=()):
    text = PROGRAM
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    pytester.makeini(INI)
    pytester.path.joinpath("test_program.py").write_text(text)
    done = pytester.runpytest(f"--lc-callbacks-json={name}", *options)
    assert done.ret == 0, done.stdout.str()
    return str(pytester.path / name)


@pytest.fixture(scope="module")
def written():
    """What one session wrote of the program, for all tests."""
    return []


@pytest.fixture
def before(pytester, written):
    """The file of the program as it is."""
    path = pytester.path / "a.jsonl"
    if not written:
        run(pytester, path.name)
        written.append(path.read_text(encoding="utf-8"))
    path.write_text(written[0], encoding="utf-8")
    return str(path)


def diff(capsys, *arguments):
    # What the runs of pytest printed.
    capsys.readouterr()
    status = main(["diff", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


@pytest.mark.parametrize("change", CHANGES)
def test_real_changes(pytester, before, capsys, change):
    """
    Each of ten changes that people make is told in the first line.
    """
    pytest.importorskip("langchain.agents.middleware", reason="langchain has middleware since 1.0")
    changes, first, status = CHANGES[change]
    after = run(pytester, "b.jsonl", changes=changes)

    found, text, complaints = diff(capsys, before, after)

    pytest.LineMatcher(text.splitlines()[:1]).fnmatch_lines([first.replace("[", "[[]")])
    assert (found, complaints) == (status, "")


@pytest.mark.parametrize(
    "options",
    [["-n", "2", "--dist", "worksteal", *LIGHT], ["-p", "no:randomly", "--reverse"]],
    ids=["workers", "order"],
)
def test_the_same_suite(pytester, before, capsys, options):
    """
    A suite run in another order or by several workers does not differ from itself.
    """
    pytester.makeconftest(
        "def pytest_addoption(parser):\n    parser.addoption('--reverse', action='store_true')\n"
        "def pytest_collection_modifyitems(config, items):\n"
        "    if config.getoption('--reverse'):\n        items.reverse()\n"
    )
    after = run(pytester, "b.jsonl", *options)

    assert diff(capsys, before, after) == (0, "no difference\n", "")


def test_shards(pytester, before, capsys):
    """
    The shards of a matrix are one run.
    """
    shards = [run(pytester, f"{n}.jsonl", "-k", k) for n, k in enumerate(["chain or agent", "not chain and not agent"])]

    assert diff(capsys, before, ",".join(shards)) == (0, "no difference\n", "")


def test_a_test_that_was_renamed(pytester, before, capsys):
    """
    A renamed test is recognised by its tree.
    """
    after = run(pytester, "b.jsonl", changes=[("test_agent", "test_order"), ("Be brief.", "Be polite.")])

    status, text, _ = diff(capsys, before, after)

    assert "the test was test_program.py::test_agent" in text
    assert "is gone" not in text
    assert status == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.jsonl", "missing.jsonl"], "missing.jsonl: cannot be read: No such file or directory"),
        (["empty.jsonl", "empty.jsonl"], "empty.jsonl: no line that --lc-callbacks-json wrote"),
        (["foreign.jsonl", "empty.jsonl"], "foreign.jsonl:1: expected a line of JSON"),
        (["a", "b", "--fail-on", "mised"], "--fail-on mised: expected some of failed, finding, missed"),
        (["a", "b", "--fail-on", "missed>3%"], "--fail-on missed>3%: expected some of"),
    ],
)
def test_unusable_input(tmp_path, monkeypatch, capsys, arguments, complaint):
    """
    Input that cannot be used is exit status 2, with the reason.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "foreign.jsonl").write_text("<xml>\n")

    status, text, complaints = diff(capsys, *arguments)

    assert (status, text) == (2, "")
    assert complaints.startswith(complaint)


def test_the_command_loads_no_langchain():
    """
    The commands load neither LangChain nor pytest.
    """
    code = (
        "import sys\nfrom pytest_lc_callbacks.__main__ import main\n"
        "status = main(['diff', '--fail-on', 'x', 'a', 'b'])\n"
        "print(status, [name for name in sys.modules if name in ('pytest', 'langchain_core', 'jinja2')])"
    )
    env = {**os.environ, "COVERAGE_PROCESS_START": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)

    assert done.stdout == "2 []\n"
