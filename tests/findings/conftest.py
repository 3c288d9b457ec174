"""What the tests of swallowed exceptions share."""

from __future__ import annotations

import pytest

from pytest_lc_callbacks._findings.swallowed import Swallowed


@pytest.fixture
def swallowed():
    """Listens while the test runs."""
    swallowed = Swallowed(lambda run_id, handlers: False)
    swallowed.start()
    yield swallowed
    swallowed.stop()
