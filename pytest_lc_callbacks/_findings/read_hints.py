"""What a handler reads of something that LangChain handed it, and what is there instead: each with its hint."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import Generation, LLMResult

from pytest_lc_callbacks import _causes, _words
from pytest_lc_callbacks._findings.handler_exception import HandlerError, is_langchain, users_lines
from pytest_lc_callbacks._values import ask, class_name, entries, entry, equal, is_a, items, text_of

_ABSENT = object()
_WORD = re.compile(r"[A-Za-z_]\w*")
# What a run takes or returns.
_PAYLOADS = {"on_chain_start": "inputs", "on_chain_end": "outputs", "on_tool_end": "output"}
# What an integration fills in as its provider answers.
_PROVIDERS = ("response_metadata", "generation_info", "llm_output", "additional_kwargs", "usage_metadata")


class Read(NamedTuple):
    """One attribute or key that the line which raised reads, and that is not there."""

    argument: str
    """LangChain's name of the argument that it begins with: ``response``."""

    path: str
    """``response.generations[0][0]``."""

    value: Any
    """What is there."""

    wanted: Any
    """The attribute or the key."""

    is_whole: bool
    """Whether the path is the argument alone."""


def find_read(failed: HandlerError) -> Read | None:
    """What the line that raised reads of an argument of the handler's method; None where that is not certain."""
    # pydantic, of which LangChain's objects are made, raises in a line of its own.
    lines = [line for line in users_lines(failed.error) if not is_langchain(line)]
    node = lines[-1].node if lines else None
    if not isinstance(node, (ast.Attribute, ast.Subscript)):
        return None
    steps = [node, *_inner(node)]
    root = steps.pop()
    value = lines[-1].frame.f_locals.get(root.id, _ABSENT) if isinstance(root, ast.Name) else _ABSENT
    if value is _ABSENT or not isinstance(root, ast.Name):
        return None
    name, is_whole = root.id, True
    argument = _argument(failed, name, value)
    for step in reversed(steps[1:]):
        value = _follow(value, step)
        is_whole = argument is None
        if argument is None and isinstance(step, ast.Subscript):
            # Of kwargs["metadata"] the argument is metadata.
            argument = _argument(failed, _key(step), value)
    if argument is None or value is _ABSENT or not _is_raised_by(failed.error, node, value):
        return None
    wanted = node.attr if isinstance(node, ast.Attribute) else _key(node)
    return Read(argument, ast.unparse(node.value), value, wanted, is_whole)


def _inner(node: ast.expr) -> Iterator[ast.expr]:
    """What *node* reads an attribute or a key of, and so on to the variable."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
        yield node


def _key(node: ast.Subscript) -> Any:
    """The constant in the brackets; something that is no key where there is none."""
    try:
        return ast.literal_eval(node.slice)
    except (ValueError, TypeError):
        return _ABSENT


def _follow(value: Any, step: ast.expr) -> Any:
    """The attribute or the entry of *value* that a *step* reads."""
    if isinstance(step, ast.Attribute):
        return ask(value, step.attr, _ABSENT)
    key = _key(step) if isinstance(step, ast.Subscript) else _ABSENT
    if isinstance(key, int) and is_a(value, list, tuple):
        held = items(value)
        return held[key] if -len(held) <= key < len(held) else _ABSENT
    return entry(value, key, _ABSENT) if isinstance(key, str) else _ABSENT


def _argument(failed: HandlerError, name: Any, value: Any) -> str | None:
    """LangChain's name of the argument of the method that *value* is; None where it is none."""
    if isinstance(name, str) and failed.kwargs.get(name, _ABSENT) is value:
        return name
    given = zip(failed.names, failed.args, strict=True)
    return next((each for each, passed in given if passed is value and value is not None), None)


def _is_raised_by(error: BaseException, node: ast.Attribute | ast.Subscript, value: Any) -> bool:
    """Whether *error* says that *value* has not what *node* reads of it."""
    name, said = class_name(type(value)), _words.error_text(error)
    if isinstance(node, ast.Attribute):
        # pydantic's exception says it in words alone.
        is_told = ask(error, "obj") is value or said == f"{name!r} object has no attribute {node.attr!r}"
        return is_a(error, AttributeError) and is_told and ask(value, node.attr, _ABSENT) is _ABSENT
    key = _key(node)
    if is_a(error, KeyError):
        given = items(ask(error, "args"))[:1]
        is_key = key is not _ABSENT and bool(given) and equal(given[0], key)
        return is_key and is_a(value, Mapping) and isinstance(key, str) and entry(value, key, _ABSENT) is _ABSENT
    return is_a(error, TypeError) and (f"'{name}' object is not subscriptable" in said or f"{name} indices" in said)


