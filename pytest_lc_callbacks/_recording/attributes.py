"""The attributes that a question may name, and how they compare with those of an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, TypedDict
from uuid import UUID

from pytest_lc_callbacks._recording.events import Event, Log, Run
from pytest_lc_callbacks._values import ask, bases, compare, entries, equal, is_a, items, module_name, pass_by, text_of
from pytest_lc_callbacks._words import and_more, did_you_mean, error_words, repr_short


class Attributes(TypedDict, total=False):
    """What `event`, `where`, `without`, `count`, `one` and `assert_no_events` take beside the event's name."""

    run: str | Run
    run_type: str
    run_id: UUID
    tags: Iterable[str]
    metadata: Mapping[str, Any]
    parent: str | Run | None
    under: str | Run
    inputs: Any
    outputs: Any
    messages: Any
    text: Any
    token: Any
    tool_calls: Any
    tool_call_id: Any
    usage: Any
    error: Any
    custom: Any
    data: Any
    payload: Any
    thread: Any


ATTRIBUTES = tuple(Attributes.__annotations__)
_DEEPEST = 20
_SHOWN_KEYS = 20
# So many keys are looked through for one that comes near.
_COMPARED_KEYS = 1_000
_TYPES = "chain prompt parser chat_model llm tool retriever".split()


