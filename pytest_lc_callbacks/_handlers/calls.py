"""What LangChain's frames show of a call, while they make the callback manager of the run that it begins."""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar, Token
from types import FrameType
from typing import Any, NamedTuple

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.callbacks.manager import handle_event
from langchain_core.runnables.config import CONFIG_KEYS, var_child_runnable_config

from pytest_lc_callbacks._by_identity import ByIdentity
from pytest_lc_callbacks._recording import id_key
from pytest_lc_callbacks._scopes import EMPTY, INHERITED, LIST, MANAGER, NONE, Given
from pytest_lc_callbacks._stack import frames_of_call, read_locals, read_variables, render_place
from pytest_lc_callbacks._values import ask, bases, class_name, entries, entry, is_a, is_local, items, text_of

_HANDLE_EVENT = handle_event.__code__
_CONFIGURE = "_configure"
# So far up, at most, is the method that LangChain hands the manager of its run.
_NEAR = 12
_TOOLS = "langchain_core.tools.base"
_RUN_TEST = "pytest_pyfunc_call"
# The components whose methods of these names take callbacks= alone, and what they are called in a message.
_KINDS = {"BaseTool": "a tool", "BaseChatModel": "a chat model", "BaseLLM": "an LLM", "BaseRetriever": "a retriever"}
_KNOWN_KEYS = frozenset(CONFIG_KEYS)
# They hand the keywords of a call to the user's own function.
_PASSING_KEYWORDS = ("RunnableLambda", "RunnableGenerator")


class Call:
    """
    A run that is about to begin.

    LangChain makes the manager of each run, calls the hook of the observer for it, then sends the start. Between them a
    context variable holds the `Call`: the start may be sent in a task or thread, in a copy of that context.
    """

    __slots__ = ("_frame_id", "_instruction", "ambiguous", "given", "inside", "used")

    def __init__(self, frame: FrameType, given: Given | None, inside: tuple[str, str | None] | None) -> None:
        self._frame_id, self._instruction = id(frame), frame.f_lasti
        self.given = given
        """What it was given, of a run without parent or with constructor callbacks."""
        self.inside = inside
        """The handler's method that made it, ``Judge.on_llm_end``, and the line; None if no handler did."""
        self.used = False
        """Whether the start has come."""
        self.ambiguous = False
        """Whether another manager was made with something else before the start came, as in a batch with configs."""

    def is_of(self, frame: FrameType) -> bool:
        """Whether *frame* is the one it was noted in, further down: LangChain calls the hook twice for each run."""
        return id(frame) == self._frame_id and frame.f_lasti > self._instruction and not self.used


_CALL: ContextVar[Call | None] = ContextVar("lc_callbacks_call", default=None)


def begin_noting() -> Token[Call | None]:
    """Note no call of before; what it returns is for `end_noting`."""
    return _CALL.set(None)


def end_noting(token: Token[Call | None]) -> None:
    """Leave the context as it was before `begin_noting`; in another context, forget the last call."""
    try:
        _CALL.reset(token)
    except ValueError:
        _CALL.set(None)


def note_call(frame: FrameType) -> bool:
    """
    Note the call that leads to *frame*, in which LangChain makes the manager of a run and calls the hook.

    Returns:
        Whether it was not noted yet: LangChain calls the hook twice.
    """
    before = _CALL.get()
    if before is not None and before.is_of(frame):
        return False
    if frame.f_code.co_name != _CONFIGURE:
        _CALL.set(None)
        return True
    call = _read(frame)
    if before is not None and not before.used:
        call.ambiguous = before.ambiguous or (before.given, before.inside) != (call.given, call.inside)
    _CALL.set(call)
    return True


def current_call() -> Call | None:
    """The call whose run begins at this moment; None where that is not certain."""
    call = _CALL.get()
    if call is None:
        return None
    call.used = True
    return None if call.ambiguous else call


def has_handled_error(frame: FrameType | None, run_id: Any) -> bool:
    """
    Whether a tool answers an error of its own, as the run of this id ends.

    LangChain's method of the tool, one of the callers of *frame*, knows it; of an async one no caller is left.
    """
    for _ in range(_NEAR):
        if frame is None:
            return False
        if frame.f_globals.get("__name__") == _TOOLS:
            status, manager = read_variables(frame, "status", "run_manager")
            if manager is not None:
                return text_of(status) == "error" and ask(manager, "run_id") == run_id
        frame = frame.f_back
    return False


