"""FakeChatModel: a chat model that answers from a script, and knows no other package of ours."""

from pytest_lc_callbacks._fake.model import FakeChatModel
from pytest_lc_callbacks._fake.script import Call, FakeChatModelExhausted

__all__ = [
    "Call",
    "FakeChatModel",
    "FakeChatModelExhausted",
]
