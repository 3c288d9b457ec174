"""Values of the user's: asked, read and compared so that nothing they do can hurt."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

_MRO = vars(type)["__mro__"].__get__
_NAME = vars(type)["__name__"].__get__
_MODULE = vars(type)["__module__"].__get__
_QUALNAME = vars(type)["__qualname__"].__get__
_TRACEBACK = vars(BaseException)["__traceback__"].__get__
_CAUSE, _CONTEXT = vars(BaseException)["__cause__"].__get__, vars(BaseException)["__context__"].__get__
_IS_SUPPRESSED = vars(BaseException)["__suppress_context__"].__get__
_CONTAINERS: tuple[type[Any], ...] = (str, bytes, list, tuple, dict, set, frozenset)


def pass_by(error: BaseException) -> None:
    """
    Let *error*, which a value of the user's raised, be passed by; only an interrupt is raised again.

    A value that nobody may touch raises ``pytest.fail.Exception``, which is no `Exception`; it does not mean us.
    """
    if issubclass(type(error), KeyboardInterrupt):
        raise error


def ask(value: Any, name: str, default: Any = None) -> Any:
    """The attribute *name* of *value*; *default* where there is none, and where asking for it raises."""
    try:
        return getattr(value, name, default)
    # A value's own __getattr__ may do anything.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return default


def is_a(value: Any, *kinds: type[Any]) -> bool:
    """Whether *value* is an instance of one of *kinds*, by its true type: a proxy may claim any class, or raise."""
    try:
        return issubclass(type(value), kinds)
    # An abstract base class hashes the class that it is asked for.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return False


def is_exactly(value: Any, *kinds: type[Any]) -> bool:
    """Whether the class of *value* is one of *kinds*; ``in`` would compare the classes, and a metaclass may raise."""
    return any(type(value) is kind for kind in kinds)


def bases(kind: type[Any]) -> tuple[type[Any], ...]:
    """The class *kind* and its bases, whatever its metaclass says."""
    found: tuple[type[Any], ...] = _MRO(kind)
    return found


def class_name(kind: type[Any]) -> str:
    """The name of the class *kind*, whatever its metaclass says."""
    return str.__str__(_NAME(kind))


def is_local(kind: type[Any]) -> bool:
    """Whether the class *kind* was made in a function."""
    return "<locals>" in str.__str__(_QUALNAME(kind))


def module_name(kind: type[Any]) -> str:
    """The module of the class *kind*, whatever its metaclass says; an empty text where that is no text."""
    try:
        return text_of(_MODULE(kind)) or ""
    except AttributeError:
        return ""


def text_of(value: Any) -> str | None:
    """A text as a plain one, which no subclass can change; None for anything else."""
    return str.__str__(value) if issubclass(type(value), str) else None


def traceback_of(error: BaseException) -> TracebackType | None:
    """The traceback of *error*, whatever its class says."""
    found: TracebackType | None = _TRACEBACK(error)
    return found


def innermost(error: BaseException) -> TracebackType | None:
    """The part of the traceback of *error* that is of the function which raised it."""
    found = traceback_of(error)
    while found is not None and found.tb_next is not None:
        found = found.tb_next
    return found


def cause_of(error: BaseException, *, also_suppressed: bool = False) -> BaseException | None:
    """The exception that Python shows above *error*, whatever its class says; or also one that ``from None`` hides."""
    found: BaseException | None = _CAUSE(error)
    if found is None and (also_suppressed or not _IS_SUPPRESSED(error)):
        found = _CONTEXT(error)
    return found


def is_true(value: Any) -> bool:
    """Whether *value* is true; False where it does not say."""
    try:
        return bool(value)
    # Its own __bool__ may do anything.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return False


def is_empty(value: Any) -> bool:
    """Whether *value* is None, or a text or container of Python's own without an entry; its own truth is not asked."""
    if value is None:
        return True
    return any(issubclass(type(value), kind) and not kind.__len__(value) for kind in _CONTAINERS)


def tokens(value: Any) -> int | None:
    """A number of tokens that a model reports; None where it is no number, or one that no model can mean."""
    return value if type(value) is int and abs(value) < 2**63 else None


def items(value: Any) -> list[Any]:
    """The entries of a list, tuple or set; none of anything else, since reading may use it up."""
    for kind in (list, tuple, set, frozenset):
        if issubclass(type(value), kind):
            return [*kind.__iter__(value)]
    return []


def entries(value: Any) -> list[tuple[Any, Any]]:
    """The keys of a mapping with their values; none where *value* is no mapping, or reading it raises."""
    if issubclass(type(value), dict):
        return [*dict.items(value)]
    if not is_a(value, Mapping):
        return []
    try:
        return [(key, value[key]) for key in value]
    # Somebody's own mapping may do anything.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return []


def entry(value: Any, key: str, default: Any = None) -> Any:
    """What a mapping holds under *key*; *default* where it holds nothing, *value* is no mapping, or reading raises."""
    try:
        if issubclass(type(value), dict):
            return dict.get(value, key, default)
        return value.get(key, default) if is_a(value, Mapping) else default
    # The same; a key in a dict may raise when it is compared.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return default


def has_more_entries(value: Any, most: int) -> bool:
    """
    Whether Python's own containers in *value* have more than *most* entries, as often as they are written.

    A list that holds another one twice, which holds a third one twice, and so on, is small and has no end on paper.
    """
    waiting, seen = [value], 0
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is list or kind is tuple or kind is dict or kind is set or kind is frozenset:
            seen += len(each)
            if seen > most:
                return True
            waiting += each.values() if kind is dict else each
    return False


def is_hashable(value: Any) -> bool:
    """Whether *value* can be hashed."""
    try:
        hash(value)
    # Its own __hash__ may do anything.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return False
    return True


def equal(expected: Any, actual: Any) -> bool:
    """``expected == actual`` as one answer, also for arrays; False where the comparison raises."""
    return compare(expected, actual) is True


def compare(expected: Any, actual: Any) -> bool | BaseException:
    """The same, but where the comparison raises the exception."""
    if expected is actual:
        return True
    try:
        verdict = expected == actual
        if verdict is True or verdict is False:
            return verdict
        if hasattr(verdict, "all"):
            shapes = getattr(expected, "shape", None), getattr(actual, "shape", None)
            return bool(shapes[0] == shapes[1]) and _is_all_true(verdict)
        return bool(verdict)
    # What a value's own comparison raises can be anything.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return error


def _is_all_true(verdict: Any) -> bool:
    """Whether an array or a data frame of answers holds nothing but True."""
    columns = verdict.all()
    return bool(columns.all() if hasattr(columns, "all") else columns)
