"""What leaves a session of pytest has no secrets in it, whichever output it is in."""

from __future__ import annotations

import io
import json

import pytest
from secrets_planted import PLANTED

from pytest_lc_callbacks._report.lines import read_lines
from pytest_lc_callbacks._report.otlp import write_spans

TEXTS = [text for text, _ in PLANTED.values()]

EVERYWHERE = """
import json
from pathlib import Path

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

SECRETS = json.loads((Path(__file__).parent / "secrets.json").read_text())


@tool
def look(key: str) -> str:
    "Looks."
    return key


class Rude(BaseCallbackHandler):
    def on_chain_start(self, *args, **kwargs):
        raise ValueError(self.secret)


def run_everything(secret, model, handler):
    model.respond(tool_calls=[("look", {"key": secret})]).respond(secret)
    config = {"callbacks": [handler], "metadata": {"m": secret}, "tags": [secret], "run_name": secret}
    model.bind_tools([look]).invoke(secret, config)
    model.invoke(secret, config)
    look.invoke({"key": secret}, config)
    RunnableLambda(lambda x: {"api": secret, "deep": [secret]}).invoke({"a": secret}, config)
    return config


def fail_with(secret):
    raise ValueError(secret)
"""
USERS_ERRORS = (
    EVERYWHERE
    + """

@pytest.mark.parametrize("secret", SECRETS, ids=[secret.replace("\\n", " ") for secret in SECRETS])
def test_all(secret, recording_handler, fake_chat_model):
    config = run_everything(secret, fake_chat_model, recording_handler)
    RunnableLambda(fail_with).invoke(secret, config)


@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
def test_reason(secret, fake_chat_model):
    fake_chat_model.invoke("x")
    pytest.xfail(secret)

"""
)
OUR_WORDS = (
    EVERYWHERE
    + """

@pytest.fixture(params=SECRETS, ids=range(len(SECRETS)))
def secret(request):
    return request.param


def test_section(secret, recording_handler, fake_chat_model):
    config = run_everything(secret, fake_chat_model, recording_handler)
    with pytest.raises(ValueError):
        RunnableLambda(fail_with).invoke(secret, config)
    pytest.fail("of the test", pytrace=False)


def test_assertion(secret, recording_handler, fake_chat_model):
    run_everything(secret, fake_chat_model, recording_handler)
    recording_handler.assert_events([])


def test_one(secret, recording_handler, fake_chat_model):
    run_everything(secret, fake_chat_model, recording_handler)
    recording_handler.one("chain_start", run=f"not {secret}")


def test_finding(secret, recording_handler, fake_chat_model):
    rude = Rude()
    rude.secret = secret
    fake_chat_model.respond(secret).respond(secret)
    RunnableLambda(lambda x: x, name="outer").invoke(secret, {"callbacks": [rude], "run_name": secret})
    fake_chat_model.invoke(secret)


def test_nowhere(secret, callback_scopes, fake_chat_model):
    fake_chat_model.invoke(secret, {"run_name": secret})
    callback_scopes.assert_nowhere(secret)
"""
)


@pytest.fixture
def suite(pytester):
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (pytester.path / "secrets.json").write_text(json.dumps(TEXTS))
    return pytester


def lines_of(path):
    return list(read_lines([path], pytest.fail))


def spans_of(path):
    file = io.StringIO()
    write_spans(file, lines_of(path))
    spans = [json.loads(line) for line in file.getvalue().splitlines()]
    assert spans
    return json.dumps(spans, ensure_ascii=False)


def leaks(outputs):
    """The kinds of secrets, with the outputs that they stand in."""
    return [
        (kind, name)
        for kind, (_, secret) in PLANTED.items()
        for name, text in outputs.items()
        if secret in text or secret in text.replace("\\", "")
    ]


