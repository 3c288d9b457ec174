"""Why a handler raised."""

from __future__ import annotations

from pytest_lc_callbacks._causes.cause import Cause

MANAGER_IN_CONFIG = Cause(
    "manager-in-config",
    'Inside a function, config["callbacks"] is a callback manager and no list. To add a handler, pass '
    'merge_configs(config, {"callbacks": [handler]}), from langchain_core.runnables.config.',
)
NO_RUN_AROUND = Cause(
    "no-run-around",
    "A custom event belongs to the run in whose function it is dispatched. Dispatch it inside a RunnableLambda, a tool "
    "or a node of a graph, in the thread that LangChain calls.",
)
COPIED_HANDLER = Cause(
    "copied-handler",
    "model_copy(deep=True) and copy.deepcopy copy the handlers of a component too, and a lock or a connection cannot "
    "be copied. Give the handler a __deepcopy__ that returns self, or pass it at run time.",
    source="measured, Python 3.11 to 3.13",
)
SERIALIZED_NONE = Cause(
    "serialized-none",
    'LangChain sends serialized=None for almost every chain and retriever. The name of the run is in kwargs["name"].',
)
NAME_NONE = Cause(
    "name-none",
    "LangChain sends name=None for models and tools unless the call has a run_name. Theirs is in "
    'serialized["name"], or the last entry of serialized["id"].',
)
LLM_OUTPUT_NONE = Cause(
    "llm-output-none",
    "response.llm_output is None in streams and in most models. What was used is in "
    "response.generations[0][0].message.usage_metadata.",
)
INPUTS_NONE = Cause(
    "inputs-none",
    "LangChain sends inputs=None for a tool that is called with a plain string: it is in input_str.",
)
UNHEARD_PARENT = Cause(
    "unheard-parent",
    "A handler that was given to one component (its constructor, or with_config on a step) hears that component alone, "
    "and still gets the id of the parent run.",
)
UNHEARD_START = Cause(
    "unheard-start",
    "A handler may miss a start (ignore_..., an inline handler beside a text LLM), and a run may end twice. Use .get() "
    "or .pop(run_id, None).",
)
PARENT_ENDED = Cause(
    "parent-ended",
    "A task or thread that a function starts and does not wait for may begin its runs after the function's run has "
    "ended. A handler that forgets a run at its end does not find the parent then: wait for the task, or let the "
    "handler take an unknown parent.",
)
SHARED_STATE = Cause(
    "shared-state",
    "A container in the body of a class belongs to the class: every instance writes into the same one. Make it in "
    "__init__.",
    source="measured, Python 3.11 to 3.13",
)
INPUT_STR = Cause(
    "input-str",
    'The input_str of a tool is str() of its arguments, which is no JSON. The arguments are in kwargs["inputs"].',
)
HISTORY_KEY = Cause(
    "history-key",
    "RunnableWithMessageHistory saves a turn in a handler of LangChain's own: where a key names nothing, LangChain "
    "swallows the KeyError, and the history stays as it was. Look at output_messages_key and input_messages_key.",
)
HANDLER_THREAD = Cause(
    "handler-thread",
    "LangChain calls handlers in threads of an executor: those of an agent's tools and of a batch, and a plain handler "
    "in any async run. What belongs to one thread (threading.local, a connection, an event loop) is not there: take it "
    "in __init__, or use what may be used in any thread.",
)
ASSERT_IN_HANDLER = Cause(
    "assert-in-handler",
    "LangChain swallows an AssertionError like any other exception: an assert inside a handler checks nothing. Record "
    "what the handler gets (recording_handler, or spy_on(handler)), and assert after the run.",
)
STOP_ITERATION = Cause(
    "stop-iteration",
    "A bare next() raises StopIteration when nothing is left. In an async run LangChain calls a plain handler in a "
    "thread, and asyncio cannot hand a StopIteration back from there: on Python 3.11 and 3.12 the run may wait for "
    "ever. Write next(..., default).",
    source="measured, Python 3.11 to 3.13",
)
SIGNATURE = Cause(
    "handler-signature",
    "LangChain passes more arguments than most handlers need. Let the method accept the rest: def on_...(self, ..., "
    "**kwargs).",
)
TOKEN_BY_KEYWORD = Cause(
    "token-by-keyword",
    "In sync runs LangChain passes the token by keyword (token=...), in async runs by position. Name it in the "
    "signature: def on_llm_new_token(self, token, **kwargs).",
)
CONTEXT_PER_EVENT = Cause(
    "context-per-event",
    "LangChain copies the context for each event of an async run: what a handler sets in a ContextVar is gone at the "
    "next event. Keep it in a dict, under the run_id.",
)
LOOP_PER_CALL = Cause(
    "loop-per-call",
    "In a sync run LangChain gives every call of a coroutine handler an event loop of its own: the handler must not "
    "keep locks, events, queues or clients that belong to another loop.",
)
RAISE_ERROR_IN_COROUTINE = Cause(
    "raise-error-coroutine",
    "raise_error = True does not help a coroutine handler in a sync run: LangChain swallows what it raises.",
)
CLASS_AS_HANDLER = Cause(
    "class-as-handler",
    "LangChain leaves out a handler whose ignore_llm (or ignore_chain, ...) is true, and in a class that is a property "
    "object: a class in a list of callbacks declines everything, without a word.",
)
NO_BASE_HANDLER = Cause(
    "no-base-handler",
    "LangChain asks every handler for attributes such as raise_error and ignore_llm, and its call fails where one is "
    "missing. Derive the handler from BaseCallbackHandler, which has them all.",
)
ID_TYPE = Cause(
    "id-type",
    "LangChain passes run_id and parent_run_id as UUID: UUID(...) is not equal to its text. Keep runs under the one or "
    "the other everywhere.",
)
METADATA_AT_START = Cause(
    "metadata-at-start",
    "LangChain sends metadata and name with the start of a run alone. Keep them under the run_id.",
)
HANDLER_NOT_AWAITED = Cause(
    "handler-not-awaited",
    "A coroutine runs nothing until somebody awaits it. In a sync run LangChain awaits what a plain method returns, in "
    "an async run it does not. Write async def on_...(self, ...), and await inside.",
)
NO_JSON = Cause(
    "no-json",
    "What LangChain hands to a handler is no JSON: it holds messages, documents, run ids and any object of the "
    "program. Write json.dumps(..., default=str), or take dumpd() of langchain_core.load before.",
)
PAYLOAD_TYPE = Cause(
    "payload-type",
    "The inputs and outputs of a chain are whatever that chain takes and returns: a dict with its own keys, a text, a "
    "message, a list. The output of a tool that is invoked with a tool call is a ToolMessage, whose text is its "
    "content. Look at the type first.",
)
TOKEN_BLOCKS = Cause(
    "token-blocks",
    "A token is the content of a chunk: a text, or with many models a list of content blocks. The text alone is "
    "chunk.message.text: def on_llm_new_token(self, token, *, chunk=None, **kwargs).",
    source="langchain-ai/langchain#30703",
)
LIST_PER_PROMPT = Cause(
    "list-per-prompt",
    "LangChain hands over a list for each prompt of a call: messages[0][0] is the first message, and "
    "response.generations[0][0] the first answer.",
)
NO_MESSAGE = Cause(
    "no-message",
    "The answer of a text LLM is a Generation with a text. Only that of a chat model has a message. Both have .text.",
)
INVOCATION_PARAMS = Cause(
    "invocation-params",
    "The keys of invocation_params are those of the integration: a model's name is model, model_name, model_id or "
    'absent. LangChain\'s own name for it is kwargs["metadata"]["ls_model_name"], which may be absent too: use .get().',
)
ABSENT_KEYWORD = Cause(
    "absent-keyword",
    "Which keyword arguments a method gets depends on the event and the component: read them with kwargs.get(). The "
    "name of a run is name, at its start alone.",
)
LLM_RESULT = Cause(
    "llm-result",
    "A model's answer comes to on_llm_end as response.generations[0][0]: it has text, and that of a chat model has "
    "message besides, with content and usage_metadata.",
)
HANDED_OBJECTS = Cause(
    "handed-objects",
    "LangChain hands over objects and no dicts: a message has type and content, a Document page_content and metadata, "
    "a chunk message and text, a run_id is a UUID. A token is a text.",
)
ROOT_PARENT = Cause(
    "root-parent",
    "A run that begins outside every other run is a root, and LangChain sends parent_run_id=None with its events.",
)
METADATA_KEYS = Cause(
    "metadata-keys",
    "The metadata of a run is that of its call and its component, and differs between runs: langgraph adds its own to "
    "the nodes of a graph and what runs inside them, and an integration its own to a model. Use .get().",
)
SERIALIZED_KEYS = Cause(
    "serialized-keys",
    "Which keys serialized has depends on the component: kwargs is there for those alone that LangChain can serialize, "
    "and a tool has name and description. Use .get().",
)
PROVIDER_KEYS = Cause(
    "provider-keys",
    "The model's integration fills in llm_output, generation_info, response_metadata and additional_kwargs, each with "
    "keys of its own. LangChain's own count of the tokens is message.usage_metadata.",
)
ADDED_TO_EVERY_MANAGER = Cause(
    "added-to-every-manager",
    "langgraph sends interrupt and resume through a callback manager of its own, and puts none but a "
    "GraphCallbackHandler there. An instrumentor that adds its handler to every manager adds it to that one too: "
    "derive such a handler from langgraph.callbacks.GraphCallbackHandler, or give it on_interrupt(self, event) and "
    "on_resume(self, event).",
    source="measured, langgraph 1.1 to 1.2; Arize-ai/openinference#3307",
)
BASE_INIT = Cause(
    "base-init",
    "A class with an __init__ of its own has to call that of its base: super().__init__().",
    source="measured, Python 3.11 to 3.13",
)
RAISE_ERROR = Cause(
    "raise-error",
    "LangChain swallows what a handler raises, and the run goes on. A handler that is to stop a run has the attribute "
    "raise_error = True.",
)
