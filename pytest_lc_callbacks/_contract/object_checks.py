"""Checks of the handler as an object: identity, shared state, copies, the methods it has."""

from __future__ import annotations

import copy
import inspect
from contextvars import Context
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

from pytest_lc_callbacks._contract.check import check
from pytest_lc_callbacks._contract.components import Chat
from pytest_lc_callbacks._contract.judging import fault
from pytest_lc_callbacks._contract.left_behind import Same
from pytest_lc_callbacks._contract.program import PROGRAMS
from pytest_lc_callbacks._contract.reach import attributes, is_container, package_of
from pytest_lc_callbacks._contract.suite import Suite
from pytest_lc_callbacks._contract.trial import run_in_loop
from pytest_lc_callbacks._handlers.recorder import RecordingHandler
from pytest_lc_callbacks._words import hint, listing

_PARTS = ("agent", "chain", "chat_model", "custom_event", "graph", "llm", "parser", "prompt", "retriever", "tool")
_MOMENTS = ("start", "end", "error", "finish", "new_token")
_FLAGS: tuple[str, ...] = (
    "raise_error",
    "run_inline",
    "ignore_llm",
    "ignore_chain",
    "ignore_agent",
    "ignore_retriever",
)
_FLAGS += ("ignore_chat_model", "ignore_custom_event", "ignore_retry")


class ObjectChecks(Suite):
    """The first checks of all: they need no run, or a single one."""

    @check(first=True)
    def test_is_set_up(self) -> None:
        """make_handler gives a new handler each time, or a fixture `instrumented` switches an instrumentor on."""
        if self._is_instrumented:
            return
        one, other = self.make_handler(), self.make_handler()
        if one is other:
            raise AssertionError(
                "expected make_handler to make a new handler each time, but it gave one handler twice\n"
                + hint("each check looks at what a fresh handler does: make it inside make_handler.")
            )

    @check(needs="handler")
    def test_is_a_handler(self) -> None:
        """LangChain reads raise_error, run_inline and ignore_... of every handler: one that lacks them is an error."""
        handler = self.make_handler()
        missing = [name for name in _FLAGS if not hasattr(handler, name)]
        if missing:
            raise AssertionError(
                f"expected a callback handler, but {type(handler).__name__} lacks {listing(missing, 3)}\n"
                + hint("derive it from langchain_core.callbacks.BaseCallbackHandler.")
            )
        methods = [name for name in _FLAGS if callable(getattr(handler, name))]
        if methods:
            raise AssertionError(
                f"expected flags that are true or false, but {listing(methods, 3)} of {type(handler).__name__} can be "
                "called, and LangChain takes that for true\n" + hint(f"write @property over def {methods[0]}(self).")
            )

    @check(needs="handler")
    def test_equals_itself_alone(self) -> None:
        """LangChain drops a handler that equals another in its list: of two that are equal one hears nothing."""
        one, other = self.make_handler(), self.make_handler()
        if one != one or (one is not other and one == other):
            raise AssertionError(
                "expected a handler to equal itself alone, but "
                + ("it does not equal itself" if one != one else "two handlers are equal")
                + "\n"
                + hint("define no __eq__; for a dataclass write @dataclass(eq=False).")
            )

    @check(needs="handler")
    def test_is_hashable(self) -> None:
        """Merging managers puts handlers into a set (langchain-core 1.2): an unhashable one breaks the run."""
        one, other = self.make_handler(), self.make_handler()
        try:
            hash(one)
        except TypeError as error:
            if one is not other and one == other:
                pytest.skip("nothing new: its __eq__ takes the hash away, and two handlers are equal")
            raise AssertionError(
                f"expected a handler that can be hashed, but: {error}\n"
                + hint("a @dataclass has no hash: write @dataclass(eq=False), or __hash__ = object.__hash__.")
            ) from None

    @check(needs="handler")
    def test_shares_no_state(self) -> None:
        """Two handlers in one process, two users' say: what a class or a default argument keeps belongs to both."""
        one, other = self.make_handler(), self.make_handler()
        before = _shared(one, other)
        self._run_plainly(one)
        changed = [name for name, value in _shared(one, other).items() if before.get(name) != value]
        if changed:
            first = f"expected two handlers to share no state, but a run of one changed {listing(changed)} of the other"
            fault(first, [PROGRAMS["chain_invoke"]], "make it in __init__: self.runs = {}.")

    @check(needs="handler")
    def test_sits_on_a_model(self) -> None:
        """Chat(callbacks=[handler]) validates the list, and model_copy and with_config copy the model around it."""
        handler = self.make_handler()
        try:
            model = Chat(callbacks=[handler]).model_copy()
            copy.copy(model)
        # Whatever it is, a user who writes this gets it.
        except Exception as error:  # noqa: BLE001
            raise AssertionError(
                f"expected a handler that sits on a model, but: {type(error).__name__}: {str(error)[:200]}\n"
                + hint("derive it from BaseCallbackHandler: pydantic takes no other object in callbacks=[...].")
            ) from None
        if not _holds(model, handler):
            raise AssertionError(
                "expected a copied model to hold the handler, but it holds another\n"
                + hint("a shallow copy of a model keeps its list of callbacks; define no metaclass magic around it.")
            )

    @check(needs="handler", advice=True)
    def test_can_be_deep_copied(self) -> None:
        """model_copy(deep=True) copies the handler in callbacks=[...] too: a lock or a file is a TypeError."""
        handler = self.make_handler()
        try:
            model = Chat(callbacks=[handler])
        except ValueError:
            # test_sits_on_a_model tells it.
            return
        try:
            copied = copy.deepcopy(model)
        # As above.
        except Exception as error:  # noqa: BLE001
            raise AssertionError(
                f"deepcopy(Chat(callbacks=[handler])) raises {type(error).__name__}: {error}"
            ) from None
        if not _holds(copied, handler):
            raise AssertionError("a deep copy of a model reports to a copy of the handler: define __deepcopy__")

    @check(needs="handler")
    def test_has_methods_that_are_called(self) -> None:
        """There is no on_chat_model_end: a chat model ends with on_llm_end. LangChain never calls a misspelt method."""
        cls = type(self.make_handler())
        known = {name for base in _known_bases() for name in dir(base) if name.startswith("on_")}
        possible = {f"on_{part}_{moment}" for part in _PARTS for moment in _MOMENTS} - known
        dead = [name for name in sorted(possible) if callable(getattr(cls, name, None))]
        if dead:
            raise AssertionError(
                f"expected methods that LangChain calls, but it never calls {listing(dead)} of {cls.__name__}\n"
                + hint(
                    "chat models end with on_llm_end and on_llm_error; an agent's errors are on_chain_error and "
                    "on_tool_error, a prompt's and a parser's runs are chains."
                )
            )

    @check(needs="handler")
    def test_hears_chat_models(self) -> None:
        """Without on_chat_model_start a handler gets on_llm_start, with the messages joined to one text."""
        handler = self.make_handler()
        cls = type(handler)
        inherited = (BaseCallbackHandler.on_chat_model_start, AsyncCallbackHandler.on_chat_model_start)
        if not any(getattr(cls, "on_chat_model_start", None) is method for method in inherited):
            return
        prompts = _Prompts(["Human: hi"])
        _call(handler.on_llm_start, {"id": ["langchain", "Chat"], "kwargs": {}}, prompts)
        if prompts.was_read:
            raise AssertionError(
                f"expected {cls.__name__} to hear chat models, but it reads the prompts of on_llm_start and has no "
                "on_chat_model_start\n" + hint("define on_chat_model_start(self, serialized, messages, **kwargs).")
            )

    def _run_plainly(self, handler: Any) -> None:
        from pytest_lc_callbacks._contract.trial import run_trial

        name = "chain_invoke" if self.supports_chat_model else "lambda_invoke"
        run_trial(PROGRAMS[name], handler)


