"""The script of a fake model: which response a call gets, and which responses are left over."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any, NoReturn

from langchain_core.messages import AIMessage

from pytest_lc_callbacks import _made
from pytest_lc_callbacks._fake.call import Call, have_same_prompt
from pytest_lc_callbacks._fake.exhausted import FakeChatModelExhausted, explain
from pytest_lc_callbacks._fake.miss import FakeChatModelMiss
from pytest_lc_callbacks._fake.replay import Replay
from pytest_lc_callbacks._fake.response import Message, Response, ResponseQueue
from pytest_lc_callbacks._fake.rule import Matcher, Rule
from pytest_lc_callbacks._words import count

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True

_UNSCRIPTED = Response(kind=Message(AIMessage(content="This is a fake answer.")), times=None)


class Script:
    """
    The responses of a fake model, shared by all its copies and safe in any number of threads.

    Health checks read `unused` and `exhausted` when a test is over.
    """

    def __init__(self) -> None:
        self.queue: ResponseQueue = ResponseQueue()
        self.rules: list[Rule] = []
        self.is_scripted: bool = False
        self.is_automatic: bool = False
        self.replay: Replay | None = None
        self.exhausted: list[FakeChatModelExhausted | FakeChatModelMiss] = []
        self.passed_by: Counter[str] = Counter()
        """Methods of an application's models that a stand-in was on for, and that did not ask it; each how often."""
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
        """How many calls there were and how many responses are left: ``2 scripted left, 1 call``."""
        with self._lock:
            calls = count(len(self._calls), "call")
            responses = [response for queue in self._queues() for response in queue.responses]
        if not self.is_scripted:
            source = "auto" if self.is_automatic else "unscripted"
            return f"{self.replay or source}, {calls}"
        left = [response.times - response.used for response in responses if response.times is not None]
        return f"{sum(left)} scripted left{', one without end' if len(left) < len(responses) else ''}, {calls}"

    @property
    def unused(self) -> list[str]:
        """A line for each response that was not given as often as scripted; optional and endless ones do not count."""
        with self._lock:
            lines = [_unused_text(response) for response in self.queue.responses if response.is_unused]
            for rule in self.rules:
                lines += [f"{rule}: {_unused_text(r)}" for r in rule.queue.responses if r.is_unused]
        return lines

    @property
    def unused_recordings(self) -> list[str]:
        """A line for each recorded call that was not asked for again."""
        return self.replay.unused if self.replay is not None else []

    def add(self, responses: Iterable[Response], queue: ResponseQueue) -> None:
        """Add *responses* to the script's own queue or to that of a rule."""
        with self._lock:
            self.is_scripted = True
            queue.add(responses)

    def add_rule(self, matcher: Matcher) -> Rule:
        """A new rule behind the others, without responses."""
        rule = Rule(matcher)
        with self._lock:
            self.is_scripted = True
            self.rules.append(rule)
        return rule

    def note(self, call: Call) -> None:
        """Number *call*, before it gets its response."""
        with self._lock:
            self._calls.append(call)
            call.number = len(self._calls)

    def take(self, call: Call) -> Response | None:
        """
        The response for *call*: the next one of the first rule that matches, else the next one of the queue.

        None if `auto` has to respond.

        Raises:
            FakeChatModelExhausted: If the script has none.

            FakeChatModelMiss: If a recording has none.
        """
        # The functions of rules run outside the lock: they may be slow, or call a model themselves.
        for rule in self.rules:
            if not rule.matches(call):
                continue
            with self._lock:
                response = rule.queue.take()
            if response is not None:
                return response
            if not rule.queue.may_be_skipped:
                raise self._exhaust(call, rule)
        return self._take_from_queue(call)

    def times_given(self, key: str) -> int:
        """How often *key* was asked for, this time included."""
        with self._lock:
            self._given[key] += 1
            return self._given[key]

    def unique(self, identity: str) -> str:
        """*identity* the first time, then ``identity-2`` and so on: two messages must not share an id."""
        times = self.times_given(f"id {identity}")
        return identity if times == 1 else f"{identity}-{times}"

    def _take_from_queue(self, call: Call) -> Response | None:
        with self._lock:
            response = self.queue.take()
        if response is not None:
            return response
        if self.replay is not None:
            return self._replay(self.replay, call)
        if self.is_automatic:
            return None
        if not self.is_scripted:
            return _UNSCRIPTED
        raise self._exhaust(call, None)

    def _replay(self, replay: Replay, call: Call) -> Response:
        try:
            return replay.take(call)
        except FakeChatModelMiss as error:
            self.exhausted.append(error)
            raise

    def _exhaust(self, call: Call, rule: Rule | None) -> FakeChatModelExhausted:
        with self._lock:
            twin = next((c for c in self._calls if c.number < call.number and have_same_prompt(c, call)), None)
        error = FakeChatModelExhausted(explain(call, rule, self.queue, self.rules, twin))
        self.exhausted.append(error)
        return error

    def _queues(self) -> list[ResponseQueue]:
        return [self.queue, *(rule.queue for rule in self.rules)]


def _unused_text(response: Response) -> str:
    times = response.times
    return str(response.kind) if times == 1 else f"{response.kind} ({response.used} of {times} times used)"
