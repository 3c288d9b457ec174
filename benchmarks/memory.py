"""What tests leave in memory, and whether a test costs more than the one before: thousands of tests in one process."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

HEAD = """
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel
HEAP = [[n] for n in range({heap})]
class Audit(BaseCallbackHandler):
    pass
def run(*handlers):
    return FakeListChatModel(responses=["x"]).invoke("hi", {{"callbacks": list(handlers)}})
"""
# The tests, how many, and how many objects the process has beside them.
SUITES = {
    "passing, without the plugin": ("def test_{n}(): run()", 3_000, 0),
    "passing, watched": ("def test_{n}(callback_scopes): run()", 3_000, 0),
    "failing, without the plugin": ("def test_{n}(): a = Audit(); run(a); assert 0", 2_000, 0),
    "failing, with a spy": ("def test_{n}(spy_on): spy_on(a := Audit()); run(a); assert 0", 2_000, 0),
    "a spied class": ("def test_{n}(spy_on): spy_on(Audit); run(Audit())", 500, 0),
    "a spied class, a million objects": ("def test_{n}(spy_on): spy_on(Audit); run(Audit())", 500, 1_000_000),
}
QUARTERS = 4
# pytest parses the whole file of a test that fails.
PER_FILE = 50


class _Quarters:
    """Notes the memory and the time when each quarter of the tests is over."""

    def __init__(self, tests: int) -> None:
        self._tests = tests
        self._done = 0
        self.after = [(0.0, 0.0)]

    def pytest_collection_finish(self) -> None:
        self.after = [_now()]

    def pytest_runtest_logfinish(self) -> None:
        self._done += 1
        if self._done % (self._tests // QUARTERS) == 0:
            self.after.append(_now())


def main() -> None:
    """Run each suite in a process of its own, and print what a test leaves and takes in each quarter of it."""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    for name in SUITES:
        subprocess.run([sys.executable, "-m", "benchmarks.memory", name], check=True, env=environment)


def _measure(name: str) -> None:
    test, tests, heap = SUITES[name]
    quarters = _Quarters(tests)
    with TemporaryDirectory() as folder:
        for first in range(0, tests, PER_FILE):
            text = "\n".join(test.format(n=n) for n in range(first, first + PER_FILE))
            head = HEAD.format(heap=0 if first else heap)
            Path(folder, f"test_{first}.py").write_text(head + text, encoding="utf-8")
        options = [
            "-q",
            "--tb=short",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:terminalreporter",
            "--disable-plugin-autoload",
        ]
        plugin = [] if "without" in name else ["-p", "lc_callbacks"]
        pytest.main([*options, *plugin, folder], plugins=[quarters])
    steps = list(zip(quarters.after, quarters.after[1:], strict=False))
    size = tests // QUARTERS
    kept = "  ".join(f"{(after[0] - before[0]) / size:6.1f}" for before, after in steps)
    took = "  ".join(f"{(after[1] - before[1]) / size * 1e3:6.2f}" for before, after in steps)
    print(f"  {name:<34} KB kept by a test: {kept}    ms taken: {took}", flush=True)


def _now() -> tuple[float, float]:
    """The memory of the process in KB, with what is garbage taken away; and its seconds so far."""
    seconds = time.process_time()
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="utf-8").split()[1]) * resource.getpagesize() / 1024, seconds
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, seconds


if __name__ == "__main__":
    _measure(sys.argv[1])
