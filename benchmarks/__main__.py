"""Run the benchmarks that are named, or all: `python -m benchmarks [--list] [NAME ...]`."""

from __future__ import annotations

import argparse
import platform
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

# A benchmark is a module of this folder with a function `main() -> None`.
NAMES = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith("_"))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(NAMES)}")
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")

    print(f"Python {platform.python_version()}, langchain-core {version('langchain-core')}")
    for name in options.names or NAMES:
        module = import_module(f"benchmarks.{name}")
        print(f"\n# {name}: {(module.__doc__ or '').strip().splitlines()[0]}")
        if not options.list:
            module.main()


if __name__ == "__main__":
    main()
