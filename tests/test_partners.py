"""What a failed comparison with a partner's package means, by the version that is installed."""

from __future__ import annotations

from pathlib import Path

import partners
import pytest

# pytest is installed everywhere, which is all that these tests want of a partner.
PACKAGE = "pytest"
CONFTEST = """
import partners
from partners import pytest_runtest_makereport

def pytest_configure(config):
    config.addinivalue_line("markers", partners.MARKER)
    config.addinivalue_line("filterwarnings", "error")
    config.addinivalue_line("filterwarnings", "default::partners.NewerPartnerWarning")
"""
COMPARISON = """
import pytest

@pytest.fixture
def server(request):
    if request.param == "setup":
        raise OSError("the server does not start")

@pytest.mark.partner("pytest")
@pytest.mark.parametrize("server", ["setup", "call"], indirect=True)
def test_compared(server):
    raise AssertionError("chunk.id: only in the real")

@pytest.mark.partner("pytest")
def test_compared_and_the_same():
    pass

def test_of_our_own():
    raise AssertionError("ours")
"""
IMPORT = """
import partners

fetched = partners.fetch("pytest", "Moved")

def test_with_it():
    pass
"""


@pytest.fixture(params=["older", "same", "newer"])
def installed(request, monkeypatch):
    """Whether the installed package is older than the one that was compared, the same, or newer."""
    known = {"older": "999", "same": pytest.__version__, "newer": "1.0"}[request.param]
    monkeypatch.setattr(partners, "MADE_WITH", {PACKAGE: known})
    monkeypatch.delenv("LC_CALLBACKS_NEWEST", raising=False)
    return request.param


@pytest.fixture
def run(pytester, installed):
    """Run a test file under the rules for partners, and give pytest's result."""
    pytester.makeconftest(CONFTEST)

    def run(text):
        pytester.makepyfile(text)
        return pytester.runpytest_inprocess("-rfxs")

    return run


def test_a_difference(run, installed):
    """
    A comparison that fails in any phase is an expected failure with a newer partner, and a failure with any other.
    """
    result = run(COMPARISON)

    if installed == "newer":
        result.assert_outcomes(passed=1, failed=1, xfailed=2, warnings=2)
        result.stdout.fnmatch_lines(["FAILED *::test_of_our_own - AssertionError: ours"])
    else:
        result.assert_outcomes(passed=1, failed=2, errors=1)


@pytest.mark.parametrize("installed", ["newer"], indirect=True)
def test_what_is_said_of_a_difference(run, installed):
    """
    The warning names the package, its version, the known one, and the keys that differ.
    """
    said = f"newer than the tests know: pytest {pytest.__version__} (known: 1.0); "

    run(COMPARISON).stdout.fnmatch_lines(
        [
            "* warnings summary *",
            f"*NewerPartnerWarning: {said}the test's setup fails: OSError: the server does not start",
            f"*NewerPartnerWarning: {said}the test's call fails: AssertionError: chunk.id: only in the real",
            f"XFAIL*test_compared[[]setup[]] - {said}*",
            f"XFAIL*test_compared[[]call[]] - {said}*",
        ]
    )


def test_a_difference_in_the_newest_cell(run, monkeypatch):
    """
    Where LC_CALLBACKS_NEWEST is set, a comparison that fails is a failure with any version.
    """
    monkeypatch.setenv("LC_CALLBACKS_NEWEST", "1")

    run(COMPARISON).assert_outcomes(passed=1, failed=2, errors=1)


def test_an_import_that_moved(run, installed):
    """
    A newer partner that lacks a name skips the file with the reason and a warning; an older one fails it.
    """
    result = run(IMPORT)

    if installed == "newer":
        result.assert_outcomes(skipped=1, warnings=1)
        said = f"newer than the tests know: pytest {pytest.__version__} (known: 1.0); pytest.Moved cannot be imported"
        result.stdout.fnmatch_lines(
            [f"*NewerPartnerWarning: {said}: AttributeError: *", f"SKIPPED *: {said}: AttributeError: *"]
        )
    else:
        result.assert_outcomes(errors=1)


def test_an_import_that_moved_in_the_newest_cell(run, monkeypatch):
    """
    Where LC_CALLBACKS_NEWEST is set, a partner that lacks a name fails the file with any version.
    """
    monkeypatch.setenv("LC_CALLBACKS_NEWEST", "1")

    run(IMPORT).assert_outcomes(errors=1)


@pytest.mark.once
def test_the_guide_names_the_compared_versions():
    """
    The guide and the changelog name the versions of the integrations that the fake was compared with.
    """
    checkout = Path(__file__).resolve().parents[1]
    for page in ("docs/fake-chat-model.md", "CHANGELOG.md"):
        text = " ".join(checkout.joinpath(page).read_text(encoding="utf-8").split())
        for package in ("langchain-anthropic", "langchain-openai"):
            assert f"{package} {partners.MADE_WITH[package]}" in text


def test_a_partner_that_is_not_installed():
    """
    Without the extra `partners`, the tests that need a partner are skipped and say which one.
    """
    with pytest.raises(pytest.skip.Exception, match=r"langchain-nobody is not installed \(it is in the extra `partn"):
        partners.fetch("langchain_nobody.chat", "ChatNobody")


def test_what_is_there_is_fetched():
    """
    A module of a partner is given, or what it calls by a name.
    """
    assert partners.fetch("pytest") is pytest
    assert partners.fetch("pytest", "Item") is pytest.Item
