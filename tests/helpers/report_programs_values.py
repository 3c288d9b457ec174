"""Reports of handlers that take what they are handed for something else, each with a program that earns no cause."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel, FakeListLLM
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers import BaseTracer
from report_programs import model, report
from report_programs_payloads import CALL, add, handler

MESSAGES = {"messages": [HumanMessage("q")]}


def beside(call: Callable[..., Any], given: Any, method: str, does: Callable[..., Any]) -> Callable[[Any], Any]:
    """A program that makes a *call* with a recording handler and one of this one *method*."""
    return lambda heard: call(given, {"callbacks": [heard, handler(method, does)()]})


def reading(
    name: str, cause: str, call: Callable[..., Any], given: Any, method: str, *does: Callable[..., Any], says: str = ""
) -> None:
    """A report of a *method* that reads wrongly, then one that does not, then one that fails for another reason."""
    buggy, good, *near = (beside(call, given, method, each) for each in does)
    report(name=name, buggy=buggy, good=good, says=("[handler_error]", f"[{cause}]", says), never=("pydantic/main",))
    for each in near:
        report(name=f"{name}: not that", buggy=each, good=good, says=("[handler_error]",), never=(f"[{cause}]",))


reading(
    "a message is no JSON",
    "no-json",
    RunnableLambda(len, name="chain").invoke,
    MESSAGES,
    "on_chain_start",
    lambda serialized, inputs, **kwargs: json.dumps(inputs),
    lambda serialized, inputs, **kwargs: json.dumps(inputs, default=str),
    lambda serialized, inputs, **kwargs: json.dumps({"made": object}),
    says="was handed a HumanMessage",
)
reading(
    "a run id is no JSON",
    "no-json",
    model().invoke,
    "q",
    "on_llm_end",
    lambda response, *, run_id, **kwargs: json.dumps({"run": run_id}),
    lambda response, *, run_id, **kwargs: json.dumps({"run": str(run_id)}),
    says="was handed a UUID",
)
reading(
    "outputs that are no dict",
    "payload-type",
    RunnableLambda(str.upper, name="chain").invoke,
    "q",
    "on_chain_end",
    lambda outputs, **kwargs: outputs.items(),
    lambda outputs, **kwargs: str(outputs),
    lambda outputs, **kwargs: json.items(),  # type: ignore[attr-defined]  # the mistake
    lambda outputs, **kwargs: {}[outputs],
    says="outputs is a str here",
)
reading(
    "inputs with other keys",
    "payload-type",
    RunnableLambda(len, name="chain").invoke,
    {"query": "q"},
    "on_chain_start",
    lambda serialized, inputs, **kwargs: inputs["input"],
    lambda serialized, inputs, **kwargs: inputs.get("input"),
    lambda serialized, inputs, **kwargs: kwargs["input"],
    says="inputs is a dict with the key 'query' here",
)
reading(
    "an output that is a ToolMessage",
    "payload-type",
    add.invoke,
    CALL,
    "on_tool_end",
    lambda output, **kwargs: "result: " + output,
    lambda output, **kwargs: "result: " + output.content,
    lambda output, **kwargs: "result: " + kwargs["run_id"],
    says="output is a ToolMessage here",
)
reading(
    "messages[0] is a list",
    "list-per-prompt",
    model().invoke,
    "q",
    "on_chat_model_start",
    lambda serialized, messages, **kwargs: messages[0].content,
    lambda serialized, messages, **kwargs: messages[0][0].content,
    lambda serialized, messages, **kwargs: [].content,  # type: ignore[attr-defined]  # the mistake
    says="messages is a list of lists",
)
reading(
    "generations[0] is a list",
    "list-per-prompt",
    model().invoke,
    "q",
    "on_llm_end",
    lambda response, **kwargs: response.generations[0].text,
    lambda response, **kwargs: response.generations[0][0].text,
)
reading(
    "a text LLM's answer has no message",
    "no-message",
    FakeListLLM(responses=["x"]).invoke,
    "q",
    "on_llm_end",
    lambda response, **kwargs: response.generations[0][0].message,
    lambda response, **kwargs: response.generations[0][0].text,
    lambda response, **kwargs: response.message,
)
reading(
    "a model's name in invocation_params",
    "invocation-params",
    model().invoke,
    "q",
    "on_chat_model_start",
    lambda serialized, messages, **kwargs: kwargs["invocation_params"]["model_name"],
    lambda serialized, messages, **kwargs: kwargs["invocation_params"].get("model_name"),
    lambda serialized, messages, **kwargs: kwargs["params"]["model_name"],
    says="and no 'model_name'",
)


reading(
    "metadata at an end",
    "metadata-at-start",
    RunnableLambda(len, name="chain").invoke,
    "q",
    "on_chain_end",
    lambda outputs, metadata=None, **kwargs: metadata["user"],
    lambda outputs, metadata=None, **kwargs: (metadata or {}).get("user"),
    lambda outputs, **kwargs: kwargs.get("user")["name"],
)


class Open(BaseCallbackHandler):
    """Keeps runs by one form of their ids, and forgets them by another."""

    def __init__(self, keeps: Callable[[Any], Any], forgets: Callable[[Any], Any]) -> None:
        self.open: dict[Any, int] = {}
        self.keeps, self.forgets = keeps, forgets

    def on_llm_start(self, serialized: Any, prompts: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.open[self.keeps(run_id)] = 1

    def on_llm_end(self, response: Any, *, run_id: Any, **kwargs: Any) -> None:
        del self.open[self.forgets(run_id)]


def _forgets(keeps: Callable[[Any], Any], forgets: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda h: model().invoke("q", {"callbacks": [h, Open(keeps, forgets)]})


def _itself(run_id: Any) -> Any:
    return run_id


report(
    name="a run id kept as a text",
    buggy=_forgets(str, _itself),
    good=_forgets(str, str),
    says=("Open has this run in open as a text, and looked up a UUID", "[id-type]"),
    never=("[unheard-start]", "may miss a start"),
)
report(
    name="a run id that nobody kept, of a start that was heard",
    buggy=_forgets(lambda run_id: "run", _itself),
    good=_forgets(_itself, _itself),
    says=("[handler_error]",),
    never=("[id-type]", "[unheard-start]", "may miss a start"),
)


class Blocks(BaseChatModel):
    """Answers in content blocks."""

    @property
    def _llm_type(self) -> str:
        return "blocks"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        yield ChatGenerationChunk(message=AIMessageChunk([{"type": "text", "text": "a", "index": 0}]))


reading(
    "a token is a list",
    "token-blocks",
    lambda question, config: list(Blocks().stream(question, config)),
    "q",
    "on_llm_new_token",
    lambda token, **kwargs: "text: " + token,
    lambda token, *, chunk, **kwargs: "text: " + chunk.text,
    lambda token, **kwargs: "text: " + kwargs["run_id"],
)


class Names(BaseTracer):
    """Has a constructor."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def _persist_run(self, run: Any) -> None:
        self.names.append(run.name)


