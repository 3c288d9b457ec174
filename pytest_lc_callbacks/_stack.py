"""Find the user's line that started a run, by walking the stack."""

from __future__ import annotations

import inspect
import os
import re
import sys
import threading
from enum import Enum
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from uuid import UUID

_OURS = __name__.partition(".")[0]
_STDLIB = str(Path(os.__file__).parent) + os.sep
_PACKAGES = ("site-packages", "dist-packages")
# Packages built on LangChain stand between its frames and the user's: langsmith wraps the hooks of a middleware.
_LANGCHAINS = {"langchain", "langchain_core", "langchain_classic", "langgraph", "langsmith", "deepagents"}
# Instrumentors put wrappers of theirs around LangChain's methods: who calls one calls the method.
_INSTRUMENTORS = {
    *("agentops", "ddtrace", "langtrace_python_sdk", "mlflow", "newrelic", "openinference", "opentelemetry"),
    *("sentry_sdk", "weave", "wrapt"),
}
_FALLBACKS = "langchain_core.runnables.fallbacks"
_RUNNERS = {"_pytest", "pytest", "pluggy", "unittest"}
_KEEPS_LOCALS = sys.version_info < (3, 13)
frame_above = sys._getframe
"""Python's own: a test may put another function in its place, and its program is not to fail for ours."""


class CallSite(NamedTuple):
    """What the stack shows of the call that began a run."""

    file: str | None = None
    """The file of the call, outside LangChain; None where the stack does not show it."""

    line: int = 0

    nested: bool | None = None
    """Whether LangChain had called the calling code, in this thread; None where the stack does not show it."""

    asynchronous: bool = False
    """Whether the run is async. LangChain sends its events in tasks and threads that show no caller."""

    thread_known: bool = True
    """Whether the run began in this thread. An event loop may call handlers in its executor instead."""

    by_hand: bool = False
    """Whether the calling code drives a callback manager itself, with no runnable between."""

    @property
    def place(self) -> str | None:
        """``test_chain.py:12``."""
        return None if self.file is None else render_place(self.file, self.line)


def render_place(file: str, line: int) -> str:
    """``test_chain.py:12``, as pytest shows it: relative to the working directory for files below that."""
    try:
        here = str(Path.cwd())
    except OSError:
        # A test may have removed the directory.
        return f"{file}:{line}"
    return f"{os.path.relpath(file, here) if file.startswith(here + os.sep) else file}:{line}"


def is_library(file: str) -> bool:
    """Whether *file* is Python's own or belongs to an installed package."""
    return is_standard_library(file) or _is_installed(file)


def is_standard_library(file: str) -> bool:
    """Whether *file* is Python's own."""
    return file.startswith(("<frozen", _STDLIB)) and not _is_installed(file)


def is_users(frame: FrameType) -> bool:
    """Whether *frame* runs the user's own code: no installed package, nor LangChain or us, wherever their files lie."""
    kind = _kinds.get(frame.f_code.co_filename) or _classify(frame)
    return kind is _USER and not is_library(frame.f_code.co_filename)


def call_behind(frame: FrameType | None) -> CallSite:
    """The call outside LangChain that led to *frame*, a handler's method."""
    langchain: FrameType | None = None
    while frame is not None:
        kind = _kinds.get(frame.f_code.co_filename) or _classify(frame)
        if kind is _USER:
            by_hand = langchain is None
            return CallSite(frame.f_code.co_filename, frame.f_lineno, _is_nested(frame.f_back), by_hand=by_hand)
        if kind is _LOOP:
            return CallSite(asynchronous=True)
        if kind is _LANGCHAIN:
            langchain = frame
        frame = frame.f_back
    return _call_of_thread(langchain)


def frames_of_call(frame: FrameType | None) -> tuple[list[FrameType], FrameType | None]:
    """
    LangChain's frames that led to *frame*, the innermost first, and the frame of the code that called them.

    Returns:
        No such frame where a task or a thread stands between: an event loop does not tell who made a task.
    """
    langchain: list[FrameType] = []
    while frame is not None:
        kind = _kinds.get(frame.f_code.co_filename) or _classify(frame)
        if kind is _USER:
            return langchain, frame
        if kind is _LOOP:
            break
        if kind is _LANGCHAIN:
            langchain.append(frame)
        frame = frame.f_back
    return langchain, None


def read_locals(frame: FrameType) -> dict[str, Any]:
    """
    The variables of a function that runs, by their names.

    Until Python 3.13 a frame keeps the dict that it gives, and with it objects that the function has let go of. It is
    emptied, unless somebody else holds it too: ``locals()`` gives the same one.
    """
    local = frame.f_locals
    found = dict(local)
    _let_go(frame, local)
    return found


