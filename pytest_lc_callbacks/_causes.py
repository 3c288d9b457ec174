"""What LangChain is known for: each cause once, with one wording, its source and its paragraph in docs/causes.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pytest_lc_callbacks import _words

CAUSES: dict[str, Cause] = {}
"""Every cause by its name, in the order of docs/causes.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """
    One thing that LangChain is known for.

    A hint is made of what the caller's facts prove, then of what LangChain does: ``REPLACED.hint("child was called
    inside outer with callbacks of its own.")``.
    """

    name: str
    """Its short name: the heading in docs/causes.md, and what ``python -m pytest_lc_callbacks explain`` takes."""

    says: str
    """What LangChain does, and what to do about it, in whole sentences."""

    source: str
    """Where that is known from: the versions it was measured with, or the number of an issue."""

    maybe: str = ""
    """The cause as one of several possible ones, in a clause."""

    def hint(self, facts: str = "") -> str:
        """The paragraph for a message: *facts* in whole sentences, what LangChain does, and the cause's name."""
        return _words.hint(f"{facts} {self.says} [{self.name}]".lstrip())

    def __str__(self) -> str:
        """The cause as an entry of a list of possible ones."""
        return f"{self.maybe} [{self.name}]"


class Proof(NamedTuple):
    """A cause, and the facts that leave no other one."""

    cause: Cause
    facts: str
    """In whole sentences."""

    @property
    def hint(self) -> str:
        """The paragraph for a message."""
        return self.cause.hint(self.facts)

    @property
    def remark(self) -> str:
        """The facts in a line, and the cause's name: ``FakeChatModel answered as a whole [not-streamed]``."""
        return f"{self.facts.rstrip('.')} [{self.cause.name}]"


def _cause(name: str, says: str, *, source: str = "measured, langchain-core 1.0 to 1.8", maybe: str = "") -> Cause:
    cause = CAUSES[name] = Cause(name=name, says=says, source=source, maybe=maybe)
    return cause


AT_RUN_TIME = 'pass it at run time: chain.invoke(..., config={"callbacks": [handler]})'
"""How a handler comes to hear a whole chain."""

# A handler heard nothing, or less than it should.

