"""Reports that a test tells of with an attribute of a handler of its own: ``assert tracer.text``."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from report_programs import hears_all, model, report
from report_programs_payloads import ASK, CALL, NEW, Repeating, add, adder
from report_programs_plain import Counting
from report_programs_scopes import CHAIN, outer

from pytest_lc_callbacks import FakeChatModel

SPAN: ContextVar[Any] = ContextVar("span", default=None)


class Notes(BaseCallbackHandler):
    """Keeps what it notes in lists, each filled by one event."""

    def __init__(self) -> None:
        self.actions: list[Any] = []
        self.tokens: list[Any] = []
        self.sessions: list[Any] = []
        self.prompts: list[Any] = []
        self.calls: list[Any] = []
        self.spans: list[Any] = []
        self.begun: list[Any] = []

    def on_agent_action(self, action: Any, **kwargs: Any) -> None:
        self.actions.append(action)

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.tokens.append(token)

    def on_chain_start(self, serialized: Any, inputs: Any, *, metadata: Any = None, **kwargs: Any) -> None:
        self.sessions.append((metadata or {}).get("session_id"))
        SPAN.set(kwargs["run_id"])
        self.begun.append(kwargs["run_id"])

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.spans.append(SPAN.get())

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        used = response.generations[0][0].message.usage_metadata
        self.prompts.append(used["input_tokens"] if used else None)

    def on_tool_start(self, serialized: Any, input_str: Any, *, tool_call_id: Any = None, **kwargs: Any) -> None:
        self.calls.append(tool_call_id)


def tells(call: Any, check: Any) -> Any:
    """The test that makes a *call* with `Notes` and then a *check* of it, which names the attribute."""

    def program(h: Any) -> None:
        tracer = Notes()
        call({"callbacks": [h, tracer]})
        check(tracer)

    return program


def has_actions(tracer: Notes) -> None:
    """The agent acted."""
    assert tracer.actions


def has_calls(tracer: Notes) -> None:
    """The tool has its call's id."""
    assert tracer.calls == ["c1"]


def has_tokens(tracer: Notes) -> None:
    """There are tokens."""
    assert tracer.tokens


def has_session(tracer: Notes) -> None:
    """The session is known."""
    assert tracer.sessions[0] == "7"


def has_prompt(tracer: Notes) -> None:
    """The prompt is counted once."""
    assert tracer.prompts == [10]


def has_span(tracer: Notes) -> None:
    """The span of the start is there."""
    assert tracer.spans == tracer.begun


def _agent(config: Any) -> Any:
    return adder().invoke(ASK, config)


def _agent_streams(config: Any) -> Any:
    return list(adder().stream(ASK, config, stream_mode="messages"))


def _in_async_run(config: Any) -> Any:
    return asyncio.run(RunnableLambda(len, afunc=_length, name="chain").ainvoke("q", config))


async def _length(q: str) -> int:
    return len(q)


_ROWS: list[tuple[str, Any, Any, Any, str]] = [
    ("actions of create_agent", _agent, has_actions, _agent, "[agent-executor]"),
    ("tokens of agent.invoke", _agent, has_tokens, _agent_streams, "[not-streamed]"),
    (
        "the prompt of each chunk",
        lambda config: list(Repeating(responses=["x"]).stream("q", config)),
        has_prompt,
        lambda config: list(Repeating(responses=["x"], each=False).stream("q", config)),
        "[usage-added-up]",
    ),
    (
        "a ContextVar with a default",
        _in_async_run,
        has_span,
        lambda config: outer(len).invoke("q", config),
        "[context-per-event]",
    ),
]
if NEW:
    _ROWS += [
        (
            "a session among the configurable values",
            lambda config: CHAIN.invoke({"q": "q"}, {**config, "configurable": {"session_id": "7"}}),
            has_session,
            lambda config: CHAIN.invoke({"q": "q"}, {**config, "metadata": {"session_id": "7"}}),
            "[configurable]",
        ),
        (
            "no id of a tool call",
            lambda config: add.invoke(CALL["args"], config),
            has_calls,
            lambda config: add.invoke(CALL, config),
            "[bare-arguments]",
        ),
    ]
for _name, _call, _check, _mended, _says in _ROWS:
    _is_actions = _check is has_actions
    report(
        name=f"asked: {_name}",
        buggy=tells(_call, _check),
        good=tells(_mended, (lambda tracer: None) if _is_actions else _check),
        says=(_says,),
        never=("[not-passed]", "[one-component]"),
    )


def _counts(call: Any, answers: int = 1) -> Any:
    def program(h: Any) -> None:
        counter = Counting()
        call(h, counter)
        assert counter.answers == answers

    return program


def _in_thread(q: str) -> Any:
    with ThreadPoolExecutor(1, "helper") as pool:
        return pool.submit(model().invoke, q).result()


def _unused(h: Any, counter: Any) -> Any:
    chain = CHAIN
    chain.with_config(callbacks=[counter])
    return chain.invoke({"q": "q"}, {"callbacks": [h]})


