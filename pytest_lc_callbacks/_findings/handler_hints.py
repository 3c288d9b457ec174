"""The mistakes in a handler that LangChain invites: each with its hint where the facts prove it."""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Callable
from contextvars import ContextVar
from traceback import walk_tb
from types import FrameType, FunctionType
from typing import Any

from pytest_lc_callbacks import _causes, _words
from pytest_lc_callbacks._causes import Cause
from pytest_lc_callbacks._findings.handler_exception import GRAPH_EVENTS, HandlerError, Line, users_lines
from pytest_lc_callbacks._findings.payload_hints import PAYLOAD_HINTS
from pytest_lc_callbacks._stack import is_users
from pytest_lc_callbacks._values import (
    ask,
    bases,
    class_name,
    entries,
    entry,
    equal,
    is_a,
    is_true,
    items,
    text_of,
    traceback_of,
)
from pytest_lc_callbacks._words import string

_ABSENT = object()
_WORD = re.compile(r"[A-Za-z_]\w*")
_STARTS = ("on_chain_start", "on_retriever_start", "on_llm_start", "on_chat_model_start", "on_tool_start")


def hints(failed: HandlerError) -> tuple[str, ...]:
    return tuple(hint for explain in _HINTS if (hint := explain(failed)))


# The functions in _HINTS: each looks for one mistake that LangChain invites, and gives its hint if the facts prove it.


def _explain_none(failed: HandlerError) -> str | None:
    """What raised uses a value that LangChain leaves None."""
    lines = users_lines(failed.error)
    if not lines or "NoneType" not in _words.error_text(failed.error):
        return None
    used = _used(lines[-1])
    return next((cause.hint() for word, cause, is_none in _LEFT_NONE if word in used and is_none(failed)), None)


def _used(line: Line) -> set[str]:
    """The names in what raised that may stand for None: ``usage`` of ``message.usage["total"]``, and no other."""
    node = line.node
    if node is None:
        return set(_WORD.findall(line.expression))
    used = node.value if isinstance(node, (ast.Attribute, ast.Subscript)) else node
    return {used.attr} if isinstance(used, ast.Attribute) else set(_WORD.findall(ast.unparse(used)))


_LEFT_NONE: tuple[tuple[str, Cause, Callable[[HandlerError], bool]], ...] = (
    (
        "serialized",
        _causes.SERIALIZED_NONE,
        lambda failed: failed.event in _STARTS and bool(failed.args) and failed.first is None,
    ),
    (
        "metadata",
        _causes.METADATA_AT_START,
        lambda failed: failed.event not in _STARTS and failed.kwargs.get("metadata") is None,
    ),
    (
        "name",
        _causes.NAME_NONE,
        lambda failed: failed.event in _STARTS and failed.kwargs.get("name", ...) is None,
    ),
    (
        "llm_output",
        _causes.LLM_OUTPUT_NONE,
        lambda failed: failed.event == "on_llm_end" and ask(failed.first, "llm_output", ...) is None,
    ),
    (
        "usage_metadata",
        _causes.NO_USAGE,
        lambda failed: failed.event == "on_llm_end" and _reports_no_usage(failed.first),
    ),
    (
        "inputs",
        _causes.INPUTS_NONE,
        lambda failed: failed.event == "on_tool_start" and failed.kwargs.get("inputs", ...) is None,
    ),
)


def _reports_no_usage(response: Any) -> bool:
    """Whether no message of a model's *response* has usage."""
    generations = [each for batch in items(ask(response, "generations")) for each in items(batch)]
    return all(ask(ask(each, "message"), "usage_metadata") is None for each in generations)


def _explain_lookup(failed: HandlerError) -> str | None:
    """A lookup with the id of a run that the handler has not heard."""
    given = items(ask(failed.error, "args")) if is_a(failed.error, KeyError) else []
    missing = given[0] if given else None
    if missing is None:
        return None
    if _is_id(missing, failed.kwargs.get("parent_run_id")):
        if failed.late is not None:
            return _causes.PARENT_ENDED.hint(f"{failed.name} looked up the parent run: {failed.late}.")
        facts = f"{failed.name} looked up the parent run, and does not know it."
        return None if failed.got_parent else _causes.UNHEARD_PARENT.hint(facts)
    if _is_id(missing, failed.run_id) and (shared := _shared_container(failed)) is not None:
        facts = f"{_words.count(failed.instances, 'instance')} of {failed.name} heard this run, and {shared}."
        return _causes.SHARED_STATE.hint(facts)
    if _is_id(missing, failed.run_id) and (kept := _kept_otherwise(failed, missing)) is not None:
        facts = f"{failed.name} has this run in {kept} as a {_other_kind(missing)}, and looked up a {_kind(missing)}."
        return _causes.ID_TYPE.hint(facts)
    if _is_id(missing, failed.run_id) and not failed.got_start:
        return _causes.UNHEARD_START.hint(f"{failed.name} looked up a run whose start it has not kept.")
    return None