def read_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Check the *attributes*, and read tags into a collection that can be read for every event.

    Raises:
        TypeError: If an attribute is unknown or has the wrong type.

        ValueError: If a ``run_type`` is misspelt.
    """
    __tracebackhide__ = True
    read = {key: _read_tags(value) if key == "tags" else value for key, value in attributes.items()}
    for key, value in read.items():
        _check_attribute(key, value)
    return read


def _read_tags(tags: Any) -> Any:
    """``"prod"`` is one tag, not four letters; a generator of tags gives them once, and each event needs them."""
    if is_a(tags, str):
        return frozenset([text_of(tags)])
    return tuple(tags) if is_a(tags, Iterator) else tags


def _are_tags(value: Any) -> bool:
    try:
        return is_a(value, Iterable) and all(is_a(tag, str) for tag in value)
    # Whatever is no collection of tags may do anything when it is read.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return False


def _check_attribute(key: str, value: Any) -> None:
    __tracebackhide__ = True
    if key not in ATTRIBUTES:
        nearest = did_you_mean(key, ATTRIBUTES)
        unknown = f"{repr_short(key)} is no attribute of an event{nearest}"
        raise TypeError(f"{unknown}: the attributes are {', '.join(ATTRIBUTES)}")
    if key in ("run", "parent", "under"):
        _check_run(key, value)
    if key == "run_type" and is_a(value, str) and value not in _TYPES:
        _check_run_type(value)
    if key == "metadata" and not is_a(value, Mapping):
        raise TypeError(f"metadata= takes a dict, not {repr_short(value)}")
    if key == "tags" and not _are_tags(value):
        raise TypeError(f"tags= takes tags, such as {{'prod'}}, not {repr_short(value)}")


def _check_run(key: str, value: Any) -> None:
    __tracebackhide__ = True
    if is_a(value, str, Run) or (key == "parent" and value is None):
        return
    takes = "a run's name, a Run or None for a root" if key == "parent" else "a run's name or a Run"
    # A runnable has a name and is none: its runs may have another one.
    if ask(value, "get_name") is not None:
        raise TypeError(f"{key}= takes {takes}, not {repr_short(value)}: write {key}={repr_short(value.get_name())}")
    # A value with an `__eq__` of its own may equal a name, as those of dirty-equals do.
    compares = any("__eq__" in vars(kind) for kind in bases(type(value))[:-1])
    if module_name(type(value)) == "builtins" or not compares:
        raise TypeError(f"{key}= takes {takes}, not {repr_short(value)}")


def _check_run_type(value: str) -> None:
    """Refuse ``"chatmodel"``, but take ``"my_type"``: a program may have run types of its own."""
    __tracebackhide__ = True
    nearest = did_you_mean(value.lower(), _TYPES)
    if nearest:
        raise ValueError(f"run_type={repr_short(value)} is none of LangChain's{nearest}")


class Comparison:
    """
    Compares *attributes* with those of events in a *log*.

    One question makes one comparison. It asks each run once for what all events of the run share.

    Args:
        attributes: What the events are to have.

        log: Where the events are.

        are_open: What `find_open` says of the attributes, where it is known.
    """

    def __init__(self, attributes: Mapping[str, Any], log: Log, are_open: Mapping[int, bool] | None = None) -> None:
        self._log = log
        self._under: dict[Run, bool] = {}
        self._inputs: dict[Run, bool] = {}
        self.unknown: str | None = None
        """The first comparison that raised, in words: whether the two are equal is then not known."""
        self.raised: BaseException | None = None
        """What it raised."""
        # An expected value may be long, and is compared with each event.
        self._is_open = find_open(attributes) if are_open is None else are_open
        self._checks = [(key, self._check(key), expected) for key, expected in attributes.items()]

    def differing(self, position: int) -> str | None:
        """The first attribute in which the event at this *position* differs; None if it has them all."""
        __tracebackhide__ = True
        for key, holds, expected in self._checks:
            if not holds(expected, position):
                return key
        return None

    def _check(self, key: str) -> Callable[[Any, int], bool]:
        """The method that compares this attribute."""
        own = {
            "run": self._has_run,
            "parent": self._has_parent,
            "under": self._has_around,
            "inputs": self._has_inputs,
            "tags": self._has_tags,
            "metadata": self._has_metadata,
            "error": self._has_error,
            "token": self._has_token,
        }
        return own.get(key) or partial(self._has, key)

    def _has(self, key: str, expected: Any, position: int) -> bool:
        __tracebackhide__ = True
        return self._equal(key, expected, self._log.attribute(position, key))

    def _equal(self, key: str, expected: Any, actual: Any) -> bool:
        if type(expected) is str and type(actual) is str:
            return expected == actual
        verdict = compare_value(expected, actual, self._is_open.get(id(expected)))
        if verdict is True or verdict is False:
            return verdict
        if self.raised is None:
            self.raised = verdict
            self.unknown = (
                f"{key}={repr_short(expected)} cannot be compared with the recorded {repr_short(actual)}: "
                f"== raised {error_words(verdict)}"
            )
        return False

    def _has_token(self, expected: Any, position: int) -> bool:
        __tracebackhide__ = True
        # Most events are tokens: an Event for each would take longer than to compare them.
        return self._equal("token", expected, self._log.entry(position, "token"))

    def _has_run(self, expected: Any, position: int) -> bool:
        __tracebackhide__ = True
        run = self._log.run(position)
        if run is not None and isinstance(expected, Run):
            return _is_same_run(expected, run)
        return self._equal("run", expected, self._log.facts(position).run_name)

    def _has_parent(self, expected: Any, position: int) -> bool:
        if expected is None:
            return self._log.facts(position).parent_run_id is None
        run = self._log.run(position)
        return run is not None and run.parent is not None and _is_same_run(expected, run.parent)

    def _has_around(self, expected: Any, position: int) -> bool:
        run = self._log.run(position)
        return run is not None and self._is_under(expected, run)

    def _is_under(self, expected: Any, run: Run) -> bool:
        """Whether one of the runs around *run* is the *expected* one; `_under` keeps the answer for each run."""
        inner = [run]
        while inner[-1] not in self._under and (parent := inner[-1].parent) is not None:
            inner.append(parent)
        for each in reversed(inner):
            parent = each.parent
            if each not in self._under:
                self._under[each] = parent is not None and (self._under[parent] or _is_same_run(expected, parent))
        return self._under[run]

    def _has_inputs(self, expected: Any, position: int) -> bool:
        __tracebackhide__ = True
        run = self._log.run(position)
        if run is None:
            return self._equal("inputs", expected, self._log.attribute(position, "inputs"))
        if run not in self._inputs:
            self._inputs[run] = self._equal("inputs", expected, run.inputs)
        return self._inputs[run]

    def _has_tags(self, expected: Any, position: int) -> bool:
        return set(map(text_of, expected)) <= set(map(text_of, self._log.facts(position).tags))

    def _has_metadata(self, expected: Any, position: int) -> bool:
        __tracebackhide__ = True
        metadata = self._log.facts(position).metadata or {}
        return all(
            key in metadata and self._equal("metadata", value, metadata[key]) for key, value in entries(expected)
        )

    def _has_error(self, expected: Any, position: int) -> bool:
        __tracebackhide__ = True
        error = self._log.attribute(position, "error")
        if is_a(expected, type) and issubclass(expected, BaseException):
            return is_a(error, expected)
        if is_a(expected, BaseException):
            # Python compares exceptions by identity: ValueError("x") != ValueError("x").
            return type(error) is type(expected) and self._equal("error", ask(expected, "args"), ask(error, "args"))
        return self._equal("error", expected, error)


def compare_value(expected: Any, actual: Any, is_open: bool | None = None) -> bool | BaseException:
    """
    ``expected == actual``, where a dict with ``...: ...`` in it, at any depth, needs its other keys alone.

    Args:
        expected: What a test expects.

        actual: What was recorded.

        is_open: Whether there is a ``...: ...`` in what is expected; None if that is to be found out.
    """
    if not (_has_open_dict(expected) if is_open is None else is_open):
        return compare(expected, actual)
    if type(expected) is dict:
        return is_a(actual, Mapping) and not differing_keys(expected, actual)
    found = items(actual)
    return len(found) == len(expected) and all(map(matches, expected, found))


def matches(expected: Any, actual: Any) -> bool:
    """The same as one answer: False where the comparison raises."""
    return compare_value(expected, actual) is True


def differing_keys(expected: Any, actual: Any) -> list[Any]:
    """The keys in which two mappings differ; with ``...: ...`` in the *expected* one, it may lack keys."""
    wanted, there = dict(entries(expected)), dict(entries(actual))
    is_open = wanted.pop(..., None) is ...
    differing = [
        key
        for key, value in wanted.items()
        if key not in there or (value is not there[key] and not matches(value, there[key]))
    ]
    return differing if is_open else differing + [key for key in there if key not in wanted]


def find_open(attributes: Mapping[str, Any]) -> dict[int, bool]:
    """Whether a dict in it has a ``...: ...``, of each of the expected values; a value is known by its ``id()``."""
    return {id(expected): _has_open_dict(expected) for expected in attributes.values()}


def _has_open_dict(expected: Any) -> bool:
    """Whether there is a ``...: ...`` in it; nobody writes one that is nested deeper than this."""
    seen: set[int] = set()
    level = _new_containers([expected], seen)
    for _ in range(_DEEPEST):
        if not level:
            return False
        below: list[Any] = []
        for value in level:
            if type(value) is dict:
                # A loop, since the dicts may be many.
                for key in value:
                    if key is ...:
                        return True
                below += value.values()
            else:
                below += value
        level = _new_containers(below, seen)
    return False


def _new_containers(values: Iterable[Any], seen: set[int]) -> list[Any]:
    """The dicts, lists and tuples among *values* that are not in *seen* yet, which they are from now on."""
    found = []
    for value in values:
        kind = type(value)
        if (kind is dict or kind is list or kind is tuple) and id(value) not in seen:
            seen.add(id(value))
            found.append(value)
    return found


def _is_same_run(name_or_run: Any, run: Run) -> bool:
    """Whether *run* has this name, or is this run; another handler's `Run` of the same id is the same run."""
    if not isinstance(name_or_run, Run):
        return equal(name_or_run, run.name)
    return run is name_or_run or (run._id_key == name_or_run._id_key and not run._same_recording_as(name_or_run))