def read_variables(frame: FrameType, *names: str) -> list[Any]:
    """The variables of these names in a function that runs, or None for each that it has not."""
    local = frame.f_locals
    found = [local.get(name) for name in names]
    _let_go(frame, local)
    return found


def _let_go(frame: FrameType, local: dict[str, Any]) -> None:
    """Empty the variables of *frame*, which it keeps for whoever asks next, if nobody else holds them."""
    # Their four holders are the frame, the function that read them, this one and the call that counts them.
    if _KEEPS_LOCALS and sys.getrefcount(local) <= 4 and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        local.clear()


def _call_of_thread(langchain: FrameType | None) -> CallSite:
    """The call in a thread whose stack begins with LangChain's frame *langchain*, or has no frame of LangChain's."""
    if langchain is None:
        # The executor of an event loop: LangChain has passed the handler's method to it.
        return CallSite(asynchronous=True, thread_known=False)
    # LangChain starts its own threads with a function inside a function, and everybody else with a method such as
    # chain.invoke.
    is_its_own = bool(langchain.f_code.co_flags & inspect.CO_NESTED)
    return CallSite(nested=None if is_its_own else False)


def _is_nested(frame: FrameType | None) -> bool | None:
    """Whether LangChain is among the callers; None if an event loop is, since it does not tell who made a task."""
    while frame is not None:
        kind = _kinds.get(frame.f_code.co_filename) or _classify(frame)
        if kind is _LANGCHAIN:
            return True
        if kind is _LOOP:
            return None
        if kind is _RUNNER:
            return False
        frame = frame.f_back
    return False


def is_called_by_fallbacks(frame: FrameType | None, run_id: UUID) -> bool | None:
    """
    Whether *frame* was called by the ``invoke`` of a with_fallbacks whose own run has this id.

    Returns:
        None where the stack does not show the caller: in async runs, and in other threads.
    """
    while frame is not None and (_kinds.get(frame.f_code.co_filename) or _classify(frame)) is not _LOOP:
        if frame.f_code.co_name == "invoke" and frame.f_globals.get("__name__") == _FALLBACKS:
            found = getattr(frame.f_locals.get("run_manager"), "run_id", None)
            # An id of another type may raise when it is compared.
            if found is run_id or (type(found) is type(run_id) is UUID and found == run_id):
                return True
        frame = frame.f_back
    is_whole = frame is None and threading.current_thread() is threading.main_thread()
    return False if is_whole else None


class _Kind(Enum):
    """Whose code a frame runs."""

    USER = 1
    LANGCHAIN = 2
    DISPATCH = 3  # ours, and LangChain's code that sends events to handlers
    LOOP = 4
    RUNNER = 5
    OTHER = 6


# Globals, because looking up a member of an Enum takes as long as the rest of what is done for a frame.
_USER, _LANGCHAIN, _LOOP, _RUNNER = _Kind.USER, _Kind.LANGCHAIN, _Kind.LOOP, _Kind.RUNNER

_kinds: dict[str, _Kind] = {}
"""What `_classify` found, by file name."""


def _classify(frame: FrameType) -> _Kind:
    """Find out whose code *frame* runs, once for each file."""
    file = frame.f_code.co_filename
    kind = _kinds[file] = _kind_of(file, str(frame.f_globals.get("__name__", "")))
    return kind


def _kind_of(file: str, module: str) -> _Kind:
    root = module.partition(".")[0]
    if root == _OURS or module.startswith("langchain_core.callbacks"):
        return _Kind.DISPATCH
    if root in _LANGCHAINS or (root.startswith(("langchain_", "langgraph_")) and _is_installed(file)):
        return _Kind.LANGCHAIN
    if root in _RUNNERS:
        return _Kind.RUNNER
    if root in _INSTRUMENTORS and _is_installed(file):
        return _Kind.OTHER
    if _is_installed(file) and _is_built_on_langchain(root):
        return _Kind.LANGCHAIN
    if file.startswith("<frozen") or (file.startswith(_STDLIB) and not _is_installed(file)):
        return _Kind.LOOP if root == "asyncio" else _Kind.OTHER
    return _Kind.USER


@lru_cache(maxsize=1000)
def _is_built_on_langchain(root: str) -> bool:
    """
    Whether the package of this name came from an index and needs LangChain.

    What was installed from a folder, a file or a repository may be the user's own: pip notes where it came from.
    """
    try:
        found = distribution(root)
        needs = [needed for needed in found.requires or () if "extra ==" not in needed]
        is_from_index = found.read_text("direct_url.json") is None
    except (PackageNotFoundError, OSError, ValueError):
        return False
    return is_from_index and any(re.match(r"lang(chain|graph)\b", needed) for needed in needs)


def _is_installed(file: str) -> bool:
    return any(folder in file for folder in _PACKAGES)
