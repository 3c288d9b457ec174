"""The page as a file: its size, its policy, and what is readable in it without a browser's help."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import re
import zlib

import pytest
from lines_made import a_model, a_run, a_test, a_tool

from pytest_lc_callbacks._report.lines import made
from pytest_lc_callbacks._report.page import write_page
from pytest_lc_callbacks._report.page_content import Content

WORDS = (
    "the refund order customer is delayed please answer within days invoice weather Paris hotel booking agent".split()
)


def page_of(*lines):
    file = io.StringIO()
    write_page(file, lines)
    return file.getvalue()


def unpacked(page, name):
    [text] = re.findall(rf'<script type="text/plain" id="{name}">([^<]*)</script>', page)
    return json.loads(zlib.decompress(base64.b64decode(text), -15))


def agent_test(number, rng):
    """A test of an agent with about 100 events, whose texts do not repeat."""

    def say(words):
        return " ".join(rng.choice(WORDS) for _ in range(words))

    talk = [{"type": "system", "content": say(60)}, {"type": "human", "content": say(30)}]
    runs = [a_run(0, "LangGraph", inputs={"messages": list(talk)})]
    for _ in range(11):
        first = len(runs)
        answer = {"type": "ai", "content": say(25), "tool_calls": [{"name": "search", "args": {"q": say(4)}}]}
        output = {"type": "tool", "content": say(50), "name": "search"}
        runs += [
            a_run(first, "model", parent=0, inputs={"messages": list(talk)}),
            {**a_model(first + 1, parent=first), "inputs": list(talk), "outputs": answer},
            a_run(first + 2, "tools", parent=0, inputs=answer),
            {**a_tool(first + 3, "search", parent=first + 2, q=say(4)), "outputs": output},
        ]
        talk += [answer, output]
    return a_test(f"tests/test_agents.py::test_{number}[{say(2)}]", runs=runs, handlers=["Audit"])


def test_the_size():
    """
    A test of 100 events with its full payloads costs the page at most 4 KB, so that 2,000 of them stay below 8 MB.
    """
    rng = random.Random(1)
    tests = [agent_test(number, rng) for number in range(100)]

    page = page_of(*tests)

    assert len(page.encode()) < 100 * 4_000
    assert sum(len(json.dumps(test)) for test in tests) > 30 * len(page)


def test_the_policy():
    """
    The content security policy allows nothing but the hashes of the page's own script and style.
    """
    page = page_of(a_test("t.py::t"))
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)

    def hashed(text):
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert policy.replace("&#39;", "'") == (
        f"default-src 'none'; script-src 'sha256-{hashed(script)}'; style-src 'sha256-{hashed(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert " style=" not in page


def test_every_test_is_packed():
    """
    The index names for each test the block and the place where all of it is.
    """
    rng = random.Random(2)
    tests = [agent_test(number, rng) for number in range(60)]

    page = page_of(*tests)

    blocks = {}
    for entry in unpacked(page, "index")["tests"]:
        block, place = entry[-4:-2]
        blocks.setdefault(block, unpacked(page, f"block-{block}"))
        assert blocks[block]["tests"][place]["test"] == entry[1]
    assert len(blocks) > 1


def test_failures_come_first():
    """
    Failing tests come first, then tests with findings, then the rest in the order in which they ran.
    """
    finding = {"name": "orphan_run", "level": "warn", "summary": "alone", "details": []}
    tests = [a_test("a"), a_test("b", findings=[finding]), a_test("c", outcome="error"), a_test("d")]

    assert [entry[1] for entry in unpacked(page_of(*tests), "index")["tests"]] == ["c", "b", "a", "d"]


def test_many_failures():
    """
    Of very many failing tests the first are plain, and the page says how many more there are.
    """
    page = page_of(*(a_test(f"t{n}", outcome="failed") for n in range(600)))

    assert page.count("<article ") == 500
    assert "So can 100 further tests with failures or findings." in page


def test_sessions_that_are_merged():
    """
    One test of several sessions stands there once for each, told apart by the versions that differ.
    """
    content = Content()
    for python in ("3.11", "3.12"):
        content.add(made("session", started=1.0, versions={"python": python, "pytest": "9"}))
        content.add(a_test("t.py::t"))

    index = content.index()

    assert index["sessions"] == ["python 3.11", "python 3.12"]
    assert [entry[-1] for entry in index["tests"]] == [0, 1]
    assert len({entry[0] for entry in index["tests"]}) == 2


@pytest.mark.parametrize("text", ["</script>", "<b>", "\"'", "{{ 7 * 7 }}"])
def test_text_is_escaped(text):
    """
    What comes from tests is text in the page, whatever it says.
    """
    failure = {"when": text, "message": text, "text": text}

    page = page_of(a_test(text, outcome="failed", failures=[failure], runs=[a_run(0, text)]))

    plain = page.partition('<section class="section" id="plain"')[2].partition("</section>")[0]
    assert text not in plain.replace("{{ 7 * 7 }}", "") if text != "{{ 7 * 7 }}" else text in plain
    assert "49</h4>" not in plain
