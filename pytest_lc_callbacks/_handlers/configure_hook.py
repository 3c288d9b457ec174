"""How LangChain learns of the observers that are on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from itertools import zip_longest
from types import ModuleType
from typing import Any

import langchain_core.tracers.context
from langchain_core.callbacks import BaseCallbackHandler

from pytest_lc_callbacks._handlers.calls import note_call
from pytest_lc_callbacks._patches import keep
from pytest_lc_callbacks._scopes import ACTIVE_OBSERVERS, ActiveObserver
from pytest_lc_callbacks._stack import frame_above, read_locals
from pytest_lc_callbacks._values import ask

_CONTEXT = langchain_core.tracers.context.__name__


class Switchboard:
    """Tells LangChain, and whoever asks `ACTIVE_OBSERVERS`, which observers are on."""

    def __init__(self) -> None:
        self._on: list[tuple[ActiveObserver, bool]] = []
        self._vars: list[_ConfigureVar] = []
        self._lock = threading.Lock()
        self._reloads = _Reloads(self.reconnect)

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

    def reconnect(self) -> None:
        """Tell LangChain anew if it has forgotten: its module was executed again, and has a new list of hooks."""
        with self._lock:
            self._register()

    def _connect(self) -> None:
        first = max((index for index, (_, alone) in enumerate(self._on) if alone), default=0)
        observers = tuple(observer for observer, _ in self._on[first:])
        while len(self._vars) < len(observers):
            self._vars.append(_ConfigureVar(notes_calls=not self._vars))
        self._register()
        self._reloads.switch(on=bool(observers))
        for var, observer in zip_longest(self._vars, observers):
            var.observer = observer
        ACTIVE_OBSERVERS.observers = observers

    def _register(self) -> None:
        context: Any = sys.modules[_CONTEXT]
        known = {id(entry[0]) for entry in context._configure_hooks}
        for var in self._vars:
            if id(var) not in known:
                # LangChain looks for an _Absent among the handlers of a run, and finds none unless somebody makes one.
                context.register_configure_hook(var, True, _Absent)


class _Reloads(MetaPathFinder):
    """
    Notices, while it is on, that LangChain's module with the hooks is executed again.

    Python asks it for the module's spec then, on ``importlib.reload`` and on an import after somebody took the module
    out of ``sys.modules``.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def switch(self, *, on: bool) -> None:
        """Switch it on or off."""
        others = [finder for finder in sys.meta_path if finder is not self]
        if on or len(others) < len(sys.meta_path):
            sys.meta_path[:] = [self, *others] if on else others

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Python's own spec of LangChain's module, whose loader tells when it is done; None for other modules."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname == _CONTEXT else None
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def execute_and_tell(module: ModuleType) -> None:
            execute(module)
            self._tell()

        loader.exec_module = execute_and_tell
        return spec


SWITCHBOARD = Switchboard()
"""The one of this process: LangChain has one list of configure hooks, and no way to remove an entry from it."""


class _ConfigureVar:
    """
    LangChain calls ``get`` twice whenever it configures the callbacks of a run, in any thread.

    LangChain expects a ``ContextVar`` here, whose value would not reach raw threads. Without an observer it costs one
    call.
    """

    def __init__(self, *, notes_calls: bool) -> None:
        self.observer: ActiveObserver | None = None
        self._notes_calls = notes_calls
        """Whether it notes each call for the observers: one of the variables does."""

    def get(self) -> ActiveObserver | None:
        """The observer that hears the run, or None."""
        observer = self.observer
        if observer is not None:
            frame = frame_above(1)
            try:
                if not self._notes_calls or note_call(frame):
                    observer._note_config(frame)
            # The program of the user's would get it.
            except BaseException as error:  # noqa: BLE001
                keep(error)
        return observer


class _AddedByIdentity(type):
    """
    Adds the observer to a manager among whose handlers one compares in a way of its own.

    LangChain asks whether a handler is an `_Absent`, and adds the observer if none is: where ``observer in handlers``
    is false. A handler's ``__eq__`` may know no other class than its own and raise, or say yes to anything.
    """

    def __instancecheck__(cls, handler: Any) -> bool:
        # An observer compares as any object does; most runs inside others have it among their handlers.
        if ask(type(handler), "__eq__") is object.__eq__ or any(handler is each for each in ACTIVE_OBSERVERS.observers):
            return False
        # This method is called by LangChain's generator, and that by its function with these variables.
        around = frame_above(1).f_back
        local = {} if around is None else read_locals(around)
        observer, manager = local.get("var_handler"), local.get("callback_manager")
        if observer is None or manager is None:
            return False
        for handlers in (manager.handlers, manager.inheritable_handlers):
            if all(each is not observer for each in handlers):
                # LangChain compares each handler with those before it, and asks those.
                handlers.insert(0, observer)
        return True


class _Absent(BaseCallbackHandler, metaclass=_AddedByIdentity):
    """LangChain makes one of these if the observer goes away between the two calls of ``_ConfigureVar.get``."""
