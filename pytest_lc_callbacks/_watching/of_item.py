"""What is switched on for one pytest item, what it is judged on, and what is switched off again."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from pytest_lc_callbacks._threads import OwnThreads
from pytest_lc_callbacks._watching import blocking
from pytest_lc_callbacks._watching.guard import guarded, has_given_up
from pytest_lc_callbacks._watching.settings import BLOCK, Settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

    from pytest_lc_callbacks._watching.watch import WatchedTest

# The module that defines our fixtures.
_FIXTURES = f"{__name__.partition('.')[0]}.plugin"
watched_key: pytest.StashKey[WatchedTest] = pytest.StashKey()
threads_key: pytest.StashKey[OwnThreads] = pytest.StashKey()
# The tests for which something is switched on now, the innermost last: pytest may run inside pytest.
tests_key: pytest.StashKey[list[pytest.Item]] = pytest.StashKey()
_settings_key = pytest.StashKey[Settings]()
_phase_key = pytest.StashKey[str]()


def guarded_test(item: pytest.Item) -> AbstractContextManager[None]:
    """Around all that the hooks do for a test beside what they yield to; see `guarded`."""
    return guarded(item, _give_up)


def begin(item: pytest.Item) -> BaseException | None:
    """Switch on what the test is set to. Returns the failure to raise for a wrong marker."""
    threads = item.stash[threads_key] = OwnThreads()
    item.config.stash[tests_key].append(item)
    enter(item, "setup")
    is_marked = item.get_closest_marker("lc_callbacks") is not None
    if is_marked or item.config.getini(f"lc_callbacks_{BLOCK}"):
        mistake = _read_settings(item)
        if mistake is not None:
            return mistake
    is_blocked = _settings_key in item.stash and item.stash[_settings_key].block_real_models
    blocking.begin_test(item, threads, is_blocked=is_blocked)
    if _is_watched(item, is_marked):
        watch(item, is_asked_for=is_marked or _uses_us(item))
    return None


def enter(item: pytest.Item, phase: str) -> None:
    item.stash[_phase_key] = phase
    watched = item.stash.get(watched_key, None)
    if watched is not None:
        watched.begin(phase)


def note_failure(item: pytest.Item, error: BaseException) -> None:
    """Remember the first exception that a test failed or was skipped with: the test keeps that outcome."""
    watched = item.stash.get(watched_key, None)
    if watched is not None and watched.failure is None:
        watched.failure = error


def judge(item: pytest.Item, what: str) -> BaseException | None:
    """Look for findings. Returns the exception that the test is to fail with because of them, if there is one."""
    watched = item.stash.get(watched_key, None)
    if watched is None or isinstance(watched.failure, (KeyboardInterrupt, pytest.exit.Exception)):
        return None
    from pytest_lc_callbacks._watching.fixture_values import living_objects
    from pytest_lc_callbacks._watching.outcome import failure_of

    if what == "body":
        findings = watched.judge_body(settings(item).budgets)
    else:
        findings = watched.judge_rest(lambda: living_objects(item))
    return failure_of(item, watched, findings, settings(item)) if findings else None


def show(item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
    """Add the section to the report of a test that fails."""
    watched = item.stash.get(watched_key, None)
    if watched is None:
        return
    if watched.in_body and report.failed and call.excinfo is not None:
        # A subtest's report.
        note_failure(item, call.excinfo.value)
    from pytest_lc_callbacks._watching.outcome import add_section

    add_section(item, watched, report)
    if report.when == "teardown":
        del item.stash[watched_key]


def shown_of(
    item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException] | None
) -> pytest.ExceptionInfo[BaseException] | None:
    """What pytest is to show of an exception: without LangChain's frames where the plugin raised it."""
    if excinfo is None or item.config.getoption("fulltrace", False):
        return excinfo
    from pytest_lc_callbacks._watching.traceback import LEFT_OUT, without_langchain

    folded = without_langchain(excinfo)
    watched = item.stash.get(watched_key, None)
    if folded is not None and watched is not None:
        watched.problems.append(LEFT_OUT)
    return folded or excinfo


