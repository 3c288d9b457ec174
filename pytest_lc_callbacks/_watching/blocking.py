"""When real models are blocked: for the project from the start of the session to its end, else for single tests."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lc_callbacks import _words
from pytest_lc_callbacks._watching.settings import BLOCK
from pytest_lc_callbacks._watching.warning import CallbackFindingWarning

if TYPE_CHECKING:
    from pytest_lc_callbacks._threads import OwnThreads
    from pytest_lc_callbacks._watching.real_models import RealModelBlock

_block_key: pytest.StashKey[RealModelBlock] = pytest.StashKey()
_elsewhere_key: pytest.StashKey[Counter[str]] = pytest.StashKey()
# Under which name a worker of pytest-xdist sends its calls to the process that prints.
_OUTPUT = "lc_callbacks_refused_elsewhere"
_SHOWN = 10


def begin_session(config: pytest.Config) -> None:
    """Refuse calls of real models from now on, if the project is set to that and tests run in this process."""
    config.stash[_elsewhere_key] = Counter()
    is_controller = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    if config.getini(f"lc_callbacks_{BLOCK}") and not is_controller:
        _block(config).start()


def begin_test(item: pytest.Item, threads: OwnThreads, *, is_blocked: bool) -> None:
    """
    Refuse what the test with these *threads* calls of real models.

    Where the project is blocked and the test is not, let it through.
    """
    if is_blocked or _block_key in item.config.stash:
        from pytest_lc_callbacks._watching.real_models import BlockedTest

        block = _block(item.config)
        block.test = BlockedTest(threads, is_allowed=not is_blocked)
        if is_blocked:
            block.start()


def caught_refusal(item: pytest.Item) -> BaseException | None:
    """The refusal of a call of the test's that somebody caught, with ``except BaseException`` or by gathering."""
    block = item.config.stash.get(_block_key, None)
    if block is None or block.test is None or not block.test.refused or getattr(item, "_excinfo", None):
        return None
    from pytest_lc_callbacks._findings.expected import is_expected

    return next((error for error in block.test.refused if not is_expected(error)), None)


def end_test(item: pytest.Item) -> None:
    """The test is over: what is called now is no test's."""
    block = item.config.stash.get(_block_key, None)
    if block is None:
        return
    block.test = None
    if not item.config.getini(f"lc_callbacks_{BLOCK}"):
        block.stop()


def end_session(config: pytest.Config) -> None:
    """Warn of the calls that were refused and were no test's, or send them to the process that prints."""
    if _block_key in config.stash:
        config.stash[_elsewhere_key] += config.stash[_block_key].elsewhere
    elsewhere = config.stash.get(_elsewhere_key, Counter())
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = dict(elsewhere)
    elif elsewhere:
        try:
            config.issue_config_time_warning(CallbackFindingWarning("\n".join(_lines(elsewhere))), stacklevel=2)
        except CallbackFindingWarning:
            # Warnings are errors here. No test is at fault, and the summary says it all the same.
            return


def read_worker(config: pytest.Config, node: Any) -> None:
    """Add what the worker *node* of pytest-xdist has refused."""
    config.stash[_elsewhere_key] += Counter(getattr(node, "workeroutput", {}).get(_OUTPUT, {}))


def summary(config: pytest.Config) -> list[str]:
    """The lines for the end of the session; none if nothing was refused that is no test's."""
    elsewhere = config.stash.get(_elsewhere_key, Counter())
    return _lines(elsewhere) if elsewhere else []


def stop(config: pytest.Config) -> None:
    """Refuse no more, whatever interrupted the session."""
    if _block_key in config.stash:
        config.stash[_block_key].stop()


def _lines(elsewhere: Counter[str]) -> list[str]:
    calls = _words.count(elsewhere.total(), "call")
    first = f"pytest-lc-callbacks refused {calls} of real models in threads that are no test's own, or between tests:"
    called = [f"  {text} ({_words.count(times, 'time')})" for text, times in elsewhere.items()]
    return [first, *_words.first_lines(called, _SHOWN, "  ")]


def _block(config: pytest.Config) -> RealModelBlock:
    if _block_key not in config.stash:
        from pytest_lc_callbacks._watching.real_models import RealModelBlock

        packages = config.getini("lc_callbacks_real_model_packages")
        config.stash[_block_key] = RealModelBlock(packages, lambda text: pytest.fail.Exception(text, pytrace=False))
    return config.stash[_block_key]
