"""Reports about graphs, tools, text LLMs and calls that fail; most are whole tests, which take a handler."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypedDict

from langchain_core.callbacks import dispatch_custom_event
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import LLM, FakeListChatModel
from langchain_core.outputs import GenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import StructuredTool, ToolException, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from report_programs import at, model, report
from report_programs_scopes import expects, outer

from pytest_lc_callbacks import event, many

TOKENS = ["llm_start", many("llm_new_token"), "llm_end"]


class State(TypedDict):
    """Of a graph."""

    x: str


def graph_of(node: Any, **options: Any) -> Any:
    """A graph of one node, ask."""
    builder = StateGraph(State)
    builder.add_node("ask", node, **options)
    builder.add_edge(START, "ask")
    return builder.compile(checkpointer=InMemorySaver())


def _resumed(*, before: bool) -> Any:
    def ask(state: Any) -> Any:
        if before:
            model().invoke("q")
        answer = interrupt("Book it?")
        return {"x": answer if before else model().invoke("q").content}

    def program(h: Any) -> None:
        graph, config = graph_of(ask), {"configurable": {"thread_id": "1"}, **at(h)}
        graph.invoke({"x": ""}, config)
        graph.invoke(Command(resume="yes"), config)

    return program


for _check in (lambda heard: heard.one("chat_model_start"), lambda heard: _is_one(heard.count("chat_model_start"))):
    report(
        name="the model is asked again when a graph is resumed",
        buggy=_resumed(before=True),
        good=_resumed(before=False),
        check=_check,
        says=("ask was interrupted, and ran again from its beginning when the graph was resumed",),
        never=("[heard-twice]", "[another-call]"),
    )


def _is_one(chat_model_start: int) -> None:
    assert chat_model_start == 1


def _expects_error(heard: Any) -> None:
    assert heard.count("chat_model_start") == 2


report(
    name="two questions behind the interrupt",
    buggy=_resumed(before=False),
    good=_resumed(before=True),
    check=_expects_error,
    says=(),
    never=("[resumed-node]",),
)


def _tried_again(h: Any) -> None:
    left = [ConnectionError("busy")]

    def ask(state: Any) -> Any:
        if left:
            raise left.pop()
        return {"x": "done"}

    policy = RetryPolicy(initial_interval=0.001, jitter=False)
    graph_of(ask, retry_policy=policy).invoke({"x": ""}, {"configurable": {"thread_id": "1"}, **at(h)})


report(
    name="a RetryPolicy sends no retry",
    buggy=_tried_again,
    good=_tried_again,
    check=lambda heard: heard.one("retry"),
    reads_good=lambda heard: heard.one("chain_error"),
    says=("ask was tried again, in a run of its own", "[retry-is-a-run]"),
)


def _full(x: int) -> str:
    """Book."""
    raise ToolException("full")


def _books(handles: Any) -> Any:
    tool = StructuredTool.from_function(_full, name="book", handle_tool_error=handles)

    def program(h: Any) -> None:
        call = {"type": "tool_call", "name": "book", "args": {"x": 1}, "id": "c1"}
        with suppress(ToolException):
            tool.invoke(call, at(h))

    return program


report(
    name="a tool handles its error",
    buggy=_books(True),
    good=_books(False),
    check=expects("tool_start", "tool_error"),
    says=("book answered with a ToolMessage of status 'error'", "[handled-tool-error]"),
)


def _books_bare(handles: Any, arguments: Any, **handled: Any) -> Any:
    """Call the tool with its arguments alone, so that its answer is no ToolMessage; with 0 it finds a room."""

    def find(x: int) -> str:
        """Book."""
        return _full(x) if x else "booked"

    tool = StructuredTool.from_function(find, name="book", handle_tool_error=handles, **handled)

    def program(h: Any) -> None:
        with suppress(ToolException, ValueError):
            tool.invoke(arguments, at(h))

    return program


for _handles, _answer in ((True, "full"), ("sorry", "sorry"), (lambda error: f"{error}!", "full!")):
    for _check in (expects("tool_start", "tool_error"), lambda heard: heard.one("tool_error")):
        report(
            name=f"a tool that is called with bare arguments handles its error, {_answer}",
            buggy=_books_bare(_handles, {"x": 1}),
            good=_books_bare(False, {"x": 1}),
            check=_check,
            says=(f"book answered its own error, with '{_answer}'.", "[handled-tool-error]"),
        )
report(
    name="a tool handles arguments that do not fit",
    buggy=_books_bare(False, {"x": "many"}, handle_validation_error="no number"),
    good=_books_bare(False, {"x": "many"}),
    check=expects("tool_start", "tool_error"),
    says=("book answered its own error, with 'no number'.", "[handled-tool-error]"),
)
report(
    name="a tool that would handle its error has none",
    buggy=_books_bare(True, {"x": 0}),
    good=_books_bare(True, {"x": 0}),
    check=expects("tool_start", "tool_error"),
    reads_good=expects("tool_start", "tool_end"),
    says=("expected 'tool_error' as event 2",),
    never=("[handled-tool-error]",),
)


class Local(LLM):
    """A text LLM; it sends no token itself."""

    @property
    def _llm_type(self) -> str:
        return "local"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        return "x"

    def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        yield GenerationChunk(text="x")


class Sending(Local):
    """Sends each."""

    def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        run_manager.on_llm_new_token("x")
        yield GenerationChunk(text="x")

    async def _acall(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        await run_manager.on_llm_new_token("x")
        return "x"


class Dropping(Local):
    """Awaits none."""

    async def _acall(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        run_manager.on_llm_new_token("x")
        return "x"


report(
    name="a text LLM's stream without tokens",
    buggy=lambda h: list(Local().stream("q", at(h))),
    good=lambda h: list(Sending().stream("q", at(h))),
    check=lambda heard: heard.assert_events(TOKENS),
    says=("Local streamed its answer and sent no token", "[silent-stream]"),
    never=("[not-streamed]", "[token-without-await]"),
)
report(
    name="a token without await",
    buggy=lambda h: Dropping().ainvoke("q", at(h)),
    good=lambda h: Sending().ainvoke("q", at(h)),
    check=lambda heard: heard.assert_events(TOKENS),
    says=("Dropping._acall calls run_manager.on_llm_new_token(...) without await", "[token-without-await]"),
    never=("[not-streamed]",),
)
report(
    name="a text LLM that is not streamed",
    buggy=lambda h: Sending().invoke("q", at(h)),
    good=lambda h: list(Sending().stream("q", at(h))),
    check=lambda heard: heard.assert_events(TOKENS),
    says=("Sending answered as a whole", "[not-streamed]"),
    never=("[silent-stream]", "[token-without-await]"),
)


def _dispatched(q: str, how: str = "inside") -> None:
    if how == "thread":
        with ThreadPoolExecutor(1) as pool:
            pool.submit(dispatch_custom_event, "progress", {}).result()
    else:
        dispatch_custom_event("progress", {})


for _how, _name in (("thread", "[other-thread]"), ("outside", "[no-run-around]")):
    report(
        name=f"a custom event, {_how}",
        buggy=lambda h, how=_how: (
            outer(lambda q: _dispatched(q, how)).invoke("q", at(h)) if how == "thread" else _dispatched("q")
        ),
        good=lambda h: outer(_dispatched).invoke("q", at(h)),
        check=lambda heard: heard.one("custom_event"),
        says=("Unable to dispatch", "where no run is known", _name),
    )
report(
    name="a list for a config",
    buggy=lambda h: model().invoke("q", [h]),  # type: ignore[arg-type]  # the mistake
    good=lambda h: model().invoke("q", at(h)),
    says=("the config is a list, and no dict", "[no-list]"),
)


report(
    name="callback_manager= of a model",
    buggy=lambda h: _makes(h, "callback_manager"),
    good=lambda h: _makes(h, "callbacks"),
    check=expects("chat_model_start", "llm_end"),
    says=("was made with", "callback_manager=...", "[unknown-argument]"),
    never=("Possible causes",),
)


def _makes(h: Any, key: str) -> Any:
    if key == "callbacks":
        return FakeListChatModel(responses=["x"], callbacks=[h]).invoke("q")
    return FakeListChatModel(responses=["x"], callback_manager=[h]).invoke("q")


class Letters(Embeddings):
    """Counts them."""

    def embed_query(self, text: str) -> list[float]:
        return [float(len(text))]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return list(map(self.embed_query, texts))


def _embeds(h: Any) -> None:
    Letters().embed_query("q")
    assert h.names


def _asks(h: Any) -> None:
    model().invoke("q", at(h))
    assert h.names


report(
    name="embeddings send nothing",
    buggy=_embeds,
    good=_asks,
    says=("embed_query(...) at", "[no-callbacks]"),
    never=("[nothing-ran]", "[overrides-invoke]"),
)


def _embeds_wrongly(h: Any) -> None:
    Letters().embed_query(None)  # type: ignore[arg-type]  # the mistake


report(
    name="an embedding that fails",
    buggy=_embeds_wrongly,
    good=_asks,
    says=("object of type 'NoneType' has no len()",),
    never=("[no-callbacks]",),
)


def _interrupted(h: Any) -> None:
    graph_of(lambda state: {"x": interrupt("Book it?")}).invoke(
        {"x": ""}, {"configurable": {"thread_id": "1"}, **at(h)}
    )


def _is_without(chain_error: int) -> None:
    assert not chain_error


for _number, _check in enumerate(
    (lambda heard: heard.assert_no_events("chain_error"), lambda heard: _is_without(heard.count("chain_error")))
):
    report(
        name=f"an interrupt is a chain_error {_number}",
        buggy=_interrupted,
        good=_asks,
        check=_check,
        says=("ask was left with a GraphInterrupt, which is no failure", "[control-flow]"),
        never=("[one-failure]", "[recovered-error]"),
    )


def _wants_tag(heard: Any) -> None:
    heard.assert_events([event("chain_start", tags={"prod"}), ...])


report(
    name="a tag of the model",
    buggy=lambda h: outer(model(tags=["prod"]).invoke).invoke("q", at(h)),
    good=lambda h: outer(model().invoke).invoke("q", {**at(h), "tags": ["prod"]}),
    check=_wants_tag,
    says=("FakeListChatModel has prod among its tags, and outer around it has not", "[component-labels]"),
)
report(
    name="a tag that nothing has",
    buggy=lambda h: outer(model(tags=["test"]).invoke).invoke("q", at(h)),
    good=lambda h: outer(model().invoke).invoke("q", {**at(h), "tags": ["prod"]}),
    check=_wants_tag,
    says=("with tags=()",),
    never=("[component-labels]",),
)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def _calls_inner(call: Any) -> Any:
    def program(h: Any) -> None:
        asked, prompt = model(), ChatPromptTemplate.from_template("{q}")
        assert call
        if call == "func":
            add.func(1, 2)
        elif call == "_generate":
            asked._generate([])
        elif call == "format_messages":
            prompt.format_messages(q="q")
        else:
            add.invoke({"a": 1, "b": 2}, at(h))
        assert h.names

    return program


for _call in ("func", "_generate", "format_messages"):
    report(
        name=f"{_call} of a component",
        buggy=_calls_inner(_call),
        good=_calls_inner("invoke"),
        says=("(...) at", "invoke() would call", "[no-callbacks]"),
        never=("[overrides-invoke]",),
    )
