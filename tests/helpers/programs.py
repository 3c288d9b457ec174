"""Small test files in which one thing goes wrong, for the tests of what is found in them."""

from __future__ import annotations

HEAD = """
import asyncio, threading
import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager
from langchain_core.runnables import RunnableLambda
from pytest_lc_callbacks import FakeChatModel, RecordingHandler

class Broken(BaseCallbackHandler):
    def on_llm_end(self, response, **kwargs):
        raise KeyError("model_name")

class Writing(BaseCallbackHandler):
    def on_chat_model_start(self, serialized, messages, **kwargs):
        kwargs["tags"].append("seen")

class Audit(BaseCallbackHandler):
    def on_llm_end(self, response, **kwargs):
        pass

class Writer(AsyncCallbackHandler):
    async def on_llm_end(self, response, **kwargs):
        KEPT.append(asyncio.create_task(self.write()))

    async def write(self):
        await asyncio.Event().wait()

KEPT = []
"""

# For each finding a test that earns it.
PROGRAMS = {
    "handler_error": """
def test_it(fake_chat_model):
    fake_chat_model.invoke("hi", {"callbacks": [Broken()]})
""",
    "duplicate_event": """
def test_it(recording_handler, fake_chat_model):
    fake_chat_model.invoke("hi", {"callbacks": [recording_handler, recording_handler]})
""",
    "exhausted_model": """
def test_it(fake_chat_model):
    fake_chat_model.respond("once")
    fake_chat_model.invoke("hi")
    try:
        fake_chat_model.invoke("again")
    except Exception:
        pass
""",
    "unused_response": """
def test_it(fake_chat_model):
    fake_chat_model.respond("once").respond("twice")
    fake_chat_model.invoke("hi")
""",
    "unfinished_run": """
def test_it(fake_chat_model):
    KEPT.append(fake_chat_model.stream("hi"))
    next(KEPT[0])
""",
    "orphan_run": """
def test_it(fake_chat_model):
    outer = RunnableLambda(lambda text: fake_chat_model.invoke(text, {"callbacks": [RecordingHandler()]}), name="outer")
    outer.invoke("hi")
""",
    "lifecycle": """
def test_it(callback_scopes):
    run = CallbackManager.configure().on_chain_start(None, {}, name="mine")
    run.on_chain_end({})
    run.on_chain_end({})
""",
    "not_a_handler": """
def test_it(fake_chat_model):
    fake_chat_model.invoke("hi", {"callbacks": [Audit]})
""",
    "duplicate_handler": """
def test_it(callback_scopes):
    FakeChatModel(callbacks=[Audit()]).invoke("hi", {"callbacks": [Audit()]})
""",
    "pending_task": """
def test_it(fake_chat_model):
    asyncio.run(fake_chat_model.ainvoke("hi", {"callbacks": [Writer()]}))
""",
    "changed_payload": """
def test_it(spy_on, fake_chat_model):
    spy_on(Writing)
    fake_chat_model.invoke("hi", {"callbacks": [Writing()]})
""",
}

# What each of them is told in the first line.
SUMMARIES = {
    "handler_error": (
        "expected Broken.on_llm_end to return, but it raised KeyError('model_name') in the run of FakeChatModel"
    ),
    "duplicate_event": (
        "expected RecordingHandler to get each event once, but it got chat_model_start, llm_end of FakeChatModel twice"
    ),
    "exhausted_model": "expected the script to have a response for every call, but it had none for a call",
    "unused_response": "expected the script of the fake model to be used up, but 1 response was never given",
    "unfinished_run": "expected every run to have ended with its test, but 1 is still open: FakeChatModel",
    "orphan_run": "expected FakeChatModel to be a run under outer, but it began with no parent",
    "lifecycle": "expected mine to start and end once, but it had 2 ends: chain_start, chain_end, chain_end",
    "not_a_handler": (
        "expected every callback of FakeChatModel to be a handler, but Audit is a class and not an instance"
    ),
    "duplicate_handler": "expected one Audit to hear each run, but 2 instances of it heard FakeChatModel",
    "pending_task": ("expected the task that Writer.on_llm_end began to be done, but the event loop closed first"),
    "changed_payload": (
        "expected Writing.on_chat_model_start to leave what it is handed as it is, but it wrote into tags"
    ),
}
ERRORS = ["handler_error", "duplicate_event", "exhausted_model", "unused_response", "not_a_handler"]
WARNINGS = ["unfinished_run", "orphan_run", "lifecycle", "duplicate_handler", "pending_task", "changed_payload"]
