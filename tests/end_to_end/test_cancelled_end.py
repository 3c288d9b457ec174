"""langgraph's nodes under a TracePolicy that are cancelled as they end: named in the tree, and no finding."""

from __future__ import annotations

import pytest

langgraph_types = pytest.importorskip("langgraph.types")
if not hasattr(langgraph_types, "TracePolicy"):
    pytest.skip("langgraph has a TracePolicy since 1.2", allow_module_level=True)

NODE = """
import asyncio
import threading
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers import BaseTracer
from langgraph._internal._runnable import RunnableSeq
from langgraph.types import TracePolicy

class Tracer(BaseTracer):
    def _persist_run(self, run):
        pass

    def on_chain_end(self, outputs, *, run_id, **kwargs):
        if self.run_map[str(run_id)].name == "node":
            # Whoever is sent the end beside this tracer has a place in the executor before this.
            begun, cancelled = threading.Event(), threading.Event()
            self.loop.call_soon_threadsafe(self.loop.run_in_executor, None, begun.set)
            begun.wait()
            self.loop.call_soon_threadsafe(lambda: (self.task.cancel(), cancelled.set()))
            cancelled.wait()
        return super().on_chain_end(outputs, run_id=run_id, **kwargs)

def test_it(recording_handler):
    async def program(tracer):
        node = RunnableSeq(RunnableLambda(str), RunnableLambda(str), name="node", trace_policy={policy})
        tracer.loop = asyncio.get_running_loop()
        tracer.task = asyncio.create_task(node.ainvoke(1, {{"callbacks": [tracer]}}))
        await asyncio.wait([tracer.task])
    asyncio.run(program(Tracer()))
    {end}
"""
HIDING = "TracePolicy(process_outputs=lambda output: 'hidden')"


@pytest.fixture
def run(pytester):
    """Runs the node, with any finding about open runs as an error."""

    def run(policy, end=""):
        pytester.makepyfile(NODE.format(policy=policy, end=end))
        return pytester.runpytest_inprocess("-p", "no:randomly", "-olc_callbacks_unfinished_run=error")

    return run


def test_it_is_no_finding(run):
    """
    No user can mend that langgraph sends the end to tracers alone: no finding is made of it.
    """
    run(HIDING).assert_outcomes(passed=1)


def test_the_tree_names_it(run):
    """
    A failing test's run tree says why the node is open.
    """
    result = run(HIDING, end="raise ValueError")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["node  *open  (it was cancelled as it ended, *[[]cancelled-end])"])


def test_without_a_policy_it_ends(run):
    """
    Without a TracePolicy the end is sent to all at once, and the tree has no open run.
    """
    result = run("None", end="raise ValueError")

    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*cancelled-end*")
    result.stdout.no_fnmatch_line("node * open*")
