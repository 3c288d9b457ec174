"""The warning that a finding is at level ``warn``; LangChain is not needed to name it in a filter."""

from __future__ import annotations


class CallbackFindingWarning(UserWarning):
    """A test did something with LangChain's callbacks that it should know of; see the finding's name in brackets."""


# Warnings are printed with their category's module: the one it is imported from.
CallbackFindingWarning.__module__ = __name__.partition(".")[0]
