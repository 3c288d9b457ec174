"""Why a handler heard nothing, less than it should, or too much."""

from __future__ import annotations

from pytest_lc_callbacks._causes.cause import Cause

AT_RUN_TIME = 'pass it at run time: chain.invoke(..., config={"callbacks": [handler]})'
"""How a handler comes to hear a whole chain."""

# A handler heard nothing, or less than it should.

NOT_PASSED = Cause(
    "not-passed",
    f"A handler hears what it is passed to. To let it hear a whole chain, {AT_RUN_TIME}.",
    maybe=f"the handler was not passed to what ran: {AT_RUN_TIME}",
)
NOTHING_RAN = Cause(
    "nothing-ran",
    "A stream or a coroutine that nobody iterates or awaits runs nothing and sends nothing.",
    maybe="nothing was called, or a stream was never iterated",
)
NEVER_AWAITED = Cause(
    "never-awaited",
    "A coroutine runs nothing until somebody awaits it. Write await before the call, in an async def test that "
    "pytest-asyncio or anyio runs, or asyncio.run(...) around it.",
    source="measured, Python 3.11 to 3.13",
)
ONE_COMPONENT = Cause(
    "one-component",
    "Callbacks that one component has from its constructor, or from with_config on that step, do not reach the chain "
    f"around it. To let the handler hear the whole chain, {AT_RUN_TIME}.",
    maybe="the handler was given to each of them alone (constructor, or with_config on a step)",
)
INNER_CALL = Cause(
    "inner-call",
    "Callbacks of a call inside a function do not reach the run around it. To let the handler hear the whole chain, "
    f"{AT_RUN_TIME}.",
)
NOT_INHERITED = Cause(
    "not-inherited",
    "Constructor callbacks, and the handlers of a CallbackManager that are not among its inheritable_handlers, do not "
    f"reach the runs inside. To let the handler hear those, {AT_RUN_TIME}.",
    maybe="the handler was given to its constructor, and constructor callbacks do not reach the runs inside",
)
INHERITABLE_HANDLERS = Cause(
    "inheritable-handlers",
    "The inheritable_handlers of CallbackManager(handlers=..., inheritable_handlers=...) hear the runs inside the "
    "run that they are passed to, and not that run itself.",
    maybe="the handler is one of the inheritable_handlers of a CallbackManager, which do not hear the run that they "
    "are passed to",
)
REPLACED = Cause(
    "replaced-callbacks",
    "Inside a function, a callbacks list in a call's config or in with_config replaces the inherited handlers (a "
    "compiled graph adds the list to them, since langgraph 1.2.3). To add to them, take the config as an argument and "
    'pass merge_configs(config, {"callbacks": [...]}), from langchain_core.runnables.config.',
    source="measured, langchain-core 1.0 to 1.8, langgraph 1.0 to 1.2",
    maybe="the code inside passes callbacks of its own, which replace the inherited ones",
)
OTHER_THREAD = Cause(
    "other-thread",
    "LangChain's context does not follow into a thread or executor that the program makes itself. Use "
    "ContextThreadPoolExecutor from langchain_core.runnables.config, or pass the config on.",
    maybe="the code inside runs in a thread without LangChain's context",
)
OTHER_CONTEXT = Cause(
    "other-context",
    "A new contextvars.Context, or a copy of one that was made before the run began, holds no run. Copy the context "
    "where the call is made (contextvars.copy_context()), or pass the config on.",
    maybe="a contextvars.Context, or a task, that was made before the run began",
)
NO_CONTEXT_INSIDE = Cause(
    "no-context-inside",
    "LangChain hands no context to the code inside a retriever, a chat model or an LLM. Pass the callbacks on: "
    'config={"callbacks": run_manager.get_child()}.',
    maybe="code inside a retriever or a model, which LangChain hands no context to",
)
BY_HAND = Cause(
    "manager-by-hand",
    "A run that a callback manager begins by hand is in nobody's context. What runs inside hears of it only if it is "
    'passed on: config={"callbacks": run_manager.get_child()}.',
)
CONFIG_NOT_PASSED_ON = Cause(
    "config-not-passed-on",
    "A Runnable's own invoke(), or a wrapper, that takes a config has to pass it on to what it calls.",
    maybe="code between (a Runnable's invoke(), a wrapper) took the config and did not pass it on",
)
CALLBACKS_AS_OPTION = Cause(
    "callbacks-as-option",
    "LangChain hands callbacks= that is a keyword of the call, or is bound with bind(callbacks=...), to the model as "
    f"an option, and otherwise ignores it. Use with_config(callbacks=[handler]), or {AT_RUN_TIME}.",
    maybe="bind(callbacks=...), or callbacks= as a keyword of the call, which LangChain swallows",
)
NO_LIST = Cause(
    "no-list",
    'LangChain takes a list of handlers, or a callback manager: config={"callbacks": [handler]}.',
)
CONFIG_DROPPED = Cause(
    "config-dropped",
    "bind_tools and with_structured_output drop the config of a with_config before them. Call with_config last.",
    maybe="with_config(callbacks=...) before bind_tools or with_structured_output, which drop that config: call "
    "with_config last",
)
WITH_CONFIG_TWICE = Cause(
    "with-config-twice",
    "A second with_config(callbacks=...) replaces the callbacks of the first.",
    maybe="a second with_config(callbacks=...), which replaces the first",
)
GRAPH_CONFIG = Cause(
    "graph-config",
    "In langgraph before 1.2.3, the callbacks of a call replace those of with_config(callbacks=...) on the graph.",
    source="measured, langgraph 1.0 to 1.2",
    maybe="with_config(callbacks=...) on a graph that is called with others, which before langgraph 1.2.3 replace them",
)
NO_CONSTRUCTOR_CALLBACKS = Cause(
    "ignored-constructor",
    "A prompt and a retriever ignore callbacks that are given to their constructors. Use "
    f"with_config(callbacks=[handler]), or {AT_RUN_TIME}.",
    maybe="the constructor of a prompt or a retriever, which ignores callbacks",
)
NOT_IN_CONSTRUCTOR = Cause(
    "not-in-constructor",
    "A constructor copies the list of its callbacks: a handler that is added to the list afterwards is not heard. Give "
    "it to the constructor, callbacks=[handler].",
    maybe="the handler was not given to the constructor of the object that ran, or was added to a list of callbacks "
    "after the constructor had copied that list",
)
ANOTHER_OBJECT = Cause(
    "another-object",
    "Two objects of one class have one name. The one that ran need not be the one that has the handler.",
    maybe="another object of that name, or a copy made before, was the one that ran",
)
OWN_CALL = Cause(
    "own-call",
    "A call outside every LangChain run has the callbacks that are passed to it, and no others.",
    maybe="a call of its own, which the handler was not passed to",
)
BATCH_CONFIGS = Cause(
    "batch-configs",
    "In a batch with a list of configs, each input has the callbacks of its own config alone.",
    maybe="a batch with a list of configs, where each input has the callbacks of its own config alone",
)
EQUAL_HANDLERS = Cause(
    "equal-handlers",
    "LangChain drops a handler that equals one that is in the list already.",
    maybe="the handler's class defines __eq__, and LangChain drops a handler that equals another",
)
UNREAD_CONTEXT = Cause(
    "unread-context",
    "run() and arun() of a tool, and generate() of a model, read neither LangChain's context nor config=. Call invoke "
    "or ainvoke, or pass callbacks=.",
)
DETACHED = Cause(
    "detached-run",
    "An empty list of callbacks detaches a run from the run around it: no inherited handler hears it. To let them hear "
    "it, leave callbacks out of that config.",
)
HANDLERS_PASSED_ON = Cause(
    "handlers-passed-on",
    'A list of handlers, such as config["callbacks"].handlers, names no parent: the run is a root of its own to them. '
    "Pass the config on as it is.",
)
UNKNOWN_KEY = Cause(
    "unknown-key",
    "LangChain moves a key of the config that it does not know into configurable, and says nothing of it. Handlers "
    'belong under "callbacks", at the top of the config.',
)
ANOTHER_INSTANCE = Cause(
    "another-instance",
    "A handler hears what it is passed to itself. A second instance, or a copy (copy.deepcopy, "
    "model_copy(deep=True)), hears in its own place: ask the one that was passed.",
    maybe="another instance of the handler's class, or a copy of the handler, was passed: ask that one",
)
UNUSED_WITH_CONFIG = Cause(
    "unused-with-config",
    "with_config returns a new runnable and leaves the old one as it is. Use its result: "
    "chain = chain.with_config(callbacks=[handler]).",
    maybe="with_config(callbacks=...) on a line by itself: it returns a new runnable, and the old one stays as it is",
)
OVERRIDES_INVOKE = Cause(
    "overrides-invoke",
    "LangChain sends callbacks from invoke() of its base class. Leave invoke() to it, and do the work in the method "
    "with an underscore (_run, _get_relevant_documents, _generate, _call).",
    maybe="a class that overrides invoke() itself, such as a retriever's or tool's, sends no callbacks",
)
DECLINED = Cause(
    "declined",
    "A handler says with ignore_llm, ignore_chat_model, ignore_chain, ignore_agent, ignore_retriever, ignore_retry and "
    "ignore_custom_event what it declines. ignore_agent declines tools as well, and ignore_llm tokens.",
)
UNKNOWN_METHOD = Cause(
    "unknown-method",
    "LangChain calls the methods of BaseCallbackHandler, and says nothing of others that begin with on_.",
)
USAGE_CONTEXT = Cause(
    "usage-context",
    "get_usage_metadata_callback() puts its handler into a ContextVar: it hears what is called in its block, and not "
    "what a thread of the program's own calls. Pass the handler: "
    'config={"callbacks": [UsageMetadataCallbackHandler()]}.',
)
UNKNOWN_ARGUMENT = Cause(
    "unknown-argument",
    "A component of LangChain's takes callbacks=[handler], and most ignore an argument that they do not know; "
    "callback_manager= is one of these since LangChain 1.0.",
)
CACHED_ANSWER = Cause(
    "cached-answer",
    "A text LLM begins no run for what it finds in its cache. A chat model sends its events all the same.",
    source="langchain-ai/langchain#9537",
)
NO_CALLBACKS = Cause(
    "no-callbacks",
    "LangChain sends callbacks from invoke, batch and stream, and their async twins. What these call inside, such as "
    "func, _run, _generate, format_messages and parse, sends none, and neither do embeddings and vector stores. A "
    "retriever does: store.as_retriever().invoke(...).",
    source="measured, langchain-core 1.0 to 1.8",
)
STREAM_WRITER = Cause(
    "stream-writer",
    'What a graph\'s stream writer writes goes to its stream, stream_mode="custom", and to no handler. Handlers are '
    "sent what dispatch_custom_event(...) dispatches.",
    source="measured, langgraph 1.0 to 1.2",
)
FALLBACKS = Cause(
    "fallbacks-orphans",
    "What with_fallbacks calls begins without a parent run.",
    source="langchain-ai/langchain#36072",
)
INLINE_HANDLER = Cause(
    "inline-handler",
    "In the ainvoke of a text LLM, an inline handler such as LangChain's tracer makes all others lose llm_start.",
    source="langchain-ai/langchain#39633",
)

