"""Content that wants out of the page in a real browser: it is shown as text, and nothing runs or loads."""

from __future__ import annotations

import json

import browser as real
import pytest
from lines_made import a_model, a_run, a_test
from shown_pages import keys, opened, page_of

from pytest_lc_callbacks._report.lines import made

pytestmark = pytest.mark.once

# What an attacker can put into a prompt, a name, a tag, an exception.
HOSTILE = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<svg/onload=document.title='owned'>",
    "javascript:document.title='owned'",
    "'\"><iframe srcdoc=\"<script>parent.document.title='owned'</script>\">",
    "{{ 7*7 }} {% include 'x' %} ${7*7} <!-- ]]> -->",
    "<style>*{display:none}</style><link rel=stylesheet href=http://127.0.0.1:9/x>",
    "<base href=http://127.0.0.1:9/><form action=http://127.0.0.1:9/><input autofocus>",
    "\\u202egnp.exe \\x1b[31m \\x00 \\ud83d",
    "__proto__",
    "constructor",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A page whose every text wants out."""
    tests = []
    for number, text in enumerate(HOSTILE):
        runs = [
            {
                **a_model(0, tokens=1, model=text),
                "name": text,
                "tags": [text],
                "metadata": {text: text},
                "inputs": [{"type": "human", "content": text}],
                "outputs": {text: [text]},
                "tool_calls": [{"name": text, "args": {text: text}}],
                "custom": [[text, text]],
                "status": "failed",
                "error": {"type": text, "message": text, "inside": False},
                "heard": [text],
            }
        ]
        finding = {"name": text, "level": text, "summary": text, "details": [text]}
        failure = {"when": "call", "message": text, "text": text}
        subtest = {"name": text, "outcome": "failed", "message": text}
        outcome = "failed" if number % 2 else "passed"
        facts = {"findings": [finding], "failures": [failure], "subtests": [subtest], "causes": [text], "file": text}
        tests.append(a_test(f"tests/{text}::{text}", runs=runs, handlers=[text], outcome=outcome, **facts))
    huge = {**a_run(0, "huge"), "inputs": {"text": "<b>" + "x" * 10_000_000}}
    tests.append(a_test("tests/test_huge.py::test_huge", runs=[huge]))
    tests.append(
        made("capabilities", handler=HOSTILE[0], checks=[{"name": t, "outcome": t, "says": t} for t in HOSTILE])
    )
    changes = {"title": HOSTILE[0], "tests": [{"name": t, "changes": [{"text": t, "worse": True}]} for t in HOSTILE]}
    path = page_of(tmp_path_factory.mktemp("hostile") / "report.html", tests, changes=changes)
    return path, keys([test for test in tests if test["kind"] == "test"])


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_content(driver, hostile, number):
    """
    Text from payloads, names and exceptions is shown as text: nothing runs, nothing loads, the page stays whole.
    """
    path, known = hostile
    text = HOSTILE[number]
    real.show(driver, path, f"#t={known[f'tests/{text}::{text}']}&r=0")
    driver.get_log("performance")

    assert opened(driver)
    assert text in driver.find_element("css selector", "tr.opened").text
    assert text.strip() in driver.find_element("css selector", "tr.run .name").get_attribute("textContent")
    assert "owned" not in driver.title
    tags = driver.execute_script("return [...document.querySelectorAll('*')].map((each) => each.tagName.toLowerCase())")
    assert not {"img", "svg", "iframe", "link", "base", "form"} & set(tags)
    assert tags.count("style") == 1
    handlers = (
        "[...document.querySelectorAll('*')].some((each) => [...each.attributes].some((a) => a.name.startsWith('on')))"
    )
    assert driver.execute_script(f"return {handlers}") is False
    links = driver.execute_script("return [...document.links].map((each) => each.protocol)")
    assert set(links) <= {"file:"}
    assert driver.get_log("browser") == []
    assert requests(driver) == []


def requests(driver):
    """The addresses that were asked for since the last look, the page itself apart."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith(("file:", "about:", "data:"))]


def test_a_huge_payload(driver, hostile):
    """
    A payload of 10 MB opens.
    """
    path, known = hostile
    real.show(driver, path, f"#t={known['tests/test_huge.py::test_huge']}&r=0")

    assert real.until(driver, "document.querySelector('tr.opened pre').textContent.length") > 10_000_000


def test_the_policy_holds(driver, path):
    """
    Nothing but the page's own script and style is allowed: a script and a style that are put in do nothing.
    """
    real.show(driver, path)

    driver.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.owned = 1'; document.body.append(s);"
        "const i = document.createElement('img'); i.src = 'http://127.0.0.1:9/x'; document.body.append(i);"
        "const c = document.createElement('style'); c.textContent = 'h1 { display: none }'; document.head.append(c);"
    )

    assert driver.execute_script("return window.owned") is None
    assert driver.find_element("tag name", "h1").is_displayed()
    assert "Content Security Policy" in " ".join(entry["message"] for entry in driver.get_log("browser"))