NOT_PASSED = _cause(
    "not-passed",
    f"A handler hears what it is passed to. To let it hear a whole chain, {AT_RUN_TIME}.",
    maybe=f"the handler was not passed to what ran: {AT_RUN_TIME}",
)
NOTHING_RAN = _cause(
    "nothing-ran",
    "A stream or a coroutine that nobody iterates or awaits runs nothing and sends nothing.",
    maybe="nothing was called, or a stream was never iterated",
)
NEVER_AWAITED = _cause(
    "never-awaited",
    "A coroutine runs nothing until somebody awaits it. Write await before the call, in an async def test that "
    "pytest-asyncio or anyio runs, or asyncio.run(...) around it.",
    source="measured, Python 3.11 to 3.13",
)
ONE_COMPONENT = _cause(
    "one-component",
    "Callbacks that one component has from its constructor, or from with_config on that step, do not reach the chain "
    f"around it. To let the handler hear the whole chain, {AT_RUN_TIME}.",
    maybe="the handler was given to each of them alone (constructor, or with_config on a step)",
)
INNER_CALL = _cause(
    "inner-call",
    "Callbacks of a call inside a function do not reach the run around it. To let the handler hear the whole chain, "
    f"{AT_RUN_TIME}.",
)
NOT_INHERITED = _cause(
    "not-inherited",
    "Constructor callbacks, and the handlers of a CallbackManager that are not among its inheritable_handlers, do not "
    f"reach the runs inside. To let the handler hear those, {AT_RUN_TIME}.",
    maybe="the handler was given to its constructor, and constructor callbacks do not reach the runs inside",
)
INHERITABLE_HANDLERS = _cause(
    "inheritable-handlers",
    "The inheritable_handlers of CallbackManager(handlers=..., inheritable_handlers=...) hear the runs inside the "
    "run that they are passed to, and not that run itself.",
    maybe="the handler is one of the inheritable_handlers of a CallbackManager, which do not hear the run that they "
    "are passed to",
)
REPLACED = _cause(
    "replaced-callbacks",
    "Inside a function, a callbacks list in a call's config or in with_config replaces the inherited handlers (a "
    "compiled graph adds the list to them, since langgraph 1.2.3). To add to them, take the config as an argument and "
    'pass merge_configs(config, {"callbacks": [...]}), from langchain_core.runnables.config.',
    source="measured, langchain-core 1.0 to 1.8, langgraph 1.0 to 1.2",
    maybe="the code inside passes callbacks of its own, which replace the inherited ones",
)
OTHER_THREAD = _cause(
    "other-thread",
    "LangChain's context does not follow into a thread or executor that the program makes itself. Use "
    "ContextThreadPoolExecutor from langchain_core.runnables.config, or pass the config on.",
    maybe="the code inside runs in a thread without LangChain's context",
)
OTHER_CONTEXT = _cause(
    "other-context",
    "A new contextvars.Context, or a copy of one that was made before the run began, holds no run. Copy the context "
    "where the call is made (contextvars.copy_context()), or pass the config on.",
    maybe="a contextvars.Context, or a task, that was made before the run began",
)
NO_CONTEXT_INSIDE = _cause(
    "no-context-inside",
    "LangChain hands no context to the code inside a retriever, a chat model or an LLM. Pass the callbacks on: "
    'config={"callbacks": run_manager.get_child()}.',
    maybe="code inside a retriever or a model, which LangChain hands no context to",
)
BY_HAND = _cause(
    "manager-by-hand",
    "A run that a callback manager begins by hand is in nobody's context. What runs inside hears of it only if it is "
    'passed on: config={"callbacks": run_manager.get_child()}.',
)
CONFIG_NOT_PASSED_ON = _cause(
    "config-not-passed-on",
    "A Runnable's own invoke(), or a wrapper, that takes a config has to pass it on to what it calls.",
    maybe="code between (a Runnable's invoke(), a wrapper) took the config and did not pass it on",
)
CALLBACKS_AS_OPTION = _cause(
    "callbacks-as-option",
    "LangChain hands callbacks= that is a keyword of the call, or is bound with bind(callbacks=...), to the model as "
    f"an option, and otherwise ignores it. Use with_config(callbacks=[handler]), or {AT_RUN_TIME}.",
    maybe="bind(callbacks=...), or callbacks= as a keyword of the call, which LangChain swallows",
)
NO_LIST = _cause(
    "no-list",
    'LangChain takes a list of handlers, or a callback manager: config={"callbacks": [handler]}.',
)
CONFIG_DROPPED = _cause(
    "config-dropped",
    "bind_tools and with_structured_output drop the config of a with_config before them. Call with_config last.",
    maybe="with_config(callbacks=...) before bind_tools or with_structured_output, which drop that config: call "
    "with_config last",
)
WITH_CONFIG_TWICE = _cause(
    "with-config-twice",
    "A second with_config(callbacks=...) replaces the callbacks of the first.",
    maybe="a second with_config(callbacks=...), which replaces the first",
)
GRAPH_CONFIG = _cause(
    "graph-config",
    "In langgraph before 1.2.3, the callbacks of a call replace those of with_config(callbacks=...) on the graph.",
    source="measured, langgraph 1.0 to 1.2",
    maybe="with_config(callbacks=...) on a graph that is called with others, which before langgraph 1.2.3 replace them",
)
NO_CONSTRUCTOR_CALLBACKS = _cause(
    "ignored-constructor",
    "A prompt and a retriever ignore callbacks that are given to their constructors. Use "
    f"with_config(callbacks=[handler]), or {AT_RUN_TIME}.",
    maybe="the constructor of a prompt or a retriever, which ignores callbacks",
)
NOT_IN_CONSTRUCTOR = _cause(
    "not-in-constructor",
    "A constructor copies the list of its callbacks: a handler that is added to the list afterwards is not heard. Give "
    "it to the constructor, callbacks=[handler].",
    maybe="the handler was not given to the constructor of the object that ran, or was added to a list of callbacks "
    "after the constructor had copied that list",
)
ANOTHER_OBJECT = _cause(
    "another-object",
    "Two objects of one class have one name. The one that ran need not be the one that has the handler.",
    maybe="another object of that name, or a copy made before, was the one that ran",
)
OWN_CALL = _cause(
    "own-call",
    "A call outside every LangChain run has the callbacks that are passed to it, and no others.",
    maybe="a call of its own, which the handler was not passed to",
)
BATCH_CONFIGS = _cause(
    "batch-configs",
    "In a batch with a list of configs, each input has the callbacks of its own config alone.",
    maybe="a batch with a list of configs, where each input has the callbacks of its own config alone",
)
EQUAL_HANDLERS = _cause(
    "equal-handlers",
    "LangChain drops a handler that equals one that is in the list already.",
    maybe="the handler's class defines __eq__, and LangChain drops a handler that equals another",
)
UNREAD_CONTEXT = _cause(
    "unread-context",
    "run() and arun() of a tool, and generate() of a model, read neither LangChain's context nor config=. Call invoke "
    "or ainvoke, or pass callbacks=.",
)
DETACHED = _cause(
    "detached-run",
    "An empty list of callbacks detaches a run from the run around it: no inherited handler hears it. To let them hear "
    "it, leave callbacks out of that config.",
)
HANDLERS_PASSED_ON = _cause(
    "handlers-passed-on",
    'A list of handlers, such as config["callbacks"].handlers, names no parent: the run is a root of its own to them. '
    "Pass the config on as it is.",
)
UNKNOWN_KEY = _cause(
    "unknown-key",
    "LangChain moves a key of the config that it does not know into configurable, and says nothing of it. Handlers "
    'belong under "callbacks", at the top of the config.',
)
ANOTHER_INSTANCE = _cause(
    "another-instance",
    "A handler hears what it is passed to itself. A second instance, or a copy (copy.deepcopy, "
    "model_copy(deep=True)), hears in its own place: ask the one that was passed.",
    maybe="another instance of the handler's class, or a copy of the handler, was passed: ask that one",
)
UNUSED_WITH_CONFIG = _cause(
    "unused-with-config",
    "with_config returns a new runnable and leaves the old one as it is. Use its result: "
    "chain = chain.with_config(callbacks=[handler]).",
    maybe="with_config(callbacks=...) on a line by itself: it returns a new runnable, and the old one stays as it is",
)
OVERRIDES_INVOKE = _cause(
    "overrides-invoke",
    "LangChain sends callbacks from invoke() of its base class. Leave invoke() to it, and do the work in the method "
    "with an underscore (_run, _get_relevant_documents, _generate, _call).",
    maybe="a class that overrides invoke() itself, such as a retriever's or tool's, sends no callbacks",
)
FALLBACKS = _cause(
    "fallbacks-orphans",
    "What with_fallbacks calls begins without a parent run.",
    source="langchain-ai/langchain#36072",
)
INLINE_HANDLER = _cause(
    "inline-handler",
    "In the ainvoke of a text LLM, an inline handler such as LangChain's tracer makes all others lose llm_start.",
    source="langchain-ai/langchain#39633",
)

