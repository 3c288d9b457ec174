"""The script of a fake model: which response a call gets, and what became of each."""

from __future__ import annotations

import inspect
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, NoReturn

from langchain_core.messages import AIMessage, BaseMessage

from pytest_lc_callbacks import _made
from pytest_lc_callbacks._fake.messages import text_of
from pytest_lc_callbacks._fake.reading import Message, Response, read_function

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

Matcher = str | re.Pattern[str] | Callable[[list[BaseMessage]], Any]

_FIXED_TEXT = "This is a fake answer."
_SHOWN_RESPONSES = 10
_SHOWN_MESSAGES = 4
_SHOWN_LENGTH = 200


# Named for what happened, like StopIteration; the name is public.
class FakeChatModelExhausted(RuntimeError):  # noqa: N818
    """A scripted `FakeChatModel` was called and its script has no answer for that call."""

    # Tracebacks name a class by its module; this is where users find it.
    __module__ = "pytest_lc_callbacks"


class Call:
    """
    One call that reached a `FakeChatModel`.

    Attributes:
        number: Which call it is, from 1.

        mode: How LangChain asked: ``"invoke"``, ``"ainvoke"``, ``"stream"`` or ``"astream"``.

        prompt: The messages themselves. What they said at the call is in `messages`.

        tools: The tools bound to the model, in the form the provider gets.

        tool_choice: The tool choice, in the form the provider gets; None if there is none.

        stop: The stop sequences, of the call or of the model; None if there are none.

        options: What else was bound to the model or given with the call.

        response: The answer that was given, whole also when it was streamed; None if there was an error instead.

        error: The exception that was raised instead of an answer, or in the middle of one.
    """

    __slots__ = (
        "_kept", "_messages", "error", "mode", "number", "options", "prompt", "response", "stop", "tool_choice", "tools"
    )  # fmt: skip

    def __init__(
        self, mode: str, prompt: Sequence[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]
    ) -> None:
        self.number: int = 0
        self.mode: str = mode
        self.prompt: Sequence[BaseMessage] = prompt
        self.tools: list[Any] = list(options.get("tools") or ())
        self.tool_choice: Any = options.get("tool_choice")
        self.stop: list[str] | None = stop
        self.options: dict[str, Any] = {
            key: value for key, value in options.items() if key not in {"tools", "tool_choice"}
        }
        self.response: AIMessage | None = None
        self.error: BaseException | None = None
        # Copies are made when somebody looks: most calls of most tests are never looked at.
        self._kept: list[dict[str, Any]] = [_fields(message) for message in prompt]
        self._messages: list[BaseMessage] | None = None

    @property
    def messages(self) -> list[BaseMessage]:
        """The prompt, as it was at the call."""
        if self._messages is None:
            pairs = zip(self.prompt, self._kept, strict=True)
            self._messages = [message.model_copy(update=fields) for message, fields in pairs]
        return self._messages

    def __repr__(self) -> str:
        outcome = f"raised {type(self.error).__name__}" if self.error else _shortened(_outcome(self.response), 60)
        asked = _shortened(text_of(self.messages[-1]), 60) if self.messages else "nothing"
        return f"<Call {self.number}: {self.mode} {asked!r} -> {outcome}>"


class Answers:
    """Responses that are given one after the other."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self._next: int = 0

    def add(self, responses: Iterable[Response]) -> None:
        """
        Queue *responses*.

        Raises:
            ValueError: If the last one so far is given always, so that these would never be.
        """
        for response in responses:
            if self.responses and self.responses[-1].times is None:
                raise ValueError(
                    f"respond({response}) would never be given: the answer before it, {self.responses[-1]}, "
                    "has no end; script this one first, or give it a rule with .on(...)"
                )
            self.responses.append(response)

    def take(self) -> Response | None:
        """The next response, marked as used; None if all are spent."""
        while self._next < len(self.responses):
            response = self.responses[self._next]
            if not response.is_spent:
                response.used += 1
                return response
            self._next += 1
        return None

    @property
    def are_optional(self) -> bool:
        """Whether nobody would miss them once they are spent."""
        return bool(self.responses) and all(response.optional for response in self.responses)


class Rule:
    """Answers for the prompts that match."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher: Matcher = _read_matcher(matcher)
        self.answers: Answers = Answers()

    def matches(self, call: Call) -> bool:
        """Whether the last message has the text or fits the pattern, or the predicate says so."""
        last = text_of(call.prompt[-1]) if call.prompt else ""
        if isinstance(self.matcher, str):
            return self.matcher in last
        if isinstance(self.matcher, re.Pattern):
            return self.matcher.search(last) is not None
        return self._says_yes(self.matcher, call)

    def _says_yes(self, predicate: Callable[[list[BaseMessage]], Any], call: Call) -> bool:
        try:
            answer = predicate(list(call.messages))
        except StopIteration as error:
            # It would end the stream, or turn into another error in asynchronous calls.
            raise RuntimeError(f"the function of {self} raised StopIteration for call {call.number}") from error
        if inspect.isawaitable(answer):
            raise _not_at_once(str(self), answer)
        return bool(answer)

    def __str__(self) -> str:
        return _shown(self.matcher)