def _read(frame: FrameType) -> Call:
    passed, constructed, manager = read_variables(frame, "inheritable_callbacks", "local_callbacks", "callback_manager")
    inside = _handler_around(frame)
    if getattr(manager, "parent_run_id", None) is None:
        return Call(frame, _given(frame, passed, _own(manager)), inside)
    # What a child inherits, its root tells.
    given = Given(kind=INHERITED, handlers=_named(_own(manager))) if constructed else None
    return Call(frame, given, inside)


def _own(manager: Any) -> list[Any]:
    """The handlers of *manager*, the observers not included."""
    return [handler for handler in getattr(manager, "handlers", ()) if not _facts_of(handler).is_observer]


def _named(handlers: Iterable[Any]) -> tuple[tuple[int, str], ...]:
    return tuple([(id(handler), _facts_of(handler).name) for handler in handlers])


def _given(frame: FrameType, passed: Any, own: list[Any]) -> Given:
    frames, user = frames_of_call(frame)
    variables = {} if user is None else read_locals(user)
    methods = [_Method.of(each) for each in frames]
    # What the user passed, the outermost method has: LangChain moves keys that it does not know before it goes on.
    config, keywords = read_variables(frames[-1], "config", "kwargs") if frames else (None, None)
    outer: Any = (var_child_runnable_config.get() or {}).get("callbacks")
    bound = [callbacks for each in methods if (callbacks := each.bound()) is not None]
    return Given(
        kind=NONE if passed is None else MANAGER if not is_a(passed, list) else LIST if passed else EMPTY,
        handlers=_named(own),
        listed=frozenset(map(id, items(passed))),
        outer=frozenset(map(id, _own(outer))),
        classes=tuple([class_name(handler) for handler in own if issubclass(type(handler), type)]),
        file=None if user is None else user.f_code.co_filename,
        line=0 if user is None else user.f_lineno,
        entry=_entry(methods),
        options=tuple(_options(methods, keywords)),
        unknown_keys=() if config is None else tuple(_unknown_keys(config)),
        bound=bool(bound),
        from_binding=frozenset([known for callbacks in bound for known in _ids(callbacks)]),
        component=_component(user),
        in_reach=frozenset(_in_reach(variables)),
        told_apart=frozenset() if user is None else frozenset(_told_apart(user, variables)),
    )


def _told_apart(user: FrameType, variables: dict[str, Any]) -> Iterator[int]:
    """The ids of the handlers of one class that a function keeps in variables and reads again further down."""
    kept = [pair for pair in variables.items() if issubclass(type(pair[1]), BaseCallbackHandler)]
    kinds = [id(type(handler)) for _, handler in kept]
    if len(set(kinds)) == len(kinds):
        return
    later = _names_read_after(user)
    yield from (id(handler) for name, handler in kept if name in later)


def _names_read_after(frame: FrameType) -> set[str]:
    """The variables that the code behind the instruction of *frame* reads."""
    reads = (each for each in dis.get_instructions(frame.f_code) if each.opname.startswith("LOAD_"))
    # One instruction may read two variables.
    values = (each.argval for each in reads if each.offset > frame.f_lasti)
    return {name for value in values for name in (value if type(value) is tuple else (value,)) if type(name) is str}


def _component(frame: FrameType | None) -> Any:
    """The id of the run whose manager a retriever or model was handed that called, a few frames up, this *frame*."""
    for _ in range(_NEAR):
        if frame is None:
            return None
        if "run_manager" in frame.f_code.co_varnames:
            run_id = ask(read_variables(frame, "run_manager")[0], "run_id")
            if run_id is not None:
                return id_key(run_id)
        frame = frame.f_back
    return None


class _Method(NamedTuple):
    """A method of LangChain's that runs."""

    name: str
    this: Any
    """The runnable that it is of."""
    facts: _ClassFacts
    """What is known of the class of that."""

    @classmethod
    def of(cls, frame: FrameType) -> _Method:
        """The one that *frame* runs."""
        [this] = read_variables(frame, "self")
        return cls(frame.f_code.co_name, this, _facts_of(this))

    def bound(self) -> Any:
        """The callbacks of the config of ``with_config``, if there are any."""
        config = _own_attributes(self.this).get("config")
        return None if config is None else entry(config, "callbacks")