# A handler heard too much.

TWICE = _cause(
    "heard-twice",
    "LangChain joins lists of callbacks without removing doubles: the handler stands twice in one list ([h, h]), or "
    "came with with_config and again at run time. Give it to the call, or to with_config, but not to both.",
)
TWO_INSTANCES = _cause(
    "two-instances",
    "LangChain knows a handler by identity: two instances of one class are two handlers, and whatever they write is "
    "written twice. Pass one instance, to the outermost call, and leave it out of constructors, with_config and the "
    "calls inside; or let an integration that adds one of its own do it alone.",
)
HANDED_ON = _cause(
    "handed-on",
    "A handler that stands in one list twice hears that run twice, and the runs inside once: those get their handlers "
    "without doubles. A handler that hears those twice too gets events from elsewhere, such as another handler that "
    "wraps it.",
)
INHERITED = _cause(
    "inherited-callbacks",
    "Callbacks that are passed at run time or with with_config are inherited by every run inside. Constructor "
    "callbacks hear the component's own runs only; with_config(callbacks=[handler]) on a step hears that step and what "
    "runs inside it.",
)
CALLED_IN_HANDLER = _cause(
    "called-in-handler",
    "What a handler calls becomes part of the run that it listens to, since LangChain's context still holds that run, "
    'and every handler of the run hears it. Call it with config={"callbacks": []}.',
)
ANOTHER_CALL = _cause(
    "another-call",
    "A handler hears each call whose callbacks hold it, also through a CallbackManager or a list that it was added to "
    "before. Make a list for each call, or add the handler to a copy: manager.copy().",
)
OTHER_COMPONENTS = _cause(
    "other-components",
    "A handler hears each component and each call that it is passed to.",
)

