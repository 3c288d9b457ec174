"""Handlers with one fault each, as people write them: other kinds than those that the checks were made with."""

from __future__ import annotations

import sqlite3
import time
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any

from faulty_handlers import Quiet
from faulty_tracers import Tracer

_current: ContextVar[Any] = ContextVar("current_run_of_a_shop", default=None)


class Redacts(Quiet):
    """Takes the answer out of what the program gets."""

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        for generation in response.generations[0]:
            if hasattr(generation, "message"):
                generation.message.content = "***"


class Database(Quiet):
    """Has a connection of the thread that made it."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute("create table events (name text)")

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.connection.execute("insert into events values ('start')")


class FirstSource(Quiet):
    """Expects that something is found, and that it has a source."""

    def on_retriever_end(self, documents: Any, **kwargs: Any) -> None:
        self.source = documents[0].metadata["source"]


@dataclass
class Data(Quiet):
    """A dataclass, which is equal to others and has no hash."""

    tokens: int = 0
    names: list[str] = field(default_factory=list)


class LowerNames(Quiet):
    """Reads name=, which is None for models."""

    def on_chat_model_start(self, serialized: Any, messages: Any, *, name: Any = None, **kwargs: Any) -> None:
        self.last = name.lower()


class OneSlot(Quiet):
    """Has one place for the time of the start, though runs are nested."""

    started: Any = None

    def __init__(self) -> None:
        self.started = None

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.started = time.time()

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.took = time.time() - self.started
        self.started = None


class UserTag(Quiet):
    """Expects a tag that names the user: next() of nothing is a StopIteration."""

    def on_chain_start(self, serialized: Any, inputs: Any, *, tags: Any = None, **kwargs: Any) -> None:
        self.user = next(tag for tag in tags or () if tag.startswith("user:"))


class ResetsToken(Quiet):
    """Sets a ContextVar at the start, and resets it with the token at the end: async runs have another context then."""

    def __init__(self) -> None:
        self.tokens: dict[Any, Token[Any]] = {}

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.tokens[run_id] = _current.set(run_id)

    def on_chain_end(self, outputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        _current.reset(self.tokens.pop(run_id))

    def on_chain_error(self, error: Any, *, run_id: Any, **kwargs: Any) -> None:
        _current.reset(self.tokens.pop(run_id))


class WrongKey(Quiet):
    """Forgets the parent's entry in place of the run's own."""

    def __init__(self) -> None:
        self.began: dict[Any, float] = {}

    def on_tool_start(self, serialized: Any, input_str: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.began[run_id] = time.time()

    def on_tool_end(self, output: Any, *, parent_run_id: Any = None, **kwargs: Any) -> None:
        self.began.pop(parent_run_id, None)

    def on_tool_error(self, error: Any, *, parent_run_id: Any = None, **kwargs: Any) -> None:
        self.began.pop(parent_run_id, None)


class PromptLog(Quiet):
    """Keeps the text of every prompt."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.prompts.append(messages[0][-1].text)


class Stack(Tracer):
    """Puts a run under the one that it heard of last."""

    def parent(self, parent: Any, kwargs: dict[str, Any]) -> Any:
        return next(reversed(self.open), None)


class Flags(Quiet):
    """Has a method where LangChain reads a flag: it hears of no model."""

    def ignore_llm(self) -> bool:
        return False


class RaisesAgain(Quiet):
    """Raises the program's error again."""

    def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        raise error


class OneTool(Quiet):
    """Keeps the tool that began last, though an agent's tools run side by side."""

    def __init__(self) -> None:
        self.open: dict[Any, str] = {}

    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: Any, **kwargs: Any) -> None:
        self.open = {run_id: input_str}

    def on_tool_end(self, output: Any, *, run_id: Any, **kwargs: Any) -> None:
        del self.open[run_id]

    def on_tool_error(self, error: BaseException, *, run_id: Any, **kwargs: Any) -> None:
        del self.open[run_id]


# Each with the checks that fail, and with what the messages have to say.
FAULTS: list[tuple[type[Quiet], list[str], str]] = [
    (Redacts, ["writes_into_nothing"], "wrote into on_llm_end: response['generations'][0][0]['message']['content']"),
    (Database, ["takes_async_runs"], "SQLite objects created in a thread can only be used in that same thread"),
    (FirstSource, ["takes_retrievers"], "which finds nothing"),
    (Data, ["equals_itself_alone"], "@dataclass(eq=False)"),
    (LowerNames, ["takes_models"], "name is None for most models"),
    (OneSlot, ["takes_chains"], "keep what belongs to one by its run_id"),
    (UserTag, ["takes_chains"], "Write next(..., default). [stop-iteration]"),
    (ResetsToken, ["leaves_the_context"], "LangChain copies the context for each event of an async run"),
    (Flags, ["is_a_handler"], "write @property over def ignore_llm(self)"),
    (RaisesAgain, ["takes_errors"], "do not raise it again"),
    (OneTool, ["takes_parallel_branches"], "events of several runs interleave"),
    (WrongKey, ["forgets_finished_runs"], "it keeps their ids in WrongKey.began"),
    (PromptLog, ["forgets_finished_runs"], "PromptLog.prompts grew from 1 to 6 in 5 runs"),
    (
        Stack,
        ["makes_the_same_tree_in_every_mode", "next_run_is_its_own", "puts_runs_under_their_parents"],
        "take the parent from parent_run_id alone",
    ),
]
