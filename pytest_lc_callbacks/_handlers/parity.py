"""assert_parity: one scenario in every call mode, and where two modes differ."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple, NoReturn

from langchain_core.messages import BaseMessage

from pytest_lc_callbacks._causes import FALLBACKS
from pytest_lc_callbacks._handlers.call_modes import ASYNC, MODES, SYNC, Called, call_async, call_sync
from pytest_lc_callbacks._recording import Run
from pytest_lc_callbacks._words import did_you_mean, error_line, headline, repr_short, shown, truncate

_TOKENS = ("llm_new_token", "stream_event")
_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
# What LangChain and langgraph put there differs from call to call.
_VOLATILE = ("langgraph_", "checkpoint_", "lc_versions", "thread_id", "__")
_COLUMN = 46


# LangChain's name of what a component is called with.
def assert_parity(build: Callable[[], Any], input: Any, *, modes: Sequence[str] = MODES) -> None:  # noqa: A002
    """
    Check that one scenario is the same in each call mode.

    Compared are run trees, run names and types, each run's own events, outcomes, errors, tags, metadata, usage and the
    final output, chunks added up. Left aside are tokens, times, ids, the order of siblings, and inputs: in streams
    LangChain starts with a placeholder.

    Args:
        build: Makes the runnable, for each mode afresh.

        input: What it is called with; ``batch`` gets a list of it.

        modes: The modes, the first is what the others are compared with: ``"invoke"``, ``"ainvoke"``, ``"stream"``,
            ``"astream"``, ``"batch"``, ``"abatch"``, ``"astream_events"``.

    Raises:
        AssertionError: With the first difference and the two modes side by side; also if nothing ran.

        RuntimeError: In a running event loop, which `aassert_parity` is for.

        ValueError: If a mode is unknown, or there are fewer than two.
    """
    __tracebackhide__ = True
    _refuse_loop()
    known = _known(modes)
    first = call_sync(build, input, known[0])
    for mode in known[1:]:
        _compare(first, call_sync(build, input, mode))


# LangChain's name of what a component is called with.
async def aassert_parity(build: Callable[[], Any], input: Any, *, modes: Sequence[str] = MODES) -> None:  # noqa: A002
    """
    The same as `assert_parity` inside a running event loop: ``await aassert_parity(build, input)``.

    Sync modes run in a thread, as an application would do it.

    Raises:
        AssertionError: With the first difference and the two modes side by side; also if nothing ran.

        ValueError: If a mode is unknown, or there are fewer than two.
    """
    __tracebackhide__ = True
    known = _known(modes)
    first = await call_async(build, input, known[0])
    for mode in known[1:]:
        _compare(first, await call_async(build, input, mode))


def _refuse_loop() -> None:
    __tracebackhide__ = True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("assert_parity needs a thread without a running event loop; write `await aassert_parity(...)`")


def _known(modes: Sequence[str]) -> list[str]:
    __tracebackhide__ = True
    known = (*SYNC, *ASYNC)
    listed = [modes] if isinstance(modes, str) else list(modes)
    for mode in listed:
        if mode not in known:
            unknown = f"there is no call mode {repr_short(mode)}{did_you_mean(mode, known)}"
            raise ValueError(f"{unknown}; there are {', '.join(known)}")
    if len(set(listed)) < 2:
        raise ValueError(f"modes= needs two modes to compare, not {listed}")
    return listed


def _compare(one: Called, other: Called) -> None:
    __tracebackhide__ = True
    for called in (one, other):
        if not called.ran.runs:
            ended = f" ({error_line(called.error)})" if called.error is not None else ""
            first = f"expected runs to compare, but nothing ran in {called.mode}{ended}"
            raise AssertionError("\n".join(headline(first))) from called.error
    heard = [_Runs(each.mode, each.heard.runs) for each in (one, other)]
    ran = [_Runs(each.mode, each.ran.runs) for each in (one, other)]
    for pair in (heard, ran):
        difference = _different_trees(*pair) or _different_runs(*pair)
        if difference is not None:
            _fail(difference, *pair)
    difference = _different_ends(one, other)
    if difference is not None:
        _fail(difference, *heard)


class _Runs(NamedTuple):
    """The runs that one recording has of one mode."""

    mode: str
    runs: list[Run]


def _fail(difference: str, one: _Runs, other: _Runs) -> NoReturn:
    __tracebackhide__ = True
    first = f"expected {other.mode} to do what {one.mode} does, but {difference}"
    lines = [*headline(first), *_side_by_side(one, other)]
    if "is a root" in difference and any(run.label == "RunnableWithFallbacks" for run in one.runs):
        lines.append(FALLBACKS.hint())
    raise AssertionError(shown("\n".join(lines)))


def _different_trees(one: _Runs, other: _Runs) -> str | None:
    ours, theirs = (Counter(map(_path, each.runs)) for each in (one, other))
    gone, new = list((ours - theirs).elements()), list((theirs - ours).elements())
    for path in gone:
        moved = next((there for there in new if there[-1] == path[-1]), None)
        if moved is not None:
            return f"{path[-1]} {_place(path)} in {one.mode} and {_place(moved)} in {other.mode}"
    if gone:
        return f"{gone[0][-1]} ran in {one.mode} and not in {other.mode}"
    return f"{new[0][-1]} ran in {other.mode} and not in {one.mode}" if new else None


def _path(run: Run) -> tuple[str, ...]:
    return (*(above.label for above in reversed(list(run.ancestors()))), run.label)


def _place(path: tuple[str, ...]) -> str:
    return "is a root" if len(path) == 1 else f"is under {path[-2]}"


def _different_runs(one: _Runs, other: _Runs) -> str | None:
    """The first fact of a run that differs; runs with one path are paired by what they have in common."""
    all_theirs = _facts_by_path(other)
    for path, all_ours in _facts_by_path(one).items():
        left = all_theirs[path]
        unpaired = []
        for facts in all_ours:
            if facts in left:
                left.remove(facts)
            else:
                unpaired.append(facts)
        for facts, theirs in zip(unpaired, left, strict=True):
            for name, value in facts.items():
                if theirs[name] != value:
                    ours, others = _shown(value, theirs[name])
                    return f"the {name} of {path[-1]} {_verb(name)} {others} instead of {ours}"
    return None


def _verb(name: str) -> str:
    return "are" if name in ("events", "tags") else "is"


def _facts_by_path(one: _Runs) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for run in one.runs:
        found.setdefault(_path(run), []).append(_facts(run))
    return found


def _facts(run: Run) -> dict[str, Any]:
    error = run.error
    usages = [event.usage for event in run.events if event.usage]
    return {
        "type": run.run_type,
        "outcome": run.status,
        "error": None if error is None else f"{type(error).__name__}: {_ID.sub('...', str(error))}",
        "events": [name for name in run.names if name not in _TOKENS],
        "tags": sorted(run.tags),
        "metadata": {key: _plain(value) for key, value in run.metadata.items() if not key.startswith(_VOLATILE)},
        "usage": _counted(usages[-1]) if usages else None,
    }


def _counted(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers that are not 0: details that are 0 are left out by some integrations in some modes."""
    flat = {key: _counted(value) if isinstance(value, Mapping) else value for key, value in usage.items()}
    return {key: value for key, value in flat.items() if value}


