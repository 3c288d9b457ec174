"""Program: one small LangChain program that the suite runs a handler through."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig


@dataclass
class Stage:
    """What a program is given: the callbacks it passes on."""

    callbacks: list[Any]

    @property
    def config(self) -> RunnableConfig:
        """A config of a call with the callbacks."""
        return {"callbacks": list(self.callbacks)}


@dataclass(frozen=True, eq=False)
class Program:
    """
    A program by name.

    Args:
        name: By which `run_program` finds it.

        line: What it does, as a user would write it.

        run: Runs it; a coroutine function for an async program.

        group: What it is there to show. Each group belongs to one check, which is told what a handler raises in it.

        needs: The ``supports_...`` that it takes for granted.

        fails: What leaves the program without any handler.

        never_ends: Whether LangChain leaves a run of it without an end.
    """

    name: str
    line: str
    run: Callable[[Stage], Any]
    group: str
    needs: tuple[str, ...] = ()
    fails: type[BaseException] | None = None
    never_ends: bool = False

    @property
    def is_async(self) -> bool:
        """Whether it needs an event loop."""
        return inspect.iscoroutinefunction(self.run)


class Programs:
    """The programs by name, in the order in which they were added."""

    def __init__(self) -> None:
        self._by_name: dict[str, Program] = {}

    def add(
        self,
        group: str,
        line: str,
        *,
        needs: str = "",
        fails: type[BaseException] | None = None,
        never_ends: bool = False,
    ) -> Callable[[Callable[[Stage], Any]], Callable[[Stage], Any]]:
        """A decorator that adds a function as a program of *group*; *needs* is words like ``"chat_model tools"``."""

        def added(run: Callable[[Stage], Any]) -> Callable[[Stage], Any]:
            flags = (*needs.split(), *(["async"] if inspect.iscoroutinefunction(run) else []))
            self.put(Program(run.__name__, line, run, group, flags, fails, never_ends))
            return run

        return added

    def put(self, program: Program) -> None:
        """Add *program*."""
        assert program.name not in self._by_name, f"two programs are called {program.name}"
        self._by_name[program.name] = program

    def __iter__(self) -> Iterator[Program]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Program:
        return self._by_name[name]

    def names(self) -> list[str]:
        """The names of all programs."""
        return list(self._by_name)

    def of(self, *groups: str) -> list[Program]:
        """The programs of these *groups*."""
        return [program for program in self if program.group in groups]


PROGRAMS = Programs()
