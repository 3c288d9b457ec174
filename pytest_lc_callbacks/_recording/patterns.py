"""The little grammar of `assert_events`: what may stand in a list of expected events."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any, TypeAlias
from uuid import UUID

from pytest_lc_callbacks._recording.events import EVENT_NAMES, Event, EventName, MethodName, Run
from pytest_lc_callbacks._words import repr_short

_ANY: Any = object()

# What people look for under another name.
_ELSEWHERE = {
    "chat_model_end": "a chat model reports 'llm_end'",
    "chat_model_error": "a chat model reports 'llm_error'",
    "chat_model_stream": "a streaming model reports 'llm_new_token'",
    "chat_model_new_token": "a chat model reports 'llm_new_token'",
    "llm_stream": "a streaming model reports 'llm_new_token'",
    "new_token": "a streaming model reports 'llm_new_token'",
    "token": "a streaming model reports 'llm_new_token'",
    "prompt_start": "a prompt reports 'chain_start'",
    "prompt_end": "a prompt reports 'chain_end'",
    "parser_start": "an output parser reports 'chain_start'",
    "parser_end": "an output parser reports 'chain_end'",
    "agent_start": "an agent reports 'chain_start'",
    "agent_end": "an agent reports 'chain_end'",
    "graph_start": "a graph reports 'chain_start'",
    "graph_end": "a graph reports 'chain_end'",
    "chain_stream": "LangChain sends handlers no event for what a chain streams",
    "embeddings_start": "LangChain sends no callbacks for embeddings",
    "embedding_start": "LangChain sends no callbacks for embeddings",
}


def event_name(name: Any) -> str:
    """
    The event's *name* without ``on_``.

    Raises:
        TypeError: If it is not a string.

        ValueError: If LangChain has no such event, with the reason or the nearest names.
    """
    __tracebackhide__ = True
    if not isinstance(name, str):
        raise TypeError(f"an event's name is a string such as 'llm_end', not {name!r}")
    bare = name.removeprefix("on_")
    if bare in EVENT_NAMES:
        return bare
    if bare in _ELSEWHERE:
        raise ValueError(f"{name!r} is not a callback event: {_ELSEWHERE[bare]}.")
    near = difflib.get_close_matches(bare.lower(), EVENT_NAMES, n=2)
    meant = (
        f"did you mean {' or '.join(map(repr, near))}?" if near else f"the events are {', '.join(sorted(EVENT_NAMES))}."
    )
    raise ValueError(f"{name!r} is not a callback event: {meant}")


@dataclass(frozen=True, eq=False)
class EventPattern:
    """An event with certain attributes; made by `event`."""

    name: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        shown = [repr(self.name)] if self.name else []
        shown += [f"{key}={repr_short(value)}" for key, value in self.attributes.items()]
        return f"event({', '.join(shown)})"

    def accepts(self, event: Event) -> bool:
        """Whether *event* is one of these."""
        return self.name in (None, event.name) and self._differing(event) is None

    @property
    def is_about_run(self) -> bool:
        """Whether all its attributes are the same for every event of a run."""
        return _OF_RUN.issuperset(self.attributes)

    def difference(self, event: Event) -> str | None:
        """What keeps *event* from being one of these, in words; None if nothing does."""
        if self.name not in (None, event.name):
            return repr(event.name)
        key = self._differing(event)
        return None if key is None else f"{event.name!r} with {_describe(key, event)}"

    def _differing(self, event: Event) -> str | None:
        """The first attribute that is another."""
        for key, expected in self.attributes.items():
            if not _COMPARISONS.get(key, _compare)(key, expected, event):
                return key
        return None


@dataclass(frozen=True, eq=False)
class Many:
    """Several events in a row; made by `many`."""

    alternatives: tuple[str | EventPattern, ...]
    min: int

    def __repr__(self) -> str:
        shown = [repr(alternative) for alternative in self.alternatives]
        return f"many({', '.join(shown + ([] if self.min == 1 else [f'min={self.min}']))})"


@dataclass(frozen=True, eq=False)
class AnyOrder:
    """Concurrent runs; made by `any_order`."""

    branches: tuple[tuple[Item, ...], ...]

    def __repr__(self) -> str:
        return f"any_order({', '.join(render_items(branch) for branch in self.branches)})"


Item: TypeAlias = "str | EllipsisType | EventPattern | Many | AnyOrder"
# What users write: names as a type checker knows them, so that it finds typos.
Expected: TypeAlias = "EventName | MethodName | EllipsisType | EventPattern | Many | AnyOrder"


def event(
    name: EventName | MethodName | None = None,
    *,
    run: str | Run = _ANY,
    run_type: str = _ANY,
    run_id: UUID = _ANY,
    tags: Iterable[str] = _ANY,
    metadata: Mapping[str, Any] = _ANY,
    parent: str | Run | None = _ANY,
    under: str | Run = _ANY,
    **attributes: Any,
) -> EventPattern:
    """
    An event with these attributes, for `assert_events` and `many`.

    Args:
        name: The event's name; any event if left out.

        run: The name of its run, or a `Run`.

        run_type: ``chain``, ``prompt``, ``parser``, ``chat_model``, ``llm``, ``tool`` or ``retriever``.

        run_id: The id of its run.

        tags: Tags that its run has, perhaps among others.

        metadata: Entries that its run's metadata has, perhaps among others.

        parent: The name of the run around its run, or that `Run`; None for a root.

        under: The name of any run around its run, or that `Run`.

        attributes: ``inputs``, ``outputs``, ``messages``, ``text``, ``token``, ``tool_calls``, ``usage``, ``error``,
            ``custom``, ``data``, ``payload``, ``thread``: compared with ``==``; an exception class matches its
            instances.

    Raises:
        TypeError: If an attribute is unknown, has the wrong type, or if there is nothing to compare.

        ValueError: If LangChain has no event of that name.
    """
    __tracebackhide__ = True
    given: dict[str, Any] = {"run": run, "run_type": run_type, "run_id": run_id, "tags": tags, "metadata": metadata}
    given |= {"parent": parent, "under": under, **attributes}
    return pattern_of(name, {key: value for key, value in given.items() if value is not _ANY})


def pattern_of(name: Any, attributes: Mapping[str, Any]) -> EventPattern:
    """The pattern for a *name* (None for any event) and *attributes*, refused if something is wrong with them."""
    __tracebackhide__ = True
    if name is None and not attributes:
        raise TypeError("event() matches everything: give it a name or an attribute, or write ... for any events")
    attributes = {k: _plain_tags(v) if k == "tags" else v for k, v in attributes.items()}
    for key, value in attributes.items():
        _check_attribute(key, value)
    return EventPattern(None if name is None else event_name(name), attributes)


def _plain_tags(tags: Any) -> Any:
    """One tag alone is a tag, not its letters; tags from a generator are wanted for every event."""
    if isinstance(tags, str):
        return frozenset([tags])
    return tuple(tags) if isinstance(tags, Iterator) else tags


def many(*names: EventName | MethodName | EventPattern, min: int = 1) -> Many:  # noqa: A002 - the word for it
    """
    One or more events in a row, each one of *names*, for `assert_events`.

    Args:
        names: Event names or `event` patterns.

        min: How many at least; 0 lets them be absent.

    Raises:
        TypeError: If there are no names, or one is ``...``, a list or another ``many``.

        ValueError: If *min* is negative or LangChain has no event of that name.
    """
    __tracebackhide__ = True
    if not names:
        raise TypeError("many() needs the events that may repeat, such as many('llm_new_token')")
    if isinstance(min, bool) or not isinstance(min, int):
        raise TypeError(f"many(min=...) takes a whole number, not {min!r}")
    if min < 0:
        raise ValueError(f"many(min={min}): the least number of events is 0")
    return Many(tuple(map(_alternative, names)), min)


def any_order(*branches: Sequence[Expected]) -> AnyOrder:
    """
    Concurrent runs, for `assert_events`: each branch is the list of what one run and the runs under it send.

    The branches may interleave in any way; runs are told apart by their ids.

    Args:
        branches: Lists as `assert_events` takes them, one for each concurrent run.

    Raises:
        TypeError: If there is no branch, or one is not a list.

        ValueError: If a branch is empty or holds nothing but wildcards.
    """
    __tracebackhide__ = True
    if not branches:
        raise TypeError("any_order() needs a list for each concurrent run: any_order(['chain_start', ...], [...])")
    return AnyOrder(tuple(map(_branch, itertools.count(1), branches)))


def compile_items(expected: Any, *, where: str = "assert_events") -> tuple[Item, ...]:
    """
    The list *expected* with its names checked.

    Raises:
        TypeError: If it is not a list, or an entry is nothing that can be expected.

        ValueError: If an event does not exist, or there is nothing but wildcards in the list.
    """
    __tracebackhide__ = True
    if not isinstance(expected, (list, tuple)):
        raise TypeError(f"{where} takes a list of events, {_not_a_list(expected)}")
    if set(map(type, expected)) == {str}:
        # A long exact list: each name is looked up once.
        names = list(set(expected))
        bare = dict(zip(names, map(event_name, names), strict=True))
        return tuple(map(bare.__getitem__, expected))
    items = tuple(map(_item, expected, itertools.repeat(where)))
    if ... in items and all(item is ... or (isinstance(item, Many) and item.min == 0) for item in items):
        raise ValueError(f"{where}: {render_items(items)} matches everything; name at least one event")
    return items


def _not_a_list(expected: Any) -> str:
    if isinstance(expected, str):
        return f"not a string: write [{expected!r}]"
    if isinstance(expected, (set, frozenset)):
        return "not a set: events have an order, and a set has none"
    if expected is ... or isinstance(expected, (EventPattern, Many, AnyOrder)):
        return f"not {render_items([expected])[1:-1]} alone: write {render_items([expected])}"
    if isinstance(expected, (Iterator, KeysView, ValuesView)):
        return f"not {repr_short(expected)}: write list(...) around it"
    if hasattr(expected, "names") and hasattr(expected, "assert_events"):
        return f"not {repr_short(expected)}: to compare two recordings, write its .names"
    return f"not {repr_short(expected)}"


def _item(entry: Any, where: str) -> Item:
    __tracebackhide__ = True
    if isinstance(entry, str):
        return event_name(entry)
    if entry is ... or isinstance(entry, (EventPattern, Many, AnyOrder)):
        return entry
    if isinstance(entry, (list, tuple)):
        raise TypeError(f"{where}: a list inside the list; concurrent runs are any_order([...], [...])")
    if isinstance(entry, Event):
        raise TypeError(f"{where}: {entry!r} was recorded; what is expected is a name, {entry.name!r}, or event(...)")
    _refuse_uncalled(entry, where)
    raise TypeError(
        f"{where}: an entry is an event's name, ..., event(), many() or any_order(), not {repr_short(entry)}"
    )


def _alternative(name: Any) -> str | EventPattern:
    __tracebackhide__ = True
    if isinstance(name, EventPattern):
        return name
    if name is ...:
        raise TypeError("many(...): ... stands for any events by itself; put it into the list, beside many()")
    if isinstance(name, (list, tuple, set, frozenset)):
        raise TypeError(f"many({name!r}): pass the names one by one, many({', '.join(map(repr, name))})")
    if isinstance(name, (Many, AnyOrder)):
        raise TypeError(f"many({name!r}): many() repeats single events, names or event()")
    _refuse_uncalled(name, "many()")
    return event_name(name)


def _refuse_uncalled(entry: Any, where: str) -> None:
    __tracebackhide__ = True
    words: list[Any] = [event, many, any_order]
    if any(entry is word for word in words):
        raise TypeError(f"{where}: {entry.__name__} has to be called, as in {entry.__name__}(...)")


def _branch(number: int, branch: Any) -> tuple[Item, ...]:
    __tracebackhide__ = True
    where = f"branch {number} of any_order"
    items = compile_items(branch, where=where)
    if not items:
        raise ValueError(f"{where} is empty: a run sends at least its start")
    return items


_TYPES = "chain prompt parser chat_model llm tool retriever".split()
_OF_RUN = {"run", "run_type", "run_id", "parent", "under"}
_PLAIN = "inputs outputs messages text token tool_calls usage error custom data payload thread".split()
ATTRIBUTES = ["run", "run_type", "run_id", "tags", "metadata", "parent", "under", *_PLAIN]


def _check_attribute(key: str, value: Any) -> None:
    __tracebackhide__ = True
    if key not in ATTRIBUTES:
        near = difflib.get_close_matches(key, ATTRIBUTES, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise TypeError(f"{key!r} is no attribute of an event: {meant}the attributes are {', '.join(ATTRIBUTES)}")
    if key in ("run", "parent", "under"):
        _check_run(key, value)
    if key == "run_type" and isinstance(value, str) and value not in _TYPES:
        _check_run_type(value)
    if key == "metadata" and not isinstance(value, Mapping):
        raise TypeError(f"metadata= takes a dict, not {repr_short(value)}")
    if key == "tags" and not (isinstance(value, Iterable) and all(isinstance(tag, str) for tag in value)):
        raise TypeError(f"tags= takes tags, such as {{'prod'}}, not {repr_short(value)}")


def _check_run(key: str, value: Any) -> None:
    __tracebackhide__ = True
    if isinstance(value, (str, Run)) or (key == "parent" and value is None):
        return
    takes = "a run's name, a Run or None for a root" if key == "parent" else "a run's name or a Run"
    # dirty-equals and the like are for `==` to judge; a runnable is no name, though it has one.
    if hasattr(value, "get_name"):
        raise TypeError(f"{key}= takes {takes}, not {repr_short(value)}: write {key}={value.get_name()!r}")
    compares = any("__eq__" in vars(kind) for kind in type(value).__mro__[:-1])
    if type(value).__module__ == "builtins" or not compares:
        raise TypeError(f"{key}= takes {takes}, not {repr_short(value)}")


def _check_run_type(value: str) -> None:
    """A type of somebody's own is possible, but one that is nearly LangChain's is a slip."""
    __tracebackhide__ = True
    near = difflib.get_close_matches(value.lower(), _TYPES, n=1)
    if near:
        raise ValueError(f"run_type={value!r} is none of LangChain's: did you mean {near[0]!r}?")


def _compare(key: str, expected: Any, event: Event) -> bool:
    __tracebackhide__ = True
    actual = getattr(event, key)
    if key == "error" and isinstance(expected, type) and issubclass(expected, BaseException):
        return isinstance(actual, expected)
    if key == "error" and isinstance(expected, BaseException):
        # Two exceptions are never equal, however alike they are.
        return type(actual) is type(expected) and actual.args == expected.args
    return _equal(key, expected, actual)


def _equal(key: str, expected: Any, actual: Any) -> bool:
    """``expected == actual`` as one answer, also for arrays, which answer for each element."""
    __tracebackhide__ = True
    if expected is actual:
        return True
    try:
        verdict = expected == actual
        if hasattr(verdict, "all"):
            shapes = getattr(expected, "shape", None), getattr(actual, "shape", None)
            return shapes[0] == shapes[1] and all_of(verdict)
        return bool(verdict)
    # What a value's own comparison raises can be anything; whether the two are equal is then not known.
    except Exception as error:
        raise TypeError(
            f"{key}={repr_short(expected)} cannot be compared with the recorded {repr_short(actual)}: "
            f"== raised {type(error).__name__}: {error}"
        ) from error


def all_of(verdict: Any) -> bool:
    """Whether an array or a table of answers holds nothing but yes."""
    columns = verdict.all()
    return bool(columns.all() if hasattr(columns, "all") else columns)


def _compare_run(key: str, expected: Any, event: Event) -> bool:
    __tracebackhide__ = True
    if event.run is None or not isinstance(expected, Run):
        return _equal(key, expected, event.run_name)
    return same_run(expected, event.run)


def _compare_parent(key: str, expected: Any, event: Event) -> bool:
    if expected is None:
        return event.parent_run_id is None
    parent = event.run.parent if event.run is not None else None
    return parent is not None and same_run(expected, parent)


def _compare_under(key: str, expected: Any, event: Event) -> bool:
    return event.run is not None and any(same_run(expected, run) for run in event.run.ancestors())


def _compare_tags(key: str, expected: Any, event: Event) -> bool:
    return set(expected) <= set(event.tags)


def _compare_metadata(key: str, expected: Any, event: Event) -> bool:
    __tracebackhide__ = True
    return all(k in event.metadata and _equal(key, v, event.metadata[k]) for k, v in expected.items())


_COMPARISONS: dict[str, Callable[[str, Any, Event], bool]] = {
    "run": _compare_run,
    "parent": _compare_parent,
    "under": _compare_under,
    "tags": _compare_tags,
    "metadata": _compare_metadata,
}


def same_run(name_or_run: Any, run: Run) -> bool:
    """Whether *run* is that run, also as another handler heard it, or has that name."""
    if not isinstance(name_or_run, Run):
        return bool(name_or_run == run.name)
    return run is name_or_run or (run.run_id == name_or_run.run_id and not run.is_beside(name_or_run))


def _describe(key: str, event: Event) -> str:
    """The attribute as it was recorded, for a message."""
    if key == "run":
        return f"run={event.run_name!r}"
    if key == "parent":
        parent = event.run.parent if event.run is not None else None
        unheard = "a parent run that the handler did not hear" if event.parent_run_id else "no parent"
        return f"parent={parent.name!r}" if parent is not None and parent.name else unheard
    if key == "under":
        around = [run.label for run in event.run.ancestors()] if event.run else []
        return f"under={' in '.join(around)!r}" if around else "no run around it that the handler heard"
    return f"{key}={repr_short(getattr(event, key))}"


def render_items(items: Iterable[Item]) -> str:
    """The list as the user would write it."""
    return f"[{', '.join('...' if item is ... else repr(item) for item in items)}]"
