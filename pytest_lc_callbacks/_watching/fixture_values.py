"""Objects that are still alive after tear-down and may end an open run later: fixture values, the last exception."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any


def living_objects(item: Any) -> Iterator[Any]:
    """
    Give what is still alive when the tear-down of the pytest *item* is over.

    That is the values of fixtures of a wider scope, with the generators that will finish them; what pytest itself drops
    in a moment; and the last failure, which Python keeps for its debugger together with the locals of all its frames.
    """
    for definition in _fixture_definitions(item):
        if getattr(definition, "cached_result", None) is not None:
            yield definition.cached_result
            yield list(getattr(definition, "_finalizers", ()))
    yield from (getattr(item, "funcargs", None) or {}).values()
    yield from (getattr(sys, name, None) for name in ("last_exc", "last_value", "last_traceback"))
    yield from [excinfo.value for excinfo in getattr(item, "_excinfo", None) or ()]


def _fixture_definitions(item: Any) -> list[Any]:
    """The fixtures of the test's signature and marks, and those that it got with ``request.getfixturevalue``."""
    by_name = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    asked = [definition for definitions in by_name.values() for definition in definitions]
    got = getattr(getattr(item, "_request", None), "_fixture_defs", {})
    return list({id(definition): definition for definition in [*asked, *got.values()]}.values())
