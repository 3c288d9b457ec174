"""Test files in which a mock or an instrumentor replaces methods, and how they are run."""

from __future__ import annotations

PROGRAM = """
import asyncio, functools, logging
from unittest import mock
import pytest
from langchain_core.callbacks import BaseCallbackHandler, manager
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, tool
from pytest_lc_callbacks import FakeChatModel

OWN = {{
    (cls, name): vars(cls)[name]
    for cls, names in [(BaseTool, ["run", "arun"]), (BaseRetriever, ["invoke", "ainvoke"])]
    for name in names
}}

@tool
def weather(city: str) -> str:
    "The weather."
    return "sun"

class Docs(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return [Document("real")]

CALLS = []

def instrument(target, name):
    # What an instrumentor does, with functools.wraps.
    found = getattr(target, name)

    @functools.wraps(found)
    def wrapper(*args, **kwargs):
        CALLS.append(name)
        return found(*args, **kwargs)

    setattr(target, name, wrapper)
    return lambda: setattr(target, name, found)

{body}
"""

WRAPT = """
from wrapt import wrap_function_wrapper

def instrument(target, name):
    found = vars(target)[name]

    def wrapper(wrapped, instance, args, kwargs):
        CALLS.append(name)
        return wrapped(*args, **kwargs)

    wrap_function_wrapper(target, name, wrapper)
    return lambda: setattr(target, name, found)
"""


def run(pytester, body, *options, **outcomes):
    pytester.makepyfile(PROGRAM.format(body=body))
    result = pytester.runpytest_inprocess("-p", "no:randomly", *options)
    result.assert_outcomes(**outcomes)
    return result