def describe(key: str, event: Event, expected: Any = None) -> str:
    """
    The attribute *key* of *event* in words: ``run='FakeChatModel'``.

    Of a dict it shows the keys alone in which it differs from the *expected* one.
    """
    if key == "run":
        return f"run={repr_short(event.run_name)}"
    if key == "parent":
        parent = event.run.parent if event.run is not None else None
        unheard = "a parent that was not heard" if event.parent_run_id is not None else "no parent"
        return f"parent={repr_short(parent.name)}" if parent is not None and parent.name else unheard
    if key == "under":
        around = [run.label for run in event.run.ancestors()] if event.run else []
        return f"under={' in '.join(around)!r}" if around else "no run around it that the handler heard"
    actual = getattr(event, key)
    if is_a(expected, Mapping) and is_a(actual, Mapping):
        return _describe_keys(key, expected, actual)
    return f"{key}={repr_short(actual)}"


def _describe_keys(key: str, expected: Any, actual: Any) -> str:
    """``inputs={'city': 'Rome', ...}``, ``metadata without 'tenant' (did you mean 'tenent'?)``."""
    there, differing = dict(entries(actual)), _differing_keys(key, expected, actual)
    shown = {name: there[name] for name in [each for each in differing if each in there][:_SHOWN_KEYS]}
    missing = [name for name in differing if name not in there]
    words = []
    if shown:
        inner = ", ".join(f"{name!r}: {repr_short(value)}" for name, value in shown.items())
        words.append(f"{key}={{{inner}{', ...' if len(shown) < len(there) else ''}}}")
    if missing:
        likely = [*map(str, islice(there, _COMPARED_KEYS))]
        names = [f"{repr_short(name)}{did_you_mean(name, likely)}" for name in missing[:_SHOWN_KEYS]]
        words.append(f"{key} without {', '.join(names)}{and_more(len(missing) - _SHOWN_KEYS)}")
    return " and ".join(words) or f"{key}={repr_short(actual)}"


def _differing_keys(key: str, expected: Any, actual: Any) -> list[Any]:
    """The keys that make the attribute *key* differ: in metadata, others do not."""
    return differing_keys({**dict(entries(expected)), ...: ...} if key == "metadata" else expected, actual)


def count_differing_keys(key: str, expected: Any, event: Event) -> int:
    """In how many keys the attribute *key* of *event* differs from the *expected* one; one, where it is no dict."""
    actual = getattr(event, key, None)
    if not (is_a(expected, Mapping) and is_a(actual, Mapping)):
        return 1
    return len(_differing_keys(key, expected, actual))
