"""Rules of a script: responses for the prompts that match a text, a regular expression or a function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from langchain_core.messages import BaseMessage

from pytest_lc_callbacks._fake.call import Call, asked
from pytest_lc_callbacks._fake.messages import text_of
from pytest_lc_callbacks._fake.reading import read_function
from pytest_lc_callbacks._fake.response import ResponseQueue
from pytest_lc_callbacks._words import repr_short

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

Matcher = str | re.Pattern[str] | Callable[[list[BaseMessage]], Any]


class Rule:
    """
    The responses for the prompts that match.

    Args:
        matcher: What `FakeChatModel.on` takes.

    Raises:
        TypeError: If *matcher* is something else.

        ValueError: If it is the empty text.
    """

    def __init__(self, matcher: Matcher) -> None:
        self.matcher: Matcher = _read_matcher(matcher)
        self.queue: ResponseQueue = ResponseQueue()

    def matches(self, call: Call) -> bool:
        """Whether the last message has the text or fits the pattern, or the function says so."""
        last = text_of(call.prompt[-1]) if call.prompt else ""
        if isinstance(self.matcher, str):
            return self.matcher in last
        if isinstance(self.matcher, re.Pattern):
            return self.matcher.search(last) is not None
        return self._ask(self.matcher, call)

    def _ask(self, function: Callable[[list[BaseMessage]], Any], call: Call) -> bool:
        try:
            said = function(asked(call))
        except StopIteration as error:
            # StopIteration would end the stream, or turn into another error in asynchronous calls.
            raise RuntimeError(f"the function of {self} raised StopIteration for call {call.number}") from error
        if inspect.isawaitable(said):
            raise _is_asynchronous(str(self), said)
        return bool(said)

    def __str__(self) -> str:
        return _matcher_text(self.matcher)


def _read_matcher(matcher: Any) -> Any:
    if matcher == "":
        raise ValueError("on(''): every text has the empty text in it; for any prompt write .respond(..., always=True)")
    pattern: Any = getattr(matcher, "pattern", "")
    if isinstance(pattern, bytes):
        text = repr_short(pattern.decode(errors="replace"))
        raise TypeError(f"on({repr_short(pattern)}): prompts are text; write re.compile({text})")
    if isinstance(matcher, (str, re.Pattern)):
        return matcher
    if callable(matcher) and not isinstance(matcher, type):
        function = read_function(matcher, "on()")
        if inspect.iscoroutinefunction(function):
            raise _is_asynchronous(_matcher_text(function), function)
        return function
    raise TypeError(
        f"on() takes a part of the last message's text, a compiled regex or a function of the messages, "
        f"not {repr_short(matcher)} ({type(matcher).__name__})"
    )


def _matcher_text(matcher: Matcher) -> str:
    if isinstance(matcher, re.Pattern):
        return f"on(re.compile({matcher.pattern!r}))"
    if isinstance(matcher, str):
        return f"on({matcher!r})"
    return f"on({getattr(matcher, '__name__', type(matcher).__name__)})"


def _is_asynchronous(where: str, said: Any) -> TypeError:
    if inspect.iscoroutine(said):
        # Nobody awaits this coroutine, which Python would warn about at some later time.
        said.close()
    return TypeError(f"{where}: a rule's function says yes or no at once, and this one is asynchronous; write def")
