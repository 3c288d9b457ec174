"""Values that break tools, wherever LangChain lets a value in: the program, the outcome and the text stay right."""

from __future__ import annotations

import json
from collections.abc import Iterator

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


def without_us(values: list[str]) -> dict[str, list[list[object]]]:
    """Of each value the calls: place, whether in a loop, outcome, and the events of a handler without effect."""
    return {value: [call_without_us(value, *call) for call in calls(number)] for number, value in enumerate(values)}


def calls(number: int) -> Iterator[tuple[str, bool]]:
    """Each place, and a third of the places in a loop too; another third for the next value."""
    for at, place in enumerate(PLACES):
        yield from ((place, in_loop) for in_loop in (False, True)[: 1 + ((at + number) % 3 == 0)])


def call_without_us(value: str, place: str, in_loop: bool) -> list[object]:
    """What the program comes to with a handler that does nothing, and which events that handler gets."""
    handler = Names()
    came_to = outcome(PLACES[place], VALUES[value](), {"callbacks": [handler]}, in_loop=in_loop)
    return [place, in_loop, came_to, handler.names]


# Each inner test is about one value: a session for each would take minutes, and one for all leaves a worker idle.
PARTS = [list(VALUES)[part::5] for part in range(5)]

PASSING = """
import json
import pytest
from pathlib import Path
from unittest.mock import ANY
from strange_programs import PLACES, outcome
from strange_values import VALUES
from pytest_lc_callbacks import any_order, event, many
from pytest_lc_callbacks._words import printable

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text())
ATTRIBUTES = ["inputs", "outputs", "messages", "data", "error"]


def readable(text):
    text.encode()
    assert text == printable(text)
    return text


def failing(check, *args, **kwargs):
    with pytest.raises(AssertionError) as caught:
        check(*args, **kwargs)
    return readable(str(caught.value))


@pytest.mark.parametrize("value", EXPECTED)
def test_it(value, recording_handler, callback_scopes):
    for number, (place, in_loop, *expected) in enumerate(EXPECTED[value]):
        recording_handler.clear()
        made = VALUES[value]()
        with callback_scopes.section():
            came_to = outcome(PLACES[place], made, {"callbacks": [recording_handler]}, in_loop=in_loop)
            assert [came_to, recording_handler.names] == expected
            # What was recorded is the same in a loop.
            if recording_handler.names and not in_loop:
                look(recording_handler, made, ATTRIBUTES[number % len(ATTRIBUTES)])
            readable(str(callback_scopes.table(handler=recording_handler)))


def look(handler, made, attribute):
    json.dumps(handler.snapshot(), ensure_ascii=False).encode()
    readable("".join(map(repr, [*handler.events, *handler.runs])))
    if handler.runs:
        handler.assert_run_tree(readable(str(handler.tree)))
        handler.assert_runtime_scope()
    for name in ATTRIBUTES:
        handler.count(**{name: made})
    # What is said of a value that nobody sent depends on the attribute, and not on the place.
    failing(handler.one, "retry", **{attribute: made})
    handler.where(metadata={"value": made})
    message = failing(handler.assert_events, [event(handler.names[0]), "retry"])
    _, _, pasted = message.partition("as recorded: ")
    pasted = pasted.partition("\\n(ANY, ")[0]
    grammar = {"event": event, "many": many, "any_order": any_order, "ANY": ANY}
    eval(pasted, {"assert_events": handler.assert_events, **grammar})
    failing(handler.assert_events, [..., event(handler.names[-1], inputs=made, outputs="no"), ...])
    failing(handler.assert_events, [event(handler.names[0], run="no")])
    failing(handler.assert_run_tree, "nobody")
    pasted = failing(handler.assert_tool_calls, [("nobody", {"value": made})]).partition("as recorded: ")[2]
    if "tool_start" in handler.names:
        eval(pasted, {"assert_tool_calls": handler.assert_tool_calls})
    failing(handler.assert_no_events, handler.names[0])
    failing(handler.assert_constructor_scope, "nobody")
    if any(name.endswith("_error") for name in handler.names):
        failing(handler.assert_no_errors)
"""

FAILING = """
import pytest
from strange_programs import PLACES, outcome
from strange_values import VALUES

# The prompt and the answer of the last model call are shown: in one half a prompt is the value, in the other an answer.
HALVES = [list(PLACES)[:7], list(PLACES)[7:]]


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("value", NAMES)
def test_it(value, half, recording_handler):
    # In a loop one half for one value, and the other half for the next.
    in_loop = (NAMES.index(value) + half) % 2 == 0
    for place in HALVES[half]:
        outcome(PLACES[place], VALUES[value](), {"callbacks": [recording_handler]}, in_loop=in_loop)
    raise KeyError("of the test")
"""


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


@pytest.mark.parametrize("values", PARTS, ids=range(len(PARTS)))
def test_no_value_changes_a_program_or_breaks_a_question(pytester, values):
    """
    With any value at any place, a program does what it does without us, in a loop too, every question has an answer,
    and messages, trees and tables are readable.
    """
    pytester.path.joinpath("expected.json").write_text(json.dumps(without_us(values)))

    result = run_inside(pytester, PASSING)

    result.assert_outcomes(passed=len(values))


@pytest.mark.parametrize("values", PARTS, ids=range(len(PARTS)))
def test_no_value_breaks_the_report_of_a_failure(pytester, values):
    """
    With any value at any place, a failing test fails with its own error and has a readable section.
    """
    result = run_inside(pytester, f"NAMES = {values}\n{FAILING}", "--lc-callbacks-json=lines.jsonl")

    assert '"problem"' not in pytester.path.joinpath("lines.jsonl").read_text("utf-8")
    result.assert_outcomes(failed=2 * len(values))
    reports = [report for report in result.reprec.getreports("pytest_runtest_logreport") if report.failed]
    assert {str(report.longrepr.reprcrash.message) for report in reports} == {"KeyError: 'of the test'"}
    sections = [text for report in reports for title, text in report.sections if title == "LangChain callbacks"]
    assert len(sections) == len(reports)
    assert [text for text in sections if text != printable(text)] == []


def test_the_parts_have_every_value():
    """
    The parts of the two tests above have each value once.
    """
    assert sorted(name for part in PARTS for name in part) == sorted(VALUES)


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


def test_a_lone_surrogate_crosses_processes(xdist_pytester):
    """
    A finding with a lone surrogate in its text reaches the terminal from a worker of pytest-xdist.
    """
    xdist_pytester.makepyfile(
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

    result = xdist_pytester.runpytest_inprocess("-n1", "-p", "no:logging")

    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines([r"*CallbackFindingWarning: expected Broken.on_llm_end *a\ud800b*"])
    result.stdout.fnmatch_lines([r"expected Broken.on_llm_end to return, but it raised ValueError('a\ud800b')*"])
