"""The commands that read JSON Lines: report, diff and otlp."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from pytest_lc_callbacks._report.lines import Line, open_for_writing, read_lines

Commands = Any
"""What `argparse` gives for adding commands; it has no public type."""


class UnusableError(Exception):
    """Input that cannot be used, or output that cannot be written, in words for the user."""


def add_commands(commands: Commands) -> None:
    """Add the commands to a command line; each sets ``run``, from its options to an exit status."""
    _add_report(commands)
    _add_diff(commands)
    _add_otlp(commands)


def missing_extra() -> str | None:
    """What to install before a page can be written; None if it is there."""
    if find_spec("jinja2") is not None:
        return None
    return 'the page needs jinja2; install it with: pip install "pytest-lc-callbacks[report]"'


def _add_report(commands: Commands) -> None:
    does = "make a page of what --lc-callbacks-json wrote; several files become one page"
    command = _command(commands, "report", does, _report)
    command.add_argument("files", nargs="+", metavar="JSONL", help="what --lc-callbacks-json wrote")
    command.add_argument("-o", "--output", required=True, metavar="PATH", help="the page")
    command.add_argument(
        "--against", action="append", metavar="JSONL", help="an earlier run: show what changed since it"
    )


def _add_diff(commands: Commands) -> None:
    from pytest_lc_callbacks._report.compare import DEFAULT_RULES, RULES

    does = "say what changed between two runs of a suite; exit status 0, 1 if something is worse, 2 if unusable"
    command = _command(commands, "diff", does, _diff)
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.epilog = "\n".join(["rules of --fail-on:", *(f"  {name:10} {says}" for name, says in RULES.items())])
    command.add_argument("before", metavar="BEFORE", help="the earlier run; several files with a comma between them")
    command.add_argument("after", metavar="AFTER", help="the later run; likewise")
    command.add_argument("--markdown", action="store_true", help="write Markdown")
    command.add_argument(
        "--fail-on", default=DEFAULT_RULES, metavar="RULES", help="what counts as worse; %(default)s unless given"
    )
    command.add_argument(
        "--slower",
        type=float,
        metavar="FACTOR",
        help="tell of tests whose runs take so many times as long; else it is noise",
    )


def _add_otlp(commands: Commands) -> None:
    does = "write the runs as OpenTelemetry spans in JSON, a trace for each test"
    command = _command(commands, "otlp", does, _otlp)
    command.add_argument("files", nargs="+", metavar="JSONL", help="what --lc-callbacks-json wrote")
    command.add_argument("-o", "--output", required=True, metavar="PATH", help="the spans, a line for each test")


def _command(commands: Commands, name: str, does: str, run: Callable[..., int]) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=does, description=f"{name}: {does}.")

    def guarded(options: argparse.Namespace) -> int:
        try:
            return run(options)
        except UnusableError as error:
            _complain(str(error))
            return 2

    command.set_defaults(run=guarded)
    return command


def _report(options: argparse.Namespace) -> int:
    if problem := missing_extra():
        raise UnusableError(problem)
    from pytest_lc_callbacks._report.page import write_page

    changes = None
    if options.against:
        from pytest_lc_callbacks._report.compare import DEFAULT_RULES, Rules, compare

        rules = Rules.read(DEFAULT_RULES)
        changes = compare(_read(options.against), _read(options.files), rules).as_page()
    lines = _read(options.files)
    first = next(lines)
    with _open(options.output) as file:
        write_page(file, _chained(first, lines), changes)
    return 0


def _diff(options: argparse.Namespace) -> int:
    from pytest_lc_callbacks._report.compare import Rules, compare

    try:
        rules = Rules.read(options.fail_on)
    except ValueError as error:
        raise UnusableError(str(error)) from None
    before, after = (_read(paths.split(",")) for paths in (options.before, options.after))
    comparison = compare(before, after, rules, slower=options.slower)
    _print(comparison.text(markdown=options.markdown))
    return 1 if comparison.is_worse else 0


def _otlp(options: argparse.Namespace) -> int:
    from pytest_lc_callbacks._report.otlp import write_spans

    lines = _read(options.files)
    first = next(lines)
    with _open(options.output) as file:
        write_spans(file, _chained(first, lines))
    return 0


def _read(paths: Sequence[str]) -> Iterator[Line]:
    """The usable lines of files; at least one, or nothing here can be used."""
    found = 0
    try:
        for line in read_lines(paths, _complain):
            found += 1
            yield line
    except OSError as error:
        raise UnusableError(f"{error.filename}: cannot be read: {error.strerror}") from None
    if not found:
        raise UnusableError(f"{', '.join(paths)}: no line that --lc-callbacks-json wrote")


def _chained(first: Line, rest: Iterator[Line]) -> Iterator[Line]:
    yield first
    yield from rest


def _open(path: str) -> IO[str]:
    try:
        return open_for_writing(Path(path))
    except OSError as error:
        raise UnusableError(f"{path}: cannot be written: {error.strerror}") from None


def _complain(text: str) -> None:
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(f"{text}\n".encode(encoding, "replace").decode(encoding))


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()
