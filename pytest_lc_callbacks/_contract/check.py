"""check: makes a test method one of the suite's checks: expected failures, advice, and a line in the report."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from pytest_lc_callbacks._contract.session import result_key
from pytest_lc_callbacks._contract.suite import NOT_SET_UP, Suite
from pytest_lc_callbacks._words import did_you_mean, repr_short

Method = Callable[[Any], None]


def check(*, needs: str = "", advice: bool = False, first: bool = False) -> Callable[[Method], Method]:
    """
    A decorator that makes a test of a `Suite` a check: a method that raises an AssertionError at a fault.

    Args:
        needs: ``"handler"`` where there has to be a handler object, ``"records"`` where there have to be rows.

        advice: Whether a fault stands in the capability report alone.

        first: Whether it is the one that says that nothing is set up.
    """

    def decorated(method: Method) -> Method:
        @functools.wraps(method)
        def test(self: Suite) -> None:
            __tracebackhide__ = True
            result = self._item.stash[result_key] = _result(self, method, advice=advice)
            _run(self, method, result, needs=needs, first=first)

        test.lc_callbacks_check = True  # type: ignore[attr-defined]  # how `expected` knows the checks
        return test

    return decorated


def _result(suite: Suite, method: Method, *, advice: bool) -> dict[str, Any]:
    return {
        "suite": suite._item.nodeid.rpartition("::")[0],
        "check": method.__name__.removeprefix("test_"),
        "does": (method.__doc__ or "").strip().partition("\n")[0],
        "advice": advice,
        "outcome": "failed",
        "reason": "",
    }


def _run(suite: Suite, method: Method, result: dict[str, Any], *, needs: str, first: bool) -> None:
    __tracebackhide__ = True
    name = result["check"]
    reason = suite.expected.get(name)
    try:
        _decline(suite, needs, first=first)
        method(suite)
    except pytest.skip.Exception as skipped:
        result.update(outcome="declined", reason=str(skipped.msg))
        raise
    except AssertionError as error:
        result.update(outcome="failed", reason=str(error).partition("\n")[0])
        if result["advice"]:
            result.update(outcome="advice", reason=f"{reason} ({error})" if reason else str(error))
            return
        if reason is not None:
            result.update(outcome="expected", reason=reason)
            pytest.xfail(reason)
        raise
    result["outcome"] = "passed"
    if reason is not None:
        result.update(outcome="failed", reason="it is expected to fail, and it passed")
        pytest.fail(
            f"expected the check {name} to fail ({reason}), but it passed\n"
            f"hint: take {name!r} out of expected, so that the check holds from now on.",
            pytrace=False,
        )


def _decline(suite: Suite, needs: str, *, first: bool) -> None:
    if not (suite._makes_handlers() or suite._is_instrumented):
        text = NOT_SET_UP.format(name=type(suite).__name__)
        if first:
            pytest.fail(text, pytrace=False)
        pytest.skip(text.partition("\n")[0])
    if needs == "handler" and suite._is_instrumented:
        pytest.skip("needs make_handler: an instrumentor keeps its handler to itself")
    if needs == "records" and not suite._has_records():
        pytest.skip("needs records(handler)")


def refuse_unknown_checks(cls: type[Suite]) -> None:
    """
    Look at the names in ``expected``.

    Raises:
        TypeError: If there is no check of a name, or its reason is empty.
    """
    known = [name.removeprefix("test_") for name in dir(cls) if hasattr(getattr(cls, name), "lc_callbacks_check")]
    for name, reason in dict(cls.expected).items():
        if name not in known:
            raise TypeError(f"{cls.__name__}.expected: there is no check {repr_short(name)}{did_you_mean(name, known)}")
        if not str(reason or "").strip():
            raise TypeError(f"{cls.__name__}.expected[{repr_short(name)}] has to say why, in words; it is {reason!r}")
