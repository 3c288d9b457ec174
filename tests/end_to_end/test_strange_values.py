"""Values that break tools, wherever LangChain lets a value in: the program, the outcome and the text stay right."""

from __future__ import annotations

import json

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from strange_programs import PLACES, outcome
from strange_values import VALUES

from pytest_lc_callbacks._words import printable


class Names(BaseCallbackHandler):
    """Keeps the names of the events, and looks at nothing."""

    def __init__(self) -> None:
        self.names: list[str] = []


def _keeper(name: str):
    def keep(self, *args, **kwargs):
        self.names.append(name.removeprefix("on_"))

    return keep


for _name in dir(BaseCallbackHandler):
    if _name.startswith("on_"):
        setattr(Names, _name, _keeper(_name))


def without_us() -> dict[str, list[object]]:
    """What each program comes to with a handler that does nothing, and which events that handler gets."""
    found: dict[str, list[object]] = {}
    for place, program in PLACES.items():
        for value, make in VALUES.items():
            for in_loop in (False, True):
                handler = Names()
                came_to = outcome(program, make(), {"callbacks": [handler]}, in_loop=in_loop)
                found[f"{place}, {value}, {in_loop}"] = [came_to, handler.names]
    return found


# Each inner test is about one value: a session for each would take minutes.
PROGRAM = """
import json
import pytest
from pathlib import Path
from unittest.mock import ANY
from strange_programs import PLACES, outcome
from strange_values import VALUES
from pytest_lc_callbacks import any_order, event, many
from pytest_lc_callbacks._words import printable

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text())


def run(place, value, made, handler, in_loop):
    came_to = outcome(PLACES[place], made, {"callbacks": [handler]}, in_loop=in_loop)
    assert [came_to, handler.names] == EXPECTED[f"{place}, {value}, {in_loop}"]


def readable(text):
    text.encode()
    assert text == printable(text)
    return text


def failing(check, *args, **kwargs):
    with pytest.raises(AssertionError) as caught:
        check(*args, **kwargs)
    return readable(str(caught.value))
"""

PASSING = f"""{PROGRAM}

@pytest.mark.parametrize("in_loop", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("value", VALUES)
def test_it(value, in_loop, recording_handler, callback_scopes):
    for place in PLACES:
        recording_handler.clear()
        made = VALUES[value]()
        with callback_scopes.section():
            run(place, value, made, recording_handler, in_loop)
            # What was recorded is the same in a loop.
            if recording_handler.names and not in_loop:
                look(recording_handler, made)
            readable(str(callback_scopes.table(handler=recording_handler)))


def look(handler, made):
    json.dumps(handler.snapshot(), ensure_ascii=False).encode()
    readable("".join(map(repr, [*handler.events, *handler.runs])))
    if handler.runs:
        handler.assert_run_tree(readable(str(handler.tree)))
        handler.assert_runtime_scope()
    for attribute in ("inputs", "outputs", "messages", "data", "error"):
        handler.count(**{{attribute: made}})
        failing(handler.one, "retry", **{{attribute: made}})
    handler.where(metadata={{"value": made}})
    message = failing(handler.assert_events, [event(handler.names[0]), "retry"])
    _, _, pasted = message.partition("as recorded: ")
    pasted = pasted.partition("\\n(ANY, ")[0]
    grammar = {{"event": event, "many": many, "any_order": any_order, "ANY": ANY}}
    eval(pasted, {{"assert_events": handler.assert_events, **grammar}})
    failing(handler.assert_events, [..., event(handler.names[-1], inputs=made, outputs="no"), ...])
    failing(handler.assert_events, [event(handler.names[0], run="no")])
    failing(handler.assert_run_tree, "nobody")
    pasted = failing(handler.assert_tool_calls, [("nobody", {{"value": made}})]).partition("as recorded: ")[2]
    if "tool_start" in handler.names:
        eval(pasted, {{"assert_tool_calls": handler.assert_tool_calls}})
    failing(handler.assert_no_events, handler.names[0])
    failing(handler.assert_constructor_scope, "nobody")
    if any(name.endswith("_error") for name in handler.names):
        failing(handler.assert_no_errors)
"""

FAILING = f"""{PROGRAM}

@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", VALUES)
def test_sync(value, place, recording_handler):
    run(place, value, VALUES[value](), recording_handler, False)
    raise KeyError("of the test")


@pytest.mark.parametrize("value", VALUES)
def test_async(value, recording_handler):
    for place in PLACES:
        recording_handler.clear()
        run(place, value, VALUES[value](), recording_handler, True)
    raise KeyError("of the test")
"""


