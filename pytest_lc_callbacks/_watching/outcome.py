"""How findings change a test's outcome and its report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_lc_callbacks import _words
from pytest_lc_callbacks._redaction import Rule, redact
from pytest_lc_callbacks._values import is_a, pass_by, traceback_of
from pytest_lc_callbacks._watching.settings import LEVELS
from pytest_lc_callbacks._watching.warning import CallbackFindingWarning

if TYPE_CHECKING:
    from pytest_lc_callbacks._findings.finding import Finding
    from pytest_lc_callbacks._watching.settings import Settings

_SECTION = "LangChain callbacks"
# pytest prints sections of a tear-down below a failure only if their names say so.
_LATER = "LangChain callbacks after teardown"
_uploads_told_key: pytest.StashKey[bool] = pytest.StashKey()
SECTIONS = (_SECTION, _LATER)


class JudgedTest(Protocol):
    """A test whose findings are judged: what has to be known of it, and where its section's text comes from."""

    failure: BaseException | None
    reported: list[Finding]
    problems: list[str]
    found: list[tuple[Finding, str]]
    is_shown: bool
    in_body: bool
    is_asked_for: bool

    def section(self, clean: Callable[[str], str], *, whole: bool) -> str:
        """The text of the section."""


def failure_of(
    item: pytest.Item, watched: JudgedTest, findings: Iterable[Finding], settings: Settings
) -> BaseException | None:
    """
    What the test is to fail with because of its *findings*; None if it is not to fail.

    A finding at level ``warn`` becomes a warning. Where the test has failed already, every finding is kept for a
    section of its report.
    """
    texts = []
    for finding in findings:
        default = settings.level(finding.name, is_asked_for=watched.is_asked_for)
        usual = settings.levels.get(finding.name, "off") if finding.is_quiet else default
        level, problem = _level(item, finding, usual)
        if problem:
            texts.append(problem)
        if level == "off" or _is_told_already(item, finding, level):
            continue
        watched.found.append((finding, level))
        if watched.failure is not None:
            watched.reported.append(finding)
        elif level == "error" or not _warn(item, finding):
            texts.append(_text(item, finding))
    if watched.failure is not None:
        watched.problems += texts
        return None
    return _failure(texts) if texts else None


def _is_told_already(item: pytest.Item, finding: Finding, level: str) -> bool:
    """Whether a test asks for what the finding says, or an earlier one was warned of what is the same in every test."""
    if finding.name != "trace_upload":
        return False
    if item.get_closest_marker("langsmith") is not None:
        return True
    is_told = item.config.stash.get(_uploads_told_key, False)
    item.config.stash[_uploads_told_key] = True
    return is_told and level == "warn"


def add_section(item: pytest.Item, watched: JudgedTest, report: pytest.TestReport) -> None:
    """Add the section: a failing test's runs, and the findings that are neither a warning nor the failure."""
    if not report.failed and not watched.reported and not watched.problems:
        return
    try:
        text = watched.section(clean_of(item), whole=report.failed and not watched.is_shown)
    except WithheldError as error:
        text = str(error)
    watched.is_shown = watched.is_shown or (report.failed and not watched.in_body)
    watched.reported.clear()
    watched.problems.clear()
    if text:
        report.sections.append((_LATER if report.when == "teardown" else _SECTION, text))


def point_at_test(item: pytest.Item, report: pytest.TestReport, raised_in: str) -> None:
    """
    Let a failure that we raised stand at the line of its test, for ``--tb=line``, JUnit and annotations.

    Args:
        item: The test.

        report: The report of one of its phases.

        raised_in: The path of the file in which we raise.
    """
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None and crash.path == raised_in:
        path, line, _ = item.reportinfo()
        crash.path, crash.lineno = str(path), (line or 0) + 1


def _failure(texts: list[str]) -> BaseException:
    first, *rest = texts
    if rest:
        headline, *lines = first.split("\n")
        first = "\n".join([f"{headline}, and {_words.count(len(rest), 'more finding')}", *lines])
    return pytest.fail.Exception("\n\n".join([first, *rest]), pytrace=False)


def _warn(item: pytest.Item, finding: Finding) -> bool:
    """Warn of the finding. Returns whether that was possible; it is not where warnings are errors."""
    try:
        item.warn(CallbackFindingWarning(_text(item, finding)))
    except CallbackFindingWarning:
        return False
    return True


def _level(item: pytest.Item, finding: Finding, level: str) -> tuple[str, str | None]:
    """The level of a finding, and the problem with the hook that was asked for it, if there is one."""
    hook = item.ihook.pytest_lc_callbacks_finding
    try:
        answer = hook(item=item, finding=finding, level=level)
    # A hook may do anything; what it did must not hide the finding.
    except BaseException as error:  # noqa: BLE001
        pass_by(error)
        return level, _problem(hook, "to return a level", f"it raised {_words.error_line(error)}", error)
    if answer is None:
        return level, None
    if is_a(answer, str) and answer in LEVELS:
        return answer, None
    found = f"it returned {_words.repr_short(answer)}"
    return level, _problem(hook, f"to return one of {', '.join(LEVELS)}, or None", found)


class WithheldError(Exception):
    """A hook that names secrets went wrong, so that no text can be shown."""


def _text(item: pytest.Item, finding: Finding) -> str:
    """The words of a finding, without secrets."""
    try:
        return clean_of(item)(str(finding))
    except WithheldError as error:
        return f"a finding  [{finding.name}] {error}"


def clean_of(item: pytest.Item) -> Callable[[str], str]:
    """
    A function that takes secrets out of a text, by the rules of the project too.

    It raises `WithheldError` if a rule goes wrong.
    """
    hook = item.ihook.pytest_lc_callbacks_redact

    def clean(text: str) -> str:
        try:
            return _words.printable(redact(text, read_rules(hook(config=item.config))))
        # A hook may do anything; what it did must not let a secret out.
        except BaseException as error:  # noqa: BLE001
            pass_by(error)
            # Without the project's rules, which are what went wrong.
            raised = _words.truncate(_words.one_line(redact(_words.raw_repr(error))), 160)
            problem = _problem(hook, "to name what to take out", f"it raised {raised}", error)
            raise WithheldError(f"(withheld: {problem})") from None

    return clean


def read_rules(results: Iterable[Any]) -> Iterable[Rule]:
    """The rules in what the implementations of ``pytest_lc_callbacks_redact`` returned: one, several or None each."""
    for result in results:
        if result is None:
            continue
        yield from result if isinstance(result, (list, tuple, set, frozenset)) else [result]


def _problem(hook: Any, expected: str, found: str, error: BaseException | None = None) -> str:
    """What is wrong with a hook, with the line that raised or the functions that implement the hook."""
    # Here, since a session without such a mistake needs nothing of it.
    from pytest_lc_callbacks._stack import render_place

    functions = [implementation.function for implementation in hook.get_hookimpls()]
    codes = [function.__code__ for function in functions if hasattr(function, "__code__")]
    places = [render_place(code.co_filename, code.co_firstlineno) for code in codes]
    for frame, line in walk_tb(traceback_of(error)) if error is not None else ():
        if frame.f_code in codes:
            places = [render_place(frame.f_code.co_filename, line)]
    return f"expected the hook {hook.name} ({', '.join(places)}) {expected}, but {found}"
