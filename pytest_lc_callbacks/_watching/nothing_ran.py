"""What the exception of a failing test tells of its callbacks, and that no LangChain run began in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from traceback import walk_tb

from pytest_lc_callbacks import _causes
from pytest_lc_callbacks._scopes import find_unawaited
from pytest_lc_callbacks._stack import read_locals
from pytest_lc_callbacks._values import ask, class_name, is_a, items, traceback_of
from pytest_lc_callbacks._words import error_text

# What Python says where a callback manager is taken for a list: [*manager], manager + [...], manager.append(...).
_MANAGER = re.compile(
    r"CallbackManager' and '|' and '(Async)?CallbackManager'|CallbackManager\"\) to list"
    r"|must be an iterable, not (Async)?CallbackManager"
    r"|CallbackManager' object (is not (iterable|subscriptable)|has no attribute '(append|extend|insert)')"
)
# What LangChain says of a custom event outside any run.
_NO_PARENT = "Unable to dispatch an adhoc event without a parent run id"
_THREADS = ("concurrent.futures.thread", "threading")
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
    lines = ["no LangChain run began in this test", *filter(None, [explain_failure([failure])])]
    if failure is not None:
        proof = find_unawaited(walk_tb(traceback_of(failure)))
        is_said = proof is None or f"[{proof.cause.name}]" in error_text(failure)
        # Of a call that failed it is no matter that it sends nothing.
        is_said |= proof is not None and proof.cause is _causes.NO_CALLBACKS and not is_a(failure, AssertionError)
        lines += [] if proof is None or is_said else [proof.hint]
    return "\n".join(lines)


def explain_failure(errors: Iterable[BaseException | None]) -> str:
    """The hint for the first of *errors* that tells its cause by itself; empty where none does."""
    for error in errors:
        for explain in (_explain_manager, _explain_no_list, _explain_dispatch, _explain_copy):
            found = explain(error) if error is not None else None
            if found is not None:
                return found
    return ""


def _explain_manager(error: BaseException) -> str | None:
    is_one = is_a(error, TypeError, AttributeError) and _MANAGER.search(error_text(error))
    return _causes.MANAGER_IN_CONFIG.hint() if is_one else None


def _explain_no_list(error: BaseException) -> str | None:
    """Callbacks, or a whole config, that LangChain asks for the method of another type."""
    thing, name = ask(error, "obj"), ask(error, "name")
    if not is_a(error, AttributeError):
        return None
    if name == "copy" and _is_handler(thing):
        return _causes.NO_LIST.hint(f"callbacks is a {class_name(type(thing))}, which is no list.")
    if name == "items" and (_is_handler(thing) or any(map(_is_handler, items(thing)))):
        return _causes.NO_LIST.hint(f"the config is a {class_name(type(thing))}, and no dict.")
    return None


def _explain_dispatch(error: BaseException) -> str | None:
    """A custom event was dispatched where LangChain's context holds no run."""
    if not is_a(error, RuntimeError) or _NO_PARENT not in error_text(error):
        return None
    modules = {str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(traceback_of(error))}
    if not modules.isdisjoint(_THREADS):
        return _causes.OTHER_THREAD.hint("a custom event was dispatched in another thread, where no run is known.")
    return _causes.NO_RUN_AROUND.hint("a custom event was dispatched where no run is known.")


def _explain_copy(error: BaseException) -> str | None:
    """What a handler holds cannot be copied, and a component was copied with its handlers."""
    if not is_a(error, TypeError) or "cannot pickle" not in error_text(error):
        return None
    frames = [frame for frame, _ in walk_tb(traceback_of(error)) if frame.f_globals.get("__name__") == "copy"]
    copied = [read_locals(frame).get("x") for frame in frames]
    handler = next((each for each in copied if _is_handler(each)), None)
    if handler is None:
        return None
    return _causes.COPIED_HANDLER.hint(f"{class_name(type(handler))} was copied with the component that has it.")


def _is_misuse(failure: BaseException | None) -> bool:
    if isinstance(failure, (TypeError, ValueError)):
        modules = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(traceback_of(failure))]
        return bool(modules) and str(modules[-1]).partition(".")[0] == _PACKAGE
    return failure is not None and error_text(failure).startswith(_NOT_AWAITED)


def _is_handler(thing: object) -> bool:
    return ask(thing, "raise_error") is not None and ask(thing, "ignore_llm") is not None