class Script:
    """
    What a fake model answers, shared by all its copies and safe in any number of threads.

    `unused` and `exhausted` are what a health check asks for when a test is over.
    """

    def __init__(self) -> None:
        self.queue: Answers = Answers()
        self.rules: list[Rule] = []
        self.is_scripted: bool = False
        self.is_automatic: bool = False
        self.exhausted: list[FakeChatModelExhausted] = []
        self._calls: list[Call] = []
        self._given: Counter[str] = Counter()
        self._lock = threading.Lock()
        _made.tell("script", self)

    def __copy__(self) -> Script:
        return self

    def __deepcopy__(self, memo: Any) -> Script:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a FakeChatModel cannot be pickled: its script is shared; make it in the process that uses it")

    def __repr__(self) -> str:
        return f"<Script: {self.summary}>"

    @property
    def calls(self) -> list[Call]:
        """The calls so far, in the order in which they arrived."""
        with self._lock:
            return list(self._calls)

    @property
    def summary(self) -> str:
        """How many calls there were and how many responses are left, in words."""
        with self._lock:
            count = len(self._calls)
            left = [response for answers in self._all_answers() for response in answers.responses]
        calls = f"{count} call{'' if count == 1 else 's'}"
        if not self.is_scripted:
            return f"{'auto' if self.is_automatic else 'unscripted'}, {calls}"
        ends = [response.times - response.used for response in left if response.times is not None]
        return f"{sum(ends)} scripted left{', one without end' if len(ends) < len(left) else ''}, {calls}"

    @property
    def unused(self) -> list[str]:
        """The responses that were to be given and were not, each in a line; optional and endless ones do not count."""
        with self._lock:
            lines = [_left_over(response) for response in self.queue.responses if response.is_left_over]
            for rule in self.rules:
                lines += [f"{rule}: {_left_over(r)}" for r in rule.answers.responses if r.is_left_over]
        return lines

    def add(self, responses: Iterable[Response], answers: Answers) -> None:
        """Script *responses* at the end of the queue or of a rule's answers."""
        with self._lock:
            self.is_scripted = True
            answers.add(responses)

    def add_rule(self, matcher: Matcher) -> Rule:
        """A rule after the ones there are, still without answers."""
        rule = Rule(matcher)
        with self._lock:
            self.is_scripted = True
            self.rules.append(rule)
        return rule

    def note(self, call: Call) -> None:
        """Number a call, before it gets its response."""
        with self._lock:
            self._calls.append(call)
            call.number = len(self._calls)

    def take(self, call: Call) -> Response | None:
        """
        The response for *call*: of the first rule that matches, else the next one of the queue.

        None if `auto` has to answer.

        Raises:
            FakeChatModelExhausted: If the script has none.
        """
        # The user's predicates run outside the lock: they may be slow, or call a model themselves.
        for rule in self.rules:
            if not rule.matches(call):
                continue
            with self._lock:
                response = rule.answers.take()
            if response is not None:
                return response
            if not rule.answers.are_optional:
                raise self._exhaust(call, rule)
        return self._next_in_queue(call)

    def times_given(self, key: str) -> int:
        """How often *key* was asked for, this time included."""
        with self._lock:
            self._given[key] += 1
            return self._given[key]

    def unique(self, identity: str) -> str:
        """*identity* the first time, then with a number, since two messages must not share one."""
        count = self.times_given(f"id {identity}")
        return identity if count == 1 else f"{identity}-{count}"

    def _next_in_queue(self, call: Call) -> Response | None:
        with self._lock:
            response = self.queue.take()
        if response is not None:
            return response
        if self.is_automatic:
            return None
        if not self.is_scripted:
            return _FIXED
        raise self._exhaust(call, None)

    def _exhaust(self, call: Call, rule: Rule | None) -> FakeChatModelExhausted:
        error = FakeChatModelExhausted(self._explanation(call, rule))
        self.exhausted.append(error)
        return error

    def _all_answers(self) -> list[Answers]:
        return [self.queue, *(rule.answers for rule in self.rules)]

    def _explanation(self, call: Call, rule: Rule | None) -> str:
        with self._lock:
            script = [*_script_lines("", self.queue)]
            for other in self.rules:
                script += _script_lines(f"{other}: ", other.answers)
            twin = next((c for c in self._calls if c.number < call.number and _same_prompt(c, call)), None)
        lines = [_expectation(call, rule, self)]
        lines += ["script:", *_window(script)] if script else []
        lines += [f"prompt of call {call.number}:", *_prompt_lines(call.messages)]
        if twin is not None:
            lines.append(f"  (the same prompt as call {twin.number}: a retry, a fallback or a loop asks again)")
        return "\n".join([*lines, _way_out(rule, self)])


