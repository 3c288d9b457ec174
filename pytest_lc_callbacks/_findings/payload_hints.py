"""The mistakes of a handler about what it is handed: each with its hint where the facts prove it."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from pytest_lc_callbacks import _causes, _words
from pytest_lc_callbacks._findings.handler_exception import HandlerError, users_lines
from pytest_lc_callbacks._findings.read_hints import explain_read, uses
from pytest_lc_callbacks._stack import is_library
from pytest_lc_callbacks._values import (
    ask,
    bases,
    class_name,
    entries,
    entry,
    innermost,
    is_a,
    is_true,
    items,
    text_of,
)

_ABSENT = object()
_WORD = re.compile(r"[A-Za-z_]\w*")
# What json and orjson say of an object that is no JSON.
_NO_JSON = re.compile(r"(?:Object of type|Type is not JSON serializable:) (\w+)")
_RAISES = re.compile(r"(^|:\s*)raise\b")
_DEPTH, _MOST_ITEMS = 6, 200
# A handler that is to stop a run raises none of these.
_SLIPS = (LookupError, TypeError, AttributeError, AssertionError, StopIteration, NotImplementedError)


def _explain_json(failed: HandlerError) -> str | None:
    """What the handler was handed holds an object that is no JSON."""
    found = _NO_JSON.search(_words.error_text(failed.error))
    if found is None or not is_a(failed.error, TypeError):
        return None
    given = [*failed.args, *failed.kwargs.values()]
    if not any(class_name(type(value)) == found[1] for each in given for value in _inside(each, _DEPTH)):
        return None
    return _causes.NO_JSON.hint(f"{failed.name}.{failed.event} was handed a {found[1]}.")


def _inside(value: Any, depth: int) -> Iterator[Any]:
    """*value*, and what the containers in it hold."""
    yield value
    held = [each for pair in entries(value)[:_MOST_ITEMS] for each in pair] + items(value)[:_MOST_ITEMS]
    for each in held if depth else ():
        yield from _inside(each, depth - 1)


def _explain_token_blocks(failed: HandlerError) -> str | None:
    """A token that is a list of content blocks is taken for a text."""
    token = (failed.args or (failed.kwargs.get("token"),))[0]
    if failed.event != "on_llm_new_token" or not is_a(token, list) or not is_a(failed.error, TypeError, AttributeError):
        return None
    is_meant = ask(failed.error, "obj", _ABSENT) is token or uses(failed, token)
    return _causes.TOKEN_BLOCKS.hint("the token is a list here.") if is_meant else None


def _explain_lists(failed: HandlerError) -> str | None:
    """One of several lists, each of one prompt, is taken for a message or a generation."""
    given = {
        "on_chat_model_start": ("messages", failed.args[1] if len(failed.args) > 1 else failed.kwargs.get("messages")),
        "on_llm_end": ("response.generations", ask(failed.first, "generations")),
    }
    name, lists = given.get(failed.event, ("", None))
    read = ask(failed.error, "obj") if is_a(failed.error, AttributeError) else None
    is_meant = is_a(read, list) and (read is lists or any(read is each for each in items(lists)))
    return _causes.LIST_PER_PROMPT.hint(f"{name} is a list of lists.") if is_meant else None


def _explain_no_message(failed: HandlerError) -> str | None:
    """The answer of a text LLM is asked for its message."""
    read = ask(failed.error, "obj") if is_a(failed.error, AttributeError) else None
    generations = [each for batch in items(ask(failed.first, "generations")) for each in items(batch)]
    is_meant = ask(failed.error, "name") == "message" and any(read is each for each in generations)
    if failed.event != "on_llm_end" or not is_meant:
        return None
    return _causes.NO_MESSAGE.hint(f"the answer is a {class_name(type(read))}.")


def _explain_invocation_params(failed: HandlerError) -> str | None:
    """A key of the parameters is looked up that this model's integration does not have."""
    params, missing = failed.kwargs.get("invocation_params"), items(ask(failed.error, "args"))[:1]
    lines = users_lines(failed.error)
    key = text_of(missing[0]) if missing else None
    if not is_a(failed.error, KeyError) or key is None or not is_a(params, dict) or not lines:
        return None
    is_meant = "invocation_params" in lines[-1].expression or uses(failed, params)
    if not is_meant or entry(params, key, _ABSENT) is not _ABSENT:
        return None
    keys = _words.safe(_words.listing([repr(each) for each, _ in entries(params)]) or "no key")
    return _causes.INVOCATION_PARAMS.hint(f"invocation_params has {keys} here, and no {key!r}.")


