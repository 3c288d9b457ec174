"""What can be reached from a handler: the run ids it keeps, and the containers of its own that grow."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.base import AsyncBaseTracer, BaseTracer

_CONTAINERS = (dict, list, set, frozenset, tuple, deque)
_GROWING = (dict, list, set, deque)
# What holds nothing that could be entered.
_LEAVES = (str, int, float, bool, type(None), bytes, UUID)
_LANGCHAIN = ("langchain_core", "langgraph", "langsmith")
_DEPTH = 12


class _Tracer(BaseTracer):
    def _persist_run(self, run: Any) -> None:
        """Keep nothing."""


class _AsyncTracer(AsyncBaseTracer):
    async def _persist_run(self, run: Any) -> None:
        """Keep nothing."""


def kept_runs(handler: Any, run_ids: Iterable[UUID]) -> list[str]:
    """The paths from *handler* to ids of runs, as UUID, text or hex digits: ``CostHandler.starts[UUID]``."""
    wanted = {spelling for run_id in run_ids for spelling in (str(run_id), run_id.hex)}
    found = (path for path, value in walk(handler) if _is_id(value, wanted))
    return list(dict.fromkeys(found))


def sizes(handler: Any) -> dict[str, int]:
    """How many items each container of the handler's own holds, by path."""
    return {path: len(value) for path, value in walk(handler) if type(value) is not tuple and is_container(value)}


def is_container(value: Any) -> bool:
    """Whether it is one that grows."""
    return issubclass(type(value), _GROWING)


def walk(handler: Any) -> Iterator[tuple[str, Any]]:
    """
    Every value that the handler's own code keeps, with the path to it.

    Objects of other packages are not entered: what an exporter or a client has not sent yet is theirs. What LangChain's
    own base classes keep is left aside.
    """
    cls = type(handler)
    packages = {package_of(base) for base in cls.__mro__} - {None}
    aside = _attributes_of_base(handler)
    waiting: deque[tuple[str, Any, int]] = deque()
    for name, value in attributes(handler):
        if name not in aside:
            waiting.append((f"{cls.__name__}.{name}", value, 0))
    for base in cls.__mro__:
        if package_of(base) is not None:
            waiting.extend((f"{base.__name__}.{n}", v, 0) for n, v in vars(base).items() if not n.startswith("__"))
            waiting.extend((path, value, 0) for path, value in _globals_of(base))
    seen: set[int] = set()
    while waiting:
        path, value, depth = waiting.popleft()
        yield path, value
        if type(value) not in _LEAVES and depth < _DEPTH and id(value) not in seen:
            seen.add(id(value))
            waiting.extend((p, v, depth + 1) for p, v in _inside(path, value, packages))


def attributes(value: Any) -> list[tuple[str, Any]]:
    """What an object keeps in its ``__dict__`` and slots."""
    found = dict(getattr(value, "__dict__", {}))
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            slot = vars(cls).get(f"_{cls.__name__.lstrip('_')}{name}" if name.startswith("__") else name)
            if slot is not None and hasattr(type(slot), "__get__"):
                try:
                    found[name] = slot.__get__(value, cls)
                except AttributeError:
                    # A slot that was never set.
                    continue
    return list(found.items())


def package_of(cls: type) -> str | None:
    """The package that a class belongs to, or None where it is LangChain's, Python's or ours."""
    module = getattr(cls, "__module__", "") or ""
    root = module.partition(".")[0]
    if root in _LANGCHAIN or (root in sys.stdlib_module_names and root != "__main__"):
        return None
    if issubclass(cls, BaseCallbackHandler) and root == __name__.partition(".")[0]:
        return root
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        if getattr(sys.modules.get(name), "__file__", None):
            return name
    return module


def _attributes_of_base(handler: Any) -> set[str]:
    """What LangChain's base class keeps on every instance, which no author of a handler can mend."""
    for base, minimal in ((BaseTracer, _Tracer), (AsyncBaseTracer, _AsyncTracer)):
        if isinstance(handler, base):
            return set(vars(minimal()))
    return set()


def _globals_of(cls: type) -> Iterator[tuple[str, Any]]:
    module = sys.modules.get(cls.__module__)
    for name, value in list(vars(module).items()) if module else ():
        if is_container(value) and not name.startswith("__") and type(value).__module__ in ("builtins", "collections"):
            yield f"{cls.__module__}.{name}", value


def _inside(path: str, value: Any, packages: set[str | None]) -> Iterator[tuple[str, Any]]:
    kind = type(value)
    if issubclass(kind, Mapping):
        for key, item in _items(value):
            inside = f"{path}[{_shown(key)}]"
            yield f"{inside} (a key)", key
            yield inside, item
    elif issubclass(kind, _CONTAINERS):
        for item in list(value):
            yield f"{path}[...]", item
    elif issubclass(kind, (type, ModuleType, BaseException)) or (callable(value) and not _is_own(kind, packages)):
        return
    elif _is_own(kind, packages) or kind.__module__.partition(".")[0] in ("langchain_core", "types", "functools"):
        for name, item in attributes(value):
            yield f"{path}.{name}", item


def _is_own(kind: type, packages: set[str | None]) -> bool:
    return package_of(kind) in packages


def _items(value: Any) -> list[tuple[Any, Any]]:
    try:
        return list(value.items())
    # Somebody's mapping; it may be a proxy that fails.
    except Exception:  # noqa: BLE001
        return []


def _shown(key: Any) -> str:
    if isinstance(key, UUID):
        return "UUID"
    if isinstance(key, str):
        return "str" if _is_hex(key) else repr(key)[:30]
    return type(key).__name__


def _is_hex(text: str) -> bool:
    return len(text) >= 32 and all(digit in "0123456789abcdef-" for digit in text.lower())


def _is_id(value: Any, wanted: set[str]) -> bool:
    if type(value) is UUID:
        return value.hex in wanted
    return issubclass(type(value), str) and str.lower(value) in wanted
