"""Who is told when a recording handler or a script is made."""

from __future__ import annotations

from pytest_lc_callbacks import _made


def test_the_innermost_listener_is_told():
    """
    A listener hears what is made while no other is on over it, and nothing after it was stopped.
    """
    outer: list[object] = []
    inner: list[object] = []
    hear_outer, hear_inner = (lambda *told: outer.append(told)), (lambda *told: inner.append(told))

    _made.listen(hear_outer)
    _made.tell("handler", 1)
    _made.listen(hear_inner)
    _made.tell("script", 2)
    _made.stop(hear_inner)
    _made.tell("handler", 3)
    _made.stop(hear_outer)
    _made.tell("handler", 4)

    assert outer == [("handler", 1), ("handler", 3)]
    assert inner == [("script", 2)]
