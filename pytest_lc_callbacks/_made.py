"""Who is told when a recording handler or the script of a fake model is made in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

Kind = Literal["handler", "script"]
Listener = Callable[[Kind, Any], None]

_listeners: list[Listener] = []


def tell(kind: Kind, made: Any) -> None:
    """Tell the innermost listener that *made*, a thing of this *kind*, was made."""
    if _listeners:
        _listeners[-1](kind, made)


def listen(listener: Listener) -> None:
    """Call *listener* with whatever is made from now on; a listener that is on already hears nothing until `stop`."""
    _listeners.append(listener)


def stop(listener: Listener) -> None:
    """Call *listener* no more; one that is off already stays off."""
    if listener in _listeners:
        _listeners.remove(listener)