def _shared_container(failed: HandlerError) -> str | None:
    """The container in the body of the handler's class that the line that raised uses, in words."""
    lines = users_lines(failed.error)
    if failed.instances < 2 or not lines:
        return None
    for base in bases(type(failed.handler)):
        for name, value in vars(base).items():
            is_own = entry(ask(failed.handler, "__dict__"), name, _ABSENT) is not _ABSENT
            if is_a(value, dict, list, set) and not is_own and f".{name}" in lines[-1].source:
                return f"{class_name(base)}.{name} is a {class_name(type(value))} of the class"
    return None


def _kept_otherwise(failed: HandlerError, missing: Any) -> str | None:
    """The attribute of the handler that has the id *missing* as a key of the other type: a text, or a UUID."""
    for name, held in entries(ask(failed.handler, "__dict__")):
        for key, _ in entries(held):
            if type(key) is not type(missing) and equal(string(key), string(missing)):
                return string(name)
    return None


def _kind(run_id: Any) -> str:
    return "text" if is_a(run_id, str) else "UUID"


def _other_kind(run_id: Any) -> str:
    return "UUID" if is_a(run_id, str) else "text"


def _is_id(missing: Any, run_id: Any) -> bool:
    return run_id is not None and (equal(missing, run_id) or equal(missing, string(run_id)))


def _explain_assertion(failed: HandlerError) -> str | None:
    """An assert of the user's; one inside a library's handler is a bug of that."""
    is_asserted = is_a(failed.error, AssertionError) and any(is_users(line.frame) for line in users_lines(failed.error))
    return _causes.ASSERT_IN_HANDLER.hint() if is_asserted else None


def _explain_stop_iteration(failed: HandlerError) -> str | None:
    # In a coroutine a StopIteration becomes a RuntimeError that names it.
    is_one = is_a(failed.error, StopIteration) or "StopIteration" in _words.error_text(failed.error)
    return _causes.STOP_ITERATION.hint() if is_one else None


def _explain_signature(failed: HandlerError) -> str | None:
    # Arguments that do not fit are refused before any line of the handler runs.
    is_refused = "argument" in _words.error_text(failed.error) and not users_lines(failed.error)
    if not is_a(failed.error, TypeError) or not is_refused:
        return None
    named = [f"{name}=" for name in failed.kwargs]
    called = ", ".join([*failed.names, *named])
    facts = f"{failed.name}.{failed.event} does not take what LangChain calls it with: {failed.event}({called})."
    return _causes.SIGNATURE.hint(facts)


def _explain_thread(failed: HandlerError) -> str | None:
    """A value of the test's thread was looked up in another one."""
    # The test is judged in its own thread.
    if failed.thread_id in (0, threading.get_ident()):
        return None
    if not (_is_kept_by_thread(failed.error) or _is_bound_to_thread(failed.error)):
        return None
    facts = f"{failed.name}.{failed.event} was called in {failed.where}, not in the test's thread."
    return _causes.HANDLER_THREAD.hint(facts)


def _is_kept_by_thread(error: BaseException) -> bool:
    """Whether the thread that judges the test has what a threading.local did not have in the handler's thread."""
    local, name = ask(error, "obj"), text_of(ask(error, "name"))
    is_missing = is_a(error, AttributeError) and is_a(local, threading.local) and name is not None
    return is_missing and ask(local, name or "", _ABSENT) is not _ABSENT


def _is_bound_to_thread(error: BaseException) -> bool:
    """Whether Python itself refuses the handler's thread, as a connection of sqlite3 and a signal do."""
    text = _words.error_text(error)
    return any(word in text for word in _BOUND_TO_THREAD)


_BOUND_TO_THREAD = (
    "can only be used in that same thread",
    "only works in main thread",
    "no current event loop in thread",
    "no running event loop",
)


