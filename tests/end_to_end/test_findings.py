"""Findings: what each says, how loud it is, and that the line it ends with allows it."""

from __future__ import annotations

import re

import pytest
from programs import ERRORS, HEAD, PROGRAMS, SUMMARIES, WARNINGS


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_certain_fails_the_test(run, name):
    """
    A finding at level error is the test's failure, readable in one line, with no traceback.
    """
    result = run(PROGRAMS[name])

    result.assert_outcomes(failed=1)
    is_cut = len(f"{SUMMARIES[name]}  [{name}]") > 120
    told = (
        [f"expected *...  [[]{name}]", f"  in full: {SUMMARIES[name]}"]
        if is_cut
        else [f"{SUMMARIES[name]}  [[]{name}]"]
    )
    result.stdout.fnmatch_lines([*told, "to allow this: *"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*plugin.py*")
    result.stdout.fnmatch_lines(["FAILED *::test_it - Failed: expected *"])


@pytest.mark.parametrize("name", WARNINGS)
def test_what_may_be_meant_is_a_warning(run, name):
    """
    A finding at level warn is a warning of a category of ours, at the line of the test.
    """
    result = run(PROGRAMS[name])

    result.assert_outcomes(passed=1, warnings=1)
    line = (HEAD + PROGRAMS[name]).strip("\n").splitlines().index(PROGRAMS[name].strip().splitlines()[0]) + 1
    result.stdout.fnmatch_lines([f"*.py:{line}: CallbackFindingWarning: {SUMMARIES[name]}  [[]{name}]"])


@pytest.fixture
def run_all(pytester):
    """Runs a file for each finding in one session, and gives what became of each, with its failure or warning."""

    def run_all(sources, *args):
        pytester.makepyfile(**{f"test_{name}": HEAD + source for name, source in sources.items()})
        filters = "-Walways::pytest_lc_callbacks.CallbackFindingWarning"
        calls = pytester.runpytest_inprocess("-p", "no:randomly", filters, *args).reprec
        found = {name: [] for name in sources}
        for report in calls.getreports("pytest_runtest_logreport"):
            if report.failed or report.when == "call":
                found[_name(report.nodeid)].append((f"{report.when} {report.outcome}", report.longreprtext))
        for call in calls.getcalls("pytest_warning_recorded"):
            found[_name(call.nodeid)].append(("warning", str(call.warning_message.message)))
        return found

    return run_all


def _name(nodeid):
    return nodeid.removeprefix("test_").partition(".py::")[0]


def _outcomes(found):
    return {name: [outcome for outcome, _ in told] for name, told in found.items()}


def _options(levels):
    return [option for name, level in levels.items() for option in ("-o", f"lc_callbacks_{name}={level}")]


PASSED, WARNED, FAILED = ["call passed"], ["call passed", "warning"], ["call failed"]
# Found when the fixtures are gone.
FAILED_LATE = ["call passed", "teardown failed"]


def _failed(name):
    return FAILED_LATE if name == "unfinished_run" else FAILED


def test_the_last_line_allows_it(run_all):
    """
    The marker that a finding ends with silences it for the test, and the setting silences it for the project.
    """
    found = run_all(PROGRAMS)
    allowed = {}
    for name, told in found.items():
        marker, setting = re.search(r"to allow this: (@\S+), or (\S+) = off for the project", told[-1][1]).groups()
        allowed[name] = PROGRAMS[name].replace("def test_it", f"{marker}\ndef test_it")
        assert setting == f"lc_callbacks_{name}"

    assert _outcomes(run_all(allowed)) == dict.fromkeys(PROGRAMS, PASSED)
    # A setting silences its own finding: in each session the other half are errors.
    for half in (list(PROGRAMS)[::2], list(PROGRAMS)[1::2]):
        levels = {name: "off" if name in half else "error" for name in PROGRAMS}
        expected = {name: PASSED if name in half else _failed(name) for name in PROGRAMS}
        assert _outcomes(run_all(PROGRAMS, *_options(levels))) == expected


def test_every_finding_has_every_level(run_all):
    """
    Every finding can be a warning or an error, and an error that is found late fails the test in its tear-down.
    """
    for half in (list(PROGRAMS)[::2], list(PROGRAMS)[1::2]):
        levels = {name: "warn" if name in half else "error" for name in PROGRAMS}
        expected = {name: WARNED if name in half else _failed(name) for name in PROGRAMS}
        assert _outcomes(run_all(PROGRAMS, *_options(levels))) == expected


def test_several_are_listed_together(run):
    """
    A test with several findings fails once, with all of them.
    """
    result = run("""
def test_it(fake_chat_model, recording_handler):
    fake_chat_model.respond("once").respond("twice")
    fake_chat_model.invoke("hi", {"callbacks": [Broken(), recording_handler, recording_handler]})
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "expected Broken.on_llm_end * [[]handler_error], and 2 more findings",
            "to allow this: *",
            "",
            "expected RecordingHandler * [[]duplicate_event]",
            "to allow this: *",
            "",
            "expected the script * [[]unused_response]",
            "to allow this: *",
        ]
    )


def test_handlers_and_spies_of_a_test_are_all_looked_at(run):
    """
    A doubled event is found in recordings that nobody asks: those made in the body, and those of each spied instance.
    """
    result = run("""
def test_made_in_the_body(callback_scopes):
    twice = RecordingHandler()
    FakeChatModel().invoke("hi", {"callbacks": [twice, twice]})

class Handler(BaseCallbackHandler):
    pass

def test_spied(spy_on):
    spy_on(Handler)
    twice = Handler()
    FakeChatModel().invoke("hi", {"callbacks": [twice, twice]})

def test_two_instances(spy_on):
    spy_on(Handler)
    FakeChatModel().invoke("hi", {"callbacks": [Handler(), Handler()]})
""")

    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["expected Handler to get each event once, but it got llm_end of FakeChatModel twice*"])


def test_with_config_and_the_call(run):
    """
    A finding of doubled events names each run that had them.
    """
    result = run("""
def test_it(recording_handler, fake_chat_model):
    first = (RunnableLambda(str) | fake_chat_model).with_config(callbacks=[recording_handler], run_name="first")
    first.invoke("hi", {"callbacks": [recording_handler]})
    fake_chat_model.invoke("hi", {"callbacks": [recording_handler] * 3})
""")

    result.stdout.fnmatch_lines(
        [
            "expected RecordingHandler * but it got chain_start, chain_end of first twice  [[]duplicate_event]",
            "  and FakeChatModel: chat_model_start, llm_end",
        ]
    )


def test_an_exhausted_model_that_was_expected(run):
    """
    A test that writes `raises` has seen the exception; a fallback, a retry and a broad `except` hide it.
    """
    result = run("""
import unittest

@pytest.fixture
def spent(fake_chat_model):
    fake_chat_model.respond("once")
    fake_chat_model.invoke("hi")
    return fake_chat_model

def test_expected(spent):
    with pytest.raises(RuntimeError, match="this is call 2"):
        spent.invoke("again")

def test_expected_in_a_call(spent):
    pytest.raises(RuntimeError, spent.invoke, "again")

@pytest.mark.lc_callbacks
class TestCase(unittest.TestCase):
    def test_expected(self):
        model = FakeChatModel(responses=["once"])
        model.invoke("hi")
        with self.assertRaises(RuntimeError):
            model.invoke("again")

def test_propagated(spent):
    spent.invoke("again")

def test_fallback(spent):
    assert spent.with_fallbacks([RunnableLambda(lambda text: "fallback")]).invoke("again") == "fallback"

def test_retry(spent):
    spent.with_retry(stop_after_attempt=2, wait_exponential_jitter=False).with_fallbacks(
        [RunnableLambda(lambda text: "fallback")]
    ).invoke("again")

def test_broad_except(spent):
    try:
        spent.invoke("again")
    except Exception:
        pass
""")

    result.assert_outcomes(passed=3, failed=4)
    result.stdout.fnmatch_lines(["FAILED *::test_propagated - pytest*"])
    result.stdout.fnmatch_lines(["expected the script * it had none for 2 calls  [[]exhausted_model]"])
    # In the failures; where CI is set, the summary repeats them whole.
    assert sum(line.startswith("expected the script") for line in result.outlines) == 3


def test_an_unused_response_that_a_fixture_uses(run):
    """
    A script is judged when the fixtures are gone where a run is still open, which may still ask.
    """
    result = run("""
@pytest.fixture
def last_words(fake_chat_model):
    streams = []
    yield streams
    streams[0].close()
    fake_chat_model.invoke("bye")

def test_it(fake_chat_model, last_words):
    fake_chat_model.respond("one two").respond("bye")
    last_words.append(fake_chat_model.stream("hi"))
    next(last_words[0])
""")

    result.assert_outcomes(passed=1)


def test_orphans_are_told_with_the_call(run):
    """
    A finding of orphans names the line of the call, and each line once, however often it was reached.
    """
    result = run("""
def inside(text):
    for _ in range(3):
        FakeChatModel().invoke(text, {"callbacks": [RecordingHandler()]})
    return text

def test_it(fake_chat_model):
    RunnableLambda(inside).invoke("hi")
""")

    result.stdout.fnmatch_lines(
        [
            "*CallbackFindingWarning: expected FakeChatModel to be a run under inside, but * (3 times)*",
            "*called at test_orphans_are_told_with_the_call.py:*",
            "*merge_configs(config,*",
        ]
    )


LIBRARY = """
from langchain_core.callbacks import FileCallbackHandler

def test_it(recording_handler, tmp_path):
    with FileCallbackHandler(str(tmp_path / "log")) as handler:
        pass
    RunnableLambda(str, name="shout").{call}, {{"callbacks": [handler]}}){end}
"""


def test_a_librarys_handler_is_told_with_the_users_line(run):
    """
    Where no line of the user's raised, a `handler_error` shows the line that led to the run.
    """
    result = run(LIBRARY.format(call="invoke(1", end=""))

    [line] = [line for line in result.outlines if "in a run that was called at" in line]
    source = (HEAD + LIBRARY).strip("\n").splitlines()
    number = next(number for number, text in enumerate(source, 1) if "shout" in text)
    assert line.strip().endswith(f"_users_line.py:{number}")


def test_an_async_run_shows_no_line(run):
    """
    The stack of an async run shows no line of the user's, and the finding names none.
    """
    result = run(
        LIBRARY.format(call="ainvoke(1", end="").replace(
            "    RunnableLambda", "    import asyncio; asyncio.run(RunnableLambda"
        )
        + ")\n"
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["expected FileCallbackHandler.on_chain_start to return, *"])
    result.stdout.no_fnmatch_line("*in a run that was called at*")


ON_PURPOSE = """
class Broken(BaseCallbackHandler):
    def on_chain_start(self, serialized, inputs, **kwargs):
        raise ValueError("on purpose")

def test_it({fixture}):
    RunnableLambda(str).invoke(1, {{"callbacks": [Broken()]}})
"""


@pytest.mark.parametrize(
    ("fixture", "options", "outcome"),
    [
        ("", [], {"passed": 1, "warnings": 1}),
        ("", ["-olc_callbacks_handler_error=error"], {"failed": 1}),
        ("", ["-olc_callbacks_handler_error=off"], {"passed": 1}),
        ("", ["-olc_callbacks_orphan_run=error"], {"passed": 1, "warnings": 1}),
        ("recording_handler", [], {"failed": 1}),
    ],
    ids=["not asked", "set by the project", "switched off", "another is set", "asked for by a fixture"],
)
def test_who_did_not_ask_is_warned_at_most(run, fixture, options, outcome):
    """
    A test that is watched since all are hears of a finding at `warn` at most, unless the project sets `error` for it.
    """
    run(ON_PURPOSE.format(fixture=fixture), "-olc_callbacks_observe=all", *options).assert_outcomes(**outcome)


def test_who_asks_late_is_told_as_well(run):
    """
    A test that gets a fixture of ours with `request.getfixturevalue` has asked.
    """
    source = ON_PURPOSE.format(fixture="request") + "    request.getfixturevalue('recording_handler')\n"

    run(source, "-olc_callbacks_observe=all").assert_outcomes(failed=1)
