"""Whether a test expected an exception: what its traceback and the source around it tell."""

from __future__ import annotations

import unittest
from contextlib import suppress

import pytest

from pytest_lc_callbacks._findings.expected import is_expected

raised = ValueError("kept here by whoever raises it")


def fail():
    """Raise the same exception again, as code under test does."""
    raise raised.with_traceback(None)


def test_in_a_with_block():
    """
    An exception that comes to a line inside `with pytest.raises(...)`, at any depth, is expected.
    """
    # More than a line, since how deep the line stands is the point.
    with pytest.raises(ValueError, match="kept"):  # noqa: PT012
        for _ in range(2):
            if True:
                fail()
    assert is_expected(raised)


def test_as_a_call():
    """
    An exception of a function that is given to `pytest.raises` is expected.
    """
    # As people still write it.
    pytest.raises(ValueError, fail)  # noqa: RUF061
    assert is_expected(raised)


def test_by_unittest():
    """
    An exception without a traceback is expected: `assertRaises` takes the traceback away.
    """
    # The thing under test.
    with unittest.TestCase().assertRaises(ValueError):  # noqa: PT027
        fail()
    assert is_expected(raised)


def test_caught_by_others():
    """
    An exception that other code caught is not expected, also where a word like *raises* is nearby.
    """
    with pytest.raises(KeyError):
        {}["a line that raises"]
    try:
        fail()
    except ValueError:
        assert not is_expected(raised)


def test_source_that_cannot_be_read():
    """
    An exception in code without a file, or in a file that is no Python, is not expected.
    """
    with suppress(ValueError):
        exec("raise raised.with_traceback(None)", {"raised": raised})
    assert not is_expected(raised)
