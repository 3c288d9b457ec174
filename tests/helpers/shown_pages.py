"""Pages for the tests in a real browser, and their addresses."""

from __future__ import annotations

import browser as real
from lines_made import a_model, a_run, a_test, a_tool

from pytest_lc_callbacks._report.lines import made
from pytest_lc_callbacks._report.page import write_page
from pytest_lc_callbacks._report.page_content import Content

AGENT = [
    a_run(0, "LangGraph", duration=30.0, heard=["heard", "missed"]),
    a_run(1, "model", parent=0, duration=9.0),
    {
        **a_model(2, parent=1, tokens=1500, model="gpt-test"),
        "inputs": [{"type": "human", "content": "Weather in Paris?"}],
        "tool_calls": [{"name": "weather", "args": {"city": "Paris"}}],
        "heard": ["heard twice", "heard"],
    },
    a_run(3, "tools", parent=0),
    {**a_tool(4, "weather", parent=3, city="Paris"), "outputs": "Sunny"},
]
FINDING = {"name": "orphan_run", "level": "warn", "summary": "a run began alone", "details": ["at x.py:3"]}
TESTS = [
    a_test("tests/test_agent.py::test_weather", runs=AGENT, handlers=["RecordingHandler", "AuditHandler"]),
    a_test("tests/test_agent.py::test_broken", runs=[a_run(0, "chain")], outcome="failed", causes=["not-inherited"]),
    a_test("tests/test_agent.py::test_found", runs=[a_run(0, "chain"), a_model(1, parent=0)], findings=[FINDING]),
    a_test("tests/test_plain.py::test_plain", watched=False),
    *(a_test(f"tests/test_many.py::test_many[{n}]", outcome="xfailed") for n in range(300)),
]


def keys(tests):
    content = Content()
    for test in tests:
        content.add(test)
    return {entry[1]: entry[0] for entry in content.index()["tests"]}


def page_of(path, tests, **session):
    lines = [made("session", started=1.7e9, versions={"python": "3.11"}), *tests, made("end", exit_status=0, tests=1)]
    with path.open("w", encoding="utf-8") as file:
        write_page(file, lines, **session)
    return path


def opened(driver):
    return real.until(driver, "document.getElementById('title')?.textContent")
