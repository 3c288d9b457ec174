"""What stands in a list of callbacks and is no handler: the finding ``not_a_handler``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_lc_callbacks import _causes, _words
from pytest_lc_callbacks._findings.finding import Finding
from pytest_lc_callbacks._findings.handler_error import places
from pytest_lc_callbacks._findings.handler_exception import HandlerError
from pytest_lc_callbacks._findings.handler_lists import Stranger
from pytest_lc_callbacks._recording import Recording
from pytest_lc_callbacks._values import class_name, is_a

_BROKE = "  LangChain's own call failed then with an AttributeError, and so did the program's"
_WENT_ON = "  LangChain logged a warning and went on as if nothing had happened"
_SHOWN = 5


def not_handlers(strangers: Iterable[Stranger], errors: Iterable[HandlerError] = ()) -> Iterator[Finding]:
    """
    A finding for each kind of object in the callbacks of a run that LangChain cannot call.

    Args:
        strangers: What stood in a list of callbacks.

        errors: What LangChain swallowed; where an object's own method raised, LangChain missed its ``raise_error``.
    """
    alike: dict[object, list[Stranger]] = {}
    for stranger in list(strangers):
        alike.setdefault((*_kind(stranger.handler), stranger.missing), []).append(stranger)
    for same in alike.values():
        yield _finding(same)
    known = [stranger.handler for same in alike.values() for stranger in same]
    half: dict[object, HandlerError] = {}
    for error in errors:
        if error.breaks and not any(error.handler is handler for handler in known):
            half.setdefault(_kind(error.handler), error)
    yield from map(_finding_of_error, half.values())


def is_of_stranger(error: HandlerError, strangers: Iterable[Stranger]) -> bool:
    """Whether `not_handlers` speaks of the object that raised *error*."""
    return error.breaks or any(error.handler is stranger.handler for stranger in strangers)


def _kind(handler: object) -> tuple[int, bool]:
    is_class = is_a(handler, type)
    return id(handler if is_class else type(handler)), is_class


def _finding(same: list[Stranger]) -> Finding:
    first = same[0]
    runs = list(dict.fromkeys(stranger.run for stranger in same))
    called = list(dict.fromkeys(stranger.place for stranger in same if stranger.place is not None))
    return Finding(
        name="not_a_handler",
        summary=f"expected every callback of {runs[0]} to be a handler, but {_what(first)}",
        details=(
            *_words.first_lines([f"  and of {run}" for run in runs[1:]], _SHOWN, "  "),
            *_words.first_lines([f"  called at {place}" for place in called], _SHOWN, "  "),
            _consequence(first),
            _hint(first),
        ),
        handler=first.handler,
    )


def _what(stranger: Stranger) -> str:
    handler = stranger.handler
    if stranger.missing is None:
        return f"{class_name(handler)} is a class and not an instance"
    if is_a(handler, type):
        return f"the class {class_name(handler)} has no {stranger.missing}"
    if handler is None:
        return "one of them is None"
    return f"{_words.with_article(class_name(type(handler)))} has no {stranger.missing}"


def _consequence(stranger: Stranger) -> str:
    if stranger.missing is None:
        return f"  LangChain asked {class_name(stranger.handler)} whether it declines the event, and never called it"
    return _BROKE if stranger.breaks else _WENT_ON


def _hint(stranger: Stranger) -> str:
    handler = stranger.handler
    if stranger.missing is None:
        return _causes.CLASS_AS_HANDLER.hint(f"Pass {class_name(handler)}().")
    if class_name(type(handler)).endswith("CallbackManager"):
        return _causes.MANAGER_IN_CONFIG.hint("A callback manager stands in the list.")
    if handler is None:
        return _words.hint("Leave None out of the list. LangChain asks each entry for attributes such as raise_error.")
    if is_a(handler, Recording):
        return _words.hint(
            "A spy is what you ask. Pass the handler that it spies on: handler = Audit(); spy_on(handler)."
        )
    name = class_name(handler if is_a(handler, type) else type(handler))
    return _causes.NO_BASE_HANDLER.hint(f"{name} has no {stranger.missing}.")


def _finding_of_error(error: HandlerError) -> Finding:
    """About an object that has the attributes that LangChain asks for first, and raised."""
    raised = _words.error_line(error.error)
    return Finding(
        name="not_a_handler",
        summary=f"expected every callback to be a handler, but {_words.with_article(error.name)} has no raise_error",
        details=(
            f"  LangChain asked for it when {error.name}.{error.event} raised {raised}",
            *places(error.error),
            _BROKE,
            _causes.NO_BASE_HANDLER.hint(f"{error.name} has no raise_error."),
        ),
        error=error.error,
        handler=error.handler,
    )