def _explain_token(failed: HandlerError) -> str | None:
    by_keyword = failed.event == "on_llm_new_token" and not failed.args
    return _causes.TOKEN_BY_KEYWORD.hint() if is_a(failed.error, IndexError) and by_keyword else None


def _explain_context(failed: HandlerError) -> str | None:
    """A ContextVar that the handler sets is unset in a later event of an async run, or its token of another context."""
    callers = {frame.f_code.co_name for frame, _ in walk_tb(traceback_of(failed.error))}
    given = items(ask(failed.error, "args"))
    is_unset = is_a(failed.error, LookupError) and bool(given) and is_a(given[0], ContextVar)
    is_elsewhere = "was created in a different Context" in _words.error_text(failed.error)
    functions = [value for base in bases(type(failed.handler)) for value in vars(base).values()]
    sets = any("set" in value.__code__.co_names for value in functions if is_a(value, FunctionType))
    if "_ahandle_event_for_handler" not in callers or not sets or not (is_unset or is_elsewhere):
        return None
    return _causes.CONTEXT_PER_EVENT.hint(f"{failed.name} sets a ContextVar, in an async run.")


def _explain_loop(failed: HandlerError) -> str | None:
    text = _words.error_text(failed.error)
    return _causes.LOOP_PER_CALL.hint() if "different" in text and "loop" in text else None


def _explain_raise_error(failed: HandlerError) -> str | None:
    means_to_raise = failed.in_coroutine and is_true(ask(failed.handler, "raise_error"))
    return _causes.RAISE_ERROR_IN_COROUTINE.hint() if means_to_raise else None


def _explain_input_str(failed: HandlerError) -> str | None:
    lines = users_lines(failed.error)
    if failed.event != "on_tool_start" or class_name(type(failed.error)) != "JSONDecodeError":
        return None
    sent, read = text_of(failed.args[1] if len(failed.args) > 1 else None), text_of(ask(failed.error, "doc"))
    is_read = (bool(lines) and "input_str" in lines[-1].source) or (sent is not None and sent == read)
    return _causes.INPUT_STR.hint() if is_read else None


def _explain_interrupt(failed: HandlerError) -> str | None:
    """langgraph itself would not have sent this to a handler that has no such method."""
    lacks_it = is_a(failed.error, AttributeError) and equal(ask(failed.error, "name"), failed.event)
    if failed.event not in GRAPH_EVENTS or not lacks_it or ask(failed.error, "obj") is not failed.handler:
        return None
    return _causes.ADDED_TO_EVERY_MANAGER.hint(f"{failed.name} is no GraphCallbackHandler.")


def _explain_history(failed: HandlerError) -> str | None:
    frames = [frame for frame, _ in walk_tb(traceback_of(failed.error))]
    saves = [frame for frame in frames if frame.f_code.co_name in ("_exit_history", "_aexit_history")]
    is_langchains = bool(saves) and saves[-1].f_globals.get("__name__") == "langchain_core.runnables.history"
    if not is_langchains or not is_a(failed.error, KeyError):
        return None
    return _causes.HISTORY_KEY.hint(f"the turn was not saved: {_wrong_key(failed, saves[-1])}.")


def _wrong_key(failed: HandlerError, frame: FrameType) -> str:
    """Which key of the RunnableWithMessageHistory names nothing."""
    history, run = frame.f_locals.get("self"), frame.f_locals.get("run")
    missing = (items(ask(failed.error, "args")) or [None])[0]
    for name, there in (("output_messages_key", "outputs"), ("input_messages_key", "inputs")):
        if is_a(missing, str) and equal(ask(history, name), missing):
            keys = _words.listing(repr(key) for key, _ in entries(ask(run, there)))
            has = f", which has {keys}" if keys else ""
            return f"{name}={missing!r} names no key of the {there.removesuffix('s')}{has}"
    return f"{_words.error_line(failed.error)} was raised while it was saved"


_HINTS: tuple[Callable[[HandlerError], str | None], ...] = (
    _explain_none,
    _explain_lookup,
    _explain_assertion,
    _explain_stop_iteration,
    _explain_signature,
    _explain_thread,
    _explain_token,
    _explain_context,
    _explain_loop,
    _explain_raise_error,
    _explain_input_str,
    _explain_history,
    _explain_interrupt,
    *PAYLOAD_HINTS,
)
