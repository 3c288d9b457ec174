"""Prompts of tests that go to a tracing server because of environment variables: the finding ``trace_upload``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from langchain_core.tracers import LangChainTracer

from pytest_lc_callbacks import _words
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._values import ask, module_name, text_of

# In the order in which LangSmith looks for them; the first that is set decides.
_VARIABLES = ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING")


def tracing_variable(environ: Mapping[str, str] = os.environ) -> str | None:
    """The environment variable that lets LangSmith trace every run, ``LANGSMITH_TRACING=true``; None if none does."""
    given = [name for name in _VARIABLES if environ.get(name, "").strip()]
    return f"{given[0]}=true" if given and environ[given[0]] == "true" else None


def uploading_tracer(handlers: Iterable[Any]) -> Any:
    """
    The tracer among *handlers* that sends runs to LangSmith with the process's own client; None if there is none.

    A tracer with a client of its own, or with a mock, is the program's doing.
    """
    client = getattr(sys.modules.get("langsmith.run_trees"), "_CLIENT", None)
    if client is None or module_name(type(client)).startswith("unittest."):
        return None
    tracers = (handler for handler in handlers if type(handler) is LangChainTracer)
    return next((tracer for tracer in tracers if ask(tracer, "client") is client), None)


def trace_uploads(tracer: Any, run: str, variable: str | None) -> Iterator[Finding]:
    """
    A finding if the runs of a test went to a tracer because of the environment.

    Args:
        tracer: The tracer that the first of them went to.

        run: The name of that run.

        variable: The environment variable, where it was set before the test began.
    """
    if variable is None or ask(tracer.client, "tracing_sample_rate") == 0:
        return
    server = text_of(ask(tracer.client, "api_url")) or "a tracing server"
    yield Finding(
        name="trace_upload",
        summary=f"expected the runs of a test to stay here, but LangSmith's tracer sends them to {_words.safe(server)}",
        details=(
            f"  {variable} is set, so that LangChain adds the tracer to every run: {run} is the first of this test",
            "  it sends inputs and outputs of runs, prompts and answers among them",
            _words.hint(
                "Unset the variable before pytest starts, or write lc_callbacks_block_trace_uploads = true. A test "
                "that is to be traced says so with @pytest.mark.langsmith. At the level warn this is told once a "
                "session."
            ),
        ),
        handler=tracer,
    )
