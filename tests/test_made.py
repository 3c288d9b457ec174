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

    _made.listen(hear_outer, "handler", "script")
    _made.tell("handler", 1)
    _made.listen(hear_inner, "handler", "script")
    _made.tell("script", 2)
    _made.stop(hear_inner)
    _made.tell("handler", 3)
    _made.stop(hear_outer)
    _made.tell("handler", 4)

    assert outer == [("handler", 1), ("handler", 3)]
    assert inner == [("script", 2)]


def test_a_listener_hears_its_kinds():
    """
    What the innermost listener does not listen for, the one around it hears.
    """
    outer: list[object] = []
    inner: list[object] = []
    hear_outer, hear_inner = (lambda *told: outer.append(told)), (lambda *told: inner.append(told))
    _made.listen(hear_outer, "script", "stand_in")
    _made.listen(hear_inner, "script")
    try:
        _made.tell("script", 1)
        _made.tell("stand_in", 2)
        _made.tell("handler", 3)
    finally:
        _made.stop(hear_inner)
        _made.stop(hear_outer)

    assert (outer, inner) == ([("stand_in", 2)], [("script", 1)])
