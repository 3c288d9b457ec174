"""Which installed package a handler is from."""

from __future__ import annotations

import sys

import pytest
from langchain_core.callbacks import StdOutCallbackHandler

from pytest_lc_callbacks._findings import package_of as rooms
from pytest_lc_callbacks._findings.package_of import package_of

VENDOR = """
from langchain_core.callbacks import BaseCallbackHandler

class Tracer(BaseCallbackHandler):
    def on_llm_end(self, response, **kwargs):
        raise KeyError("usage")
"""


@pytest.fixture
def vendor(tmp_path, monkeypatch):
    """Installs a package with a handler; gives its class."""

    def install(package, *distributions):
        place = tmp_path / "site-packages"
        folder = place.joinpath(*package.split("."))
        folder.mkdir(parents=True)
        (folder / "handler.py").write_text(VENDOR, encoding="utf-8")
        root = package.partition(".")[0]
        for name, has_it in distributions:
            info = place / f"{name.replace('-', '_')}-1.2.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", encoding="utf-8")
            (info / "top_level.txt").write_text(root, encoding="utf-8")
            file = f"{package.replace('.', '/')}/handler.py" if has_it else f"{root}/other.py"
            (info / "RECORD").write_text(f"{file},,\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(place))
        return __import__(f"{package}.handler", fromlist=["Tracer"]).Tracer

    before = set(sys.modules)
    yield install
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_installed_package(vendor):
    """
    A class of an installed package is of that package, in its version.
    """
    assert package_of(vendor("acme_tracing", ("acme-tracing", True))) == "acme-tracing 1.2"
    assert package_of(StdOutCallbackHandler).startswith("langchain-core ")


def test_packages_that_share_a_folder(vendor):
    """
    Of the packages that share a top folder it is the one that has the file.
    """
    cls = vendor("acme_shared.langchain", ("acme-core", False), ("acme-langchain", True))

    assert package_of(cls) == "acme-langchain 1.2"


def test_what_is_not_certain(vendor):
    """
    Nothing is said of the user's own class, and of a file that no package has.
    """

    class Mine(StdOutCallbackHandler):
        pass

    assert package_of(Mine) is None
    assert package_of(vendor("acme_unknown")) is None


def test_nothing_is_looked_up_for_ones_own(monkeypatch):
    """
    What is installed is read for a handler of an installed package alone.
    """
    monkeypatch.setattr(rooms, "packages_distributions", lambda: pytest.fail("read"))

    class Mine(StdOutCallbackHandler):
        pass

    assert package_of(Mine) is None


def test_the_finding_names_it(vendor, pytester):
    """
    handler_error says which package a vendor's handler is from.
    """
    vendor("acme_found", ("acme-found", True))
    pytester.makepyfile(
        """
        from acme_found.handler import Tracer

        def test_it(fake_chat_model):
            fake_chat_model.invoke("hi", {"callbacks": [Tracer()]})

        class Mine(Tracer):
            pass

        def test_mine(fake_chat_model):
            fake_chat_model.invoke("hi", {"callbacks": [Mine()]})
        """
    )

    result = pytester.runpytest_inprocess("-p", "no:randomly")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["expected Tracer.on_llm_end to return*", "  Tracer is from acme-found 1.2"])
    result.stdout.no_fnmatch_line("*Mine is from*")
