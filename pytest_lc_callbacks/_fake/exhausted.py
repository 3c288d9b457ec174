"""FakeChatModelExhausted: the script has no response for a call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from langchain_core.messages import AIMessage, BaseMessage

from pytest_lc_callbacks._fake.call import Call
from pytest_lc_callbacks._fake.messages import text_of
from pytest_lc_callbacks._fake.response import Message, Response, ResponseQueue
from pytest_lc_callbacks._fake.rule import Rule
from pytest_lc_callbacks._words import count, hint, last_lines, repr_short, shown

_SHOWN_RESPONSES = 10
_SHOWN_MESSAGES = 4
_SHOWN_LENGTH = 200


# Named for what happened, like StopIteration; the name is public.
class FakeChatModelExhausted(RuntimeError):  # noqa: N818
    """A scripted `FakeChatModel` was called, and its script has no response for that call."""

    # Tracebacks name a class by its module; this is where users find it.
    __module__ = "pytest_lc_callbacks"


def explain(call: Call, rule: Rule | None, queue: ResponseQueue, rules: Sequence[Rule], twin: Call | None) -> str:
    """
    The message of a `FakeChatModelExhausted`.

    Args:
        call: The call without a response.

        rule: The rule that matched it; None if the queue was asked.

        queue: The responses that belong to no rule.

        rules: All rules of the script.

        twin: An earlier call with the same prompt, if there is one.
    """
    lines = [_first_line(call, rule, queue, rules)]
    if script := _script_lines(queue, rules):
        lines += ["script:", *last_lines(script, _SHOWN_RESPONSES, "  ")]
    prompt = [f"  {message.type}: {_said(message)}" for message in call.messages]
    lines += [f"prompt of call {call.number}:", *last_lines(prompt, _SHOWN_MESSAGES, "  ")]
    if twin is not None:
        lines.append(f"  (the same prompt as call {twin.number}: a retry, a fallback or a loop asks again)")
    return shown("\n".join([*lines, hint(f"if it is meant, {_suggest(rule, queue, rules)}")]))


def _first_line(call: Call, rule: Rule | None, queue: ResponseQueue, rules: Sequence[Rule]) -> str:
    if rule is not None and not rule.queue.responses:
        return f"expected {rule} to have a response for call {call.number}, but it was scripted without one"
    if rule is not None:
        return f"expected {_at_most(rule.queue)} for {rule}, but call {call.number} of the model is another one"
    if rules and not queue.responses:
        return f"expected a prompt that a rule matches, but none of them matches the prompt of call {call.number}"
    besides = " besides those that a rule matches" if rules else ""
    return f"expected {_at_most(queue)} of the model{besides}, but this is call {call.number}"


def _at_most(queue: ResponseQueue) -> str:
    return f"at most {count(queue.limit, 'call')}" if queue.limit else "no call"


def _suggest(rule: Rule | None, queue: ResponseQueue, rules: Sequence[Rule]) -> str:
    if rule is not None:
        if not rule.queue.responses:
            return f"give that rule a response, .{rule}.respond(...)"
        return "give that rule another response with .respond(...), or always=True on its last one"
    if queue.responses:
        return "add .respond(...) for it, or always=True on the last response"
    if rules:
        return "add a rule .on(...).respond(...), or .respond(..., always=True) for the rest"
    return "add .respond(...) for it"


def _script_lines(queue: ResponseQueue, rules: Iterable[Rule]) -> list[str]:
    lines = [f"  {response}{_state(response)}" for response in queue.responses]
    for rule in rules:
        lines += [f"  {rule}: {response}{_state(response)}" for response in rule.queue.responses]
    return lines


def _state(response: Response) -> str:
    if response.is_spent:
        return " - used"
    often = response.used if response.times is None else f"{response.used} of {response.times}"
    return f" - used {often} times" if response.used else ""


def _said(message: BaseMessage) -> str:
    return str(Message(message)) if isinstance(message, AIMessage) else repr_short(text_of(message), _SHOWN_LENGTH)
