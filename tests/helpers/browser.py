"""A real browser for pages of ours: Debian's chromium, driven by selenium."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager

import pytest

# Chromium asks its maker's servers for this and that; it is to ask nobody.
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
).split()


def missing():
    """Why no browser can be driven here; None if one can."""
    try:
        import selenium  # noqa: F401  # whether it is there is what is asked
    except ImportError:
        return "selenium is not installed"
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(absent)} not found; on Debian: apt-get install chromium chromium-driver" if absent else None


def require():
    """Skip where there is no browser; fail where there must be one."""
    reason = missing()
    if reason is None:
        return
    if os.environ.get("LC_CALLBACKS_REQUIRE_BROWSER") == "1":
        pytest.fail(f"LC_CALLBACKS_REQUIRE_BROWSER=1, but {reason}", pytrace=False)
    pytest.skip(f"needs a browser: {reason}")


@contextmanager
def browser(folder, *, scripts=True):
    """A new browser without a past; *folder* is for its profile."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = shutil.which("chromium")
    for flag in (*QUIET, "--window-size=1400,900", f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.set_script_timeout(20)
        yield driver
    finally:
        driver.quit()


def show(driver, path, address="", *, width=1400, dark=False):
    """Open the page at *path* afresh, and wait until it is ready."""
    from selenium.webdriver.support.ui import WebDriverWait

    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    driver.get("about:blank")
    driver.get_log("browser")
    driver.get(f"file://{path}{address}")
    WebDriverWait(driver, 20).until(lambda d: d.execute_script("return document.documentElement.dataset.ready"))


def until(driver, script, *arguments):
    """What *script* returns, as soon as that is true."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, 10).until(lambda d: d.execute_script(f"return {script}", *arguments))
