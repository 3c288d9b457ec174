"""What scripts a fake model, and what asks it for its calls: the same for chat models and text LLMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pytest_lc_callbacks._fake.arguments import read_respond
from pytest_lc_callbacks._fake.call import Call
from pytest_lc_callbacks._fake.reading import Scripted
from pytest_lc_callbacks._fake.rule import Matcher
from pytest_lc_callbacks._fake.stand_in import StandIn

if TYPE_CHECKING:
    from typing import Self

    from pytest_lc_callbacks._fake.response import ResponseQueue
    from pytest_lc_callbacks._fake.script import Script

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


class ScriptedModel:
    """A model with a script, which its copies share."""

    if TYPE_CHECKING:
        # Fields of the models themselves: pydantic looks for them there.
        script: Script
        _queue: ResponseQueue | None

        def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self: ...

    def respond(
        self,
        *responses: Scripted,
        tool_calls: Sequence[tuple[str, Mapping[str, Any]]] | None = None,
        chunks: Sequence[Any] | None = None,
        then_raise: BaseException | type[BaseException] | None = None,
        cut_off: bool = False,
        times: int = 1,
        always: bool = False,
        optional: bool = False,
        latency: float | None = None,
        chunk_latency: float | None = None,
        check_tools: bool = True,
    ) -> Self:
        """
        Script the next response, or several in a row; after `on` those of the rule.

        Args:
            responses: A text, an `AIMessage`, an exception to raise, an object for structured output, or a
                function of the messages that returns one of these (it may be async).

            tool_calls: The tools to call, as ``(name, arguments)``; alone, or with one text.

            chunks: The texts or `AIMessageChunk` to stream; their sum is the response.

            then_raise: Raise this after the chunks. Nothing of the stream's ending is sent, such as the usage.

            cut_off: End the stream after the chunks without its ending, as a server does that hangs up quietly.

            times: How often to give the response.

            always: Give the response to every later call.

            optional: Do not report the response if no call takes it.

            latency: Seconds to wait before the response; the model's `latency` if left out.

            chunk_latency: Seconds to wait between its chunks; the model's `chunk_latency` if left out.

            check_tools: Refuse tool calls that the tools bound at the call do not allow.

        Raises:
            TypeError: If no model could give such a response.

            ValueError: If the arguments contradict each other, or the response could never be given.
        """
        scripted = read_respond(
            responses,
            tool_calls=tool_calls,
            chunks=chunks,
            then_raise=then_raise,
            cut_off=cut_off,
            times=times,
            always=always,
            optional=optional,
            latency=latency,
            chunk_latency=chunk_latency,
            check_tools=check_tools,
        )
        self.script.add(scripted, self._queue or self.script.queue)
        return self

    def on(self, matcher: Matcher) -> Self:
        """
        Script responses for matching prompts: ``model.on("refund").respond("Certainly.")``.

        Rules are tried in their order, before the queue, and do not depend on the order of the calls. The result is
        this model again, with the same script and calls, but its `respond` adds to the rule.

        Args:
            matcher: A part of the last message's text (case-sensitive), a compiled regex that is searched in it,
                or a function of the messages that returns whether they match.

        Raises:
            TypeError: If *matcher* is something else.

            ValueError: If *matcher* is the empty text.
        """
        rule = self.script.add_rule(matcher)
        model: Any = self.model_copy()
        model._queue = rule.queue
        return cast("Self", model)

    def stand_in_for(self, *classes: type) -> StandIn:
        """
        Answer for real models, until the end of the test, or of a ``with`` block.

        The real classes stay, with their constructors, callbacks and `bind_tools`. What they would ask the network, the
        script answers, in the shape of their integration for OpenAI and Anthropic. An API key that a constructor
        insists on is supplied.

        Args:
            classes: The classes of chat models or text LLMs, with their subclasses; none for all of every provider's
                package, also of those that are imported later.

        Raises:
            TypeError: If one of *classes* is something else, such as a decision model.
        """
        return StandIn(self, classes)

    @property
    def calls(self) -> list[Call]:
        """The calls that reached the model or one of its copies, in the order in which they arrived."""
        return self.script.calls

    @property
    def call_count(self) -> int:
        """How many calls reached the model or one of its copies."""
        return len(self.script.calls)

    @property
    def last_call(self) -> Call:
        """
        The latest of the `calls`.

        Raises:
            LookupError: If the model was not called.
        """
        calls = self.script.calls
        if not calls:
            raise LookupError("last_call: the model has not been called; .call_count is 0")
        return calls[-1]