_FIXED = Response(reply=Message(AIMessage(content=_FIXED_TEXT)), times=None)


def _fields(message: BaseMessage) -> dict[str, Any]:
    """The fields of a message, such that later changes of it do not reach them."""
    fields = dict(message.__dict__)
    for name in ("content", "tool_calls", "additional_kwargs"):
        value = fields.get(name)
        if value and not isinstance(value, str):
            fields[name] = deepcopy(value)
    return fields


def _read_matcher(matcher: Any) -> Any:
    if matcher == "":
        raise ValueError("on(''): every text has the empty text in it; for any prompt write .respond(..., always=True)")
    pattern: Any = getattr(matcher, "pattern", "")
    if isinstance(pattern, bytes):
        raise TypeError(f"on({pattern!r}): prompts are text; write re.compile({pattern.decode()!r})")
    if isinstance(matcher, (str, re.Pattern)):
        return matcher
    if callable(matcher) and not isinstance(matcher, type):
        function = read_function(matcher, "on()")
        if inspect.iscoroutinefunction(function):
            raise _not_at_once(_shown(function), function)
        return function
    raise TypeError(
        f"on() takes a part of the last message's text, a compiled regex or a function of the messages, "
        f"not {matcher!r} ({type(matcher).__name__})"
    )


def _shown(matcher: Matcher) -> str:
    if isinstance(matcher, re.Pattern):
        return f"on(re.compile({matcher.pattern!r}))"
    if isinstance(matcher, str):
        return f"on({matcher!r})"
    return f"on({getattr(matcher, '__name__', type(matcher).__name__)})"


def _not_at_once(where: str, answer: Any) -> TypeError:
    if inspect.iscoroutine(answer):
        # Nobody will await it now, which Python would warn about at some later time.
        answer.close()
    return TypeError(f"{where}: a rule's function says yes or no at once, and this one is asynchronous; write def")


def _left_over(response: Response) -> str:
    times = response.times
    return str(response.reply) if times == 1 else f"{response.reply} ({response.used} of {times} times used)"


def _expectation(call: Call, rule: Rule | None, script: Script) -> str:
    if rule is not None and not rule.answers.responses:
        return f"expected {rule} to have an answer for call {call.number}, but it was scripted without one"
    if rule is not None:
        total = sum(response.times or 0 for response in rule.answers.responses)
        return f"expected {_calls(total)} for {rule}, but call {call.number} of the model is another one"
    if script.rules and not script.queue.responses:
        return f"expected a prompt that a rule matches, but none of them matches the prompt of call {call.number}"
    total = sum(response.times or 0 for response in script.queue.responses)
    besides = " besides those that a rule matches" if script.rules else ""
    return f"expected {_calls(total)} of the model{besides}, but this is call {call.number}"


def _calls(count: int) -> str:
    return f"at most {count} call{'' if count == 1 else 's'}" if count else "no call"


def _way_out(rule: Rule | None, script: Script) -> str:
    if rule is not None:
        if not rule.answers.responses:
            return f"hint: if it is meant, give that rule an answer, .{rule}.respond(...)"
        return "hint: if it is meant, give that rule another answer with .respond(...), or always=True on its last one"
    if script.rules and not script.queue.responses:
        return "hint: if it is meant, add a rule .on(...).respond(...), or .respond(..., always=True) for the rest"
    if not script.queue.responses:
        return "hint: if it is meant, add .respond(...) for it"
    return "hint: if it is meant, add .respond(...) for it, or always=True on the last answer"


def _script_lines(prefix: str, answers: Answers) -> list[str]:
    return [f"  {prefix}{response}{_state(response)}" for response in answers.responses]


def _state(response: Response) -> str:
    if response.is_spent:
        return " - used"
    count = response.used if response.times is None else f"{response.used} of {response.times}"
    return f" - used {count} times" if response.used else ""


def _window(lines: Sequence[str]) -> list[str]:
    hidden = len(lines) - _SHOWN_RESPONSES
    return list(lines) if hidden <= 0 else [f"  ... {hidden} before", *lines[-_SHOWN_RESPONSES:]]


def _prompt_lines(messages: Sequence[BaseMessage]) -> list[str]:
    hidden = len(messages) - _SHOWN_MESSAGES
    shown = messages[-_SHOWN_MESSAGES:]
    lines = [f"  {message.type}: {_shortened(_said(message), _SHOWN_LENGTH)}" for message in shown]
    return lines if hidden <= 0 else [f"  ... {hidden} before", *lines]


def _said(message: BaseMessage) -> str:
    return str(Message(message)) if isinstance(message, AIMessage) else repr(text_of(message))


def _outcome(response: AIMessage | None) -> str:
    return "open" if response is None else str(Message(response))


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _same_prompt(one: Call, other: Call) -> bool:
    texts = [[(m.type, m.content) for m in call.messages] for call in (one, other)]
    return texts[0] == texts[1]