# The events are others than expected.

RAISED = _cause(
    "run-failed",
    "A run that raises reports an error event (llm_error, chain_error, tool_error, retriever_error) instead of its "
    "end.",
)
LEFT_STREAM = _cause(
    "left-stream",
    "Python closes a stream or coroutine that is left with GeneratorExit, and LangChain reports that as an error: "
    "llm_error or chain_error instead of the end.",
)
TOKENS = _cause(
    "tokens-are-events",
    "A model that streams sends an event for each token. Expect them with many(...), or leave them out with "
    "recording.without(...).",
)
STREAMED_STEPS = _cause(
    "streamed-steps",
    "In a stream, each token is an event, many(...), and the steps after the model begin with its first token, so that "
    "their runs overlap: write what each of them sends as a branch, any_order([...], [...]).",
)
CONCURRENT = _cause(
    "concurrent-runs",
    "Runs that are open at the same time share no order. Write what each of them sends as a branch: "
    "any_order([...], [...]).",
)
NOT_STREAMED = _cause(
    "not-streamed",
    "A model sends tokens where it is asked for a stream: stream, astream, astream_events, a graph's "
    'stream_mode="messages", or streaming=True on a model that has it. Asked with invoke it sends none, also inside a '
    "stream, and neither does a model that cannot stream (no _stream, disable_streaming=True).",
)
STREAM_EVENTS = _cause(
    "stream-events",
    'A stream_events(version="v3") of a chat model or a graph sends a stream_event for each piece, and llm_new_token '
    "only where the model's own _stream sends it. All other calls send llm_new_token and no stream_event.",
    source="measured, langchain-core 1.4 to 1.8",
)
CHAT_MODEL_START = _cause(
    "chat-model-start",
    "A chat model begins with chat_model_start, and a text LLM with llm_start. Both end with llm_end or llm_error.",
)
NO_CHAT_MODEL_START = _cause(
    "no-chat-model-start",
    "Where a handler has no on_chat_model_start of its own, LangChain calls on_llm_start for a chat model, with the "
    "messages as one text. Expect llm_start of it, or write on_chat_model_start.",
)
AGENT_EVENTS = _cause(
    "agent-executor",
    "Only AgentExecutor of langchain-classic sends agent_action and agent_finish. An agent of create_agent or of "
    "langgraph sends chain, chat model and tool events: a tool_start is its action.",
    source="measured, langchain 1.0 to 1.5, langchain-classic 1.0",
)
NO_RETRY_EVENT = _cause(
    "retry-is-a-run",
    "Each attempt of with_retry is a run of its own, and all but the first have a tag, retry:attempt:2 and so on. No "
    "retry event is sent.",
)
ONE_FAILURE = _cause(
    "one-failure",
    "An exception that passes through several runs is an error event of each of them. recording.errors has it once.",
)
NO_GRAPH_HANDLER = _cause(
    "graph-callback-handler",
    "Only handlers that derive from langgraph.callbacks.GraphCallbackHandler are sent interrupt and resume (langgraph "
    "1.1 and later).",
    source="measured, langgraph 1.1 to 1.2",
)
RECOVERED = _cause(
    "recovered-error",
    "A retry, a fallback, langgraph's error_handler= or an except in the program dealt with it: the run that failed "
    "reports its error all the same. Leave it out by its class, assert_no_errors(ignore=...), or ask for the error.",
)
LOOP_CLOSED = _cause(
    "loop-closed",
    'The iterator of a v3 stream, astream_events(version="v3"), ends before the model\'s llm_end is sent. Where the '
    "event loop closes at once, the run ends with a CancelledError instead: await the stream as well, await stream.",
    source="measured, langchain-core 1.4 to 1.8",
    maybe="the event loop closed right after the last piece of a v3 stream was read, and LangChain sends llm_end "
    "later: await the stream as well, await stream",
)
CONFIGURABLE = _cause(
    "configurable",
    'Since langchain-core 1.3 no value of config["configurable"] is copied into the metadata, but for model and '
    'checkpoint_ns; before, plain values were. Pass config={"metadata": {...}} as well. Metadata is not configurable '
    "either.",
    source="langchain-ai/langchain#37373",
)
BARE_ARGUMENTS = _cause(
    "bare-arguments",
    "A tool has a tool_call_id, and answers with a ToolMessage, where it is invoked with the whole tool call: "
    'tool.invoke({"type": "tool_call", "name": ..., "args": ..., "id": ...}). With call["args"] it has none.',
    source="measured, langchain-core 1.1 to 1.8",
)
USAGE_ADDED = _cause(
    "usage-added-up",
    "In a stream LangChain adds up the usage of all chunks. An integration or server that repeats the counts with each "
    "chunk is counted several times: let one chunk report them.",
)

