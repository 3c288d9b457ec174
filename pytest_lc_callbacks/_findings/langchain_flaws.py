"""What LangChain itself gets wrong while a test is watched, and no user can mend: no finding is made of it."""

from __future__ import annotations

import functools
import inspect
from asyncio import CancelledError
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from langchain_core.callbacks.manager import AsyncCallbackManager
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables.fallbacks import RunnableWithFallbacks
from langchain_core.tools.base import BaseTool

from pytest_lc_callbacks._patches import Patches
from pytest_lc_callbacks._recording import Run

_CANCELLED_MODEL = "LangChain ends no ainvoke of a chat model that was cancelled"
_CANCELLED_START = "it was cancelled as it began, and LangChain does not end it then"
_INSIDE = "the stream or call around it was closed or cancelled, and LangChain does not end what is inside"
_LEFT = "LangChain ends no run of a tool or retriever that is left by an exception like a cancellation"
_BATCH = "LangChain ends none of the others when one call of generate() fails"
_HANDLER = "a handler raised, and LangChain does not end the run then"

_STARTS = ("on_chain_start", "on_chat_model_start", "on_llm_start", "on_retriever_start", "on_tool_start")
_ORIGINAL = "lc_callbacks_original"
_Look = Callable[[Any, dict[str, Any]], Callable[[BaseException], None]]


class LangChainsOwn:
    """
    Notes, from `start` to `stop`, where LangChain leaves a run without an end or without a parent.

    It looks at the few methods that do so as an exception passes through them; nothing else tells a cancelled call from
    one that was forgotten.
    """

    def __init__(self, propagated: set[Any]) -> None:
        self._propagated = propagated
        self._cancelled: set[Any] = set()
        self._left: Counter[str] = Counter()
        self._not_begun: Counter[str] = Counter()
        self._fallbacks: set[str] = set()
        self._patches = Patches()

    def start(self) -> None:
        """Look from now on."""
        self._wrap(BaseChatModel, ("_agenerate_with_cache",), self._in_agenerate)
        self._wrap(BaseTool, ("run", "arun"), self._in_component)
        self._wrap(BaseRetriever, ("invoke", "ainvoke"), self._in_component)
        self._wrap(RunnableWithFallbacks, ("invoke", "ainvoke"), self._in_fallbacks)
        self._wrap(AsyncCallbackManager, _STARTS, self._in_start)

    def stop(self) -> None:
        """Look no more."""
        self._patches.undo()

    def has_orphans(self, run: Run) -> bool:
        """Whether the runs in *run* have no parent because of langchain-ai/langchain#36072."""
        return run.label in self._fallbacks or run.label.startswith("RunnableWithFallbacks")

    def reasons(self, still_open: Iterable[Run], all_runs: Iterable[Run]) -> dict[Run, str]:
        """Those of the runs that LangChain itself left open, and why."""
        left, not_begun, known = self._left.copy(), self._not_begun.copy(), list(all_runs)
        return {run: why for run in still_open if (why := self._reason(run, left, not_begun, known))}

    def _reason(self, run: Run, left: Counter[str], not_begun: Counter[str], known: list[Run]) -> str | None:
        if run.run_id in self._propagated or any(map(_raised_by_handler, run.ancestors())):
            return _HANDLER
        if run.run_id in self._cancelled:
            return _CANCELLED_MODEL
        if run.run_type in ("tool", "retriever") and left[run.label]:
            left[run.label] -= 1
            return _LEFT
        if len(run.names) == 1 and not_begun[run.label]:
            not_begun[run.label] -= 1
            return _CANCELLED_START
        if any(isinstance(around.error, (CancelledError, GeneratorExit)) for around in run.ancestors()):
            return _INSIDE
        return _BATCH if _failed_beside(run, known) else None

    def _wrap(self, owner: type, names: tuple[str, ...], look: _Look) -> None:
        for name in names:
            original = vars(owner)[name]
            # The wrapper of a test around this one is passed by: the innermost is the one that is watched.
            original = getattr(original, _ORIGINAL, original)
            wrapper = (_watching_coroutine if inspect.iscoroutinefunction(original) else _watching)(original, look)
            setattr(wrapper, _ORIGINAL, original)
            self._patches.replace(owner, name, wrapper)

    def _in_agenerate(self, model: Any, kwargs: dict[str, Any]) -> Callable[[BaseException], None]:
        def note(error: BaseException) -> None:
            if isinstance(error, CancelledError):
                self._cancelled.add(getattr(kwargs.get("run_manager"), "run_id", None))

        return note

    def _in_start(self, manager: Any, kwargs: dict[str, Any]) -> Callable[[BaseException], None]:
        def note(error: BaseException) -> None:
            if isinstance(error, CancelledError):
                self._not_begun[_label_at_start(kwargs)] += 1

        return note

    def _in_component(self, component: Any, kwargs: dict[str, Any]) -> Callable[[BaseException], None]:
        def note(error: BaseException) -> None:
            # A coroutine that is dropped sees a GeneratorExit: that is the user's doing.
            if not isinstance(error, (Exception, KeyboardInterrupt, GeneratorExit)):
                self._left[_label(component, kwargs)] += 1

        return note

    def _in_fallbacks(self, runnable: Any, kwargs: dict[str, Any]) -> Callable[[BaseException], None]:
        self._fallbacks.add(_label(runnable, kwargs))
        return lambda error: None


def _watching(original: Any, look: _Look) -> Any:
    @functools.wraps(original)
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        note = look(self, _by_name(args, kwargs))
        try:
            return original(self, *args, **kwargs)
        except BaseException as error:
            note(error)
            raise

    return watched


def _watching_coroutine(original: Any, look: _Look) -> Any:
    @functools.wraps(original)
    async def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        note = look(self, _by_name(args, kwargs))
        try:
            return await original(self, *args, **kwargs)
        except BaseException as error:
            note(error)
            raise

    return watched


def _label(runnable: Any, kwargs: Mapping[str, Any]) -> str:
    """What the run of this call is called."""
    config = kwargs.get("config")
    run_name = config.get("run_name") if isinstance(config, Mapping) else kwargs.get("run_name")
    return " ".join(str(run_name or runnable.get_name()).split())


def _label_at_start(kwargs: Mapping[str, Any]) -> str:
    """What a run is called of which a manager begins to tell."""
    serialized = kwargs.get("serialized")
    named = serialized if isinstance(serialized, Mapping) else {}
    return " ".join(str(kwargs.get("name") or named.get("name") or (named.get("id") or [None])[-1]).split())


def _by_name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by the names of the methods above: what comes first, and the config of an ``invoke``."""
    return {**dict(zip(("serialized", "config"), args, strict=False)), **kwargs}


def _raised_by_handler(run: Run) -> bool:
    """Whether *run* failed with an exception that came out of a handler."""
    traceback = run.error.__traceback__ if run.error is not None else None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_name in ("handle_event", "_ahandle_event_for_handler") and code.co_filename.endswith("manager.py"):
            return True
        traceback = traceback.tb_next
    return False


def _failed_beside(run: Run, known: list[Run]) -> bool:
    """Whether another call of the same ``generate([...])`` failed."""
    size = _batch_size(run)
    if run.run_type not in ("chat_model", "llm") or size < 2:
        return False
    siblings = [other for other in known if other.parent_run_id == run.parent_run_id and other.run_type == run.run_type]
    return any(other.status == "failed" and _batch_size(other) == size for other in siblings)


def _batch_size(run: Run) -> int:
    size = run.events[0].payload.get("batch_size")
    return size if isinstance(size, int) else 1
