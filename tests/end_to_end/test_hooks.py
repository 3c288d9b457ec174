"""The hooks: what a conftest.py or a plugin may say about findings and secrets, and who is named when it goes wrong."""

from __future__ import annotations

import pytest
from programs import HEAD, PROGRAMS


@pytest.fixture
def run(pytester):
    """Runs a test that earns a finding, beside a conftest.py."""

    def run(conftest, source=PROGRAMS["handler_error"], *args):
        pytester.makeconftest("import re\nimport pytest\n" + conftest)
        pytester.makepyfile(HEAD + source)
        filters = "-Walways::pytest_lc_callbacks.CallbackFindingWarning"
        return pytester.runpytest_inprocess("-p", "no:randomly", filters, *args)

    return run


HOOK = "@pytest.hookimpl(optionalhook=True)\n"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("'off'", {"passed": 1}),
        ("'warn'", {"passed": 1, "warnings": 1}),
        ("'error'", {"failed": 1}),
        ("None", {"failed": 1}),
    ],
)
def test_a_hook_changes_the_level(run, answer, outcome):
    """
    A hook's level replaces the level by the settings, and None leaves it as it is.
    """
    hook = f"{HOOK}def pytest_lc_callbacks_finding(item, finding, level):\n    return {answer}"

    run(hook).assert_outcomes(**outcome)


def test_what_a_hook_is_told(run):
    """
    A hook gets the finding with its words, exception, handler and runs; the test; and the level so far.
    """
    result = run(
        f"""{HOOK}def pytest_lc_callbacks_finding(item, finding, level):
    assert item.name == "test_it"
    assert (finding.name, level) == ("handler_error", "warn")
    assert isinstance(finding.error, KeyError)
    assert type(finding.handler).__name__ == "Broken"
    assert finding.summary.startswith("expected Broken.on_llm_end")
    return "off"
""",
        PROGRAMS["handler_error"],
        "-olc_callbacks_handler_error=warn",
    )

    result.assert_outcomes(passed=1)


def test_hooks_of_a_folder(pytester):
    """
    A conftest.py speaks for the tests below it.
    """
    for folder in ("strict", "lenient"):
        path = pytester.mkdir(folder) / f"test_{folder}.py"
        path.write_text(HEAD + PROGRAMS["handler_error"])
    hook = f"import pytest\n{HOOK}def pytest_lc_callbacks_finding():\n    return 'off'"
    pytester.path.joinpath("lenient", "conftest.py").write_text(hook)

    result = pytester.runpytest_inprocess("-p", "no:randomly")

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["FAILED strict*"])


def test_an_installed_plugin(pytester):
    """
    A plugin implements the hooks like any other; the first to answer wins, and one in the project goes before.
    """
    pytester.makepyfile(other=f"import pytest\n{HOOK}def pytest_lc_callbacks_finding():\n    return 'off'")
    pytester.syspathinsert()
    pytester.makepyfile(HEAD + PROGRAMS["handler_error"])
    pytester.runpytest_inprocess("-p", "other").assert_outcomes(passed=1)

    pytester.makeconftest(f"import pytest\n{HOOK}def pytest_lc_callbacks_finding():\n    return 'error'")
    pytester.runpytest_inprocess("-p", "other").assert_outcomes(failed=1)


def test_without_this_plugin(run):
    """
    An implementation that is marked as optional survives `-p no:lc_callbacks`.
    """
    result = run(
        f"{HOOK}def pytest_lc_callbacks_finding():\n    pass\n\n{HOOK}def pytest_lc_callbacks_redact():\n    pass",
        "def test_it():\n    pass",
        "-p",
        "no:lc_callbacks",
        "--strict-markers",
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return 'loud'", "to return one of off, warn, error, or None, but it returned 'loud'"),
        ("return True", "to return one of off, warn, error, or None, but it returned True"),
        ("raise LookupError('no such team')", "to return a level, but it raised LookupError('no such team')"),
        ("pytest.skip('not today')", "to return a level, but it raised not today"),
    ],
)
def test_a_hook_that_goes_wrong(run, body, problem):
    """
    A hook that goes wrong is named with its place, and the finding is told all the same.
    """
    result = run(f"{HOOK}def pytest_lc_callbacks_finding():\n    {body}")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"expected the hook pytest_lc_callbacks_finding (conftest.py:*) {problem}*"])
    result.stdout.fnmatch_lines(["expected Broken.on_llm_end to return, *"])


