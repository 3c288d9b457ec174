"""Handlers to spy on, and a chain that calls them."""

from __future__ import annotations

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.output_parsers import StrOutputParser

from pytest_lc_callbacks import FakeChatModel


class Plain(BaseCallbackHandler):
    """What most handlers are like."""

    def __init__(self):
        self.seen = []

    def on_llm_end(self, response, **kwargs):
        self.seen.append("llm_end")


class Base(BaseCallbackHandler):
    """Has methods to inherit and to extend."""

    def on_chat_model_start(self, serialized, messages, **kwargs):
        self.on_llm_start(serialized, ["text"], **kwargs)

    def on_llm_end(self, response, **kwargs):
        pass


class Child(Base):
    """Extends them."""

    def on_llm_end(self, response, **kwargs):
        super().on_llm_end(response, **kwargs)


class Raising(BaseCallbackHandler):
    """Raises in one place."""

    def __init__(self, error):
        self.error = error

    def on_llm_end(self, response, **kwargs):
        raise self.error


def chain():
    """Two runs under one."""
    return FakeChatModel() | StrOutputParser()
