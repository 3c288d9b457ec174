"""Who is told when a recording handler, a script, a stand-in or a tool fault is made in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

Kind = Literal["handler", "script", "stand_in", "fault"]
Listener = Callable[[Kind, Any], None]

_listeners: list[tuple[Listener, tuple[Kind, ...]]] = []


def tell(kind: Kind, made: Any) -> None:
    """Tell the innermost listener for this *kind* that *made* was made."""
    for listener, kinds in reversed(_listeners):
        if kind in kinds:
            listener(kind, made)
            return


def listen(listener: Listener, *kinds: Kind) -> None:
    """Call *listener* with whatever of these *kinds* is made; one that listens already hears nothing until `stop`."""
    _listeners.append((listener, kinds))


def stop(listener: Listener) -> None:
    """Call *listener* no more; one that is off already stays off."""
    _listeners[:] = [entry for entry in _listeners if entry[0] != listener]
