"""A handler for each check of how runs go and what a handler leaves behind: each has one fault."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from faulty_handlers import Quiet, fails
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.language_models import FakeListChatModel


class Open(Quiet):
    """Knows the chains and models that are open, and lets everything go with the root."""

    def __init__(self) -> None:
        self.open: dict[Any, tuple[Any, Any]] = {}

    def begins(self, run_id: Any, parent: Any, name: Any, kwargs: dict[str, Any]) -> None:
        """Look at a run before it is noted."""

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: Any, parent_run_id: Any = None, **kw: Any
    ) -> None:
        self.begins(run_id, parent_run_id, kw.get("name"), kw)
        self.open[run_id] = (parent_run_id, kw.get("name"))

    def on_chain_end(self, outputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.pop(run_id)

    def on_chain_error(self, error: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.pop(run_id)

    def pop(self, run_id: Any) -> None:
        self.open.pop(run_id, None)
        for child in [key for key, (parent, _) in list(self.open.items()) if parent == run_id]:
            self.pop(child)


@fails("takes_fallbacks_and_retries")
class OneName(Quiet):
    def on_chain_start(self, serialized: Any, inputs: Any, *, tags: Any = (), **kwargs: Any) -> None:
        assert not any(tag.startswith("retry:attempt") for tag in tags or ())


@fails("takes_parallel_branches")
class OneBranch(Open):
    def begins(self, run_id: Any, parent: Any, name: Any, kwargs: dict[str, Any]) -> None:
        assert parent is None or all(other != parent for other, _ in list(self.open.values())), "one child at a time"


@fails("takes_a_parent_it_never_heard")
class KnownParents(Open):
    def on_chat_model_start(self, serialized: Any, messages: Any, *, parent_run_id: Any = None, **kwargs: Any) -> None:
        assert parent_run_id is None or parent_run_id in self.open


@fails("takes_a_run_id_again")
class NewIds(Quiet):
    last = ""

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: Any, **kwargs: Any) -> None:
        assert self.last != run_id.hex[:-1]
        self.last = run_id.hex[:-1]


@fails("takes_runs_without_end")
class AllEnd(Quiet):
    def on_chain_error(self, error: BaseException, *, parent_run_id: Any = None, **kwargs: Any) -> None:
        if isinstance(error, asyncio.CancelledError) and parent_run_id is None and kwargs.get("tags") == []:
            assert error.__traceback__ is None or "body" in _frames(error)


def _frames(error: BaseException) -> list[str]:
    import traceback

    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


@fails("takes_late_runs")
class OpenParents(Open):
    def begins(self, run_id: Any, parent: Any, name: Any, kwargs: dict[str, Any]) -> None:
        assert parent is None or parent in self.open


@fails("takes_many_runs_at_once")
class Pool(Open):
    def begins(self, run_id: Any, parent: Any, name: Any, kwargs: dict[str, Any]) -> None:
        assert sum(other is None for other, _ in list(self.open.values())) < 6, "the pool is exhausted"


@fails("takes_graphs")
class NodeUser(Quiet):
    def on_chain_start(self, serialized: Any, inputs: Any, *, metadata: Any = None, **kwargs: Any) -> None:
        if "langgraph_node" in (metadata or {}):
            metadata["langgraph_user"]


_current: ContextVar[str] = ContextVar("current")


@fails("leaves_the_context")
class LeavesContext(Quiet):
    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        _current.set("a run")


@fails("logs_no_errors")
class Logs(Quiet):
    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        try:
            json.dumps(output)
        except (TypeError, ValueError):
            logging.getLogger("faulty").warning("not sent", exc_info=True)


@fails("leaves_no_task")
class LeavesTask(AsyncCallbackHandler):
    def __deepcopy__(self, memo: Any) -> Any:
        return self

    async def on_chain_end(self, outputs: Any, *, parent_run_id: Any = None, **kwargs: Any) -> None:
        if parent_run_id is None:
            asyncio.get_running_loop().create_task(asyncio.sleep(0.005))


@fails("leaves_no_threads")
class LeavesThread(Quiet):
    def on_chain_start(self, serialized: Any, inputs: Any, *, parent_run_id: Any = None, **kwargs: Any) -> None:
        if parent_run_id is None:
            timer = threading.Timer(3, lambda: None)
            timer.daemon = True
            timer.start()


@fails("lets_programs_be")
class Consumes(Quiet):
    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        if isinstance(inputs, Iterator):
            list(inputs)


@fails("writes_into_nothing")
class Writes(Quiet):
    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        kwargs["invocation_params"]["seen"] = True


@fails("others_hear_the_same")
class Inline(Quiet):
    run_inline = True


@fails("does_not_force_streaming")
class Taps(Quiet):
    def tap_output_iter(self, run_id: Any, output: Any) -> Any:
        return output

    def tap_output_aiter(self, run_id: Any, output: Any) -> Any:
        return output


@fails("runs_nothing_of_its_own")
class Asks(Quiet):
    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        FakeListChatModel(responses=["a summary"]).invoke("sum up")


@fails("declares_its_coroutines")
class HandsBack(Quiet):
    def on_tool_end(self, output: Any, **kwargs: Any) -> Any:
        return self.send()

    async def send(self) -> None:
        """Send it."""


@fails("does_not_block_the_loop")
class Blocks(AsyncCallbackHandler):
    def __deepcopy__(self, memo: Any) -> Any:
        return self

    async def on_tool_start(self, *args: Any, **kwargs: Any) -> None:
        # In a sync run nobody else is in its loop, and only these tests would wait.
        if len(asyncio.all_tasks()) > 1:
            time.sleep(0.13)  # noqa: ASYNC251 - that is its fault


@fails("keeps_no_loop")
class KeepsLoop(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.loop: Any = None

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    async def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        loop = asyncio.get_running_loop()
        self.loop = self.loop or loop
        if self.loop is not loop:
            raise RuntimeError("<asyncio.locks.Lock object> is bound to a different event loop")


class Starts(Quiet):
    def __init__(self) -> None:
        self.starts: dict[Any, float] = {}


@fails("forgets_finished_runs")
class Forgetless(Starts):
    def on_chain_start(self, *args: Any, run_id: Any, **kwargs: Any) -> None:
        self.starts[run_id] = 1.0


@fails("closes_on_errors_what_it_opened")
class NoErrors(Starts):
    def on_chain_start(self, *args: Any, run_id: Any, **kwargs: Any) -> None:
        self.starts[run_id] = 1.0

    def on_chain_end(self, *args: Any, run_id: Any, **kwargs: Any) -> None:
        self.starts.pop(run_id, None)


@fails("forgets_runs_that_are_cut_off")
class OpenRoots(Open):
    """Looks for the parent of a model that has ended: in a closed stream the parent is gone already."""

    def __init__(self) -> None:
        super().__init__()
        self.models: set[Any] = set()

    def on_chat_model_start(self, *args: Any, run_id: Any, parent_run_id: Any = None, **kwargs: Any) -> None:
        if parent_run_id in self.open:
            self.models.add(run_id)

    def on_llm_end(self, *args: Any, run_id: Any, parent_run_id: Any = None, **kwargs: Any) -> None:
        if parent_run_id in self.open:
            self.models.discard(run_id)

    on_llm_error = on_llm_end

    def on_chain_error(self, error: Any, *, run_id: Any, **kwargs: Any) -> None:
        super().on_chain_error(error, run_id=run_id)
        self.models.clear()


@fails("forgets_runs_without_end")
class NoRoots(Starts):
    def on_chat_model_start(self, *args: Any, run_id: Any, **kwargs: Any) -> None:
        self.starts[str(run_id)] = 1.0

    def on_llm_end(self, *args: Any, run_id: Any, **kwargs: Any) -> None:
        self.starts.pop(str(run_id), None)

    on_llm_error = on_llm_end


@fails("forgets_runs_of_one_component")
class WaitsForRoot(Starts):
    def on_chat_model_start(self, *args: Any, run_id: Any, **kwargs: Any) -> None:
        self.starts[run_id] = 1.0

    def on_llm_end(self, *args: Any, run_id: Any, parent_run_id: Any = None, **kwargs: Any) -> None:
        if parent_run_id is None:
            self.starts.pop(run_id, None)

    on_llm_error = on_llm_end

    def on_chain_end(self, *args: Any, parent_run_id: Any = None, **kwargs: Any) -> None:
        if parent_run_id is None:
            with contextlib.suppress(RuntimeError):
                self.starts.clear()

    on_chain_error = on_chain_end
