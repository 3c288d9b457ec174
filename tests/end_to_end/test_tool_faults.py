"""fail_tool in a test run: the finding unused_fault, and its end with the test."""

from __future__ import annotations

import pytest

HEAD = """
    import pytest
    from langchain_core.tools import tool

    @tool
    def search(query: str) -> str:
        '''Search.'''
        return "found"

    def ask():
        return search.invoke({"query": "x"})
"""


@pytest.fixture
def run(pytester):
    def run(source, *args):
        pytester.makepyfile(HEAD + source)
        return pytester.runpytest_inprocess(*args)

    return run


def test_a_fault_that_never_struck(run):
    """
    A fault that never struck fails the test, and says how often its tool was called.
    """
    result = run(
        """
    def test_misspelt(callback_scopes):
        with callback_scopes.fail_tool("serach", TimeoutError("down")):
            ask()

    def test_too_late(callback_scopes):
        with callback_scopes.fail_tool("search", TimeoutError, on_call=3):
            ask()
            ask()

    def test_once(callback_scopes):
        with callback_scopes.fail_tool("search", TimeoutError, on_call=2):
            ask()
    """
    )

    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "expected TimeoutError('down') in the tool 'serach', but the tool was never called *[[]unused_fault]",
            "hint: name the tool that the program calls in the block, and a call that there is.",
            "expected TimeoutError in the tool 'search' on call 3, but the tool was called 2 times *[[]unused_fault]",
            "expected TimeoutError in the tool 'search' on call 2, but the tool was called once *[[]unused_fault]",
        ]
    )


def test_a_fault_that_struck(run):
    """
    One that struck at all is no finding, and neither is any in a test that failed.
    """
    run(
        """
    def test_struck(callback_scopes):
        with callback_scopes.fail_tool("search", TimeoutError, times=2), pytest.raises(TimeoutError):
            ask()

    @pytest.mark.xfail(strict=True, raises=ZeroDivisionError)
    def test_failed(callback_scopes):
        with callback_scopes.fail_tool("search", TimeoutError):
            raise ZeroDivisionError
    """
    ).assert_outcomes(passed=1, xfailed=1)


@pytest.mark.parametrize("way", ["marker", "ini"])
def test_the_level(run, way):
    """
    The marker and the project's setting relax it.
    """
    marker = "@pytest.mark.lc_callbacks(unused_fault='off')" if way == "marker" else ""
    source = f"""
    {marker}
    def test_it(callback_scopes):
        with callback_scopes.fail_tool("search", TimeoutError):
            pass
    """

    run(source, *(["-olc_callbacks_unused_fault=off"] if way == "ini" else [])).assert_outcomes(passed=1)


def test_without_a_block(run):
    """
    Without a block it lasts until the end of the test.
    """
    run(
        """
    def test_it(callback_scopes):
        callback_scopes.fail_tool("search", TimeoutError)
        with pytest.raises(TimeoutError):
            ask()

    def test_after():
        assert ask() == "found"
    """
    ).assert_outcomes(passed=2)
