"""What it costs a test to be watched: a suite of tests that run nothing, with and without the plugin."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from benchmarks._compare import compare

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = 1_000
QUIET = ["-q", "-p", "no:cacheprovider", "-p", "no:terminalreporter"]
# Other plugins of the environment would be measured along with ours.
ALONE = ["--disable-plugin-autoload"]

SUITES = {
    "without the plugin": ("def test_{n}(): pass", []),
    "unwatched": ("def test_{n}(): pass", ["-p", "lc_callbacks"]),
    "unwatched, with a fixture": (
        "@pytest.fixture\ndef f{n}(): pass\ndef test_{n}(f{n}): pass",
        ["-p", "lc_callbacks"],
    ),
    "the same without the plugin": ("@pytest.fixture\ndef f{n}(): pass\ndef test_{n}(f{n}): pass", []),
    "watched by the marker": ("@pytest.mark.lc_callbacks\ndef test_{n}(): pass", ["-p", "lc_callbacks"]),
    "watched, unfinished_run off": (
        "@pytest.mark.lc_callbacks(unfinished_run='off')\ndef test_{n}(): pass",
        ["-p", "lc_callbacks"],
    ),
    "with a recording handler": ("def test_{n}(recording_handler): pass", ["-p", "lc_callbacks"]),
}


def main() -> None:
    """The time of a whole run of pytest, divided by its tests."""
    # Imported once, and before the first run: that is no cost of a test.
    import pytest_lc_callbacks._watching.outcome  # noqa: F401

    with TemporaryDirectory() as folder:
        ways = {
            name: _suite(Path(folder, f"test_{number}.py"), test, options)
            for number, (name, (test, options)) in enumerate(SUITES.items())
        }
        compare(f"{TESTS:,} tests that run nothing, per test", ways, baseline="without the plugin", per=TESTS, rounds=5)


def _suite(path: Path, test: str, options: list[str]) -> Callable[[], Callable[[], object]]:
    path.write_text("import pytest\n" + "\n".join(test.format(n=n) for n in range(TESTS)), encoding="utf-8")
    arguments = [*QUIET, *ALONE, *options, str(path)]

    def run() -> None:
        with redirect_stdout(io.StringIO()):
            code = pytest.main(arguments)
        assert code == pytest.ExitCode.OK, f"pytest ended with {code}"

    return lambda: run