def _explain_keyword(failed: HandlerError) -> str | None:
    """The handler looks up a keyword that LangChain has not passed for this event."""
    lines, missing = users_lines(failed.error), items(ask(failed.error, "args"))[:1]
    key = text_of(missing[0]) if missing else None
    if not is_a(failed.error, KeyError) or key is None or not lines:
        return None
    code = lines[-1].frame.f_code
    name = _read_mapping(lines[-1].expression.strip())
    keywords = lines[-1].frame.f_locals.get(name) if name and name == _rest_of_keywords(code) else None
    # A method may hand its keywords on to another one.
    are_langchains = bool(keywords) or code.co_name == failed.event
    if keywords is None or not are_langchains or not failed.kwargs.keys() >= keywords.keys() or key in failed.kwargs:
        return None
    if key in ("metadata", "name") and not failed.event.endswith("_start"):
        return _causes.METADATA_AT_START.hint()
    passed = _words.safe(", ".join(f"{each}=" for each in failed.kwargs))
    return _causes.ABSENT_KEYWORD.hint(f"LangChain called {failed.event} with {passed}, and not {_words.safe(key)}=.")


def _read_mapping(expression: str) -> str | None:
    """``kwargs`` of ``kwargs["name"]`` and of ``kwargs.pop("name")``."""
    found = re.match(r"(\w+)(?:\[[^\[\]]*\]|\.pop\([^()]*\))$", expression)
    return found[1] if found else None


def _rest_of_keywords(code: CodeType) -> str | None:
    """The name of the parameter that takes all other keywords: ``kwargs``."""
    if not code.co_flags & inspect.CO_VARKEYWORDS:
        return None
    takes_positions = bool(code.co_flags & inspect.CO_VARARGS)
    return code.co_varnames[code.co_argcount + code.co_kwonlyargcount + takes_positions]


def _explain_base_init(failed: HandlerError) -> str | None:
    """The handler lacks what the constructor of a base class would have made."""
    missing = text_of(ask(failed.error, "name")) if is_a(failed.error, AttributeError) else None
    if missing is None or ask(failed.error, "obj") is not failed.handler or failed.handler is None:
        return None
    inits = [(base, vars(base)["__init__"]) for base in bases(type(failed.handler)) if "__init__" in vars(base)]
    written = [(base, init) for base, init in inits if is_a(init, FunctionType)]
    if not written or "__init__" in written[0][1].__code__.co_names:
        return None
    if not any(_makes(init, missing) for _, init in written[1:]):
        return None
    facts = f"{class_name(written[0][0])}.__init__ does not call that of its base class, which makes what is missing."
    return _causes.BASE_INIT.hint(facts)


def _makes(init: Any, name: str) -> bool:
    """Whether a constructor sets the attribute *name*."""
    return any(step.opname == "STORE_ATTR" and step.argval == name for step in dis.get_instructions(init))


def _explain_swallowed(failed: HandlerError) -> str | None:
    """The handler raises on purpose, with a raise statement of its own, and LangChain swallows it."""
    lines = users_lines(failed.error)
    if not lines or failed.in_coroutine or is_true(ask(failed.handler, "raise_error")) or is_a(failed.error, *_SLIPS):
        return None
    last = innermost(failed.error)
    is_innermost = last is not None and last.tb_frame is lines[-1].frame
    if not is_innermost or not _RAISES.search(lines[-1].source) or is_library(lines[-1].file):
        return None
    return _causes.RAISE_ERROR.hint(f"{failed.name} raises it itself, and has no raise_error = True.")


PAYLOAD_HINTS: tuple[Callable[[HandlerError], str | None], ...] = (
    _explain_json,
    explain_read,
    _explain_token_blocks,
    _explain_lists,
    _explain_no_message,
    _explain_invocation_params,
    _explain_keyword,
    _explain_base_init,
    _explain_swallowed,
)
"""Each looks for one mistake, and gives its hint if the facts prove it."""