for _title, _asks, _words in [
    ("a misspelt key", lambda h, c: CHAIN.invoke({"q": "q"}, {"callbacks": [h], "callback": [c]}), "[unknown-key]"),
    ("a keyword", lambda h, c: CHAIN.invoke({"q": "q"}, {"callbacks": [h]}, callbacks=[c]), "[callbacks-as-option]"),
    ("an unused with_config", _unused, "[unused-with-config]"),
    (
        "callbacks of its own",
        lambda h, c: outer(lambda q: model().invoke(q, {"callbacks": [h]})).invoke("q", {"callbacks": [h, c]}),
        "[replaced-callbacks]",
    ),
    ("a thread", lambda h, c: outer(_in_thread).invoke("q", {"callbacks": [h, c]}), "[other-thread]"),
]:
    report(
        name=f"asked: {_title}",
        buggy=_counts(_asks),
        good=_counts(lambda h, c: CHAIN.invoke({"q": "q"}, {"callbacks": [h, c]})),
        says=(_words,),
    )
report(
    name="asked: nothing is wrong with the callbacks",
    buggy=_counts(lambda h, c: CHAIN.invoke({"q": "q"}, {"callbacks": [h, c]}), answers=2),
    good=_counts(lambda h, c: CHAIN.invoke({"q": "q"}, {"callbacks": [h, c]})),
    says=(),
    never=("hint:",),
)


class Saving(BaseCallbackHandler):
    """Saves answers, in a coroutine."""

    def __init__(self) -> None:
        self.saved = 0

    async def save(self) -> None:
        self.saved += 1

    def on_llm_end(self, response: Any, **kwargs: Any) -> Any:
        return self.save()


class Awaiting(Saving):
    """Awaits it."""

    async def on_llm_end(self, response: Any, **kwargs: Any) -> Any:
        await self.save()


def _saves(saving: Any, *, is_async: bool = True, saved: int = 1) -> Any:
    def program(h: Any) -> None:
        handler, config = saving(), {"callbacks": [h]}
        config["callbacks"].append(handler)
        if is_async:
            asyncio.run(_ask(config))
        else:
            model().invoke("q", config)
        assert handler.saved == saved

    return program


async def _ask(config: Any) -> None:
    await model().ainvoke("q", config)


report(
    name="asked: a coroutine that a plain method returns",
    buggy=_saves(Saving),
    good=_saves(Awaiting),
    says=("Saving.on_llm_end calls self.save(...), a coroutine function, without await", "[handler-not-awaited]"),
)
report(
    name="asked: a coroutine that LangChain awaits",
    buggy=_saves(Saving, is_async=False, saved=2),
    good=_saves(Saving, is_async=False),
    says=(),
    never=("[handler-not-awaited]",),
)


def _outlived(h: Any) -> None:
    counter = Counting()

    async def run() -> None:
        tasks: list[Any] = []
        go = asyncio.Event()

        async def later(q: str) -> None:
            await go.wait()
            await model().ainvoke(q)

        async def node(q: str) -> int:
            tasks.append(asyncio.create_task(later(q)))
            return 1

        await RunnableLambda(len, afunc=node, name="node").ainvoke("q", {"callbacks": [h, counter]})
        go.set()
        await tasks[0]

    asyncio.run(run())
    assert counter.answers == 0


report(
    name="asked: a task outlives its node",
    buggy=_outlived,
    good=_counts(lambda h, c: CHAIN.invoke({"q": "q"}, {"callbacks": [h, c]})),
    says=("node had ended before FakeListChatModel began", "[parent-ended]"),
)


@dataclass
class Equal(BaseCallbackHandler):
    """Two of them are equal."""

    seen: list[int] = field(default_factory=list)

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.seen.append(1)


@dataclass(eq=False)
class Unequal(Equal):
    """Two of them are two."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]  # the dataclass has none


def _both_see(kind: Any) -> Any:
    def program(h: Any) -> None:
        one, two = kind(), kind()
        CHAIN.invoke({"q": "q"}, {"callbacks": [h, one, two]})
        assert len(one.seen) + len(two.seen) == 2

    return program


report(
    name="asked: two handlers that are equal",
    buggy=_both_see(Equal),
    good=lambda h: CHAIN.invoke({"q": "q"}, {"callbacks": [h, Unequal()]}),
    says=("Equal defines __eq__, and another Equal is among the handlers of RunnableSequence", "[equal-handlers]"),
    never=("[not-inherited]", "one of the handlers of a CallbackManager"),
)
report(
    name="a callback manager in the list",
    buggy=lambda h: outer(lambda q, config: model().invoke(q, {"callbacks": [config["callbacks"]]})).invoke(
        "q", {"callbacks": [h]}
    ),
    good=lambda h: outer(lambda q, config: model().invoke(q, config)).invoke("q", {"callbacks": [h]}),
    says=("A callback manager stands in the list", "[manager-in-config]"),
    never=("Derive the handler",),
)


def _binds_behind(h: Any) -> Any:
    return FakeChatModel(responses=["x"]).with_config(callbacks=[h]).bind_tools([add]).invoke("q")


def _binds_before(h: Any) -> Any:
    return FakeChatModel(responses=["x"]).bind_tools([add]).with_config(callbacks=[h]).invoke("q")


report(
    name="bind_tools behind with_config",
    buggy=_binds_behind,
    good=_binds_before,
    check=hears_all,
    says=("tools are bound behind", "[config-dropped]"),
    never=("Possible causes",),
)
