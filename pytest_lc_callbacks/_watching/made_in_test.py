"""What a test makes without a fixture of ours: a fake model's script is watched, and a stand-in ends with the test."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lc_callbacks import _made
from pytest_lc_callbacks._watching.guard import guarded

if TYPE_CHECKING:
    from pytest_lc_callbacks._findings.finding import Finding
    from pytest_lc_callbacks._watching.settings import Settings

_key: pytest.StashKey[MadeInTest] = pytest.StashKey()


class MadeInTest:
    """
    What one test made: it listens from `start` to `stop`.

    A watched test listens over it, and hears of scripts instead.
    """

    # A test that made a fake model and uses no fixture of ours has not asked for findings.
    is_asked_for = False

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        """The exception that the test failed or was skipped with."""
        self.reported: list[Finding] = []
        self.problems: list[str] = []
        self.found: list[tuple[Finding, str]] = []
        self.wider_fixture: pytest.FixtureDef[Any] | None = None
        """The fixture of a class, module or session that is set up now: what it makes is made for other tests too."""
        self._scripts: list[Any] = []
        self._stand_ins: list[Any] = []
        self._is_judged = False

    def start(self) -> None:
        """Listen from now on."""
        _made.listen(self._note, "script", "stand_in")

    def stop(self) -> None:
        """Listen no more, and end the stand-ins of the test."""
        _made.stop(self._note)
        for stand_in in reversed(self._stand_ins):
            stand_in.stop()

    def judge(self, *, at_last: bool) -> list[Finding]:
        """
        The findings about the scripts; none if they were judged before.

        Args:
            at_last: Whether the fixtures are torn down. Before that, a call that goes on may use more of a script.
        """
        if not self._scripts or self._is_judged or (not at_last and any(map(_is_in_use, self._scripts))):
            return []
        self._is_judged = True
        from pytest_lc_callbacks._findings.checks import exhausted_models, unused_recordings, unused_responses

        scripts = self._scripts if self.failure is None else ()
        return [
            *exhausted_models((list(script.exhausted) for script in self._scripts), self._is_known),
            *unused_responses((s.unused, len(s.calls), list(s.passed_by)) for s in scripts),
            *unused_recordings(script.unused_recordings for script in scripts),
        ]

    def section(self, clean: Callable[[str], str], *, whole: bool) -> str:
        """The findings for the report of a test that failed."""
        return "\n\n".join([*self.problems, *(clean(str(finding)) for finding in self.reported)])

    # What the section asks of a watched test, whose runs may be shown already.
    is_shown = True
    in_body = False

    def _is_known(self, error: BaseException) -> bool:
        from pytest_lc_callbacks._findings.expected import is_known

        return is_known(error, self.failure)

    def _note(self, kind: _made.Kind, made: Any) -> None:
        if kind == "stand_in" and self.wider_fixture is not None:
            self.wider_fixture.addfinalizer(made.stop)
        elif kind == "stand_in":
            self._stand_ins.append(made)
        elif self.wider_fixture is None:
            self._scripts.append(made)


class MadeInTests:
    """
    Hook functions that keep a `MadeInTest` for each test that runs.

    Args:
        settings: Gives the settings of a test.
    """

    def __init__(self, settings: Callable[[pytest.Item], Settings]) -> None:
        self._settings = settings
        # The innermost last: pytest may run inside pytest.
        self._running: list[MadeInTest] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        """Keep apart what the fixture of a class, module or session makes."""
        if not self._running or fixturedef.scope == "function":
            return (yield)
        made = self._running[-1]
        outer, made.wider_fixture = made.wider_fixture, fixturedef
        try:
            return (yield)
        finally:
            made.wider_fixture = outer

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Listen from before the set-up on."""
        made = item.stash[_key] = MadeInTest()
        self._running.append(made)
        made.start()
        return (yield from self._judged(item, None))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Judge the scripts as soon as the body is over."""
        return (yield from self._judged(item, False))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Judge the scripts that were in use then, and listen no more."""
        try:
            return (yield from self._judged(item, True))
        finally:
            made = item.stash.get(_key, None)
            if made is not None:
                made.stop()
                self._running.remove(made)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show the findings of a test that failed."""
        report = yield
        made = item.stash.get(_key, None)
        if made is not None and (made.reported or made.problems):
            from pytest_lc_callbacks._watching.outcome import add_section

            with guarded(item, lambda item: made.stop()):
                add_section(item, made, report)
        if made is not None and report.when == "teardown":
            del item.stash[_key]
        return report

    def pytest_unconfigure(self) -> None:
        """Listen no more: pytest may be interrupted in the middle of a test."""
        while self._running:
            self._running.pop().stop()

    def _judged(self, item: pytest.Item, at_last: bool | None) -> Generator[None, object, object]:
        try:
            result = yield
        except BaseException as error:
            self._judge(item, at_last, [error])
            raise
        # A unittest.TestCase keeps its failures here.
        failure = self._judge(item, at_last, [excinfo.value for excinfo in getattr(item, "_excinfo", None) or ()])
        if failure is not None:
            raise failure
        return result

    def _judge(self, item: pytest.Item, at_last: bool | None, errors: list[BaseException]) -> BaseException | None:
        """The failure to raise for what the scripts of a test say, if there is one."""
        made = item.stash.get(_key, None)
        if made is None or item.config.getini("lc_callbacks_observe") == "off":
            return None
        made.failure = made.failure or next(iter(errors), None)
        if at_last is None or isinstance(made.failure, (KeyboardInterrupt, pytest.exit.Exception)):
            return None
        failure = None
        with guarded(item, lambda item: made.stop()):
            failure = self._failure(item, made, made.judge(at_last=at_last))
        # `guarded` leaves its block early where something of ours goes wrong.
        return failure  # noqa: RET504

    def _failure(self, item: pytest.Item, made: MadeInTest, findings: list[Finding]) -> BaseException | None:
        if not findings:
            return None
        from pytest_lc_callbacks._watching.outcome import failure_of

        return failure_of(item, made, findings, self._settings(item))


def _is_in_use(script: Any) -> bool:
    calls: Iterable[Any] = script.calls
    return any(call.response is None and call.error is None for call in calls)
