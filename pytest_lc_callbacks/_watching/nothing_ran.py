"""What the exception of a failing test tells of its callbacks, and that no LangChain run began in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from traceback import walk_tb

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._scopes import find_unawaited
from pytest_lc_callbacks._values import ask, class_name, is_a, traceback_of
from pytest_lc_callbacks._words import error_text

# What Python says where a callback manager is taken for a list: [*manager], manager + [...], manager.append(...).
_MANAGER = re.compile(
    r"CallbackManager' and '|' and '(Async)?CallbackManager'|CallbackManager\"\) to list"
    r"|must be an iterable, not (Async)?CallbackManager"
    r"|CallbackManager' object (is not (iterable|subscriptable)|has no attribute '(append|extend|insert)')"
)
_PACKAGE = __name__.partition(".")[0]
# What pytest says of an async test that no plugin runs: an outcome, or before pytest 8.4 a warning.
_NOT_AWAITED = "async def functions are not natively supported"


def nothing_ran(failure: BaseException | None) -> str:
    """
    That nothing ran in a test with this *failure*, and why where the failure tells.

    Empty where it cannot be the reason: the test called us with wrong arguments, or pytest could not run its body.
    """
    if _is_misuse(failure):
        return ""
    lines = ["no LangChain run began in this test"]
    if isinstance(failure, AttributeError) and failure.name == "copy" and _is_handler(failure.obj):
        lines.append(_causes.NO_LIST.hint(f"callbacks is a {class_name(type(failure.obj))}, which is no list."))
    if failure is not None:
        proof = find_unawaited(walk_tb(traceback_of(failure)))
        is_said = proof is None or f"[{proof.cause.name}]" in error_text(failure)
        lines += [] if proof is None or is_said else [proof.hint]
    return "\n".join(lines)


def explain_failure(errors: Iterable[BaseException | None]) -> str:
    """The hint for the first of *errors* that tells its cause by itself; empty where none does."""
    for error in errors:
        text = error_text(error) if error is not None else ""
        if is_a(error, TypeError, AttributeError) and _MANAGER.search(text):
            return _causes.MANAGER_IN_CONFIG.hint()
    return ""


def _is_misuse(failure: BaseException | None) -> bool:
    if isinstance(failure, (TypeError, ValueError)):
        modules = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(traceback_of(failure))]
        return bool(modules) and str(modules[-1]).partition(".")[0] == _PACKAGE
    return failure is not None and error_text(failure).startswith(_NOT_AWAITED)


def _is_handler(thing: object) -> bool:
    return ask(thing, "raise_error") is not None and ask(thing, "ignore_llm") is not None
