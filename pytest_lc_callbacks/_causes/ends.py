"""Why a run has no proper end."""

from __future__ import annotations

from pytest_lc_callbacks._causes.cause import Cause

EXTRA_END = Cause(
    "extra-end",
    "LangChain's own components report the ends of their runs: _generate, _call and _run must not call "
    "run_manager.on_..._end() or on_..._error(). Code that drives a callback manager by hand has to report each start "
    "and each end once.",
)
ABANDONED = Cause(
    "abandoned-run",
    "Handlers never get the end of such a run: nothing is billed, closed or exported. Read a stream to its end or "
    "close it (contextlib.closing, aclosing), await what was begun, and join threads.",
)
PENDING_TASK = Cause(
    "pending-task",
    "LangChain waits for the method of a coroutine handler, and for nothing that the method begins: when the event "
    "loop closes, it cancels what is left, and what that should have written is lost. Await it in the method; or keep "
    "the tasks, and let the application await them before its loop closes.",
)
CANCELLED_MODEL = Cause(
    "cancelled-model",
    "LangChain sends no end for the ainvoke of a chat model that is cancelled.",
    maybe="LangChain ends no ainvoke of a chat model that was cancelled",
)
CANCELLED_START = Cause(
    "cancelled-start",
    "LangChain sends no end for a run that is cancelled while its start is sent.",
    maybe="it was cancelled as it began, and LangChain does not end it then",
)
CANCELLED_END = Cause(
    "cancelled-end",
    "Where a node with a TracePolicy is cancelled as it ends, langgraph sends the end to tracers, and to no other "
    "handler.",
    source="measured, langgraph 1.2.24",
    maybe="it was cancelled as it ended, and langgraph sends that end of a node with a TracePolicy to tracers alone",
)
UNSENT_ERROR = Cause(
    "unsent-error",
    "LangChain sends no error for a chat model whose event loop closes meanwhile, as it does where an async v3 stream "
    "fails: the program gets the exception first.",
    source="measured, langchain-core 1.4 to 1.8",
    maybe="its event loop closed as LangChain was about to tell handlers that it failed",
)
CLOSED_AROUND = Cause(
    "closed-around",
    "LangChain leaves some runs inside a stream or call that is closed or cancelled without an end, such as a chat "
    'model\'s stream_events(version="v3").',
    maybe="the stream or call around it was closed or cancelled, and LangChain did not end it",
)
LEFT_BY_CANCELLATION = Cause(
    "left-by-cancellation",
    "LangChain sends no end for a retriever that is left by a BaseException such as a cancellation, nor, before "
    "langchain-core 1.7.5, for such a tool.",
    maybe="a BaseException such as a cancellation left it, and LangChain does not end it then",
)
FAILED_BATCH = Cause(
    "failed-generate",
    "When one call of a chat model's generate([...]) fails, LangChain sends no end for the others.",
    maybe="another call of the same generate() failed, and LangChain does not end this one then",
)
HANDLER_RAISED = Cause(
    "handler-raised",
    "LangChain sends no end for a run that a handler with raise_error = True stops at its start or end.",
    maybe="a handler raised, and LangChain does not end the run then",
)