def place(item: pytest.Item, report: pytest.TestReport, raised_in: str) -> None:
    """Let a failure that we raised, in the file *raised_in*, stand at the line of its test."""
    if report.failed:
        from pytest_lc_callbacks._watching.outcome import point_at_test

        point_at_test(item, report, raised_in)


def close(item: pytest.Item) -> None:
    """Listen and refuse no more. What was seen stays until the last report is made."""
    watched, threads = item.stash.get(watched_key, None), item.stash.get(threads_key, None)
    tests = item.config.stash[tests_key]
    tests[:] = [test for test in tests if test is not item]
    if threads is not None:
        del item.stash[threads_key]
    if _settings_key in item.stash:
        del item.stash[_settings_key]
    with ExitStack() as steps:
        # Each of them is taken, also where another one raises.
        if threads is not None:
            steps.callback(threads.end)
        if watched is not None:
            steps.callback(watched.close)
        steps.callback(blocking.end_test, item)


def watch(item: pytest.Item, *, is_asked_for: bool = True) -> WatchedTest:
    """The `WatchedTest` of *item*, made here if there is none yet; whether the test *is asked for* is noted there."""
    if watched_key not in item.stash:
        from pytest_lc_callbacks._watching.watch import WatchedTest

        watched = WatchedTest(
            item.stash[threads_key], is_asked_for=is_asked_for, seeks_open_runs=_is_told(item, "unfinished_run")
        )
        item.stash[watched_key] = watched
        watched.begin(item.stash[_phase_key])
    item.stash[watched_key].is_asked_for |= is_asked_for
    return item.stash[watched_key]


def settings(item: pytest.Item) -> Settings:
    """The settings of *item*; those of the project where it has none of its own."""
    return item.stash.get(_settings_key, None) or Settings.of(item.config.getini, ())


def watch_late(request: pytest.FixtureRequest) -> None:
    """Begin to watch a test that gets a fixture of ours with ``request.getfixturevalue``."""
    if request.config.getini("lc_callbacks_observe") != "off" and not has_given_up(request.node):
        with guarded_test(request.node):
            watch(request.node)


def _give_up(item: pytest.Item) -> None:
    """Switch off all that is on for a test, after an exception of the plugin's own; nothing is left to show."""
    try:
        close(item)
    finally:
        if watched_key in item.stash:
            del item.stash[watched_key]


def _read_settings(item: pytest.Item) -> BaseException | None:
    """Read the settings of a test, its markers included. Returns the failure to raise for a wrong marker."""
    try:
        read = item.stash[_settings_key] = Settings.of(item.config.getini, item.iter_markers("lc_callbacks"))
        read.refuse_budgets_without(item.config.getini("lc_callbacks_observe"))
    except ValueError as error:
        return pytest.fail.Exception(f"{item.nodeid}: @pytest.mark.{error}", pytrace=False)
    return None


def _is_told(item: pytest.Item, finding: str) -> bool:
    """Whether anybody may hear of this *finding*: it is on, or a hook may switch it on."""
    return settings(item).level(finding) != "off" or bool(item.ihook.pytest_lc_callbacks_finding.get_hookimpls())


def _is_watched(item: pytest.Item, is_marked: bool) -> bool:
    """Whether the observer is to watch the test: it has the marker, it uses a fixture of ours, or all are watched."""
    observe = item.config.getini("lc_callbacks_observe")
    if observe == "off" or getattr(getattr(item, "cls", None), "_lc_callbacks_contract", False):
        # The checks of a handler's contract provoke what would be a finding elsewhere, and have observers of their own.
        return False
    if observe == "all" and "langchain_core" in sys.modules:
        return True
    return is_marked or _uses_us(item)


def _uses_us(item: pytest.Item) -> bool:
    definitions = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    # A project's own fixture of the same name comes last, and wins.
    resolved = (definitions[name][-1] for name in getattr(item, "fixturenames", ()) if definitions.get(name))
    return any(definition.func.__module__ == _FIXTURES for definition in resolved)
