"""How LangChain learns of the observers that are on."""

from __future__ import annotations

import threading
from itertools import zip_longest

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.context import register_configure_hook

from pytest_lc_callbacks._scopes import ACTIVE_OBSERVERS, ActiveObserver


class Switchboard:
    """Tells LangChain, and whoever asks `ACTIVE_OBSERVERS`, which observers are on."""

    def __init__(self) -> None:
        self._on: list[tuple[ActiveObserver, bool]] = []
        self._vars: list[_ConfigureVar] = []
        self._lock = threading.Lock()

    def switch_on(self, observer: ActiveObserver, *, alone: bool) -> None:
        """Let *observer* hear. If it is to be *alone*, the observers that are on hear nothing until it is off."""
        with self._lock:
            self._on.append((observer, alone))
            self._connect()

    def switch_off(self, observer: ActiveObserver) -> None:
        """Let no further run hear *observer*."""
        with self._lock:
            self._on = [entry for entry in self._on if entry[0] is not observer]
            self._connect()

    def _connect(self) -> None:
        first = max((index for index, (_, alone) in enumerate(self._on) if alone), default=0)
        observers = tuple(observer for observer, _ in self._on[first:])
        while len(self._vars) < len(observers):
            self._vars.append(_ConfigureVar())
            # LangChain looks for an _Absent among the handlers of a run, and finds none unless somebody makes one.
            register_configure_hook(self._vars[-1], True, _Absent)  # type: ignore[arg-type]  # LangChain calls .get()
        for var, observer in zip_longest(self._vars, observers):
            var.observer = observer
        ACTIVE_OBSERVERS.observers = observers


SWITCHBOARD = Switchboard()
"""The one of this process: LangChain has one list of configure hooks, and no way to remove an entry from it."""


class _ConfigureVar:
    """
    LangChain calls ``get`` twice whenever it configures the callbacks of a run, in any thread.

    LangChain expects a ``ContextVar`` here, whose value would not reach raw threads. Without an observer it costs one
    call.
    """

    def __init__(self) -> None:
        self.observer: ActiveObserver | None = None

    def get(self) -> ActiveObserver | None:
        """The observer that hears the run, or None."""
        return self.observer


class _Absent(BaseCallbackHandler):
    """LangChain makes one of these if the observer goes away between the two calls of ``_ConfigureVar.get``."""
