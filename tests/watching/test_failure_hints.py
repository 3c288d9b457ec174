"""What the exception of a failing test tells of its callbacks."""

from __future__ import annotations

import pytest
from langchain_core.callbacks import AsyncCallbackManager, CallbackManager

from pytest_lc_callbacks._watching.nothing_ran import explain_failure

WRONG = {
    "added to": lambda callbacks: callbacks + [1],  # noqa: RUF005  # the mistake
    "added": lambda callbacks: [1] + callbacks,  # noqa: RUF005  # the mistake is written as users write it
    "unpacked": lambda callbacks: [*callbacks, 1],
    # The mistake is written as users write it.
    "iterated": lambda callbacks: [each for each in callbacks],  # noqa: C416
    "appended to": lambda callbacks: callbacks.append(1),
    "asked for its first": lambda callbacks: callbacks[0],
}


@pytest.mark.parametrize("kind", [CallbackManager, AsyncCallbackManager])
@pytest.mark.parametrize("way", WRONG)
def test_a_manager_that_is_taken_for_a_list(way, kind):
    """
    Whatever a list would do and a callback manager does not, its exception tells.
    """
    with pytest.raises((TypeError, AttributeError)) as failed:
        WRONG[way](kind([]))

    assert "[manager-in-config]" in explain_failure([None, failed.value])


@pytest.mark.parametrize(
    "error",
    [
        TypeError('can only concatenate list (not "int") to list'),
        AttributeError("'CallbackManager' object has no attribute 'runs'"),
        ValueError("'CallbackManager' object is not iterable"),
    ],
)
def test_other_exceptions_tell_nothing(error):
    """
    Near miss: a list that something else is added to, another attribute, another exception.
    """
    assert explain_failure([error]) == ""