def _holds(model: Chat, handler: Any) -> bool:
    held: Any = model.callbacks or ()
    return any(one is handler for one in held)


class _Prompts(list[str]):
    """A list that knows whether somebody read it."""

    was_read = False

    def __iter__(self) -> Any:
        self.was_read = True
        return super().__iter__()

    def __getitem__(self, index: Any) -> Any:
        self.was_read = True
        return super().__getitem__(index)


def _call(method: Any, *args: Any) -> None:
    options: Any = {"run_id": UUID(int=1), "parent_run_id": None, "tags": [], "metadata": {}, "name": None}
    options |= {"invocation_params": {}, "options": {}, "batch_size": 1}
    try:
        result = Context().run(method, *args, **options)
        if inspect.isawaitable(result):
            run_in_loop(_awaited(result), Context())
    # What it raises other checks tell.
    except Exception:  # noqa: BLE001
        return


async def _awaited(result: Any) -> Any:
    return await result


def _known_bases() -> list[type]:
    return [BaseCallbackHandler, AsyncCallbackHandler, RecordingHandler]


def _shared(one: Any, other: Any) -> dict[str, Any]:
    """What both have in common that can change: containers on both instances, and values of their classes."""
    theirs = dict(attributes(other))
    found = {
        f"self.{name}": _state(value)
        for name, value in attributes(one)
        if is_container(value) and theirs.get(name) is value
    }
    for cls in type(one).__mro__:
        if package_of(cls) is not None:
            for name, value in vars(cls).items():
                if not name.startswith("__") and name != "_abc_impl" and not callable(value):
                    found[f"{cls.__name__}.{name}"] = _state(value)
    return found


def _state(value: Any) -> Any:
    """What of *value* can change, kept alive: an id alone may be given to something new."""
    if isinstance(value, dict):
        return [(_state(key), Same(item)) for key, item in value.items()]
    if is_container(value):
        return [Same(item) for item in value]
    return value if type(value) in (str, int, float, bool, type(None)) else Same(value)