def test_a_hook_that_goes_wrong_in_a_failing_test(run):
    """
    In a failing test the problem of a hook stands in the section, below the test's own failure.
    """
    result = run(
        f"{HOOK}def pytest_lc_callbacks_finding():\n    return 1", f"{PROGRAMS['handler_error']}    assert False"
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*LangChain callbacks*", "expected the hook *but it returned 1"])


SECRETS = """
def test_it(fake_chat_model):
    fake_chat_model.invoke("customer cust-42 of ACME asks")
    assert False
"""


@pytest.mark.parametrize(
    "rule",
    [
        "r'cust-\\d+|ACME'",
        "[r'cust-\\d+', re.compile('acme', re.I)]",
        "lambda text: text.replace('cust-42', '').replace('ACME', '')",
    ],
)
def test_a_project_names_its_secrets(run, rule):
    """
    A regular expression, several, or a function of the text name secrets, and these are not in the report.
    """
    result = run(f"{HOOK}def pytest_lc_callbacks_redact(config):\n    return {rule}", SECRETS, "--show-capture=all")

    section = result.stdout.str().partition("LangChain callbacks")[2]
    assert "customer" in section
    assert "cust-42" not in section
    assert "ACME" not in section


def test_findings_are_without_secrets(run):
    """
    The words of failures and warnings are without secrets too.
    """
    result = run(
        f"{HOOK}def pytest_lc_callbacks_redact():\n    return 'model_name'",
        PROGRAMS["handler_error"],
        "-p",
        "no:logging",
    )

    result.stdout.fnmatch_lines(["expected Broken.on_llm_end to return, but it raised KeyError('[[]redacted]')*"])
    result.stdout.no_fnmatch_line("*model_name*")


EVERYWHERE = """
from langchain_core.runnables import RunnableLambda
from pytest_lc_callbacks import event

SECRET = "cust-" + 7 * "0123456789"

class Broken(BaseCallbackHandler):
    def on_llm_end(self, *args, **kwargs):
        raise ValueError(SECRET)

def use(model, handler):
    model.respond(tool_calls=[(SECRET, {SECRET: SECRET})])
    model.respond(SECRET).respond("left over " + SECRET)
    chain = RunnableLambda(lambda q: model.invoke(q), name="run " + SECRET)
    chain.invoke(SECRET, {"callbacks": [handler, Broken()]})

@pytest.mark.lc_callbacks(handler_error="warn", unused_response="warn")
def test_warned(fake_chat_model, recording_handler):
    use(fake_chat_model, recording_handler)

def test_found(fake_chat_model, recording_handler):
    use(fake_chat_model, recording_handler)

def test_failed(fake_chat_model, recording_handler):
    use(fake_chat_model, recording_handler)
    recording_handler.assert_events([event("chain_start", inputs="other"), ...])
"""


def test_the_rules_see_all_that_is_printed(run):
    """
    A rule sees run names, tool-call names, prompts, responses, errors and messages, each before it is cut.
    """
    result = run(
        f"{HOOK}def pytest_lc_callbacks_redact():\n    return r'cust-\\d{{70}}'",
        EVERYWHERE,
        "-p",
        "no:logging",
        "--tb=short",
    )

    result.assert_outcomes(passed=1, failed=2, warnings=2)
    ours = [line for line in result.outlines if not line.startswith("Error in Broken.on_llm_end")]
    assert [line for line in ours if "cust-" in line and "SECRET = " not in line] == []
    for shown in (
        "run [[]redacted]  *",
        "*calls [[]redacted]([[]redacted]='[[]redacted]')*",
        "*human: *[[]redacted]*",
        "*it raised ValueError('[[]redacted]')*",
        "  'left over [[]redacted]'*",
        "E *with inputs='[[]redacted]'*",
    ):
        result.stdout.fnmatch_lines([shown])


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("raise LookupError('no rules')", "it raised LookupError('no rules')"),
        ("return 3", "it raised TypeError('expected a regular expression or a function of the text, not int'))"),
        ("return '('", "it raised *missing ), unterminated subpattern*"),
        ("return lambda text: 1 / 0", "it raised ZeroDivisionError*"),
    ],
    ids=["raises", "no rule", "no pattern", "a rule that raises"],
)
def test_secrets_are_withheld_when_a_hook_goes_wrong(run, body, problem):
    """
    No text is shown where a hook that names secrets goes wrong; the hook is named instead.
    """
    result = run(f"{HOOK}def pytest_lc_callbacks_redact():\n    {body}", SECRETS)

    section = result.stdout.str().partition("LangChain callbacks")[2]
    assert "customer" not in section
    result.stdout.fnmatch_lines(
        [f"(withheld: expected the hook pytest_lc_callbacks_redact (conftest.py:*) *{problem}*"]
    )