class NamesOfBase(Names):
    """Calls that of the base class first."""

    def __init__(self) -> None:
        BaseTracer.__init__(self)
        super().__init__()


class Unmade(NamesOfBase):
    """Lacks what no base class makes."""

    def on_llm_end(self, response: Any, **kwargs: Any) -> Any:
        return self.spans  # type: ignore[attr-defined]  # the mistake


report(
    name="a constructor without that of the base class",
    buggy=lambda h: model().invoke("q", {"callbacks": [h, Names()]}),
    good=lambda h: model().invoke("q", {"callbacks": [h, NamesOfBase()]}),
    says=("Names.__init__ does not call that of its base class", "and so did 1 more method", "[base-init]"),
)
report(
    name="an attribute that nobody makes",
    buggy=lambda h: model().invoke("q", {"callbacks": [h, Unmade()]}),
    good=lambda h: model().invoke("q", {"callbacks": [h, NamesOfBase()]}),
    says=("has no attribute 'spans'",),
    never=("[base-init]",),
)


def _refuses(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("the budget is spent")


def _slips(*args: Any, **kwargs: Any) -> None:
    raise LookupError("no span")


def _is_refused(guard: BaseCallbackHandler) -> Callable[[Any], Any]:
    def program(h: Any) -> None:
        with pytest.raises(RuntimeError):
            model().invoke("q", {"callbacks": [h, guard]})

    return program


Guard = handler("on_chat_model_start", _refuses)
Raising = type("Raising", (Guard,), {"raise_error": True})
report(
    name="a handler that is to stop a run",
    buggy=_is_refused(Guard()),
    good=_is_refused(Raising()),
    says=("DID NOT RAISE", "has no raise_error = True", "[raise-error]"),
)
report(
    name="a handler that lost a span",
    buggy=_is_refused(handler("on_chat_model_start", _slips)()),
    good=_is_refused(Raising()),
    says=("LookupError('no span')",),
    never=("[raise-error]",),
)
report(
    name="None in the list",
    buggy=lambda h: model().invoke("q", {"callbacks": [h, None]}),
    good=lambda h: model().invoke("q", {"callbacks": [h]}),
    says=("one of them is None", "Leave None out of the list"),
    never=("Derive the handler",),
)
