"""What the tests of watching share: the check that nothing of ours is left in LangChain's classes."""

from __future__ import annotations

import pytest
from langchain_core.callbacks import manager
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool

PATCHED = [BaseTool, BaseRetriever, BaseChatModel, manager.AsyncCallbackManager, manager.logger]


@pytest.fixture
def nothing_is_left():
    """What we patch is as it was when pytest inside pytest is over."""
    before = [dict(vars(owner)) for owner in PATCHED]
    yield
    for owner, own in zip(PATCHED, before, strict=True):
        names = vars(owner).keys() | own.keys()
        left = {name for name in names if vars(owner).get(name) is not own.get(name)} - {"_cache"}
        for name in left & own.keys():
            setattr(owner, name, own[name])
        assert not left