@pytest.fixture(scope="module")
def expected():
    return json.dumps(without_us())


def run_inside(pytester, program, *args):
    """The result of *program* in a pytest of its own, whose output can be encoded and steers no terminal."""
    pytester.makepyfile(program)
    result = pytester.runpytest_inprocess("-q", "--tb=short", "-W", "error", *args)
    text = "\n".join([*result.outlines, *result.errlines])
    text.encode()
    assert text == printable(text)
    assert "INTERNALERROR" not in text
    assert "could not judge" not in text
    return result


def test_no_value_changes_a_program_or_breaks_a_question(pytester, expected):
    """
    With any value at any place, a program does what it does without us, every question has an answer, and messages,
    trees and tables are readable.
    """
    pytester.path.joinpath("expected.json").write_text(expected)

    result = run_inside(pytester, PASSING)

    result.assert_outcomes(passed=2 * len(VALUES))


def test_no_value_breaks_the_report_of_a_failure(pytester, expected):
    """
    With any value at any place, a failing test fails with its own error and has a readable section.
    """
    pytester.path.joinpath("expected.json").write_text(expected)

    result = run_inside(pytester, FAILING, "--lc-callbacks-json=lines.jsonl")

    assert '"problem"' not in pytester.path.joinpath("lines.jsonl").read_text("utf-8")
    result.assert_outcomes(failed=len(VALUES) * (len(PLACES) + 1))
    reports = [report for report in result.reprec.getreports("pytest_runtest_logreport") if report.failed]
    assert {str(report.longrepr.reprcrash.message) for report in reports} == {"KeyError: 'of the test'"}
    sections = [text for report in reports for title, text in report.sections if title == "LangChain callbacks"]
    assert len(sections) == len(reports)
    assert [text for text in sections if text != printable(text)] == []


STEERING = "a\ud800\x1b]0;title\x07\u202eb\u200b\r\x00"


def test_what_steers_a_terminal_is_shown_and_not_sent(pytester):
    """
    Control characters in names, prompts, answers and errors are shown escaped, in section, finding and warning alike;
    a line end in a name forges no line.
    """
    result = run_inside(
        pytester,
        f"""
        import pytest
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_core.messages import AIMessage
        from langchain_core.runnables import RunnableLambda

        BAD = {STEERING!r}

        class Broken(BaseCallbackHandler):
            def on_chain_start(self, *args, **kwargs):
                raise ValueError(BAD)

        def use(model):
            model.respond(tool_calls=[(BAD + "\\nFORGED", {{BAD: BAD}})])
            RunnableLambda(lambda _: model.invoke(BAD), name=BAD + "\\nFORGED").invoke(BAD, {{"callbacks": [Broken()]}})

        @pytest.mark.lc_callbacks(handler_error="warn")
        @pytest.mark.filterwarnings("default")
        def test_warned(fake_chat_model):
            use(fake_chat_model)

        def test_found(fake_chat_model):
            use(fake_chat_model)

        def test_failed(fake_chat_model):
            use(fake_chat_model)
            assert False
        """,
    )

    result.assert_outcomes(passed=1, failed=2, warnings=1)
    assert [line for line in result.outlines if line.startswith("FORGED")] == []
    result.stdout.fnmatch_lines([r"*a\ud800\x1b]0;title\x07\u202eb\u200b*"])


def test_a_lone_surrogate_crosses_processes(pytester):
    """
    A finding with a lone surrogate in its text reaches the terminal from a worker of pytest-xdist.
    """
    pytest.importorskip("xdist", reason="pytest-xdist is what runs workers")
    pytester.makepyfile(
        """
        import pytest
        from langchain_core.callbacks import BaseCallbackHandler

        class Broken(BaseCallbackHandler):
            def on_llm_end(self, *args, **kwargs):
                raise ValueError("a" + chr(0xD800) + "b")

        def use(model):
            model.invoke("hello" + chr(0xDFFF), {"callbacks": [Broken()]})

        def test_found(fake_chat_model):
            use(fake_chat_model)

        @pytest.mark.lc_callbacks(handler_error="warn")
        def test_warned(fake_chat_model):
            use(fake_chat_model)

        def test_failed(fake_chat_model):
            use(fake_chat_model)
            assert False
        """
    )

    result = pytester.runpytest_subprocess("-n1", "-p", "no:logging")

    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines([r"*CallbackFindingWarning: expected Broken.on_llm_end *a\ud800b*"])
    result.stdout.fnmatch_lines([r"expected Broken.on_llm_end to return, but it raised ValueError('a\ud800b')*"])
