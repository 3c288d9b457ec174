"""A StopIteration that leaves an async run waiting."""

from __future__ import annotations

import asyncio

from pytest_lc_callbacks._findings.stop_iteration import hangs_asyncio


def test_which_exceptions_hang():
    """
    `hangs_asyncio` is true of a StopIteration where futures of the running Python refuse it, and of nothing else.
    """

    async def refuses():
        try:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(StopIteration())
            future.exception()
        except TypeError:
            return True
        return False

    assert hangs_asyncio(StopIteration()) is asyncio.run(refuses())
    assert not hangs_asyncio(ValueError())
