"""FakeChatModel: a chat model that answers from a script, and knows no other package of ours."""

from pytest_lc_callbacks._fake.call import Call
from pytest_lc_callbacks._fake.exhausted import FakeChatModelExhausted
from pytest_lc_callbacks._fake.llm import FakeLLM
from pytest_lc_callbacks._fake.miss import FakeChatModelMiss
from pytest_lc_callbacks._fake.model import FakeChatModel

__all__ = [
    "Call",
    "FakeChatModel",
    "FakeChatModelExhausted",
    "FakeChatModelMiss",
    "FakeLLM",
]
