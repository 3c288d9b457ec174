"""What ``python -m pytest_lc_callbacks`` does; loads neither pytest nor LangChain."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from pytest_lc_callbacks._report.commands import add_commands
from pytest_lc_callbacks._words import did_you_mean


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pytest_lc_callbacks", description="Commands that go with the pytest plugin."
    )
    # Each command says with `run` what it does: a function from its parsed options to an exit status.
    parser.set_defaults(run=lambda options: _print(parser.format_help()))
    commands = parser.add_subparsers(title="commands", metavar="")
    _add_explain(commands)
    add_commands(commands)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


def paragraphs(page: str) -> dict[str, str]:
    """The text under each ``## name`` of *page*, without the comments that a reader does not see."""
    sections = re.split(r"^## ", re.sub(r"^<!--.*-->\n", "", page, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
    split = (section.partition("\n") for section in sections)
    return {name.strip(): text.strip() for name, _, text in split}


def read_causes() -> str:
    """The guide's page about causes, which a wheel ships in the package and a checkout has in ``docs/`` beside it."""
    shipped = files("pytest_lc_callbacks") / "causes.md"
    source = shipped if shipped.is_file() else Path(__file__).parents[1] / "docs" / "causes.md"
    return source.read_text(encoding="utf-8")


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    does = "say what LangChain does, what shows it, and what to do about it"
    command = commands.add_parser("explain", help=does, description=f"explain: {does}.")
    command.add_argument(
        "name", nargs="?", help="what stands in brackets at the end of a hint; without it, all names are listed"
    )
    command.set_defaults(run=lambda options: _explain(options.name, command))


def _explain(name: str | None, command: argparse.ArgumentParser) -> int:
    known = paragraphs(read_causes())
    if name is None:
        width = max(map(len, known))
        return _print("\n".join(f"{each:{width}}  {text.splitlines()[0]}" for each, text in known.items()))
    # Hints write it in brackets, and that is what people copy.
    text = known.get(name.strip("[]"))
    if text is None:
        near = did_you_mean(name, known, limit=3)
        command.error(f"expected the name of a cause, but {name!r} is none{near}; without a name, all are listed")
    return _print(f"{name.strip('[]')}\n\n{text}")


def _print(text: str) -> int:
    """Write *text*; a character that standard output cannot encode becomes a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "replace").decode(encoding), flush=True)
    except BrokenPipeError:
        # The reader has seen enough, as in `| head`. Python flushes once more at its end, which must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
