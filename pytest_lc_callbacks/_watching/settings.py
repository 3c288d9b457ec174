"""How strict a test is: the level of each finding, from the marker, the project's settings and the defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pytest_lc_callbacks._words import did_you_mean, repr_short, safe, string

LEVELS = ("off", "warn", "error")
# The default level of each finding, and what it means.
FINDINGS = {
    "handler_error": ("error", "a handler raised and LangChain swallowed it"),
    "duplicate_event": ("error", "a recording or spied handler got an event more often than it happened"),
    "exhausted_model": ("error", "a scripted fake model was asked for more than its script has"),
    "unused_response": ("error", "the script of a FakeChatModel that was made in the test was not used up"),
    "unused_fault": ("error", "a fault of a tool never struck"),
    "not_a_handler": ("error", "what stands in a list of callbacks cannot be called, such as a class"),
    "unfinished_run": ("warn", "a run began in the test's body and had not ended when its fixtures were gone"),
    "orphan_run": ("warn", "a run began with no parent although its context held one"),
    "lifecycle": ("warn", "a run ended without a start, or twice, or began after its parent had ended"),
    "duplicate_handler": ("warn", "two instances of one handler class heard the same run"),
    "pending_task": ("warn", "a task that a handler began was not done when its event loop closed"),
    "trace_upload": ("warn", "LangSmith's tracer sent runs of a test, since an environment variable says so"),
    "changed_payload": ("warn", "a spied handler wrote into what LangChain hands to all handlers"),
}
BLOCK = "block_real_models"
# What a marker may allow at most, of all that the observer saw begin in the test's body.
BUDGETS = ("max_model_calls", "max_total_tokens")


class Settings:
    """
    The settings of one test.

    Args:
        levels: The level of each finding for which the project or a marker sets one.

        block_real_models: Whether models of provider packages must not be called.

        budgets: What the test may do at most: ``{"max_model_calls": 3}``.
    """

    # No dataclass: to make one takes a third of the time in which the plugin is loaded.
    __slots__ = ("block_real_models", "budgets", "levels")

    def __init__(self, levels: Mapping[str, str], *, block_real_models: bool, budgets: Mapping[str, int]) -> None:
        self.levels = levels
        self.block_real_models = block_real_models
        self.budgets = budgets

    @classmethod
    def of(cls, ini: Callable[[str], Any], markers: Iterable[Any]) -> Settings:
        """
        The settings of a test with these *markers*, the closest first; *ini* gives None for what is not set.

        Raises:
            ValueError: If a level or a marker is wrong.
        """
        set_ = {name: ini(f"lc_callbacks_{name}") for name in FINDINGS}
        levels = {
            name: read_level(f"lc_callbacks_{name} =", level) for name, level in set_.items() if level is not None
        }
        budgets: dict[str, int] = {}
        block: Any = bool(ini(f"lc_callbacks_{BLOCK}"))
        for marker in reversed(list(markers)):
            said = read_marker(marker.args, marker.kwargs)
            block = said.get(BLOCK, block)
            levels |= {name: level for name, level in said.items() if name in FINDINGS}
            budgets |= {name: most for name, most in said.items() if name in BUDGETS}
        return cls(levels, block_real_models=block, budgets=budgets)

    def refuse_budgets_without(self, observe: str) -> None:
        """
        Refuse a budget that nobody can hold.

        Raises:
            ValueError: If there is one, and *observe* is ``"off"``.
        """
        for budget in self.budgets if observe == "off" else ():
            raise ValueError(f"lc_callbacks({budget}=...) needs the observer, and lc_callbacks_observe = off")

    def level(self, finding: str, *, is_asked_for: bool = True) -> str:
        """
        The level of *finding*.

        Args:
            finding: Its name.

            is_asked_for: Whether the test itself asks to be watched. One that does not hears of a finding at ``"warn"``
                at most, unless somebody set another level.
        """
        # An exceeded budget is none of these: who sets one means it.
        default = FINDINGS[finding][0] if finding in FINDINGS else "error"
        return self.levels.get(finding, default if is_asked_for or default != "error" else "warn")


def read_level(where: str, level: Any) -> str:
    """
    Check that *level* is one.

    Raises:
        ValueError: If it is not; the message lists the levels.
    """
    if isinstance(level, str) and level in LEVELS:
        return level
    raise ValueError(f"{where} {safe(string(level))}: expected one of {', '.join(LEVELS)}{did_you_mean(level, LEVELS)}")


def read_marker(args: Iterable[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """
    Read the arguments of ``@pytest.mark.lc_callbacks(...)``.

    Raises:
        ValueError: If one is wrong; the message lists the right ones.
    """
    given = [*map(repr_short, args)]
    if given:
        raise ValueError(f"lc_callbacks({', '.join(given)}): expected keywords, such as handler_error='off'")
    said: dict[str, Any] = {}
    for name, value in kwargs.items():
        if name == BLOCK and isinstance(value, bool):
            said[name] = value
        elif name == BLOCK:
            raise ValueError(f"lc_callbacks({name}={repr_short(value)}): expected True or False")
        elif name in BUDGETS and type(value) is int and value >= 0:
            said[name] = value
        elif name in BUDGETS:
            raise ValueError(f"lc_callbacks({name}={repr_short(value)}): expected a number from 0 on")
        elif name in FINDINGS:
            said[name] = read_level(f"lc_callbacks({name}=...):", value)
        else:
            known = (*FINDINGS, BLOCK, *BUDGETS)
            near = did_you_mean(name, known)
            raise ValueError(f"lc_callbacks({safe(name)}=...): expected one of {', '.join(known)}{near}")
    return said


def refuse_unknown_names(names: Iterable[str], known: Iterable[str]) -> None:
    """
    Refuse a misspelt setting.

    Raises:
        ValueError: If one of *names* begins with ``lc_callbacks`` and is not *known*; the message lists the settings.
    """
    settings = sorted(known)
    for name in names:
        if name.startswith("lc_callbacks") and name not in settings:
            raise ValueError(f"{safe(name)}: expected one of {', '.join(settings)}{did_you_mean(name, settings)}")
