"""Runs that LangChain itself leaves open, as after a cancellation, so that no finding blames the user."""

from __future__ import annotations

import sys
from asyncio import CancelledError
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from traceback import walk_tb
from typing import Any

from langchain_core.callbacks.manager import AsyncCallbackManager, AsyncCallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools.base import BaseTool

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._causes import Cause
from pytest_lc_callbacks._patches import Around, Patches
from pytest_lc_callbacks._recording import Run, id_key
from pytest_lc_callbacks._values import ask, entry, is_a, is_empty, items, traceback_of
from pytest_lc_callbacks._words import label, string

_STARTS = ("on_chain_start", "on_chat_model_start", "on_llm_start", "on_retriever_start", "on_tool_start")


class LangChainFlaws:
    """
    Notes, from `start` to `stop`, which runs LangChain leaves without an end.

    A few methods of LangChain's do so when an exception passes through them. `start` wraps these methods: nothing else
    tells a cancelled call from one that was forgotten.

    Args:
        propagated: The ids of the runs whose handler raised an exception that reached the program.
    """

    def __init__(self, propagated: set[Any]) -> None:
        self._propagated = propagated
        self._cancelled: dict[Any, Cause] = {}
        self._left: Counter[str] = Counter()
        self._not_begun: Counter[str] = Counter()
        self._patches = Patches()

    def start(self) -> None:
        """Wrap the methods."""
        self._wrap(BaseChatModel, ("_agenerate_with_cache",), self._note_cancelled_model)
        self._wrap(BaseTool, ("run", "arun"), self._note_left_component)
        self._wrap(BaseRetriever, ("invoke", "ainvoke"), self._note_left_component)
        self._wrap(AsyncCallbackManager, _STARTS, self._note_cancelled_start)
        self._wrap(AsyncCallbackManagerForLLMRun, ("on_llm_error",), self._note_unsent_error)
        # Not imported for this: who has a graph has the module.
        node = getattr(sys.modules.get("langgraph._internal._runnable"), "RunnableSeq", None)
        if node is not None:
            self._wrap(node, ("_aend",), self._note_cancelled_end)

    def stop(self) -> None:
        """Put the methods back."""
        self._patches.undo()

    def causes(self, still_open: Iterable[Run], all_runs: Iterable[Run]) -> dict[Run, Cause]:
        """Those of the *still_open* runs that LangChain itself left open, each with the cause."""
        left, not_begun, known = self._left.copy(), self._not_begun.copy(), list(all_runs)
        return {run: why for run in still_open if (why := self._cause(run, left, not_begun, known))}

    def _cause(self, run: Run, left: Counter[str], not_begun: Counter[str], known: list[Run]) -> Cause | None:
        if run._id_key in self._propagated or any(map(_raised_by_handler, run.ancestors())):
            return _causes.HANDLER_RAISED
        if run._id_key in self._cancelled:
            return self._cancelled[run._id_key]
        if run.run_type in ("tool", "retriever") and left[run.label]:
            left[run.label] -= 1
            return _causes.LEFT_BY_CANCELLATION
        if len(run.names) == 1 and not_begun[run.label]:
            not_begun[run.label] -= 1
            return _causes.CANCELLED_START
        if any(is_a(around.error, CancelledError, GeneratorExit) for around in run.ancestors()):
            return _causes.CLOSED_AROUND
        return _causes.FAILED_BATCH if _failed_beside(run, known) else None

    def _wrap(self, owner: type, names: tuple[str, ...], around: Around) -> None:
        for name in names:
            self._patches.wrap(owner, name, around)

    @contextmanager
    def _note_cancelled_model(self, model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[None]:
        try:
            yield
        except CancelledError:
            self._cancelled[id_key(ask(kwargs.get("run_manager"), "run_id"))] = _causes.CANCELLED_MODEL
            raise

    @contextmanager
    def _note_cancelled_end(self, node: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[None]:
        try:
            yield
        except CancelledError:
            # The end may have been sent: then the run is not open, and nobody asks.
            manager = _by_name(("run_manager",), args, kwargs).get("run_manager")
            self._cancelled[id_key(ask(manager, "run_id"))] = _causes.CANCELLED_END
            raise

    @contextmanager
    def _note_unsent_error(self, manager: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[None]:
        try:
            yield
        except CancelledError:
            # LangChain shields the sending: only an event loop that closes stops it.
            self._cancelled[id_key(ask(manager, "run_id"))] = _causes.UNSENT_ERROR
            raise

    @contextmanager
    def _note_cancelled_start(self, manager: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[None]:
        try:
            yield
        except CancelledError:
            self._not_begun[_label_at_start(_by_name(("serialized",), args, kwargs))] += 1
            raise

    @contextmanager
    def _note_left_component(self, component: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[None]:
        try:
            yield
        # A GeneratorExit comes from a coroutine that the user dropped.
        except (Exception, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException:
            self._left[_label(component, _by_name(("input", "config"), args, kwargs))] += 1
            raise


def _label(runnable: Any, kwargs: Mapping[str, Any]) -> str:
    """The name of the run that a call of *runnable* begins."""
    config = kwargs.get("config")
    run_name = entry(config, "run_name") if is_a(config, Mapping) else kwargs.get("run_name")
    return label(string(runnable.get_name() if is_empty(run_name) else run_name))


def _label_at_start(kwargs: Mapping[str, Any]) -> str:
    """The name of the run whose start a callback manager sends."""
    serialized = kwargs.get("serialized")
    path = items(entry(serialized, "id"))
    names = (kwargs.get("name"), entry(serialized, "name"), *path[-1:])
    return label(string(next((name for name in names if not is_empty(name)), None)))


def _by_name(names: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of a call by name; *names* are those of the arguments that come first."""
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _raised_by_handler(run: Run) -> bool:
    """Whether *run* failed with an exception that came out of a handler; a cancellation only passes through there."""
    error = run.error
    if error is None or not is_a(error, Exception):
        return False
    codes = [frame.f_code for frame, _ in walk_tb(traceback_of(error))]
    dispatch = [code.co_name for code in codes if code.co_filename.endswith("manager.py")]
    return not {"handle_event", "_ahandle_event_for_handler"}.isdisjoint(dispatch)


def _failed_beside(run: Run, known: list[Run]) -> bool:
    """Whether another call of the same ``generate([...])`` failed."""
    size = _batch_size(run)
    if run.run_type not in ("chat_model", "llm") or size < 2:
        return False
    siblings = [
        other for other in known if other._parent_id_key == run._parent_id_key and other.run_type == run.run_type
    ]
    return any(other.status == "failed" and _batch_size(other) == size for other in siblings)


def _batch_size(run: Run) -> int:
    size = run.events[0].payload.get("batch_size")
    return size if type(size) is int else 1
