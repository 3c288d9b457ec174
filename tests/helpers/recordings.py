"""Recordings for the tests of the plain rooms: written as short lines, or made up by Hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import strategies as st
from langchain_core.outputs import ChatGeneration, Generation, LLMResult

from pytest_lc_callbacks import Event, Recording, RecordingHandler
from pytest_lc_callbacks._recording import Selection, is_start
from pytest_lc_callbacks._recording.matching import find_mismatch
from pytest_lc_callbacks._recording.mismatch import Mismatch
from pytest_lc_callbacks._recording.patterns import compile_items

_FIRST = UUID(int=0)

# What a handler hears of a prompt piped into a model, and the expectation for it.
CHAIN = (
    "chain_start RunnableSequence",
    "chain_start ChatPromptTemplate < RunnableSequence",
    "chain_end ChatPromptTemplate < RunnableSequence",
    "chat_model_start FakeChatModel < RunnableSequence",
    "llm_end FakeChatModel < RunnableSequence",
    "chain_end RunnableSequence",
)
CHAIN_NAMES = ["chain_start", "chain_start", "chain_end", "chat_model_start", "llm_end", "chain_end"]


def record(*lines: str, into: RecordingHandler | None = None) -> RecordingHandler:
    """
    A handler that received these events.

    A line is ``event run < parent``. Runs with the same name are told apart by what follows a ``#``; a parent of
    ``?`` is one that the handler never heard.
    """
    handler = into or RecordingHandler()
    for line in lines:
        said, _, parent = (part.strip() for part in line.partition("<"))
        event, _, run = said.partition(" ")
        send(handler, event, run_id=run_id(run), parent_run_id=run_id(parent) if parent else None, name=run)
    return handler


def run_id(run: str) -> UUID:
    """The id of the run that lines call so."""
    return uuid5(_FIRST, run)


def send(handler: RecordingHandler, event: str, *, name: str = "", **ids: Any) -> None:
    """Call the handler's method for *event* with what LangChain would pass, or less."""
    method: Callable[..., Any] = getattr(handler, f"on_{event}")
    if event in ("llm_new_token", "custom_event"):
        method(
            "token" if event == "llm_new_token" else "progress",
            **({"data": 1} if event == "custom_event" else {}),
            **ids,
        )
    elif is_start(event):
        method(None, [[]] if event == "chat_model_start" else {}, name=name.partition("#")[0], **ids)
    else:
        method(ValueError("boom") if event.endswith("_error") else {}, **ids)


def heard(event: str, *args: Any, **kwargs: Any) -> Event:
    """The event that a handler records of one call."""
    handler = RecordingHandler()
    getattr(handler, f"on_{event}")(*args, **{"run_id": run_id("run"), **kwargs})
    return handler.events[-1]


def llm_result(message: Any = None, text: str = "") -> LLMResult:
    """What a model ends with."""
    return LLMResult(generations=[[ChatGeneration(message=message) if message else Generation(text=text)]])


def select(recording: Recording) -> Selection:
    """The events that *recording* has now."""
    return recording._selection


def mismatch(expected: list[Any], recording: Recording) -> Mismatch | None:
    """Where *expected* and the events of *recording* part."""
    return find_mismatch(compile_items(expected), select(recording))


def matches(expected: list[Any], recording: Recording) -> bool:
    """Whether there is no mismatch."""
    return mismatch(expected, recording) is None


def failure(check: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    """The message that *check* fails with."""
    with pytest.raises(AssertionError) as caught:  # noqa: PT011 - the message is what is asked for
        check(*args, **kwargs)
    return str(caught.value)


LETTERS = {"x": ("text", "x"), "y": ("text", "y"), "r": ("retry", None), "f": ("agent_finish", None)}


def spell(letters: str) -> RecordingHandler:
    """A handler that received an event for each letter, all in one run."""
    handler = RecordingHandler()
    for letter in letters:
        name, text = LETTERS[letter]
        getattr(handler, f"on_{name}")(text, run_id=run_id("one"))
    return handler


_STARTS = ("chain", "chat_model", "tool")
_MOVES = ("root", "child", "child", "again", "token", "token", "custom", "end", "end", "error", "orphan")


def moves(max_size: int = 30) -> st.SearchStrategy[list[tuple[str, int]]]:
    """What may happen, for `play`: runs that begin, stream, fail, end, stay open, come back with an id."""
    return st.lists(st.tuples(st.sampled_from(_MOVES), st.integers(0, 11)), max_size=max_size)


class _Stage:
    """Runs as they come and go."""

    def __init__(self, handler: RecordingHandler) -> None:
        self.handler = handler
        self.open: list[dict[str, Any]] = []
        self.ended: list[UUID] = []
        self.count = 0

    def begin(self, parent: UUID | None, number: int, run_id: UUID | None = None) -> None:
        self.count += 1
        kind = _STARTS[number % len(_STARTS)]
        # One in six handlers is given twice, and one run in twelve began before the handler listened.
        run = {"ids": {"run_id": run_id or UUID(int=self.count), "parent_run_id": parent}, "kind": kind}
        run["times"] = 2 if number % 6 == 5 else 1
        self.open.append(run)
        if number % 12 != 7:
            tags = ["graph:step:1"] if number % 3 else []
            self.send(run, f"{kind}_start", name=f"{kind}{number % 2}", tags=tags)

    def send(self, run: dict[str, Any], event: str, **more: Any) -> None:
        for _ in range(run["times"]):
            send(self.handler, event, **run["ids"], **more)

    def finish(self, number: int, how: str) -> None:
        run = self.open.pop(number % len(self.open))
        self.ended.append(run["ids"]["run_id"])
        self.send(run, f"{'llm' if run['kind'] == 'chat_model' else run['kind']}_{how}")

    def free_ids(self) -> list[UUID]:
        """The ids of runs that ended, as far as no open run has them again."""
        taken = [run["ids"]["run_id"] for run in self.open]
        return [run_id for run_id in self.ended if run_id not in taken]

    def inside(self, number: int, event: str) -> None:
        run = self.open[number % len(self.open)]
        ids = run["ids"] if event == "llm_new_token" else {"run_id": run["ids"]["run_id"]}
        send(self.handler, event, **ids)


def play(happenings: Iterable[tuple[str, int]]) -> RecordingHandler:
    """A handler that heard all this."""
    stage = _Stage(RecordingHandler())
    for move, number in happenings:
        if move == "root":
            stage.begin(None, number)
        elif move == "orphan":
            stage.begin(UUID(int=1_000_000 + number), number)
        elif move == "again" and (ids := stage.free_ids()):
            stage.begin(None, number, ids[number % len(ids)])
        elif stage.open and move == "child":
            stage.begin(stage.open[number % len(stage.open)]["ids"]["run_id"], number)
        elif stage.open and move in ("end", "error"):
            stage.finish(number, move)
        elif stage.open and move in ("token", "custom"):
            stage.inside(number, {"token": "llm_new_token", "custom": "custom_event"}[move])
    return stage.handler
