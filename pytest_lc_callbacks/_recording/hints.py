"""The known cause of a mismatch, where the recorded facts prove one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pytest_lc_callbacks._recording.events import LONG, Event, Log, Run, is_end, is_start
from pytest_lc_callbacks._recording.matching import Mismatch, find_mismatch, names_at
from pytest_lc_callbacks._recording.patterns import AnyOrder, EventPattern, Item, Many
from pytest_lc_callbacks._words import repr_short

_TOKENS = ("llm_new_token", "stream_event")

NOTHING_RECORDED = """\
hint: possible causes: the handler was not passed to what ran; nothing ran, or a stream was never iterated; the handler
      was given to a component that ignores constructor callbacks (a prompt, a retriever). To hear a whole chain,
      pass it at run time: chain.invoke(..., config={"callbacks": [handler]})."""


def hint(mismatch: Mismatch, items: Sequence[Item], log: Log, positions: Sequence[int]) -> str | None:
    """A ``hint:`` paragraph; None where the facts prove no cause that LangChain is known for."""
    there = log.events_at([positions[mismatch.at]])[0] if mismatch.at < len(positions) else None
    cause = _doubled(there) or _raised(mismatch, there) or _streamed(there, items, log, positions)
    if cause or len(positions) > LONG:
        return cause
    return (
        _doubled(_first_double(items, log, positions))
        or _one_component(mismatch, there, log, positions)
        or _concurrent(items, log, positions)
        or _silent_inside(mismatch, there, log, positions)
    )


def _doubled(there: Event | None) -> str | None:
    """The handler got one start or end twice: it is among that run's callbacks twice."""
    if there is None or there.run is None or not (is_start(there.name) or is_end(there.name)):
        return None
    if there.run.names.count(there.name) < 2:
        return None
    return (
        f"hint: the handler got {there.name!r} of the same {there.run.label} run more than once. LangChain joins\n"
        "      lists of callbacks without removing doubles: it is in one list twice ([h, h]), or given both with\n"
        "      with_config and at run time."
    )


def _first_double(items: Sequence[Item], log: Log, positions: Sequence[int]) -> Event | None:
    """The first start or end that came again, if without those that did the recording is what was expected."""
    seen: set[tuple[Run | None, str]] = set()
    first: int | None = None
    once: list[int] = []
    for position, name in zip(positions, names_at(log, positions), strict=True):
        key = log.run_at(position), name
        if key in seen and key[0] is not None and (is_start(name) or is_end(name)):
            first = position if first is None else first
        else:
            once.append(position)
        seen.add(key)
    if first is None or find_mismatch(items, log, once) is not None:
        return None
    return log.event(first)


def _raised(mismatch: Mismatch, there: Event | None) -> str | None:
    """A run failed where nobody expected that it would."""
    if there is None or there.error is None or there.name in _names_in(*mismatch.expected, *mismatch.rest):
        return None
    end = there.name.replace("_error", "_end")
    if there.run is not None and end in there.run.names:
        return None
    return (
        f"hint: {there.run.label if there.run else 'a run'} raised {repr_short(there.error)}; "
        f"a run that raises reports {there.name!r} instead of {end!r}."
    )


def _streamed(there: Event | None, items: Sequence[Item], log: Log, positions: Sequence[int]) -> str | None:
    """Without its tokens the recording is what was expected, at least in another order."""
    if there is None or there.name not in _TOKENS:
        return None
    names = names_at(log, positions)
    without = [position for position, name in zip(positions, names, strict=True) if name not in _TOKENS]
    kinds = [name for name in _TOKENS if name in names]
    shown = ", ".join(f'"{name}"' for name in kinds)
    if find_mismatch(items, log, without) is None:
        return (
            f"hint: the model streamed, and each token is an event. Expect them with many({shown}), or leave them\n"
            f"      out: recording.without({shown}).assert_events([...])."
        )
    if not _same_names(items, names_at(log, without)):
        return None
    return (
        f"hint: the model streamed: each token is an event, to expect with many({shown}), and the steps after the\n"
        "      model begin with its first token, so that their runs overlap: any_order([...], [...])."
    )


