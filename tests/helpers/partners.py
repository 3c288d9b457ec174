"""
What a failed comparison with a partner's package means, by the version that is installed.

Partners release more often than we do, so each comparison knows the newest version that it was made with:

```python
@pytest.mark.partner("langchain-anthropic", "anthropic")
def test_a_text(): ...
```

A marked test that fails, and a module of a partner that `fetch` cannot import,

- fails as ever where no package is newer than `MADE_WITH` says: the fault is ours;
- fails as ever where the environment variable `LC_CALLBACKS_NEWEST` is 1, as in the matrix's newest cell;
- is reported everywhere else, as an expected failure with a `NewerPartnerWarning` that names package, version and
  difference: somebody who tries a clone on the day of a partner's release can do nothing about it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest
from packaging.version import Version

MADE_WITH = {
    "anthropic": "2.14.0",
    "langchain-anthropic": "1.7.10",
    "langchain-openai": "1.7.4",
    "langchain-tests": "1.1.9",
    "openai": "3.57.0",
    "pytest-httpserver": "1.2.0",
    "respx": "0.23.1",
}
"""The newest version of each package that the tests were compared with and passed."""

MARKER = "partner(*packages): the test compares with these packages; see tests/helpers/partners.py"


class NewerPartnerWarning(UserWarning):
    """A test failed with a newer version of a partner's package than it was made with."""


def fetch(module: str, name: str | None = None) -> Any:
    """
    The *module* of a partner's package, or what it calls *name*; for the top of a test file.

    Raises:
        Skipped: If the package is not installed, or is newer than `MADE_WITH` says and cannot be imported.
    """
    package = module.partition(".")[0].replace("_", "-")
    if _installed(package) is None:
        pytest.skip(f"{package} is not installed (it is in the extra `partners`)", allow_module_level=True)
    try:
        found = import_module(module)
        return found if name is None else getattr(found, name)
    # A new release may raise anything while it is imported, our own filter for warnings included.
    except Exception as error:
        newer = newer_than_known([package])
        if not newer or is_strict():
            raise
        said = report(newer, f"{module}{'' if name is None else f'.{name}'} cannot be imported", error)
        warnings.warn(said, NewerPartnerWarning, stacklevel=2)
        pytest.skip(said, allow_module_level=True)


def newer_than_known(packages: Iterable[str]) -> list[str]:
    """Those of the *packages* that are newer than `MADE_WITH` says, each with both versions."""
    found = {package: _installed(package) for package in packages}
    return [
        f"{package} {installed} (known: {MADE_WITH[package]})"
        for package, installed in found.items()
        if installed is not None and Version(installed) > Version(MADE_WITH[package])
    ]


def is_strict() -> bool:
    """Whether a failure with a newer version fails, as in the matrix's newest cell."""
    return os.environ.get("LC_CALLBACKS_NEWEST") == "1"


def report(newer: list[str], failed: str, error: BaseException) -> str:
    """The text of a `NewerPartnerWarning`, whose first line is the reason of the expected failure too."""
    return f"newer than the tests know: {', '.join(newer)}; {failed}: {type(error).__name__}: {error}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the failure of a test that is marked `partner` into an expected one, where a newer version may be why."""
    result = yield
    if not result.failed or call.excinfo is None or is_strict():
        return result
    marked = [package for marker in item.iter_markers("partner") for package in marker.args]
    if newer := newer_than_known(dict.fromkeys(marked)):
        said = report(newer, f"the test's {result.when} fails", call.excinfo.value)
        item.warn(NewerPartnerWarning(said))
        result.outcome, result.wasxfail = "skipped", said.splitlines()[0]
    return result


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