@pytest.mark.once
def test_no_secret_leaves(suite):
    """
    None of 40 kinds of secrets, planted in prompts, names, tags, metadata, arguments, errors, reasons and test ids, is
    in an output of the plugin's.
    """
    suite.makepyfile(USERS_ERRORS)
    done = suite.runpytest(
        "--lc-callbacks-json=a.jsonl",
        "--lc-callbacks-report=a.html",
        "--lc-callbacks-summary=a.md",
        "--lc-callbacks-tree",
        "-q",
        "--tb=no",
        "-rN",
    )

    lines = lines_of(suite.path / "a.jsonl")
    said = done.stdout.str()
    outputs = {
        "json": "\n".join(json.dumps(line, ensure_ascii=False) for line in lines),
        "page": (suite.path / "a.html").read_text(),
        "summary": (suite.path / "a.md").read_text(),
        "tree": said[said.index("LangChain run trees") :],
        "otlp": spans_of(suite.path / "a.jsonl"),
    }
    assert len(lines) == 2 * len(PLANTED) + 2
    assert outputs["tree"].count("failed: ValueError: ") == len(PLANTED)
    assert leaks(outputs) == []
    assert len(PLANTED) >= 40


@pytest.mark.once
def test_no_secret_in_our_own_words(suite):
    """
    Our section, findings and assertions have no secret in pytest's output, nor in the JUnit file, its properties
    included.
    """
    suite.makepyfile(OUR_WORDS)
    done = suite.runpytest("--junitxml=a.xml", "-o", "lc_callbacks_junit=true", "--show-capture=no", "--tb=short")

    done.assert_outcomes(failed=5 * len(PLANTED))
    outputs = {"terminal": done.stdout.str(), "junit": (suite.path / "a.xml").read_text()}
    assert outputs["junit"].count("last prompt, of ") >= len(PLANTED)
    assert 'name="lc_callbacks.model_calls"' in outputs["junit"]
    assert leaks(outputs) == []


@pytest.mark.usefixtures("xdist_pytester")
def test_rules_of_a_project(suite):
    """
    What the hook pytest_lc_callbacks_redact names is taken out of every output: names, reasons and test ids too.
    """
    suite.makeconftest(
        "def pytest_lc_callbacks_redact(config):\n    return [r'ACME', lambda text: text.replace('Globex', '***')]\n"
    )
    suite.makepyfile(
        """
        import pytest

        def test_named(fake_chat_model):
            fake_chat_model.invoke("for ACME", {"run_name": "ACME run", "tags": ["ACME"], "metadata": {"ACME": 1}})
            raise ValueError("of ACME and Globex")

        @pytest.mark.parametrize("name", ["ACME"])
        def test_expected(name, fake_chat_model):
            fake_chat_model.invoke(name)
            pytest.xfail(f"known to {name}")
        """
    )
    done = suite.runpytest(
        "--lc-callbacks-json=a.jsonl", "--lc-callbacks-summary=a.md", "--lc-callbacks-tree", "-n", "1", "--tb=no", "-rN"
    )

    said = done.stdout.str()
    outputs = [
        said[said.index("LangChain run trees") :],
        *(suite.path.joinpath(n).read_text() for n in ("a.jsonl", "a.md")),
    ]
    assert [text.count("ACME") + text.count("Globex") for text in outputs] == [0, 0, 0]
    assert "known to [redacted]" in outputs[1]


def test_a_rule_that_fails(suite):
    """
    Where a project's rule fails, nothing of the test is written but what went wrong.
    """
    suite.makeconftest("def pytest_lc_callbacks_redact(config):\n    return [lambda text: 1 / 0]\n")
    suite.makepyfile("def test_a(fake_chat_model):\n    fake_chat_model.invoke('private words')\n")

    suite.runpytest("--lc-callbacks-json=a.jsonl")

    text = (suite.path / "a.jsonl").read_text()
    assert "private words" not in text
    assert "(withheld: expected the hook pytest_lc_callbacks_redact" in text