def explain_read(failed: HandlerError) -> str | None:
    """Why what the handler reads is not there, where that is LangChain's way."""
    read = find_read(failed)
    if read is None or (read.is_whole and _is_payload(failed, read)):
        return _explain_payload(failed)
    if read.value is None:
        return _explain_none(read)
    if is_a(failed.error, KeyError):
        return _explain_key(failed, read)
    if read.is_whole and is_a(read.value, LLMResult):
        return _causes.LLM_RESULT.hint(f"{read.path} is an LLMResult, and has no {read.wanted}.")
    if _is_payload(failed, read):
        return _explain_inside(read)
    # A text LLM's answer has a cause of its own.
    is_object = is_a(read.value, BaseMessage, Document, Generation, UUID) and read.wanted != "message"
    is_token = read.argument == "token" and is_a(read.value, str)
    found = _words.with_article(class_name(type(read.value)))
    return _causes.HANDED_OBJECTS.hint(f"{read.path} is {found}.") if is_object or is_token else None


def _explain_none(read: Read) -> str | None:
    if read.argument == "parent_run_id" and read.is_whole:
        return _causes.ROOT_PARENT.hint(f"{read.path} is None.")
    if read.path.endswith((".generation_info", ".response_metadata")):
        return _causes.PROVIDER_KEYS.hint(f"{read.path} is None here.")
    return None


def _explain_key(failed: HandlerError, read: Read) -> str | None:
    facts = f"{read.path} has {_keys(read.value)}, and no {_words.safe(repr(read.wanted))}."
    if read.argument == "metadata" and read.is_whole:
        return _causes.METADATA_KEYS.hint(facts)
    if read.argument == "serialized":
        return _causes.SERIALIZED_KEYS.hint(facts)
    if any(f".{name}" in read.path for name in _PROVIDERS):
        return _causes.PROVIDER_KEYS.hint(facts)
    return _explain_inside(read) if _is_payload(failed, read) else None


def _explain_inside(read: Read) -> str:
    """Something inside what a run takes or returns is taken for something else."""
    return _causes.PAYLOAD_TYPE.hint(f"{read.path} is {_kind(read.value)} here.")


def _explain_payload(failed: HandlerError) -> str | None:
    """The line that raised takes what a run was given, or gave, for something else."""
    name = _PAYLOADS.get(failed.event)
    value = {**dict(zip(failed.names, failed.args, strict=True)), **failed.kwargs}.get(name or "")
    is_misread = value is not None and _is_misread(failed, value)
    return _causes.PAYLOAD_TYPE.hint(f"{name} is {_kind(value)} here.") if is_misread else None


def _is_misread(failed: HandlerError, value: Any) -> bool:
    """Whether the line that raised uses *value*, and raised because of what that is."""
    error = failed.error
    if is_a(error, AttributeError):
        return ask(error, "obj", _ABSENT) is value
    if not uses(failed, value):
        return False
    if is_a(error, KeyError):
        key = (items(ask(error, "args")) or [None])[0]
        return is_a(value, Mapping) and text_of(key) is not None and entry(value, str(key), _ABSENT) is _ABSENT
    said = _words.error_text(error)
    names = {class_name(type(value)), *(("indices must be integers",) if is_a(value, str, list) else ())}
    return is_a(error, TypeError) and any(name in said for name in names)


def uses(failed: HandlerError, value: Any) -> bool:
    """Whether what raised in the innermost line of the user's has a variable that is *value*."""
    lines = users_lines(failed.error)
    if not lines:
        return False
    local = lines[-1].frame.f_locals
    return any(local.get(word, _ABSENT) is value for word in _WORD.findall(lines[-1].expression))


def _is_payload(failed: HandlerError, read: Read) -> bool:
    return _PAYLOADS.get(failed.event) == read.argument


def _kind(value: Any) -> str:
    """``a ToolMessage``; ``a dict with the key 'q'``."""
    kind = _words.with_article(class_name(type(value)))
    return f"{kind} with {_keys(value)}" if is_a(value, Mapping) and entries(value) else kind


def _keys(value: Any) -> str:
    """``the key 'messages'``."""
    keys = [repr(key) for key, _ in entries(value)]
    return f"the key{'' if len(keys) == 1 else 's'} {_words.safe(_words.listing(keys))}" if keys else "no key"
