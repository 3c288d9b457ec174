"""What every test file may use: pytest inside pytest, and a header that says which versions are under test."""

from __future__ import annotations

import gc
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pkgutil import walk_packages

import hypothesis
import partners
import pytest
from partners import pytest_runtest_makereport as pytest_runtest_makereport

import pytest_lc_callbacks

# pytest inside pytest forgets the modules that it imported, and LangChain takes a second to import: once is enough.
for _module in ("langchain.agents", "langchain_core.prompts", "langgraph.graph"):
    import_module(_module)
# numpy refuses to be imported a second time, which is what forgetting it leads to.
if find_spec("numpy"):
    import_module("numpy")
# A module that is first imported inside keeps the inner session alive: the loader that it remembers is that session's.
for _found in walk_packages(pytest_lc_callbacks.__path__, "pytest_lc_callbacks."):
    if not _found.name.endswith("__main__"):
        import_module(_found.name)
for _name in pytest_lc_callbacks.__all__:
    getattr(pytest_lc_callbacks, _name)

# A shared machine pauses for longer than any per-example deadline; what must be fast is measured in benchmarks/.
# The same examples everywhere: a red cell of the matrix is about its versions, not about its luck.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")

# pytest inside pytest, in workers too, has no plugins but those that tests are about: each takes time in each session.
USED_PLUGINS = {"lc_callbacks", "anyio", "asyncio", "rerunfailures", "timeout", "xdist", "xdist.looponfail"}
# Reports of others, which the nox session of that name installs.
USED_PLUGINS |= {"html", "html_fixtures", "metadata", "ctrf", "pytest_github_actions_annotate_failures"}
OTHER_PLUGINS = sorted({found.name for found in entry_points(group="pytest11")} - USED_PLUGINS)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `partner`, and keep its warning a warning although the ini file makes errors of warnings."""
    config.addinivalue_line("markers", partners.MARKER)
    config.addinivalue_line("filterwarnings", "default::partners.NewerPartnerWarning")


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """pytest inside pytest, told what pyproject.toml says too: left unset, newer releases of pytest-asyncio warn."""
    # Without pytest-randomly the order of the tests inside is the one that they are written in.
    others = " ".join(f"-p no:{name}" for name in OTHER_PLUGINS)
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-o asyncio_default_fixture_loop_scope=function {others}")
    # pytest prints more of a failure where it finds one of these.
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    # syrupy keeps the session that began last, and with it all that the tests inside have made.
    if find_spec("syrupy"):
        syrupy = import_module("syrupy")
        monkeypatch.setattr(syrupy, "_syrupy", syrupy._syrupy)
    return pytester


@pytest.fixture
def xdist_pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """pytest inside pytest with pytest-xdist and this plugin alone: its workers are ready in half the time."""
    pytest.importorskip("xdist", reason="pytest-xdist is what runs workers")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # pytest 8 warns of a plugin that is imported already.
    quiet = "-W ignore::pytest.PytestAssertRewriteWarning"
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-p pytest_lc_callbacks.plugin -p xdist {quiet}")
    return pytester


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse ids that differ from process to process: pytest-xdist cannot run them, and says so without a name."""
    if changing := [item.nodeid for item in items if " at 0x" in item.nodeid]:
        raise pytest.UsageError("\n".join(["give these tests ids without an address in them:", *changing]))


def pytest_collection_finish() -> None:
    """Spare the collector what lives as long as the process: pytest inside pytest collects all at its end."""
    # Hypothesis looks at its first run for who holds numpy's generators, and a frozen heap does not tell.
    hypothesis.given(hypothesis.strategies.none())(lambda _: None)()
    _freeze()


def pytest_runtest_logfinish() -> None:
    """Spare it what a test made last as well: a provider's package, once imported, is a hundred thousand objects."""
    if len(gc.get_objects()) > 30_000:
        _freeze()


def _freeze() -> None:
    gc.collect()
    gc.freeze()


def pytest_report_header() -> str:
    """The LangChain under test, which is what tells the cells of the matrix apart."""
    return ", ".join(f"{name} {_installed(name)}" for name in ("langchain-core", "langchain", "langgraph"))


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
