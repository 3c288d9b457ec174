"""What pytest loads: options, ini settings, the marker, fixtures and hook functions."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_lc_callbacks._contract.session import ContractResults
from pytest_lc_callbacks._patches import put_back
from pytest_lc_callbacks._providers import begin_project, end_project
from pytest_lc_callbacks._redaction import PROJECT
from pytest_lc_callbacks._watching import blocking, messages, of_item, trace_block
from pytest_lc_callbacks._watching.guard import add_tracebacks, has_given_up
from pytest_lc_callbacks._watching.made_in_test import MadeInTests
from pytest_lc_callbacks._watching.recording import add_option, begin_recording
from pytest_lc_callbacks._watching.settings import BLOCK, FINDINGS, LEVELS, Settings, refuse_unknown_names

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from typing import Any

    from pytest_lc_callbacks._fake import FakeChatModel
    from pytest_lc_callbacks._handlers.observer import Observer
    from pytest_lc_callbacks._handlers.recorder import RecordingHandler
    from pytest_lc_callbacks._handlers.spy import Spies
    from pytest_lc_callbacks._redaction import Rule

_OBSERVE = ("auto", "all", "off")
_rules_key: pytest.StashKey[Callable[[], Iterable[Rule]]] = pytest.StashKey()
_packages_key: pytest.StashKey[Sequence[str]] = pytest.StashKey()

_INI = {
    "lc_callbacks_observe": (
        "Which tests the observer watches: 'auto' those that use a fixture or the marker of pytest-lc-callbacks, 'all' "
        "every test that starts with LangChain imported, 'off' none."
    ),
    f"lc_callbacks_{BLOCK}": "Whether calls of models from provider packages (langchain_openai, ...) fail.",
    trace_block.SETTING: "Whether LangSmith's tracer is kept from being added to runs.",
    "lc_callbacks_junit": "Whether a JUnit file gets the numbers of model calls, tool calls, tokens and findings.",
    "lc_callbacks_real_model_packages": "Further packages whose models are real, for the block and stand_in_for().",
    **{
        f"lc_callbacks_{name}": f"How strict to be when {means}: {', '.join(LEVELS)}; {default} unless set."
        for name, (default, means) in FINDINGS.items()
    },
}
_TYPES = {
    f"lc_callbacks_{BLOCK}": "bool",
    trace_block.SETTING: "bool",
    "lc_callbacks_junit": "bool",
    "lc_callbacks_real_model_packages": "args",
}
_DEFAULTS: dict[str, Any] = {
    "lc_callbacks_observe": "auto",
    f"lc_callbacks_{BLOCK}": False,
    trace_block.SETTING: False,
    "lc_callbacks_junit": False,
    "lc_callbacks_real_model_packages": [],
    # A level that is not set is told from one that is: see Settings.level.
    **{f"lc_callbacks_{name}": None for name in FINDINGS},
}
_OUTPUTS = {
    "json": "a line of JSON for each test; see docs/reports.md",
    "report": "a page to open in a browser; needs pytest-lc-callbacks[report]",
    "summary": "a summary in Markdown, for $GITHUB_STEP_SUMMARY or a merge request",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our ini settings and options."""
    for name, help_text in _INI.items():
        # pytest types the kinds of settings as literals, and these are read from a table.
        parser.addini(name, help_text, type=_TYPES.get(name, "string"), default=_DEFAULTS[name])  # type: ignore[arg-type]
    add_option(parser)

    group = parser.getgroup("lc-callbacks", "LangChain callbacks")
    group.addoption("--lc-callbacks-tree", action="store_true", help="Print the run tree of every test.")
    for name, what in _OUTPUTS.items():
        group.addoption(f"--lc-callbacks-{name}", metavar="PATH", default=None, help=f"Write {what}.")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Let others implement our hooks."""
    from pytest_lc_callbacks import hooks

    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Check the ini settings and register the marker."""
    config.addinivalue_line(
        "markers",
        "lc_callbacks(finding=level, ..., block_real_models=bool, max_model_calls=int, max_total_tokens=int): watch "
        "every LangChain run of this test. Levels are "
        f"{', '.join(LEVELS)}; findings are {', '.join(FINDINGS)}.",
    )
    config.stash[of_item.tests_key] = []
    config.pluginmanager.register(MadeInTests(of_item.settings), "lc_callbacks_made")
    begin_recording(config)
    rules: Callable[[], Iterable[Rule]] = partial(_project_rules, config)
    config.stash[_rules_key] = rules
    PROJECT.begin(rules)
    config.stash[_packages_key] = list(config.getini("lc_callbacks_real_model_packages"))
    begin_project(config.stash[_packages_key])
    config.pluginmanager.register(ContractResults(), "lc_callbacks_contract")
    observe = config.getini("lc_callbacks_observe")
    if observe not in _OBSERVE:
        raise pytest.UsageError(f"lc_callbacks_observe = {observe}: expected one of {', '.join(_OBSERVE)}")
    try:
        refuse_unknown_names(_names_in_ini(config), _INI)
        Settings.of(config.getini, ())
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    if config.getoption("lc_callbacks_tree") or any(_output(config, name) is not None for name in _OUTPUTS):
        from pytest_lc_callbacks._watching.outputs import Outputs

        config.pluginmanager.register(Outputs(config, of_item.watched_key), "lc_callbacks_outputs")
    if config.getoption("xmlpath", None):
        from pytest_lc_callbacks._watching.junit import JUnit, JUnitTrees

        config.pluginmanager.register(JUnit(config, of_item.watched_key), "lc_callbacks_junit")
        config.pluginmanager.register(JUnitTrees(config), "lc_callbacks_junit_trees")
    if config.getoption("ctrf", None):
        from pytest_lc_callbacks._watching.ctrf import CtrfTrees

        config.pluginmanager.register(CtrfTrees(config), "lc_callbacks_ctrf")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Switch off what is still on: pytest may be interrupted in the middle of a test."""
    tests: list[pytest.Item] = config.stash.get(of_item.tests_key, [])
    for item in tests[::-1]:
        with of_item.guarded_test(item):
            of_item.close(item)
    blocking.stop(config)
    trace_block.stop(config)
    put_back()
    if _rules_key in config.stash:
        PROJECT.end(config.stash[_rules_key])
        end_project(config.stash[_packages_key])


def pytest_sessionstart(session: pytest.Session) -> None:
    """Block real models and uploads of traces from now on, where the project says so."""
    blocking.begin_session(session.config)
    trace_block.begin(session.config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Warn once of what was refused and is no test's."""
    blocking.end_session(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear what a worker of pytest-xdist has refused."""
    blocking.read_worker(node.config, node)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Generator[None, object, object]:
    """Say once what was refused and is no test's, and last where the causes are explained that failures name."""
    messages.shorten(terminalreporter)
    result = yield
    for line in filter(None, [*blocking.summary(config), messages.explanation(terminalreporter)]):
        terminalreporter.write_line(line)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Begin to watch before any fixture is set up."""
    mistake = None
    with of_item.guarded_test(item):
        put_back()
        mistake = of_item.begin(item)
    try:
        result = yield
    except BaseException as error:
        with of_item.guarded_test(item):
            of_item.note_failure(item, error)
        raise
    if mistake is not None:
        # Raised this late because the tear-down of other plugins counts on their set-up.
        raise mistake
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Look for findings as soon as the body is over."""
    with of_item.guarded_test(item):
        of_item.enter(item, "call")
    try:
        result = yield
    except BaseException as error:
        with of_item.guarded_test(item):
            of_item.note_failure(item, error)
            of_item.judge(item, "body")
        raise
    failure = None
    with of_item.guarded_test(item):
        for excinfo in getattr(item, "_excinfo", None) or ():
            # A unittest.TestCase keeps its failures here.
            of_item.note_failure(item, excinfo.value)
        failure = of_item.judge(item, "body")
        if failure is None:
            failure = blocking.caught_refusal(item)
    if failure is not None:
        raise failure
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Look for further findings when the fixtures are torn down, and watch no more."""
    with of_item.guarded_test(item):
        of_item.enter(item, "teardown")
    try:
        try:
            result = yield
        except BaseException as error:
            with of_item.guarded_test(item):
                of_item.note_failure(item, error)
                of_item.judge(item, "rest")
            raise
        failure = None
        with of_item.guarded_test(item):
            failure = of_item.judge(item, "rest")
        if failure is not None:
            raise failure
        return result
    finally:
        with of_item.guarded_test(item):
            of_item.close(item)
            put_back()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the user's frames of what the plugin raised; add the section *LangChain callbacks* to a failing test."""
    whole, folded = call.excinfo, None
    with of_item.guarded_test(item):
        folded = call.excinfo = of_item.shown_of(item, whole)
    report = yield
    if call.excinfo is folded:
        # A debugger has all frames.
        call.excinfo = whole
    messages.mark(report, None if whole is None else whole.value)
    with of_item.guarded_test(item):
        of_item.show(item, call, report)
        of_item.place(item, report, __file__)
    add_tracebacks(item, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Keep apart what the fixture of a class, module or session makes, and what the test makes."""
    if fixturedef.scope == "function":
        return (yield)
    with ExitStack() as stack:
        for item in request.config.stash[of_item.tests_key][-1:]:
            with of_item.guarded_test(item):
                stack.enter_context(item.stash[of_item.threads_key].wider_fixture())
                if of_item.watched_key in item.stash:
                    stack.enter_context(item.stash[of_item.watched_key].wider_fixture())
        return (yield)


def _output(config: pytest.Config, name: str) -> Any:
    """The path of an output that was asked for, but for those who ask for help alone."""
    return None if config.getoption("help", None) else config.getoption(f"lc_callbacks_{name}")


def _project_rules(config: pytest.Config) -> Iterable[Rule]:
    """What the project takes out of all that is printed."""
    from pytest_lc_callbacks._watching.outcome import read_rules

    return read_rules(config.hook.pytest_lc_callbacks_redact(config=config))


def _names_in_ini(config: pytest.Config) -> Iterator[str]:
    """The names of the settings in the project's file, and of those given with ``-o name=value``."""
    # pytest 9.2 deprecates the public name, and has nothing in its place.
    kept = vars(config).get("_inicfg")
    yield from config.inicfg if kept is None else kept
    yield from (text.partition("=")[0].strip() for text in config.getoption("override_ini", None) or ())


@pytest.fixture
def recording_handler(request: pytest.FixtureRequest) -> RecordingHandler:
    """
    A fresh RecordingHandler: pass it wherever LangChain takes callbacks, then ask it what it received.

    ``chain.invoke("hi", config={"callbacks": [recording_handler]})``
    """
    from pytest_lc_callbacks._handlers.recorder import RecordingHandler

    of_item.watch_late(request)
    return RecordingHandler()


@pytest.fixture
def assert_events(recording_handler: RecordingHandler) -> Callable[[Sequence[Any]], None]:
    """
    Check that ``recording_handler`` recorded exactly these events, in this order.

    ``assert_events(["chain_start", "chain_end"])``
    """
    return recording_handler.assert_events


@pytest.fixture
def fake_chat_model(request: pytest.FixtureRequest) -> FakeChatModel:
    """
    A fresh FakeChatModel: it answers each call with one fixed text until the test scripts it.

    ``fake_chat_model.respond("Paris")``
    """
    from pytest_lc_callbacks._fake import FakeChatModel

    of_item.watch_late(request)
    return FakeChatModel()


@pytest.fixture
def callback_scopes(request: pytest.FixtureRequest) -> Observer:
    """
    Every LangChain run of this test, whatever was passed as callbacks.

    ``print(callback_scopes.table(audit=audit_handler))`` shows which of them a handler heard.
    """
    if request.config.getini("lc_callbacks_observe") == "off":
        raise pytest.UsageError("callback_scopes needs the observer, and lc_callbacks_observe = off switches it off")
    return of_item.watch(request.node).observer


@pytest.fixture
def spy_on(request: pytest.FixtureRequest) -> Iterator[Spies]:
    """
    Record what a handler of your own receives from now on, and what it raises; it behaves as before.

    ``spy = spy_on(handler)``, or ``spy_on(HandlerClass)`` for every instance that is made from then on. ``spy`` is a
    Recording, and ``spy.raised`` are the exceptions, whether LangChain swallowed them or not.
    """
    from pytest_lc_callbacks._handlers.spy import Spies

    watched = request.config.getini("lc_callbacks_observe") != "off" and not has_given_up(request.node)
    spies = of_item.watch(request.node).spies if watched else Spies()
    yield spies
    spies.stop()
