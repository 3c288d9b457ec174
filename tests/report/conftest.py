"""What the tests of pages in a real browser share: the browser, and a page in it."""

from __future__ import annotations

import browser as real
import pytest
from shown_pages import TESTS, page_of


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A browser for the tests of a file."""
    real.require()
    with real.browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The page of `TESTS`."""
    return page_of(tmp_path_factory.mktemp("page") / "report.html", TESTS)


@pytest.fixture
def page(driver, path):
    """The browser with the page of `TESTS` in it; the page must log nothing."""
    real.show(driver, path)
    yield driver
    assert driver.get_log("browser") == []