def _shown(ours: Any, theirs: Any) -> tuple[str, str]:
    """The two, of mappings the keys that differ."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        keys = [key for key in {**ours, **theirs} if ours.get(key, ...) != theirs.get(key, ...)]
        ours, theirs = ({key: each[key] for key in keys if key in each} for each in (ours, theirs))
    return repr_short(ours), repr_short(theirs)


def _different_ends(one: Called, other: Called) -> str | None:
    if (one.error is None) != (other.error is None) or _error(one) != _error(other):
        return (
            f"it {_end(other)} instead of {_end(one)}" if one.error else f"it {_end(other)}, which {one.mode} does not"
        )
    ours, theirs = ([_plain(output) for output in each.outputs] for each in (one, other))
    if any(output in theirs for output in ours):
        return None
    return f"it returned {repr_short(theirs[0])} instead of {repr_short(ours[0])}"


def _error(called: Called) -> str | None:
    return None if called.error is None else f"{type(called.error).__name__}: {_ID.sub('...', str(called.error))}"


def _end(called: Called) -> str:
    return "returned" if called.error is None else f"raised {error_line(called.error, 80)}"


def _plain(value: Any) -> Any:
    """*value* without what differs from call to call: ids, and whether a message is a chunk."""
    if isinstance(value, BaseMessage):
        calls = [(call["name"], _plain(call["args"])) for call in getattr(value, "tool_calls", ())]
        said = {
            "type": value.type.removesuffix("MessageChunk").lower(),
            "content": _content(value),
            "tool_calls": calls,
        }
        return {**said, "usage": _counted(getattr(value, "usage_metadata", None) or {})}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return _ID.sub("...", value)
    return value if isinstance(value, (int, float, bool, type(None))) else _object(value)


def _content(message: BaseMessage) -> Any:
    """A message's text where that is all there is: a stream may add blocks up to a text."""
    content = message.content
    if isinstance(content, str):
        return content
    texts = [block if isinstance(block, str) else block.get("text") for block in content]
    kinds = {"text" if isinstance(block, str) else block.get("type") for block in content}
    return "".join(map(str, texts)) if kinds <= {"text"} else _plain([_without_index(block) for block in content])


def _without_index(block: Any) -> Any:
    return {k: v for k, v in block.items() if k not in ("index", "id")} if isinstance(block, dict) else block


def _object(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return _plain(dump()) if callable(dump) and not isinstance(value, type) else _ID.sub("...", repr_short(value))


def _side_by_side(one: _Runs, other: _Runs) -> Iterator[str]:
    """The two trees in two columns, each row with what is worth a look."""
    yield f"  {one.mode:<{_COLUMN}}{other.mode}".rstrip()
    ours, theirs = (list(_rows(each.runs)) for each in (one, other))
    for left, right in zip_longest(ours, theirs, fillvalue=""):
        mark = " " if left == right else "<"
        yield f"  {truncate(left, _COLUMN - 3):<{_COLUMN - 2}}{mark} {truncate(right, _COLUMN - 3)}".rstrip()


def _rows(runs: list[Run]) -> Iterator[str]:
    children: dict[Run | None, list[Run]] = {}
    for run in runs:
        children.setdefault(run.parent, []).append(run)
    # Siblings in order of their names: their order is not compared.
    waiting = [(0, run) for run in sorted(children.get(None, []), key=lambda run: run.label, reverse=True)]
    while waiting:
        depth, run = waiting.pop()
        facts = _facts(run)
        usage = (facts["usage"] or {}).get("total_tokens")
        more = f"  {facts['outcome']}" if facts["outcome"] != "ended" else f"  {usage} tokens" if usage else ""
        yield f"{'  ' * depth}{run.label}{more}"
        below = sorted(children.get(run, []), key=lambda run: run.label, reverse=True)
        waiting += [(depth + 1, child) for child in below]