# A handler raised.

MANAGER_IN_CONFIG = _cause(
    "manager-in-config",
    'Inside a function, config["callbacks"] is a callback manager and no list. To add a handler, pass '
    'merge_configs(config, {"callbacks": [handler]}), from langchain_core.runnables.config.',
)
SERIALIZED_NONE = _cause(
    "serialized-none",
    'LangChain sends serialized=None for almost every chain and retriever. The name of the run is in kwargs["name"].',
)
NAME_NONE = _cause(
    "name-none",
    "LangChain sends name=None for models and tools unless the call has a run_name. Theirs is in "
    'serialized["name"], or the last entry of serialized["id"].',
)
LLM_OUTPUT_NONE = _cause(
    "llm-output-none",
    "response.llm_output is None in streams and in most models. What was used is in "
    "response.generations[0][0].message.usage_metadata.",
)
INPUTS_NONE = _cause(
    "inputs-none",
    "LangChain sends inputs=None for a tool that is called with a plain string: it is in input_str.",
)
UNHEARD_PARENT = _cause(
    "unheard-parent",
    "A handler that was given to one component (its constructor, or with_config on a step) hears that component alone, "
    "and still gets the id of the parent run.",
)
UNHEARD_START = _cause(
    "unheard-start",
    "A handler may miss a start (ignore_..., an inline handler beside a text LLM), and a run may end twice. Use .get() "
    "or .pop(run_id, None).",
)
PARENT_ENDED = _cause(
    "parent-ended",
    "A task or thread that a function starts and does not wait for may begin its runs after the function's run has "
    "ended. A handler that forgets a run at its end does not find the parent then: wait for the task, or let the "
    "handler take an unknown parent.",
)
SHARED_STATE = _cause(
    "shared-state",
    "A container in the body of a class belongs to the class: every instance writes into the same one. Make it in "
    "__init__.",
    source="measured, Python 3.11 to 3.13",
)
INPUT_STR = _cause(
    "input-str",
    'The input_str of a tool is str() of its arguments, which is no JSON. The arguments are in kwargs["inputs"].',
)
HISTORY_KEY = _cause(
    "history-key",
    "RunnableWithMessageHistory saves a turn in a handler of LangChain's own: where a key names nothing, LangChain "
    "swallows the KeyError, and the history stays as it was. Look at output_messages_key and input_messages_key.",
)
HANDLER_THREAD = _cause(
    "handler-thread",
    "LangChain calls handlers in threads of an executor: those of an agent's tools and of a batch, and a plain handler "
    "in any async run. What belongs to one thread (threading.local, a connection, an event loop) is not there: take it "
    "in __init__, or use what may be used in any thread.",
)
ASSERT_IN_HANDLER = _cause(
    "assert-in-handler",
    "LangChain swallows an AssertionError like any other exception: an assert inside a handler checks nothing. Record "
    "what the handler gets (recording_handler, or spy_on(handler)), and assert after the run.",
)
STOP_ITERATION = _cause(
    "stop-iteration",
    "A bare next() raises StopIteration when nothing is left. In an async run LangChain calls a plain handler in a "
    "thread, and asyncio cannot hand a StopIteration back from there: on Python 3.11 and 3.12 the run may wait for "
    "ever. Write next(..., default).",
    source="measured, Python 3.11 to 3.13",
)
SIGNATURE = _cause(
    "handler-signature",
    "LangChain passes more arguments than most handlers need. Let the method accept the rest: def on_...(self, ..., "
    "**kwargs).",
)
TOKEN_BY_KEYWORD = _cause(
    "token-by-keyword",
    "In sync runs LangChain passes the token by keyword (token=...), in async runs by position. Name it in the "
    "signature: def on_llm_new_token(self, token, **kwargs).",
)
CONTEXT_PER_EVENT = _cause(
    "context-per-event",
    "LangChain copies the context for each event of an async run: what a handler sets in a ContextVar is gone at the "
    "next event. Keep it in a dict, under the run_id.",
)
LOOP_PER_CALL = _cause(
    "loop-per-call",
    "In a sync run LangChain gives every call of a coroutine handler an event loop of its own: the handler must not "
    "keep locks, events, queues or clients that belong to another loop.",
)
RAISE_ERROR_IN_COROUTINE = _cause(
    "raise-error-coroutine",
    "raise_error = True does not help a coroutine handler in a sync run: LangChain swallows what it raises.",
)
CLASS_AS_HANDLER = _cause(
    "class-as-handler",
    "LangChain leaves out a handler whose ignore_llm (or ignore_chain, ...) is true, and in a class that is a property "
    "object: a class in a list of callbacks declines everything, without a word.",
)
NO_BASE_HANDLER = _cause(
    "no-base-handler",
    "LangChain asks every handler for attributes such as raise_error and ignore_llm, and its call fails where one is "
    "missing. Derive the handler from BaseCallbackHandler, which has them all.",
)

