"""What the tests of swallowed exceptions share."""

from __future__ import annotations

import pytest

from pytest_lc_callbacks._findings.handler_lists import HandlerLists
from pytest_lc_callbacks._findings.swallowed import Swallowed


@pytest.fixture
def swallowed():
    """Listens while the test runs."""
    swallowed = Swallowed(lambda run_id, handlers: False)
    swallowed.start()
    yield swallowed
    swallowed.stop()


@pytest.fixture
def lists():
    """Looks at the handlers of each run while the test runs."""
    lists = HandlerLists(lambda run_id, handlers: False)
    lists.start()
    yield lists
    lists.stop()
