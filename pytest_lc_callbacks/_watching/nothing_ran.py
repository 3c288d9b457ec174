"""What a failing test hears in which no LangChain run began."""

from __future__ import annotations

from traceback import walk_tb

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._values import ask, class_name, traceback_of

_PACKAGE = __name__.partition(".")[0]
# What pytest fails an async test with where no plugin runs it.
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
    return "\n".join(lines)


def _is_misuse(failure: BaseException | None) -> bool:
    if isinstance(failure, (TypeError, ValueError)):
        modules = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(traceback_of(failure))]
        return bool(modules) and str(modules[-1]).partition(".")[0] == _PACKAGE
    return class_name(type(failure)) == "Failed" and str(failure).startswith(_NOT_AWAITED)


def _is_handler(thing: object) -> bool:
    return ask(thing, "raise_error") is not None and ask(thing, "ignore_llm") is not None