# A run has no proper end.

EXTRA_END = _cause(
    "extra-end",
    "LangChain's own components report the ends of their runs: _generate, _call and _run must not call "
    "run_manager.on_..._end(). Code that drives a callback manager by hand has to report each start and each end once.",
)
ABANDONED = _cause(
    "abandoned-run",
    "Handlers never get the end of such a run: nothing is billed, closed or exported. Read a stream to its end or "
    "close it (contextlib.closing, aclosing), await what was begun, and join threads.",
)
PENDING_TASK = _cause(
    "pending-task",
    "LangChain waits for the method of a coroutine handler, and for nothing that the method begins: when the event "
    "loop closes, it cancels what is left, and what that should have written is lost. Await it in the method; or keep "
    "the tasks, and let the application await them before its loop closes.",
)
CANCELLED_MODEL = _cause(
    "cancelled-model",
    "LangChain sends no end for the ainvoke of a chat model that is cancelled.",
    maybe="LangChain ends no ainvoke of a chat model that was cancelled",
)
CANCELLED_START = _cause(
    "cancelled-start",
    "LangChain sends no end for a run that is cancelled while its start is sent.",
    maybe="it was cancelled as it began, and LangChain does not end it then",
)
CANCELLED_END = _cause(
    "cancelled-end",
    "Where a node with a TracePolicy is cancelled as it ends, langgraph sends the end to tracers, and to no other "
    "handler.",
    source="measured, langgraph 1.2.24",
    maybe="it was cancelled as it ended, and langgraph sends that end of a node with a TracePolicy to tracers alone",
)
CLOSED_AROUND = _cause(
    "closed-around",
    "LangChain leaves some runs inside a stream or call that is closed or cancelled without an end, such as a chat "
    'model\'s stream_events(version="v3").',
    maybe="the stream or call around it was closed or cancelled, and LangChain did not end it",
)
LEFT_BY_CANCELLATION = _cause(
    "left-by-cancellation",
    "LangChain sends no end for a retriever that is left by a BaseException such as a cancellation, nor, before "
    "langchain-core 1.7.5, for such a tool.",
    maybe="a BaseException such as a cancellation left it, and LangChain does not end it then",
)
FAILED_BATCH = _cause(
    "failed-generate",
    "When one call of a chat model's generate([...]) fails, LangChain sends no end for the others.",
    maybe="another call of the same generate() failed, and LangChain does not end this one then",
)
HANDLER_RAISED = _cause(
    "handler-raised",
    "LangChain sends no end for a run that a handler with raise_error = True stops at its start or end.",
    maybe="a handler raised, and LangChain does not end the run then",
)
