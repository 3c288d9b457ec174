"""A chain for the tests of the observer, and what reads what was heard of it."""

from __future__ import annotations

import threading
from typing import Any

from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate

QUESTION: dict[str, Any] = {"q": 1}
PROMPT = ChatPromptTemplate.from_template("{q}")
MODEL = FakeListChatModel(responses=["x"])
CHAIN = PROMPT | MODEL
NAMES = ["RunnableSequence", "ChatPromptTemplate", "FakeListChatModel"]


def in_thread(work: Any, *, name: str = "worker") -> None:
    """Call *work* in a raw thread."""
    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join()


def names(recording: Any) -> list[str]:
    """The names of its runs, in order."""
    return [run.label for run in recording.runs]
