"""What the tests that run pytest inside pytest share."""

from __future__ import annotations

import pytest
from output_suites import SUITE
from programs import HEAD


@pytest.fixture
def run(pytester):
    """Runs a test file in which something goes wrong."""

    def run(source, *args, head=HEAD):
        pytester.makepyfile(head + source)
        filters = "-Walways::pytest_lc_callbacks.CallbackFindingWarning"
        return pytester.runpytest_inprocess("-p", "no:randomly", filters, *args)

    return run


@pytest.fixture
def suite(pytester):
    """A suite with every outcome, in a folder of its own."""
    pytester.makepyfile(SUITE)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return pytester
