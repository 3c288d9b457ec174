"""What is replaced for a while, and put back."""

from __future__ import annotations

from enum import EnumMeta

import pytest

from pytest_lc_callbacks._patches import Patches


class Guarded(type):
    """A metaclass that lets nobody write."""

    def __setattr__(cls, name, value):
        raise AttributeError(name)


class Base:
    """With a method to inherit."""

    def method(self):
        """The original."""


class Child(Base, metaclass=Guarded):
    """Inherits it."""


def test_what_was_there_comes_back():
    """
    An attribute of its own is restored, an inherited one is inherited again, and a guard is passed by.
    """
    patches, own, inherited = Patches(), Base.method, vars(Child).get("method")
    patches.replace(Base, "method", 1)
    patches.replace(Child, "method", 2)
    assert (Base.method, Child.method) == (1, 2)

    patches.undo()

    assert Base.method is own
    assert vars(Child).get("method") is inherited is None


def test_what_others_replaced_is_theirs():
    """
    A replacement by somebody else stays; when they put ours back, a later look takes it away.
    """
    patches = Patches()
    patches.replace(Base, "method", "ours")
    Base.method = "theirs"

    patches.undo()
    assert Base.method == "theirs"

    Base.method = "ours"
    patches.undo()
    assert callable(Base.method)


def test_the_last_is_undone_first():
    """
    Two replacements of one attribute end with what was there before both.
    """
    patches, own = Patches(), Base.method
    patches.replace(Base, "method", 1)
    patches.replace(Base, "method", 2)

    patches.undo()

    assert Base.method is own


@pytest.mark.parametrize("owner", [int, EnumMeta.__mro__[1]])
def test_classes_made_in_c(owner):
    """
    They cannot be written, and nothing is left half done.
    """
    patches = Patches()
    with pytest.raises(TypeError, match="immutable type"):
        patches.replace(owner, "on_llm_end", 1)
    patches.undo()
