"""Why the events are others than expected."""

from __future__ import annotations

from pytest_lc_callbacks._causes.cause import Cause

RAISED = Cause(
    "run-failed",
    "A run that raises reports an error event (llm_error, chain_error, tool_error, retriever_error) instead of its "
    "end.",
)
LEFT_STREAM = Cause(
    "left-stream",
    "Python closes a stream or coroutine that is left with GeneratorExit, and LangChain reports that as an error: "
    "llm_error or chain_error instead of the end.",
)
TOKENS = Cause(
    "tokens-are-events",
    "A model that streams sends an event for each token. Expect them with many(...), or leave them out with "
    "recording.without(...).",
)
STREAMED_STEPS = Cause(
    "streamed-steps",
    "In a stream, each token is an event, many(...), and the steps after the model begin with its first token, so that "
    "their runs overlap: write what each of them sends as a branch, any_order([...], [...]).",
)
CONCURRENT = Cause(
    "concurrent-runs",
    "Runs that are open at the same time share no order. Write what each of them sends as a branch: "
    "any_order([...], [...]).",
)
NOT_STREAMED = Cause(
    "not-streamed",
    "A model sends tokens where it is asked for a stream: stream, astream, astream_events, a graph's "
    'stream_mode="messages", or streaming=True on a model that has it. Asked with invoke it sends none, also inside a '
    "stream, and neither does a model that cannot stream (no _stream, disable_streaming=True).",
)
STREAM_EVENTS = Cause(
    "stream-events",
    'A stream_events(version="v3") of a chat model or a graph sends a stream_event for each piece, and llm_new_token '
    "only where the model's own _stream sends it. All other calls send llm_new_token and no stream_event.",
    source="measured, langchain-core 1.4 to 1.8",
)
CHAT_MODEL_START = Cause(
    "chat-model-start",
    "A chat model begins with chat_model_start, and a text LLM with llm_start. Both end with llm_end or llm_error.",
)
NO_CHAT_MODEL_START = Cause(
    "no-chat-model-start",
    "Where a handler has no on_chat_model_start of its own, LangChain calls on_llm_start for a chat model, with the "
    "messages as one text. Expect llm_start of it, or write on_chat_model_start.",
)
AGENT_EVENTS = Cause(
    "agent-executor",
    "Only AgentExecutor of langchain-classic sends agent_action and agent_finish. An agent of create_agent or of "
    "langgraph sends chain, chat model and tool events: a tool_start is its action.",
    source="measured, langchain 1.0 to 1.5, langchain-classic 1.0",
)
NO_RETRY_EVENT = Cause(
    "retry-is-a-run",
    "Each attempt of with_retry is a run of its own, and all but the first have a tag, retry:attempt:2 and so on. So "
    "is each attempt at a node with a RetryPolicy. No retry event is sent.",
)
ONE_FAILURE = Cause(
    "one-failure",
    "An exception that passes through several runs is an error event of each of them. recording.errors has it once.",
)
NO_GRAPH_HANDLER = Cause(
    "graph-callback-handler",
    "Only handlers that derive from langgraph.callbacks.GraphCallbackHandler are sent interrupt and resume (langgraph "
    "1.1 and later).",
    source="measured, langgraph 1.1 to 1.2",
)
RECOVERED = Cause(
    "recovered-error",
    "A retry, a fallback, langgraph's error_handler= or an except in the program dealt with it: the run that failed "
    "reports its error all the same. Leave it out by its class, assert_no_errors(ignore=...), or ask for the error.",
)
LOOP_CLOSED = Cause(
    "loop-closed",
    'The iterator of a v3 stream, astream_events(version="v3"), ends before the model\'s llm_end is sent. Where the '
    "event loop closes at once, the run ends with a CancelledError instead: await the stream as well, await stream.",
    source="measured, langchain-core 1.4 to 1.8",
    maybe="the event loop closed right after the last piece of a v3 stream was read, and LangChain sends llm_end "
    "later: await the stream as well, await stream",
)
CONFIGURABLE = Cause(
    "configurable",
    'Since langchain-core 1.3 no value of config["configurable"] is copied into the metadata, but for model and '
    'checkpoint_ns; before, plain values were. Pass config={"metadata": {...}} as well. Metadata is not configurable '
    "either.",
    source="langchain-ai/langchain#37373",
)
BARE_ARGUMENTS = Cause(
    "bare-arguments",
    "A tool has a tool_call_id, and answers with a ToolMessage, where it is invoked with the whole tool call: "
    'tool.invoke({"type": "tool_call", "name": ..., "args": ..., "id": ...}). With call["args"] it has none.',
    source="measured, langchain-core 1.1 to 1.8",
)
USAGE_ADDED = Cause(
    "usage-added-up",
    "In a stream LangChain adds up the usage of all chunks. An integration or server that repeats the counts with each "
    "chunk is counted several times: let one chunk report them.",
)
SHARED_PAYLOAD = Cause(
    "shared-payload",
    "LangChain hands the same object to every handler, and some of it to the model. Copy it before you change it: "
    "metadata = {**metadata, 'key': 'value'}.",
)
CONTROL_FLOW = Cause(
    "control-flow",
    "langgraph pauses and steers a graph with exceptions, GraphInterrupt and ParentCommand, which handlers are sent as "
    "chain_error or tool_error. Leave out langgraph.errors.GraphBubbleUp, their base class.",
    source="measured, langgraph 1.0 to 1.2",
)
COMPONENT_LABELS = Cause(
    "component-labels",
    "The tags and metadata of a constructor, or of with_config on a step, belong to that component and what runs "
    'inside it. Those of the call, config={"tags": [...], "metadata": {...}}, every run of it has.',
)
NO_MODEL_NAME = Cause(
    "no-model-name",
    'UsageMetadataCallbackHandler keeps usage by model: of an answer without response_metadata["model_name"] it keeps '
    "none.",
    source="langchain-ai/langchain#40412",
)
NO_ERROR_METHOD = Cause(
    "no-error-method",
    "A run that fails sends its error in place of its end: a handler that keeps something from a start needs both "
    "methods, or it keeps that for ever.",
)
MIXED_RUNS = Cause(
    "mixed-runs",
    "Runs of a RunnableParallel, a batch, parallel nodes and concurrent requests overlap: a stack, or one current "
    "run, mixes them up. Keep what belongs to a run under its run_id, and find its parent by parent_run_id.",
)
RESUMED_NODE = Cause(
    "resumed-node",
    "langgraph runs an interrupted node again from its first line when the graph is resumed: what stands before "
    "interrupt() runs twice. Put it into a node before, or behind the interrupt.",
    source="measured, langgraph 1.0 to 1.2",
)
STREAMED_INPUTS = Cause(
    "streamed-inputs",
    "In a stream LangChain sends chain_start before it has read the input. The inputs come with the end: "
    "def on_chain_end(self, outputs, *, inputs=None, **kwargs).",
)
HANDLED_TOOL_ERROR = Cause(
    "handled-tool-error",
    "A tool that handles its own errors (handle_tool_error, handle_validation_error) ends well for LangChain: it sends "
    "tool_end. Its answer to a tool call is a ToolMessage of status 'error', and to bare arguments a text.",
)
NO_USAGE = Cause(
    "no-usage",
    "Handlers get the usage that the model's integration reports, in the usage_metadata of its message. Some report "
    "none in a stream unless they are asked to, such as with stream_usage=True.",
)
SILENT_STREAM = Cause(
    "silent-stream",
    "LangChain does not send the tokens of a text LLM: its _stream or _astream has to call "
    "run_manager.on_llm_new_token(...) for each.",
)
TOKEN_WITHOUT_AWAIT = Cause(
    "token-without-await",
    "The run manager of an async run has coroutines: await run_manager.on_llm_new_token(...).",
)
TOOL_NOT_RUN = Cause(
    "tool-not-run",
    "A model only asks for a tool. tool_start is sent where that tool is invoked: not for a structured output, a name "
    "that no tool of the agent has, a call that a middleware or an interrupt holds back or answers, nor without an "
    "agent.",
    source="measured, langchain 1.0 to 1.5",
)
ROOTS_ALONE = Cause(
    "roots-alone",
    "BaseTracer calls _persist_run for a run without a parent. The runs inside are in its child_runs; each of them is "
    "also handed to _on_run_create and _on_run_update.",
)
