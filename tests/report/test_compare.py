"""Two runs of a suite compared: what corresponds, what changed, what is worse."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lines_made import a_model, a_run, a_test, a_tool

from pytest_lc_callbacks._report.align import align, tree_of
from pytest_lc_callbacks._report.compare import DEFAULT_RULES, Rules, compare

FINDING = {"name": "orphan_run", "level": "warn", "summary": "a run began alone", "details": []}
AGENT = [a_run(0, "agent"), a_model(1, parent=0), a_tool(2, "search", parent=0, q="x"), a_model(3, parent=0)]


def told(before, after, rules=DEFAULT_RULES, **options):
    one, other = a_test("t.py::t", **before), a_test("t.py::t", **after)
    comparison = compare([one], [other], Rules.read(rules), **options)
    changes = [change.text for each in comparison.differences for change in each.changes]
    return changes, comparison.is_worse


def runs(*names, **facts):
    return [a_run(number, name, **facts) for number, name in enumerate(names)]


def raised(message):
    return runs("a", status="failed", error={"type": "ImportError", "message": message, "inside": False})


def branches(*keys):
    """Branches of a RunnableParallel with one name and one input, of which one fails."""
    error = {"type": "ValueError", "message": "b", "inside": False}
    ends = {"a": {}, "b": {"status": "failed", "error": error}}
    return [a_run(n, "RunnableLambda", tags=[f"map:key:{key}"], **ends[key]) for n, key in enumerate(keys)]


@pytest.mark.parametrize(
    ("before", "after", "change", "is_worse"),
    [
        ({}, {"outcome": "failed"}, "passed before, failed now: assert 1 == 2", True),
        ({"outcome": "failed"}, {}, "failed before, passed now", False),
        ({}, {"outcome": "skipped"}, "passed before, skipped now", False),
        ({}, {"findings": [FINDING]}, "new finding orphan_run: a run began alone", True),
        ({"findings": [FINDING]}, {}, "the finding orphan_run is gone", False),
        ({"runs": runs("a")}, {"runs": runs("a", "b")}, "new: b", False),
        ({"runs": runs("a", "b")}, {"runs": runs("a")}, "gone: b", False),
        ({"runs": runs("a", "b")}, {"runs": runs("b", "a")}, "the run b comes earlier among the runs beside it", False),
        (
            {"runs": AGENT},
            {"runs": [*AGENT[:2], {**AGENT[2], "name": "find"}, AGENT[3]]},
            "the tool search is now find",
            False,
        ),
        (
            {"runs": [a_run(0, "a"), a_run(1, "b", parent=0)]},
            {"runs": [a_run(0, "a"), a_run(1, "wrap", parent=0), a_run(2, "b", parent=1)]},
            "new in a: wrap, around b",
            False,
        ),
        (
            {"runs": runs("a", heard=["heard"]), "handlers": ["Audit"]},
            {"runs": runs("a", heard=["missed"]), "handlers": ["Audit"]},
            "Audit misses 1 run that it heard: a",
            True,
        ),
        (
            {"runs": runs("a", heard=["missed"]), "handlers": ["Audit"]},
            {"runs": runs("a", heard=["heard"]), "handlers": ["Audit"]},
            "Audit hears 1 run that it missed: a",
            False,
        ),
        (
            {"runs": runs("a", heard=["heard"]), "handlers": ["Audit"]},
            {"runs": runs("a", heard=["heard twice"]), "handlers": ["Audit"]},
            "Audit hears 1 run more than once: a",
            True,
        ),
        ({"runs": runs("a"), "handlers": ["Audit"]}, {"runs": runs("a")}, "the handler Audit is gone", False),
        ({"runs": AGENT}, {"runs": [*AGENT[:2], a_tool(2, "search", parent=0, q="y"), AGENT[3]]},
         'the tool search is called with {"q": "y"} instead of {"q": "x"}', False),
        ({"runs": [a_model(0, model="a")]}, {"runs": [a_model(0, model="b")]}, "the model is b instead of a", False),
        (
            {"runs": [a_model(0, inputs=[{"type": "human", "content": "Be brief."}])]},
            {"runs": [a_model(0, inputs=[{"type": "human", "content": "Be very brief."}])]},
            "the prompt of FakeChatModel: 'very' is new",
            False,
        ),
        ({"runs": [a_model(0, options={"n": 1})]}, {"runs": [a_model(0, options={"n": 2})]},
         "the options of FakeChatModel: n is 2", False),
        ({"runs": [a_model(0, tokens=10)]}, {"runs": [a_model(0, tokens=20)]}, "20 tokens instead of 10", False),
        ({"runs": runs("a")}, {"runs": runs("a", status="open", duration=None)}, "a open, and ended before", False),
        ({}, {"watched": False}, "the observer is no longer on in this test", False),
    ],
)  # fmt: skip
def test_changes(before, after, change, is_worse):
    """
    Each kind of change is told in words, and is worse or not by the rules.
    """
    changes, worse = told(before, after)

    assert changes[0] == change
    assert worse is is_worse


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"runs": runs("a", "b", tags=["graph:step:1"])}, {"runs": runs("b", "a", tags=["graph:step:1"])}),
        ({"runs": runs("a", "b", duration=9.0)}, {"runs": runs("b", "a")}),
        ({"runs": runs("a")}, {"runs": runs("a", duration=900.0, start=5.0)}),
        (
            {"runs": [a_run(n, "each", inputs=n) for n in (0, 1)]},
            {"runs": [a_run(n, "each", inputs=1 - n) for n in (0, 1)]},
        ),
        ({"runs": branches("a", "b")}, {"runs": branches("b", "a")}),
        ({"runs": raised("cannot import name 'x'")}, {"runs": raised("cannot import name 'x' from 'y'")}),
        ({"runs": [a_model(0, metadata={"id": 1})]}, {"runs": [a_model(0, metadata={"id": 2})]}),
        ({"duration": 1.0}, {"duration": 9.0}),
    ],
    ids=[
        "a step of a graph",
        "side by side",
        "time",
        "a batch",
        "branches of one name",
        "another Python's words",
        "metadata",
        "a slow test",
    ],
)
def test_no_change(before, after):
    """
    The order of what runs side by side, times and ids are no difference.
    """
    assert told(before, after) == ([], False)


def test_slower():
    """
    That runs take longer is told from the factor on that a user sets.
    """
    before, after = {"runs": runs("a", duration=100.0)}, {"runs": runs("a", duration=250.0)}

    assert told(before, after, slower=3.0) == ([], False)
    assert told(before, after, slower=2.0)[0] == ["its runs take 250 ms instead of 100"]
    assert told(before, after, "slower", slower=2.0)[1] is True


@pytest.mark.parametrize(
    ("rules", "is_worse"),
    [("tokens", True), ("tokens>50%", True), ("tokens>100%", False), ("none", False), ("any", True), ("missed", False)],
)
def test_rules(rules, is_worse):
    """
    A rule may have a limit in per cent of the sum over all tests.
    """
    assert told({"runs": [a_model(0, tokens=10)]}, {"runs": [a_model(0, tokens=20)]}, rules)[1] is is_worse


@pytest.mark.parametrize("rules", ["mised", "missed>10%", "tokens>x", "tokens>10"])
def test_a_rule_that_is_none(rules):
    """
    An unknown rule is refused with those that there are.
    """
    with pytest.raises(ValueError, match=re.escape(f"--fail-on {rules}: expected some of failed, finding, missed")):
        Rules.read(rules)


def test_tests_that_moved():
    """
    A test with another id is recognised by its name and tree, or by a tree that no other has; the rest came or went.
    """
    old = [a_test("a.py::one", runs=runs("x")), a_test("a.py::two", runs=AGENT), a_test("a.py::old")]
    new = [a_test("b.py::one", runs=runs("x")), a_test("a.py::zwei", runs=AGENT), a_test("a.py::new")]

    found = {each.test: [c.text for c in each.changes] for each in compare(old, new, Rules.read("none")).differences}

    assert found == {
        "b.py::one": ["the test was a.py::one"],
        "a.py::zwei": ["the test was a.py::two"],
        "a.py::old": ["the test is gone"],
        "a.py::new": ["the test is new"],
    }


def test_a_new_test_that_fails():
    """
    A new test that fails, or in which something was found, is worse.
    """
    new = [a_test("t", outcome="failed"), a_test("u", findings=[FINDING])]

    comparison = compare([a_test("v")], [*new, a_test("v")], Rules.read(DEFAULT_RULES))

    assert comparison.is_worse


def test_the_headline():
    """
    The first line says how many tests differ, the most telling change, and how many tests have it.
    """
    old = [a_test(f"t{n}", runs=AGENT) for n in range(3)]
    new = [a_test(f"t{n}", runs=[*AGENT[:2], {**AGENT[2], "name": "find"}, AGENT[3]]) for n in range(2)]

    comparison = compare(old, [*new, old[2]], Rules.read("none"))

    assert comparison.headline == "2 tests of 3 differ: the tool search is now find (2 tests)"
    assert compare(old, old, Rules.read("any")).text() == "no difference"


def test_markdown():
    """
    In Markdown a change is shown as it is: it cannot become a link or HTML.
    """
    text = compare(
        [a_test("t", runs=runs("a"))], [a_test("t", runs=runs("a", "[x](y) <b>"))], Rules.read("added")
    ).text(markdown=True)

    assert text.splitlines()[0] == "## 1 test of 1 differs: new: \\[x\\](y) \\<b\\>"
    assert "### `t`" in text
    assert "- worse: new: \\[x\\](y) \\<b\\>" in text


@st.composite
def trees(draw):
    names = draw(st.lists(st.sampled_from("abc"), max_size=12))
    made = []
    for number, name in enumerate(names):
        parent = draw(st.none() | st.integers(0, number - 1)) if number else None
        made.append(a_run(number, name, parent=parent))
    return made


@given(trees(), st.randoms())
def test_a_tree_against_itself(tree, rng: random.Random):
    """
    Any tree against itself has every run in a pair, and nothing else.
    """
    found = align(tree_of(tree), tree_of(tree))

    assert len(found.pairs) == len(tree)
    assert [found.gone, found.added, found.renamed, found.moved, found.reordered] == [[], [], [], [], []]


@given(trees(), trees())
def test_no_run_is_lost(old, new):
    """
    Of any two trees, every run is in a pair, renamed, moved, or below one that came or went; none twice.
    """
    found = align(tree_of(old), tree_of(new))

    both = [*found.pairs, *found.renamed]
    lefts = [a.run["id"] for a, _ in both] + [n.run["id"] for top in found.gone for n in top.below()]
    assert sorted(lefts) == list(range(len(old)))
    paired = [b.run["id"] for _, b in both]
    assert len(set(paired)) == len(paired)
    below = {n.run["id"] for top in found.added for n in top.below()}
    assert below | set(paired) == set(range(len(new)))