def _same_names(items: Sequence[Item], names: Sequence[str]) -> bool:
    """Whether *items* are bare names, the same as *names* in some order."""
    return all(isinstance(item, str) for item in items) and Counter(names) == Counter(map(str, items))


def _one_component(mismatch: Mismatch, there: Event | None, log: Log, positions: Sequence[int]) -> str | None:
    """Every run that was heard without a run around it had a parent, and all of them have one name."""
    tops = [run for run in _runs(log, positions) if run.parent is None]
    if not tops or any(run.parent_run_id is None or not run.started for run in tops):
        return None
    if not _about_another_run(mismatch, there, tops):
        return None
    names = sorted({run.label for run in tops})
    if len(names) > 1:
        return _several_components(names)
    return (
        f"hint: the handler heard {names[0]} but not its parent run: it was given to that component alone "
        "(its constructor, or with_config\n"
        "      on that step), and such callbacks do not reach the chain around it. To hear the whole chain, "
        "pass it at run time:\n"
        '      chain.invoke(..., config={"callbacks": [handler]}).'
    )


def _several_components(names: list[str]) -> str:
    return (
        f"hint: the handler heard {', '.join(names)}, but not the run around them.\n"
        "      Possible causes: it was given to each of them alone (constructor callbacks, with_config on a step);\n"
        "      or it was passed as one of the inheritable_handlers of a CallbackManager, which do not hear the run\n"
        "      that they are passed to."
    )


def _about_another_run(mismatch: Mismatch, there: Event | None, tops: list[Run]) -> bool:
    """What was expected can only come from a run that was not heard: a chain's event where a component's is."""
    wanted = _names_in(*mismatch.expected)
    if not wanted or not all(name.startswith("chain_") for name in wanted):
        return False
    return there is None or there.run in tops


def _names_in(*items: Item) -> list[str]:
    """The names of events that *items* speak of."""
    names: list[str] = []
    for item in items:
        if isinstance(item, str):
            names.append(item)
        elif isinstance(item, EventPattern):
            names += [item.name] if item.name else []
        elif isinstance(item, Many):
            names += _names_in(*item.alternatives)
        elif isinstance(item, AnyOrder):
            names += [name for branch in item.branches for name in _names_in(*branch)]
    return names


def _concurrent(items: Sequence[Item], log: Log, positions: Sequence[int]) -> str | None:
    """The expected events were all recorded, in another order, and there are runs beside each other."""
    if not _same_names(items, names_at(log, positions)) or not _overlap(_runs(log, positions)):
        return None
    return (
        "hint: the same events in another order: runs that are open at the same time share no order. Write what each\n"
        "      of them sends as a branch: any_order([...], [...])."
    )


def _runs(log: Log, positions: Sequence[int]) -> list[Run]:
    return list(dict.fromkeys(run for run in map(log.run_at, positions) if run is not None))


def _overlap(runs: Iterable[Run]) -> bool:
    """Whether two runs with the same parent were open at the same time, or are started side by side."""
    last: dict[object, Run] = {}
    for run in runs:
        other = last.get(run.parent_run_id)
        if other is not None and (run.first < other.last or run.is_parallel_to(other)):
            return True
        last[run.parent_run_id] = run if other is None or run.last > other.last else other
    return False


def _silent_inside(mismatch: Mismatch, there: Event | None, log: Log, positions: Sequence[int]) -> str | None:
    """A run ended where one inside it was expected, and the handler heard none inside it."""
    starts = {name for name in _names_in(*mismatch.expected) if is_start(name)}
    if there is None or there.run is None or not is_end(there.name) or there.run.children or not starts:
        return None
    if there.run.run_type not in ("tool", "chain") or starts & set(names_at(log, positions)):
        return None
    name = there.run.label
    return (
        f"hint: the handler heard no run inside {name}. Possible causes: nothing ran there; the handler was given to\n"
        f"      the constructor of {name}, and constructor callbacks do not reach the runs inside it; the code inside\n"
        "      passes callbacks of its own, or runs in a thread without LangChain's context.\n"
        "      assert_runtime_scope() tells which."
    )
