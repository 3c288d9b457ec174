"""An application's subclass of a real model: its own methods stay, and those that do not ask the fake are named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pytest_lc_callbacks._fake.replaced import ANSWERS, Replaced

# pytest shows the line of the test, not our way to the message.
__tracebackhide__ = True


@contextmanager
def _told(replaced: Replaced) -> Iterator[None]:
    """Tell the script, and whoever reads an exception, if no fake model was asked meanwhile."""
    before = ANSWERS.total()
    try:
        yield
    except Exception as error:
        if replaced.is_on and ANSWERS.total() == before:
            error.add_note(
                f"{replaced.words} did not ask the fake model that stands in. To replace the methods of "
                f"{replaced.cls.__name__} too, write stand_in_for({replaced.cls.__name__})."
            )
        raise
    finally:
        if replaced.is_on and ANSWERS.total() == before:
            replaced.stand_in.fake.script.passed_by[replaced.words] += 1


def _call(replaced: Replaced) -> Any:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with _told(replaced):
            return replaced.original(self)(*args, **kwargs)

    return call


def _await(replaced: Replaced) -> Any:
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with _told(replaced):
            return await replaced.original(self)(*args, **kwargs)

    return call


def _iterate(replaced: Replaced) -> Any:
    def call(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        __tracebackhide__ = True
        with _told(replaced):
            yield from replaced.original(self)(*args, **kwargs)

    return call


def _aiterate(replaced: Replaced) -> Any:
    async def call(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        __tracebackhide__ = True
        with _told(replaced):
            async for chunk in replaced.original(self)(*args, **kwargs):
                yield chunk

    return call


OWN_METHODS: Mapping[str, Callable[[Replaced], Any]] = {
    "_generate": _call,
    "_agenerate": _await,
    "_stream": _iterate,
    "_astream": _aiterate,
}
"""What makes the methods around those of an application's subclass."""