def _unknown_keys(config: Any) -> Iterator[tuple[str, frozenset[int]]]:
    """The keys of a config that LangChain does not know, or has moved into ``configurable``."""
    for key, value in entries(config):
        # A key of another type may raise when it is compared.
        name = key if type(key) is str else text_of(key)
        if name not in _KNOWN_KEYS:
            yield from _holding([(key, value)])
        elif name == "configurable":
            yield from _holding(entries(value))


class _ClassFacts(NamedTuple):
    """What matters of a class. To find it out takes longer than all else that is done for a frame."""

    name: str
    kind: str | None
    """What its objects are called in a message, of those that take callbacks= alone: ``a tool``."""
    is_binding: bool
    is_observer: bool


_FACTS = ByIdentity()
"""The `_ClassFacts` of the classes that were met."""


def _facts_of(value: Any) -> _ClassFacts:
    kind = type(value)
    facts: _ClassFacts | None = _FACTS.get(kind)
    if facts is None:
        names = {class_name(base) for base in bases(kind)}
        words = next((words for base, words in _KINDS.items() if base in names), None)
        is_observer = any("_observed_runs" in vars(base) for base in bases(kind))
        facts = _ClassFacts(class_name(kind), words, "RunnableBindingBase" in names, is_observer)
        # A class in a function is made again at each call, and Python 3.12 keeps each for ever.
        if not is_local(kind):
            _FACTS.note(kind, facts)
    return facts


def _own_attributes(value: Any) -> dict[str, Any]:
    """The attributes of *value* itself; its class may have a slow ``__getattr__``, as pydantic's have."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}


def _handler_around(frame: FrameType) -> tuple[str, str | None] | None:
    """The innermost callback method of a handler among the callers of *frame*, and its line that leads there."""
    below: FrameType | None = None
    around: FrameType | None = frame.f_back
    while around is not None:
        code = around.f_code
        if code.co_name == _RUN_TEST:
            # The test's own frames end here, and no handler runs a test.
            return None
        if code is _HANDLE_EVENT and below is not None:
            local = read_locals(around)
            return _method(local.get("handler"), str(local.get("event_name")), below)
        if code.co_name.startswith("on_") and code.co_argcount:
            this = read_locals(around).get(code.co_varnames[0])
            if is_a(this, BaseCallbackHandler):
                return _method(this, code.co_name, around)
        below, around = around, around.f_back
    return None


def _method(handler: Any, name: str, frame: FrameType) -> tuple[str, str | None]:
    return f"{class_name(type(handler))}.{name}", render_place(frame.f_code.co_filename, frame.f_lineno)


def _entry(methods: list[_Method]) -> str | None:
    """``arun() of a tool``: the outermost of the component's own methods that LangChain runs."""
    found: str | None = None
    for each in methods:
        if each.facts.kind is None:
            break
        found = f"{each.name}() of {each.facts.kind}"
    return found


def _options(methods: list[_Method], keywords: Any) -> Iterator[tuple[str, frozenset[int]]]:
    """The keywords of the call, and of bind(), that hold callbacks, with the ids of these."""
    for each in methods:
        if each.facts.is_binding:
            yield from _holding(entries(ask(each.this, "kwargs")))
    if keywords and methods[-1].facts.name not in _PASSING_KEYWORDS:
        yield from _holding(entries(keywords))


def _holding(pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, frozenset[int]]]:
    """The keys of those values that hold handlers, or a whole config that does, with the ids of these."""
    for key, value in pairs:
        ids = frozenset(_ids(entry(value, "callbacks") if is_a(value, Mapping) else value))
        if ids and is_a(key, str):
            yield str.__str__(key), ids


def _ids(value: Any) -> Iterator[int]:
    """The ids of the handlers in a list of callbacks or a manager, or of the one handler itself."""
    held = list(value.handlers) if is_a(value, BaseCallbackManager) else items(value)
    handlers = (each for each in (held or [value]) if is_a(each, BaseCallbackHandler))
    return (id(each) for each in handlers if not _facts_of(each).is_observer)


def _in_reach(local: dict[str, Any]) -> Iterator[int]:
    """The ids of the handlers in the configs among variables, *local*, and among the attributes of ``self``."""
    this = local.get("self")
    for config in (*local.values(), *(() if this is None else _own_attributes(this).values())):
        if issubclass(type(config), dict):
            for key, value in dict.items(config):
                # A key of another type may do anything when it is compared.
                if type(key) is str and key == "callbacks":
                    yield from _ids(value)
