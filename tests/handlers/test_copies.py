"""Copies that LangChain makes of a handler: known by identity, and kept by nobody."""

from __future__ import annotations

import gc
import weakref

from pytest_lc_callbacks._handlers.copies import Copies


class Handler:
    """One that equals every other."""

    def __eq__(self, other):
        return True

    __hash__ = None


class Slotted:
    """One that cannot be referred to weakly."""

    __slots__ = ()


def test_a_copy_of_a_copy():
    """
    A copy of a copy stands for the first handler; what is no copy stands for itself.
    """
    copies, handler, first, second, other = Copies(), Handler(), Handler(), Handler(), Handler()

    copies.note(first, handler)
    copies.note(second, first)
    copies.note(handler, handler)

    assert copies.original(second) is copies.original(first) is copies.original(handler) is handler
    assert copies.original(other) is other


def test_a_copy_is_not_kept():
    """
    A copy goes when LangChain drops it, and its entry goes with it.
    """
    copies, copy = Copies(), Handler()
    copies.note(copy, Handler())
    gone = weakref.ref(copy)

    del copy
    gc.collect()

    assert gone() is None
    assert not copies._originals._noted


def test_a_copy_without_weak_references():
    """
    A copy that cannot be referred to weakly is known all the same.
    """
    copies, copy, handler = Copies(), Slotted(), Handler()

    copies.note(copy, handler)

    assert copies.original(copy) is handler
