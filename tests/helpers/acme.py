"""A provider's package whose models keep an account of what reaches the network."""

from __future__ import annotations

from langchain_core.language_models import LLM, BaseChatModel

# pytest inside pytest forgets the modules that it imports, but not the classes that a package above them has kept.
KEPT = LLM, BaseChatModel
BLOCKED = "-olc_callbacks_block_real_models=true"

PROVIDER = """
from langchain_core.language_models import LLM, BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

reached = []

class ChatAcme(BaseChatModel):
    '''A provider's chat model.'''

    _llm_type = "acme"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        reached.append("network")
        return ChatResult(generations=[ChatGeneration(message=AIMessage("real"))])

class ChatAcmeStreaming(ChatAcme):
    '''One that streams.'''

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        reached.append("network")
        yield ChatGenerationChunk(message=AIMessage("real"))

class Acme(LLM):
    '''A provider's text model.'''

    _llm_type = "acme"

    def _call(self, prompt, stop=None, run_manager=None, **kwargs):
        reached.append("network")
        return "real"
"""
