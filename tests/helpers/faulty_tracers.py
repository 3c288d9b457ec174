"""A tracer that makes rows of what it hears and is right, and one with a fault for each check that needs records."""

from __future__ import annotations

import json
import threading
from typing import Any

from faulty_handlers import Quiet
from langchain_core.messages import ToolMessage

BY_CHECK: dict[str, type[Tracer]] = {}


def fails(check: str) -> Any:
    def remembered(cls: type[Tracer]) -> type[Tracer]:
        BY_CHECK[check] = cls
        return cls

    return remembered


class Tracer(Quiet):
    """Keeps a row for each run while it is open, and hands it out when it has ended."""

    def __init__(self) -> None:
        self.open: dict[Any, dict[str, Any]] = {}
        self.done: list[dict[str, Any]] = []
        self.lock = threading.RLock()

    def records(self) -> list[dict[str, Any]]:
        with self.lock:
            done, self.done = self.done, []
        return done

    def begins(self, kind: str, serialized: Any, text: Any, run_id: Any, parent: Any, **kwargs: Any) -> None:
        with self.lock:
            above = self.open.get(parent)
            row = {"name": self.name(kind, serialized, kwargs), "id": run_id, "parent": self.parent(parent, kwargs)}
            trace = above["trace"] if above else self.trace(run_id, kwargs)
            self.open[run_id] = {**row, "trace": trace, "text": self.shown(text), "error": None}

    def ends(self, run_id: Any, text: Any = None, error: Any = None, **kwargs: Any) -> None:
        with self.lock:
            row = self.open.pop(run_id, None)
            if row is None:
                return
            row["text"] += f"\n{self.shown(text)}"
            row["error"] = error
            self.done.append(row)
            for child in [key for key, other in self.open.items() if other["parent"] == run_id]:
                self.ends(child)

    def name(self, kind: str, serialized: Any, kwargs: dict[str, Any]) -> str:
        return str(kwargs.get("name") or (serialized or {}).get("name") or kind)

    def parent(self, parent: Any, kwargs: dict[str, Any]) -> Any:
        return parent

    def trace(self, run_id: Any, kwargs: dict[str, Any]) -> Any:
        return run_id

    def shown(self, value: Any) -> str:
        if type(value) in (list, dict, tuple):
            items = value.items() if type(value) is dict else value
            return " ".join(type(item).__name__ if item is value else str(item)[:200] for item in items)
        return str(value)[:200]

    def failed(self, error: Any) -> Any:
        return None if any(base.__name__ == "GraphBubbleUp" for base in type(error).__mro__) else repr(error)

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: Any, parent_run_id: Any = None, **kw: Any
    ) -> None:
        self.begins("chain", serialized, inputs, run_id, parent_run_id, **kw)

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: Any, parent_run_id: Any = None, **kw: Any
    ) -> None:
        self.begins("chat_model", serialized, messages[0], run_id, parent_run_id, **kw)

    def on_llm_start(self, serialized: Any, prompts: Any, *, run_id: Any, parent_run_id: Any = None, **kw: Any) -> None:
        self.begins("llm", serialized, prompts, run_id, parent_run_id, **kw)

    def on_tool_start(
        self, serialized: Any, input_str: Any, *, run_id: Any, parent_run_id: Any = None, **kw: Any
    ) -> None:
        self.begins("tool", serialized, input_str, run_id, parent_run_id, **kw)

    def on_retriever_start(
        self, serialized: Any, query: Any, *, run_id: Any, parent_run_id: Any = None, **kw: Any
    ) -> None:
        self.begins("retriever", serialized, query, run_id, parent_run_id, **kw)

    def on_chain_end(self, outputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.real_inputs(run_id, kwargs)
        self.ends(run_id, outputs)

    def real_inputs(self, run_id: Any, kwargs: dict[str, Any]) -> None:
        if kwargs.get("inputs") is not None and run_id in self.open:
            self.open[run_id]["text"] = self.shown(kwargs["inputs"])

    def on_llm_end(self, response: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.ends(run_id, response.generations[0][0].text)

    def on_tool_end(self, output: Any, *, run_id: Any, **kwargs: Any) -> None:
        is_error = type(output) is ToolMessage and output.status == "error"
        self.ends(run_id, output, "the tool failed" if is_error else None)

    def on_retriever_end(self, documents: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.ends(run_id, documents)

    def _error(self, error: BaseException, *, run_id: Any, **kwargs: Any) -> None:
        self.real_inputs(run_id, kwargs)
        self.ends(run_id, None, self.failed(error))

    on_chain_error = on_llm_error = on_tool_error = on_retriever_error = _error


@fails("records_can_be_read")
class OtherKeys(Tracer):
    def records(self) -> list[dict[str, Any]]:
        return [{**row, "colour": "green"} for row in super().records()]


@fails("separates_roots")
class CurrentRoot(Tracer):
    def __init__(self) -> None:
        super().__init__()
        self.current: dict[int, Any] = {}

    def trace(self, run_id: Any, kwargs: dict[str, Any]) -> Any:
        if threading.current_thread().name.startswith("asyncio") or "batch_size" in kwargs:
            return run_id
        return self.current.setdefault(threading.get_ident(), run_id)

    def ends(self, run_id: Any, *args: Any, **kwargs: Any) -> None:
        with self.lock:
            super().ends(run_id, *args, **kwargs)
            self.current = {thread: root for thread, root in self.current.items() if root != run_id}


@fails("next_run_is_its_own")
class StaleRoot(Tracer):
    stale: Any = None

    def parent(self, parent: Any, kwargs: dict[str, Any]) -> Any:
        if parent is None and self.stale is not None:
            parent, self.stale = self.stale, None
        return parent

    def _error(self, error: BaseException, *, run_id: Any, parent_run_id: Any = None, **kwargs: Any) -> None:
        super()._error(error, run_id=run_id)
        self.stale = str(run_id)[:5] if parent_run_id is None else self.stale

    on_chain_error = on_llm_error = on_tool_error = on_retriever_error = _error


@fails("goes_on_after_every_program")
class Poisoned(Tracer):
    is_broken = False

    def ends(self, run_id: Any, text: Any = None, *args: Any, **kwargs: Any) -> None:
        super().ends(run_id, text, *args, **kwargs)
        if self.is_broken:
            self.done.clear()
        if type(text) is dict and any(type(key) is tuple for key in text):
            self.is_broken = True


@fails("loses_no_run")
class NoRetries(Tracer):
    def begins(self, kind: str, serialized: Any, text: Any, run_id: Any, parent: Any, **kwargs: Any) -> None:
        if not any(tag.startswith("retry:attempt") for tag in kwargs.get("tags") or ()):
            super().begins(kind, serialized, text, run_id, parent, **kwargs)


@fails("keeps_runs_apart")
class LastModel(Tracer):
    last: Any = None

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: Any, **kwargs: Any) -> None:
        super().on_chat_model_start(serialized, messages, run_id=run_id, **kwargs)
        self.last = self.open[run_id]

    def on_llm_end(self, response: Any, *, run_id: Any, **kwargs: Any) -> None:
        if self.last is not None:
            self.last["text"] += response.generations[0][0].text
        self.ends(run_id)


@fails("reads_the_real_input_of_a_stream")
class Placeholder(Tracer):
    def real_inputs(self, run_id: Any, kwargs: dict[str, Any]) -> None:
        """Keep the placeholder."""


@fails("loses_no_odd_payload")
class JsonOnly(Tracer):
    def begins(self, kind: str, serialized: Any, text: Any, *args: Any, **kwargs: Any) -> None:
        if type(text) is dict and not _is_json(text):
            return
        super().begins(kind, serialized, text, *args, **kwargs)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


@fails("records_errors")
class NoToolErrors(Tracer):
    def on_tool_error(self, error: BaseException, *, run_id: Any, **kwargs: Any) -> None:
        self.ends(run_id)


@fails("records_errors_without_words")
class Words(Tracer):
    def failed(self, error: Any) -> Any:
        return (str(error) or None) if super().failed(error) else None


@fails("loses_no_failed_run")
class DropsFailedTools(Tracer):
    def on_tool_error(self, error: BaseException, *, run_id: Any, **kwargs: Any) -> None:
        self.open.pop(run_id, None)


@fails("puts_runs_under_their_parents")
class SameThread(Tracer):
    def __init__(self) -> None:
        super().__init__()
        self.threads: dict[Any, int] = {}

    def parent(self, parent: Any, kwargs: dict[str, Any]) -> Any:
        if "inner" in str(kwargs.get("name")) and threading.current_thread() is not threading.main_thread():
            return None if self.open.get(parent, {}).get("name") == "outer" else parent
        return parent


@fails("makes_the_same_tree_in_every_mode")
class UnderTheModel(Tracer):
    def parent(self, parent: Any, kwargs: dict[str, Any]) -> Any:
        if kwargs.get("run_type") == "parser":
            models = [row["id"] for row in self.open.values() if row["name"] == "the_model" and row["parent"] == parent]
            return models[0] if models else parent
        return parent


@fails("reads_names")
class KindsOnly(Tracer):
    def name(self, kind: str, serialized: Any, kwargs: dict[str, Any]) -> str:
        return kind


@fails("takes_agent_events_for_no_ends")
class AgentEnds(Tracer):
    def on_agent_finish(self, finish: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.ends(run_id, "the agent's end")


@fails("records_single_components")
class RetrieversInside(Tracer):
    def on_retriever_end(self, documents: Any, *, run_id: Any, parent_run_id: Any = None, **kwargs: Any) -> None:
        if parent_run_id is None:
            self.open.pop(run_id, None)
        self.ends(run_id, documents)


@fails("shows_an_interrupt_as_no_error")
class InterruptIsError(Tracer):
    def failed(self, error: Any) -> Any:
        return repr(error)


@fails("shows_a_failed_tool_message_as_an_error")
class ToolsSucceed(Tracer):
    def on_tool_end(self, output: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.ends(run_id, output)