# A handler heard too much.

TWICE = Cause(
    "heard-twice",
    "LangChain joins lists of callbacks without removing doubles: the handler stands twice in one list ([h, h]), or "
    "came with with_config and again at run time. Give it to the call, or to with_config, but not to both.",
)
TWO_INSTANCES = Cause(
    "two-instances",
    "LangChain knows a handler by identity: two instances of one class are two handlers, and whatever they write is "
    "written twice. Pass one instance, to the outermost call, and leave it out of constructors, with_config and the "
    "calls inside; or let an integration that adds one of its own do it alone.",
)
HANDED_ON = Cause(
    "handed-on",
    "A handler that stands in one list twice hears that run twice, and the runs inside once: those get their handlers "
    "without doubles. A handler that hears those twice too gets events from elsewhere, such as another handler that "
    "wraps it.",
)
INHERITED = Cause(
    "inherited-callbacks",
    "Callbacks that are passed at run time or with with_config are inherited by every run inside. Constructor "
    "callbacks hear the component's own runs only; with_config(callbacks=[handler]) on a step hears that step and what "
    "runs inside it.",
)
CALLED_IN_HANDLER = Cause(
    "called-in-handler",
    "What a handler calls becomes part of the run that it listens to, since LangChain's context still holds that run, "
    'and every handler of the run hears it. Call it with config={"callbacks": []}.',
)
ANOTHER_CALL = Cause(
    "another-call",
    "A handler hears each call whose callbacks hold it, also through a CallbackManager or a list that it was added to "
    "before. Make a list for each call, or add the handler to a copy: manager.copy().",
)
OTHER_COMPONENTS = Cause(
    "other-components",
    "A handler hears each component and each call that it is passed to.",
)
